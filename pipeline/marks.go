package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"unicode/utf8"

	"swab/pipeline/ledger"
	"swab/pipeline/rows"
	"swab/pipeline/shard"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
)

// markable returns an error for a shard whose documents cannot be marked: attributes are of files of JSON
// lines, in which every row is a document, and a column is added to Parquet.
func (c *cleaner) markable(i int, e *ledger.Entry) error {
	switch f := c.shards[i].Format; {
	case c.o.Mark && (!rows.IsText(f) || e.Rows != e.Documents || e.Compression == shard.Bzip2.String()):
		return fmt.Errorf("%s: attributes are of JSON lines, each a document; --ids lists documents of any file", e.Name)
	case c.o.Column && (f == nil || f.Name != "Parquet" || e.Compression == shard.Bzip2.String()):
		return fmt.Errorf("%s: only Parquet has columns to add to; --attributes marks JSON lines, and --ids lists "+
			"documents of any file", e.Name)
	}
	return nil
}

// writeMarks writes the attributes of the documents of shard i, a line each.
func (c *cleaner) writeMarks(ctx context.Context, root string, i int) error {
	d, sh := c.drops[i], c.shards[i]
	out, err := shard.Create(filepath.Join(root, filepath.FromSlash(MarksDir+"/"+c.files[i])), d.compression())
	if err != nil {
		return err
	}
	defer out.Close()
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	name := "swab__" + c.method.Name + "__flagged"
	next, quiet := 0, c.reading
	quiet.Progress = &Progress{}
	e, err := quiet.documents(ctx, sh, false, func(row int64, id string, text []byte) error {
		spans := [][3]any{}
		if next < len(d.Documents) && d.Documents[next].Row == row {
			spans = runeSpans(&d.Documents[next], text)
			next++
		}
		return enc.Encode(map[string]any{"id": id, "attributes": map[string]any{name: spans}})
	})
	switch {
	case err != nil:
		return err
	case e.Error != "":
		return errors.New(e.Error)
	case e.Digest != d.Entry.Digest:
		return changed(sh.Name)
	}
	return out.Close()
}

// runeSpans returns the spans of a document's items, in characters, each with the item's score.
func runeSpans(doc *dropped, text []byte) (spans [][3]any) {
	for _, it := range doc.Items {
		for _, s := range it.Spans {
			from := utf8.RuneCount(text[:s[0]])
			spans = append(spans, [3]any{from, from + utf8.RuneCount(text[s[0]:s[1]]), it.Score})
		}
	}
	return spans
}

// foundType is the type of what the column of marks lists of a document: the spans, in bytes of its text,
// of each item that it holds.
var foundType = arrow.StructOf(
	arrow.Field{Name: "benchmark", Type: arrow.BinaryTypes.String},
	arrow.Field{Name: "split", Type: arrow.BinaryTypes.String},
	arrow.Field{Name: "item", Type: arrow.BinaryTypes.String},
	arrow.Field{Name: "score", Type: arrow.PrimitiveTypes.Float64},
	arrow.Field{Name: "start", Type: arrow.PrimitiveTypes.Int64},
	arrow.Field{Name: "end", Type: arrow.PrimitiveTypes.Int64},
)

// writeColumn writes shard i with a column of marks, whose lists are empty for the documents to keep.
func (c *cleaner) writeColumn(ctx context.Context, root string, i int) error {
	d, sh := c.drops[i], c.shards[i]
	in, err := shard.Open(sh, c.reading.Limits, false, nil)
	if err != nil {
		return err
	}
	defer in.Close()
	if _, err := in.Format(); err != nil {
		return err
	}
	out, err := shard.Create(filepath.Join(root, MarkedDir, filepath.FromSlash(c.files[i])), in.Compression())
	if err != nil {
		return err
	}
	defer out.Close()
	o := rows.Options{Name: sh.LayoutName(), MaxRow: c.reading.MaxRow}
	field := arrow.Field{Name: MarkColumn, Type: arrow.ListOf(foundType)}
	if err := rows.AddColumn(ctx, in, o, out, int(d.Entry.Rows), field, d.marks()); err != nil {
		if errors.Is(err, rows.ErrUnsupported) {
			err = fmt.Errorf("%w: %w; --ids lists the documents", ErrNotWritten, err)
		}
		return fmt.Errorf("%s: %w", sh.Name, err)
	}
	return errors.Join(d.finish(in, sh.Name), out.Close())
}

// marks returns a function for the marks of rows, which are asked for in order.
func (d *drops) marks() func(from, to int) arrow.Array {
	next := 0
	return func(from, to int) arrow.Array {
		b := array.NewListBuilder(memory.DefaultAllocator, foundType)
		defer b.Release()
		for row := from; row < to; row++ {
			b.Append(true)
			if next == len(d.Documents) || d.Documents[next].Row != int64(row) {
				continue
			}
			for _, it := range d.Documents[next].Items {
				for _, s := range it.Spans {
					it.append(b.ValueBuilder().(*array.StructBuilder), s)
				}
			}
			next++
		}
		return b.NewArray()
	}
}

// append appends a span of the item.
func (it *droppedItem) append(b *array.StructBuilder, span [2]int64) {
	b.Append(true)
	for k, s := range []string{it.Benchmark, it.Split, it.Item} {
		b.FieldBuilder(k).(*array.StringBuilder).Append(s)
	}
	b.FieldBuilder(3).(*array.Float64Builder).Append(it.Score)
	b.FieldBuilder(4).(*array.Int64Builder).Append(span[0])
	b.FieldBuilder(5).(*array.Int64Builder).Append(span[1])
}
