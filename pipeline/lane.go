package pipeline

import (
	"cmp"
	"context"

	"swab/ngram"
	"swab/pipeline/filter"
	"swab/pipeline/ledger"
	"swab/pipeline/match"
	"swab/pipeline/shard"
)

// A lane carries shards, one at a time, from bytes to results: it reads a shard's
// documents and hands them to the matchers and, block by block, to the corpus
// filter that is filled in the same pass.
type lane struct {
	reading Reading
	ahead   bool // shards are decompressed in a goroutine of their own
	match   *match.Lane
	fill    *filter.Lane // or nil
}

// shard reads a shard. Fill is its number among the shards that the filter waits for, or -1.
// An unreadable shard is recorded in its entry; a returned error ends the run. Count is
// called with the entry before the filter accepts the shard.
func (l *lane) shard(
	ctx context.Context, sh shard.Shard, fill int, count func(ledger.Entry) error,
) (ledger.Entry, error) {
	broken := func() error { return nil }
	var also func(*ngram.Scanner)
	if fill >= 0 {
		l.fill.Begin(fill)
		also, broken = l.fill.Block, l.fill.Err
	}
	l.match.Begin(sh.Name, also)
	defer context.AfterFunc(ctx, l.match.Stop)()
	entry, err := l.reading.documents(ctx, sh, l.ahead, func(row int64, id string, text []byte) error {
		l.match.Document(row, id, text)
		return cmp.Or(ctx.Err(), broken())
	})
	if err == nil {
		err = count(entry)
	}
	if fill >= 0 {
		err = l.fill.End(entry, err)
	}
	return entry, err
}
