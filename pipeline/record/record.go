// Package record reads the documents of a shard as Arrow record batches. Every format that
// package rows reads is returned in the one Schema {id, text, row}, so the code that uses
// documents knows no format.
//
// A batch is lent for one step of the iteration: Retain it to keep it longer. Its memory is
// reused only after the last Release. An error ends the iteration, and rows that were read
// but not yet returned are lost.
//
// Nothing is dropped silently. A row without a usable text is skipped and counted, and the
// first of them are named. A text with ill-formed parts is used with U+FFFD in their place,
// exactly as encoding/json decodes it, since skipping it would hide the rest of the text; it
// is counted and named too. Blank lines are no rows. For a completely read shard,
// Rows = Documents + all Skipped.
//
// Fields are in the grammar of [rows.Field]. Names are case-sensitive and are compared after
// their escapes are decoded; of equal names in an object the last counts.
//
// Memory: one row of at most Options.MaxRow bytes, and one batch of Options.BatchBytes, or
// of one longer document. Parquet adds a page or two of each of the two columns, Arrow IPC
// one batch as it was written; both are refused if one step needs more than eight times
// MaxRow.
package record

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"path"
	"slices"
	"strings"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"swab/pipeline/rows"
	"swab/pipeline/shard"
)

// ErrField means that a shard with columns has no such text column.
var ErrField = errors.New("no such text column")

// errTokenField is ErrField where the shard has a field that token ids are known to be in.
var errTokenField = fmt.Errorf("%w, and %w", ErrField, rows.ErrTokens)

// The classes of a shard that cannot be read, as in package rows.
var (
	ErrCorrupt     = rows.ErrCorrupt
	ErrTooLong     = rows.ErrTooLong
	ErrUnsupported = rows.ErrUnsupported
	ErrTokens      = rows.ErrTokens
	ErrTokenID     = rows.ErrTokenID
)

// errStop ends the reading when the consumer stops the iteration.
var errStop = errors.New("stop")

// MaxRow is the largest Options.MaxRow, in bytes. It keeps a batch of one repaired document,
// which is at most three times as long as its row, within the 2 GiB of Arrow's 32-bit offsets.
const MaxRow = 680 << 20

// Source is an opened shard.
type Source = rows.Source

// Options are the fields to read and the limits of memory. The zero value of each field means
// its default.
type Options struct {
	Name       string           // the shard's name, for errors
	ReadAs     string           // a name whose ending says how its text is laid out; Name
	TextField  string           // dotted path of the text; "text"
	Tokens     *rows.Tokens     // decodes token ids in the text field; nil: they are an error
	Others     []rows.Field     // the first that has a text is read if the first row lacks TextField
	IDField    string           // dotted path of the id; "id"
	Fields     *Fields          // TextField, IDField and Others, parsed; nil: they are parsed for the shard
	TextUnit   string           // a document of plain text: "file" (the default) or "line"
	MaxRow     int              // longest row in bytes; 64 MiB, at most 680 MiB
	PlainSize  int64            // about how many plain bytes there are; 0: not known
	BatchRows  int              // most rows of a batch; 1024
	BatchBytes int              // most bytes of a batch; 1 MiB
	Alloc      memory.Allocator // of the batches; memory.DefaultAllocator
	Limits     shard.Limits     // of what the rows of a Parquet or Arrow file may hold

	// Range is the part of the shard that the source is of; the zero value: all. Its rows are
	// counted from 0, an id that is a row's number follows RowID, and rows of text are lines. The
	// field of the text is Settled, one of Others, or TextField if that is "".
	Range   shard.Range
	Settled string

	text, id rows.Field // of Fields, as all that follow
	want     rows.Want
	any      rows.Want
	stem     string // ReadAs without a compression's ending
}

// Fields are the fields of documents, parsed.
type Fields struct {
	text, id rows.Field
	want     rows.Want // of both
	any      rows.Want // of both and others
}

// ParseFields parses the fields of text and id; others may be read in place of the text.
func ParseFields(text, id string, others []rows.Field) (*Fields, error) {
	f := new(Fields)
	var err error
	if f.text, err = rows.ParseField(cmp.Or(text, "text")); err != nil {
		return nil, fmt.Errorf("text field: %w", err)
	}
	if f.id, err = rows.ParseField(cmp.Or(id, "id")); err != nil {
		return nil, fmt.Errorf("id field: %w", err)
	}
	if len(f.id.Paths()) != 1 {
		return nil, fmt.Errorf("id field %q: an id has to be a single field", id)
	}
	f.want = rows.Wanted(f.text, f.id)
	f.any = rows.Wanted(append([]rows.Field{f.text, f.id}, others...)...)
	return f, nil
}

func (o Options) withDefaults() (Options, error) {
	o.TextUnit = cmp.Or(o.TextUnit, "file")
	o.MaxRow = cmp.Or(o.MaxRow, 64<<20)
	o.BatchRows = cmp.Or(o.BatchRows, 1024)
	o.BatchBytes = cmp.Or(o.BatchBytes, 1<<20)
	if o.Alloc == nil {
		o.Alloc = memory.DefaultAllocator
	}
	if o.Fields == nil {
		var err error
		if o.Fields, err = ParseFields(o.TextField, o.IDField, o.Others); err != nil {
			return o, err
		}
	}
	o.text, o.id, o.want, o.any = o.Fields.text, o.Fields.id, o.Fields.want, o.Fields.any
	if o.stem = shard.Stem(cmp.Or(o.ReadAs, o.Name)); path.Ext(o.stem) == "" {
		o.stem += ".jsonl"
	}
	switch {
	case o.TextUnit != "file" && o.TextUnit != "line":
		return o, fmt.Errorf("the unit of plain text is %q; it can be file or line", o.TextUnit)
	case o.MaxRow < 0 || o.MaxRow > MaxRow:
		return o, fmt.Errorf("the longest row is %d bytes; it can be 1 to %d", o.MaxRow, MaxRow)
	case o.BatchRows < 0 || o.BatchRows > 1<<20 || o.BatchBytes < 0 || o.BatchBytes > MaxRow:
		return o, fmt.Errorf("batch of %d rows and %d bytes is out of range", o.BatchRows, o.BatchBytes)
	}
	return o, nil
}

// Kind classifies a defect of a row.
type Kind = rows.Kind

// RowID begins an id of a range that is the number of its row. No other id has that byte.
const RowID = "\xff"

// firstBad is the number of bad rows that Counts names.
const firstBad = 20

// Counts counts rows by their fate. It is complete when the iteration is.
type Counts struct {
	Rows, Documents int64
	TextBytes       int64  // of the documents, as returned
	TextField       string // of Options.Others, if one was read
	Blank           int64  // blank lines, or files of plain text; they are not rows
	Checked         bool   // checksums of the format cover all that was read
	Lines           bool   // rows are lines of a text
	Skipped         map[Kind]int64
	Repaired        map[Kind]int64
	First           []Bad // the first twenty that were skipped or repaired
}

// Bad names a row that was skipped or repaired.
type Bad struct {
	Row    int64 // counted from 0
	Kind   Kind
	Detail string
}

func (c *Counts) skip(k Kind, row int64, detail func() string) {
	if c.Skipped == nil {
		c.Skipped = map[Kind]int64{}
	}
	c.Skipped[k]++
	c.addBad(k, row, detail)
}

func (c *Counts) repair(k Kind, row int64, detail func() string) {
	if c.Repaired == nil {
		c.Repaired = map[Kind]int64{}
	}
	c.Repaired[k]++
	c.addBad(k, row, detail)
}

// addBad adds a row to c.First, unless that is full.
func (c *Counts) addBad(k Kind, row int64, detail func() string) {
	if len(c.First) < firstBad {
		c.First = append(c.First, Bad{row, k, detail()})
	}
}

// Schema returns the schema of every batch.
func Schema() *arrow.Schema { return schema }

var schema = arrow.NewSchema([]arrow.Field{
	{Name: "id", Type: arrow.BinaryTypes.String},
	{Name: "text", Type: arrow.BinaryTypes.String},
	{Name: "row", Type: arrow.PrimitiveTypes.Int64},
}, nil)

// Columns returns the columns of a batch of Documents; like the batch, they are lent. An id is
// the id field's string or its number as written, else the row's number.
func Columns(rec arrow.Record) (ids, texts *array.String, rows *array.Int64) {
	return rec.Column(0).(*array.String), rec.Column(1).(*array.String), rec.Column(2).(*array.Int64)
}

// Documents reads src once, in format f, in batches. It adds to c, which may be nil. Errors
// name the shard and the row that could not be read, and wrap ErrCorrupt, ErrTooLong,
// ErrField, ErrUnsupported, the context's error or the source's.
func Documents(ctx context.Context, src Source, f *shard.Format, o Options, c *Counts) iter.Seq2[arrow.Record, error] {
	return func(yield func(arrow.Record, error) bool) {
		o, err := o.withDefaults()
		if err != nil {
			yield(nil, fmt.Errorf("%s: %w", o.Name, err))
			return
		}
		if c == nil {
			c = new(Counts)
		}
		s := &sink{o: o, c: c, yield: yield, batch: newBatch(o), row: -1}
		defer s.batch.close()
		if s.rec.Decode(o.Tokens, o.text, o.MaxRow); len(o.Others) > 0 {
			s.rec.Decode(o.Tokens, rows.Field{}, o.MaxRow)
		}
		if s.o.Range.End > 0 {
			s.settled = true
			if k := slices.IndexFunc(o.Others, func(f rows.Field) bool { return f.String() == o.Settled }); k >= 0 {
				s.use(o.Others[k])
			}
		}
		if rows.IsText(f) {
			err = readSpans(ctx, src, s)
		} else {
			err = readRows(ctx, src, f, s)
		}
		if err == nil {
			err = s.flush()
		}
		switch {
		case err == nil || err == errStop:
		case strings.HasPrefix(err.Error(), o.Name+": "): // the source has named the place
			yield(nil, err)
		case s.row >= 0:
			yield(nil, fmt.Errorf("%s: row %d: %w", o.Name, s.row, err))
		default:
			yield(nil, fmt.Errorf("%s: %w", o.Name, err))
		}
	}
}

// sink collects the rows of the readers in batches.
type sink struct {
	o       Options
	c       *Counts
	yield   func(arrow.Record, error) bool
	batch   *batch
	row     int64  // the row being read; -1 before there are any
	scratch []byte // a repaired text or id

	rec            rows.Record // the row being read, unless a scanner reads it
	raw            []byte      // that row as JSON, or nil if it is none
	columns        []string    // of the shard, if its format declares them
	settled        bool        // the field of the text is known
	table          bool        // rows are those of a table in text
	scan           *rows.Scanner
	plain          bool // scan follows the fields
	joined, idText []byte
}

// flush yields the open batch, unless it is empty.
func (s *sink) flush() error {
	if s.batch.n == 0 {
		return nil
	}
	rec := s.batch.record()
	defer rec.Release()
	if !s.yield(rec, nil) {
		return errStop
	}
	return nil
}

// reserve makes the open batch ready for a row of n bytes, and flushes it first if it is
// full.
func (s *sink) reserve(n int) error {
	if !s.batch.fits(n) {
		if err := s.flush(); err != nil {
			return err
		}
	}
	s.batch.start()
	return nil
}

// skip counts the current row as skipped.
func (s *sink) skip(k Kind, detail func() string) {
	s.c.skip(k, s.row, detail)
	s.c.Rows++
	s.row++
}

// commit counts the current row, whose text and id are in the batch.
func (s *sink) commit(m rows.Marks) {
	if m != 0 {
		m.Repairs(func(k Kind, done string) {
			s.c.repair(k, s.row, func() string { return done })
		})
	}
	s.c.TextBytes += int64(s.batch.commit(s.row))
	s.c.Documents++
	s.c.Rows++
	s.row++
	s.settled = true
}

// numberID makes the number of the current row its id.
func (s *sink) numberID() {
	id := &s.batch.id
	if s.o.Range.End > 0 {
		id.reserve(len(RowID))
		id.data = append(id.data, RowID...)
	}
	id.addInt(s.row)
}

// add adds a row with that text; without an id it gets its number.
func (s *sink) add(text, id []byte, m rows.Marks) error {
	if long := max(len(text), len(id)); long > s.o.MaxRow {
		return fmt.Errorf("%d bytes, more than %d: %w", long, s.o.MaxRow, ErrTooLong)
	}
	if err := s.reserve(len(text) + len(id)); err != nil {
		return err
	}
	m |= s.batch.text.add(text, &s.scratch)
	if len(id) > 0 {
		m |= s.batch.id.add(id, &s.scratch)
	} else {
		s.numberID()
	}
	s.commit(m)
	return nil
}

// noColumn returns the error of a text column that is missing or no text.
func noColumn(path, why string, have []string) error {
	class := ErrField
	if slices.ContainsFunc(rows.TokenFields[:], func(f string) bool { return slices.Contains(have, f) }) {
		class = errTokenField
	}
	return fmt.Errorf("%q %s; columns: %s: %w", path, why, columnList(have), class)
}

// columnList lists the names of columns for a message.
func columnList(names []string) string {
	const limit = 40
	list := strings.Join(names[:min(len(names), limit)], ", ")
	if len(names) > limit {
		list += fmt.Sprintf(" and %d more", len(names)-limit)
	}
	return list
}
