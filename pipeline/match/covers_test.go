package match

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"runtime"
	"testing"

	"swab/ngram/align"
	"swab/ngram/item"
	"swab/ngram/overlap"
)

// again decodes and encodes a cover. It fails when anything but ErrResult goes wrong.
func again[C any](t *testing.T, r rules[C], data []byte) (encoded []byte, ok bool) {
	t.Helper()
	d := newDecoder(section{in: io.NewSectionReader(bytes.NewReader(data), 0, int64(len(data))), names: []string{"r", "s"}})
	c := r.readCover(&d, 1)
	if d.err != nil {
		if !errors.Is(d.err, ErrResult) {
			t.Fatal(d.err)
		}
		return nil, false
	}
	return encode(r, c), true
}

func encode[C any](r rules[C], c *C) []byte {
	e := encoder{names: []string{"r", "s"}}
	r.appendCover(&e, 1, c)
	return e.buf
}

// checkCover: whatever decodes is the same when it is encoded and decoded again, and
// nothing less decodes.
func checkCover[C any](t *testing.T, r rules[C], data []byte) {
	t.Helper()
	once, ok := again(t, r, data)
	if !ok {
		return
	}
	twice, ok := again(t, r, once)
	if !ok || !bytes.Equal(once, twice) {
		t.Fatalf("%x was decoded as %x, and that as %x, %v", data, once, twice, ok)
	}
	for n := range once {
		if _, ok := again(t, r, once[:n]); ok {
			t.Fatalf("%x decodes after %d bytes", once, n)
		}
	}
}

// coverRules returns the rules of the kinds of covers, and examples of each.
func coverRules() (runs *grams, places *alignment, words *bags, examples [][]byte) {
	runs, words = &grams{}, newBags(nil)
	places = &alignment{list: make([]item.Item, 3), bench: []int{2, 3}, siblingEnds: []int{1, 2}, real: 3}
	examples = append(examples, encode(runs, &overlap.Cover{
		Tallies: []overlap.Tally{{Documents: 3, Longest: 17, Covered: 20, Best: math.Pi, Together: true, Seen: []uint64{1, 1 << 63}, Counts: []uint16{0, 9}}},
		Evidence: []overlap.Evidence{{
			Shard: "s", Row: 7, ID: "é", Found: []overlap.Found{{Longest: 17, Covered: 20}},
			Quotes: []overlap.Quote{{Part: item.Answer, At: 1, Words: 2, Start: 3, End: 40, TextStart: 1, Text: "a text"}},
		}},
	}))
	examples = append(examples, encode(places, &alignCover{decoy: &align.Cover{Documents: 2}}))
	examples = append(examples, encode(places, &alignCover{own: &align.Cover{Documents: 2, Matches: []align.Match{
		{Shard: "r", By: 1, ID: "x", Text: "some"}, {Shard: "s", By: 4, Runs: []align.Quote{{At: 1, Words: 2, End: 9}}},
	}}}))
	examples = append(examples, encode(words, &bagCover{documents: 2, decoy: true, places: []bagPlace{
		{shard: "s", row: 3, id: "é", strength: 700000, terms: 9, found: 600000, start: 12, end: 20, textStart: 10, text: "of ten words or more"},
		{shard: "r", row: 1, strength: 1},
	}}))
	return runs, places, words, examples
}

func FuzzCovers(f *testing.F) {
	runs, places, words, examples := coverRules()
	for _, data := range examples {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) < 1<<12 {
			checkCover(t, words, data)
			checkCover(t, runs, data)
			checkCover(t, places, data)
		}
	})
}

// TestForgedCovers: a number that says of a section more than is in it costs no memory: what is
// allocated follows the bytes that are there.
func TestForgedCovers(t *testing.T) {
	runs, places, words, examples := coverRules()
	zeros := make([]byte, 1<<16)
	for k, data := range examples {
		for i := range data {
			for _, number := range []uint64{1 << 62, 1 << 40, 1 << 31, uint64(len(zeros)), 1000} {
				forged := binary.AppendUvarint(bytes.Clone(data[:i]), number)
				forged = append(append(forged, data[i+1:]...), zeros...)
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				again(t, words, forged)
				again(t, runs, forged)
				again(t, places, forged)
				runtime.ReadMemStats(&after)
				if got := after.TotalAlloc - before.TotalAlloc; got > 200*uint64(len(forged)) {
					t.Errorf("example %d, %d at byte %d: %d KB allocated for %d bytes", k, number, i, got>>10, len(forged))
				}
			}
		}
	}
}
