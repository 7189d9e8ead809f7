package shard

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// tree makes a directory of the named files and goes there. A name that ends in
// a slash is a directory; "a -> b" is a symbolic link.
func tree(t *testing.T, names ...string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for _, name := range names {
		var err error
		if link, to, ok := strings.Cut(name, " -> "); ok {
			err = errors.Join(os.MkdirAll(filepath.Dir(link), 0o755), os.Symlink(to, link))
		} else if strings.HasSuffix(name, "/") {
			err = os.MkdirAll(name, 0o755)
		} else {
			err = errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(name), 0o644))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func names(shards []Shard) []string {
	var out []string
	for _, s := range shards {
		out = append(out, s.Name)
	}
	return out
}

func TestFind(t *testing.T) {
	files := []string{
		"c/b/2.jsonl", "c/a.parquet", "c/b/1.JSONL.GZ", "c/notes.csv", "c/b/.hidden.jsonl", "c/.git/x.jsonl",
		"c/b/deep/er/3.txt.zst", "solo.json", "d[1].jsonl", "d1.jsonl", "two words.txt", "日本.md", "new\nline.txt", "-dash.ipc", "#sharp.txt",
		"links/in.jsonl -> ../c/b/2.jsonl", "links/dir -> ../c/b", "links/up -> ..", "links/none -> nowhere", "links/loop -> loop",
		"empty/", "other/x.csv", "list.txt", "@odd.txt",
	}
	list := "# a comment\n\n  c/b  \r\nsolo.json\n./@odd.txt\n"
	for _, c := range []struct {
		patterns, want, skipped []string
	}{
		{[]string{"c"}, []string{"c/a.parquet", "c/b/1.JSONL.GZ", "c/b/2.jsonl", "c/b/deep/er/3.txt.zst"},
			[]string{"c/.git: hidden", "c/b/.hidden.jsonl: hidden", "c/notes.csv: unknown ending"}},
		{[]string{"./c//b/", "c/b/2.jsonl", "c/../c/b"}, []string{"c/b/1.JSONL.GZ", "c/b/2.jsonl", "c/b/deep/er/3.txt.zst"}, []string{"c/b/.hidden.jsonl: hidden"}},
		{[]string{"c/*"}, []string{"c/a.parquet", "c/b/1.JSONL.GZ", "c/b/2.jsonl", "c/b/deep/er/3.txt.zst"},
			[]string{"c/b/.hidden.jsonl: hidden", "c/notes.csv: unknown ending"}},
		{[]string{"c/*.parquet"}, []string{"c/a.parquet"}, nil},
		{[]string{"c/**"}, []string{"c/a.parquet", "c/b/1.JSONL.GZ", "c/b/2.jsonl", "c/b/deep/er/3.txt.zst"},
			[]string{"c/.git: hidden", "c/b/.hidden.jsonl: hidden", "c/notes.csv: unknown ending"}},
		{[]string{"c/**/*.jsonl"}, []string{"c/b/2.jsonl"}, nil},
		{[]string{"**/[12].*"}, []string{"c/b/1.JSONL.GZ", "c/b/2.jsonl"}, nil},
		{[]string{"c/**/3.txt.zst", "c/**/**/3.*"}, []string{"c/b/deep/er/3.txt.zst"}, nil},
		{[]string{"c/b/.hid*"}, []string{"c/b/.hidden.jsonl"}, nil},
		{[]string{"c/b/.hidden.jsonl"}, []string{"c/b/.hidden.jsonl"}, nil},
		{[]string{"d[1].jsonl"}, []string{"d[1].jsonl"}, nil},
		{[]string{"d[1-9].jsonl"}, []string{"d1.jsonl"}, nil},
		{[]string{`d\[*`}, []string{"d[1].jsonl"}, nil},
		{[]string{"two words.txt", "日本.md", "new\nline.txt", "-dash.ipc", "#sharp.txt"}, []string{"#sharp.txt", "-dash.ipc", "new\nline.txt", "two words.txt", "日本.md"}, nil},
		{[]string{"links/in.jsonl"}, []string{"links/in.jsonl"}, nil},
		{[]string{"links/in.jsonl", "c/b/2.jsonl"}, []string{"c/b/2.jsonl"}, nil},
		{[]string{"links/dir"}, []string{"links/dir/1.JSONL.GZ", "links/dir/2.jsonl", "links/dir/deep/er/3.txt.zst"}, []string{"links/dir/.hidden.jsonl: hidden"}},
		{[]string{"@list.txt"}, []string{"@odd.txt", "c/b/1.JSONL.GZ", "c/b/2.jsonl", "c/b/deep/er/3.txt.zst", "solo.json"}, []string{"c/b/.hidden.jsonl: hidden"}},
	} {
		t.Run(strings.Join(c.patterns, ","), func(t *testing.T) {
			tree(t, files...)
			os.WriteFile("list.txt", []byte(list), 0o644)
			for range 2 {
				shards, skipped, err := formats.Find(c.patterns, Search{})
				if err != nil {
					t.Fatal(err)
				}
				if got := names(shards); !slices.Equal(got, c.want) {
					t.Errorf("got %q, want %q", got, c.want)
				}
				var said []string
				for _, s := range skipped {
					said = append(said, s.Path+": "+s.Why)
				}
				if !slices.Equal(said, c.skipped) {
					t.Errorf("skipped %q, want %q", said, c.skipped)
				}
				for _, s := range shards {
					f, z, _ := formats.TypeOf(s.Name)
					fi, err := os.Stat(s.Path)
					if err != nil || fi.Size() != s.Size || !fi.ModTime().Equal(s.ModTime) || s.Format != f || s.Compression != z {
						t.Errorf("%+v, %v", s, err)
					}
				}
				slices.Reverse(c.patterns) // the order of patterns changes nothing
			}
		})
	}

	t.Run("links round and round", func(t *testing.T) {
		tree(t, files...)
		shards, skipped, err := formats.Find([]string{"links"}, Search{})
		if err != nil {
			t.Fatal(err)
		}
		// Each file once, under the name that sorts first; links/up leads to all else.
		want := []string{"links/dir/1.JSONL.GZ", "links/dir/2.jsonl", "links/dir/deep/er/3.txt.zst",
			"links/up/#sharp.txt", "links/up/-dash.ipc", "links/up/@odd.txt", "links/up/c/a.parquet", "links/up/d1.jsonl", "links/up/d[1].jsonl",
			"links/up/list.txt", "links/up/new\nline.txt", "links/up/solo.json", "links/up/two words.txt", "links/up/日本.md"}
		if got := names(shards); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		if !slices.Contains(skipped, Skipped{"links/up/links", "a symbolic link to a directory that contains it", PassedOver}) ||
			!slices.Contains(skipped, Skipped{"links/none", "a symbolic link to nothing", PassedOver}) {
			t.Errorf("skipped %q", skipped)
		}
		if shards, _, err := formats.Find([]string{"**/solo.json"}, Search{}); err != nil || len(shards) != 1 || shards[0].Name != "links/up/solo.json" {
			t.Errorf("got %q, %v", names(shards), err)
		}
	})

	for _, c := range []struct{ pattern, says string }{
		{"", "empty pattern"},
		{"gone.jsonl", "gone.jsonl: no such file or directory"},
		{"gone\x1bc.jsonl", `"gone\x1bc.jsonl": no such file`},
		{"solo.json/x.jsonl", "not a directory"},
		{"c/*.lz4", "c/*.lz4: no shard found (0 files and directories skipped); known endings: .jsonl .ndjson"},
		{"c/*.csv", "c/*.csv: no shard found (1 files"},
		{"nowhere/**/x*", "no shard found"},
		{"c/[", "malformed glob"},
		{"empty", "empty: no shard found (0 files"},
		{"other", "other: no shard found (1 files"},
		{"c/notes.csv", "c/notes.csv: unknown ending; known are .jsonl"},
		{"x.gz", "x.gz: gzip of an unknown format; the name must end in format and compression, as in x.jsonl.gz"},
		{"pipes", "pipes/p.txt: a named pipe"},
		{"dead", "dead/x.jsonl: no such file"},
		{"@gone.txt", "@gone.txt: no such file"},
		{"@nothing.txt", "@nothing.txt: the list is empty"},
		{"@bad.txt", "bad.txt: line 2: gone.jsonl: no such file"},
		{"@nested.txt", "nested.txt: line 1: @list.txt: a list cannot name another list"},
	} {
		t.Run("error/"+c.pattern, func(t *testing.T) {
			tree(t, append(files, "dead/x.jsonl -> nowhere", "pipes/", "x.gz")...)
			os.WriteFile("list.txt", []byte(list), 0o644)
			os.WriteFile("nothing.txt", []byte("# nothing\n\n"), 0o644)
			os.WriteFile("bad.txt", []byte("solo.json\ngone.jsonl\n"), 0o644)
			os.WriteFile("nested.txt", []byte("@list.txt"), 0o644)
			for _, p := range []string{"pipes/p.txt"} {
				if err := syscall.Mkfifo(p, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			shards, skipped, err := formats.Find([]string{"solo.json", c.pattern}, Search{})
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %q", err, c.says)
			}
			if shards != nil || skipped != nil {
				t.Errorf("an error and %q, %q", names(shards), skipped)
			}
			_, _, err = formats.Find([]string{"gone.one", c.pattern, "gone.two"}, Search{})
			if err == nil || !strings.Contains(err.Error(), "gone.one") || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "gone.two") {
				t.Errorf("not every error came back: %v", err)
			}
		})
	}
	t.Run("opening a pipe", func(t *testing.T) {
		tree(t)
		if err := syscall.Mkfifo("pipe.jsonl", 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(at("pipe.jsonl", "pipe.jsonl"), Limits{}, false, nil); err == nil || !strings.Contains(err.Error(), "a named pipe") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("none", func(t *testing.T) {
		if shards, skipped, err := formats.Find(nil, Search{}); shards != nil || skipped != nil || err != nil {
			t.Error(shards, skipped, err)
		}
	})
}

func TestTypeOf(t *testing.T) {
	for name, want := range map[string]struct {
		f  *Format
		c  Compression
		ok bool
	}{
		"x.jsonl": {JSONL, None, true}, "x.ndjson": {JSONL, None, true}, "c4-train.00000-of-01024.json.gz": {JSONL, Gzip, true},
		"x.parquet": {Parquet, None, true}, "x.arrow": {ArrowFile, None, true}, "x.feather": {ArrowFile, None, true}, "x.ipc": {ArrowFile, None, true},
		"x.arrows": {ArrowStream, None, true}, "x.arrowstream": {ArrowStream, None, true},
		"x.txt": {Text, None, true}, "x.text": {Text, None, true}, "README.MD": {Text, None, true},
		"x.JSONL.Zst": {JSONL, Zstd, true}, "x.jsonl.zstd": {JSONL, Zstd, true}, "x.txt.gzip": {Text, Gzip, true},
		"x.txt.bz2": {Text, Bzip2, true}, "x.txt.xz": {Text, Xz, true}, "x.txt.lz4": {Text, Lz4, true},
		"x.csv.gz": {nil, Gzip, false}, "x.gz": {nil, Gzip, false}, "x.csv": {nil, None, false}, "jsonl": {nil, None, false}, "x.jsonl.gz.gz": {nil, Gzip, false},
		"": {nil, None, false}, "a.jsonl/x": {nil, None, false}, "x.jsonl.bak": {nil, None, false},
	} {
		f, c, ok := formats.TypeOf(name)
		if f != want.f || c != want.c || ok != want.ok {
			t.Errorf("%q: %v %v %v, want %v", name, f, c, ok, want)
		}
	}
	for _, e := range strings.Fields(formats.Endings()) {
		for _, z := range append(strings.Fields(compressionEndings), "") {
			if _, c, ok := formats.TypeOf("x" + e + z); !ok || (c == None) != (z == "") {
				t.Errorf("x%s%s is not known", e, z)
			}
		}
	}
}

func TestSansPath(t *testing.T) {
	err := pathError("x", &fs.PathError{Op: "open", Path: "x", Err: fs.ErrPermission})
	if err.Error() != "x: permission denied" || !errors.Is(err, fs.ErrPermission) {
		t.Error(err)
	}
}

// A name without a known ending is a shard if its content says so, in a directory too.
func TestFindByContent(t *testing.T) {
	tree(t, "d/")
	parquet := "PAR1 and pages PAR1"
	for name, data := range map[string]string{
		"d/part-1.zst": string(pack(t, Zstd, []byte("\n{\"text\":\"a\"}"))), "d/part-2.GZ": string(pack(t, Gzip, []byte("\uFEFF[1]"))), "d/part-3": string(pack(t, Zstd, []byte("{}"))),
		"d/columns": parquet, "d/columns.gz": string(pack(t, Gzip, []byte(parquet))), "d/archive.sql.gz": string(pack(t, Gzip, []byte("CREATE TABLE x"))),
		"d/notes": "{}", "d/page.html": "<p>", "d/empty.gz": string(pack(t, Gzip, []byte(""))), "d/cut.zst": string(pack(t, Zstd, []byte("{}")))[:5],
	} {
		if err := os.WriteFile(name, []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	shards, skipped, err := formats.Find([]string{"d"}, Search{})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := names(shards), []string{"d/columns", "d/columns.gz", "d/part-1.zst", "d/part-2.GZ", "d/part-3"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if len(skipped) != 5 {
		t.Errorf("skipped %q", skipped)
	}
	for i, f := range []*Format{Parquet, Parquet, JSONL, JSONL, JSONL} {
		if shards[i].Format != f {
			t.Errorf("%s is %s, want %s", shards[i].Name, shards[i].Format, f)
		}
	}
}

// TestNotTheText: UTF-16 is named as such in any format of text, and so is a Git LFS pointer in any.
func TestNotTheText(t *testing.T) {
	pointer := lfsPointer + "v1\noid sha256:00\nsize 1\n"
	for name, c := range map[string]struct{ content, says string }{
		"le.jsonl":  {"\xff\xfe{\x00}\x00", "iconv -f UTF-16"},
		"be.txt":    {"\xfe\xff\x00{\x00}", "iconv -f UTF-16"},
		"bare.json": {"\x00{\x00\"\x00a\x00\"", "iconv -f UTF-16"},
		"lfs.jsonl": {pointer, "git lfs pull"}, "lfs.parquet": {pointer, "git lfs pull"},
		"lfs.txt": {pointer, "git lfs pull"}, "lfs.jsonl.zst": {pointer, "git lfs pull"},
		"ok.txt": {"a\x00b\x00", ""}, "short.txt": {"\x00", ""}, "bom.jsonl": {"\ufeff{}", ""},
	} {
		_, err := Open(write(t, name, []byte(c.content)), Limits{}, false, nil)
		if c.says == "" && err != nil || c.says != "" && (!errors.Is(err, ErrMismatch) || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}

func TestExcluded(t *testing.T) {
	for _, c := range []struct {
		glob, name string
		want       bool
	}{
		{"*.tar", "a/b.tar", true}, {"*.tar", "a.tar/b", false}, {"a/b", "a/b/c", true}, {"a/*", "a/b", true}, {"b/*", "a/b/c", false},
		{"**/b", "a/b", true}, {"**/b", "b", true}, {"a/**", "a/b/c", true}, {"a/**/d", "a/b/c/d", true}, {"/a/*", "/a/b", true},
	} {
		if got := (Search{Exclude: []string{c.glob}}).excludedBy(c.name) != ""; got != c.want {
			t.Errorf("%s of %s: %v", c.glob, c.name, got)
		}
	}
}
