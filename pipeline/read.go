package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"unicode"
	"unicode/utf8"

	"swab/ngram/plain"
	"swab/pipeline/audit"
	"swab/pipeline/ledger"
	"swab/pipeline/record"
	"swab/pipeline/rows"
	"swab/pipeline/shard"
	"swab/pipeline/store"
	"swab/pipeline/tokenizer"

	"github.com/zeebo/xxh3"
	"golang.org/x/sync/errgroup"
)

var (
	// ErrBadRows means that more rows were bad than allowed.
	ErrBadRows = errors.New("too many bad rows")
	// ErrNoText means that rows were read and none has the field of the text.
	ErrNoText = errors.New("no row has a text")
	// ErrNoDocuments means that the corpus has no document that could be read.
	ErrNoDocuments = errors.New("the corpus holds no documents that can be read")
)

// Reading is how a run reads shards. The zero value of a field means its default.
type Reading struct {
	Lanes     int    // shards read at a time; all cores
	Root      string // directory that the names of shards are below; "": the working directory
	Part      [2]int // only part I of N of the shards, by name; {0, 0}: all
	TextField string
	IDField   string
	TextUnit  string
	Tokens    *rows.Tokens // decodes token ids; nil: they are refused
	Exclude   []string     // globs of files of the corpus that are left out
	Format    string       // as which files are read whatever their name, as jsonl; "": as their name says
	MaxRow    int          // longest row, bytes
	Rehash    bool         // compare the content of shards that have their earlier size and modification time
	Limits    shard.Limits

	MaxBadRows int64 // more rows skipped or repaired end the run; negative: no bound

	Progress *Progress

	least  int64          // bytes of a range that shards are divided into, for tests; 0: as lanes need
	strict bool           // trouble of the machine ends the run, and is no defect of a shard
	text   []rows.Field   // of textFields, once it is prepared
	fields *record.Fields // likewise
}

func (r Reading) filled() Reading {
	if r.Progress == nil {
		r.Progress = &Progress{}
	}
	if r.Lanes <= 0 {
		r.Lanes = runtime.GOMAXPROCS(0)
	}
	return r
}

// prepared returns r with its fields parsed, for many shards.
func (r Reading) prepared() (Reading, error) {
	var err error
	if r.text, err = r.textFields(); err == nil {
		r.fields, err = record.ParseFields(r.text[0].String(), r.IDField, r.text[1:])
	}
	return r, err
}

// found lists the shards of a run, and the files that are not read.
type found struct {
	shards []shard.Shard
	stored int64 // bytes of all shards of the corpus, also of those that are another task's
	files  []shard.Skipped
}

// notRead returns the files that are not read, apart from those that are no data.
func (f found) notRead() (unread, excluded []audit.Aside) {
	for _, s := range f.files {
		switch s.Fate {
		case shard.Unread:
			unread = append(unread, audit.Aside{Name: s.Path, Why: s.Why})
		case shard.Excluded:
			excluded = append(excluded, audit.Aside{Name: s.Path, Why: s.Why})
		}
	}
	return unread, excluded
}

// ReadTokenizer returns what decodes token ids by a tokenizer.json; see [rows.NewTokens].
func ReadTokenizer(ctx context.Context, file, field, typ string, end *uint32) (*rows.Tokens, error) {
	data, err := store.ReadFile(ctx, file)
	if err != nil {
		return nil, err
	}
	z, err := tokenizer.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", store.Clean(file), err)
	}
	return rows.NewTokens(z, field, typ, end)
}

// namedShard returns the file of that name as a shard, read as the ending readAs says unless
// that is "", and whether its format is known.
func namedShard(name, readAs string) (s shard.Shard, ok bool, err error) {
	info, err := os.Stat(name)
	if err != nil {
		return s, false, err
	}
	s, ok = shardOfName(name, readAs)
	s.Size, s.ModTime = info.Size(), info.ModTime()
	s.AddIndex()
	return s, ok, nil
}

// shardOfName returns what the name of a file says of it as a shard, and whether its format is known.
func shardOfName(name, readAs string) (s shard.Shard, ok bool) {
	f, c, ok := rows.Formats.Identify(name, name)
	if readAs != "" {
		f, _, ok = rows.Formats.TypeOf("x" + readAs)
	}
	return shard.Shard{
		Name: name, Path: filepath.FromSlash(name), Format: f, Compression: c, Formats: &rows.Formats, ReadAs: readAs,
	}, ok
}

// unknownSize is as many bytes as a pipe is taken to have.
const unknownSize = 1 << 33

// below returns the path of a shard of that name below the root.
func (r Reading) below(name string) string {
	switch {
	case r.Root == "" || filepath.IsAbs(name) || store.IsURL(name) || name == shard.Stdin:
		return name
	case store.IsURL(r.Root):
		return strings.TrimSuffix(r.Root, "/") + "/" + name
	}
	return filepath.ToSlash(filepath.Join(r.Root, name))
}

// find returns the shards of the run's task.
func (r Reading) find(ctx context.Context, patterns []string) (found, error) {
	fields, err := r.textFields()
	if err != nil {
		return found{}, err
	}
	readAs := ""
	if r.Format != "" {
		if readAs, err = rows.Formats.Ending(r.Format); err != nil {
			return found{}, err
		}
	}
	if r.Root != "" {
		patterns = slices.Clone(patterns)
		for i, pattern := range patterns {
			if strings.HasPrefix(pattern, "@") {
				return found{}, fmt.Errorf("%s: with a root, files, directories and globs are named, and no list", pattern)
			}
			patterns[i] = r.below(pattern)
		}
	}
	shards, files, err := rows.Find(ctx, patterns, r.Exclude, readAs, fields...)
	if prefix := r.below("x"); r.Root != "" {
		prefix = prefix[:len(prefix)-1]
		for i := range shards {
			shards[i].Name = strings.TrimPrefix(shards[i].Name, prefix)
		}
		for i := range files {
			files[i].Path = strings.TrimPrefix(files[i].Path, prefix)
		}
	}
	f := found{shards: shards, files: files}
	for _, s := range shards {
		f.stored += s.Size
		if s.Once {
			f.stored += unknownSize
		}
	}
	if err != nil || r.Part == [2]int{} {
		return f, err
	}
	f.shards = nil
	for i, s := range shards {
		if i%r.Part[1] == r.Part[0]-1 {
			f.shards = append(f.shards, s)
		}
	}
	if len(f.shards) == 0 {
		return found{}, fmt.Errorf("task %d of %d has no shards: the corpus has %d", r.Part[0], r.Part[1], len(shards))
	}
	return f, nil
}

// Progress is how far a run has come. Its fields may be read at any time.
type Progress struct {
	Items  atomic.Int64 // of benchmarks, loaded so far
	Bytes  atomic.Int64 // of shards, as stored, to be read in this run
	Read   atomic.Int64 // of them, read so far
	Text   atomic.Int64 // bytes of documents matched
	Shards atomic.Int64 // to be read in this run
	Done   atomic.Int64 // of them, read to their end or failed
}

// expect adds a shard to what is to be read.
func (p *Progress) expect(s shard.Shard) {
	p.Bytes.Add(s.Bytes())
	p.Shards.Add(1)
}

// lanes processes the shards of todo, in that order, on r.Lanes goroutines. Each goroutine
// calls newLane once, and the function that it returns for every shard.
func (r Reading) lanes(ctx context.Context, todo []int, newLane func() func(ctx context.Context, i int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	var taken atomic.Int64
	for range min(r.Lanes, len(todo)) {
		group.Go(func() error {
			process := newLane()
			for {
				k := int(taken.Add(1)) - 1
				if k >= len(todo) || ctx.Err() != nil {
					return ctx.Err()
				}
				if err := process(ctx, todo[k]); err != nil {
					return err
				}
				r.Progress.Done.Add(1)
			}
		})
	}
	return group.Wait()
}

// errVisit wraps an error of a visitor, which ends the run and not the shard.
type errVisit struct{ error }

// documents calls each for every document of the shard, with an id and a text that are
// valid during the call only. The entry counts the shard's rows by their fate. If the shard
// is unreadable, the entry says why, and none of its documents counts. An error ends the
// run.
func (r Reading) documents(
	ctx context.Context, sh shard.Shard, ahead bool, each func(row int64, id string, text []byte) error,
) (ledger.Entry, error) {
	e := ledger.Entry{Name: sh.Name, Size: sh.Size, Format: sh.Format.String(), Compression: sh.Compression.String()}
	e.ReadAs, e.Once, e.Version, e.Source = sh.ReadAs, sh.Once, sh.Version(), sh.Source()
	var counts record.Counts
	err := r.read(ctx, sh, ahead, &counts, &e, each)
	if ctx.Err() != nil {
		return e, ctx.Err()
	}
	if v, ok := errors.AsType[errVisit](err); ok {
		return e, v.error
	}
	if _, ok := errors.AsType[syscall.Errno](err); r.strict && (ok || store.IsFault(err)) {
		return e, err
	}
	e.TextField = counts.TextField
	e.Rows, e.Documents, e.TextBytes = counts.Rows, counts.Documents, counts.TextBytes
	e.Skipped, e.Repaired = kinds(counts.Skipped), kinds(counts.Repaired)
	for _, b := range counts.First {
		e.FirstBad = append(e.FirstBad, ledger.BadRow{Row: b.Row, Kind: string(b.Kind), Detail: b.Detail})
	}
	if err != nil {
		e.Error = err.Error() + r.remedy(err)
		e.Documents, e.TextBytes, e.Empty, e.LongIDs, e.Disguised, e.Range = 0, 0, 0, 0, nil, nil
	}
	return e, nil
}

// defaultField is the text field that is read where rows have it. Where the first row does
// not, the first of otherFields that it has is.
const defaultField = "text"

var otherFields = [...]string{
	"messages[].content", "conversations[].value", "conversations[].content", "conversation[].content",
	"conversation[].value", "content", "raw_content", "prompt+completion", "prompt+response",
	"instruction+input?+output", "instruction+context?+response",
	"prompt+chosen[].content+rejected[].content", "chosen[].content+rejected[].content",
	"prompt+chosen+rejected", "chosen+rejected", "turns[].content", "dialogue[].text", "dialog", "dialogue",
	"inputs+targets", "input[].content+output", "input+output", "problem+solution", "question+answer",
	"question+response", "query+response", "query+answer", "content.text", "body", "title?+selftext", "code",
	"document", "article", "markdown", "caption", "Text", "TEXT",
}

// field returns the field of the text that is read first.
func (r Reading) field() string {
	switch {
	case r.Tokens == nil:
		return cmp.Or(r.TextField, defaultField)
	case r.Tokens.Field != "":
		return r.Tokens.Field
	}
	return rows.TokenFields[0]
}

// findsField reports whether another field may be read where the first row lacks that one.
func (r Reading) findsField() bool {
	if r.Tokens != nil {
		return r.Tokens.Field == ""
	}
	return r.field() == defaultField
}

// textFields returns the fields that may be read as the text, in order: the first that a
// shard has is its text.
func (r Reading) textFields() (fields []rows.Field, err error) {
	if r.text != nil {
		return r.text, nil
	}
	names := []string{r.field()}
	if names[0] == rows.TokenFields[0] {
		names = append(rows.TokenFields[:], defaultField)
	}
	if r.findsField() {
		names = append(names, otherFields[:]...)
	}
	for _, name := range names {
		f, err := rows.ParseField(name)
		if err != nil {
			return nil, fmt.Errorf("text field: %w", err)
		}
		fields = append(fields, f)
	}
	return fields, nil
}

// FoundFields returns a note for each field that was read as the text in place of the
// default field, with the shards concerned.
func FoundFields(shards []ledger.Entry) (notes []string) {
	names := map[string][]string{}
	for _, e := range shards {
		if e.TextField != "" {
			names[e.TextField] = append(names[e.TextField], e.Name)
		}
	}
	for _, field := range slices.Sorted(maps.Keys(names)) {
		list := names[field][0]
		if more := len(names[field]) - 1; more > 0 {
			list += fmt.Sprintf(" and %d more", more)
		}
		notes = append(notes, fmt.Sprintf("%s: it has no field %s; read as text: %s; choose another with --text-field",
			list, lacking(field), field))
	}
	return notes
}

// lacking returns the field that would have been read in place of the one that was.
func lacking(field string) string {
	if field == defaultField || slices.Contains(rows.TokenFields[:], field) {
		return rows.TokenFields[0]
	}
	return defaultField
}

// read calls each for every document of the shard. Where the first row lacks the default
// field and has another that texts are known to be in, it reads that.
func (r Reading) read(
	ctx context.Context, sh shard.Shard, ahead bool, counts *record.Counts, e *ledger.Entry,
	each func(row int64, id string, text []byte) error,
) error {
	fields, err := r.textFields()
	if err != nil {
		return err
	}
	in, err := shard.Open(sh, r.Limits, ahead, &r.Progress.Read)
	if err != nil {
		return err
	}
	defer in.Close()
	format, err := in.Format()
	if err != nil {
		return err
	}
	e.Format, e.Compression = format.String(), in.Compression().String()
	o := record.Options{
		Name: sh.Name, ReadAs: sh.LayoutName(), TextField: fields[0].String(), Others: fields[1:], Tokens: r.Tokens,
		IDField: r.IDField, Fields: r.fields, TextUnit: r.TextUnit, MaxRow: r.MaxRow,
		PlainSize: plainSize(sh, in), Limits: r.Limits, Range: sh.Range, Settled: sh.Settled,
	}
	for rec, err := range record.Documents(ctx, in, format, o, counts) {
		if err != nil {
			return err
		}
		ids, texts, rows := record.Columns(rec)
		values, offsets := texts.ValueBytes(), texts.ValueOffsets()
		base := offsets[0]
		for k := range int(rec.NumRows()) {
			text := values[offsets[k]-base : offsets[k+1]-base]
			if !hasWord(text) {
				e.Empty++
			}
			for _, kind := range plain.Disguises(text) {
				if e.Disguised == nil {
					e.Disguised = map[string]int64{}
				}
				e.Disguised[kind]++
			}
			id := ids.Value(k)
			if len(id) > maxID {
				e.LongIDs++
				id = clipID(id)
			}
			if err := each(rows.Value(k), id, text); err != nil {
				return errVisit{err}
			}
		}
		r.Progress.Text.Add(int64(len(values)))
	}
	digest, err := in.Finish()
	if err != nil {
		return err
	}
	if sh.Range.End > 0 {
		e.Unchecked = !counts.Checked && !in.Checked()
		return finishRange(ctx, sh, digest, e)
	}
	if sh.Once {
		e.Size = digest.Stored
	} else if digest.Stored != sh.Size {
		return fmt.Errorf("%s: it had %d bytes when the run began and %d when it was read", sh.Name, sh.Size, digest.Stored)
	}
	if sh.Digest != "" && sh.Digest != digest.XXH3 {
		return errContent(sh)
	}
	e.Digest, e.Unchecked = digest.XXH3, !counts.Checked && !in.Checked()
	return nil
}

// finishRange fills in what the entry of a range has of its bytes. For the first range it reads
// the whole shard.
func finishRange(ctx context.Context, sh shard.Shard, own shard.Digest, e *ledger.Entry) (err error) {
	g := &ledger.Range{At: sh.Range.At, End: sh.Range.End, Digest: own.XXH3, Head: own.Head, Tail: own.Tail}
	e.Range = g
	if g.At > 0 {
		return nil
	}
	if e.Digest, g.Sums, err = sh.Sums(ctx); err != nil {
		return err
	}
	switch {
	case g.Digest != g.Sums[0]:
		return fmt.Errorf("%s: byte %d: the file changed while it was read: checksum mismatch", sh.Name, g.At)
	case sh.Digest != "" && sh.Digest != e.Digest:
		return errContent(sh)
	}
	return nil
}

// errContent returns the error of a shard that is another than before.
func errContent(sh shard.Shard) error {
	return fmt.Errorf("%s: its content has changed since it was indexed or searched, with the same size and "+
		"modification time: checksum mismatch; --rehash finds such shards", sh.Name)
}

// maxID is the length, in bytes, of the longest id of a document that evidence repeats. A
// document can be evidence for every item, so a longer one would make an audit as large as
// their product.
const maxID = 1024

// clipID returns the beginning of an id that is longer than maxID and the digest of the
// whole, in maxID bytes at most.
func clipID(id string) string {
	sum := xxh3.HashString128(id).Bytes()
	head := id[:maxID-64]
	for len(head) > 0 && !utf8.RuneStart(id[len(head)]) {
		head = head[:len(head)-1]
	}
	return fmt.Sprintf("%s… (%d bytes, xxh3 %x)", head, len(id), sum)
}

// plainSize returns about how many plain bytes a shard has, 0 if that is not known.
func plainSize(sh shard.Shard, in *shard.Reader) int64 {
	const usualRatio = 16 // or less
	if format, _ := in.Format(); in.Compression() == shard.None && rows.IsText(format) {
		return sh.Size
	}
	return usualRatio * sh.Size
}

// remedy returns what to try after the error of a shard, as a part of its message; "" where
// no flag helps.
func (r Reading) remedy(err error) string {
	switch {
	case errors.Is(err, shard.ErrWindow):
		return fmt.Sprintf(" (--max-window %d reads any window)", 1<<31)
	case errors.Is(err, shard.ErrBomb):
		return " (if it can be trusted, --max-ratio 0 reads any ratio)"
	case errors.Is(err, record.ErrTooLong) && r.MaxRow >= record.MaxRow:
		return " (--max-row has no larger value: split what is longer)"
	case errors.Is(err, record.ErrTooLong):
		return fmt.Sprintf(" (--max-row %d reads the longest rows that can be read)", record.MaxRow)
	case errors.Is(err, record.ErrTokens):
		return " (--tokenizer FILE, the tokenizer.json of the corpus, decodes them; see swab help tokens)"
	case errors.Is(err, record.ErrTokenID):
		return " (is --tokenizer the corpus' own, and --token-type the type of its ids?)"
	case errors.Is(err, record.ErrField):
		return " (--text-field names the field of the text)"
	}
	return ""
}

// noDocuments returns an ErrNoDocuments that names the first shards and what was wrong with them.
func noDocuments(shards []ledger.Entry) error {
	err := ErrNoDocuments
	if !slices.ContainsFunc(shards, func(e ledger.Entry) bool { return e.Error != "" }) {
		err = fmt.Errorf("%w: %w", err, ErrNoText)
	}
	const most = 3 // shards that the message names
	for i, e := range shards {
		if i == most {
			return fmt.Errorf("%w; and %d more shards", err, len(shards)-most)
		}
		if e.Error != "" {
			err = fmt.Errorf("%w; %s", err, e.Error)
		}
		for _, bad := range e.FirstBad[:min(1, len(e.FirstBad))] {
			err = fmt.Errorf("%w; %s: row %d: %s: %s", err, e.Name, bad.Row, bad.Kind, bad.Detail)
		}
	}
	return err
}

// hasWord reports whether a text has a letter or a digit of any script.
func hasWord(text []byte) bool {
	for i := 0; i < len(text); {
		c := rune(text[i])
		size := 1
		if c >= utf8.RuneSelf {
			c, size = utf8.DecodeRune(text[i:])
		}
		if unicode.IsLetter(c) || unicode.IsNumber(c) {
			return true
		}
		i += size
	}
	return false
}

func kinds(m map[record.Kind]int64) map[string]int64 {
	if len(m) == 0 {
		return nil
	}
	out := map[string]int64{}
	for k, n := range m {
		out[string(k)] = n
	}
	return out
}

// badRows counts the rows that were skipped or repaired, up to a bound.
type badRows struct {
	allowed int64 // negative: any number

	mu sync.Mutex
	n  int64
}

// count adds a shard's bad rows.
func (b *badRows) count(e ledger.Entry) error {
	if b.allowed < 0 {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, kinds := range []map[string]int64{e.Skipped, e.Repaired} {
		for _, n := range kinds {
			b.n += n
		}
	}
	if b.n > b.allowed {
		where := ""
		if len(e.FirstBad) > 0 {
			where = fmt.Sprintf(", one of them %s: row %d: %s", e.Name, e.FirstBad[0].Row, e.FirstBad[0].Kind)
		}
		return fmt.Errorf("%w: %d, allowed are %d%s", ErrBadRows, b.n, b.allowed, where)
	}
	return nil
}
