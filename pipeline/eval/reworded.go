package eval

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"swab/ngram"
	"swab/ngram/item"
	"swab/ngram/reworded"
	"swab/pipeline/rows"
)

// rewordedBenches are the benchmarks whose items the method "reworded" is fitted on.
var rewordedBenches = []string{"gsm8k", "mmlu", "mbpp", "svamp", "humaneval"}

// rephrasings are the files of items that a language model has reworded, with the benchmark, and
// what is before a row's number in the items' ids.
var rephrasings = []struct{ file, bench, prefix string }{
	{"gsm8k-test-even", "gsm8k", ""},
	{"mmlu-abstract_algebra", "mmlu", "abstract_algebra/"},
	{"mmlu-sociology", "mmlu", "sociology/"},
}

// The classes of documents that are no rewordings.
const (
	classTrain   = "gsm8k train"
	classCorpora = "corpora"
	classHarness = "harness" // the source of one, which has real items
)

type vector = [reworded.NumFeatures]float64

// A rewordedSample is the best span that a document has for an item.
type rewordedSample struct {
	class  string // of the document
	item   int
	target bool // the item is there in other words
	fold   int
	x      vector
	score  float64 // by weights that were fitted without its fold
}

// A rewordedSet has the samples that the method "reworded" is fitted on.
type rewordedSet struct {
	src     Sources
	texts   []string       // of the items
	bench   []string       // by item
	ids     map[string]int // bench/id → item
	samples []rewordedSample
	planted map[string]int // by class: items that are there in other words
	matcher *reworded.Matcher
	scan    *ngram.Scanner
	r       *rand.Rand
	prose   []string
}

// FitReworded fits the weights of the method "reworded" by documents that have items in other
// words and documents that have none, and writes the weights, and how many items are found
// with weights fitted without them, beside the number of false finds.
func FitReworded(ctx context.Context, seed uint64, src Sources, w io.Writer) error {
	f := &rewordedSet{src: src, ids: map[string]int{}, planted: map[string]int{}, r: rand.New(rand.NewPCG(seed, 1))}
	if err := f.index(); err != nil {
		return err
	}
	for _, t := range src.Texts {
		if t.Corpus == "classic-books" {
			f.prose = append(f.prose, t.Text)
		}
	}
	for _, set := range rephrasings {
		if err := f.rephrased(set.file, set.bench, set.prefix); err != nil {
			return err
		}
	}
	f.byRules()
	for _, b := range src.Benches {
		for _, it := range b.Held {
			if b.Name == "gsm8k" {
				f.document(classTrain, it.Text[item.Question], -1)
			}
		}
	}
	if err := f.corpora(ctx); err != nil {
		return err
	}
	f.crossFit()
	if err := f.table(w); err != nil {
		return err
	}
	fitted := f.fit(-1)
	for k, name := range reworded.Names {
		fmt.Fprintf(w, "%.3f, // %s\n", fitted[k], name)
	}
	return nil
}

// index builds the index of the benchmarks' items.
func (f *rewordedSet) index() error {
	b := reworded.NewBuilder()
	for _, bench := range f.src.Benches {
		if !slices.Contains(rewordedBenches, bench.Name) {
			continue
		}
		for _, it := range bench.Items {
			question, choices := reworded.Texts(&it.Text)
			if _, err := b.Add(question, choices); err != nil {
				return err
			}
			f.ids[bench.Name+"/"+it.ID] = len(f.texts)
			f.texts, f.bench = append(f.texts, question+"\n"+choices), append(f.bench, bench.Name)
		}
		b.EndBenchmark()
	}
	f.matcher = b.Build(func(int) bool { return true }).NewMatcher()
	f.matcher.Least = leastSample
	var err error
	f.scan, err = ngram.Words(ngram.MaxN).NewScanner()
	return err
}

// leastSample is the strength of a sample, at the least: weaker ones are no hard cases.
const leastSample = 0.003

// rephrased adds the items of a file, each planted in prose, without and with its choices.
func (f *rewordedSet) rephrased(name, bench, prefix string) error {
	file, err := os.Open(filepath.Join(f.src.Dir, "rephrased", name+".jsonl"))
	if err != nil {
		return err
	}
	defer file.Close()
	choices := map[string]string{}
	for _, b := range f.src.Benches {
		for _, it := range b.Items {
			choices[b.Name+"/"+it.ID] = it.Text[item.Choices]
		}
	}
	in := bufio.NewScanner(file)
	for in.Scan() {
		var row struct {
			Index int
			Text  string
		}
		if err := json.Unmarshal(in.Bytes(), &row); err != nil {
			return fmt.Errorf("%s: %w", file.Name(), err)
		}
		id := fmt.Sprintf("%s/%s%d", bench, prefix, row.Index)
		at, ok := f.ids[id]
		if !ok {
			return fmt.Errorf("%s: there is no item %s", file.Name(), id)
		}
		f.plant(name, row.Text, at)
		if choices[id] != "" {
			f.plant(name+" with choices", row.Text+"\n"+choices[id], at)
		}
	}
	return in.Err()
}

// byRules adds the other half of GSM8K and SVAMP, reworded by rules: sentences in another order
// or one left out, other words of the same meaning, numbers in words, fillers.
func (f *rewordedSet) byRules() {
	for _, b := range f.src.Benches {
		if b.Name != "gsm8k" && b.Name != "svamp" {
			continue
		}
		for k := 1; k < len(b.Items); k += 2 {
			s := promptOf(&b.Items[k])
			for _, change := range []func(r *rand.Rand, s string) (string, bool){
				withoutSentence, reordered,
				func(r *rand.Rand, s string) (string, bool) { return synonyms(r, s, 30) },
				func(_ *rand.Rand, s string) (string, bool) {
					t, n := numbersSpelled(s)
					return t, n > 0
				},
				spoken,
			} {
				if t, ok := change(f.r, s); ok && f.r.IntN(2) == 0 {
					s = t
				}
			}
			f.plant("by rules", s, f.ids[b.Name+"/"+b.Items[k].ID])
		}
	}
}

// plant adds a document in which an item is in other words, in running prose.
func (f *rewordedSet) plant(class, text string, at int) {
	f.planted[class]++
	f.document(class, f.passage()+" "+text+" "+f.passage(), at)
}

// passage returns 80 to 280 words of a book.
func (f *rewordedSet) passage() string {
	book := f.prose[f.r.IntN(len(f.prose))]
	words := strings.Fields(book[f.r.IntN(max(1, len(book)-3000)):])
	from := min(1, len(words)) // the first may be a part of one
	return strings.Join(words[from:min(len(words), 80+f.r.IntN(200))], " ")
}

// corpora adds the documents of all corpora.
func (f *rewordedSet) corpora(ctx context.Context) error {
	shards, _, err := rows.Find(ctx, []string{filepath.Join(f.src.Dir, "corpora")}, nil, "")
	if err != nil {
		return err
	}
	for _, sh := range shards {
		class := classCorpora
		if strings.Contains(sh.Name, "harness") {
			class = classHarness
		}
		if err := texts(ctx, sh, func(_, text string) { f.document(class, text, -1) }); err != nil {
			return err
		}
	}
	return nil
}

// document adds the samples of a document, in which item target is in other words; -1: none is.
// A span that shares eight words in a row with another item is no sample.
func (f *rewordedSet) document(class, document string, target int) {
	text := []byte(document)
	for f.scan.Reset(text); f.scan.Next(); {
		f.matcher.Block(f.scan, text)
	}
	for _, g := range f.matcher.Matches() {
		if g.Item >= len(f.texts) || g.Item != target && sharesRun(f.texts[g.Item], document[g.Start:g.End]) {
			continue
		}
		h := fnv.New64a()
		io.WriteString(h, f.texts[g.Item])
		f.samples = append(f.samples, rewordedSample{
			class: class, item: g.Item, target: g.Item == target, fold: int(h.Sum64() % rewordedFolds),
			x: g.Features.Vector(),
		})
	}
}

// sharesRun reports whether two texts have eight words in a row in common.
func sharesRun(a, b string) bool {
	const n = 8
	grams := map[string]bool{}
	for x := words(a); len(x) >= n; x = x[1:] {
		grams[strings.Join(x[:n], " ")] = true
	}
	for x := words(b); len(x) >= n; x = x[1:] {
		if grams[strings.Join(x[:n], " ")] {
			return true
		}
	}
	return false
}

const rewordedFolds = 5

// weight returns what a sample counts in the fit. Bare stems of multiple choice say little, those
// that are alike are not distinguished, and a harness has real items.
func (s *rewordedSample) weight() float64 {
	mmlu := strings.HasPrefix(s.class, "mmlu")
	switch {
	case s.class == classHarness, mmlu && !s.target:
		return 0
	case mmlu && !strings.HasSuffix(s.class, "choices"):
		return 0.1
	case s.class == "by rules":
		return 0.1
	}
	return 1
}

// crossFit scores every sample by weights that were fitted without its fold.
func (f *rewordedSet) crossFit() {
	for fold := range rewordedFolds {
		weights := f.fit(fold)
		for k := range f.samples {
			if s := &f.samples[k]; s.fold == fold {
				s.score = product(&weights, &s.x)
			}
		}
	}
}

// fit fits weights to all samples but those of a fold, by Newton's method with a ridge.
func (f *rewordedSet) fit(without int) (w vector) {
	const n, ridge, steps = reworded.NumFeatures, 0.5, 30
	for range steps {
		var slope vector
		var curve [n]vector
		for i := range n {
			slope[i], curve[i][i] = -ridge*w[i], ridge
		}
		for k := range f.samples {
			s := &f.samples[k]
			c := s.weight()
			if c == 0 || s.fold == without {
				continue
			}
			p := 1 / (1 + math.Exp(-product(&w, &s.x)))
			off := -p
			if s.target {
				off = 1 - p
			}
			for i := range n {
				slope[i] += c * off * s.x[i]
				for j := range n {
					curve[i][j] += c * p * (1 - p) * s.x[i] * s.x[j]
				}
			}
		}
		step := solve(&curve, slope)
		for i := range w {
			w[i] += step[i]
		}
	}
	return w
}

func product(a, b *vector) (sum float64) {
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}

// solve solves a system of linear equations whose matrix is symmetric and positive definite.
// It changes the matrix.
func solve(a *[reworded.NumFeatures]vector, b vector) (x vector) {
	n := len(b)
	for i := range n {
		for r := i + 1; r < n; r++ {
			c := a[r][i] / a[i][i]
			for k := i; k < n; k++ {
				a[r][k] -= c * a[i][k]
			}
			b[r] -= c * b[i]
		}
	}
	for i := n - 1; i >= 0; i-- {
		x[i] = b[i]
		for k := i + 1; k < n; k++ {
			x[i] -= a[i][k] * x[k]
		}
		x[i] /= a[i][i]
	}
	return x
}

// table writes, for thresholds by the number of items that the corpora find falsely, what is
// found of each class, and of GSM8K's items by its other problems.
func (f *rewordedSet) table(w io.Writer) error {
	best := f.falseFinds()
	list := slices.SortedFunc(maps.Values(best[classCorpora]), func(a, b float64) int { return cmp.Compare(b, a) })
	classes := slices.Sorted(maps.Keys(f.planted))
	fmt.Fprintf(w, "false of %d items\tthreshold\tgsm8k train\tharness\t%s\t\n", len(f.texts), strings.Join(classes, "\t"))
	for _, n := range []int{3, 5, 8, 12, 17, 35, 70, 175} {
		if n >= len(list) {
			break
		}
		above := func(class string) (count int) {
			for _, v := range best[class] {
				if v > list[n] {
					count++
				}
			}
			return count
		}
		fmt.Fprintf(w, "%d\t%.2f\t%d\t%d", n, list[n], above(classTrain), above(classHarness))
		for _, class := range classes {
			fmt.Fprintf(w, "\t%.3f", f.recall(class, list[n]))
		}
		fmt.Fprintln(w, "\t")
	}
	return nil
}

// falseFinds returns the largest score of each item in documents that do not have it, by class.
func (f *rewordedSet) falseFinds() map[string]map[int]float64 {
	best := map[string]map[int]float64{}
	for k := range f.samples {
		s := &f.samples[k]
		if s.target || s.class == classTrain && f.bench[s.item] != "gsm8k" {
			continue
		}
		if best[s.class] == nil {
			best[s.class] = map[int]float64{}
		}
		if v, ok := best[s.class][s.item]; !ok || s.score > v {
			best[s.class][s.item] = s.score
		}
	}
	return best
}

// recall returns the share of a class's items that are found above a score.
func (f *rewordedSet) recall(class string, score float64) float64 {
	hits := 0
	for k := range f.samples {
		if s := &f.samples[k]; s.target && s.class == class && s.score > score {
			hits++
		}
	}
	return float64(hits) / float64(f.planted[class])
}
