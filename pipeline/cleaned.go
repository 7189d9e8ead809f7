package pipeline

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"swab/pipeline/ledger"
	"swab/pipeline/publish"
	"swab/pipeline/rows"
	"swab/pipeline/shard"

	"github.com/zeebo/xxh3"
)

// writable returns an error that names the shards with documents to remove that cannot be
// written without them.
func (c *cleaner) writable() error {
	var errs []error
	for _, i := range c.order {
		errs = append(errs, c.writableShard(i))
	}
	return errors.Join(errs...)
}

// writableShard returns an error if shard i has documents to remove and cannot be written without them, or
// cannot be marked.
func (c *cleaner) writableShard(i int) error {
	d := c.drops[i]
	if c.sum.IDs {
		return c.markable(i, &d.Entry)
	}
	indexed := c.shards[i].Index != "" || c.shards[i].Format != nil && c.shards[i].Format.Name == "MDS"
	if !indexed && (len(d.Documents) == 0 || c.isDocument(i) && d.Documents[0].Left == nil) {
		return nil
	}
	why := ""
	switch f := c.shards[i].Format; {
	case indexed:
		why = "the index beside it counts its documents"
	case d.Entry.Compression == shard.Bzip2.String():
		why = "bzip2 can be read only"
	case !rows.IsText(f) && !rows.IsProse(f) && !rows.Divides(f):
		why = "shards of format " + d.Entry.Format + " are read only"
	case c.cannotCut(i):
		why = "spans are cut from rows of JSON, out of one member"
	default:
		return nil
	}
	return fmt.Errorf("%s: %w: %s; --ids lists the documents", d.Entry.Name, ErrNotWritten, why)
}

// writeAny writes what is to be written of shard i.
func (c *cleaner) writeAny(ctx context.Context, root string, i int) error {
	switch {
	case c.o.Mark:
		return c.writeMarks(ctx, root, i)
	case c.o.Column:
		return c.writeColumn(ctx, root, i)
	case c.sum.IDs:
		return nil
	}
	return c.writeShard(ctx, root, i)
}

// write writes the tree, with shards that write writes.
func (c *cleaner) write(
	ctx context.Context, root string, write func(ctx context.Context, root string, i int) error,
) error {
	quiet := c.reading
	quiet.Progress = &Progress{}
	err := quiet.lanes(ctx, c.order, func() func(context.Context, int) error {
		return func(ctx context.Context, i int) error { return write(ctx, root, i) }
	})
	if err != nil {
		return err
	}
	list := filepath.Join(root, filepath.FromSlash(DroppedFile))
	if err := os.MkdirAll(filepath.Dir(list), 0o777); err != nil {
		return err
	}
	if err := publish.WriteFile(list, c.writeList); err != nil {
		return err
	}
	return publish.WriteFile(filepath.Join(root, ledger.CleanedFile), c.sum.Write)
}

// writeList writes a line for each document to remove and each item that it holds.
func (c *cleaner) writeList(w io.Writer) error {
	type line struct {
		Shard  string `json:"shard"`
		Row    int64  `json:"row"`
		ID     string `json:"id"`
		Method string `json:"method"`
		droppedItem
		Left [][2]int64 `json:"left,omitempty"`
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for _, d := range c.drops {
		for _, doc := range d.Documents {
			for _, it := range doc.Items {
				if err := enc.Encode(line{d.Entry.Name, doc.Row, doc.ID, c.method.Name, it, doc.Left}); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// writeShard writes shard i.
func (c *cleaner) writeShard(ctx context.Context, root string, i int) error {
	d, sh := c.drops[i], c.shards[i]
	kept := filepath.Join(root, CleanedDir, filepath.FromSlash(c.files[i]))
	removed := filepath.Join(root, filepath.FromSlash(DroppedDir), filepath.FromSlash(c.files[i]))
	switch {
	case len(d.Documents) == 0:
		return copyShard(sh, kept, d.Entry.Digest)
	case c.isDocument(i):
		if err := copyShard(sh, removed, d.Entry.Digest); err != nil || c.isGone(i) {
			return err
		}
		if err := c.writeLeft(ctx, sh, d, kept); err != nil {
			return fmt.Errorf("%s: %w", sh.Name, err)
		}
		return c.compare(ctx, sh, d, kept)
	}
	err := c.divide(ctx, sh, d, kept, removed)
	if errors.Is(err, rows.ErrUnsupported) {
		err = fmt.Errorf("%w: %w; --ids lists the documents", ErrNotWritten, err)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", sh.Name, err)
	}
	return c.compare(ctx, sh, d, kept)
}

// divide writes a shard's documents to two files.
func (c *cleaner) divide(ctx context.Context, sh shard.Shard, d *drops, kept, removed string) error {
	in, err := shard.Open(sh, c.reading.Limits, false, nil)
	if err != nil {
		return err
	}
	defer in.Close()
	in.FindMembers()
	format, err := in.Format()
	if err != nil {
		return err
	}
	var outs [2]io.WriteCloser
	if rows.IsText(format) || rows.IsProse(format) {
		outs[0], err = in.Rewrite(kept)
	} else {
		outs[0], err = shard.Create(kept, in.Compression())
	}
	if err != nil {
		return err
	}
	defer outs[0].Close()
	if outs[1], err = shard.Create(removed, in.Compression()); err != nil {
		return err
	}
	defer outs[1].Close()
	o := rows.Options{Name: sh.LayoutName(), MaxRow: c.reading.MaxRow, Lines: c.reading.TextUnit == "line"}
	next := 0
	err = rows.Divide(ctx, in, format, o, [2]io.Writer{outs[0], outs[1]}, int(d.Entry.Rows), func(n int) int {
		if next < len(d.Documents) && d.Documents[next].Row == int64(n) {
			next++
			if d.Documents[next-1].Left != nil {
				return rows.Both
			}
			return 1
		}
		return 0
	}, func(record []byte) ([]byte, error) {
		return rows.EditText(record, c.textField(&d.Entry), d.Documents[next-1].cutText)
	})
	if err == nil {
		err = errors.Join(outs[0].Close(), outs[1].Close())
	}
	if err != nil {
		return err
	}
	return d.finish(in, sh.Name)
}

// compare reads a written shard and compares its documents with those that it should have.
func (c *cleaner) compare(ctx context.Context, sh shard.Shard, d *drops, name string) error {
	written, _, err := namedShard(name, sh.ReadAs)
	if err != nil {
		return err
	}
	again := c.reading
	again.Progress = &Progress{}
	again.TextField = cmp.Or(d.Entry.TextField, again.TextField)
	kept := xxh3.New()
	e, err := again.documents(ctx, written, false, func(_ int64, _ string, text []byte) error {
		hashText(kept, text)
		return nil
	})
	if err == nil && e.Error != "" {
		err = errors.New(e.Error)
	}
	if gone, _ := d.fates(); err == nil && (e.Documents != d.Entry.Documents-gone || hexSum(kept) != d.Kept) {
		err = errors.New("the documents that were written are not those that were to be kept")
	}
	if err != nil {
		return fmt.Errorf("%s: compared after writing: %w", sh.Name, err)
	}
	return nil
}

// copyShard copies a shard's file, which has that digest, byte for byte.
func copyShard(sh shard.Shard, to, digest string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	have, err := sh.Copy(out)
	if err = errors.Join(err, out.Close()); err == nil && have != digest {
		err = changed(sh.Name)
	}
	return err
}

// textField returns the field that a shard's texts were read from.
func (c *cleaner) textField(e *ledger.Entry) string {
	return cmp.Or(e.TextField, c.reading.field())
}

// cannotCut reports whether nothing can be cut out of documents of shard i, though something is.
func (c *cleaner) cannotCut(i int) bool {
	d := c.drops[i]
	if _, cut := d.fates(); cut == 0 || c.isDocument(i) {
		return false
	}
	return !rows.IsJSON(c.shards[i].Format) || !rows.IsMember(c.textField(&d.Entry))
}

// writeLeft writes what is left of a shard that is one document.
func (c *cleaner) writeLeft(ctx context.Context, sh shard.Shard, d *drops, name string) error {
	out, err := shard.Create(name, d.compression())
	if err != nil {
		return err
	}
	defer out.Close()
	quiet := c.reading
	quiet.Progress = &Progress{}
	e, err := quiet.documents(ctx, sh, false, func(_ int64, _ string, text []byte) error {
		_, err := out.Write(d.Documents[0].cutText(text))
		return err
	})
	switch {
	case err != nil:
		return err
	case e.Digest != d.Entry.Digest:
		return changed(sh.Name)
	}
	return out.Close()
}
