// Package publish replaces a directory in one step, as a whole or not at all: it locks it,
// writes the new tree beside it, syncs that, and exchanges the two. It writes all audits,
// indexes, exports and directories of scores; a [Kind] states what each may contain.
//
// During a run all files are written to a hidden directory beside DIR:
//
//	DIR/                what readers see; replaced in one step by Publish
//	    audit.json ...
//	    shards/KEY      for an audit: results of the shards it was made from
//	.DIR.swab/          there during a run, and after a run that did not publish
//	    lock            locked by flock(2), with its owner's name; the lock ends with the process
//	    shards/KEY      results of shards finished since DIR was published
//	    temp/           files that only this run needs
//	    new/            the tree being built; after the swap, the earlier tree
//	    old/            DIR between two renames, where directories cannot be swapped
//
// A result is complete once it has its name, so a killed run loses only the shards
// that it had not finished: the next run finds the others with Get.
//
// Publish swaps new/ and DIR with renameat2(RENAME_EXCHANGE) on Linux. Where
// the system or the file system has no such call, DIR is renamed to old/ and
// then new/ to DIR. Between the two a reader finds no DIR; a run that
// is killed there leaves none, and the next Open puts old/ back.
package publish

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
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gofrs/flock"
	"golang.org/x/sync/errgroup"
)

var (
	// ErrLocked means that another run works on the directory; the message
	// names it.
	ErrLocked = errors.New("in use by another run")
	// ErrForeign means that the output path holds something that swab did not
	// make and so will not replace.
	ErrForeign = errors.New("will not be replaced")
	// ErrPublished means that something failed after the directory was replaced: what
	// readers see is the new one.
	ErrPublished = errors.New("published")
)

// A Kind is one of the directories that swab makes. Publish replaces the whole
// directory, so one with anything else in it is not taken over.
type Kind struct {
	Name  string   // in messages, with its article, as "an audit"
	Mark  string   // the file that a directory of the kind is known by
	Names []string // the names that its top may have, besides FinderFile; nil: any
	Sub   string   // a directory that Publish makes before the tree is built, or ""
	Kept  string   // a file that people add to it, which stays when it is replaced, or ""
	Fresh bool     // DIR must not exist: nothing is ever replaced

	// Check checks a tree that has the file Mark. It returns an error that is ErrForeign
	// if the tree is not of the kind or has files, at any depth, that no run made, and any
	// other if it must not be replaced for another reason. Publish checks shards/ itself.
	// nil: every tree with Mark is of the kind.
	Check func(tree fs.FS) error
}

// FinderFile is what the file manager of macOS leaves in any directory it shows.
const FinderFile = ".DS_Store"

const (
	shardsDir = "shards"
	tempDir   = "temp"
	newDir    = "new"
	oldDir    = "old"
	lockFile  = "lock"
)

// Dir is an output directory that this process has locked. Get and Put may be called by
// many goroutines at once; Publish and Close only alone.
type Dir struct {
	kind      *Kind
	out, work string
	root      *os.Root // of the work directory
	lock      *flock.Flock
	temps     atomic.Int64
	unsynced  unsynced
	published bool
	exchange  func(a, b string) error
	step      func(name string) // called after each step on disk; tests stop there
}

// Open locks the directory out, of that kind, for this run. It may be absent, empty, or
// an earlier directory of the kind; a symbolic link is followed first. Its parent must
// exist and be writable. Open repairs what a killed run left half done. The error is
// ErrLocked while another run has locked it, ErrForeign if Publish would destroy something that
// swab did not make, fs.ErrExist if it must not exist, or what the kind's Check returned;
// then nothing was touched.
func Open(out string, kind *Kind) (*Dir, error) {
	return open(out, kind, exchange, func(string) {})
}

// Lock locks the published directory out, so that no run replaces it while files are added
// to it with Replace. The error is ErrLocked while a run has locked it. Nothing is locked
// where no run could replace it: it is a mount point, or its parent cannot be written.
func Lock(out string) (*Dir, error) {
	path, err := resolve(out)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", out, err)
	}
	kind := &Kind{Name: "a directory"}
	if isMount(path, filepath.Dir(path)) {
		return &Dir{kind: kind, out: path, step: func(string) {}}, nil
	}
	d, err := lock(path, kind, exchange, func(string) {})
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		return &Dir{kind: kind, out: path, step: func(string) {}}, nil
	}
	if err == nil {
		if err = d.repair(); err != nil {
			err = errors.Join(err, d.Close())
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", out, err)
	}
	return d, nil
}

// Replace replaces one file of the published directory in one step, or adds it. Until it is
// complete it is in the work directory.
func (d *Dir) Replace(name string, write func(w io.Writer) error) error {
	target, temp := filepath.Join(d.out, name), d.out
	if info, err := os.Lstat(target); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s: %w: it is no regular file", target, ErrForeign)
	}
	if d.lock != nil {
		var err error
		if temp, err = d.Temp(); err != nil {
			return err
		}
	}
	return replace(target, filepath.Join(temp, prefixOf(target)), write)
}

// Replaceable returns the error that Open would return for out, but takes no lock.
func Replaceable(out string, kind *Kind) error {
	path, err := resolve(out)
	if err == nil {
		err = kind.replaceable(path)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", out, err)
	}
	return nil
}

func open(out string, kind *Kind, exchange func(a, b string) error, step func(string)) (*Dir, error) {
	path, err := resolve(out)
	if err == nil {
		err = kind.replaceable(path)
	}
	if err != nil {
		if errors.Is(err, fs.ErrExist) { // by a run that was killed before it removed its work directory
			clearWork(path, kind)
		}
		return nil, fmt.Errorf("%s: %w", out, err)
	}
	d, err := lock(path, kind, exchange, step)
	if err != nil {
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

// resolve returns the path of out without symbolic links. It need not exist yet.
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

// replaceable returns the reason why Publish must not replace path by its tree.
func (k *Kind) replaceable(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case k.Fresh:
		return fmt.Errorf("%w; choose another --out, or remove it", fs.ErrExist)
	case !info.IsDir():
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
	if err := k.check(path); err != nil {
		return err
	}
	if e, ok := k.foreignName(entries); ok {
		return Added(e)
	}
	if k.Sub != shardsDir {
		return nil
	}
	results, err := os.ReadDir(filepath.Join(path, shardsDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range results {
		if (!isKey(e.Name()) || !e.Type().IsRegular()) && e.Name() != FinderFile {
			return Added(shardsDir + "/" + e.Name())
		}
	}
	return nil
}

// Added returns the error, which is ErrForeign, of a directory to be replaced to which
// somebody has added the file or directory of that name.
func Added(name string) error {
	return fmt.Errorf("%w: it also holds %q, which replacing it would destroy; move that away", ErrForeign, name)
}

// check returns the reason why the tree at path is not of the kind.
func (k *Kind) check(path string) error {
	if !exists(filepath.Join(path, k.Mark)) {
		return fmt.Errorf("%w: it is not empty and has no %s; choose another --out", ErrForeign, k.Mark)
	}
	if k.Check == nil {
		return nil
	}
	return k.Check(os.DirFS(path))
}

// foreignName returns a name among entries that a directory of the kind may not have: one
// that is not among its Names, or not of a regular file or directory.
func (k *Kind) foreignName(entries []fs.DirEntry) (string, bool) {
	for _, e := range entries {
		named := k.Names == nil || e.Name() == FinderFile || slices.Contains(k.Names, e.Name())
		if !named || !e.IsDir() && !e.Type().IsRegular() {
			return e.Name(), true
		}
	}
	return "", false
}

var errMount = errors.New("a mount point cannot be replaced; name a directory below it")

// workOf returns the work directory of the directory at path.
func workOf(path string) string {
	return filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".swab")
}

// clearWork removes the work directory of a directory that is complete, unless a run uses it.
func clearWork(path string, kind *Kind) {
	if !exists(workOf(path)) {
		return
	}
	if d, err := lock(path, kind, exchange, func(string) {}); err == nil {
		d.root.RemoveAll(shardsDir)
		d.Close()
	}
}

// lock returns the directory at path, locked. It makes the work directory if it is missing.
func lock(path string, kind *Kind, exchange func(a, b string) error, step func(string)) (*Dir, error) {
	d := &Dir{kind: kind, out: path, work: workOf(path), exchange: exchange, step: step}
	for range 100 {
		again, err := d.acquire()
		if err == nil && !again {
			return d, nil
		}
		if d.root != nil {
			d.root.Close()
			d.root = nil
		}
		if err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("%w: its lock changes hands all the time", ErrLocked)
}

// acquire makes and locks the work directory. It reports whether to try again, since an
// owner before this one has just removed it.
func (d *Dir) acquire() (again bool, err error) {
	if again, err = d.openWork(); again || err != nil {
		return again, err
	}
	path := d.workPath(lockFile)
	lock := flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDWR|noFollow), flock.SetPermissions(0o644))
	ok, err := lock.TryLock()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return true, nil
	case noLocks(err):
		d.root.Remove(lockFile) // nobody can have locked it
		os.Remove(d.work)       // fails if it is not empty
		return false, fmt.Errorf("locking: %w: the file system of %s has no locks (flock), so two runs could "+
			"overwrite each other; mount it with them (Lustre: -o flock; NFS: without nolock), or "+
			"choose an --out on a local disk and copy it", err, d.work)
	case err != nil:
		return false, fmt.Errorf("locking: %w", err)
	case !ok:
		return false, fmt.Errorf("%w: %s", ErrLocked, owner(path))
	}
	// The owner before us may have removed the file between our opening
	// and our locking it: a lock on a file without a name excludes nobody.
	held, err1 := lock.Stat()
	named, err2 := d.root.Lstat(lockFile)
	if err1 != nil || err2 != nil || !os.SameFile(held, named) {
		if err := lock.Unlock(); err != nil {
			return false, fmt.Errorf("locking: %w", err)
		}
		return true, nil
	}
	host, _ := os.Hostname()
	note := fmt.Sprintf("pid %d on host %q since %s\n", os.Getpid(), host, time.Now().UTC().Format(time.RFC3339))
	if err := d.root.WriteFile(lockFile, []byte(note), 0o644); err != nil {
		return false, errors.Join(fmt.Errorf("locking: %w", err), lock.Unlock())
	}
	d.lock = lock
	return false, nil
}

// openWork makes the work directory if it is missing and opens it. Every later use of it is
// by this opened directory or below it, and it belongs to this user: nobody else can have
// put a link there.
func (d *Dir) openWork() (again bool, err error) {
	err = os.Mkdir(d.work, 0o755)
	found := errors.Is(err, fs.ErrExist)
	if err != nil && !found {
		return false, fmt.Errorf("making the work directory beside it: %w; "+
			"choose an --out whose parent directory you can write to", err)
	}
	info, err := os.Lstat(d.work)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return true, nil
	case err != nil:
		return false, err
	case !info.IsDir():
		return false, fmt.Errorf("%w: %s is in the way", ErrForeign, d.work)
	}
	if found {
		if err := checkOwner(d.work, info); err != nil {
			return false, err
		}
	}
	if d.root, err = os.OpenRoot(d.work); errors.Is(err, fs.ErrNotExist) {
		return true, nil
	} else if err != nil {
		return false, err
	}
	opened, err := d.root.Stat(".")
	return err == nil && !os.SameFile(opened, info), err
}

// owner returns the name of the owner of the lock at path, in printable ASCII.
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

// repair restores, from what a killed run left, a state in which Publish and Put can
// begin.
func (d *Dir) repair() error {
	if exists(d.workPath(oldDir)) {
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
			if err := os.Rename(d.workPath(oldDir), d.out); err != nil {
				return err
			}
			if err := syncDir(filepath.Dir(d.out)); err != nil {
				return err
			}
		}
	}
	collect(filepath.Join(filepath.Dir(d.out), prefixOf(d.out)))
	if err := errors.Join(d.root.RemoveAll(newDir), d.root.RemoveAll(tempDir)); err != nil {
		return err
	}
	if err := d.root.Mkdir(shardsDir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	entries, err := fs.ReadDir(d.root.FS(), shardsDir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		path := filepath.Join(shardsDir, e.Name())
		mine, err := d.root.Lstat(path)
		if err != nil {
			return err
		}
		public, err := os.Lstat(filepath.Join(d.out, shardsDir, e.Name()))
		if !isKey(e.Name()) || !mine.Mode().IsRegular() || err == nil && os.SameFile(mine, public) {
			if err := d.root.RemoveAll(path); err != nil {
				return err
			}
		}
	}
	return nil
}

// workPath returns a path in the work directory.
func (d *Dir) workPath(parts ...string) string {
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

// Path returns the directory that readers see, free of symbolic links.
func (d *Dir) Path() string { return d.out }

// Has reports whether the published directory has a file of that name.
func (d *Dir) Has(name string) bool { return exists(filepath.Join(d.out, name)) }

// Get returns the file of the result stored under key, by this run, by one that was
// killed, or in the published directory. The file may be read until Publish is called.
func (d *Dir) Get(key string) (path string, ok bool) {
	if !isKey(key) {
		return "", false
	}
	for _, path := range []string{d.workPath(shardsDir, key), filepath.Join(d.out, shardsDir, key)} {
		if info, err := os.Lstat(path); err == nil && info.Mode().IsRegular() {
			return path, true
		}
	}
	return "", false
}

// Results returns the keys under which results are stored, sorted.
func (d *Dir) Results() (keys []string, err error) {
	for _, dir := range []string{d.workPath(shardsDir), filepath.Join(d.out, shardsDir)} {
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for _, e := range entries {
			if isKey(e.Name()) && e.Type().IsRegular() {
				keys = append(keys, e.Name())
			}
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys), nil
}

// Put stores what write writes under key, 1 to 128 lower case hex digits, and replaces an
// earlier result of that key. When it returns nil, Get returns the result in this run and in
// those after it, until one publishes without it. A process that is killed loses none of the
// results. A machine that stops loses those of the last second, which may then be incomplete:
// a result needs a checksum of its own. After an error nothing has changed.
func (d *Dir) Put(key string, write func(w io.Writer) error) error {
	if !isKey(key) {
		return fmt.Errorf("result %q: its key is not hexadecimal", key)
	}
	path := d.workPath(shardsDir, key)
	temp := fmt.Sprintf("%s.%d", path, d.temps.Add(1))
	err := createUnsynced(temp, write)
	if err == nil {
		d.step("put written")
		err = os.Rename(temp, path)
	}
	if err != nil {
		os.Remove(temp)
		return fmt.Errorf("result %s: %w", key, err)
	}
	d.step("put named")
	return d.unsynced.add(path)
}

// unsynced are results that may not be on disk yet. Many small ones are synced together: a
// sync of each costs more than a small shard.
type unsynced struct {
	mu    sync.Mutex
	paths []string
	last  time.Time // of a sync
}

// syncEvery is how long results wait for a sync at most, as long as more come.
const syncEvery = time.Second

// add adds a result, and syncs all if the last sync was long ago.
func (u *unsynced) add(path string) error {
	u.mu.Lock()
	u.paths = append(u.paths, path)
	due := time.Since(u.last) >= syncEvery
	u.mu.Unlock()
	if !due {
		return nil
	}
	return u.sync()
}

// sync syncs all results.
func (u *unsynced) sync() error {
	u.mu.Lock()
	paths := u.paths
	u.paths, u.last = nil, time.Now()
	u.mu.Unlock()
	if len(paths) == 0 {
		return nil
	}
	const few = 8 // files that are synced one by one, rather than the whole file system
	if dir := filepath.Dir(paths[0]); len(paths) > few && syncFileSystem(dir) == nil {
		return nil
	}
	for _, path := range paths {
		if err := syncFile(path); err != nil {
			return err
		}
	}
	return syncDir(filepath.Dir(paths[0]))
}

// syncFile syncs a file.
func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Temp returns a directory for files that only this run needs, on the file system of
// the tree that Publish builds. It is empty at first and gone after Close.
func (d *Dir) Temp() (string, error) {
	path := d.workPath(tempDir)
	if err := os.Mkdir(path, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	d.step("temp made")
	return path, nil
}

// create writes a new file and syncs it.
func create(path string, write func(w io.Writer) error) error {
	return writeNew(path, write, (*os.File).Sync)
}

// createUnsynced writes a new file.
func createUnsynced(path string, write func(w io.Writer) error) error {
	return writeNew(path, write, func(*os.File) error { return nil })
}

// writeNew writes a new file, with a last step before it is closed.
func writeNew(path string, write func(w io.Writer) error, last func(*os.File) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	b := bufio.NewWriterSize(f, 1<<16)
	if err = write(b); err == nil {
		err = b.Flush()
	}
	if err == nil {
		err = last(f)
	}
	return errors.Join(err, f.Close())
}

// Publish makes a new directory of what build writes below root and of the stored results
// keys, and replaces DIR by it in one step. Results that are not in keys are dropped. build
// must write the kind's Mark and no name that is not in its Names; root has the kind's Sub
// already, and its Kept if DIR has one. Only a kind whose Sub is shards has results.
//
// After an error DIR is unchanged and the stored results are kept, with one exception
// that the message names: the new tree is in place but could not be synced.
func (d *Dir) Publish(keys []string, build func(root string) error) error {
	root := d.workPath(newDir)
	if err := d.build(root, keys, build); err != nil {
		os.RemoveAll(root) // to free its space; Open and Close try too
		return fmt.Errorf("%s: %w", d.out, err)
	}
	if err := d.swap(); err != nil {
		os.RemoveAll(root)
		if errors.Is(err, syscall.EBUSY) {
			err = fmt.Errorf("%w: %w", err, errMount)
		}
		return fmt.Errorf("%s: %w", d.out, err)
	}
	d.published = true
	d.step("swapped")
	if err := errors.Join(syncDir(filepath.Dir(d.out)), syncDir(d.work)); err != nil {
		return fmt.Errorf("%s: %w, but not safe from a power cut: %w", d.out, ErrPublished, err)
	}
	// From here on the run has succeeded; what cannot be removed now, Close or
	// the next Open reports.
	os.RemoveAll(root)
	d.step("earlier tree removed")
	if entries, err := os.ReadDir(d.workPath(shardsDir)); err == nil {
		for _, e := range entries {
			os.Remove(d.workPath(shardsDir, e.Name()))
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
	if err := os.MkdirAll(filepath.Join(root, d.kind.Sub), 0o755); err != nil {
		return err
	}
	d.step("new made")
	if err := d.unsynced.sync(); err != nil {
		return err
	}
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
	if err := d.keepAdded(root); err != nil {
		return err
	}
	if err := build(root); err != nil {
		return err
	}
	d.step("built")
	// Once more, to lose as little as possible of what people add meanwhile.
	if err := d.keepAdded(root); err != nil {
		return err
	}
	entries, err := os.ReadDir(root)
	if err != nil {
		return err
	}
	if e, ok := d.kind.foreignName(entries); ok {
		return fmt.Errorf("%q is not a part of %s", e, d.kind.Name)
	}
	if err := syncTree(root); err != nil {
		return err
	}
	d.step("synced")
	if err := d.kind.check(root); err != nil { // the next Open must know it
		return err
	}
	return d.kind.replaceable(d.out)
}

// keepAdded links into the new tree the current version of the file that people add to
// the earlier one.
func (d *Dir) keepAdded(root string) error {
	if d.kind.Kept == "" {
		return nil
	}
	from, to := filepath.Join(d.out, d.kind.Kept), filepath.Join(root, d.kind.Kept)
	now, err := os.Lstat(from)
	if errors.Is(err, fs.ErrNotExist) {
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

// Keep links a file of the published directory into the tree that Publish builds at root.
// name is its slash-separated path in both.
func (d *Dir) Keep(root, name string) error {
	name = filepath.FromSlash(name)
	if err := Link(filepath.Join(d.out, name), filepath.Join(root, name)); err != nil {
		return err
	}
	d.step("file kept")
	return nil
}

// Link makes to a second name of the file from, or a copy where the file system has no
// links.
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

// Copy makes to, which must not exist, a copy of the file from. Where the file system can, the two
// share their blocks on disk until one of them is written.
func Copy(from, to string) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	if shareBlocks(out, f) != nil {
		_, err = io.Copy(out, f)
	}
	if err = errors.Join(err, out.Close()); err != nil {
		os.Remove(to)
	}
	return err
}

// Place syncs a file and renames it, to a directory that it makes; a file of that name is replaced.
func Place(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
		return err
	}
	if err := syncFile(from); err != nil {
		return err
	}
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return syncDir(filepath.Dir(to))
}

// How many files are synced one by one, rather than the whole file system in one call, which takes a
// tenth of the time for thousands; and how many of them at a time: those that wait together are
// committed together.
const (
	syncFew    = 64
	syncAtOnce = 32
)

// syncTree syncs every file and directory of root but the results, which were synced
// before.
func syncTree(root string) error {
	var paths, dirs []string
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir():
			dirs = append(dirs, path)
		case !e.Type().IsRegular():
			return fmt.Errorf("%s is not a regular file", path)
		case filepath.Dir(path) != filepath.Join(root, shardsDir):
			paths = append(paths, path)
		}
		return nil
	})
	if err != nil || len(paths) > syncFew && syncFileSystem(root) == nil {
		return err
	}
	if err := syncEach(paths, syncFile); err != nil {
		return err
	}
	return syncEach(dirs, syncDir)
}

// syncEach syncs all paths.
func syncEach(paths []string, sync func(path string) error) error {
	var group errgroup.Group
	group.SetLimit(syncAtOnce)
	for _, path := range paths {
		group.Go(func() error { return sync(path) })
	}
	return group.Wait()
}

// swap exchanges new/ and DIR, or renames new/ to DIR if there is none.
func (d *Dir) swap() error {
	if !exists(d.out) {
		return os.Rename(d.workPath(newDir), d.out)
	}
	err := d.exchange(d.workPath(newDir), d.out)
	if !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	if err := os.Rename(d.out, d.workPath(oldDir)); err != nil {
		return err
	}
	d.step("set aside")
	if err := os.Rename(d.workPath(newDir), d.out); err != nil {
		if back := os.Rename(d.workPath(oldDir), d.out); back != nil {
			return fmt.Errorf("%w; the earlier one is in %s, and the next run puts it back: %w",
				err, d.workPath(oldDir), back)
		}
		return err
	}
	d.step("placed")
	d.retire() // if it fails, Close or the next Open reports it
	return nil
}

// retire renames old/ to new/ before it is removed, so that a tree named old/ is always
// complete and can be put back.
func (d *Dir) retire() error {
	if err := os.RemoveAll(d.workPath(newDir)); err != nil {
		return err
	}
	return os.Rename(d.workPath(oldDir), d.workPath(newDir))
}

// Close unlocks the directory. It removes the work directory, unless that has results that
// the next run can use. A second call does nothing.
func (d *Dir) Close() error {
	if d.lock == nil || !d.lock.Locked() {
		return nil
	}
	err := errors.Join(d.root.RemoveAll(newDir), d.root.RemoveAll(tempDir))
	d.root.Remove(shardsDir) // fails if it is not empty
	d.step("closing")
	err = errors.Join(err, release(d.root, d.lock), d.root.Close())
	d.step("released")
	os.Remove(d.work) // fails if it is not empty
	if err != nil && d.published {
		return fmt.Errorf("%s is %w, but its work directory could not be removed: %w", d.out, ErrPublished, err)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", d.work, err)
	}
	return nil
}
