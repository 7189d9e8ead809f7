//go:build unix

package publish

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// names lists a directory.
func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return strings.Join(all, " ")
}

// TestWriteFileThrough: what is no regular file is written to and stays what it is.
func TestWriteFileThrough(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	must(t, syscall.Mkfifo(at("pipe"), 0o644))
	must(t, os.Symlink("pipe", at("link to pipe")))
	must(t, os.WriteFile(at("file"), []byte("before"), 0o644))
	must(t, os.Symlink("file", at("link to file")))
	must(t, os.Symlink("later", at("link to nothing")))
	must(t, os.Symlink("round", at("round")))

	if err := WriteFile(at("pipe"), text("unread")); !errors.Is(err, syscall.ENXIO) {
		t.Errorf("a pipe that nobody reads: %v", err)
	}
	r, err := os.OpenFile(at("pipe"), os.O_RDWR, 0)
	must(t, err)
	defer r.Close()
	for _, name := range []string{"pipe", "link to pipe"} {
		must(t, WriteFile(at(name), text("through")))
		got := make([]byte, 7)
		if _, err := io.ReadFull(r, got); err != nil || string(got) != "through" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		must(t, ReplaceFile(at(name), text("through")))
		if _, err := io.ReadFull(r, got); err != nil || string(got) != "through" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	must(t, WriteFile(at("link to file"), text("after")))
	must(t, WriteFile(at("link to nothing"), text("new")))
	if got := string(read(t, at("file"))) + string(read(t, at("later"))); got != "afternew" {
		t.Errorf("the links' targets are %q", got)
	}
	for _, name := range []string{"", "round"} {
		if err := WriteFile(at(name), text("no")); err == nil {
			t.Errorf("%q was written", name)
		}
	}
	// A file that this process has opened, as /dev/stdout is: what was printed stays.
	f, err := os.OpenFile(at("opened"), os.O_RDWR|os.O_CREATE, 0o644)
	must(t, err)
	defer f.Close()
	_, err = f.WriteString("printed, ")
	must(t, err)
	if _, err := os.Stat("/proc/self/fd"); err == nil {
		must(t, os.Symlink(fmt.Sprint("/proc/self/fd/", f.Fd()), at("stdout")))
		must(t, WriteFile(at("stdout"), text("written")))
		if got := string(read(t, at("opened"))); got != "printed, written" {
			t.Errorf("opened file: %q", got)
		}
	}
	if got := names(t, dir); got != "file later link to file link to nothing link to pipe opened pipe round stdout" {
		t.Errorf("the directory has %s", got)
	}
	if info, err := os.Lstat(at("pipe")); err != nil || info.Mode()&fs.ModeNamedPipe == 0 {
		t.Errorf("the pipe is %v, %v", info.Mode(), err)
	}
	if os.Geteuid() != 0 {
		t.Skip("devices are not made: not root")
	}
	if err := syscall.Mknod(at("null"), syscall.S_IFCHR|0o666, 1<<8|3); err != nil {
		t.Skip("devices are not made:", err)
	}
	must(t, WriteFile(at("null"), text("gone")))
	if info, err := os.Lstat(at("null")); err != nil || info.Mode()&fs.ModeCharDevice == 0 {
		t.Errorf("the device is %v, %v", info.Mode(), err)
	}
}

// TestWriteFileKeeps: what is replaced keeps its mode, and its owner where that may be set.
func TestWriteFileKeeps(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	for _, mode := range []fs.FileMode{0o600, 0o644, 0o664, 0o440} {
		must(t, os.WriteFile(path, nil, 0o600))
		must(t, os.Chmod(path, mode))
		if os.Geteuid() == 0 {
			must(t, os.Chown(path, 12, 34))
		}
		for _, write := range []func(string, func(io.Writer) error) error{WriteFile, ReplaceFile} {
			must(t, write(path, text("text")))
			info, err := os.Lstat(path)
			must(t, err)
			if info.Mode() != mode {
				t.Errorf("mode %v, want %v", info.Mode(), mode)
			}
			if uid, gid := ownerOf(info); os.Geteuid() == 0 && (uid != 12 || gid != 34) {
				t.Errorf("owner %d, %d, want 12, 34", uid, gid)
			}
		}
		must(t, os.Chmod(path, 0o600))
	}
}

// TestCollect: temporary files of killed processes go when the same file is written again;
// those in use stay, as do those of other names.
func TestCollect(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "out", "file")
	must(t, os.Mkdir(filepath.Join(dir, "out"), 0o755))
	others := []string{".out.swab-0123456789abcde", ".out.swab-0123456789abcdeg", ".other.swab-0123456789abcdef", ".out.swab-0123456789abcdef.txt"}
	for _, name := range append(others, ".out.swab-0123456789abcdef", ".file.swab-0123456789abcdef") {
		must(t, os.WriteFile(filepath.Join(dir, name), nil, 0o644))
		must(t, os.WriteFile(filepath.Join(dir, "out", name), nil, 0o644))
	}
	must(t, os.Mkdir(filepath.Join(dir, ".out.swab-0123456789abcde0"), 0o755))
	must(t, os.Symlink("out", filepath.Join(dir, ".out.swab-0123456789abcde1")))
	used, err := createTemp(filepath.Join(dir, ".out.swab-"))
	must(t, err)
	defer used.Close()
	must(t, ReplaceFile(path, text("text")))
	for _, name := range append(others, ".out.swab-0123456789abcde0", ".out.swab-0123456789abcde1", filepath.Base(used.Name())) {
		if !exists(filepath.Join(dir, name)) {
			t.Errorf("%s is gone", name)
		}
	}
	if exists(filepath.Join(dir, ".out.swab-0123456789abcdef")) {
		t.Error("ReplaceFile left what a killed process had made")
	}
	must(t, WriteFile(path, text("text")))
	if exists(filepath.Join(dir, "out", ".file.swab-0123456789abcdef")) {
		t.Error("WriteFile left what a killed process had made")
	}
}

// TestLockedFiles: files are added to a directory only while no run may replace it, and
// what a killed process left is removed.
func TestLockedFiles(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	must(t, runOnce(out, exchange, func(string) {}, "one"))
	run, err := openTree(out)
	must(t, err)
	if _, err := Lock(out); !errors.Is(err, ErrLocked) {
		t.Errorf("while a run holds it: %v", err)
	}
	must(t, run.Close())
	must(t, os.MkdirAll(filepath.Join(workOf(out), tempDir, "x"), 0o755))
	d, err := Lock(out)
	must(t, err)
	if _, err := openTree(out); !errors.Is(err, ErrLocked) {
		t.Errorf("while files are added: %v", err)
	}
	must(t, d.Replace("file", text("added")))
	must(t, os.Symlink("file", filepath.Join(out, "link")))
	if err := d.Replace("link", text("no")); !errors.Is(err, ErrForeign) {
		t.Errorf("a link was replaced: %v", err)
	}
	must(t, d.Close())
	if got := string(read(t, filepath.Join(out, "file"))); got != "added" {
		t.Errorf("file: %q", got)
	}
	if got := names(t, filepath.Dir(out)); got != "out" {
		t.Errorf("beside it: %s", got)
	}
}

// TestPlanted: links and work directories that another user put into a shared directory lead
// nowhere.
func TestPlanted(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not root: other users' files cannot be made")
	}
	mine, shared := t.TempDir(), t.TempDir()
	must(t, os.Chmod(shared, 0o777|fs.ModeSticky))
	precious := filepath.Join(mine, "docs", "precious")
	must(t, os.Mkdir(filepath.Dir(precious), 0o755))
	must(t, os.WriteFile(precious, []byte("precious"), 0o644))
	planted := func(t *testing.T, link, target string) {
		must(t, os.Symlink(target, link))
		must(t, os.Lchown(link, 65534, 65534))
	}
	out := filepath.Join(shared, "out")
	for name, plant := range map[string]func(work string){
		"lock":   func(work string) { planted(t, filepath.Join(work, lockFile), precious) },
		"shards": func(work string) { planted(t, filepath.Join(work, shardsDir), filepath.Dir(precious)) },
		"new":    func(work string) { planted(t, filepath.Join(work, newDir), filepath.Dir(precious)) },
		"old":    func(work string) { planted(t, filepath.Join(work, oldDir), filepath.Dir(precious)) },
		"empty":  func(string) {},
		"open to all": func(work string) {
			must(t, os.Chown(work, 0, 0))
			must(t, os.Chmod(work, 0o777))
		},
	} {
		work := workOf(out)
		must(t, os.Mkdir(work, 0o755))
		must(t, os.Chown(work, 65534, 65534))
		plant(work)
		if _, err := openTree(out); !errors.Is(err, ErrForeign) {
			t.Errorf("%s: %v", name, err)
		}
		must(t, os.RemoveAll(work))
	}
	planted(t, workOf(out), filepath.Dir(precious))
	if _, err := openTree(out); !errors.Is(err, ErrForeign) {
		t.Errorf("a link in place of the work directory: %v", err)
	}
	planted(t, filepath.Join(shared, "file"), precious)
	if err := WriteFile(filepath.Join(shared, "file"), text("no")); !errors.Is(err, ErrForeign) {
		t.Errorf("a link in place of a file: %v", err)
	}
	if err := PutFile(filepath.Join(shared, "file"), text("result")); err != nil {
		t.Error(err)
	}
	if got, err := os.Lstat(filepath.Join(shared, "file")); err != nil || !got.Mode().IsRegular() {
		t.Errorf("a file that only swab makes is %v, %v", got, err)
	}
	planted(t, filepath.Join(shared, "task-1"), filepath.Dir(precious))
	if err := MakeDir(filepath.Join(shared, "task-1")); !errors.Is(err, ErrForeign) {
		t.Errorf("a link in place of a directory: %v", err)
	}
	if got := string(read(t, precious)); got != "precious" {
		t.Errorf("%s is %q", precious, got)
	}
	// What this user put there is followed.
	must(t, os.Symlink(precious, filepath.Join(shared, "mine")))
	must(t, WriteFile(filepath.Join(shared, "mine"), text("yes")))
	if got := string(read(t, precious)); got != "yes" {
		t.Errorf("%s is %q", precious, got)
	}
}

// TestExportKilled: of a kind that is never replaced, the work directory of a run that was
// killed after its publication goes at the next run, which is refused.
func TestExportKilled(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	kind := Kind{Name: "an export", Mark: "mark", Fresh: true}
	d, err := Open(out, &kind)
	must(t, err)
	must(t, d.Publish(nil, func(root string) error { return create(filepath.Join(root, "mark"), text("x")) }))
	must(t, d.lock.Unlock()) // as a killed process: nothing else is undone
	if got := names(t, filepath.Dir(out)); got != ".out.swab out" {
		t.Fatalf("left: %s", got)
	}
	if _, err := Open(out, &kind); !errors.Is(err, fs.ErrExist) {
		t.Error(err)
	}
	if got := names(t, filepath.Dir(out)); got != "out" {
		t.Errorf("left: %s", got)
	}
}

// A copy has the bytes of its source, is a file of its own, and takes no other's place.
func TestCopy(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	for _, want := range []string{"", "x", strings.Repeat("0123456789", 1e5)} {
		must(t, os.WriteFile(from, []byte(want), 0o644))
		must(t, Copy(from, to))
		must(t, os.WriteFile(from, []byte("other"), 0o644))
		if got, err := os.ReadFile(to); err != nil || string(got) != want {
			t.Errorf("%d bytes, want %d: %v", len(got), len(want), err)
		}
		if err := Copy(from, to); !errors.Is(err, os.ErrExist) {
			t.Error(err)
		}
		if got, err := os.ReadFile(to); err != nil || string(got) != want {
			t.Errorf("%d bytes, want %d: %v", len(got), len(want), err)
		}
		must(t, os.Remove(to))
	}
}
