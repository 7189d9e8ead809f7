package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"swab/ngram"
	"swab/ngram/overlap"
	"swab/pipeline/ledger"
	"swab/pipeline/report"
	"swab/pipeline/review"
	"swab/pipeline/variant"
)

// publish merges the shard results and writes the audit directory.
func (s *scan) publish(ctx context.Context) (*Summary, error) {
	sum := &Summary{Audit: s.audit()}
	if sum.Audit.Totals.Documents == 0 {
		err := ErrNoDocuments
		for _, e := range sum.Audit.Shards {
			if e.Error != "" {
				err = fmt.Errorf("%w; %s", err, e.Error)
			}
			for _, bad := range e.FirstBad[:min(1, len(e.FirstBad))] {
				err = fmt.Errorf("%w; %s: row %d: %s %s", err, e.Name, bad.Row, bad.Kind, bad.Detail)
			}
		}
		return nil, err
	}
	var keys []string
	for _, d := range s.done {
		if d.entry.Error == "" {
			keys = append(keys, d.key)
		}
		if d.kept {
			sum.Resumed++
		}
	}
	for _, b := range s.set.benches {
		if b.Guessed {
			sum.Notices = append(sum.Notices, fmt.Sprintf("%s: read as %s, a guess from its fields (%s); --preset or --fields says otherwise", b.Name, b.Preset, b.Mapping))
		}
		for _, f := range b.Skipped {
			sum.Notices = append(sum.Notices, fmt.Sprintf("%s: %s: not read: %s", b.Name, f.Path, f.Why))
		}
		names, more, err := b.DuplicateIDs(ctx, 3)
		if err != nil {
			return nil, err
		}
		if more > 0 {
			sum.Notices = append(sum.Notices, fmt.Sprintf("%s: %d items have the id of an item before them: %s; the index tells them apart", b.Name, more, strings.Join(names, ", ")))
		}
		for _, w := range b.Warnings {
			sum.Notices = append(sum.Notices, b.Name+": "+w)
		}
	}
	sum.Variants = s.filter == nil && (sum.Audit.Complete || s.AllowIncomplete)
	err := s.dir.Publish(keys, func(root string) error {
		p := &publication{scan: s, root: root, sum: sum}
		return p.write(ctx)
	})
	return sum, err
}

func (s *scan) audit() *ledger.Audit {
	a := &ledger.Audit{
		Swab: s.Version, Recipe: s.set.index.Recipe(), TextField: s.TextField, IDField: s.IDField, TextUnit: s.TextUnit,
		Limits: map[string]int64{"max_row": int64(s.MaxRow), "max_window": s.Limits.Window, "max_ratio": s.Limits.Ratio, "max_bad_rows": s.MaxBadRows},
	}
	for _, m := range s.Methods {
		params := map[string]any{"parts": m.Parts.Names()}
		if m.Threshold > 0 {
			params["threshold"] = m.Threshold
		}
		n := map[string]int{}
		for i, b := range s.set.benches {
			for _, r := range s.set.rules[i] {
				if r.Name == m.Name {
					n[b.Name] = r.N
				}
			}
		}
		params["n"] = n
		a.Methods = append(a.Methods, ledger.Method{Name: m.Name, Version: m.Version, Params: params})
	}
	for i, b := range s.set.benches {
		e := ledger.Benchmark{Name: b.Name, Preset: b.Preset, Mapping: b.Mapping, Items: int64(s.set.size(i)), Warnings: b.Warnings}
		for _, f := range b.Files {
			e.Files = append(e.Files, ledger.BenchmarkFile{Path: f.Path, Split: f.Split, Digest: f.Digest, Items: int64(f.Items)})
		}
		a.Benchmarks = append(a.Benchmarks, e)
	}
	a.Shards = slices.Clone(s.known)
	for _, d := range s.done {
		a.Shards = append(a.Shards, d.entry)
	}
	slices.SortFunc(a.Shards, func(a, b ledger.Entry) int { return cmp.Compare(a.Name, b.Name) })
	a.Totals = ledger.Sum(a.Shards)
	skipped := int64(0)
	for _, n := range a.Totals.Skipped {
		skipped += n
	}
	a.Complete = a.Totals.ShardsFailed == 0 && skipped == 0
	return a
}

// size is the number of items of benchmark i.
func (set *benchSet) size(i int) int {
	if i+1 < len(set.first) {
		return set.first[i+1] - set.first[i]
	}
	return set.items.Len() - set.first[i]
}

// publication writes one audit directory.
type publication struct {
	*scan
	root    string
	sum     *Summary
	out     *report.Writer
	words   *ngram.Scanner
	flagged [][]uint64   // by method: a bit for each item
	hits    []report.Hit // of flagged items, those that may be shown
	marks   review.Marks // that clean variants follow
}

// shownHits is how many pieces of evidence the terminal shows, chosen from the
// hitPool strongest.
const (
	shownHits = 3
	hitPool   = 256
)

func (p *publication) write(ctx context.Context) error {
	temp, err := os.MkdirTemp(p.root, "merge")
	if err != nil {
		return err
	}
	var paths []string
	for _, d := range p.done {
		if d.entry.Error == "" {
			path, ok := p.dir.Get(d.key)
			if !ok {
				return fmt.Errorf("the result of shard %s is gone", d.entry.Name)
			}
			paths = append(paths, path)
		}
	}
	single := p.set.index.Recipe()
	single.N = 1
	if p.words, err = single.NewScanner(); err != nil {
		return err
	}
	for range p.Methods {
		p.flagged = append(p.flagged, make([]uint64, p.set.items.Len()/64+1))
	}
	if err := p.loadMarks(); err != nil {
		return err
	}
	if p.out, err = report.Create(p.root, p.filter != nil); err != nil {
		return err
	}
	covers := mergeResults(paths, temp, p.set.items)
	if p.filter != nil {
		covers = p.filter.covers()
	}
	if err = p.verdicts(ctx, covers); err != nil {
		p.out.Close()
		return err
	}
	if err := p.out.Close(); err != nil {
		return err
	}
	if err := os.RemoveAll(temp); err != nil {
		return err
	}
	p.sum.Hits = p.strongest()
	if p.sum.Variants {
		if err := p.divide(ctx); err != nil {
			return err
		}
	}
	f, err := os.Create(filepath.Join(p.root, ledger.AuditFile))
	if err != nil {
		return err
	}
	defer f.Close()
	if err := ledger.WriteAudit(f, p.sum.Audit); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return p.page(ctx)
}

// verdicts reads every benchmark again, item by item beside the merged covers, and
// writes what each rule says and the evidence.
func (p *publication) verdicts(ctx context.Context, covers iter.Seq2[mergedItem, error]) error {
	next, stop := iter.Pull2(covers)
	defer stop()
	seen, err, more := next()
	for number, b := range p.set.benches {
		rules := p.set.rules[number]
		rows := make([]report.Row, len(rules))
		count := 0
		for it, bad := range b.Items(ctx) {
			if bad != nil {
				return bad
			}
			if count++; count > p.set.size(number) {
				break
			}
			if err != nil {
				return err
			}
			ordinal := p.set.first[number] + it.Ordinal
			var cover *overlap.Cover
			if more && seen.item == ordinal {
				cover = seen.cover
				seen, err, more = next()
			}
			if err := p.item(b, ordinal, it, rules, cover, rows); err != nil {
				return err
			}
		}
		if count != p.set.size(number) {
			return fmt.Errorf("benchmark %s: it changed while it was checked", b.Name)
		}
		p.sum.Rows = append(p.sum.Rows, rows...)
	}
	return err
}

func (p *publication) item(b *variant.Benchmark, ordinal int, it *variant.Item, rules []overlap.Rule, cover *overlap.Cover, rows []report.Row) error {
	layout := p.set.items.Layout(ordinal)
	flaggedBy := ""
	for k, r := range rules {
		var tally *overlap.Tally
		if cover != nil {
			tally = &cover.Tallies[k]
		}
		v := r.Judge(layout, tally)
		rows[k].Benchmark, rows[k].Method = b.Name, r.Name
		rows[k].Items++
		line := report.Verdict{
			Method: r.Name, Benchmark: b.Name, Split: it.Split, Item: it.ID, Index: int64(it.Index), Digest: it.Digest,
			State: report.State(v.State), Longest: int64(v.Longest), Words: int64(v.Words), Matched: int64(v.Matched),
			Documents: v.Documents, Parts: v.Parts.Names(),
		}
		switch v.State {
		case overlap.NotCheckable:
			rows[k].NotCheckable++
		case overlap.Flagged:
			rows[k].Flagged++
			p.flagged[k][ordinal/64] |= 1 << (ordinal % 64)
			flaggedBy = cmp.Or(flaggedBy, r.Name)
			line.Score = &v.Score
		default:
			rows[k].Clean++
			line.Score = &v.Score
		}
		if p.filter != nil {
			p.filter.suspect(ordinal, r, &line)
		}
		if err := p.out.Verdict(&line); err != nil {
			return err
		}
	}
	if cover == nil {
		return nil
	}
	return p.evidence(b, ordinal, it, cover, flaggedBy)
}

// evidence writes the quotes of an item's strongest documents.
func (p *publication) evidence(b *variant.Benchmark, ordinal int, it *variant.Item, cover *overlap.Cover, flaggedBy string) error {
	var spans [overlap.NumParts][]ngram.Span
	for part, text := range it.Text {
		for _, span := range p.words.Words([]byte(text)) {
			spans[part] = append(spans[part], span)
		}
	}
	var rows []report.Evidence
	for _, s := range cover.Sightings {
		for _, q := range s.Quotes {
			from, to := spans[q.Part][q.At].Start, spans[q.Part][q.At+q.Words-1].End
			e := report.Evidence{
				Benchmark: b.Name, Split: it.Split, Item: it.ID, Part: q.Part.String(), Shard: s.Shard, Row: s.Row, DocID: s.ID,
				DocStart: q.Start, DocEnd: q.End, ItemStart: int64(from), ItemEnd: int64(to), Words: int64(q.Words),
				DocText: q.Text, DocTextStart: q.TextStart,
			}
			if err := p.out.Evidence(&e); err != nil {
				return err
			}
			rows = append(rows, e)
			if flaggedBy != "" {
				p.show(report.Hit{Evidence: e, ItemText: it.Text[q.Part][from:to], Method: flaggedBy, State: report.Flagged})
			}
		}
	}
	p.follow(ordinal, it.Digest, rows)
	return nil
}

// show keeps a hit if it may be among those shown.
func (p *publication) show(h report.Hit) {
	if p.hits = append(p.hits, h); len(p.hits) == 2*hitPool {
		slices.SortFunc(p.hits, compareHits)
		p.hits = p.hits[:hitPool]
	}
}

// strongest gives the strongest hits, each of another item and another document.
func (p *publication) strongest() (shown []report.Hit) {
	slices.SortFunc(p.hits, compareHits)
	for _, h := range p.hits {
		if len(shown) == shownHits {
			break
		}
		if !slices.ContainsFunc(shown, func(o report.Hit) bool {
			return o.Shard == h.Shard && o.Row == h.Row || o.Benchmark == h.Benchmark && o.Split == h.Split && o.Item == h.Item
		}) {
			shown = append(shown, h)
		}
	}
	return shown
}

// compareHits puts the hit with most words first.
func compareHits(a, b report.Hit) int {
	return cmp.Or(cmp.Compare(b.Words, a.Words), cmp.Compare(a.Benchmark, b.Benchmark), cmp.Compare(a.Split, b.Split), cmp.Compare(a.Item, b.Item),
		cmp.Compare(a.Shard, b.Shard), cmp.Compare(a.Row, b.Row), cmp.Compare(a.DocStart, b.DocStart), cmp.Compare(a.ItemStart, b.ItemStart))
}

// divide writes the clean and removed variants, one pair a method and benchmark.
func (p *publication) divide(ctx context.Context) error {
	for k, m := range p.Methods {
		for i, b := range p.set.benches {
			keep := func(ordinal int) bool {
				at := p.set.first[i] + ordinal
				return p.flagged[k][at/64]>>(at%64)&1 == 0
			}
			clean, removed := filepath.Join(p.root, "clean", m.Name, b.Name), filepath.Join(p.root, "removed", m.Name, b.Name)
			if err := b.Divide(ctx, clean, removed, keep); err != nil {
				return err
			}
		}
	}
	return nil
}
