package main

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

// diskCalls are the system calls that change a disk.
const diskCalls = "write,pwrite64,fsync,fdatasync,syncfs,?rename,?renameat,renameat2,?link,linkat,?unlink,unlinkat," +
	"?mkdir,mkdirat,ftruncate,fchmod,fchmodat,fchown"

// A faulty run is what a fault left.
type faulty struct {
	dir     string // where the verb ran
	end     ending
	stopped bool // the process or the machine was ended from outside, so that any code will do
	done    func() error
}

// chooseFault returns a fault that can be made here, and its name.
func (h *history) chooseFault() (string, func(dir string) (faulty, error)) {
	kinds := []string{"killed at a moment", "killed at a moment", "interrupted", "two at once"}
	if h.strace {
		kinds = append(kinds, "killed at a call", "killed at a call", "killed at a call", "killed at a call",
			"EIO", "ENOSPC", "EMFILE")
	}
	if h.mount {
		kinds = append(kinds, "power cut", "power cut", "disk full", "read-only disk")
	}
	switch kind := kinds[h.rng.IntN(len(kinds))]; kind {
	case "killed at a moment":
		return kind, func(dir string) (faulty, error) { return h.signalled(dir, syscall.SIGKILL) }
	case "interrupted":
		return kind, func(dir string) (faulty, error) { return h.signalled(dir, syscall.SIGINT) }
	case "two at once":
		return kind, h.twice
	case "killed at a call":
		return kind, func(dir string) (faulty, error) { return h.injected(dir, diskCalls, "signal=KILL") }
	case "EMFILE":
		return kind, func(dir string) (faulty, error) { return h.injected(dir, "openat", "error=EMFILE") }
	case "power cut":
		return kind, h.powerCut
	case "disk full":
		return kind, h.fullDisk
	case "read-only disk":
		return kind, h.readOnly
	default:
		return kind, func(dir string) (faulty, error) { return h.injected(dir, diskCalls, "error="+kind) }
	}
}

// disturb runs the verb with a fault on a copy of what was before, checks what is left, runs
// the verb again and checks that too.
func (h *history) disturb(kind string, fault func(dir string) (faulty, error)) (err error) {
	dir := filepath.Join(h.root, "disturbed")
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	f, err := fault(dir)
	if err != nil {
		return err
	}
	if f.done != nil {
		defer func() { err = errors.Join(err, f.done()) }()
	}
	// What the Go runtime says when its own wake-up call is made to fail is no fault of swab's.
	if strings.Contains(f.end.stderr, "netpollBreak") {
		f.stopped = true
	} else if err := f.end.crashed(); err != nil {
		return err
	}
	now, err := snapshot(f.dir)
	if err != nil {
		return err
	}
	partly := f.end.code == 3 && h.undisturbed.code != 3 // a shard could not be read: that is published, and named
	const notBegun = 127                                 // the system's loader could not open a library
	ended := !f.stopped && f.end.code != 2 && f.end.code != 130 && f.end.code != notBegun
	if err := h.checkLeft(now, partly, ended); err != nil {
		return fmt.Errorf("after exit code %d: %w\n%s", f.end.code, err, f.end.stderr)
	}
	if kind == "read-only disk" {
		return nil // nothing can be repaired there
	}
	want := h.undisturbed.code
	if h.verb.fresh && !maps.Equal(part(now, h.verb.dirs[0]), part(h.was, h.verb.dirs[0])) {
		want = 2 // it is there already
	}
	again := wait(h.command(f.dir, h.verb.args()...))
	if err := again.crashed(); err != nil {
		return err
	}
	if again.code != want {
		return fmt.Errorf("the same command again: exit code %d, want %d: %s", again.code, want, again.stderr)
	}
	if now, err = snapshot(f.dir); err != nil {
		return err
	}
	if diff := firstDifference(now, h.whole); diff != "" {
		return fmt.Errorf("after the same command again: %s", diff)
	}
	return nil
}

// work matches what a run that was ended may leave beside its outputs, for the next one.
var work = regexp.MustCompile(
	`^(\.[a-z.]+\.swab/|(audit/|results/task-1/)?\.[0-9a-z.]+\.swab-[0-9a-f]{16}$|\.swab-owner-)`)

// checkLeft checks what a fault left: each output as it was before or whole, and all else
// untouched. If the run ended by itself without an error, its outputs are whole.
func (h *history) checkLeft(now map[string]string, partly, ended bool) error {
	rest, was := maps.Clone(now), maps.Clone(h.was)
	maps.DeleteFunc(rest, func(name, _ string) bool { return work.MatchString(name) && h.was[name] == "" })
	for _, dir := range h.verb.dirs {
		is := part(rest, dir)
		whole := maps.Equal(is, part(h.whole, dir))
		if !whole && (ended || !maps.Equal(is, part(h.was, dir))) && !partly {
			return fmt.Errorf("%s is neither as it was nor whole: %s; %s", dir,
				firstDifference(is, part(h.was, dir)), firstDifference(is, part(h.whole, dir)))
		}
		inside := func(name, _ string) bool { return strings.HasPrefix(name, dir+"/") }
		maps.DeleteFunc(rest, inside)
		maps.DeleteFunc(was, inside)
	}
	for _, file := range h.verb.files {
		is, there := rest[file]
		if before, had := h.was[file]; is != h.whole[file] && (ended || is != before || there != had) {
			return fmt.Errorf("%s is neither as it was nor whole", file)
		}
		delete(rest, file)
		delete(was, file)
	}
	for _, dir := range h.verb.loose {
		whole := part(h.whole, dir)
		if diff := firstDifference(part(rest, dir), whole); ended && diff != "" {
			return errors.New(diff)
		}
		for name, is := range part(rest, dir) {
			if should, wanted := whole[name]; is != was[name] && (!wanted || is != should) {
				return fmt.Errorf("%s is neither as it was nor whole", name)
			}
			delete(rest, name)
		}
		maps.DeleteFunc(was, func(name, _ string) bool { return strings.HasPrefix(name, dir+"/") })
	}
	if diff := firstDifference(rest, was); diff != "" {
		return fmt.Errorf("outside the outputs: %s", diff)
	}
	return nil
}

// part returns the files below a directory.
func part(all map[string]string, dir string) map[string]string {
	below := map[string]string{}
	for name, text := range all {
		if strings.HasPrefix(name, dir+"/") {
			below[name] = text
		}
	}
	return below
}

// firstDifference names a file in which two trees differ; "" if there is none.
func firstDifference(got, want map[string]string) string {
	names := slices.Sorted(maps.Keys(got))
	for _, name := range append(names, slices.Sorted(maps.Keys(want))...) {
		is, there := got[name]
		should, wanted := want[name]
		switch {
		case !wanted:
			return name + " should not be there"
		case !there:
			return name + " is missing"
		case is != should:
			return fmt.Sprintf("%s has other content (%d bytes, want %d)", name, len(is), len(should))
		}
	}
	return ""
}

// signalled sends a signal at a random moment.
func (h *history) signalled(dir string, sig syscall.Signal) (faulty, error) {
	if err := copyTree(h.before, dir); err != nil {
		return faulty{}, err
	}
	return h.stopAtRandom(dir, sig)
}

func (h *history) stopAtRandom(dir string, sig syscall.Signal) (faulty, error) {
	c := h.command(dir, h.verb.args()...)
	var stderr strings.Builder
	c.Stderr = &stderr
	if err := c.Start(); err != nil {
		return faulty{}, err
	}
	time.Sleep(time.Duration(h.rng.Float64() * 1.3 * float64(h.took)))
	c.Process.Signal(sig)
	c.Wait()
	code := c.ProcessState.ExitCode()
	return faulty{dir: dir, end: ending{code, stderr.String()}, stopped: code == -1}, nil
}

// twice runs the verb twice at once.
func (h *history) twice(dir string) (faulty, error) {
	if err := copyTree(h.before, dir); err != nil {
		return faulty{}, err
	}
	other := make(chan ending)
	go func() { other <- wait(h.command(dir, h.verb.args()...)) }()
	time.Sleep(time.Duration(h.rng.Float64() * float64(h.took) / 2))
	one, two := wait(h.command(dir, h.verb.args()...)), <-other
	for _, e := range []ending{one, two} {
		if err := e.crashed(); err != nil {
			return faulty{}, err
		}
		refused := e.code == 2 && (strings.Contains(e.stderr, "in use by another run") || h.verb.fresh)
		if e.code != h.undisturbed.code && !refused {
			return faulty{}, fmt.Errorf("one of two runs at once: exit code %d: %s", e.code, e.stderr)
		}
	}
	if one.code == 2 {
		one = two
	}
	return faulty{dir: dir, end: one}, nil
}

// traced returns the verb under strace.
func (h *history) traced(dir string, args ...string) *exec.Cmd {
	c := exec.Command("strace", slices.Concat([]string{"-f", "-qq"}, args, []string{h.swab}, h.verb.args())...)
	c.Dir = dir
	return c
}

// countCalls returns how many system calls that change the disk the verb makes.
func (h *history) countCalls() (int, error) {
	dir, log := filepath.Join(h.root, "counted"), filepath.Join(h.root, "calls")
	if err := copyTree(h.before, dir); err != nil {
		return 0, err
	}
	wait(h.traced(dir, "-o", log, "-e", "trace="+diskCalls))
	b, err := os.ReadFile(log)
	return strings.Count(string(b), "\n"), errors.Join(err, os.RemoveAll(dir))
}

// injected disturbs the n-th of the given calls of some thread, or that and all later ones.
func (h *history) injected(dir, calls, what string) (faulty, error) {
	if err := copyTree(h.before, dir); err != nil {
		return faulty{}, err
	}
	when := fmt.Sprint(int(math.Exp(h.rng.Float64() * math.Log(float64(h.calls+1)))))
	if !strings.HasPrefix(what, "signal") && h.rng.IntN(2) == 0 {
		when += "+"
	}
	e := wait(h.traced(dir, "-o", os.DevNull, "-e", "inject="+calls+":"+what+":when="+when))
	return faulty{dir: dir, end: e, stopped: e.code == -1 || e.code == 137}, nil
}

// sh runs a program that must succeed.
func sh(args ...string) error {
	if b, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, b)
	}
	return nil
}

// mayMount reports whether file systems can be made and mounted here.
func (b *bench) mayMount() bool {
	dir, image := filepath.Join(b.dir, "probe"), filepath.Join(b.dir, "probe.img")
	defer os.Remove(image)
	defer os.Remove(dir)
	if os.Mkdir(dir, 0o755) != nil || makeImage(image) != nil || sh("mount", "-o", mountOptions, image, dir) != nil {
		return false
	}
	return sh("umount", dir) == nil
}

// mountOptions keep from the disk whatever is not synced.
const mountOptions = "loop,noauto_da_alloc,commit=300"

func makeImage(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Truncate(64<<20), f.Close()); err != nil {
		return err
	}
	return sh("mkfs.ext4", "-q", "-F", path)
}

// powerCut runs the verb on a file system of its own and copies its disk at a random moment,
// or right after the end: only what was synced is in the copy, which is mounted instead.
func (h *history) powerCut(dir string) (f faulty, err error) {
	image, copied := filepath.Join(h.root, "disk.img"), filepath.Join(h.root, "cut.img")
	if err := errors.Join(makeImage(image), os.Mkdir(dir, 0o755)); err != nil {
		return f, err
	}
	if err := sh("mount", "-o", mountOptions, image, dir); err != nil {
		return f, err
	}
	at := filepath.Join(dir, "d")
	err = errors.Join(copyTree(h.before, at), sh("sync", "-f", dir))
	if err == nil {
		if h.rng.IntN(3) == 0 {
			f = faulty{dir: at, end: wait(h.command(at, h.verb.args()...))}
		} else {
			f, err = h.stopAtRandom(at, syscall.SIGKILL)
		}
	}
	if err == nil {
		err = sh("cp", "--sparse=always", image, copied)
	}
	if err = errors.Join(err, sh("umount", dir)); err != nil {
		return f, err
	}
	f.done = func() error { return errors.Join(sh("umount", dir), os.Remove(image), os.Remove(copied)) }
	return f, sh("mount", "-o", "loop", copied, dir)
}

// fullDisk runs the verb where a random number of pages are free, and then frees many.
func (h *history) fullDisk(dir string) (f faulty, err error) {
	pages := 8
	for _, text := range h.was {
		pages += 1 + (len(text)+4095)/4096
	}
	pages += h.rng.IntN(60)
	size := fmt.Sprintf("size=%dk", 4*pages)
	if err := errors.Join(os.Mkdir(dir, 0o755), sh("mount", "-t", "tmpfs", "-o", size, "tmpfs", dir)); err != nil {
		return f, err
	}
	at := filepath.Join(dir, "d")
	f = faulty{dir: at, done: func() error { return sh("umount", dir) }}
	if err := copyTree(h.before, at); err != nil {
		return f, errors.Join(err, f.done())
	}
	f.end = wait(h.command(at, h.verb.args()...))
	if err := sh("mount", "-o", "remount,size=64m", dir); err != nil {
		return f, errors.Join(err, f.done())
	}
	return f, nil
}

// readOnly runs the verb where nothing can be written.
func (h *history) readOnly(dir string) (f faulty, err error) {
	if err := errors.Join(os.Mkdir(dir, 0o755), sh("mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", dir)); err != nil {
		return f, err
	}
	at := filepath.Join(dir, "d")
	f = faulty{dir: at, done: func() error { return sh("umount", dir) }}
	if err := errors.Join(copyTree(h.before, at), sh("mount", "-o", "remount,ro", dir)); err != nil {
		return f, errors.Join(err, f.done())
	}
	f.end = wait(h.command(at, h.verb.args()...))
	if writes := len(h.verb.dirs)+len(h.verb.files) > 0 || !maps.Equal(h.was, h.whole); writes && f.end.code != 2 {
		return f, errors.Join(fmt.Errorf("exit code %d where nothing can be written", f.end.code), f.done())
	}
	return f, nil
}
