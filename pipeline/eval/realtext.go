package eval

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"swab/ngram/item"
	"swab/ngram/overlap"
	"swab/pipeline"
	"swab/pipeline/benchmark"
	"swab/pipeline/rows"

	"github.com/zeebo/xxh3"
)

// A Judgement is what a reader found about one item beside one place of a document.
// own/judged.tsv has one a line: the item's digest as in verdicts.jsonl, the 128-bit
// xxh3 of the document's text, the first and last byte of the place, "item" where the
// item itself is there, whole or in its decisive part, else "not", the reason in a word
// or two, and which benchmark the item is of. It holds no text of either. What is behind the
// line "# held back" is of further text, which -text names, as Debian's documentation and
// packages of evaluation tools, and was not read by anybody who fits.
type Judgement struct {
	Item, Doc string // 32 hex digits each
	From, To  int64
	IsItem    bool
	Reason    string
	Held      bool // nobody who fits a method has read it: it is behind the line "# held back"
}

// placeSlack is the distance in bytes at which a match still belongs to a judged place: other
// versions of a method show other words of the same place first.
const placeSlack = 1000

func (j *Judgement) covers(m *match) bool {
	return j.Doc == m.doc && m.from <= j.To+placeSlack && m.to >= j.From-placeSlack
}

// Judgements returns the committed list, by item.
func Judgements() (map[string][]Judgement, error) {
	b, err := ownFiles.ReadFile("own/judged.tsv")
	if err != nil {
		return nil, err
	}
	return readJudgements(string(b))
}

func readJudgements(s string) (map[string][]Judgement, error) {
	list := map[string][]Judgement{}
	n, held := 0, false
	for line := range strings.Lines(s) {
		n++
		held = held || strings.HasPrefix(line, "# held back")
		if line = strings.TrimSuffix(line, "\n"); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Split(line, "\t")
		if len(f) != 7 || len(f[0]) != 32 || len(f[1]) != 32 || f[4] != "item" && f[4] != "not" || f[5] == "" {
			return nil, fmt.Errorf("own/judged.tsv: line %d: "+
				"want item, document, from, to, item or not, reason, benchmark: %q", n, line)
		}
		from, errFrom := strconv.ParseInt(f[2], 10, 64)
		to, errTo := strconv.ParseInt(f[3], 10, 64)
		if err := errors.Join(errFrom, errTo); err != nil {
			return nil, fmt.Errorf("own/judged.tsv: line %d: %w", n, err)
		}
		list[f[0]] = append(list[f[0]], Judgement{f[0], f[1], from, to, f[4] == "item", f[5], held})
	}
	return list, nil
}

// realTextBenches are the benchmarks whose flags on real text are judged. The last is
// quoted by the evaluation harness whose source is one of the corpora, and is counted
// apart.
var realTextBenches = []struct{ name, path string }{
	{"mmlu", "mmlu/test"}, {"gsm8k-test", "gsm8k/test.jsonl"}, {"gsm8k-train", "gsm8k/train.jsonl"},
	{"humaneval", "humaneval/HumanEval.jsonl.gz"},
	{"mbpp", "mbpp/mbpp.jsonl"}, {"svamp", "svamp/SVAMP.json"}, {"aqua", "aqua"}, {"ifeval", "ifeval/input_data.jsonl"},
	{"cruxeval", "cruxeval/cruxeval.jsonl"},
	{"lsat-ar", "agieval/lsat-ar.jsonl"}, {"lsat-lr", "agieval/lsat-lr.jsonl"}, {"lsat-rc", "agieval/lsat-rc.jsonl"},
	{"sat-en", "agieval/sat-en.jsonl"}, {"sat-math", "agieval/sat-math.jsonl"},
	{quoted, "mmlu/dev"},
}

const quoted = "mmlu-dev"

// A match is one row of evidence.
type match struct {
	shard, id, doc string // doc is the document's digest, or "" when it was not read again
	from, to       int64
	whole          bool // the document contains the item undisturbed
}

// A flag is an item that a method flags on real text.
type flag struct {
	bench, name, digest string
	needles             []string
	matches             []match
}

// A RealReport is how the flags on real text compare with the judgements.
type RealReport struct {
	Method    string         `json:"method"`
	Items     int            `json:"items"`
	Docs      int64          `json:"documents"`
	Precision Rate           `json:"precision"` // of judged flags, those that are the item itself
	HeldBack  Rate           `json:"held_back"` // of these, those at places that nobody who fits has read
	Quoted    Rate           `json:"quoted"`    // the same of the benchmark that a corpus quotes
	Reasons   map[string]int `json:"reasons"`   // of judged flags that are not the item
	Unjudged  int            `json:"unjudged"`  // flags at places that nobody has judged
	ToJudge   []string       `json:"to_judge"`  // these places, a line each, as own/judged.tsv has them
	Lost      []string       `json:"lost"`      // items judged to be there and not flagged
	Kept      int            `json:"kept"`      // items judged to be there and flagged
}

// RealText scans the corpora of the data folder, and further ones, with a method and
// compares its flags with the committed judgements. A flag is right when a judgement of
// one of its places says so or, where none was judged, when the document of one of its
// matches contains the item undisturbed. It scans into dir, which must not have an audit yet.
func RealText(ctx context.Context, data, dir string, further []string, m *overlap.Method) (*RealReport, error) {
	judged, err := Judgements()
	if err != nil {
		return nil, err
	}
	presets, err := benchmark.Builtin()
	if err != nil {
		return nil, err
	}
	o := pipeline.Options{Corpus: append([]string{filepath.Join(data, "corpora")}, further...), Presets: presets,
		Methods: []*overlap.Method{m}, Out: filepath.Join(dir, "audit")}
	for _, b := range realTextBenches {
		o.Benchmarks = append(o.Benchmarks, benchmark.Spec{Name: b.name, Path: filepath.Join(data, "benchmarks",
			filepath.FromSlash(b.path))})
	}
	if _, err := pipeline.Scan(ctx, o); err != nil {
		return nil, err
	}
	r := &RealReport{Method: m.Name, Reasons: map[string]int{}}
	flags, all, err := readFlags(o.Out)
	if err != nil {
		return nil, err
	}
	r.Items = len(all)
	if err := addNeedles(ctx, o.Benchmarks, presets, flags); err != nil {
		return nil, err
	}
	read := map[string]bool{} // judged documents
	for _, list := range judged {
		for _, j := range list {
			read[j.Doc] = false
		}
	}
	if r.Docs, err = readAgain(ctx, o.Corpus, flags, read); err != nil {
		return nil, err
	}
	r.compare(flags, all, judged, read)
	return r, nil
}

type itemKey struct{ Benchmark, Split, Item string }

func (k itemKey) String() string { return k.Benchmark + "/" + k.Split + "/" + k.Item }

// readFlags returns the flagged items of an audit with their matches, and the digest →
// name of all items.
func readFlags(dir string) (flags map[itemKey]*flag, all map[string]string, err error) {
	flags, all = map[itemKey]*flag{}, map[string]string{}
	err = eachRow(filepath.Join(dir, "verdicts.jsonl"), func(dec *json.Decoder) error {
		var v struct {
			itemKey
			Digest, State string
		}
		if err := dec.Decode(&v); err != nil {
			return err
		}
		all[v.Digest] = v.itemKey.String()
		if v.State == "flagged" {
			flags[v.itemKey] = &flag{bench: v.Benchmark, name: v.itemKey.String(), digest: v.Digest}
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	err = eachRow(filepath.Join(dir, "evidence.jsonl"), func(dec *json.Decoder) error {
		var e struct {
			itemKey
			Shard    string
			DocID    string `json:"doc_id"`
			DocStart int64  `json:"doc_start"`
			DocEnd   int64  `json:"doc_end"`
		}
		if err := dec.Decode(&e); err != nil {
			return err
		}
		if f := flags[e.itemKey]; f != nil {
			f.matches = append(f.matches, match{shard: e.Shard, id: e.DocID, from: e.DocStart, to: e.DocEnd})
		}
		return nil
	})
	return flags, all, err
}

func eachRow(path string, row func(dec *json.Decoder) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	dec := json.NewDecoder(bufio.NewReaderSize(f, 1<<18))
	for n := 0; dec.More(); n++ {
		if err := row(dec); err != nil {
			return fmt.Errorf("%s: row %d: %w", path, n, err)
		}
	}
	return nil
}

// addNeedles reads the benchmarks again for the texts of flagged items.
func addNeedles(ctx context.Context, specs []benchmark.Spec, presets *benchmark.Presets,
	flags map[itemKey]*flag) error {
	for _, spec := range specs {
		b, err := benchmark.Open(spec, presets)
		if err != nil {
			return err
		}
		for it, err := range b.Items(ctx) {
			if err != nil {
				return err
			}
			if f := flags[itemKey{spec.Name, it.Split, it.ID}]; f != nil {
				source := SourceItem{Text: it.Text}
				e := entry{prompt: promptOf(&source), options: options(it.Text[item.Choices])}
				f.needles = e.needles()
			}
		}
	}
	return nil
}

// readAgain reads the documents of matches for their digests, and whether they contain
// the items, and marks those of the judged documents that it reads.
func readAgain(
	ctx context.Context, corpus []string, flags map[itemKey]*flag, judged map[string]bool,
) (docs int64, err error) {
	wanted := map[[2]string][]*flag{}
	for _, f := range flags {
		for _, m := range f.matches {
			key := [2]string{m.shard, m.id}
			if !slices.Contains(wanted[key], f) {
				wanted[key] = append(wanted[key], f)
			}
		}
	}
	shards, _, err := rows.Find(context.Background(), corpus, nil, "")
	if err != nil {
		return 0, err
	}
	for _, sh := range shards {
		if err := texts(ctx, sh, func(id, text string) {
			docs++
			list := wanted[[2]string{sh.Name, id}]
			sum := xxh3.HashString128(text).Bytes()
			digest := hex.EncodeToString(sum[:])
			if _, ok := judged[digest]; ok {
				judged[digest] = true
			}
			if list == nil {
				return
			}
			line := wordLine(strings.ReplaceAll(text, `\n`, "\n")) // prompts in JSON
			for _, f := range list {
				for k := range f.matches {
					if m := &f.matches[k]; m.shard == sh.Name && m.id == id {
						m.doc, m.whole = digest, lineContains(line, f.needles)
					}
				}
			}
		}); err != nil {
			return 0, err
		}
	}
	return docs, nil
}

// compare counts flags by judgement. An item is lost when one of the documents that were
// read has it.
func (r *RealReport) compare(
	flags map[itemKey]*flag, all map[string]string, judged map[string][]Judgement, read map[string]bool,
) {
	right, wrong := map[bool]int{}, map[bool]int{}
	rightHeld, allHeld := 0, 0
	flaggedDigests := map[string]bool{}
	for _, f := range flags {
		flaggedDigests[f.digest] = true
		isItem, held, reason := f.judge(judged[f.digest])
		if held {
			if allHeld++; isItem {
				rightHeld++
			}
		}
		switch apart := f.bench == quoted; {
		case isItem:
			right[apart]++
		case reason != "":
			wrong[apart]++
			r.Reasons[reason]++
		default:
			r.Unjudged++
			r.ToJudge = append(r.ToJudge, f.unjudged()...)
		}
	}
	for digest, list := range judged {
		name, here := all[digest]
		if !here || !slices.ContainsFunc(list, func(j Judgement) bool { return j.IsItem && read[j.Doc] }) {
			continue
		}
		if flaggedDigests[digest] {
			r.Kept++
		} else {
			r.Lost = append(r.Lost, name)
		}
	}
	slices.Sort(r.ToJudge)
	slices.Sort(r.Lost)
	r.HeldBack = Wilson(rightHeld, allHeld)
	r.Precision, r.Quoted = Wilson(right[false], right[false]+wrong[false]), Wilson(right[true], right[true]+wrong[true])
}

// judge returns whether the flag is the item itself, whether that was judged at places held
// back alone, and if it is not the item, the reason; "" when none of its places was judged
// and no document contains the item. A judgement goes
// before what words say: a sign may be all that separates an item from its sibling.
func (f *flag) judge(list []Judgement) (isItem, held bool, reason string) {
	whole, seen := false, false
	for k := range f.matches {
		m := &f.matches[k]
		whole = whole || m.whole
		for i := range list {
			if j := &list[i]; j.covers(m) {
				isItem = isItem || j.IsItem
				reason = j.Reason
				held, seen = held || j.Held, seen || !j.Held
			}
		}
	}
	return isItem || whole && reason == "", held && !seen, reason
}

// unjudged returns a line for each document of a flag: the columns of a judgement, with
// the place from its first to its last match, then what is to be read where.
func (f *flag) unjudged() (list []string) {
	for k, m := range f.matches {
		if slices.ContainsFunc(f.matches[:k], func(o match) bool { return o.doc == m.doc }) {
			continue
		}
		from, to := m.from, m.to
		for _, o := range f.matches[k:] {
			if o.doc == m.doc {
				from, to = min(from, o.from), max(to, o.to)
			}
		}
		list = append(list, fmt.Sprintf("%s\t%s\t%d\t%d\t?\t?\t%s in %s", f.digest, m.doc, from, to, f.name, m.id))
	}
	if list == nil {
		list = []string{f.digest + "\t\t\t\t?\t?\t" + f.name + " (no evidence)"}
	}
	return list
}

// Table writes the report for a terminal.
func (r *RealReport) Table(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "flags of %s on real text: %d items, %d documents, against judgements made by reading\n", r.Method,
		r.Items, r.Docs)
	fmt.Fprintf(&b, "%-42s %4d of %4d  %s\n", "the item itself", r.Precision.Count, r.Precision.Of, r.Precision)
	if r.HeldBack.Of > 0 {
		fmt.Fprintf(&b, "%-42s %4d of %4d  %s\n", "of these, at places held back", r.HeldBack.Count, r.HeldBack.Of,
			r.HeldBack)
	}
	fmt.Fprintf(&b, "%-42s %4d of %4d  %s\n", "the same of "+quoted+", which a corpus quotes", r.Quoted.Count,
		r.Quoted.Of, r.Quoted)
	for _, reason := range sortedKeys(r.Reasons) {
		fmt.Fprintf(&b, "  not the item: %-26s %4d\n", reason, r.Reasons[reason])
	}
	fmt.Fprintf(&b, "%-42s %4d of %4d\n", "judged to be there, and flagged", r.Kept, r.Kept+len(r.Lost))
	for _, name := range r.Lost {
		fmt.Fprintf(&b, "  lost: %s\n", name)
	}
	fmt.Fprintf(&b, "%-42s %4d\n", "unjudged", r.Unjudged)
	for _, line := range r.ToJudge {
		fmt.Fprintf(&b, "  to judge: %s\n", line)
	}
	b.WriteByte('\n')
	_, err := io.WriteString(w, b.String())
	return err
}

func sortedKeys(m map[string]int) []string { return slices.Sorted(maps.Keys(m)) }
