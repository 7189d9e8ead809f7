package rows

import (
	"context"
	"fmt"
	"slices"

	"swab/pipeline/shard"
)

// Starts returns the first byte of each group of rows of a file that is read at random: of a row
// group, or a record batch. There are none if the groups are not in the order of their bytes.
func Starts(ctx context.Context, src Source, f *shard.Format, o Options) (list []int64, err error) {
	r, err := Open(ctx, src, f, o)
	if err != nil {
		return nil, err
	}
	err = guard(func() error {
		switch r := r.(type) {
		case *Parquet:
			list = r.starts()
		case *Arrow:
			list = r.m.starts()
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.Name, err)
	}
	for i := range list {
		if i > 0 && list[i] <= list[i-1] {
			return nil, nil
		}
	}
	return list, nil
}

// groupsIn returns which of the groups with those first bytes begin in a range: from the first
// result on, up to the second.
func groupsIn(starts []int64, g shard.Range) [2]int {
	first, _ := slices.BinarySearch(starts, g.At)
	end, _ := slices.BinarySearch(starts, g.End)
	return [2]int{first, end}
}
