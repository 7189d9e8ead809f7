package pipeline

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"swab/pipeline/ledger"
	"swab/pipeline/match"
	"swab/pipeline/shard"

	"github.com/zeebo/xxh3"
)

// kept has the results of shards of an output directory, those of earlier runs and those of
// this one. The identity of a result is the shard's base name, size and digest, the settings
// of reading, and for each subject that of its search. Where a shard is and when it was
// changed is only a short cut to its digest.
type kept struct {
	dir      resultStore
	stored   func(d *done, file string) error // called when a result is in a file; or nil
	reading  string
	searched []string       // by subject
	subjects map[string]int // by their digests
	here     string         // working directory

	exact bool // results of all subjects alone are used

	by    map[identity][]*stored
	packs []*pack
	why   map[string]int // why shards with an earlier result are read again, with their number

	mu    sync.Mutex
	out   bytes.Buffer // results that are not in a file yet
	next  *ledger.ResultWriter
	wait  []*done // whose results they are
	since time.Time
}

// A resultStore is where files of results are kept.
type resultStore interface {
	Results() (keys []string, err error)
	Get(key string) (path string, ok bool)
	Put(key string, write func(w io.Writer) error) error
	Temp() (dir string, err error)
}

// identity is what shards must have in common for one to have the result of another.
type identity struct {
	base  string
	size  int64
	whose shard.Range // of the shard
}

// A pack is a file of results.
type pack struct {
	key     string
	path    string
	size    int64
	results int
	used    int
	rewrite bool
}

// stored is a result in a pack.
type stored struct {
	*pack
	group  *ledger.ResultGroup
	result ledger.Result
	moved  bool // its short cut is not that of the shard in this run
}

// done is the outcome of a shard.
type done struct {
	shard shard.Shard
	entry ledger.Entry
	kept  bool      // all of it is from an earlier run
	from  []*stored // the results that the run uses
}

// openKept reads the results in dir. Searched has the digest of each subject.
func openKept(dir resultStore, reading string, searched []string) (*kept, error) {
	here, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	k := &kept{
		dir: dir, reading: reading, searched: searched, subjects: map[string]int{}, here: here,
		by: map[identity][]*stored{}, why: map[string]int{},
	}
	for of, digest := range searched {
		k.subjects[digest] = of
	}
	keys, err := dir.Results()
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		file, ok := dir.Get(key)
		if !ok {
			continue
		}
		groups, err := ledger.ReadResults(file)
		if err != nil { // its shards are read again
			k.why["a file of results cannot be read"]++
			continue
		}
		k.add(key, file, groups, func(s *stored) {
			if e := s.result.Entries; len(e) == 1 {
				id := identity{base: path.Base(e[0].Name), size: e[0].Size}
				if g := e[0].Range; g != nil {
					id.whose = shard.Range{At: g.At, End: g.End}
				}
				k.by[id] = append(k.by[id], s)
			}
		})
	}
	return k, nil
}

// add adds the results of a file.
func (k *kept) add(key, file string, groups []ledger.ResultGroup, each func(*stored)) {
	p := &pack{key: key, path: file}
	if info, err := os.Stat(file); err == nil {
		p.size = info.Size()
	}
	k.packs = append(k.packs, p)
	for g := range groups {
		for _, r := range groups[g].Results {
			p.results++
			each(&stored{pack: p, group: &groups[g], result: r})
		}
	}
}

// find sets the results that shards have from earlier runs, and returns by subject whether any
// shard lacks its. Digests are read of shards that are not where they were, and of all others
// with rehash.
func (k *kept) find(ctx context.Context, all []done, lanes int, rehash bool) (missing []bool, err error) {
	missing = make([]bool, len(k.searched))
	candidates := make([][]*stored, len(all))
	var unknown []shard.Shard
	digests := map[string]string{} // by the shard's or range's name
	for i := range all {
		sh := &all[i].shard
		if candidates[i] = k.candidates(sh); len(candidates[i]) == 0 {
			continue
		}
		at := k.path(sh)
		here := func(s *stored) int {
			if s.seenAt(sh, at) {
				return 0
			}
			return 1
		}
		slices.SortStableFunc(candidates[i], func(a, b *stored) int { return here(a) - here(b) })
		if first := candidates[i][0]; !rehash && here(first) == 0 {
			digests[describeRange(sh)] = first.digest()
		}
		if digests[describeRange(sh)] == "" {
			unknown = append(unknown, *sh)
			unknown[len(unknown)-1].Name = describeRange(sh)
		}
	}
	read, err := shard.Digests(ctx, unknown, lanes)
	if err != nil {
		return nil, err
	}
	for i := range all {
		d := &all[i]
		name := describeRange(&d.shard)
		digest := cmp.Or(digests[name], read[name])
		if digest == "" || d.shard.Range.End == 0 && d.shard.Digest != "" && d.shard.Digest != digest {
			digest = "none"
		}
		lacks := k.use(d, candidates[i], digest)
		for _, of := range lacks {
			missing[of] = true
		}
		d.kept = len(lacks) == 0
	}
	return missing, nil
}

// candidates returns the results that may be those of a shard, if its digest is theirs.
func (k *kept) candidates(sh *shard.Shard) (list []*stored) {
	if sh.Once {
		return nil
	}
	same := k.by[identity{path.Base(sh.Name), sh.Size, sh.Range}]
	for _, s := range same {
		switch {
		case s.result.Entries[0].Error != "":
		case s.group.Reading != k.reading:
			k.why["shards are read by other settings"]++
		case k.exact && !slices.Equal(s.group.Searched, k.searched):
			k.why["other items or methods were searched for"]++
		case slices.ContainsFunc(s.group.Searched, func(d string) bool { _, ok := k.subjects[d]; return ok }):
			list = append(list, s)
		}
	}
	return list
}

// path returns the absolute path of a shard, or the URL of an object, without its commit.
func (k *kept) path(sh *shard.Shard) string {
	if sh.Object != nil {
		return sh.Name
	}
	if filepath.IsAbs(sh.Path) {
		return sh.Path
	}
	return filepath.Join(k.here, sh.Path)
}

// seen returns the short cut to the digest of a shard.
func (k *kept) seen(sh *shard.Shard) *ledger.Seen {
	if sh.Once {
		return nil
	}
	return &ledger.Seen{Path: k.path(sh), ModTime: sh.Stamp(), ETag: sh.Version()}
}

// digest returns the digest of the shard, or of the range of it.
func (s *stored) digest() string {
	if g := s.result.Entries[0].Range; g != nil {
		return g.Digest
	}
	return s.result.Entries[0].Digest
}

// seenAt reports whether the shard of a result was read where sh is, and sh was not changed
// since.
func (s *stored) seenAt(sh *shard.Shard, path string) bool {
	at := s.result.Seen
	return at != nil && at.Path == path && at.ModTime == sh.Stamp() && at.ETag == sh.Version() &&
		(sh.Object == nil || at.ModTime != 0 || at.ETag != "")
}

// use sets the results of a shard of that digest, and returns the subjects that none of them
// has.
func (k *kept) use(d *done, candidates []*stored, digest string) (lacks []int) {
	has := make([]bool, len(k.searched))
	for _, s := range candidates {
		if s.digest() != digest {
			continue
		}
		used := false
		for _, subject := range s.group.Searched {
			if of, ok := k.subjects[subject]; ok && !has[of] {
				has[of], used = true, true
			}
		}
		if used {
			d.from = append(d.from, s)
			d.entry = s.result.Entries[0]
			d.entry.Name, d.entry.Version, d.entry.Source = d.shard.Name, d.shard.Version(), d.shard.Source()
			s.moved = !s.seenAt(&d.shard, k.path(&d.shard))
		}
	}
	for of := range has {
		if !has[of] {
			lacks = append(lacks, of)
		}
	}
	if len(candidates) > 0 && len(d.from) == 0 {
		k.why["shards have changed"]++
	}
	return lacks
}

// addResult adds the result of a shard that was read. Of has the subjects that something was found
// of, and found their sections, which are lent. Results of small shards are written together.
func (k *kept) addResult(d *done, searched []string, of []int, found [][]byte) error {
	k.mu.Lock()
	if k.next == nil {
		k.out.Reset()
		k.next, _ = ledger.NewResultWriter(&k.out)
	}
	k.next.Group(k.reading, searched)
	for i, b := range found {
		k.next.SectionBytes(of[i], b)
	}
	k.next.End([]ledger.Entry{d.entry}, k.seen(&d.shard))
	k.wait = append(k.wait, d)
	const most = 8 << 20 // bytes that wait
	if time.Since(k.since) < time.Second && k.out.Len() < most {
		k.mu.Unlock()
		return nil
	}
	defer k.mu.Unlock()
	return k.write()
}

// flush writes all results that wait.
func (k *kept) flush() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.write()
}

// write writes the results that wait into a file.
func (k *kept) write() error {
	if k.next == nil {
		return nil
	}
	groups, err := k.next.Close()
	k.next, k.since = nil, time.Now()
	if err != nil {
		return err
	}
	key, err := k.store(k.out.Bytes())
	if err != nil {
		return err
	}
	file, _ := k.dir.Get(key)
	i := 0
	k.add(key, file, groups, func(s *stored) {
		d := k.wait[i]
		d.from = append(d.from, s)
		if i++; k.stored != nil && err == nil {
			err = k.stored(d, file)
		}
	})
	k.wait = k.wait[:0]
	return err
}

// store stores a file of results under the digest of its bytes.
func (k *kept) store(content []byte) (key string, err error) {
	sum := xxh3.Hash128(content).Bytes()
	key = hex.EncodeToString(sum[:])
	return key, k.dir.Put(key, func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
}

// sections returns by subject the sections of all shards.
func (k *kept) sections(all []done) [][]match.Section {
	list := make([][]match.Section, len(k.searched))
	for i := range all {
		d := &all[i]
		if d.entry.Error != "" {
			continue
		}
		has := map[int]bool{}
		names := []string{d.entry.Name}
		for _, s := range slices.Backward(d.from) {
			for _, sec := range s.result.Sections {
				of, ok := k.subjects[s.group.Searched[sec.Of]]
				if ok && !has[of] {
					list[of] = append(list[of], match.Section{Path: s.path, At: sec.At, Size: sec.Size, Names: names})
				}
			}
			for _, subject := range s.group.Searched {
				if of, ok := k.subjects[subject]; ok {
					has[of] = true
				}
			}
		}
	}
	return list
}

// mostPacks is how many files of results an output directory has at most.
const mostPacks = 8

// collect returns the keys of files that have the results of all shards, and nothing else:
// files with other results, and small ones, are written again as one.
func (k *kept) collect(all []done) (keys []string, err error) {
	var used []*stored
	had := map[*stored]bool{}
	for i := range all {
		for _, s := range all[i].from {
			if had[s] { // by another shard of the same content
				continue
			}
			if had[s] = true; s.moved {
				s.rewrite = true
				s.result.Entries = []ledger.Entry{all[i].entry}
				s.result.Seen = k.seen(&all[i].shard)
			}
			s.used++
			used = append(used, s)
		}
	}
	packs := slices.DeleteFunc(slices.Clone(k.packs), func(p *pack) bool { return p.used == 0 })
	slices.SortStableFunc(packs, func(a, b *pack) int { return cmp.Compare(a.size, b.size) })
	again, left := int64(0), len(packs)
	for _, p := range packs {
		if p.rewrite = p.rewrite || p.used < p.results; p.rewrite {
			again += p.size
			left--
		}
	}
	for i, p := range packs {
		if !p.rewrite && (p.size < again || left > mostPacks) && (again > 0 || i+1 < len(packs)) {
			p.rewrite = true
			again += p.size
			left--
		}
	}
	for _, p := range packs {
		if !p.rewrite {
			keys = append(keys, p.key)
		}
	}
	if again == 0 {
		return keys, nil
	}
	key, err := k.rewrite(used)
	return append(keys, key), err
}

// rewrite writes the used results of files that are to be written again into one.
func (k *kept) rewrite(used []*stored) (key string, err error) {
	temp, err := k.dir.Temp()
	if err != nil {
		return "", err
	}
	f, err := os.CreateTemp(temp, "results")
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := xxh3.New128()
	w, err := ledger.NewResultWriter(io.MultiWriter(f, sum))
	if err != nil {
		return "", err
	}
	slices.SortStableFunc(used, func(a, b *stored) int { return strings.Compare(a.path, b.path) })
	var in *os.File
	defer func() { in.Close() }()
	var moved []*stored
	for _, s := range used {
		if !s.pack.rewrite {
			continue
		}
		if in == nil || in.Name() != s.path {
			in.Close()
			if in, err = os.Open(s.path); err != nil {
				return "", err
			}
		}
		w.Group(s.group.Reading, s.group.Searched)
		for _, sec := range s.result.Sections {
			err := w.Section(sec.Of, func(out io.Writer) error {
				_, err := io.Copy(out, io.NewSectionReader(in, sec.At, sec.Size))
				return err
			})
			if err != nil {
				return "", err
			}
		}
		s.result = w.End(s.result.Entries, s.result.Seen)
		moved = append(moved, s)
	}
	if _, err := w.Close(); err != nil {
		return "", err
	}
	key = hex.EncodeToString(sum.Sum(nil))
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	err = k.dir.Put(key, func(out io.Writer) error {
		_, err := io.Copy(out, f)
		return err
	})
	if err != nil {
		return "", err
	}
	file, _ := k.dir.Get(key)
	p := &pack{key: key, path: file}
	for _, s := range moved {
		s.pack = p
	}
	return key, os.Remove(f.Name())
}

// notes says why shards are read although there are results of earlier runs, and for what.
func (k *kept) notes(set *match.Set, all []done, missing []bool) (notes []string) {
	partly := 0
	for i := range all {
		if !all[i].kept && len(all[i].from) > 0 {
			partly++
		}
	}
	for _, why := range slices.Sorted(maps.Keys(k.why)) {
		notes = append(notes, fmt.Sprintf("%s (%d): they are read again", why, k.why[why]))
	}
	if partly > 0 {
		notes = append(notes, fmt.Sprintf("%d shards are read again, for %s alone: what was found of all else is kept",
			partly, describe(set, missing)))
	}
	return notes
}

// describe names the subjects that are missing: benchmarks, methods, or both.
func describe(set *match.Set, missing []bool) string {
	lacks, methodsOf := map[string]int{}, map[string][]string{}
	var benches []string
	for of, is := range missing {
		bench, methods := set.Describe(of)
		if !slices.Contains(benches, bench) {
			benches = append(benches, bench)
		}
		if is {
			lacks[bench]++
			methodsOf[bench] = append(methodsOf[bench], methods...)
		}
	}
	matchers := len(missing) / len(benches)
	var parts []string
	for _, bench := range benches {
		switch lacks[bench] {
		case 0:
		case matchers:
			parts = append(parts, bench)
		default:
			parts = append(parts, bench+" by "+strings.Join(methodsOf[bench], " and "))
		}
	}
	const most = 5
	if more := len(parts) - most; more > 0 {
		parts = append(parts[:most], fmt.Sprintf("%d more", more))
	}
	return strings.Join(parts, ", ")
}
