package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"swab/pipeline/ledger"
	"swab/pipeline/publish"
)

// A part is what a task did of a shard: it is complete once its file is there, after the files that it lists.
type part struct {
	Drops *drops     `json:"drops"`
	Files []partFile `json:"files"`
}

// partFile is a file that a task wrote.
type partFile struct {
	Name string `json:"name"` // below the directory of parts
	Size int64  `json:"size"`
}

var partFormat = ledger.Format{Name: "swab part of a cleaned corpus", Version: 1, Minor: -1}

// partsDir is the directory of the files of parts, below that of what they list.
const partsDir = "parts"

// partPath returns where the part of shard i is, below a directory.
func (c *cleaner) partPath(dir string, i int) string {
	return filepath.Join(dir, partsDir, c.shardKey(i)+".swabp")
}

// readPart reads the part of shard i. It is fs.ErrNotExist if no task has completed it, with these options
// and from this audit.
func (c *cleaner) readPart(dir string, i int) (*part, error) {
	name := c.partPath(dir, i)
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	p := new(part)
	if err := partFormat.Read(f, p); err != nil || p.Drops == nil {
		return nil, errors.Join(fmt.Errorf("%s: remove it and do its task again", name), err)
	}
	for _, want := range p.Files {
		if !filepath.IsLocal(filepath.FromSlash(want.Name)) {
			return nil, fmt.Errorf("%s: %w: it lists %q", name, ledger.ErrCorrupt, want.Name)
		}
		info, err := os.Stat(filepath.Join(dir, filepath.FromSlash(want.Name)))
		if err == nil && info.Size() != want.Size {
			err = fmt.Errorf("it has %d bytes, and had %d", info.Size(), want.Size)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: remove %s and do its task again: %w", want.Name, name, err)
		}
	}
	return p, nil
}

// CleanTask does the part of the shards of o.Task in the directory o.Out, which all tasks share. Done is called
// for each shard once its part is on disk, by one goroutine at a time. What is complete is not done again, so a
// task that ended may be started again, here or elsewhere. Decontaminate publishes the parts of all tasks.
func CleanTask(ctx context.Context, o DecontaminateOptions, done func(ledger.CleanedShard) error) error {
	c, err := openCleaner(ctx, o)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(o.Out, partsDir), 0o777); err != nil {
		return err
	}
	temp, err := os.MkdirTemp(o.Out, ".task-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	ahead := len(c.order) < c.reading.Lanes
	return c.reading.lanes(ctx, c.order, func() func(context.Context, int) error {
		l := c.set.NewLane()
		return func(ctx context.Context, i int) error {
			p, err := c.readPart(o.Out, i)
			if errors.Is(err, fs.ErrNotExist) {
				p = new(part)
				if p.Drops, err = c.shardDrops(ctx, l, i, ahead); err == nil {
					err = c.writePart(ctx, temp, i, p)
				}
			}
			if err != nil {
				return err
			}
			s := ledger.CleanedShard{Name: c.shards[i].Name, Documents: p.Drops.Entry.Documents}
			s.Removed, s.Cut = p.Drops.fates()
			c.mu.Lock()
			defer c.mu.Unlock()
			return done(s)
		}
	})
}

// writePart writes the files of shard i, and then its part.
func (c *cleaner) writePart(ctx context.Context, temp string, i int, p *part) error {
	c.drops[i] = p.Drops
	if err := c.writableShard(i); err != nil {
		return err
	}
	root, err := os.MkdirTemp(temp, "shard-*")
	if err != nil {
		return err
	}
	if err := c.writeAny(ctx, root, i); err != nil {
		return err
	}
	err = filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		p.Files = append(p.Files, partFile{filepath.ToSlash(name), info.Size()})
		return publish.Place(path, filepath.Join(c.o.Out, name))
	})
	if err != nil {
		return err
	}
	c.drops[i] = nil
	return publish.WriteFile(c.partPath(c.o.Out, i), func(w io.Writer) error { return partFormat.Write(w, p) })
}

// collect reads the parts of all shards. Those that are missing are a MissingError.
func (c *cleaner) collect(context.Context) error {
	var missing []string
	c.written = make([][]string, len(c.shards))
	for i := range c.shards {
		p, err := c.readPart(c.o.Parts, i)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			missing = append(missing, c.shards[i].Name)
			continue
		case err != nil:
			return err
		}
		c.add(i, p.Drops)
		for _, f := range p.Files {
			c.written[i] = append(c.written[i], f.Name)
		}
		c.order = append(c.order, i)
	}
	if len(missing) > 0 {
		return &MissingError{Names: missing}
	}
	return nil
}

// linkPart makes the files of shard i's part a part of the tree at root.
func (c *cleaner) linkPart(_ context.Context, root string, i int) error {
	for _, name := range c.written[i] {
		to := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
			return err
		}
		if err := publish.Link(filepath.Join(c.o.Parts, filepath.FromSlash(name)), to); err != nil {
			return err
		}
	}
	return nil
}
