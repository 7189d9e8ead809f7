// Package rows reads rows for all three uses: documents of a corpus, items of a benchmark
// and results of models.
//
// # What is read
//
//	JSON          .jsonl .ndjson .json   also .jl, .jsonlines and .ldjson: values a line or over several, the
//	                                     elements of a list, of the one list of objects in an object
//	                                     ({"data": [...]}), or the columns of an object
//	table         .csv .tsv .tab         separated by comma, semicolon, tab or bar
//	Parquet       .parquet .pq           also compressed as a whole
//	Arrow file    .arrow .feather .ipc
//	Arrow stream  .arrows .arrowstream
//	Avro          .avro                  object container files, of all codecs
//	tar           .tar                   members of JSON, tables and text, as WebDataset has them
//	WARC          .warc .wet             conversions, and responses, whose HTML becomes text
//	token ids     .bin .npy              documents of ids: beside a Megatron .idx, as llm.c and nanoGPT have
//	                                     them, NumPy arrays; decoded by a [Tokens]
//	MDS           .mds                   samples, as MosaicML's streaming writes them
//	text          .txt .text .md         a row a line or a file, of one field, text
//
// The format of a file is recognised by its content or, if the content is inconclusive, by
// its name. Package shard decompresses. Each format is a file of this package and a line in
// its table (table.go), which has how it is recognised and the function that opens it as a
// [Reader].
//
// # What a row is
//
// A row is a [Record], in which only the requested fields are decoded: a column beside the
// text that has images, an encoding that is not supported, or encrypted values, does no
// harm. A [Field] names the place of a text in a row, in one grammar for all uses.
//
// # Memory
//
// One row of at most [Options].MaxRow bytes, a page of each column that is asked for, or a
// batch of Arrow as it was written; the last two are refused where one step needs more than
// eight times MaxRow. An object of columns is held as a whole, up to MaxRow.
package rows

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"swab/pipeline/shard"
)

// The classes of errors.
var (
	ErrCorrupt     = errors.New("corrupt")       // a file violates its format
	ErrTooLong     = errors.New("too long")      // a row, or a unit that encloses it, is longer than allowed
	ErrUnsupported = errors.New("not supported") // a file uses a feature that this package does not read
)

// Source is an opened file.
type Source interface {
	io.Reader                              // plain, decompressed bytes
	ReaderAt() (io.ReaderAt, int64, error) // the whole and its size, for formats read at random
}

// Options are the fields to read of a file, and the limits of memory. The zero value of each
// field means its default.
type Options struct {
	Name   string // the file's, without the ending of a compression; used if the content is inconclusive
	Want   Want   // the requested fields; all
	MaxRow int    // longest row in bytes; MaxRecord
	Lines  bool   // a row of plain text is a line and not the file

	// Range is the part of the shard that the source is of; the zero value: all. Of a file that is
	// read at random only the groups of rows that begin in it are read.
	Range shard.Range
}

// Reader reads the rows of one file. It serves one goroutine.
type Reader interface {
	// Next makes rec the next row, lent until the next call. After the last the error is
	// io.EOF. After one that wraps ErrJSON or ErrRagged, which is of one row, the next row
	// may be read; after any other, nothing.
	Next(rec *Record) error
}

// Columns returns the names of the fields that every row of the file has, if its format
// declares them.
func Columns(r Reader) []string {
	if c, ok := r.(interface{ Columns() []string }); ok {
		return c.Columns()
	}
	return nil
}

// A Divider is a Reader whose rows have no bytes of their own. Divide copies all rows to two
// outputs, row n to out[side(n)]; side is called once for each row, in order. The Reader
// must have all fields wanted, and no row of it may have been read. Files of text are
// divided by their [Spans].
type Divider interface {
	Reader
	Divide(ctx context.Context, out [2]io.Writer, items int, side func(n int) int) error
}

// Input passes on the reads of a source until the context is cancelled, and keeps the error of
// a failed read, so that a disk error is not reported as a corrupt file.
type Input struct {
	ctx  context.Context
	src  Source
	at   io.ReaderAt
	fail error
}

// NewInput returns the input of a source.
func NewInput(ctx context.Context, src Source) *Input { return &Input{ctx: ctx, src: src} }

// Read passes on a read of the stream.
func (in *Input) Read(p []byte) (int, error) {
	if err := in.ctx.Err(); err != nil {
		in.fail = err
		return 0, err
	}
	n, err := in.src.Read(p)
	if err != nil && err != io.EOF {
		in.fail = err
	}
	return n, err
}

// ReaderAt returns the source for random access, and its size.
func (in *Input) ReaderAt() (io.ReaderAt, int64, error) {
	at, size, err := in.src.ReaderAt()
	if err != nil {
		in.fail = err
	}
	in.at = at
	return (*inputAt)(in), size, err
}

type inputAt Input

func (in *inputAt) ReadAt(p []byte, off int64) (int, error) {
	if err := in.ctx.Err(); err != nil {
		in.fail = err
		return 0, err
	}
	n, err := in.at.ReadAt(p, off)
	switch {
	case n == len(p):
		return n, nil
	case err == io.EOF:
		in.fail = fmt.Errorf("refers to bytes after its end: %w", ErrCorrupt)
	case err != nil:
		in.fail = err
	}
	return n, err
}

// Cause returns the cause of err, if that is not nil: the error of the source, or that the
// file is corrupt.
func (in *Input) Cause(err error) error {
	switch {
	case err == nil || err == io.EOF:
		return err
	case in.fail != nil:
		return in.fail
	}
	for _, class := range []error{ErrCorrupt, ErrTooLong, ErrUnsupported, ErrJSON, ErrRagged, ErrTokens, ErrTokenID} {
		if errors.Is(err, class) {
			return err
		}
	}
	return fmt.Errorf("%w: %w", ErrCorrupt, err)
}

// Kind classifies a defect of a row.
type Kind string

// Kinds of rows without a text.
const (
	NotJSON   Kind = "not JSON"
	NotObject Kind = "not an object"
	Missing   Kind = "field missing"
	Null      Kind = "null"
	NotString Kind = "not a string"
	TokenIDs  Kind = "token ids"
	Ragged    Kind = "another number of columns"
)

// Kinds of rows that are used nevertheless. NUL is kept as it is: it separates words.
// Invalid UTF-8 and lone surrogates are read as U+FFFD. NaN and Infinity, which Python
// writes into JSON, are values that are no text.
const (
	InvalidUTF8   Kind = "invalid UTF-8"
	LoneSurrogate Kind = "lone surrogate"
	NUL           Kind = "NUL"
	NotNumber     Kind = "NaN or Infinity"
)

// Marks are the repairs that one row needed, as bits.
type Marks uint8

// The marks, one for each kind of row that is used nevertheless.
const (
	MarkUTF8 Marks = 1 << iota
	MarkSurrogate
	MarkNUL
	MarkNumber
)

// Repairs calls visit with each kind in m, and with a description of the repair.
func (m Marks) Repairs(visit func(k Kind, done string)) {
	for _, r := range [...]struct {
		mark Marks
		kind Kind
		done string
	}{
		{MarkUTF8, InvalidUTF8, "each bad byte was read as U+FFFD (iconv -f WINDOWS-1252 -t UTF-8 converts Latin-1)"},
		{MarkSurrogate, LoneSurrogate, "each was read as U+FFFD"},
		{MarkNUL, NUL, "kept; it separates words"},
		{MarkNumber, NotNumber, "accepted, as Python writes it; JSON has no such number"},
	} {
		if m&r.mark != 0 {
			visit(r.kind, r.done)
		}
	}
}

// AppendValid appends src with U+FFFD for each byte that is not part of UTF-8.
func AppendValid(dst, src []byte) []byte {
	for len(src) > 0 {
		r, n := utf8.DecodeRune(src)
		dst = utf8.AppendRune(dst, r)
		src = src[n:]
	}
	return dst
}

// Clip shortens a text from a file for an error message.
func Clip[T string | []byte](s T) string {
	const longest = 60
	if len(s) <= longest {
		return string(s)
	}
	return strings.ToValidUTF8(string(s[:longest]), "") + "…"
}
