package ledger

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
)

// goldenResults is a file of results as FORMAT.md describes it: of one shard in which
// something was found of the second of two subjects, of one that failed, and of the two ranges
// of one.
const goldenResults = "\x93SWABR\r\n" + "\x06\x00\x00\x00\x00\x00\x00\x00" + "found" +
	`[{"reading":"r","searched":["a","b"],"results":[` +
	`{"entries":[{"name":"s.jsonl","size":9,"digest":"d","format":"jsonl","compression":"none","rows":1,` +
	`"documents":1,"text_bytes":4,"error":""}],` +
	`"sections":[{"of":1,"at":16,"size":5,"xxh3":"eb6c4fcb6d010eb1"}],"seen":{"path":"/s.jsonl","mod_time":7}},` +
	`{"entries":[{"name":"t.jsonl","size":1,"digest":"","format":"jsonl","compression":"none","rows":0,` +
	`"documents":0,"text_bytes":0,"error":"cut off"}]},` +
	`{"entries":[{"name":"u.jsonl","size":9,"digest":"w","format":"jsonl","compression":"none","rows":2,` +
	`"documents":2,"text_bytes":3,"range":{"at":0,"end":5,"digest":"x","tail":"07","sums":["x","y"]},"error":""}]},` +
	`{"entries":[{"name":"u.jsonl","size":9,"digest":"","format":"jsonl","compression":"none","rows":1,` +
	`"documents":1,"text_bytes":2,"range":{"at":5,"end":9,"digest":"y","head":"07"},"error":""}]}]}]` +
	"M\x03\x00\x00\x00\x00\x00\x00" + "v\x91\xe8\xc1\xc8\xc6\xd1\xf3"

// goldenRanges are the entries of the two ranges.
func goldenRanges() []*Entry {
	first := Entry{
		Name: "u.jsonl", Size: 9, Digest: "w", Format: "jsonl", Compression: "none", Rows: 2, Documents: 2, TextBytes: 3,
		Range: &Range{At: 0, End: 5, Digest: "x", Tail: "07", Sums: []string{"x", "y"}},
	}
	second := Entry{
		Name: "u.jsonl", Size: 9, Format: "jsonl", Compression: "none", Rows: 1, Documents: 1, TextBytes: 2,
		Range: &Range{At: 5, End: 9, Digest: "y", Head: "07"},
	}
	return []*Entry{&first, &second}
}

func goldenGroups() (groups []ResultGroup, content []byte, err error) {
	var b bytes.Buffer
	w, err := NewResultWriter(&b)
	if err != nil {
		return nil, nil, err
	}
	w.Group("r", []string{"a", "b"})
	err = w.Section(1, func(out io.Writer) error {
		_, err := io.WriteString(out, "found")
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	w.End([]Entry{{
		Name: "s.jsonl", Size: 9, Digest: "d", Format: "jsonl", Compression: "none", Rows: 1, Documents: 1, TextBytes: 4,
	}}, &Seen{Path: "/s.jsonl", ModTime: 7})
	w.Group("r", []string{"a", "b"})
	w.End([]Entry{{Name: "t.jsonl", Size: 1, Format: "jsonl", Compression: "none", Error: "cut off"}}, nil)
	for _, e := range goldenRanges() {
		w.End([]Entry{*e}, nil)
	}
	groups, err = w.Close()
	return groups, b.Bytes(), err
}

func TestResultsGolden(t *testing.T) {
	groups, content, err := goldenGroups()
	if err != nil {
		t.Fatal(err)
	}
	if string(content) != goldenResults {
		t.Errorf("written as\n%q\nwant\n%q", content, goldenResults)
	}
	got, err := readResults(bytes.NewReader([]byte(goldenResults)), int64(len(goldenResults)))
	if err != nil || !reflect.DeepEqual(got, groups) {
		t.Errorf("read as %+v, %v, want %+v", got, err, groups)
	}
}

// TestDamagedResultsAreRefused: no bit of a file of results can change, and none be cut off or
// added, without an error; another version is named.
func TestDamagedResultsAreRefused(t *testing.T) {
	_, content, err := goldenGroups()
	if err != nil {
		t.Fatal(err)
	}
	read := func(b []byte) error {
		_, err := readResults(bytes.NewReader(b), int64(len(b)))
		return err
	}
	if err := read(content); err != nil {
		t.Fatal(err)
	}
	for i := range 8 * len(content) {
		damaged := bytes.Clone(content)
		damaged[i/8] ^= 1 << (i % 8)
		want := ErrCorrupt
		if i/8 == len(resultsMagic) {
			want = ErrVersion
		}
		if err := read(damaged); !errors.Is(err, want) {
			t.Errorf("bit %d changed: %v", i, err)
		}
	}
	for i := range content {
		if err := read(content[:i]); !errors.Is(err, ErrCorrupt) {
			t.Errorf("cut at byte %d: %v", i, err)
		}
	}
	if err := read(append(bytes.Clone(content), 0)); !errors.Is(err, ErrCorrupt) {
		t.Errorf("with a byte more: %v", err)
	}
}

// FuzzResults: what reads as a file of results has sections inside the file and can be written
// again.
func FuzzResults(f *testing.F) {
	f.Add([]byte("[]"), []byte{})
	f.Add([]byte(`[{"reading":"r","searched":["a"],"results":[{"entries":[{"name":"s","size":9,"digest":"d",`+
		`"range":{"at":0,"end":5,"digest":"x","tail":"07","sums":["x","y"]}}]}]}]`), []byte{})
	f.Add([]byte(`[{"reading":"r","searched":["a"],"results":[{"entries":[{"name":"s","size":9,`+
		`"range":{"at":5,"end":9,"digest":"y","head":"07"}}],`+
		`"sections":[{"of":0,"at":16,"size":5,"xxh3":"eb6c4fcb6d010eb1"}]}]}]`), []byte("found"))
	f.Add([]byte(`[{"reading":"r","searched":["a"],"results":[{"entries":[{"name":"s"}],`+
		`"sections":[{"of":0,"at":16,"size":5,"xxh3":"eb6c4fcb6d010eb1"}]}]}]`), []byte("found"))
	f.Fuzz(func(t *testing.T, foot, sections []byte) {
		content := append(append(resultsBegin(), sections...), appendTail(bytes.Clone(foot))...)
		groups, err := readResults(bytes.NewReader(content), int64(len(content)))
		if err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Fatal(err)
			}
			return
		}
		at := int64(resultsHead)
		for _, g := range groups {
			for _, r := range g.Results {
				for _, e := range r.Entries {
					if g := e.Range; g != nil && (len(r.Entries) > 1 || g.At < 0 || g.End <= g.At || g.End > e.Size) {
						t.Fatalf("a range %+v of %d bytes in a result of %d shards", g, e.Size, len(r.Entries))
					}
				}
				for _, s := range r.Sections {
					if s.At != at || s.Size <= 0 || s.Of < 0 || s.Of >= len(g.Searched) {
						t.Fatalf("%+v where byte %d follows", s, at)
					}
					at += s.Size
				}
			}
		}
		if at != int64(resultsHead+len(sections)) {
			t.Fatalf("sections of %d bytes, there are %d", at-resultsHead, len(sections))
		}
	})
}

// TestRangesMakeAShard: ranges are united if they fill a shard and are of one version of it; with
// anything changed, left out, repeated or out of order they are not.
func TestRangesMakeAShard(t *testing.T) {
	e, before, err := Unite(goldenRanges())
	if err != nil || e.Range != nil || e.Rows != 3 || e.Documents != 3 || e.TextBytes != 5 || e.Digest != "w" ||
		!reflect.DeepEqual(before, []int64{0, 2}) {
		t.Fatalf("%+v, %v, %v", e, before, err)
	}
	for _, change := range []func(parts []*Entry) []*Entry{
		func(p []*Entry) []*Entry { return p[:1] },
		func(p []*Entry) []*Entry { return p[1:] },
		func(p []*Entry) []*Entry { return []*Entry{p[1], p[0]} },
		func(p []*Entry) []*Entry { return []*Entry{p[0], p[0], p[1]} },
		func(p []*Entry) []*Entry { p[0].Range.End = 4; return p },
		func(p []*Entry) []*Entry { p[0].Range.End = 6; return p },
		func(p []*Entry) []*Entry { p[1].Range.End = 8; return p },
		func(p []*Entry) []*Entry { p[1].Range.Head = "08"; return p },
		func(p []*Entry) []*Entry { p[1].Range.Head = ""; return p },
		func(p []*Entry) []*Entry { p[0].Range.Digest = "z"; return p },
		func(p []*Entry) []*Entry { p[1].Range.Digest = "z"; return p },
		func(p []*Entry) []*Entry { p[0].Range.Sums = []string{"x"}; return p },
		func(p []*Entry) []*Entry { p[1].Name = "v"; return p },
		func(p []*Entry) []*Entry { p[1].Size = 10; return p },
		func(p []*Entry) []*Entry { p[1].TextField = "content"; return p },
		func(p []*Entry) []*Entry { p[1].Version = "2"; return p },
		func(p []*Entry) []*Entry { p[1].Range = nil; return p },
	} {
		parts := change(goldenRanges())
		if e, _, err := Unite(parts); !errors.Is(err, ErrRanges) || !strings.Contains(err.Error(), "u.jsonl") {
			t.Errorf("%+v %+v: united as %+v, %v", parts[0], parts[len(parts)-1], e, err)
		}
	}
}

// TestDamagedRangesAreRefused: a result has a range that is part of its one shard, and the digests
// of one.
func TestDamagedRangesAreRefused(t *testing.T) {
	for _, change := range []func(e *Entry){
		func(e *Entry) { e.Range.At = -1 },
		func(e *Entry) { e.Range.End = 0 },
		func(e *Entry) { e.Range.End = 10 },
		func(e *Entry) { e.Range.At, e.Range.End = 0, 9 },
		func(e *Entry) { e.Error = "failed" },
		func(e *Entry) { e.Once = true },
		func(e *Entry) { e.Range.Digest = "" },
		func(e *Entry) { e.Digest = "other" },
		func(e *Entry) { e.Range.Sums = []string{"x"} },
	} {
		e := goldenRanges()[1]
		r := Result{Entries: []Entry{*e}}
		if err := r.check(1); err != nil {
			t.Fatal(err)
		}
		change(e)
		r.Entries[0] = *e
		if err := r.check(1); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%+v: %v", e.Range, err)
		}
	}
	r := Result{Entries: []Entry{{Name: "a"}, *goldenRanges()[1]}}
	if err := r.check(1); !errors.Is(err, ErrCorrupt) {
		t.Errorf("with another shard: %v", err)
	}
}
