package ledger

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"testing"
)

// goldenResults is a file of results as FORMAT.md describes it: of one shard in which
// something was found of the second of two subjects, and of one that failed.
const goldenResults = "\x93SWABR\r\n" + "\x05\x00\x00\x00\x00\x00\x00\x00" + "found" +
	`[{"reading":"r","searched":["a","b"],"results":[` +
	`{"entries":[{"name":"s.jsonl","size":9,"digest":"d","format":"jsonl","compression":"none","rows":1,` +
	`"documents":1,"text_bytes":4,"error":""}],` +
	`"sections":[{"of":1,"at":16,"size":5,"xxh3":"eb6c4fcb6d010eb1"}],"seen":{"path":"/s.jsonl","mod_time":7}},` +
	`{"entries":[{"name":"t.jsonl","size":1,"digest":"","format":"jsonl","compression":"none","rows":0,` +
	`"documents":0,"text_bytes":0,"error":"cut off"}]}]}]` +
	"\xbd\x01\x00\x00\x00\x00\x00\x00" + "'&D\xebr\xec\x85%"

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
