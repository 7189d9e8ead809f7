package pipeline

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"swab/ngram/item"
	"swab/ngram/overlap"
	"swab/pipeline/audit"
	"swab/pipeline/benchmark"
	"swab/pipeline/ledger"
	"swab/pipeline/match"
	"swab/pipeline/publish"
	"swab/pipeline/rows"
	"swab/pipeline/shard"
	"swab/pipeline/store"

	"github.com/zeebo/xxh3"
)

// The files of a cleaned corpus.
const (
	CleanedDir  = "corpus"                  // the shards, without the documents
	DroppedFile = "removed/documents.jsonl" // a line for each of those documents and each item that it holds
	DroppedDir  = "removed/corpus"          // the documents, in shards of the same names
	MarksDir    = "attributes/swab"         // attributes of all documents, as Dolma's tools read them
	MarkedDir   = "marked"                  // the shards of Parquet, with MarkColumn
	MarkColumn  = "contamination"           // what each document holds: a list, empty for those to keep
)

var (
	// ErrTooManyRemoved means that more documents hold flagged items than may be removed.
	ErrTooManyRemoved = errors.New("more documents than allowed would be removed")
	// ErrNotWritten means that shards cannot be written without the documents to remove.
	ErrNotWritten = errors.New("cannot be written")
)

var (
	cleanedKind = publish.Kind{Name: "a cleaned corpus", Mark: ledger.CleanedFile, Fresh: true}
	dropsFormat = ledger.Format{Name: "swab documents to remove", Version: 2, Minor: -1}
)

// DecontaminateOptions configures Decontaminate.
type DecontaminateOptions struct {
	Version   string  // of the program
	Audit     string  // directory
	Out       string  // directory to write, which must not exist
	Method    string  // of the audit; "" if it has only one
	Threshold float64 // score from which an item is flagged and a document removed; 0: the method's decision
	Spans     *Cut    // cut what matches out of the documents; nil: they go as a whole
	IDs       bool    // write the list of documents, and no corpus
	Mark      bool    // write attributes of all documents, and no corpus
	Column    bool    // write the corpus of Parquet with MarkColumn, and remove nothing
	DryRun    bool    // write nothing

	MaxRemoved      float64 // largest share of documents that may be removed; negative: any
	AllowIncomplete bool    // leave out shards that cannot be read

	Root  string // directory, or URL of a store, that shards have their names below; "": the working directory
	Task  [2]int // task I of N; {0, 0}: all shards
	Parts string // directory of what CleanTask wrote, which Decontaminate publishes; "": it reads the corpus

	Lanes    int
	Progress *Progress
}

// A CleaningSummary reports what was removed.
type CleaningSummary struct {
	*ledger.Cleaned
	Notes []string
}

// drops are the documents of a shard that are to be removed.
type drops struct {
	Entry     ledger.Entry `json:"entry"`
	Documents []dropped    `json:"documents"` // by row
	Kept      string       `json:"kept"`      // digest of all other texts, in order
}

// fates returns how many documents go as a whole, and of how many a part stays.
func (d *drops) fates() (gone, cut int64) {
	for _, doc := range d.Documents {
		if doc.Left != nil {
			cut++
		}
	}
	return int64(len(d.Documents)) - cut, cut
}

// dropped is a document to remove.
type dropped struct {
	Row   int64         `json:"row"`
	ID    string        `json:"id"`
	Bytes int64         `json:"bytes"`
	All   []int         `json:"all"`   // numbers of the items that it holds
	Items []droppedItem `json:"items"` // the first of them
	Left  [][2]int64    `json:"left"`  // bytes of its text that stay, if what matches is cut out of it

	matches [][2]int64 // spans of all items
}

// droppedItem is an item that a document holds.
type droppedItem struct {
	Benchmark string     `json:"benchmark"`
	Split     string     `json:"split"`
	Item      string     `json:"item"`
	Index     int64      `json:"index"`
	Score     float64    `json:"score"`
	Kind      string     `json:"kind,omitempty"`
	Spans     [][2]int64 `json:"spans"` // bytes of the document's text
}

// finish ends the reading of the shard, which must be as it was found.
func (d *drops) finish(in *shard.Reader, name string) error {
	read, err := in.Finish()
	if err == nil && read.XXH3 != d.Entry.Digest {
		err = changed(name)
	}
	return err
}

// compression returns what the shard is compressed by, of what is written.
func (d *drops) compression() shard.Compression {
	for _, c := range []shard.Compression{shard.Gzip, shard.Zstd, shard.Xz, shard.Lz4} {
		if c.String() == d.Entry.Compression {
			return c
		}
	}
	return shard.None
}

// A cleaner finds the documents to remove and writes the rest.
type cleaner struct {
	o       DecontaminateOptions
	about   *audit.Audit
	reading Reading
	set     *match.Set
	method  *overlap.Method
	flagged []*benchmark.Item // by item; nil: it is not flagged
	flags   []int64           // by benchmark
	names   []string          // of benchmarks
	bench   []uint16          // by item
	key     string            // digest of all that decisions depend on, but for the shard
	shards  []shard.Shard
	order   []int      // numbers of shards, the largest first
	audited []string   // by shard: its digest in the audit
	files   []string   // by shard: its name below CleanedDir
	written [][]string // by shard: files that its task wrote, where parts are collected
	dir     *publish.Dir
	sum     *CleaningSummary

	mu    sync.Mutex // also while a verdict is made, since the set's matchers serve one goroutine then
	drops []*drops   // by shard
	found []bool     // by item: a removed document holds it
	docs  []int64    // by benchmark: removed documents
}

func openCleaner(ctx context.Context, o DecontaminateOptions) (*cleaner, error) {
	r, err := audit.Open(o.Audit)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	t, err := r.Table(ctx)
	if err != nil {
		return nil, err
	}
	var notes []string
	marks, err := audit.LoadMarks(o.Audit)
	if err == nil && len(marks) > 0 {
		notes, err = r.Follow(ctx, t, "the documents to remove")
	}
	if err != nil {
		return nil, err
	}
	c := &cleaner{o: o, about: r.About}
	verdicts, err := c.choose(t)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", o.Audit, err)
	}
	if !r.About.Complete && !o.AllowIncomplete {
		return nil, fmt.Errorf("%q: the audit is incomplete, so the corpus may hold items that it does not know: "+
			"see swab report; --allow-incomplete cleans what was read", o.Audit)
	}
	if err := c.readItems(ctx, t, verdicts); err != nil {
		return nil, err
	}
	if c.set, err = match.Again(ctx, r.About, c.o.Method); err != nil {
		return nil, err
	}
	c.method = c.set.Methods[0]
	if c.method.ByCount {
		return nil, fmt.Errorf("method %s counts how often the corpus has an n-gram: no document is the one to remove; "+
			"scan without that parameter", c.method.Name)
	}
	c.reading = Reading{
		Lanes: o.Lanes, Root: o.Root, TextField: r.About.TextField, IDField: r.About.IDField, TextUnit: r.About.TextUnit,
		Tokens: r.About.Tokens, MaxRow: int(r.About.Limits["max_row"]), MaxBadRows: -1, Progress: o.Progress,
		Limits: shard.Limits{Window: r.About.Limits["max_window"], Ratio: r.About.Limits["max_ratio"]},
	}.filled()
	c.sum = &CleaningSummary{Notes: notes, Cleaned: &ledger.Cleaned{
		Swab: o.Version, Audit: r.Digest, Method: c.method.Name, Version: c.method.Version, Threshold: o.Threshold,
		IDs: o.IDs || o.Mark || o.Column,
	}}
	if o.Spans != nil {
		c.sum.Margin, c.sum.Shortest = &o.Spans.Margin, &o.Spans.Shortest
	}
	c.key = ledger.Digest([]any{dropsFormat, o.Version, r.Digest, c.method.Name, o.Threshold, o.Spans, c.flagKey()})
	return c, c.findShards(ctx)
}

// choose finds the verdicts of the method: the one that was asked for, or the only one of the audit that
// flags items.
func (c *cleaner) choose(t *audit.Table) (*audit.MethodVerdicts, error) {
	list, err := t.Methods([]string{cmp.Or(c.o.Method, "all")})
	if err != nil {
		return nil, err
	}
	if len(list) != 1 {
		var names []string
		for _, v := range list {
			names = append(names, v.Method)
		}
		return nil, fmt.Errorf("one method decides; choose it with --method: %s", strings.Join(names, ", "))
	}
	c.o.Method = list[0].Method
	return list[0], nil
}

// readItems reads the flagged items.
func (c *cleaner) readItems(ctx context.Context, t *audit.Table, v *audit.MethodVerdicts) error {
	c.flagged, c.bench = make([]*benchmark.Item, len(t.Items)), make([]uint16, len(t.Items))
	c.flags, c.docs = make([]int64, len(t.Benchmarks)), make([]int64, len(t.Benchmarks))
	c.found = make([]bool, len(t.Items))
	for _, b := range t.Benchmarks {
		c.names = append(c.names, b.Name)
	}
	return t.Read(ctx, func(number int, it *benchmark.Item) error {
		at := t.Items[number].Benchmark
		c.bench[number] = at
		if v.State[number] == item.Suspected {
			return errors.New("its items are suspected by a corpus filter, which names no documents; " +
				"run swab scan, or swab check --trace")
		}
		if c.o.Threshold == 0 && v.State[number] == item.Flagged || c.o.Threshold > 0 && v.Score[number] >= c.o.Threshold {
			kept := *it
			c.flagged[number] = &kept
			c.flags[at]++
		}
		return nil
	})
}

// flagKey returns a digest of the numbers of the flagged items, which marks may change.
func (c *cleaner) flagKey() string {
	var numbers []int
	for i, it := range c.flagged {
		if it != nil {
			numbers = append(numbers, i)
		}
	}
	return ledger.Digest(numbers)
}

// findShards finds the audited shards of the task again.
func (c *cleaner) findShards(ctx context.Context) error {
	var errs []error
	var names []string
	var plan Plan
	for _, e := range c.about.Shards {
		switch {
		case e.Error != "":
			c.sum.LeftOut = append(c.sum.LeftOut, ledger.Aside{Name: e.Name, Why: e.Error})
			continue
		case e.Once:
			errs = append(errs, fmt.Errorf("%s: it came from a pipe, which cannot be read again", e.Name))
			continue
		}
		s, _ := shardOfName(e.Name, e.ReadAs)
		s.Size = e.Size
		c.shards, names = append(c.shards, s), append(names, e.Name)
		c.audited = append(c.audited, e.Digest)
		plan.Shards = append(plan.Shards, PlannedShard{Name: e.Name, Size: e.Size})
	}
	c.sum.LeftOut = append(c.sum.LeftOut, c.about.Unread...)
	c.drops = make([]*drops, len(c.shards))
	var err error
	if c.files, err = relativeNames(names); err != nil || c.o.Parts != "" {
		return errors.Join(append(errs, err)...)
	}
	if plan.divide(max(1, c.o.Task[1])); c.o.Task[1] > len(c.shards) && c.o.Task[0] > len(c.shards) {
		return fmt.Errorf("task %d of %d has no shards: the audit has %d", c.o.Task[0], c.o.Task[1], len(c.shards))
	}
	c.order = plan.Tasks[max(0, c.o.Task[0]-1)]
	for _, i := range c.order {
		s, err := c.locate(ctx, &c.shards[i])
		if err != nil {
			errs = append(errs, err)
			continue
		}
		c.shards[i] = s
		c.reading.Progress.expect(s)
	}
	return errors.Join(errs...)
}

// locate finds an audited shard on this machine, or in a store.
func (c *cleaner) locate(ctx context.Context, audited *shard.Shard) (s shard.Shard, err error) {
	if place := c.reading.below(audited.Name); store.IsURL(place) {
		s, err = rows.Formats.FromURL(ctx, place)
		s.Format, s.ReadAs = audited.Format, audited.ReadAs
	} else {
		s, _, err = namedShard(place, audited.ReadAs)
	}
	if err == nil && s.Size != audited.Size {
		err = changed(audited.Name)
	}
	s.Name = audited.Name
	return s, err
}

// relativeNames returns the names below the directory that all files have in common.
func relativeNames(names []string) (files []string, err error) {
	common := ""
	for i, name := range names {
		abs, err := filepath.Abs(filepath.FromSlash(name))
		if err != nil {
			return nil, err
		}
		abs = filepath.ToSlash(abs)
		if store.IsURL(name) {
			abs = "/" + strings.Replace(name, "://", "/", 1)
		}
		files = append(files, abs)
		if dir := path.Dir(abs); i == 0 {
			common = dir
		}
		for common != "/" && common != "." && !strings.HasPrefix(abs, strings.TrimSuffix(common, "/")+"/") {
			common = path.Dir(common)
		}
	}
	for i, f := range files {
		files[i] = strings.TrimPrefix(strings.TrimPrefix(f, common), "/")
	}
	return files, nil
}

// find finds the documents to remove, in all shards.
func (c *cleaner) find(ctx context.Context) error {
	ahead := len(c.order) < c.reading.Lanes
	return c.reading.lanes(ctx, c.order, func() func(context.Context, int) error {
		l := c.set.NewLane()
		return func(ctx context.Context, i int) error {
			d, err := c.shardDrops(ctx, l, i, ahead)
			if err == nil {
				c.add(i, d)
			}
			return err
		}
	})
}

// add keeps the documents to remove of shard i, and counts them and the items that they hold.
func (c *cleaner) add(i int, d *drops) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drops[i] = d
	for _, doc := range d.Documents {
		of := make([]bool, len(c.names))
		for _, number := range doc.All {
			of[c.bench[number]], c.found[number] = true, true
		}
		for at, holds := range of {
			if holds {
				c.docs[at]++
			}
		}
	}
}

// shardKey returns the digest of all that the documents to remove of shard i depend on.
func (c *cleaner) shardKey(i int) string {
	return ledger.Digest([]any{c.key, c.shards[i].Name, c.shards[i].Size, c.audited[i], c.files[i]})
}

// shardDrops returns the documents of a shard that are to be removed, from an earlier try if
// that came so far.
func (c *cleaner) shardDrops(ctx context.Context, l *match.Lane, i int, ahead bool) (*drops, error) {
	sh, key := c.shards[i], c.shardKey(i)
	if c.dir != nil {
		if d := c.stored(key); d != nil {
			return d, nil
		}
	}
	d := &drops{}
	kept := xxh3.New()
	l.Begin(sh.Name, nil)
	defer context.AfterFunc(ctx, l.Stop)()
	var err error
	d.Entry, err = c.reading.documents(ctx, sh, ahead, func(row int64, id string, text []byte) error {
		l.Document(row, id, text)
		doc := dropped{Row: row, Bytes: int64(len(text))}
		if c.judge(l, sh.Name, &doc); doc.Items == nil {
			hashText(kept, text)
			return ctx.Err()
		}
		doc.ID = strings.Clone(id)
		if c.o.Spans != nil {
			if left := c.cut(l, sh.Name, text, &doc); doc.Left != nil {
				hashText(kept, left)
			}
		}
		d.Documents = append(d.Documents, doc)
		return ctx.Err()
	})
	switch {
	case err != nil:
		return nil, err
	case d.Entry.Error != "":
		return nil, errors.New(d.Entry.Error)
	case d.Entry.Digest != c.audited[i]:
		return nil, changed(sh.Name)
	}
	d.Kept = hexSum(kept)
	if c.dir == nil {
		return d, nil
	}
	return d, c.dir.Put(key, func(w io.Writer) error { return dropsFormat.Write(w, d) })
}

// stored returns what an earlier try found in a shard, or nil.
func (c *cleaner) stored(key string) *drops {
	name, ok := c.dir.Get(key)
	if !ok {
		return nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil
	}
	defer f.Close()
	d := new(drops)
	if dropsFormat.Read(f, d) != nil {
		return nil
	}
	return d
}

// listedItems is the number of items that are listed of a document.
const listedItems = 100

// judge adds to doc the flagged items that the lane's only document holds.
func (c *cleaner) judge(l *match.Lane, name string, doc *dropped) {
	touched := false
	l.VisitFound(0, func(number int) *benchmark.Item { return c.flagged[number] }, func(number int, f match.Found) {
		touched = true
		it := c.flagged[number]
		if it == nil {
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		v := f.Judge(0)
		if !c.removes(&v) {
			return
		}
		doc.All = append(doc.All, number)
		evidence := f.Evidence()
		for _, e := range evidence {
			doc.matches = append(doc.matches, [2]int64{e.DocStart, e.DocEnd})
		}
		if len(doc.Items) == listedItems {
			return
		}
		found := droppedItem{
			Benchmark: c.names[c.bench[number]], Split: it.Split, Item: it.ID, Index: int64(it.Index),
			Score: v.Score, Kind: v.Kind, Spans: [][2]int64{},
		}
		for _, e := range evidence {
			found.Spans = append(found.Spans, [2]int64{e.DocStart, e.DocEnd})
		}
		doc.Items = append(doc.Items, found)
	})
	if touched {
		l.Begin(name, nil)
	}
}

// removes reports whether a document goes that has, by itself, that verdict on a flagged item.
func (c *cleaner) removes(v *overlap.Verdict) bool {
	switch {
	case c.method.Joins:
		return slices.ContainsFunc(v.Counted, func(w uint64) bool { return w != 0 })
	case c.o.Threshold > 0:
		return v.State != item.NotCheckable && v.Score >= c.o.Threshold
	}
	return v.State == item.Flagged || slices.Contains(c.about.Flag, v.Kind)
}

// count adds up what was found.
func (c *cleaner) count() error {
	for i, d := range c.drops {
		s := ledger.CleanedShard{Name: d.Entry.Name, Documents: d.Entry.Documents}
		s.Removed, s.Cut = d.fates()
		if !c.sum.IDs {
			s.File = CleanedDir + "/" + c.files[i]
		}
		if c.isGone(i) {
			s.File = ""
		}
		c.sum.Documents += s.Documents
		c.sum.Removed += s.Removed
		c.sum.Cut += s.Cut
		for _, doc := range d.Documents {
			c.sum.Bytes += doc.Bytes
			for _, p := range doc.Left {
				c.sum.Bytes -= p[1] - p[0]
			}
		}
		c.sum.Shards = append(c.sum.Shards, s)
	}
	for at, name := range c.names {
		b := ledger.CleanedBenchmark{Name: name, Flagged: c.flags[at], Documents: c.docs[at]}
		for number, found := range c.found {
			if found && int(c.bench[number]) == at {
				b.Found++
			}
		}
		c.sum.Benchmarks = append(c.sum.Benchmarks, b)
	}
	changed := c.sum.Removed + c.sum.Cut
	if share := float64(changed) / float64(max(1, c.sum.Documents)); c.o.MaxRemoved >= 0 && share > c.o.MaxRemoved {
		return fmt.Errorf("%w: %d of %d, %.3g %%, and --max-removed is %g; nothing was written",
			ErrTooManyRemoved, changed, c.sum.Documents, 100*share, 100*c.o.MaxRemoved)
	}
	return nil
}

// cut cuts what matches out of a document, whose matches are known, until nothing does, and
// sets doc.Left unless the document goes. It returns the text that is left.
func (c *cleaner) cut(l *match.Lane, name string, text []byte, doc *dropped) []byte {
	pieces, spans := [][2]int64{{0, int64(len(text))}}, doc.matches
	doc.matches = nil
	for range mostCuts {
		pieces = c.o.Spans.cutPieces(text, pieces, spans)
		if len(spans) == 0 || len(pieces) == 0 || len(pieces) > mostPieces {
			return nil
		}
		left := joinPieces(text, pieces)
		again := dropped{}
		l.Document(doc.Row, doc.ID, left)
		if c.judge(l, name, &again); again.Items == nil {
			doc.Left = pieces
			return left
		}
		spans = spans[:0:0]
		for _, s := range again.matches {
			spans = append(spans, spansBefore(pieces, s)...)
		}
	}
	return nil
}

// cutText returns what is left of a document's text.
func (d *dropped) cutText(text []byte) []byte {
	return joinPieces(text, d.Left)
}

// isGone reports whether nothing is left of shard i: it is a file of text that is one document.
func (c *cleaner) isGone(i int) bool {
	gone, _ := c.drops[i].fates()
	return gone > 0 && c.isDocument(i)
}

// isDocument reports whether shard i is one document as a whole.
func (c *cleaner) isDocument(i int) bool {
	return rows.IsProse(c.shards[i].Format) && c.reading.TextUnit != "line"
}

// changed returns the error of a shard that is not the one that was audited.
func changed(name string) error {
	return fmt.Errorf("%s: %w: it is not the file of the audit; run swab scan again", name, benchmark.ErrChanged)
}

func hashText(h *xxh3.Hasher, text []byte) {
	var size [8]byte
	binary.LittleEndian.PutUint64(size[:], uint64(len(text)))
	h.Write(size[:])
	h.Write(text)
}

func hexSum(h *xxh3.Hasher) string {
	sum := h.Sum128().Bytes()
	return hex.EncodeToString(sum[:])
}
