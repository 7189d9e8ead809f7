package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"swab/ngram/item"
	"swab/pipeline/audit"
	"swab/pipeline/benchmark"
	"swab/pipeline/ledger"
	"swab/pipeline/match"
	"swab/pipeline/page"
	"swab/pipeline/report"
)

// publish merges the shard results and writes the audit directory.
func (r *run) publish(ctx context.Context) (*Summary, error) {
	sum := &Summary{Audit: r.about(), Filter: r.filter}
	if sum.Audit.Totals.Documents == 0 {
		return nil, noDocuments(sum.Audit.Shards)
	}
	for _, d := range r.done {
		if d.kept {
			sum.Resumed++
		}
	}
	sum.Notices = append(sum.Notices, r.notes...)
	notes, err := r.benchmarkNotes(ctx)
	if err != nil {
		return nil, err
	}
	sum.Notices = append(sum.Notices, notes...)
	sum.Notices = append(sum.Notices, passedOver(r.set.Benches)...)
	sum.Notices = append(sum.Notices, FoundFields(sum.Audit.Shards)...)
	for _, c := range sum.Audit.Cleaned {
		if c.Audit == "" {
			sum.Notices = append(sum.Notices, fmt.Sprintf("%s: its %s cannot be read", c.Name, ledger.CleanedFile))
			continue
		}
		sum.Notices = append(sum.Notices, fmt.Sprintf(
			"%s: cleaned by swab decontaminate: method %s removed %d of %d documents", c.Name, c.Method, c.Removed, c.Documents))
	}
	if r.dir.Has(audit.ScoresFile) {
		sum.Notices = append(sum.Notices, fmt.Sprintf(
			"the scores in %s belonged to the previous verdicts and are removed; "+
				"swab score --audit DIR --out DIR computes them again", r.o.Out))
	}
	sum.Variants = r.source.flagged() == item.Flagged && (sum.Audit.Complete || r.o.AllowIncomplete)
	var keys []string
	if r.kept != nil {
		if keys, err = r.kept.collect(r.done); err != nil {
			return nil, err
		}
	}
	err = r.dir.Publish(keys, func(root string) error {
		p := &publication{run: r, root: root, sum: sum}
		return p.write(ctx)
	})
	return sum, err
}

// about describes the run: the program, its settings, its methods and its inputs.
func (r *run) about() *audit.Audit {
	a := &audit.Audit{
		Swab: r.o.Version, Recipe: r.set.Recipe(), Seed: r.o.Seed,
		Flag:      slices.Compact(slices.Sorted(slices.Values(r.o.Flag))),
		TextField: r.o.TextField, IDField: r.o.IDField, TextUnit: r.o.TextUnit, Tokens: r.o.Tokens,
		Limits: map[string]int64{
			"max_row": int64(r.o.MaxRow), "max_window": r.o.Limits.Window, "max_ratio": r.o.Limits.Ratio,
			"max_bad_rows": r.o.MaxBadRows,
		},
	}
	if r.o.About != (audit.About{}) {
		a.About = &r.o.About
	}
	for i, m := range r.o.Methods {
		a.Methods = append(a.Methods, audit.Method{Name: m.Name, Version: m.Version, Params: r.set.Params(i)})
	}
	for i, b := range r.set.Benches {
		e := audit.Benchmark{
			Name: b.Name, Preset: b.Preset, Items: int64(r.set.Size(i)), Warnings: b.Warnings,
			MediaNotChecked: int64(b.Media),
		}
		e.Files = describeFiles(b)
		if b.Number < len(r.o.Terms) {
			if t := r.o.Terms[b.Number]; t.Pass != nil || t.Fail != nil || t.FailAbove != nil || len(t.Methods) > 0 {
				e.Terms = &t
			}
		}
		for _, sibling := range r.set.Siblings[i] {
			e.Siblings = append(e.Siblings, describeFiles(sibling)...)
		}
		a.Benchmarks = append(a.Benchmarks, e)
	}
	a.Shards = slices.Grow(r.known, len(r.done))
	for i := range r.done {
		a.Shards = append(a.Shards, r.done[i].entry)
	}
	slices.SortFunc(a.Shards, func(a, b ledger.Entry) int { return cmp.Compare(a.Name, b.Name) })
	a.Totals = ledger.Sum(a.Shards)
	skipped := int64(0)
	for _, n := range a.Totals.Skipped {
		skipped += n
	}
	a.Unread, a.Excluded = r.files.notRead()
	a.Cleaned = cleanedCorpora(a.Shards)
	if r.o.Part[1] > 1 {
		a.Task = fmt.Sprintf("%d/%d", r.o.Part[0], r.o.Part[1])
	}
	a.Complete = !a.Totals.MostlyEmpty() &&
		!slices.ContainsFunc(a.Shards, func(e ledger.Entry) bool { return e.MostlyEmpty() }) &&
		a.Totals.ShardsFailed == 0 && skipped == 0 && len(a.Unread) == 0 && a.Task == ""
	return a
}

// cleanedCorpora returns the cleaned corpora that shards are in.
func cleanedCorpora(shards []ledger.Entry) (list []audit.CleanedCorpus) {
	var names []string
	for _, e := range shards {
		names = append(names, e.Name)
	}
	by := ledger.Cleanings(names)
	for _, dir := range slices.Sorted(maps.Keys(by)) {
		c := audit.CleanedCorpus{Name: dir}
		if r := by[dir]; r != nil {
			c.Audit, c.Method, c.Threshold, c.Documents, c.Removed = r.Audit, r.Method, r.Threshold, r.Documents, r.Removed
		}
		list = append(list, c)
	}
	return list
}

// describeFiles returns a benchmark's files as the audit lists them.
func describeFiles(b *benchmark.Benchmark) (files []audit.BenchmarkFile) {
	for _, f := range b.Files {
		files = append(files, audit.BenchmarkFile{
			Path: f.Path, Split: f.Split, Digest: f.Digest, Items: int64(f.Items), Reading: f.Reading,
		})
	}
	return files
}

// publication writes one audit directory.
type publication struct {
	run      *run
	root     string
	sum      *Summary
	out      *audit.Writer
	flagged  [][]uint64   // by method: a bit for each item
	checked  [][]uint64   // by method: a bit for each item that it could check
	hits     []report.Hit // of flagged items, candidates for the summary
	hitsFrom int          // the first of them of the present benchmark
	marks    audit.Marks  // marks of reviewers that clean variants follow
	changes  *changes     // against the audit that is replaced, or nil

	sources *sources // of translated items

	questions audit.Questioner
}

// shownHits is the number of pieces of evidence in the summary, chosen from the hitPool
// strongest.
const (
	shownHits = 3
	hitPool   = 64
)

func (p *publication) write(ctx context.Context) error {
	temp, err := os.MkdirTemp(p.root, "merge")
	if err != nil {
		return err
	}
	var from [][]match.Section
	if p.run.merged != nil {
		from = p.run.merged
	} else if p.run.kept != nil {
		from = p.run.kept.sections(p.run.done)
	}
	for range p.run.o.Methods {
		p.flagged = append(p.flagged, make([]uint64, p.run.set.Len()/64+1))
		p.checked = append(p.checked, make([]uint64, p.run.set.Len()/64+1))
	}
	if err := p.loadMarks(); err != nil {
		return err
	}
	if p.out, err = audit.Create(p.root, p.run.source.flagged() == item.Suspected); err != nil {
		return err
	}
	open := func() (*match.Results, error) {
		return p.run.source.results(from, shardNames(p.sum.Audit.Shards), temp)
	}
	results, err := open()
	if err != nil {
		p.out.Close()
		return err
	}
	p.run.merged = nil
	p.recordCalibration()
	if p.sources, err = readTranslations(ctx, p.run.set, p.run.o.TranslatedFrom, p.run.o.Flag); err == nil {
		err = p.sources.judge(ctx, open)
	}
	if err != nil {
		p.out.Close()
		return errors.Join(err, results.Close())
	}
	if err := errors.Join(p.compareEarlier(ctx, results), results.Close()); err != nil {
		p.out.Close()
		return err
	}
	if err := p.out.Close(); err != nil {
		return err
	}
	if err := os.RemoveAll(temp); err != nil {
		return err
	}
	if err := p.compare(); err != nil {
		return err
	}
	p.judgeTerms()
	p.sum.Hits = p.strongestHits()
	if p.sum.Variants {
		if err := p.divide(ctx); err != nil {
			return err
		}
	}
	if err := audit.Seal(p.root, p.sum.Audit); err != nil {
		return err
	}
	return p.page(ctx)
}

// shardNames returns the names of shards.
func shardNames(shards []ledger.Entry) (names []string) {
	for _, e := range shards {
		names = append(names, e.Name)
	}
	return names
}

// judgeTerms notes which benchmarks keep their terms.
func (p *publication) judgeTerms() {
	n := len(p.run.o.Methods)
	for i := range p.sum.Audit.Benchmarks {
		if t := p.sum.Audit.Benchmarks[i].Terms; t != nil {
			t.Judge(p.sum.Rows[i*n : (i+1)*n])
		}
	}
}

// recordCalibration writes into the audit the parameters that methods fit to all results, and
// how often they flag decoys.
func (p *publication) recordCalibration() {
	for i, m := range p.run.o.Methods {
		p.sum.Audit.Methods[i].Params = p.run.set.Params(i)
		for number, d := range p.run.set.Decoys(i) {
			p.sum.Audit.Decoys = append(p.sum.Audit.Decoys, audit.Decoys{
				Method: m.Name, Benchmark: p.run.set.Benches[number].Name,
				Items: int64(d.Looked), Flagged: int64(d.Flagged),
			})
		}
	}
}

// compareEarlier writes the verdicts, and counts those that are other than in the audit that
// the run replaces.
func (p *publication) compareEarlier(ctx context.Context, results *match.Results) error {
	var unread, failed error
	p.changes, unread = openChanges(ctx, p.run.o.Out, p.sum.Audit)
	err := p.verdicts(ctx, results)
	p.sum.Compared = p.changes != nil
	p.sum.Changed, failed = p.changes.close()
	if failed = errors.Join(unread, failed); failed != nil {
		p.sum.Compared = false
		p.sum.Notices = append(p.sum.Notices,
			fmt.Sprintf("changed verdicts are not counted: the earlier audit cannot be read: %v", failed))
	}
	return err
}

// verdicts reads every benchmark again, item by item beside the merged results, and writes
// the methods' verdicts and the evidence.
func (p *publication) verdicts(ctx context.Context, results *match.Results) error {
	var found []match.Found
	for number, b := range p.run.set.Benches {
		rows := make([]audit.Row, len(p.run.o.Methods))
		count := 0
		for it, bad := range b.Items(ctx) {
			if bad != nil {
				return bad
			}
			if count++; count > p.run.set.Size(number) {
				break
			}
			ordinal := p.run.set.First(number) + it.Ordinal
			var err error
			if found, err = results.Item(found[:0], ordinal, it); err != nil {
				return err
			}
			if err := p.item(b, ordinal, it, found, rows); err != nil {
				return err
			}
		}
		if count != p.run.set.Size(number) {
			return fmt.Errorf("benchmark %s: it changed during the run", b.Name)
		}
		p.sum.Rows = append(p.sum.Rows, rows...)
	}
	return nil
}

// item writes the verdicts on an item and its evidence, and adds them to rows, which has a
// row for each method.
func (p *publication) item(
	b *benchmark.Benchmark, ordinal int, it *benchmark.Item, found []match.Found, rows []audit.Row,
) error {
	first := len(found)    // the first matcher with a method that flags
	var flaggedBy []string // the names of all such methods
	var review *audit.Row  // of the method that finds the item for review
	houseClean := false
	p.changes.advance(b.Name, it.Split, int64(it.Index))
	question := p.questions.Question(&it.Text).String()
	for i, m := range p.run.o.Methods {
		matcher, k := p.run.set.Place(i)
		v := found[matcher].Judge(k)
		v.Kind = p.sources.kindOf(i, ordinal, v.State, v.Kind)
		if v.State == item.Clean && slices.Contains(p.run.o.Flag, v.Kind) {
			v.State = item.Flagged
		}
		rows[i].Benchmark, rows[i].Method, rows[i].Review = b.Name, m.Name, p.onlyReviews(i)
		rows[i].Items++
		rows[i].Grams[0] += int64(v.Grams[0])
		rows[i].Grams[1] += int64(v.Grams[1])
		line := audit.Verdict{
			Method: m.Name, Benchmark: b.Name, Split: it.Split, Item: it.ID, Index: int64(it.Index), Digest: it.Digest,
			Question: question, State: v.State, Longest: int64(v.Longest), Words: int64(v.Words), Matched: int64(v.Matched),
			Documents: v.Documents, Parts: v.Parts.Names(), Seen: string(v.Seen), Kind: v.Kind, Template: v.Template,
			Details: v.Details,
		}
		switch v.State {
		case item.NotCheckable:
			rows[i].NotCheckable++
		case item.Flagged:
			rows[i].Flagged++
			p.flagged[i][ordinal/64] |= 1 << (ordinal % 64)
			first = min(first, matcher)
			flaggedBy = append(flaggedBy, m.Name)
			line.Score = &v.Score
		default:
			rows[i].Clean++
			line.Score = &v.Score
			houseClean = houseClean || m.Name == audit.House
		}
		if rows[i].Review && v.Kind == audit.Reworded {
			review = &rows[i]
		}
		if v.Kind != "" {
			p.sum.countKind(m.Name, line.State, v.Kind)
		}
		if v.State != item.NotCheckable {
			p.checked[i][ordinal/64] |= 1 << (ordinal % 64)
		}
		p.run.source.complete(ordinal, i, &line)
		p.changes.compare(&line)
		if err := p.out.Verdict(&line); err != nil {
			return err
		}
	}
	if review != nil {
		review.ToReview++
		if len(flaggedBy) > 0 {
			review.Known++
		}
	}
	if len(flaggedBy) > 3 {
		flaggedBy = append(flaggedBy[:2], fmt.Sprintf("%d more methods", len(flaggedBy)-2))
	}
	// If several matchers flag the item, the first shows its evidence in the summary; an item
	// that the default method calls clean is no example.
	var evidence []audit.Evidence
	for k, f := range found {
		list := f.Evidence()
		if k == first && !houseClean {
			for _, h := range f.Hits(list) {
				h.Benchmark, h.Split, h.Item, h.Method, h.State = b.Name, it.Split, it.ID,
					strings.Join(flaggedBy, ", "), item.Flagged
				p.offerHit(h)
			}
		}
		for i := range list {
			e := &list[i]
			e.Benchmark, e.Split, e.Item, e.Index = b.Name, it.Split, it.ID, int64(it.Index)
			if err := p.out.Evidence(e); err != nil {
				return err
			}
		}
		evidence = append(evidence, list...)
	}
	p.followMark(ordinal, it.Digest, evidence)
	return nil
}

// onlyReviews reports whether what method number i finds is for review alone.
func (p *publication) onlyReviews(i int) bool {
	return audit.OnlyReviews(p.run.o.Methods[i].Name, p.run.o.Flag)
}

// countKind adds a verdict to s.Kinds.
func (s *Summary) countKind(method string, state audit.State, kind string) {
	if s.Kinds == nil {
		s.Kinds = map[string]map[audit.State]map[string]int64{}
	}
	if s.Kinds[method] == nil {
		s.Kinds[method] = map[audit.State]map[string]int64{}
	}
	if s.Kinds[method][state] == nil {
		s.Kinds[method][state] = map[string]int64{}
	}
	s.Kinds[method][state][kind]++
}

// compare writes the tables of methods and of the agreement between each two of them.
func (p *publication) compare() error {
	var pairs []audit.Agreement
	for number, b := range p.run.set.Benches {
		from := p.run.set.First(number)
		for i, m := range p.run.o.Methods {
			for k := i + 1; k < len(p.run.o.Methods); k++ {
				if p.onlyReviews(i) || p.onlyReviews(k) {
					continue
				}
				a := audit.Agreement{Benchmark: b.Name, Method: m.Name, Other: p.run.o.Methods[k].Name}
				for item := from; item < from+p.run.set.Size(number); item++ {
					in := func(set [][]uint64, method int) bool { return set[method][item/64]>>(item%64)&1 == 1 }
					switch mine, other := in(p.flagged, i), in(p.flagged, k); {
					case !in(p.checked, i) || !in(p.checked, k):
						a.NotCheckable++
					case mine && other:
						a.Both++
					case mine:
						a.Only++
					case other:
						a.OnlyOther++
					default:
						a.Neither++
					}
				}
				pairs = append(pairs, a)
			}
		}
	}
	write := func(name string, rows func(io.Writer) error) error {
		f, err := os.Create(filepath.Join(p.root, name))
		if err != nil {
			return err
		}
		return errors.Join(rows(f), f.Close())
	}
	return errors.Join(
		write(audit.MethodsFile, func(w io.Writer) error {
			return audit.WriteMethods(w, p.run.source.flagged(), p.sum.Rows)
		}),
		write(audit.AgreementFile, func(w io.Writer) error { return audit.WriteAgreement(w, pairs) }))
}

// sameNotes is the largest number of notes of one kind, each on a benchmark.
const sameNotes = 2

// benchmarkNotes describes what a user should know of the benchmarks. Of a kind beyond sameNotes
// it names the benchmarks in one line: what is said of each is in audit.json.
func (r *run) benchmarkNotes(ctx context.Context) (list []string, err error) {
	benches := map[string][]string{} // by kind
	var kinds []string
	add := func(kind, bench, text string) {
		if len(benches[kind]) == 0 {
			kinds = append(kinds, kind)
		}
		if benches[kind] = append(benches[kind], bench); len(benches[kind]) <= sameNotes {
			list = append(list, bench+": "+text)
		}
	}
	for i, b := range r.set.Benches {
		if b.Guessed {
			left := ""
			if len(b.Unread) > 0 {
				left = ", which leaves out " + strings.Join(b.Unread, ", ")
			}
			add("a guess", b.Name, fmt.Sprintf("read as %s, a guess from its fields (%s)%s; "+
				"choose another reading with --preset or --fields", b.Preset, b.Mapping, left))
		}
		names, more, err := r.set.DuplicateIDs(ctx, i, 3)
		if err != nil {
			return nil, err
		}
		if more > 0 {
			add("repeated ids", b.Name, fmt.Sprintf("%d items have the id of an earlier item: %s; "+
				"their index in the file distinguishes them", more, strings.Join(names, ", ")))
		}
		for _, w := range b.Warnings {
			kind, _, _ := strings.Cut(w, ":")
			add(kind, b.Name, w)
		}
	}
	for _, kind := range kinds {
		if n := len(benches[kind]) - sameNotes; n > 0 {
			more := benches[kind][sameNotes:]
			list = append(list, fmt.Sprintf("%s in %s: %s", kind, report.Count(int64(n), "more benchmark"), shorter(more)))
		}
	}
	return list, nil
}

// passedOver describes the files of benchmarks that were not read, a line for each reason.
func passedOver(benches []*benchmark.Benchmark) (list []string) {
	type group struct {
		names, benches []string
		files          int
	}
	groups := map[string]*group{}
	var order []string
	for _, b := range benches {
		for _, f := range b.Skipped {
			g := groups[f.Why]
			if g == nil {
				g = new(group)
				groups[f.Why] = g
				order = append(order, f.Why)
			}
			g.files++
			if name := filepath.Base(f.Path); !slices.Contains(g.names, name) {
				g.names = append(g.names, name)
			}
			if !slices.Contains(g.benches, b.Name) {
				g.benches = append(g.benches, b.Name)
			}
		}
	}
	for _, why := range order {
		g := groups[why]
		names := shorter(g.names)
		of := g.benches[0]
		if n := len(g.benches); n > 1 {
			of = fmt.Sprintf("%d benchmarks", n)
		}
		list = append(list, fmt.Sprintf("%s not read in %s: %s (%s)", report.Count(int64(g.files), "file"), of, names, why))
	}
	return list
}

// shorter joins the first names of a list.
func shorter(names []string) string {
	const most = 4
	text := strings.Join(names[:min(len(names), most)], ", ")
	if more := len(names) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// offerHit keeps a hit if it may be among the strongest of its benchmark.
func (p *publication) offerHit(h report.Hit) {
	if n := len(p.hits); n > 0 && p.hits[n-1].Benchmark != h.Benchmark {
		p.hitsFrom = n
	}
	p.hits = append(p.hits, h)
	if own := p.hits[p.hitsFrom:]; len(own) == 2*hitPool {
		slices.SortFunc(own, compareHits)
		p.hits = p.hits[:p.hitsFrom+hitPool]
	}
}

// strongestHits returns the strongest hits that differ: of as many benchmarks as there are, then
// of as many splits, and no two of the same item or the same document.
func (p *publication) strongestHits() (shown []report.Hit) {
	slices.SortFunc(p.hits, compareHits)
	for _, alike := range []func(a, b *report.Hit) bool{
		func(a, b *report.Hit) bool { return a.Benchmark == b.Benchmark },
		func(a, b *report.Hit) bool { return a.Benchmark == b.Benchmark && a.Split == b.Split },
		func(a, b *report.Hit) bool {
			return a.Benchmark == b.Benchmark && a.Split == b.Split && a.Item == b.Item
		},
	} {
		for i := range p.hits {
			h := &p.hits[i]
			if len(shown) == shownHits {
				return shown
			}
			if !slices.ContainsFunc(shown, func(o report.Hit) bool {
				return o.Shard == h.Shard && o.Row == h.Row || alike(&o, h)
			}) {
				shown = append(shown, *h)
			}
		}
	}
	return shown
}

// compareHits orders hits by their number of words, the largest first; six characters count as
// a word.
func compareHits(a, b report.Hit) int {
	words := func(h report.Hit) int64 {
		switch {
		case h.Norm == "chars" || h.Norm == "raw":
			return h.Words / 6
		case 0 < h.Share && h.Share < 0.5: // what may be a text about the same matter goes last
			return 0
		case h.Share > 0: // an item that is there whole goes before a longer one in parts
			return int64(float64(h.Words) * h.Share * h.Share)
		}
		return h.Words
	}
	return cmp.Or(cmp.Compare(words(b), words(a)),
		cmp.Compare(a.Benchmark, b.Benchmark), cmp.Compare(a.Split, b.Split), cmp.Compare(a.Item, b.Item),
		cmp.Compare(a.Shard, b.Shard), cmp.Compare(a.Row, b.Row),
		cmp.Compare(a.DocStart, b.DocStart), cmp.Compare(a.ItemStart, b.ItemStart))
}

// divide writes the clean and removed variants, a pair for each method and benchmark. A
// method for which some items are clean by a corpus filter alone has no variants, nor has one that
// finds items for review: where it is asked to flag them, they are in no clean variant.
func (p *publication) divide(ctx context.Context) error {
	reviewed := make([]uint64, p.run.set.Len()/64+1) // items that a method for review flags
	for k, m := range p.run.o.Methods {
		if m.Review {
			reviewed = p.flagged[k]
		}
	}
	for i, b := range p.run.set.Benches {
		d := b.Divider() // variants of methods that agree are copies
		for k, m := range p.run.o.Methods {
			if p.sum.ByFilter(m.Name) > 0 || m.Review {
				continue
			}
			keep := func(ordinal int) bool {
				at := p.run.set.First(i) + ordinal
				return (p.flagged[k][at/64]|reviewed[at/64])>>(at%64)&1 == 0
			}
			clean := filepath.Join(p.root, audit.CleanDir, m.Name, b.Name)
			removed := filepath.Join(p.root, audit.RemovedDir, m.Name, b.Name)
			if err := d.Divide(ctx, clean, removed, keep); err != nil {
				return err
			}
		}
	}
	return nil
}

// loadMarks reads the marks that clean variants are to follow.
func (p *publication) loadMarks() (err error) {
	if !p.run.o.Reviewed {
		return nil
	}
	if p.marks, err = audit.LoadMarks(p.root); err == nil && len(p.marks) == 0 {
		p.sum.Notices = append(p.sum.Notices,
			"no item has a review mark, so the clean variants follow the methods; swab review sets marks")
	}
	return err
}

// followMark replaces the methods' decision on an item by the reviewer's mark, if there is
// one, for the clean variants. The verdicts stay.
func (p *publication) followMark(ordinal int, digest string, rows []audit.Evidence) {
	state := p.marks.Find(digest, rows).Mark.State()
	if state == item.Missing {
		return
	}
	p.sum.Audit.Reviewed++
	for k := range p.flagged {
		bit := uint64(1) << (ordinal % 64)
		p.flagged[k][ordinal/64] &^= bit
		if state == item.Flagged {
			p.flagged[k][ordinal/64] |= bit
		}
	}
}

// page writes the file report.html.
func (p *publication) page(ctx context.Context) error {
	if p.run.o.NoReport {
		return nil
	}
	o := page.Options{Sealed: p.sum.Audit}
	for _, m := range p.run.o.Methods {
		o.Definitions = append(o.Definitions, page.Definition{
			Name: m.Name, Version: m.Version, Text: m.Text, Source: m.Source,
		})
	}
	f, err := os.Create(filepath.Join(p.root, audit.ReportFile))
	if err != nil {
		return err
	}
	defer f.Close()
	if err := page.Write(ctx, p.root, f, o); err != nil {
		return err
	}
	return f.Close()
}
