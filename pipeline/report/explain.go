package report

import (
	"bufio"
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

	"github.com/rivo/uniseg"
)

// ErrNoItem means that an audit has no such item, or several.
var ErrNoItem = errors.New("no such item")

// maxExplained is how many items of one name are told apart.
const maxExplained = 5

// An Explanation is all that an audit says of one item.
type Explanation struct {
	Benchmark, Split, Item string
	Verdicts               []Verdict
	Evidence               []Evidence
}

// Find reads the verdicts and the evidence of an item from the audit in dir, line by
// line. The item is named by its id, or by benchmark/split/id. Items of one split
// that share an id are explained together.
func Find(dir, name string) (*Explanation, error) {
	var found []*Explanation
	matches := func(benchmark, split, item string) bool { return item == name || benchmark+"/"+split+"/"+item == name }
	err := eachLine(filepath.Join(dir, "verdicts.jsonl"), func(v *Verdict) error {
		if !matches(v.Benchmark, v.Split, v.Item) {
			return nil
		}
		i := slices.IndexFunc(found, func(e *Explanation) bool {
			return e.Benchmark == v.Benchmark && e.Split == v.Split && e.Item == v.Item
		})
		if i < 0 {
			if i = len(found); i == maxExplained {
				return nil
			}
			found = append(found, &Explanation{Benchmark: v.Benchmark, Split: v.Split, Item: v.Item})
		}
		found[i].Verdicts = append(found[i].Verdicts, *v)
		return nil
	})
	if err != nil {
		return nil, err
	}
	switch {
	case len(found) == 0:
		return nil, fmt.Errorf("%s: %w: %s; name one as in verdicts.jsonl, by its id or by benchmark/split/id", dir, ErrNoItem, strconv.Quote(name))
	case len(found) > 1:
		var names []string
		for _, e := range found {
			names = append(names, e.Benchmark+"/"+e.Split+"/"+e.Item)
		}
		return nil, fmt.Errorf("%s: %w: %s is one of several; name one of %s", dir, ErrNoItem, strconv.Quote(name), strings.Join(names, ", "))
	}
	x := found[0]
	err = eachLine(filepath.Join(dir, "evidence.jsonl"), func(e *Evidence) error {
		if e.Benchmark == x.Benchmark && e.Split == x.Split && e.Item == x.Item {
			x.Evidence = append(x.Evidence, *e)
		}
		return nil
	})
	return x, err
}

// eachLine reads JSON lines.
func eachLine[T any](path string, each func(*T) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	dec := json.NewDecoder(bufio.NewReaderSize(f, 1<<18))
	for row := 0; ; row++ {
		var v T
		if err := dec.Decode(&v); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("%s: row %d: %w", path, row, err)
		}
		if err := each(&v); err != nil {
			return err
		}
	}
}

// Write lays the explanation out for a terminal of so many columns, as Hits does: a
// line a method with its number, then the evidence.
func (x *Explanation) Write(w io.Writer, color bool, width int) error {
	if width < 20 {
		width = 80
	}
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "%s\n\n", CleanText(x.Benchmark+"/"+x.Split+"/"+x.Item))
	cells := [][]string{{"method", "state", "score", "longest", "matched", "of", "documents", "seen", "template"}}
	for _, v := range x.Verdicts {
		score, template := "-", ""
		if v.Score != nil {
			score = strconv.FormatFloat(*v.Score, 'g', 4, 64)
		}
		if v.Template > 0 {
			template = strconv.FormatFloat(v.Template, 'g', 4, 64)
		}
		cells = append(cells, []string{CleanText(v.Method), CleanText(string(v.State)), score, Thousands(v.Longest), Thousands(v.Matched), Thousands(v.Words),
			Thousands(v.Documents), CleanText(v.Seen), template})
	}
	widths := make([]int, len(cells[0]))
	for _, line := range cells {
		for i, cell := range line {
			widths[i] = max(widths[i], uniseg.StringWidth(cell))
		}
	}
	for _, line := range cells {
		var out strings.Builder
		for i, cell := range line {
			pad := strings.Repeat(" ", widths[i]-uniseg.StringWidth(cell))
			if i > 0 {
				out.WriteString("  ")
			}
			if i == 0 || i == 1 || i == 7 {
				out.WriteString(cell + pad)
			} else {
				out.WriteString(pad + cell)
			}
		}
		fmt.Fprintln(b, strings.TrimRight(out.String(), " "))
	}
	for _, v := range x.Verdicts {
		if len(v.Details) == 0 {
			continue
		}
		fmt.Fprintf(b, "\n%s\n", CleanText(v.Method))
		for _, name := range slices.Sorted(maps.Keys(v.Details)) {
			fmt.Fprintf(b, "  %s: %s\n", CleanText(name), CleanText(fmt.Sprint(v.Details[name])))
		}
	}
	for i := range x.Evidence {
		e := &x.Evidence[i]
		unit := UnitOf(e.Norm)
		if e.Words != 1 {
			unit += "s"
		}
		fmt.Fprintf(b, "\n%s\n", shorten(CleanText(fmt.Sprintf("%s: %s %s, normaliser %s", e.Part, Thousands(e.Words), unit, e.Norm)), width))
		fmt.Fprintf(b, "%s\n", shorten(CleanText(fmt.Sprintf("  in %s:%d %s", e.Shard, e.Row, e.DocID)), width))
		for _, line := range quote(&Hit{Evidence: *e}, color, width-2) {
			fmt.Fprintf(b, "  %s\n", line)
		}
	}
	return b.Flush()
}
