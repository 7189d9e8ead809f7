package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"swab/ngram"
	"swab/ngram/bloom"
	"swab/pipeline/publish"
)

// An index.json put together by hand from FORMAT.md, which shows the same.
const (
	goldenHead = `{"format":"swab index","version":2,"xxh3":"79a2305d8c3229f4"}` + "\n"
	goldenBody = `{
  "swab": "0.1",
  "recipe": {
    "version": 1,
    "norm": "words",
    "unit": "word",
    "n": 8,
    "hash": "poly64"
  },
  "plan": {
    "partitions": 1,
    "k": 13,
    "fpr": 0.0001
  },
  "text_field": "text",
  "id_field": "id",
  "text_unit": "file",
  "max_row": 1048576,
  "segments": [
    {
      "file": "a-1.seg",
      "size": 266240,
      "digest": "00112233445566778899aabbccddeeff",
      "grams": 100000,
      "fill": 0.4625,
      "rate": 0.000045,
      "full": true
    },
    {
      "file": "b2.seg",
      "size": 266240,
      "digest": "ffeeddccbbaa99887766554433221100",
      "grams": 0,
      "fill": 0,
      "rate": 0,
      "full": false
    }
  ],
  "shards": [
    {
      "name": "c/a<1>.jsonl.gz",
      "size": 11,
      "digest": "aa",
      "format": "JSON lines",
      "compression": "gzip",
      "rows": 0,
      "documents": 0,
      "text_bytes": 0,
      "error": "byte 7: unexpected end",
      "mod_time": 1700000000000000001,
      "grams": 0,
      "segments": []
    },
    {
      "name": "c/b.jsonl.zst",
      "size": 4096,
      "digest": "bb",
      "format": "JSON lines",
      "compression": "zstd",
      "rows": 5,
      "documents": 3,
      "text_bytes": 700000,
      "skipped": {
        "not_json": 2
      },
      "first_bad": [
        {
          "row": 4,
          "kind": "not_json",
          "detail": "offset 3"
        }
      ],
      "error": "",
      "mod_time": -5,
      "grams": 120000,
      "segments": [
        "a-1.seg"
      ]
    }
  ]
}
`
)

func goldenIndex() *Index {
	return &Index{
		Swab: "0.1", Recipe: ngram.Words(8), Plan: bloom.Plan{Partitions: 1, K: 13, FPR: 1e-4},
		TextField: "text", IDField: "id", TextUnit: "file", MaxRow: 1 << 20,
		Segments: []Segment{
			{"a-1.seg", 266240, "00112233445566778899aabbccddeeff", 100000, 0.4625, 4.5e-5, true},
			{"b2.seg", 266240, "ffeeddccbbaa99887766554433221100", 0, 0, 0, false},
		},
		Shards: []IndexShard{
			{Entry{Name: "c/a<1>.jsonl.gz", Size: 11, Digest: "aa", Format: "JSON lines", Compression: "gzip", Error: "byte 7: unexpected end"},
				1700000000000000001, 0, []string{}},
			{Entry{Name: "c/b.jsonl.zst", Size: 4096, Digest: "bb", Format: "JSON lines", Compression: "zstd", Rows: 5, Documents: 3, TextBytes: 700000,
				Skipped: map[string]int64{"not_json": 2}, FirstBad: []BadRow{{4, "not_json", "offset 3"}}},
				-5, 120000, []string{"a-1.seg"}},
		},
	}
}

func writeIndex(t *testing.T, x *Index) []byte {
	t.Helper()
	var b bytes.Buffer
	must(t, WriteIndex(&b, x))
	return b.Bytes()
}

// sealed is body as an index.json with a checksum that is right.
func sealed(body string) []byte { return []byte(indexFormat.head([]byte(body)) + "\n" + body) }

func TestIndexGolden(t *testing.T) {
	golden, want := goldenHead+goldenBody, goldenIndex()
	got, err := ReadIndex(strings.NewReader(golden))
	must(t, err)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("read\n%+v, want\n%+v", got, want)
	}
	if b := writeIndex(t, want); string(b) != golden {
		t.Errorf("wrote\n%s", b)
	}
	want.Shards[0].Segments = nil
	if b := writeIndex(t, want); string(b) != golden || want.Shards[0].Segments != nil {
		t.Errorf("a missing list gives\n%s, or was changed", b)
	}
	if told := read(t, "FORMAT.md"); !strings.Contains(string(told), "\n```\n"+golden+"```\n") {
		t.Error("FORMAT.md shows another file")
	}
	if s, ok := want.Segment("b2.seg"); !ok || s != &want.Segments[1] {
		t.Error("segment not found")
	}
	if _, ok := want.Segment("b"); ok {
		t.Error("a segment that is not there was found")
	}
}

func TestIndexRefused(t *testing.T) {
	for name, test := range map[string]struct {
		from, to string // in the body
		want     error
		says     string
	}{
		"unknown field":      {`"max_row"`, `"max_raw"`, ErrCorrupt, "unknown field"},
		"null":               {goldenBody, "null\n", ErrVersion, "recipe"},
		"nothing":            {goldenBody, "", ErrCorrupt, "EOF"},
		"trailing":           {goldenBody, goldenBody + "{}", ErrCorrupt, "more than one"},
		"recipe":             {`"version": 1`, `"version": 2`, ErrVersion, "words v2, hash poly64); build the index again with swab index into a new directory"},
		"n":                  {`"n": 8`, `"n": 65`, ErrVersion, "65-grams"},
		"no partition":       {`"partitions": 1`, `"partitions": 0`, ErrCorrupt, "plan"},
		"partitions":         {`"partitions": 1`, `"partitions": 70368744177665`, ErrCorrupt, "plan"},
		"k":                  {`"k": 13`, `"k": 31`, ErrCorrupt, "plan"},
		"fpr":                {`"fpr": 0.0001`, `"fpr": 0.6`, ErrCorrupt, "plan"},
		"max_row":            {`"max_row": `, `"max_row": -`, ErrCorrupt, "rows of at most -1"},
		"file":               {`"a-1.seg"`, `"../a.seg"`, ErrCorrupt, `"../a.seg" is not a valid name`},
		"file twice":         {`"b2.seg"`, `"a-1.seg"`, ErrCorrupt, "a-1.seg is listed twice"},
		"size":               {`"size": 266240`, `"size": 262144`, ErrCorrupt, "less than its plan"},
		"digest":             {`0011`, `00G1`, ErrCorrupt, "digest"},
		"grams of none":      {`"grams": 0,`, `"grams": 1,`, ErrCorrupt, "b2.seg has grams of no shard"},
		"negative grams":     {`"grams": 100000`, `"grams": -1`, ErrCorrupt, "-1 grams"},
		"fill":               {`"fill": 0.4625`, `"fill": 1.1`, ErrCorrupt, "fill 1.1"},
		"rate":               {`"rate": 0.000045`, `"rate": 2`, ErrCorrupt, "rate 2"},
		"order":              {`"c/b.jsonl.zst"`, `"a"`, ErrCorrupt, `"a" is listed twice or out of order`},
		"shard twice":        {`"c/b.jsonl.zst"`, `"c/a<1>.jsonl.gz"`, ErrCorrupt, "twice"},
		"negative count":     {`"rows": 5`, `"rows": -5`, ErrCorrupt, "negative"},
		"failed with grams":  {`"grams": 0,` + "\n" + `      "segments"`, `"grams": 1,` + "\n" + `      "segments"`, ErrCorrupt, "failed"},
		"failed in segment":  {`"segments": []`, `"segments": ["b2.seg"]`, ErrCorrupt, "failed"},
		"grams nowhere":      {"[\n        \"a-1.seg\"\n      ]", `[]`, ErrCorrupt, "no segment"},
		"other segment":      {"[\n        \"a-1.seg\"\n      ]", `["c.seg"]`, ErrCorrupt, `"c.seg" is not listed`},
		"segment twice":      {"[\n        \"a-1.seg\"\n      ]", `["a-1.seg", "a-1.seg"]`, ErrCorrupt, "named twice"},
		"segment of no gram": {"[\n        \"a-1.seg\"\n      ]", `["b2.seg"]`, ErrCorrupt, "a-1.seg has grams of no shard"},
	} {
		body := strings.Replace(goldenBody, test.from, test.to, 1)
		if body == goldenBody {
			t.Fatalf("%s: nothing was changed", name)
		}
		if _, err := ReadIndex(bytes.NewReader(sealed(body))); !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: got %v, want %v that says %s", name, err, test.want, test.says)
		}
	}
	later := strings.Replace(goldenHead, `"version":2`, `"version":3,"more":0`, 1) + goldenBody
	if _, err := ReadIndex(strings.NewReader(later)); !errors.Is(err, ErrVersion) || !strings.HasSuffix(err.Error(),
		"its format is 3, this program reads 2; build the index again with swab index into a new directory") {
		t.Errorf("later format: %v", err)
	}
	for name, spoil := range map[string]func(x *Index){
		"not UTF-8": func(x *Index) { x.Shards[1].Name = "c/\xff" },
		"no number": func(x *Index) { x.Segments[0].Rate = math.NaN() },
		"no shard":  func(x *Index) { x.Shards = x.Shards[:1] },
	} {
		x := goldenIndex()
		spoil(x)
		var b bytes.Buffer
		if err := WriteIndex(&b, x); !errors.Is(err, ErrCorrupt) || b.Len() > 0 {
			t.Errorf("%s: %v; %d bytes written", name, err, b.Len())
		}
	}
	for _, file := range []string{"", ".seg", "a", "a.SEG", "A.seg", "a/b.seg", "..seg", "a.b.seg", "a\x00.seg", strings.Repeat("a", 61) + ".seg"} {
		if isSegment(file) {
			t.Errorf("%q may name a segment", file)
		}
	}
}

// Every cut and every flipped bit is refused.
func TestIndexDamaged(t *testing.T) {
	refused := func(b []byte, what string, at int) {
		t.Helper()
		if _, err := ReadIndex(bytes.NewReader(b)); !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrVersion) {
			t.Fatalf("%s %d: %v", what, at, err)
		}
	}
	good := writeIndex(t, goldenIndex())
	for n := range good {
		refused(good[:n], "prefix", n)
	}
	for bit := range 8 * len(good) {
		good[bit/8] ^= 1 << (bit % 8)
		refused(good, "bit", bit)
		good[bit/8] ^= 1 << (bit % 8)
	}
	refused(append(good, '\n'), "longer than", len(good))
}

func FuzzReadIndex(f *testing.F) {
	f.Add(goldenBody)
	f.Add(`{"recipe":{"version":1,"norm":"words","unit":"word","n":8,"hash":"poly64"},"plan":{"partitions":1,"k":1,"fpr":0.5}}`)
	f.Fuzz(func(t *testing.T, body string) {
		for _, b := range [][]byte{[]byte(body), sealed(body)} {
			x, err := ReadIndex(bytes.NewReader(b))
			if err != nil {
				if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrVersion) {
					t.Fatalf("error of no kind: %v", err)
				}
				continue
			}
			once := writeIndex(t, x)
			again, err := ReadIndex(bytes.NewReader(once))
			if err != nil {
				t.Fatalf("%v, reading what was written of %q", err, b)
			}
			if !bytes.Equal(writeIndex(t, again), once) {
				t.Fatalf("not stable: %q", b)
			}
		}
	})
}

const segmentSize = 266240 // of a plan with one partition

// addSegment makes a file that is as large as a segment, and tells of it in x.
func addSegment(path string, x *Index) error {
	file := filepath.Base(path)
	if err := os.WriteFile(path, []byte(file), 0o644); err != nil {
		return err
	}
	x.Segments = append(x.Segments, Segment{File: file, Size: segmentSize, Digest: strings.Repeat("0", 32)})
	return os.Truncate(path, segmentSize)
}

// saveIndex writes x below root.
func saveIndex(root string, x *Index) error {
	f, err := os.Create(filepath.Join(root, IndexFile))
	if err != nil {
		return err
	}
	return errors.Join(WriteIndex(f, x), f.Close())
}

// runIndex publishes an index: it keeps base.seg and replaces MARK.seg.
func runIndex(out, mark string) error {
	d, err := OpenIndex(out)
	if err != nil {
		return err
	}
	temp, err := d.Temp()
	if err != nil {
		return err
	}
	x := &Index{Swab: mark, Recipe: ngram.Words(8), Plan: bloom.Plan{Partitions: 1, K: 13, FPR: 1e-4}}
	files := []string{mark + ".seg"}
	earlier, err := d.Index()
	if err != nil {
		return err
	}
	if earlier == nil {
		files = append(files, "base.seg")
	}
	for _, file := range files {
		if err := addSegment(filepath.Join(temp, file), x); err != nil {
			return err
		}
	}
	err = d.Publish(nil, func(root string) error {
		for _, file := range files {
			if err := os.Rename(filepath.Join(temp, file), filepath.Join(root, SegmentsDir, file)); err != nil {
				return err
			}
		}
		if earlier != nil {
			s, ok := earlier.Segment("base.seg")
			if !ok {
				return errors.New("base.seg is gone")
			}
			x.Segments = append(x.Segments, *s)
			if err := d.KeepSegment(root, s.File); err != nil {
				return err
			}
		}
		return saveIndex(root, x)
	})
	if err != nil {
		return err
	}
	return d.Close()
}

// wholeIndex returns the mark of the index at out, and fails unless all of it is there.
func wholeIndex(t *testing.T, out string) string {
	t.Helper()
	if entries, err := os.ReadDir(out); errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return ""
	}
	x, err := LoadIndex(out)
	must(t, err)
	for _, file := range []string{"base.seg", x.Swab + ".seg"} {
		if b := read(t, filepath.Join(out, SegmentsDir, file)); len(b) != segmentSize || !bytes.HasPrefix(b, []byte(file+"\x00")) {
			t.Fatalf("%s has %d bytes, %q", file, len(b), b[:20])
		}
	}
	if len(x.Segments) != 2 {
		t.Fatalf("segments: %v", x.Segments)
	}
	return x.Swab
}

func TestPublishIndexFails(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	must(t, runIndex(out, "1"))
	d, err := OpenIndex(out)
	must(t, err)
	defer d.Close()
	must(t, d.Put("aa", func(w io.Writer) error { _, err := io.WriteString(w, "result aa"); return err }))
	for _, dir := range []string{out, filepath.Join(out, SegmentsDir)} {
		must(t, os.WriteFile(filepath.Join(dir, publish.FinderFile), nil, 0o644)) // is in nobody's way
	}
	segments := func(root string, names ...string) *Index {
		x, err := d.Index()
		must(t, err)
		x.Segments = nil
		for _, name := range names {
			must(t, addSegment(filepath.Join(root, SegmentsDir, name), x))
		}
		return x
	}
	for name, test := range map[string]struct {
		keys  []string
		build func(root string) error
		want  string
	}{
		"keys":     {[]string{"aa"}, func(root string) error { return saveIndex(root, segments(root)) }, "result aa"},
		"no index": {nil, func(root string) error { segments(root, "x.seg"); return nil }, IndexFile},
		"missing": {nil, func(root string) error {
			x := segments(root, "x.seg", "y.seg")
			must(t, os.Remove(filepath.Join(root, SegmentsDir, "y.seg")))
			return saveIndex(root, x)
		}, "segments/y.seg: not valid: it is missing"},
		"unnamed": {nil, func(root string) error {
			x := segments(root, "x.seg", "y.seg")
			x.Segments = x.Segments[:1]
			return saveIndex(root, x)
		}, "segments/y.seg: not valid: index.json does not name it"},
		"shorter": {nil, func(root string) error {
			x := segments(root, "x.seg")
			must(t, os.Truncate(filepath.Join(root, SegmentsDir, "x.seg"), segmentSize-1))
			return saveIndex(root, x)
		}, "segments/x.seg: not valid: it has 266239 bytes, index.json says 266240"},
		"directory": {nil, func(root string) error {
			x := segments(root, "x.seg")
			path := filepath.Join(root, SegmentsDir, "x.seg")
			must(t, errors.Join(os.Remove(path), os.Mkdir(path, 0o755)))
			return saveIndex(root, x)
		}, "not a file"},
		"other name": {nil, func(root string) error {
			must(t, os.Mkdir(filepath.Join(root, "clean"), 0o755))
			return saveIndex(root, segments(root))
		}, `"clean" is not a part of an index`},
		"kept twice": {nil, func(root string) error {
			must(t, d.KeepSegment(root, "base.seg"))
			return d.KeepSegment(root, "base.seg")
		}, "exists"},
		"kept none":     {nil, func(root string) error { return d.KeepSegment(root, "z.seg") }, "segment z.seg"},
		"kept anything": {nil, func(root string) error { return d.KeepSegment(root, "../"+IndexFile) }, "not a valid name"},
	} {
		if err := d.Publish(test.keys, test.build); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %s", name, err, test.want)
		}
		if wholeIndex(t, out) != "1" {
			t.Errorf("%s: touched", name)
		}
	}
	must(t, d.Publish(nil, func(root string) error { return saveIndex(root, segments(root)) }))
	if x, err := d.Index(); err != nil || len(x.Segments) != 0 {
		t.Errorf("an index of nothing: %+v, %v", x, err)
	}
}

// snapshot lists everything below root with its content.
func snapshot(t *testing.T, root string) map[string]string {
	t.Helper()
	all := map[string]string{}
	must(t, filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			all[path] = string(read(t, path))
		}
		return err
	}))
	return all
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	return b
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestForeignIndex(t *testing.T) {
	index := func(out string) (*publish.Dir, error) {
		d, err := OpenIndex(out)
		if err != nil {
			return nil, err
		}
		return d.Dir, nil
	}
	change := func(out, file string, f func(b []byte) []byte) {
		path := filepath.Join(out, file)
		must(t, os.WriteFile(path, f(read(t, path)), 0o644))
	}
	for name, test := range map[string]struct {
		open func(out string) (*publish.Dir, error)
		make func(out string) // changes an index, or makes an audit
		want error
		says string
	}{
		"another kind": {index, func(out string) {
			must(t, os.RemoveAll(out))
			must(t, os.Mkdir(out, 0o755))
			must(t, os.WriteFile(filepath.Join(out, "audit.json"), nil, 0o644))
		}, publish.ErrForeign, "has no index.json"},
		"both": {index, func(out string) {
			must(t, os.WriteFile(filepath.Join(out, "audit.json"), nil, 0o644))
		}, publish.ErrForeign, `also holds "audit.json"`},
		"a note": {index, func(out string) {
			must(t, os.WriteFile(filepath.Join(out, SegmentsDir, "note"), nil, 0o644))
		}, publish.ErrForeign, "segments/note"},
		"segment cut":  {index, func(out string) { must(t, os.Truncate(filepath.Join(out, SegmentsDir, "base.seg"), 5)) }, ErrCorrupt, "segments/base.seg"},
		"segment gone": {index, func(out string) { must(t, os.RemoveAll(filepath.Join(out, SegmentsDir))) }, ErrCorrupt, "missing"},
		"damaged": {index, func(out string) {
			change(out, IndexFile, func(b []byte) []byte { return bytes.Replace(b, []byte("words"), []byte("wards"), 1) })
		}, ErrCorrupt, "index.json: not valid: checksum mismatch"},
		"later": {index, func(out string) {
			change(out, IndexFile, func(b []byte) []byte { return bytes.Replace(b, []byte(`"version":2`), []byte(`"version":3`), 1) })
		}, ErrVersion, rebuildHint},
	} {
		t.Run(name, func(t *testing.T) {
			top := t.TempDir()
			out := filepath.Join(top, "out")
			must(t, runIndex(out, "1"))
			test.make(out)
			before := snapshot(t, top)
			d, err := test.open(out)
			if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v, want %v that says %s", err, test.want, test.says)
			}
			if d != nil {
				d.Close()
			}
			if after := snapshot(t, top); !maps.Equal(before, after) {
				t.Errorf("touched: %v, was %v", slices.Sorted(maps.Keys(after)), slices.Sorted(maps.Keys(before)))
			}
			if _, err := LoadIndex(out); test.want == ErrCorrupt && (!errors.Is(err, ErrCorrupt) || !strings.HasPrefix(err.Error(), out+": ") || !strings.Contains(err.Error(), test.says)) {
				t.Errorf("loaded: %v", err)
			}
		})
	}
	none := filepath.Join(t.TempDir(), "none")
	if _, err := LoadIndex(none); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), none+": ") || !strings.Contains(err.Error(), IndexFile) {
		t.Errorf("no index: %v", err)
	}
}

// What a killed run leaves in the temporary directory is gone when the next opens it.
func TestTemp(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	d, err := OpenIndex(out)
	must(t, err)
	if x, err := d.Index(); x != nil || err != nil {
		t.Errorf("an index before the first: %v, %v", x, err)
	}
	temp, err := d.Temp()
	must(t, err)
	if again, err := d.Temp(); again != temp || err != nil {
		t.Errorf("second call: %s, %v", again, err)
	}
	must(t, os.WriteFile(filepath.Join(temp, "x.seg"), nil, 0o644))
	must(t, d.Close())
	if left, _ := os.ReadDir(filepath.Dir(out)); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	must(t, os.MkdirAll(temp, 0o755)) // as after kill -9
	must(t, os.WriteFile(filepath.Join(temp, "x.seg"), nil, 0o644))
	d, err = OpenIndex(out)
	must(t, err)
	defer d.Close()
	if _, err := os.Stat(temp); err == nil {
		t.Error("not cleaned")
	}
	_, err = d.Temp()
	must(t, err)
	if left, err := os.ReadDir(temp); len(left) != 0 || err != nil {
		t.Errorf("not empty: %v, %v", left, err)
	}
}

// A reader without the lock finds an index and its own segments, whatever is
// published meanwhile.
func TestLoadWhilePublishing(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped with -short: takes seconds")
	}
	out := filepath.Join(t.TempDir(), "out")
	must(t, runIndex(out, "first"))
	done := make(chan error, 1)
	go func() {
		for i := range 40 {
			if err := runIndex(out, fmt.Sprint("run", i)); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for loads := 0; ; loads++ {
		select {
		case err := <-done:
			must(t, err)
			if loads < 10 {
				t.Errorf("only %d loads", loads)
			}
			return
		default:
		}
		if _, err := LoadIndex(out); err != nil && (runtime.GOOS == "linux" || !errors.Is(err, fs.ErrNotExist)) {
			t.Error(err)
		}
	}
}
