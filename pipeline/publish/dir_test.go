package publish

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// A child process opens a directory, stores results, publishes and closes, and
// stops dead after a given number of steps.
const (
	childMode = "PUBLISH_TEST_CHILD" // "steps", "loop" or "hold"
	childOut  = "PUBLISH_TEST_OUT"
	childStop = "PUBLISH_TEST_STOP"
	childSwap = "PUBLISH_TEST_SWAP" // "aside" to do without an exchange
	childKind = "PUBLISH_TEST_KIND" // of kinds
)

// Two kinds as swab has them: one made of results, as an audit, and one of files that
// stay from tree to tree, as an index.
const (
	treeFile  = "tree"
	addedFile = "added"
)

var (
	treeKind = Kind{Name: "a tree", Mark: treeFile, Sub: shardsDir, Kept: addedFile,
		Names: []string{treeFile, "file", "big", "clean", "removed", addedFile, shardsDir}, Check: checkTree}
	partsKind = Kind{Name: "some parts", Mark: "parts.txt", Names: []string{"parts.txt", "parts"}, Sub: "parts"}
	errLater  = errors.New("of a later version")
)

func checkTree(tree fs.FS) error {
	b, err := fs.ReadFile(tree, treeFile)
	switch {
	case err != nil:
		return err
	case string(b) == "later":
		return errLater
	case !bytes.HasPrefix(b, []byte("tree ")):
		return fmt.Errorf("%w: %s is not valid", ErrForeign, treeFile)
	}
	return nil
}

func openTree(out string) (*Dir, error) { return Open(out, &treeKind) }

// kinds are the directories, how a test publishes one, and how it is looked at.
var kinds = map[string]struct {
	open  func(out string) (*Dir, error)
	run   func(out string, swap func(a, b string) error, step func(string), mark string) error
	whole func(t *testing.T, out string, keys ...string) string
}{
	"tree":  {openTree, runOnce, whole},
	"parts": {func(out string) (*Dir, error) { return Open(out, &partsKind) }, runParts, wholeParts},
}

// runParts publishes base, which is made once and kept, and a part of its own.
func runParts(out string, swap func(a, b string) error, step func(string), mark string) error {
	d, err := open(out, &partsKind, swap, step)
	if err != nil {
		return err
	}
	temp, err := d.Temp()
	if err != nil {
		return err
	}
	files := []string{mark}
	earlier := d.Has("parts.txt")
	if !earlier {
		files = append(files, "base")
	}
	for _, file := range files {
		if err := create(filepath.Join(temp, file), text("part "+file)); err != nil {
			return err
		}
	}
	step("parts made")
	err = d.Publish(nil, func(root string) error {
		for _, file := range files {
			if err := os.Rename(filepath.Join(temp, file), filepath.Join(root, "parts", file)); err != nil {
				return err
			}
		}
		if earlier {
			if err := d.Keep(root, "parts/base"); err != nil {
				return err
			}
		}
		return create(filepath.Join(root, "parts.txt"), text(mark))
	})
	if err != nil {
		return err
	}
	return d.Close()
}

// wholeParts is whole for parts.
func wholeParts(t *testing.T, out string, _ ...string) string {
	t.Helper()
	if entries, err := os.ReadDir(out); errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return ""
	}
	mark := string(read(t, filepath.Join(out, "parts.txt")))
	for _, file := range []string{"base", mark} {
		if got := string(read(t, filepath.Join(out, "parts", file))); got != "part "+file {
			t.Fatalf("parts/%s says %q", file, got)
		}
	}
	if parts, _ := os.ReadDir(filepath.Join(out, "parts")); len(parts) != 2 {
		t.Fatalf("parts: %v", parts)
	}
	return mark
}

func TestMain(m *testing.M) {
	mode := os.Getenv(childMode)
	if mode == "" {
		os.Exit(m.Run())
	}
	if err := child(mode); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

const killed = 99

func child(mode string) error {
	stop, _ := strconv.Atoi(os.Getenv(childStop))
	steps := 0
	step := func(string) {
		if steps++; steps == stop {
			os.Exit(killed) // no deferred call runs, as after kill -9
		}
	}
	swap := exchange
	if os.Getenv(childSwap) == "aside" {
		swap = noExchange
	}
	out, runOnce := os.Getenv(childOut), kinds[os.Getenv(childKind)].run
	switch mode {
	case "hold":
		d, err := open(out, &treeKind, swap, step)
		if err != nil {
			return err
		}
		fmt.Println("held")
		io.Copy(io.Discard, os.Stdin)
		return d.Close()
	case "loop":
		for i := 0; ; i++ {
			if err := runOnce(out, swap, step, fmt.Sprint("loop", i)); err != nil {
				return err
			}
		}
	}
	return runOnce(out, swap, step, "new")
}

func noExchange(a, b string) error { return errors.ErrUnsupported }

func runOnce(out string, swap func(a, b string) error, step func(string), mark string) error {
	d, err := open(out, &treeKind, swap, step)
	if err != nil {
		return err
	}
	for _, key := range []string{"aa", "bb"} {
		if _, ok := d.Get(key); !ok {
			if err := d.Put(key, text("result "+key)); err != nil {
				return err
			}
		}
	}
	if err := d.Publish([]string{"aa", "bb"}, tree(mark)); err != nil {
		return err
	}
	return d.Close()
}

func text(s string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, s)
		return err
	}
}

// tree builds a tree in which every file says mark.
func tree(mark string) func(root string) error {
	return func(root string) error {
		if err := create(filepath.Join(root, treeFile), text("tree "+mark)); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(root, "file"), []byte(mark), 0o644); err != nil {
			return err
		}
		if err := os.Mkdir(filepath.Join(root, "clean"), 0o755); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(root, "clean", "x"), []byte(mark), 0o644)
	}
}

// whole gives the mark of the tree at out, "" if there is none, and fails the
// test unless every file of it is there and says the same.
func whole(t *testing.T, out string, keys ...string) string {
	t.Helper()
	entries, err := os.ReadDir(out)
	if errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	must(t, err)
	if len(entries) == 0 {
		return ""
	}
	mark, ok := strings.CutPrefix(string(read(t, filepath.Join(out, treeFile))), "tree ")
	if !ok {
		t.Fatal("it is no tree")
	}
	for _, name := range []string{"file", "clean/x"} {
		if b, err := os.ReadFile(filepath.Join(out, name)); err != nil || string(b) != mark {
			t.Fatalf("%s says %q, %v; the tree says %q", name, b, err, mark)
		}
	}
	for _, key := range keys {
		if b, err := os.ReadFile(filepath.Join(out, shardsDir, key)); err != nil || string(b) != "result "+key {
			t.Fatalf("shards/%s says %q, %v", key, b, err)
		}
	}
	return mark
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func start(t *testing.T, mode, kind, out, swap string, stop int) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childMode+"="+mode, childKind+"="+kind, childOut+"="+out, childSwap+"="+swap, childStop+"="+strconv.Itoa(stop))
	cmd.Stderr = os.Stderr
	return cmd
}

// snapshot lists everything below root with its content.
func snapshot(t *testing.T, root string) map[string]string {
	t.Helper()
	all := map[string]string{}
	must(t, filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		all[path] = e.Type().String()
		if e.Type().IsRegular() {
			b, err := os.ReadFile(path)
			all[path] += string(b)
			return err
		}
		return nil
	}))
	return all
}

// After death at any step DIR is the old or the new tree, whole, and the next
// run publishes and leaves nothing behind.
func TestKilledAtEveryStep(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped with -short: starts a process for every step")
	}
	for _, test := range []string{"tree/absent", "tree/empty", "tree/earlier", "parts/absent", "parts/earlier"} {
		for _, swap := range []string{"exchange", "aside"} {
			t.Run(test+"/"+swap, func(t *testing.T) {
				name, before, _ := strings.Cut(test, "/")
				kind := kinds[name]
				for stop := 1; ; stop++ {
					out := filepath.Join(t.TempDir(), "out")
					old := ""
					switch before {
					case "empty":
						must(t, os.Mkdir(out, 0o755))
					case "earlier":
						must(t, kind.run(out, exchange, func(string) {}, "old"))
						old = "old"
					}
					err := start(t, "steps", name, out, swap, stop).Run()
					var exit *exec.ExitError
					if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != killed) {
						t.Fatalf("stop %d: %v", stop, err)
					}
					// Between the two renames there is no DIR until the next Open.
					if swap == "exchange" || exists(out) {
						if got := kind.whole(t, out, "aa", "bb"); got != old && got != "new" && exists(out) {
							t.Fatalf("stop %d: found %q", stop, got)
						}
					}
					d, err2 := kind.open(out)
					if err2 != nil {
						t.Fatalf("stop %d: %v", stop, err2)
					}
					if got := kind.whole(t, out); got != old && got != "new" {
						t.Fatalf("stop %d: after Open: %q", stop, got)
					}
					must(t, d.Close())
					must(t, kind.run(out, exchange, func(string) {}, "next"))
					if got := kind.whole(t, out, "aa", "bb"); got != "next" {
						t.Fatalf("stop %d: next run left %q", stop, got)
					}
					if left, _ := os.ReadDir(filepath.Dir(out)); len(left) != 1 {
						t.Fatalf("stop %d: left behind: %v", stop, left)
					}
					if err == nil {
						if stop < 10 {
							t.Fatalf("only %d steps", stop)
						}
						return
					}
				}
			})
		}
	}
}

// The same with kill -9 at random moments, which also fall inside the steps.
func TestKilledAtRandom(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many processes")
	}
	for name, kind := range kinds {
		for _, swap := range []string{"exchange", "aside"} {
			out := filepath.Join(t.TempDir(), "out")
			for range 25 {
				cmd := start(t, "loop", name, out, swap, 0)
				must(t, cmd.Start())
				time.Sleep(time.Duration(rand.IntN(60)) * time.Millisecond)
				must(t, cmd.Process.Kill())
				cmd.Wait()
				d, err := kind.open(out)
				must(t, err)
				if got := kind.whole(t, out, "aa", "bb"); got == "" && exists(out) {
					t.Fatal("nothing in it")
				}
				must(t, d.Close())
			}
			must(t, kind.run(out, exchange, func(string) {}, "last"))
			if kind.whole(t, out, "aa", "bb") != "last" {
				t.Fatal("not published")
			}
		}
	}
}

func TestResume(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	d, err := openTree(out)
	must(t, err)
	must(t, d.Put("aa", text("result aa")))
	boom := errors.New("boom")
	if err := d.Put("bb", func(w io.Writer) error { w.Write([]byte("half")); return boom }); !errors.Is(err, boom) {
		t.Fatal(err)
	}
	must(t, d.Close())
	must(t, os.WriteFile(filepath.Join(d.work, shardsDir, "bb.7"), []byte("half"), 0o644)) // as a killed Put leaves it

	d, err = openTree(out)
	must(t, err)
	if path, ok := d.Get("aa"); !ok || string(read(t, path)) != "result aa" {
		t.Fatal("result lost")
	}
	if _, ok := d.Get("bb"); ok {
		t.Fatal("half a result found")
	}
	must(t, d.Put("bb", text("result bb")))
	must(t, d.Put("cc", text("result cc")))
	must(t, d.Publish([]string{"aa", "bb", "aa"}, tree("1")))
	if whole(t, out, "aa", "bb") != "1" {
		t.Fatal("not published")
	}
	if _, ok := d.Get("cc"); ok {
		t.Fatal("a result that was left out is still there")
	}
	// Once more in the same run, with a result replaced and one from the published tree.
	must(t, d.Put("aa", text("other aa")))
	if path, _ := d.Get("aa"); string(read(t, path)) != "other aa" {
		t.Fatal("the earlier result hides the new one")
	}
	must(t, d.Publish([]string{"aa", "bb"}, tree("2")))
	if whole(t, out, "bb") != "2" || string(read(t, filepath.Join(out, shardsDir, "aa"))) != "other aa" {
		t.Fatal("not published again")
	}
	must(t, d.Close())
	must(t, d.Close())
	if exists(d.work) {
		t.Fatal("work directory left with nothing to resume from")
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	return b
}

func TestPublishFails(t *testing.T) {
	boom := errors.New("boom")
	for name, test := range map[string]struct {
		keys  []string
		build func(string) error
		want  string
	}{
		"build":      {nil, func(root string) error { tree("2")(root); return boom }, "boom"},
		"no result":  {[]string{"dd"}, tree("2"), "does not exist"},
		"bad key":    {[]string{"../aa"}, tree("2"), "does not exist"},
		"no tree":    {nil, func(root string) error { return os.Mkdir(filepath.Join(root, "clean"), 0o755) }, "has no " + treeFile},
		"bad tree":   {nil, func(root string) error { return os.WriteFile(filepath.Join(root, treeFile), []byte("{}"), 0o644) }, "not valid"},
		"other name": {nil, func(root string) error { tree("2")(root); return os.Mkdir(filepath.Join(root, "x"), 0o755) }, `"x" is not`},
		"link": {nil, func(root string) error {
			tree("2")(root)
			return os.Symlink("/", filepath.Join(root, "removed"))
		}, `"removed" is not`},
	} {
		t.Run(name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out")
			must(t, runOnce(out, exchange, func(string) {}, "1"))
			d, err := openTree(out)
			must(t, err)
			must(t, d.Put("cc", text("result cc")))
			if err := d.Publish(test.keys, test.build); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
			must(t, d.Close())
			if whole(t, out, "aa", "bb") != "1" {
				t.Error("touched")
			}
			if string(read(t, filepath.Join(d.work, shardsDir, "cc"))) != "result cc" {
				t.Error("finished result lost")
			}
		})
	}
}

func TestForeign(t *testing.T) {
	make := func(dir string) {
		must(t, os.Mkdir(dir, 0o755))
		must(t, tree("1")(dir))
	}
	for name, test := range map[string]struct {
		make func(out string)
		want error
	}{
		"file":      {func(out string) { must(t, os.WriteFile(out, []byte("mine"), 0o644)) }, ErrForeign},
		"directory": {func(out string) { must(t, os.MkdirAll(filepath.Join(out, "sub"), 0o755)) }, ErrForeign},
		"other": {func(out string) {
			make(out)
			must(t, os.WriteFile(filepath.Join(out, treeFile), []byte("mine"), 0o644))
		}, ErrForeign},
		"a note": {func(out string) { make(out); must(t, os.WriteFile(filepath.Join(out, "note"), nil, 0o644)) }, ErrForeign},
		"later": {func(out string) {
			make(out)
			must(t, os.WriteFile(filepath.Join(out, treeFile), []byte("later"), 0o644))
		}, errLater},
		"work is a file": {func(out string) {
			must(t, os.WriteFile(filepath.Join(filepath.Dir(out), ".out.swab"), nil, 0o644))
		}, ErrForeign},
		"no parent": {func(out string) { must(t, os.Remove(filepath.Dir(out))) }, fs.ErrNotExist},
	} {
		t.Run(name, func(t *testing.T) {
			top := t.TempDir()
			out := filepath.Join(top, "parent", "out")
			must(t, os.Mkdir(filepath.Dir(out), 0o755))
			test.make(out)
			before := snapshot(t, top)
			d, err := openTree(out)
			if !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
			if d != nil {
				d.Close()
			}
			if after := snapshot(t, top); !maps.Equal(before, after) {
				t.Errorf("touched: %v, was %v", after, before)
			}
		})
	}
	t.Run("fresh", func(t *testing.T) {
		kind := Kind{Name: "an export", Mark: "m", Fresh: true}
		out := filepath.Join(t.TempDir(), "out")
		run := func() error {
			d, err := Open(out, &kind)
			if err != nil {
				return err
			}
			return errors.Join(d.Publish(nil, func(root string) error { return create(filepath.Join(root, "m"), text("1")) }), d.Close())
		}
		must(t, run())
		if err := run(); !errors.Is(err, fs.ErrExist) || !strings.Contains(err.Error(), "choose another --out") {
			t.Error(err)
		}
		if err := Replaceable(out, &kind); !errors.Is(err, fs.ErrExist) {
			t.Error(err)
		}
		if left, _ := os.ReadDir(filepath.Dir(out)); len(left) != 1 {
			t.Errorf("left behind: %v", left)
		}
	})
	t.Run("current", func(t *testing.T) {
		t.Chdir(t.TempDir())
		for _, out := range []string{".", "/", ""} {
			if d, err := openTree(out); err == nil {
				d.Close()
				t.Errorf("%q was taken", out)
			}
		}
	})
	t.Run("while it runs", func(t *testing.T) {
		out := filepath.Join(t.TempDir(), "out")
		must(t, runOnce(out, exchange, func(string) {}, "1"))
		d, err := openTree(out)
		must(t, err)
		defer d.Close()
		must(t, os.WriteFile(filepath.Join(out, "note"), []byte("mine"), 0o644))
		if err := d.Publish(nil, tree("2")); !errors.Is(err, ErrForeign) {
			t.Error(err)
		}
		if string(read(t, filepath.Join(out, "note"))) != "mine" {
			t.Error("the note is gone")
		}
	})
}

func TestSymbolicLink(t *testing.T) {
	for _, made := range []bool{true, false} {
		top := t.TempDir()
		target, out := filepath.Join(top, "far", "target"), filepath.Join(top, "out")
		must(t, os.Mkdir(filepath.Dir(target), 0o755))
		if made {
			must(t, os.Mkdir(target, 0o755))
		}
		must(t, os.Symlink("far/target", out))
		must(t, runOnce(out, exchange, func(string) {}, "1"))
		must(t, runOnce(out, exchange, func(string) {}, "2"))
		if whole(t, target, "aa", "bb") != "2" {
			t.Error("the link was not followed")
		}
		if info, err := os.Lstat(out); err != nil || info.Mode().Type() != fs.ModeSymlink {
			t.Error("the link was replaced")
		}
	}
	loop := filepath.Join(t.TempDir(), "loop")
	must(t, os.Symlink("loop", loop))
	if _, err := openTree(loop); err == nil {
		t.Error("a link to itself was taken")
	}
}

func TestLocked(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	cmd := start(t, "hold", "tree", out, "", 0)
	in, err := cmd.StdinPipe()
	must(t, err)
	stdout, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	if _, err := io.ReadFull(stdout, make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	_, err = openTree(out)
	if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), fmt.Sprintf("pid %d on host", cmd.Process.Pid)) ||
		!strings.Contains(err.Error(), time.Now().UTC().Format("since 2006-")) {
		t.Errorf("second process: %v", err)
	}
	must(t, cmd.Process.Kill())
	cmd.Wait()
	in.Close()

	d, err := openTree(out) // the lock file of the dead process is there
	must(t, err)
	if _, err := openTree(out); !errors.Is(err, ErrLocked) {
		t.Errorf("same process: %v", err)
	}
	must(t, d.Close())
	if left, _ := os.ReadDir(filepath.Dir(out)); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// Whatever the moments at which runs come and go, one at a time holds the
// directory, and whoever is refused is told so.
func TestLockRace(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	var held sync.Mutex
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for got := 0; got < 20; {
				d, err := openTree(out)
				if errors.Is(err, ErrLocked) {
					runtime.Gosched()
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				if !held.TryLock() {
					t.Error("two hold it")
				} else {
					held.Unlock()
				}
				got++
				if err := d.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func TestKeys(t *testing.T) {
	d, err := openTree(filepath.Join(t.TempDir(), "out"))
	must(t, err)
	defer d.Close()
	for _, key := range []string{"", ".", "..", "../../x", "AA", "a/b", "g", "aa.1", strings.Repeat("a", 129), "a\x00"} {
		if err := d.Put(key, text("x")); err == nil {
			t.Errorf("%q stored", key)
		}
		if _, ok := d.Get(key); ok {
			t.Errorf("%q found", key)
		}
	}
	var wg sync.WaitGroup // equal shards give equal keys in several lanes at once
	for range 8 {
		wg.Go(func() {
			if err := d.Put("ab", text(strings.Repeat("same", 1<<15))); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	path, ok := d.Get("ab")
	if !ok || !bytes.Equal(read(t, path), bytes.Repeat([]byte("same"), 1<<15)) {
		t.Error("not whole")
	}
	if info, _ := os.Stat(path); info.Mode().Perm()&0o444 != 0o444&^umask(t) {
		t.Errorf("mode %v", info.Mode())
	}
}

// umask finds the process's umask by what it does.
func umask(t *testing.T) fs.FileMode {
	path := filepath.Join(t.TempDir(), "f")
	f, err := os.OpenFile(path, os.O_CREATE, 0o777)
	must(t, err)
	defer f.Close()
	info, err := f.Stat()
	must(t, err)
	return 0o777 &^ info.Mode().Perm()
}

// TestAddedStays: what people added is in the new tree, also what they added while it was
// built.
func TestAddedStays(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	run := func(build func(root string)) {
		t.Helper()
		d, err := openTree(out)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Publish(nil, func(root string) error {
			build(root)
			return create(filepath.Join(root, treeFile), text("tree"+" of marks"))
		}); err != nil {
			t.Fatal(err)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
	marks := filepath.Join(out, addedFile)
	has := func(path, want string) {
		t.Helper()
		if b, err := os.ReadFile(path); err != nil || string(b) != want {
			t.Errorf("%s: %q, %v; want %q", filepath.Base(path), b, err, want)
		}
	}
	mark := func(text string) { // as package review saves: in the place of the earlier file
		t.Helper()
		if err := errors.Join(os.WriteFile(marks+"~", []byte(text), 0o644), os.Rename(marks+"~", marks)); err != nil {
			t.Fatal(err)
		}
	}
	run(func(root string) {
		if _, err := os.Stat(filepath.Join(root, addedFile)); err == nil {
			t.Error("there are marks before anybody made one")
		}
	})
	mark("one")
	run(func(root string) { has(filepath.Join(root, addedFile), "one") })
	has(marks, "one")
	run(func(string) { mark("one, two") })
	has(marks, "one, two")
	run(func(string) {})
	has(marks, "one, two")
}

// TestReplaceFile: while a file is written anew, the directory holds what it held.
func TestReplaceFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	path := filepath.Join(dir, "report.html")
	if err := errors.Join(os.Mkdir(dir, 0o755), os.WriteFile(path, []byte("before"), 0o644)); err != nil {
		t.Fatal(err)
	}
	has := func(want string) {
		t.Helper()
		b, err := os.ReadFile(path)
		entries, err2 := os.ReadDir(dir)
		if err != nil || err2 != nil || string(b) != want || len(entries) != 1 {
			t.Errorf("%q, %v, %v; want %q alone", b, entries, errors.Join(err, err2), want)
		}
	}
	boom := errors.New("boom")
	if err := ReplaceFile(path, func(w io.Writer) error { io.WriteString(w, "half"); has("before"); return boom }); !errors.Is(err, boom) {
		t.Error(err)
	}
	has("before")
	if err := ReplaceFile(path, func(w io.Writer) error { _, err := io.WriteString(w, "after"); has("before"); return err }); err != nil {
		t.Error(err)
	}
	has("after")
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(dir), ".*")); len(left) > 0 {
		t.Errorf("left beside it: %q", left)
	}
}
