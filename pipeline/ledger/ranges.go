package ledger

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ErrRanges means that results of ranges of a shard do not make up one result of it.
var ErrRanges = errors.New("its ranges do not agree")

// A Range is the part of a shard that a result is of, its stored bytes from At up to End, and
// what holds it together with the others: see [Unite].
type Range struct {
	At     int64  `json:"at"`
	End    int64  `json:"end"`
	Digest string `json:"digest"` // of these bytes

	// The checksums of plain bytes of lines: of those at its beginning, which end a row of the
	// range before it, and of those behind it, which end its own last row.
	Head string `json:"head,omitempty"`
	Tail string `json:"tail,omitempty"`

	// Sums, of the first range alone, are the digests of all ranges, which were read with the
	// digest of the shard, that of the entry.
	Sums []string `json:"sums,omitempty"`
}

// checkRange checks that the range of a result is one.
func (r *Result) checkRange() error {
	for i := range r.Entries {
		e := &r.Entries[i]
		g := e.Range
		switch {
		case g == nil:
		case len(r.Entries) > 1:
			return corruptf("a range of shard %q in a merged result", e.Name)
		case g.At < 0 || g.End <= g.At || g.End > e.Size || g.At == 0 && g.End == e.Size:
			return corruptf("shard %q of %d bytes: a range from byte %d to %d", e.Name, e.Size, g.At, g.End)
		case e.Error != "" || e.Once:
			return corruptf("shard %q failed, or was read once, and has a range", e.Name)
		case (g.At == 0) != (len(g.Sums) > 0) || (g.At == 0) != (e.Digest != "") || g.Digest == "":
			return corruptf("shard %q: the range from byte %d on has other digests than such a range", e.Name, g.At)
		}
	}
	return nil
}

// Unite returns the entry of a shard whose ranges have the entries parts, in the order of their
// bytes, and the number of rows before each. The ranges must fill the shard, each have the
// digest that the first one read of it, and end where the next begins; the error is ErrRanges.
func Unite(parts []*Entry) (e Entry, before []int64, err error) {
	if err := checkTiles(parts); err != nil {
		return Entry{}, nil, err
	}
	e = *parts[0]
	e.Range = nil
	e.Rows, e.Documents, e.TextBytes, e.Empty, e.LongIDs = 0, 0, 0, 0, 0
	e.Disguised, e.Skipped, e.Repaired, e.FirstBad = nil, nil, nil, nil
	for _, p := range parts {
		if p.Format != e.Format || p.Compression != e.Compression || p.ReadAs != e.ReadAs || p.TextField != e.TextField ||
			p.Version != e.Version || p.Source != e.Source {
			return Entry{}, nil, fmt.Errorf("%s: %w: byte %d was read in another way than byte 0", e.Name, ErrRanges, p.Range.At)
		}
		before = append(before, e.Rows)
		for _, bad := range p.FirstBad[:min(len(p.FirstBad), MostBad-len(e.FirstBad))] {
			if len(e.FirstBad) > 0 {
				bad.Detail = withoutFields(bad.Detail)
			}
			bad.Row += e.Rows
			e.FirstBad = append(e.FirstBad, bad)
		}
		e.Rows += p.Rows
		e.Documents += p.Documents
		e.TextBytes += p.TextBytes
		e.Empty += p.Empty
		e.LongIDs += p.LongIDs
		e.Unchecked = e.Unchecked || p.Unchecked
		addCounts(&e.Disguised, p.Disguised)
		addCounts(&e.Skipped, p.Skipped)
		addCounts(&e.Repaired, p.Repaired)
	}
	return e, before, nil
}

// MostBad is how many bad rows an entry names.
const MostBad = 20

// withoutFields returns the detail of a bad row without the names of its fields, which only
// the first bad row of a shard has.
func withoutFields(detail string) string {
	const field = "field "
	rest, ok := strings.CutPrefix(detail, field)
	name, err := strconv.QuotedPrefix(rest)
	if ok && err == nil && strings.HasPrefix(rest[len(name):], "; the row has ") {
		return field + name
	}
	return detail
}

func addCounts(to *map[string]int64, counts map[string]int64) {
	for k, n := range counts {
		if *to == nil {
			*to = map[string]int64{}
		}
		(*to)[k] += n
	}
}

// checkTiles checks that ranges fill a shard and are of one version of it.
func checkTiles(parts []*Entry) error {
	e, at := parts[0], int64(0)
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%s: %w: %s", e.Name, ErrRanges, fmt.Sprintf(format, args...))
	}
	var sums []string
	for i, p := range parts {
		g := p.Range
		switch {
		case g == nil || p.Name != e.Name || p.Size != e.Size:
			return bad("one is of another shard")
		case g.At < at:
			return bad("bytes %d to %d are in two of them", g.At, min(at, g.End))
		case g.At > at:
			return bad("bytes %d to %d are in none", at, g.At)
		case i > 0 && g.Head != parts[i-1].Range.Tail:
			return bad("they were read from two versions: the row at byte %d is not the same in both", g.At)
		}
		sums, at = append(sums, g.Digest), g.End
	}
	if at != e.Size {
		return bad("bytes %d to %d are in none", at, e.Size)
	}
	if !slices.Equal(sums, e.Range.Sums) {
		return bad("they were read from two versions: checksum mismatch")
	}
	return nil
}
