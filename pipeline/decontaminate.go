package pipeline

import (
	"context"
	"errors"

	"swab/pipeline/publish"
)

// Decontaminate writes the corpus of an audit without the documents that hold its flagged
// items: those that flag one of them by themselves, or, for a method that joins documents,
// that have an n-gram of one. All documents are read again, and each is judged alone. A
// reviewer's marks count. A shard without such documents is copied byte for byte; the others
// keep their format and compression, and the other records their bytes or values. Every file
// that was divided is read once more and compared before anything is published.
func Decontaminate(ctx context.Context, o DecontaminateOptions) (*CleaningSummary, error) {
	c, err := openCleaner(ctx, o)
	if err != nil {
		return nil, err
	}
	if !o.DryRun {
		if c.dir, err = publish.Open(o.Out, &cleanedKind); err != nil {
			return nil, err
		}
	}
	sum, err := c.run(ctx)
	if c.dir != nil {
		err = errors.Join(err, c.dir.Close())
	}
	return sum, err
}

func (c *cleaner) run(ctx context.Context) (*CleaningSummary, error) {
	find, write := c.find, c.writeAny
	if c.o.Parts != "" {
		find, write = c.collect, c.linkPart
	}
	if err := find(ctx); err != nil {
		return nil, err
	}
	if err := c.count(); err != nil {
		return c.sum, err
	}
	if c.o.DryRun {
		return c.sum, nil
	}
	if err := c.writable(); c.o.Parts == "" && err != nil {
		return nil, err
	}
	return c.sum, c.dir.Publish(nil, func(root string) error { return c.write(ctx, root, write) })
}
