// Package ledger keeps what a run leaves on disk: the directory of an audit or of a
// corpus filter (index), the lock on it, and the results of single shards. FORMAT.md
// has both directories and index.json exactly.
//
// A directory DIR appears whole or not at all. While a run works, all it writes lies
// in a hidden directory beside DIR:
//
//	DIR/                what readers see; replaced in one step by Publish
//	    audit.json ...
//	    shards/KEY      results of the shards it was made from
//	DIR/                or, for an index
//	    index.json
//	    segments/FILE   filters of package bloom
//	.DIR.swab/          there while a run works, and after a run that did not publish
//	    lock            held by flock(2) and naming its owner; a dead process holds nothing
//	    shards/KEY      results of shards finished since DIR was published
//	    temp/           whatever the run needs while it works
//	    new/            the tree being built; after the swap, the earlier tree
//	    old/            DIR between two renames, where directories cannot be swapped
//
// A result is whole once it has its name, so a killed run loses only the shards
// that it had in hand: the next run finds the others with Get.
//
// Publish swaps new/ and DIR with renameat2(RENAME_EXCHANGE) on Linux. Where
// the system or the file system has no such call, DIR is renamed to old/ and
// then new/ to DIR. A reader who looks between the two finds no DIR; a run
// killed there leaves none, and the next Open puts old/ back.
package ledger

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gofrs/flock"
)

var (
	// ErrLocked means that another run works on the directory; the message
	// names it.
	ErrLocked = errors.New("in use by another run")
	// ErrForeign means that the output path holds something that swab did not
	// make and so will not replace.
	ErrForeign = errors.New("will not be replaced")
)

// A kind is one of the directories that swab makes. Publish replaces the whole
// directory, so one with anything else in it is not taken over.
type kind struct {
	name  string            // in messages, after "an"
	mark  string            // the file that a directory of the kind is known by
	sub   string            // the directory in it that is made before the tree is built
	names []string          // all that it may hold
	check func(fs.FS) error // of a whole tree; an ErrCorrupt is none of the kind
}

var auditKind = kind{"audit", AuditFile, shardsDir, []string{
	AuditFile, "verdicts.jsonl", "verdicts.parquet", "evidence.jsonl", "evidence.parquet",
	"methods.csv", "agreement.csv", "clean", "removed", "report.html", ReviewFile, ScoresFile, CurveFile, shardsDir, finderFile,
}, func(dir fs.FS) error {
	f, err := dir.Open(AuditFile)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := ReadAudit(f); err != nil {
		return fmt.Errorf("%s: %w", AuditFile, err)
	}
	return nil
}}

var indexKind = kind{"index", IndexFile, SegmentsDir, []string{IndexFile, SegmentsDir, finderFile}, func(dir fs.FS) error {
	_, err := loadIndex(dir)
	return err
}}

// ReviewFile is the name, in an audit's directory, of what people marked in it. It is
// not made by a run, and stays when a run replaces the directory.
const ReviewFile = "review.jsonl"

// What swab score writes into an audit's directory. It is of the audit's verdicts, so a
// new audit in its place drops it.
const (
	ScoresFile = "scores.json"
	CurveFile  = "curve.csv"
)

const (
	shardsDir = "shards"
	tempDir   = "temp"
	newDir    = "new"
	oldDir    = "old"
	lockFile  = "lock"

	finderFile = ".DS_Store" // left by the file manager of macOS in any directory looked at
)

// Dir is an output directory held by this process. Get and Put may be called by
// many goroutines at once; Publish and Close only alone.
type Dir struct {
	kind      *kind
	out, work string
	lock      *flock.Flock
	temps     atomic.Int64
	exchange  func(a, b string) error
	step      func(name string) // called as each step on disk is done; tests stop there
}

// Open takes the directory out for this run. It may be absent, empty, or an
// earlier audit; a symbolic link is followed first. Its parent must exist and be
// writable. What a killed run left half done is put right. The error is
// ErrLocked while another run has it, ErrForeign if Publish would destroy
// something that swab did not make, ErrVersion if it holds an audit of another
// version; then nothing was touched.
func Open(out string) (*Dir, error) {
	return open(out, &auditKind, exchange, func(string) {})
}

func open(out string, kind *kind, exchange func(a, b string) error, step func(string)) (*Dir, error) {
	path, err := resolve(out)
	if err == nil {
		err = kind.replaceable(path)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", out, err)
	}
	d := &Dir{
		kind:     kind,
		out:      path,
		work:     filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".swab"),
		exchange: exchange,
		step:     step,
	}
	if d.lock, err = acquire(d.work); err != nil {
		return nil, fmt.Errorf("%s: %w", out, err)
	}
	step("locked")
	if err = kind.replaceable(path); err == nil {
		err = d.repair()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", out, err), d.Close())
	}
	step("opened")
	return d, nil
}

// resolve follows out to the directory meant, which need not exist yet.
func resolve(out string) (string, error) {
	if out == "" {
		return "", errors.New("the output directory has no name")
	}
	path, err := filepath.Abs(out)
	if err != nil {
		return "", err
	}
	for range 40 {
		parent, err := filepath.EvalSymlinks(filepath.Dir(path))
		if err != nil {
			return "", fmt.Errorf("%w; make its parent directory first", err)
		}
		if path == filepath.Dir(path) {
			return "", errors.New("the root of a file system cannot be replaced; name a directory below it")
		}
		path = filepath.Join(parent, filepath.Base(path))
		link, err := os.Readlink(path)
		if err != nil {
			return path, nil
		}
		if !filepath.IsAbs(link) {
			link = filepath.Join(parent, link)
		}
		path = link
	}
	return "", errors.New("too many symbolic links")
}

// replaceable says whether Publish may put its tree in the place of path.
func (k *kind) replaceable(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%w: it is a file; choose another --out", ErrForeign)
	}
	if here, err := os.Stat("."); err == nil && os.SameFile(here, info) {
		return errors.New("the current directory cannot be replaced; name a directory below it")
	}
	if isMount(path, filepath.Dir(path)) {
		return errMount
	}
	entries, err := os.ReadDir(path)
	if err != nil || len(entries) == 0 {
		return err
	}
	switch err := k.check(os.DirFS(path)); {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: it is not empty and has no %s; choose another --out", ErrForeign, k.mark)
	case errors.Is(err, ErrCorrupt):
		return fmt.Errorf("%w: %w", ErrForeign, err)
	case err != nil:
		return err
	}
	for _, e := range entries {
		if !slices.Contains(k.names, e.Name()) {
			return fmt.Errorf("%w: it also holds %q, which replacing it would destroy; move that away", ErrForeign, e.Name())
		}
	}
	return nil
}

var errMount = errors.New("a mount point cannot be replaced; name a directory below it")

// acquire takes the lock of the work directory, which it makes if need be.
func acquire(work string) (*flock.Flock, error) {
	path := filepath.Join(work, lockFile)
	for range 100 {
		if err := os.Mkdir(work, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("making the work directory beside it: %w; choose an --out whose parent directory you can write to", err)
		}
		if info, err := os.Lstat(work); err == nil && !info.IsDir() {
			return nil, fmt.Errorf("%w: %s is in the way", ErrForeign, work)
		}
		lock := flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o644))
		ok, err := lock.TryLock()
		if errors.Is(err, fs.ErrNotExist) {
			continue // its owner has just removed the directory
		}
		if err != nil {
			return nil, fmt.Errorf("locking: %w", err)
		}
		if !ok {
			return nil, fmt.Errorf("%w: %s", ErrLocked, owner(path))
		}
		// The owner before us may have removed the file between our opening
		// and our locking it: a lock on a file without a name excludes nobody.
		held, err1 := lock.Stat()
		named, err2 := os.Stat(path)
		if err1 == nil && err2 == nil && os.SameFile(held, named) {
			host, _ := os.Hostname()
			note := fmt.Sprintf("pid %d on host %q since %s\n", os.Getpid(), host, time.Now().UTC().Format(time.RFC3339))
			if err := os.WriteFile(path, []byte(note), 0o644); err != nil {
				return nil, errors.Join(fmt.Errorf("locking: %w", err), lock.Unlock())
			}
			return lock, nil
		}
		if err := lock.Unlock(); err != nil {
			return nil, fmt.Errorf("locking: %w", err)
		}
	}
	return nil, fmt.Errorf("%w: its lock changes hands all the time", ErrLocked)
}

// owner reads who holds the lock at path, as printable ASCII.
func owner(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return "owner unknown"
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 500))
	if err != nil || len(b) == 0 {
		return "owner unknown"
	}
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return ' '
		}
		return r
	}, string(b)))
}

// repair brings what a killed run left to one of the states that Publish and
// Put start from.
func (d *Dir) repair() error {
	if exists(d.in(oldDir)) {
		entries, err := os.ReadDir(d.out)
		switch {
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return err
		case len(entries) > 0: // the new tree took its place
			if err := d.retire(); err != nil {
				return err
			}
		default:
			if err == nil {
				if err := os.Remove(d.out); err != nil {
					return err
				}
			}
			if err := os.Rename(d.in(oldDir), d.out); err != nil {
				return err
			}
			if err := syncDir(filepath.Dir(d.out)); err != nil {
				return err
			}
		}
	}
	if err := errors.Join(os.RemoveAll(d.in(newDir)), os.RemoveAll(d.in(tempDir))); err != nil {
		return err
	}
	if err := os.Mkdir(d.in(shardsDir), 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	entries, err := os.ReadDir(d.in(shardsDir))
	if err != nil {
		return err
	}
	for _, e := range entries {
		path := d.in(shardsDir, e.Name())
		mine, err := os.Lstat(path)
		if err != nil {
			return err
		}
		public, err := os.Lstat(filepath.Join(d.out, shardsDir, e.Name()))
		if !isKey(e.Name()) || err == nil && os.SameFile(mine, public) {
			if err := os.Remove(path); err != nil {
				return err
			}
		}
	}
	return nil
}

// in gives a path in the work directory.
func (d *Dir) in(parts ...string) string {
	return filepath.Join(append([]string{d.work}, parts...)...)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// isKey reports whether key may name a result: 1 to 128 lower case hex digits.
func isKey(key string) bool {
	return 0 < len(key) && len(key) <= 128 && strings.Trim(key, "0123456789abcdef") == ""
}

// Scored says that the published directory has scores, which Publish drops.
func (d *Dir) Scored() bool { return exists(filepath.Join(d.out, ScoresFile)) }

// Get finds the result stored under key, in this run, in one that was killed,
// or in the published directory. The file may be read until Publish is called.
func (d *Dir) Get(key string) (path string, ok bool) {
	if !isKey(key) {
		return "", false
	}
	for _, path := range []string{d.in(shardsDir, key), filepath.Join(d.out, shardsDir, key)} {
		if info, err := os.Lstat(path); err == nil && info.Mode().IsRegular() {
			return path, true
		}
	}
	return "", false
}

// Put stores what write writes under key, 1 to 128 lower case hex digits, in
// the place of an earlier result of that key. When it returns nil the result is
// on disk, and found by Get in this run and, until one publishes without it,
// the next. After an error nothing has changed.
func (d *Dir) Put(key string, write func(w io.Writer) error) error {
	if !isKey(key) {
		return fmt.Errorf("result %q: its key is not hexadecimal", key)
	}
	path := d.in(shardsDir, key)
	temp := fmt.Sprintf("%s.%d", path, d.temps.Add(1))
	err := create(temp, write)
	if err == nil {
		d.step("put written")
		err = os.Rename(temp, path)
	}
	if err != nil {
		os.Remove(temp)
		return fmt.Errorf("result %s: %w", key, err)
	}
	d.step("put named")
	return syncDir(filepath.Dir(path))
}

// Temp gives a directory for files that only this run needs, on the file system of
// the tree that Publish builds. It is empty at first and gone after Close.
func (d *Dir) Temp() (string, error) {
	path := d.in(tempDir)
	if err := os.Mkdir(path, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	d.step("temp made")
	return path, nil
}

// create writes a new file and syncs it.
func create(path string, write func(w io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	b := bufio.NewWriterSize(f, 1<<16)
	if err = write(b); err == nil {
		err = b.Flush()
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// Publish makes a new directory of what build writes below root and of the
// stored results keys, and puts it in the place of DIR in one step. Results
// that are not in keys are dropped. build must write audit.json and nothing that is
// not part of an audit directory; shards/ is there already, and review.jsonl if DIR has
// one, which is kept. Scores are not: they are of the verdicts that go. In an index directory it
// must write index.json and the segments that it names; segments/ is there already,
// and keys must be empty.
//
// After an error DIR is as it was and the stored results are kept, with one
// exception that the message names: the new tree stands but could not be synced.
func (d *Dir) Publish(keys []string, build func(root string) error) error {
	root := d.in(newDir)
	if err := d.build(root, keys, build); err != nil {
		os.RemoveAll(root) // gives its space back; Open and Close try again
		return fmt.Errorf("%s: %w", d.out, err)
	}
	if err := d.swap(); err != nil {
		os.RemoveAll(root)
		if errors.Is(err, syscall.EBUSY) {
			err = fmt.Errorf("%w: %w", err, errMount)
		}
		return fmt.Errorf("%s: %w", d.out, err)
	}
	d.step("swapped")
	if err := errors.Join(syncDir(filepath.Dir(d.out)), syncDir(d.work)); err != nil {
		return fmt.Errorf("%s: published, but not safe from a power cut: %w", d.out, err)
	}
	// From here on the run has succeeded; what cannot be removed now, Close or
	// the next Open reports.
	os.RemoveAll(root)
	d.step("earlier tree removed")
	if entries, err := os.ReadDir(d.in(shardsDir)); err == nil {
		for _, e := range entries {
			os.Remove(d.in(shardsDir, e.Name()))
			d.step("result removed")
		}
	}
	return nil
}

// build makes the whole new tree at root and syncs it.
func (d *Dir) build(root string, keys []string, build func(root string) error) error {
	if err := os.RemoveAll(root); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(root, d.kind.sub), 0o755); err != nil {
		return err
	}
	d.step("new made")
	keys = slices.Clone(keys)
	slices.Sort(keys)
	for _, key := range slices.Compact(keys) {
		from, ok := d.Get(key)
		if !ok {
			return fmt.Errorf("result %q: %w", key, fs.ErrNotExist)
		}
		if err := Link(from, filepath.Join(root, shardsDir, key)); err != nil {
			return fmt.Errorf("result %s: %w", key, err)
		}
		d.step("result linked")
	}
	if err := d.keepReview(root); err != nil {
		return err
	}
	if err := build(root); err != nil {
		return err
	}
	d.step("built")
	// Again, so that little of what is marked meanwhile is lost.
	if err := d.keepReview(root); err != nil {
		return err
	}
	entries, err := os.ReadDir(root)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !slices.Contains(d.kind.names, e.Name()) {
			return fmt.Errorf("%q is not a part of an %s", e.Name(), d.kind.name)
		}
	}
	if err := syncTree(root); err != nil {
		return err
	}
	d.step("synced")
	if err := d.kind.check(os.DirFS(root)); err != nil { // the next Open must know it
		return err
	}
	return d.kind.replaceable(d.out)
}

// keepReview takes the marks of the earlier audit over into the new tree, as they are
// now.
func (d *Dir) keepReview(root string) error {
	from, to := filepath.Join(d.out, ReviewFile), filepath.Join(root, ReviewFile)
	now, err := os.Lstat(from)
	if d.kind != &auditKind || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if had, err := os.Lstat(to); err == nil {
		if os.SameFile(had, now) {
			return nil
		}
		if err := os.Remove(to); err != nil {
			return err
		}
	}
	return Link(from, to)
}

// Link gives the file from a second name, or copies it where files have but one.
func Link(from, to string) error {
	if os.Link(from, to) == nil {
		return nil
	}
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	return create(to, func(w io.Writer) error {
		_, err := io.Copy(w, f)
		return err
	})
}

// syncTree syncs every file and directory of root. Results are on disk already.
func syncTree(root string) error {
	var dirs []string
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir():
			dirs = append(dirs, path)
			return nil
		case !e.Type().IsRegular():
			return fmt.Errorf("%s is not a regular file", path)
		case filepath.Dir(path) == filepath.Join(root, shardsDir):
			return nil
		}
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		return errors.Join(f.Sync(), f.Close())
	})
	if err != nil {
		return err
	}
	for _, dir := range slices.Backward(dirs) {
		if err := syncDir(dir); err != nil {
			return err
		}
	}
	return nil
}

// swap puts new/ in the place of DIR, and DIR, if there is one, in that of new/.
func (d *Dir) swap() error {
	if !exists(d.out) {
		return os.Rename(d.in(newDir), d.out)
	}
	err := d.exchange(d.in(newDir), d.out)
	if !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	if err := os.Rename(d.out, d.in(oldDir)); err != nil {
		return err
	}
	d.step("set aside")
	if err := os.Rename(d.in(newDir), d.out); err != nil {
		if back := os.Rename(d.in(oldDir), d.out); back != nil {
			return fmt.Errorf("%w; the earlier one is in %s, and the next run puts it back: %w", err, d.in(oldDir), back)
		}
		return err
	}
	d.step("placed")
	d.retire() // if it fails, Close or the next Open reports it
	return nil
}

// retire takes the name old/ from a tree before it is removed, so that old/ is
// always whole and may be put back.
func (d *Dir) retire() error {
	if err := os.RemoveAll(d.in(newDir)); err != nil {
		return err
	}
	return os.Rename(d.in(oldDir), d.in(newDir))
}

// Close lets go of the directory. The work directory goes too, unless it holds
// results that the next run can use. Calling it again does nothing.
func (d *Dir) Close() error {
	if !d.lock.Locked() {
		return nil
	}
	err := errors.Join(os.RemoveAll(d.in(newDir)), os.RemoveAll(d.in(tempDir)))
	os.Remove(d.in(shardsDir)) // stays if it holds anything
	d.step("closing")
	err = errors.Join(err, release(d.lock))
	d.step("released")
	os.Remove(d.work) // stays if it holds anything
	if err != nil {
		return fmt.Errorf("%s: %w", d.work, err)
	}
	return nil
}
