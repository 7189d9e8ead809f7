package report

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"swab/ngram/item"
	"swab/pipeline/audit"

	"github.com/rivo/uniseg"
)

var update = flag.Bool("update", false, "write the golden files")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		must(t, os.MkdirAll("testdata", 0o755))
		must(t, os.WriteFile(path, got, 0o644))
	}
	if want := read(t, path); !bytes.Equal(got, want) {
		t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
	}
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func read(tb testing.TB, path string) []byte {
	tb.Helper()
	b, err := os.ReadFile(path)
	must(tb, err)
	return b
}

// hostileText is text that breaks writers that do not expect it.
var hostileText = "a\"b\\c\x00\n\x1b[31m\u2028\u202e<&>\xff\xfe\xc3 \ud7ff\U0001f600 中文"

func row(benchmark, method string, items, flagged, clean, not int64) audit.Row {
	return audit.Row{Benchmark: benchmark, Method: method, Items: items, Flagged: flagged, Clean: clean, NotCheckable: not}
}

func sampleRows() []audit.Row {
	return []audit.Row{
		row("gsm8k", "gpt3", 1319, 1, 1200, 118),
		row("gsm8k", "coverage8", 1319, 0, 1319, 0),
		row("中文测验", "gpt3", 1234567, 1234566, 1, 0),
		row("中文测验", "coverage8", 0, 0, 0, 0),
		row("evil\x1b[2J\n\u202ename", "gpt3", 8, 2, 5, 1),
	}
}

func sampleHits() []Hit {
	long := "The river ran past the mill and under the bridge where the children fished on warm evenings, and nobody in the village could say how old the bridge was. "
	match := "A farmer has 12 sheep and buys 7 more sheep each spring; how many sheep does the farmer have after four springs?"
	hit := func(before, match, after string) Hit {
		start := int64(1000)
		return Hit{
			Evidence: audit.Evidence{
				Benchmark: "farm", Split: "test", Item: "17", Part: "question", Shard: "a/books.jsonl.zst", Row: 1234, DocID: "doc-9", Words: 21,
				DocText: before + match + after, DocTextStart: start,
				DocStart: start + int64(len(before)), DocEnd: start + int64(len(before)+len(match)),
			},
			ItemText: match, Method: "gpt3", State: item.Flagged,
		}
	}
	evil := hit("safe \x1b]0;title\x07", "words\u202e \x9b31m here\r\nand there", "\xff\x00 end")
	evil.Item, evil.Shard, evil.DocID, evil.Words = "../\x1b[1m", "s\u2066hard", "\x7f", 1
	return []Hit{
		hit("", match, ""),
		hit(long, match, " "+long),
		hit(long, strings.Repeat(match+"\n\n", 20), long),
		hit("从前有一座山，山里有一座庙，", strings.Repeat("小明有十二只羊每年春天再买七只，", 12), "庙里有个老和尚在讲故事。"),
		evil,
	}
}

func TestTable(t *testing.T) {
	var b bytes.Buffer
	must(t, Table(&b, item.Flagged, sampleRows(), 0))
	b.WriteByte('\n')
	must(t, Table(&b, item.Flagged, sampleRows()[:2], 0)) // one benchmark: no totals
	b.WriteByte('\n')
	must(t, Table(&b, item.Flagged, []audit.Row{row(strings.Repeat("很长的名字", 9), strings.Repeat("method", 9), 1, 1, 0, 0)}, 80))
	golden(t, "table.txt", b.Bytes())
}

// Columns end at the same place on every line, whatever script names are in.
func TestTableAligned(t *testing.T) {
	var b bytes.Buffer
	for _, width := range []int{0, 90, 78} {
		b.Reset()
		must(t, Table(&b, item.Flagged, sampleRows(), width))
		for line := range strings.Lines(b.String()) {
			if got, want := lineWidth(line), lineWidth(b.String()[:strings.IndexByte(b.String(), '\n')]); got != want || width > 0 && got > width {
				t.Errorf("width %d: %d columns, header has %d: %q", width, got, want, line)
			}
		}
	}
}

func lineWidth(line string) int { return uniseg.StringWidth(strings.TrimSuffix(line, "\n")) }

func TestNumbers(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", -1000: "-1,000", -100: "-100", 14042: "14,042", 1 << 62: "4,611,686,018,427,387,904"} {
		if got := Thousands(n); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
	for _, c := range []struct {
		n, all int64
		want   string
	}{{0, 0, "-"}, {0, 5, "0.0%"}, {1, 3, "33.3%"}, {5, 5, "100.0%"}, {1, 100000, "<0.1%"}, {99999, 100000, ">99.9%"}, {1, 1000, "0.1%"}} {
		if got := Share(c.n, c.all); got != c.want {
			t.Errorf("%d of %d: %s, want %s", c.n, c.all, got, c.want)
		}
	}
}

var sgr = regexp.MustCompile("\x1b\\[(0|2|1;7)m")

func TestHits(t *testing.T) {
	for name, color := range map[string]bool{"hits.txt": false, "hits-color.txt": true} {
		var b bytes.Buffer
		must(t, Hits(&b, sampleHits(), color, 80))
		golden(t, name, b.Bytes())
		bare := b.String()
		if color {
			bare = sgr.ReplaceAllString(bare, "")
		}
		blocks := strings.Split(bare, "\n\n")
		if len(blocks) != len(sampleHits()) {
			t.Errorf("%d blocks", len(blocks))
		}
		for _, block := range blocks {
			lines := strings.Split(strings.TrimSuffix(block, "\n"), "\n")
			if len(lines) > 6 {
				t.Errorf("%s: %d lines:\n%s", name, len(lines), block)
			}
			for _, line := range lines {
				if lineWidth(line) > 80 || CleanText(line) != line {
					t.Errorf("%s: %d columns: %q", name, lineWidth(line), line)
				}
			}
			if !color && (strings.Count(block, "[[") != 1 || strings.Count(block, "]]") != 1) {
				t.Errorf("marks:\n%s", block)
			}
		}
	}
}

// Whatever the spans and the texts say, a block has at most six lines of the
// width asked for and no control characters but our own.
func FuzzHits(f *testing.F) {
	for _, h := range sampleHits() {
		f.Add(h.DocText, h.Item, h.DocStart-h.DocTextStart, h.DocEnd-h.DocTextStart, 80, true)
		f.Add(h.DocText, h.DocID, int64(3), int64(2), 20, false)
	}
	f.Add("日本語", "", int64(-5), int64(1<<62), 21, false)
	f.Add("aé日", "\xff", int64(2), int64(4), 33, true)
	f.Fuzz(func(t *testing.T, text, name string, from, to int64, width int, color bool) {
		h := Hit{Evidence: audit.Evidence{Item: name, Shard: name, DocID: text, DocText: text, DocStart: from, DocEnd: to}, ItemText: text}
		width = 20 + (width%200+200)%200
		var b bytes.Buffer
		must(t, Hits(&b, []Hit{h}, color, width))
		out := b.String()
		if color {
			out = sgr.ReplaceAllString(out, "")
		}
		lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
		if len(lines) > 6 {
			t.Errorf("%d lines: %q", len(lines), out)
		}
		for _, line := range lines {
			// Characters join differently once cut apart, hence the room of one.
			if lineWidth(line) > width+1 || CleanText(line) != line {
				t.Errorf("%d columns of %d: %q", lineWidth(line), width, line)
			}
		}
	})
}

func TestCleanText(t *testing.T) {
	for in, want := range map[string]string{
		"a\tb\r\nc":             "a b  c",
		"\x1b[31m":              "␛[31m",
		"\x00\x7f\u0080\u009b":  "␀␡\ufffd\ufffd",
		"\u2028\u0085\u2029":    "   ",
		"a\u202eb\u2066c\u061c": "a\ufffdb\ufffdc\ufffd",
		"\xff\x9b31m":           "\ufffd\ufffd31m",
		"मन्\u200dत्र 👩\u200d👧 é 中文 العربية": "मन्\u200dत्र 👩\u200d👧 é 中文 العربية",
	} {
		if got := CleanText(in); got != want {
			t.Errorf("%q is cleaned to %q, want %q", in, got, want)
		}
	}
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if s := string(r); unicode.IsPrint(r) && CleanText(s) != s {
			t.Errorf("%U is printable and was changed", r)
		}
	}
}

func FuzzCleanText(f *testing.F) {
	f.Add(hostileText)
	f.Add("\u009b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u061c")
	f.Fuzz(func(t *testing.T, s string) {
		got := CleanText(s)
		for _, r := range got {
			if r < 0x20 || 0x7f <= r && r <= 0x9f || unicode.Is(unicode.Bidi_Control, r) {
				t.Errorf("%U left in %q", r, got)
			}
		}
		if CleanText(got) != got {
			t.Errorf("%q is not clean yet", got)
		}
		if len([]rune(got)) != len([]rune(s)) {
			t.Errorf("%q has other characters than %q", got, s)
		}
	})
}

// On a terminal a table of many benchmarks and methods takes one screen: a line a benchmark, or the
// sums where the methods have no room. Without a width, as in a file, it has every row.
func TestTableOfManyRows(t *testing.T) {
	for methods, want := range map[int]struct {
		lines int
		first string
	}{1: {22, "benchmark"}, 3: {22, "benchmark"}, 19: {20, "benchmark"}} {
		var rows []audit.Row
		for b := range 20 {
			for m := range methods {
				rows = append(rows, row(fmt.Sprintf("benchmark of a long name %d", b), fmt.Sprintf("method%d", m), 1000, int64(m), 900, 0))
			}
		}
		for _, width := range []int{0, 80} {
			var b strings.Builder
			if err := Table(&b, item.Flagged, rows, width); err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
			n := want.lines
			if width == 0 {
				n = 1 + 20*methods + methods
			}
			if len(lines) != n {
				t.Errorf("%d methods at width %d: %d lines, want %d", methods, width, len(lines), n)
			}
			for _, line := range lines {
				if width > 0 && uniseg.StringWidth(line) > width {
					t.Errorf("%d methods: a line of %d columns: %s", methods, uniseg.StringWidth(line), line)
				}
			}
			if last := lines[len(lines)-1]; !strings.HasPrefix(last, "all") || methods == 3 && width > 0 && !strings.Contains(last, "40 (0.2%)") {
				t.Errorf("%d methods at width %d end in %q", methods, width, last)
			}
		}
	}
}
