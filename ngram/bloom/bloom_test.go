package bloom

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"math/big"
	"math/bits"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"swab/ngram"

	"github.com/bits-and-blooms/bloom/v3"
	"github.com/zeebo/xxh3"
)

// reference sets the bits of each gram as FORMAT.md says, one by one, through the
// library, with integers of any length.
func reference(tb testing.TB, p Plan, hashes []uint64) *Filter {
	tb.Helper()
	f := newFilterOf(tb, p)
	two64 := new(big.Int).Lsh(big.NewInt(1), 64)
	num := func(x uint64) *big.Int { return new(big.Int).SetUint64(x) }
	for _, h := range hashes {
		x := new(big.Int).Mul(num(h^h>>32), num(15074714826142052245))
		x.Mod(x, two64)
		part, place := new(big.Int).QuoRem(x.Mul(x, num(uint64(p.Partitions))), two64, new(big.Int))
		digit := func(n, shift int64) uint { // n bits, the lowest of them bit shift of the place
			d := new(big.Int).Div(place, new(big.Int).Lsh(big.NewInt(1), uint(shift)))
			return uint(d.Mod(d, big.NewInt(1<<n)).Uint64())
		}
		for left := p.K; left > 0; left -= 2 {
			set := f.parts[part.Int64()].BitSet()
			set.Set(digit(15, 49)*64 + digit(6, 43))
			if left > 1 {
				set.Set(digit(15, 49)*64 + digit(6, 37))
			}
			place.Mod(place.Mul(place, num(17380933483125451205)), two64)
		}
	}
	return f
}

func short() bool { return testing.Short() || race }

func newFilterOf(tb testing.TB, p Plan) *Filter {
	tb.Helper()
	f, err := New(p, ngram.Words(8))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(f.Close)
	return f
}

// fill puts hashes into f on several lanes, each with a share of the hashes, a shard of
// its own, by way of a pool of that many bytes.
func fill(tb testing.TB, f *Filter, buffer int64, lanes int, hashes []uint64) {
	tb.Helper()
	pool, err := NewPool(f.plan, buffer, lanes)
	if err != nil {
		tb.Fatal(err)
	}
	defer pool.Close()
	w, err := pool.NewFiller(f)
	if err != nil {
		tb.Fatal(err)
	}
	var wg sync.WaitGroup
	for lane := range lanes {
		s := pool.NewSpooler()
		wg.Go(func() {
			add(tb, w, s, hashes[len(hashes)*lane/lanes:len(hashes)*(lane+1)/lanes])
		})
	}
	wg.Wait()
	w.Close()
}

// add gives a filler a shard of these hashes.
func add(tb testing.TB, w *Filler, s *Spooler, hashes []uint64) {
	sp, stream := spooled(tb, s, hashes, 777)
	for b, err := range sp.Blocks(bytes.NewReader(stream)) {
		if err != nil {
			tb.Error(err)
			return
		}
		w.AddBlock(b)
	}
	sp.Drop()
}

func hashes(seed uint64, n int) []uint64 {
	rng := rand.New(rand.NewPCG(seed, 1))
	hs := make([]uint64, n)
	for i := range hs {
		hs[i] = rng.Uint64()
	}
	return hs
}

func save(tb testing.TB, f *Filter) []byte {
	tb.Helper()
	var b bytes.Buffer
	if err := f.Save(&b, []byte(`{"shards": ["a"]}`)); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func mustHave(tb testing.TB, f *Filter, hs []uint64) {
	tb.Helper()
	for i, h := range hs {
		if !f.Has(h) {
			tb.Fatalf("gram %d of %d, %#x, is missing", i, len(hs), h)
		}
	}
}

func TestFilterEqualsReference(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped with -short: takes seconds")
	}
	for _, c := range []struct {
		p      Plan
		buffer int64
		lanes  int
		grams  int
		within uint64 // the first partitions, where all of the grams are: a few lanes quickly fill their buffers
	}{
		{Plan{1, 7, 0.01}, 0, 4, 150_000, 1},           // one bucket, of one partition
		{Plan{64, 1, 0.5}, 1 << 20, 3, 100_000, 64},    // the most buckets of one partition
		{Plan{65, 13, 1e-4}, 1 << 20, 4, 40_000, 65},   // the fewest of two
		{Plan{65, 30, 1e-8}, -1, 2, 50_000, 1},         // a place at a time
		{Plan{100, 20, 1e-6}, 5 << 20, 4, 40_000, 100}, // no power of two
		{Plan{130, 3, 0.1}, 1 << 20, 4, 400_000, 5},    // buffers of both levels overflow in all lanes
	} {
		t.Run(c.p.String(), func(t *testing.T) {
			hs := hashes(1, c.grams*c.p.Partitions/int(c.within))
			hs = slices.DeleteFunc(hs, func(h uint64) bool {
				part, _ := bits.Mul64(mix(h), uint64(c.p.Partitions))
				return part >= c.within
			})
			copy(hs, []uint64{0, 1, math.MaxUint64, 1 << 63, 1 << 32})
			for i := range 1000 {
				hs[10+i] = uint64(i) // grams that are alike
			}
			f := newFilterOf(t, c.p)
			fill(t, f, c.buffer, c.lanes, hs)
			if !slices.Equal(f.words, reference(t, c.p, hs).words) {
				t.Error("bits differ from the reference's")
			}
			mustHave(t, f, hs)
		})
	}
}

// Every set of grams has one filter, however it came together.
func TestMergeEqualsBuild(t *testing.T) {
	p := Plan{70, 13, 1e-4}
	hs := hashes(2, 60_000)
	cuts := [][]uint64{hs[:1000], hs[500:30_000], hs[30_000:], nil}
	whole := newFilterOf(t, p)
	fill(t, whole, 1<<20, 1, hs)
	want := save(t, whole)
	for seed, order := range [][]int{{0, 1, 2, 3}, {3, 2, 1, 0}, {2, 0, 3, 1, 0}} {
		into := newFilterOf(t, p)
		for i, cut := range order {
			f := newFilterOf(t, p)
			fill(t, f, int64(i)<<18, 1+(seed+i)%3, cuts[cut])
			if err := open(t, save(t, f)).MergeInto(into); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(save(t, into), want) {
			t.Errorf("order %v: merged filter differs from the one that was filled at once", order)
		}
		mustHave(t, into, hs)
		if into.Stats() != whole.Stats() {
			t.Errorf("order %v: %+v, want %+v", order, into.Stats(), whole.Stats())
		}
	}
}

func TestIncompatible(t *testing.T) {
	p := Plan{2, 7, 0.01}
	f := newFilterOf(t, p)
	other, err := New(p, ngram.Words(13))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	for _, g := range []*Filter{other, newFilterOf(t, Plan{3, 7, 0.01}), newFilterOf(t, Plan{2, 8, 0.01}), newFilterOf(t, Plan{2, 7, 0.02})} {
		if err := open(t, save(t, g)).MergeInto(f); !errors.Is(err, ErrIncompatible) {
			t.Errorf("segment of %v, %v: %v", g.recipe, g.plan, err)
		}
	}
}

// Grams that wait in buffers are not left behind in silence.
func TestUnflushed(t *testing.T) {
	p := Plan{65, 7, 0.01}
	f := newFilterOf(t, p)
	pool := newPool(t, p, 1<<20)
	w, err := pool.NewFiller(f)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pool.NewFiller(newFilterOf(t, p)); err == nil {
		t.Error("the pool gave a second filler")
	}
	if _, err := newPool(t, p, 1<<20).NewFiller(f); err == nil {
		t.Error("the filter was given a second filler")
	}
	if _, err := newPool(t, Plan{66, 7, 0.01}, 1<<20).NewFiller(newFilterOf(t, p)); !errors.Is(err, ErrIncompatible) {
		t.Errorf("a pool of another plan: %v", err)
	}
	add(t, w, pool.NewSpooler(), []uint64{5})
	if f.Has(5) {
		t.Error("the gram is in the filter already: the test shows nothing")
	}
	if err := f.Save(&bytes.Buffer{}, nil); err == nil {
		t.Error("saved")
	}
	w.Flush()
	save(t, f)
	mustHave(t, f, []uint64{5})
	w.Close()
	save(t, f)
	if _, err = pool.NewFiller(f); err != nil {
		t.Error("after Close:", err)
	}
}

func TestPlan(t *testing.T) {
	for _, c := range []struct {
		bytes int64
		fpr   float64
	}{{partBytes - 1, 0.01}, {-1, 0.01}, {math.MaxInt64, 0.01}, {1 << 30, 0}, {1 << 30, 1e-9}, {1 << 30, 0.51}, {1 << 30, 1}, {1 << 30, math.NaN()}, {1 << 30, -1}} {
		if p, err := NewPlan(c.bytes, c.fpr); err == nil {
			t.Errorf("%d bytes, rate %g: %v", c.bytes, c.fpr, p)
		}
	}
	for fpr, k := range map[float64]int{0.5: 1, 1e-2: 7, 1e-3: 10, 1e-4: 13, 1e-6: 20, 1e-8: 27, 1.0001e-9: 30} {
		p, err := NewPlan(1<<30+5, fpr)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.check(); err != nil || p.K != k || p.Bytes() != 1<<30 {
			t.Errorf("rate %g: %v, %v", fpr, p, err)
		}
		// The classical size; k is whole, partitions are unequally full, and bits come in
		// pairs.
		m, _ := bloom.EstimateParameters(uint(p.Capacity()), fpr)
		if share := float64(m) / (1 << 33); share > 1.0001 || share < 0.985 {
			t.Errorf("rate %g: %d grams fill %.4f of the filter by the classical formula", fpr, p.Capacity(), share)
		}
		for _, grams := range []int64{0, 1, 1000, p.Capacity() - 1, p.Capacity(), p.Capacity() + 1, 12_345_678_901} {
			q, err := PlanFor(grams, fpr)
			if err != nil {
				t.Fatal(err)
			}
			if q.Capacity() < grams || q.Partitions > 1 && (Plan{q.Partitions - 1, q.K, q.FPR}).Capacity() >= grams {
				t.Errorf("rate %g: %d partitions for %d grams", fpr, q.Partitions, grams)
			}
		}
	}
	for _, grams := range []int64{-1, math.MaxInt64} {
		if p, err := PlanFor(grams, 0.01); err == nil {
			t.Errorf("%d grams: %v", grams, p)
		}
	}
	for _, p := range []Plan{{}, {1, 0, 0.01}, {1, 31, 0.01}, {0, 7, 0.01}, {1, 7, 2}, {-1, 7, 0.01}, {math.MaxInt, 7, 0.01}} {
		if f, err := New(p, ngram.Words(8)); err == nil {
			f.Close()
			t.Errorf("%v was made", p)
		}
	}
}

// A filter that is exactly full keeps its promise, and Stats tells the truth of it.
func TestRate(t *testing.T) {
	probes := 10_000_000
	if short() {
		probes = 300_000
	}
	for _, parts := range []int{1, 66} {
		for _, fpr := range []float64{1e-2, 1e-4, 1e-6} {
			if short() && parts > 1 {
				continue
			}
			t.Run(fmt.Sprintf("partitions=%d/fpr=%g", parts, fpr), func(t *testing.T) {
				p, err := NewPlan(int64(parts)*partBytes, fpr)
				if err != nil {
					t.Fatal(err)
				}
				f := newFilterOf(t, p)
				rng := rand.New(rand.NewPCG(3, 4)) // 2^-64 a pair that a probe is inside
				inside := make([]uint64, p.Capacity())
				for i := range inside {
					inside[i] = rng.Uint64()
				}
				fill(t, f, 8<<20, 2, inside)
				hits := 0
				for range probes {
					if f.Has(rng.Uint64()) {
						hits++
					}
				}
				want := float64(probes) * fpr
				if off := math.Abs(float64(hits) - want); off > 4*math.Sqrt(want)+1 {
					t.Errorf("%d of %d absent grams were taken for present, want %.0f ± %.0f", hits, probes, want, math.Sqrt(want))
				}
				s := f.Stats()
				if share := float64(s.Grams) / float64(p.Capacity()); math.Abs(share-1) > 0.003 {
					t.Errorf("Stats counts %d of %d grams", s.Grams, p.Capacity())
				}
				if math.Abs(s.Rate/fpr-1) > 0.02 || s.Full != (s.Rate >= fpr) || math.Abs(s.Fill-0.5) > 0.05 {
					t.Errorf("%+v", s)
				}
				t.Logf("%d hits, %.0f expected; %+v", hits, want, s)
			})
		}
	}
}

func TestStats(t *testing.T) {
	f := newFilterOf(t, Plan{2, 7, 0.01})
	if s := f.Stats(); s != (Stats{Capacity: f.plan.Capacity()}) {
		t.Errorf("empty: %+v", s)
	}
	copy(f.words, slices.Repeat([]uint64{math.MaxUint64}, partWords))
	s := f.Stats()
	if s.Fill != 0.5 || math.Abs(s.Rate-0.5) > 1e-9 || !s.Full || s.Grams < f.plan.Capacity() {
		t.Errorf("one partition of two is all ones: %+v", s)
	}
}

// The check of the GPT-2 report: at a rate of 1e-8 a million random strings give no
// hit. Grams come from texts here, as they do at work.
func TestRandomStringsAtOneInAHundredMillion(t *testing.T) {
	if short() {
		t.Skip("fills a filter from texts")
	}
	p, err := NewPlan(70*partBytes, 1e-8)
	if err != nil {
		t.Fatal(err)
	}
	f := newFilterOf(t, p)
	scan, err := ngram.Words(8).NewScanner()
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(8, 8))
	var text []byte
	write := func(words int) {
		text = text[:0]
		for range words {
			text = fmt.Appendf(text, "%c%x ", 'g'+rune(rng.IntN(20)), rng.IntN(5000))
		}
		scan.Reset(text)
	}
	var inside []uint64
	for len(inside) < int(p.Capacity()) {
		for write(10_000); scan.Next(); {
			inside = scan.AppendGrams(inside, 8)
		}
	}
	fill(t, f, 8<<20, 2, inside)
	if s := f.Stats(); s.Rate > 1.1e-8 || s.Rate < 0.9e-8 {
		t.Fatalf("%+v", s)
	}
	for range 1_000_000 {
		for write(8); scan.Next(); {
			for _, h := range scan.Grams() {
				if f.Has(h) {
					t.Fatalf("%q is taken for present", text)
				}
			}
		}
	}
}

func TestReaderEqualsFilter(t *testing.T) {
	f := newFilterOf(t, Plan{67, 7, 0.01})
	inside := hashes(5, 200_000)
	fill(t, f, 1<<20, 2, inside)
	file := save(t, f)
	asked := slices.Concat(hashes(6, 30_000), inside, []uint64{0, math.MaxUint64})
	r := open(t, file)
	if r.Plan() != f.plan || r.Recipe() != f.recipe || string(r.Lineage()) != `{"shards":["a"]}` || r.Stats() != f.Stats() {
		t.Errorf("%v, %v, %s, %+v", r.Plan(), r.Recipe(), r.Lineage(), r.Stats())
	}
	var wg sync.WaitGroup
	for lane := range 3 {
		wg.Go(func() {
			hs := asked[lane*1000:]
			if lane == 0 {
				hs = asked[:40]
			}
			in := make([]bool, len(hs))
			for i := range in {
				in[i] = i%2 == 0 // what stood there does not matter
			}
			if err := r.HasAll(hs, in); err != nil {
				t.Error(err)
			}
			for i, h := range hs {
				if in[i] != f.Has(h) {
					t.Errorf("gram %#x: %v", h, in[i])
					return
				}
			}
		})
	}
	wg.Wait()
	if err := r.Verify(); err != nil {
		t.Error(err)
	}
	g, err := r.Filter()
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if !slices.Equal(f.words, g.words) {
		t.Error("a filter read back differs")
	}
	if err := r.HasAll(asked, make([]bool, 1)); err == nil {
		t.Error("one answer for many grams")
	}
	if err := r.HasAll(nil, nil); err != nil {
		t.Error(err)
	}
}

// golden is a segment of one gram, assembled by hand from FORMAT.md.
func golden() []byte {
	file := []byte("\x89swabA\r\n" + // magic
		"\x02\x00\x00\x00" + // format 2
		"\x8f\x00\x00\x00" + // 143 bytes of header
		`{"recipe":{"version":1,"norm":"words","unit":"word","n":8,"hash":"poly64"},` +
		`"plan":{"partitions":1,"k":7,"fpr":0.01},"lineage":{"shards":["a"]}}` +
		"\x9e\xf9\x20\xd0\x09\xb6\xd8\x2a" + // checksum of partition 0
		"\x07\x00\x00\x00\x00\x00\x00\x00" + // its set bits
		"\xa5\x55\xb0\x11\x01\xb9\x72\x36") // checksum of all before
	file = append(file, make([]byte, 4096-len(file)+262144)...)
	for _, bit := range []int{0x1a2684, 0x1a26aa, 0x110cc6, 0x110cc3, 0x1b2971, 0x1b295e, 0x399de} {
		file[4096+bit/8] |= 1 << (bit % 8)
	}
	return file
}

func TestGolden(t *testing.T) {
	f := newFilterOf(t, Plan{1, 7, 0.01})
	fill(t, f, 0, 1, []uint64{1})
	if !bytes.Equal(save(t, f), golden()) {
		t.Error("a filter of gram 1 is saved otherwise")
	}
	r := open(t, golden())
	if err := r.Verify(); err != nil {
		t.Error(err)
	}
	in := make([]bool, 2)
	if err := r.HasAll([]uint64{2, 1}, in); err != nil || in[0] || !in[1] {
		t.Error(in, err)
	}
	if r.Recipe() != ngram.Words(8) || r.Plan() != (Plan{1, 7, 0.01}) || string(r.Lineage()) != `{"shards":["a"]}` || r.Stats().Grams != 1 {
		t.Errorf("%v, %v, %s, %+v", r.Recipe(), r.Plan(), r.Lineage(), r.Stats())
	}
}

// open opens a segment.
func open(tb testing.TB, file []byte) *Reader {
	tb.Helper()
	r, err := Open(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// whole reads all of a segment, by queries and by Verify. It returns the error, if any, and
// never panics.
func whole(tb testing.TB, file []byte) error {
	tb.Helper()
	r, err := Open(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		return err
	}
	err = r.HasAll(hashes(1, 300), make([]bool, 300))
	if verified := r.Verify(); err == nil {
		return verified
	} else if verified == nil {
		tb.Fatalf("verified, but: %v", err)
	}
	return err
}

func named(err error) bool {
	return errors.Is(err, ErrCorrupt) || errors.Is(err, ErrVersion) || errors.Is(err, ErrIncompatible)
}

func TestDamagedSegment(t *testing.T) {
	file := golden()
	for n := range len(file) {
		if n > 5000 && n%1009 != 0 && n != len(file)-1 {
			continue // all of them fall to the same comparison with the size
		}
		if err := whole(t, file[:n]); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("first %d bytes: %v", n, err)
		}
		// A reader whose file shrank after it was measured.
		if _, err := Open(bytes.NewReader(file[:n]), int64(len(file))); n < 4096 && !errors.Is(err, ErrCorrupt) {
			t.Fatalf("first %d bytes of a file that had more: %v", n, err)
		}
	}
	if err := whole(t, append(golden(), 0)); !errors.Is(err, ErrCorrupt) {
		t.Errorf("one byte more: %v", err)
	}
	flip := func(bit int) {
		file[bit/8] ^= 1 << (bit % 8)
		if err := whole(t, file); !named(err) || errors.Is(err, ErrVersion) != (bit/8 >= 8 && bit/8 < 12) {
			t.Fatalf("bit %d of byte %d: %v", bit%8, bit/8, err)
		}
		file[bit/8] ^= 1 << (bit % 8)
	}
	step := 3
	if short() {
		step = 97
	}
	for bit := range 4096 * 8 {
		if bit < 200*8 || bit%step == 0 { // behind 183 bytes are zeros only
			flip(bit)
		}
	}
	for word := 0; word < partWords; word += step {
		flip(4096*8 + word*64 + word%64) // each place in a word in turn
	}
}

// forge puts right checksums around a header and a table.
func forge(head string, partitions int, ones uint64) []byte {
	file := []byte("\x89swabA\r\n\x02\x00\x00\x00")
	file = binary.LittleEndian.AppendUint32(file, uint32(len(head)))
	file = append(file, head...)
	part := make([]byte, partBytes)
	for range partitions {
		file = binary.LittleEndian.AppendUint64(file, xxh3.Hash(part))
		file = binary.LittleEndian.AppendUint64(file, ones)
	}
	file = binary.LittleEndian.AppendUint64(file, xxh3.Hash(file))
	file = append(file, make([]byte, (4096-len(file)%4096)%4096)...)
	return append(file, make([]byte, partBytes*partitions)...)
}

// What has right checksums but makes no sense is refused too.
func TestForgedSegment(t *testing.T) {
	const recipe = `"recipe":{"version":1,"norm":"words","unit":"word","n":8,"hash":"poly64"}`
	if err := whole(t, forge(`{`+recipe+`,"plan":{"partitions":2,"k":7,"fpr":0.01},"lineage":null}`, 2, 0)); err != nil {
		t.Fatal(err)
	}
	for _, head := range []string{
		``, `[]`, `{`, `{}`,
		`{` + recipe + `,"plan":{"partitions":2,"k":7,"fpr":0.01},"lineage":null}{}`,
		`{` + recipe + `,"plan":{"partitions":2,"k":7,"fpr":0.01},"lineage":null} `,
		`{` + recipe + `,"plan":{"partitions":2,"k":7,"fpr":0.01},"lineage":null,"more":1}`,
		`{` + recipe + `,"plan":{"partitions":0,"k":7,"fpr":0.01}}`,
		`{` + recipe + `,"plan":{"partitions":3,"k":7,"fpr":0.01}}`,
		`{` + recipe + `,"plan":{"partitions":-1,"k":7,"fpr":0.01}}`,
		`{` + recipe + `,"plan":{"partitions":4611686018427387904,"k":7,"fpr":0.01}}`,
		`{` + recipe + `,"plan":{"partitions":2,"k":0,"fpr":0.01}}`,
		`{` + recipe + `,"plan":{"partitions":2,"k":31,"fpr":0.01}}`,
		`{` + recipe + `,"plan":{"partitions":2,"k":7,"fpr":1}}`,
	} {
		if err := whole(t, forge(head, 2, 0)); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v", head, err)
		}
	}
	for _, ones := range []uint64{1, partBits, partBits + 1, math.MaxUint64} {
		if err := whole(t, forge(`{`+recipe+`,"plan":{"partitions":1,"k":7,"fpr":0.01},"lineage":null}`, 1, ones)); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%d ones: %v", ones, err)
		}
	}
}

func TestSaveBadLineage(t *testing.T) {
	f := newFilterOf(t, Plan{1, 7, 0.01})
	if err := f.Save(&bytes.Buffer{}, []byte(`{`)); err == nil {
		t.Error("half a value was taken for lineage")
	}
	long := bytes.Repeat([]byte("1"), maxHeader) // a number
	if err := f.Save(&bytes.Buffer{}, long); err == nil {
		t.Error("a header that no reader takes was written")
	}
	for _, room := range []int{0, 10, 4096, 5000} {
		if err := f.Save(&narrow{room}, nil); !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("room for %d bytes: %v", room, err)
		}
	}
}

// narrow is a disk with little room.
type narrow struct{ room int }

func (n *narrow) Write(p []byte) (int, error) {
	if n.room -= len(p); n.room < 0 {
		return 0, io.ErrShortWrite
	}
	return len(p), nil
}

// spooled puts hashes into a spool, and gives it with what was written to its stream.
func spooled(tb testing.TB, s *Spooler, hs []uint64, step int) (*Spool, []byte) {
	tb.Helper()
	var stream bytes.Buffer
	s.Begin(&stream)
	for part := range slices.Chunk(hs, step) {
		if err := s.Add(part); err != nil {
			tb.Fatal(err)
		}
	}
	sp, err := s.End()
	if err != nil {
		tb.Fatal(err)
	}
	if sp.Grams() != int64(len(hs)) {
		tb.Errorf("%d grams, want %d", sp.Grams(), len(hs))
	}
	if s.Add([]uint64{1}) == nil {
		tb.Error("a spool that was ended takes more")
	}
	if _, err := s.End(); err == nil {
		tb.Error("a spool that was ended ends again")
	}
	return sp, stream.Bytes()
}

func newPool(tb testing.TB, p Plan, bytes int64) *Pool {
	tb.Helper()
	pool, err := NewPool(p, bytes, 5)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(pool.Close)
	return pool
}

// allBack holds that the pool has all its slots again, each once.
func allBack(tb testing.TB, pool *Pool) {
	tb.Helper()
	free := slices.Sorted(slices.Values(pool.free))
	if len(slices.Compact(slices.Clone(free))) != len(free) || len(free)*pool.block != int(pool.next) || pool.spooled != 0 {
		tb.Fatalf("%v: %d slots of %d came back, spools have %d", pool.plan, len(free), int(pool.next)/pool.block, pool.spooled)
	}
}

// TestSpool: every gram comes back, in the block of its bucket, in an order that
// depends on the plan and the grams only, wherever the blocks were.
func TestSpool(t *testing.T) {
	for _, p := range []Plan{{1, 7, 0.01}, {65, 13, 1e-4}, {4096, 13, 1e-4}} {
		none := newPool(t, p, 0)
		full := none.block
		pools := []*Pool{none, newPool(t, p, int64(3*8*full)), newPool(t, p, 64<<20)}
		var spoolers []*Spooler
		for _, pool := range pools {
			spoolers = append(spoolers, pool.NewSpooler())
		}
		for _, n := range []int{0, 1, full - 1, full + 1, 3*full + 5, 100_000} {
			hs := hashes(7, n)
			if n > full {
				hs[full] = hs[0] // grams that are alike
			}
			want := map[uint64]int{}
			for _, h := range hs {
				want[mix(h)]++
			}
			var first []Block
			for i, pool := range pools {
				for _, step := range []int{99, 30_000} {
					sp, stream := spooled(t, spoolers[i], hs, step)
					if pool == none != (len(stream) > 0) && n > 0 && i != 1 {
						t.Errorf("%v, %d grams, pool %d: %d bytes written", p, n, i, len(stream))
					}
					got := map[uint64]int{}
					var blocks []Block
					for b, err := range sp.Blocks(bytes.NewReader(stream)) {
						if err != nil {
							t.Fatal(err)
						}
						if b.ownsSlot {
							pool.takeBack([]slot{b.slot})
							pool.leaveSpool(1)
						}
						b = Block{bucket: b.bucket, hashes: slices.Clone(b.hashes)}
						blocks = append(blocks, b)
						for _, x := range b.hashes {
							got[x]++
							if part, _ := bits.Mul64(x, uint64(p.Partitions)); int(part>>pool.shift) != b.bucket {
								t.Fatalf("%v: a gram of partition %d is in bucket %d", p, part, b.bucket)
							}
						}
					}
					if !maps.Equal(got, want) {
						t.Errorf("%v, %d grams, pool %d: others came back", p, n, i)
					}
					if first == nil {
						first = blocks
					}
					if !slices.EqualFunc(first, blocks, func(a, b Block) bool {
						return a.bucket == b.bucket && slices.Equal(a.hashes, b.hashes)
					}) {
						t.Errorf("%v, %d grams, pool %d, added by %d: blocks differ", p, n, i, step)
					}
					sp.Drop()
					sp.Drop()
					allBack(t, pool)
				}
			}
		}
	}
	p := Plan{65, 13, 1e-4}
	for _, room := range []int{0, 20, 1_500_000} {
		s := newPool(t, p, 0).NewSpooler()
		s.Begin(&narrow{room})
		err := s.Add(hashes(7, 200_000))
		if _, err2 := s.End(); !errors.Is(err2, io.ErrShortWrite) || room < 1_500_000 && err == nil {
			t.Errorf("room for %d bytes: %v, %v", room, err, err2)
		}
	}
	pool := newPool(t, p, 1<<20)
	s := pool.NewSpooler()
	for range 3 { // shards that fail
		s.Begin(io.Discard)
		if err := s.Add(hashes(7, 200_000)); err != nil {
			t.Fatal(err)
		}
	}
	s.Begin(io.Discard)
	if pool.next == 0 {
		t.Error("no slot was lent: the test shows nothing")
	}
	allBack(t, pool)
	if err := s.Add(hashes(7, 200_000)); err != nil {
		t.Fatal(err)
	}
	sp, err := s.End()
	if err != nil {
		t.Fatal(err)
	}
	for range sp.Blocks(&bytes.Buffer{}) {
		break // a reader stops, and does not give the block on: its slot is lost
	}
	if sp.Drop(); len(pool.free)*pool.block != int(pool.next)-pool.block || pool.spooled != 1 {
		t.Errorf("%d slots of %d came back", len(pool.free), int(pool.next)/pool.block)
	}
}

// TestSpoolIsEven: wherever a spool is cut, every bucket has about as much before the
// cut, so that a shard larger than a segment fills partitions as equally as others do.
func TestSpoolIsEven(t *testing.T) {
	for _, p := range []Plan{{1, 13, 1e-4}, {64, 13, 1e-4}, {65, 20, 1e-6}, {4096, 13, 1e-4}} {
		pool := newPool(t, p, 0)
		if bucket := p.Capacity() / int64(p.Partitions) << pool.shift; int64(pool.block)*64 > bucket {
			t.Errorf("%v: blocks of %d, and a bucket holds %d", p, pool.block, bucket)
		}
	}
}

// TestShardsOfAllSizes: a filter is the same whatever the sizes of its shards, the lanes
// and the memory: enough for all, or so little that buckets give slots back while others
// are added to and spools go by way of streams.
func TestShardsOfAllSizes(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped with -short: fills filters of all sizes for ten seconds")
	}
	for _, p := range []Plan{{1, 7, 0.01}, {64, 1, 0.5}, {1300, 13, 1e-4}} {
		hs := hashes(3, 300_000)
		once := newFilterOf(t, p)
		fill(t, once, 64<<20, 1, hs)
		for _, room := range []int64{64 << 20, 1 << 20, 100_000, 0} {
			f := newFilterOf(t, p)
			pool := newPool(t, p, room)
			w, err := pool.NewFiller(f)
			if err != nil {
				t.Fatal(err)
			}
			var lanes sync.WaitGroup
			for lane := range 3 {
				s := pool.NewSpooler()
				lanes.Go(func() {
					left := hs[lane*100_000 : (lane+1)*100_000]
					for size := 1; len(left) > 0; size *= 3 {
						n := min(size, len(left))
						add(t, w, s, left[:n])
						left = left[n:]
					}
				})
			}
			lanes.Wait()
			var shares sync.WaitGroup
			for i := range 3 {
				shares.Go(func() { w.FlushShare(i, 3) })
			}
			shares.Wait()
			if w.pending() || !slices.Equal(f.words, once.words) {
				t.Errorf("%v, %d bytes: bits differ", p, room)
			}
			allBack(t, pool)
			w.Close()
		}
		mustHave(t, once, hs)
	}
}

func TestBlockOfAnotherPlan(t *testing.T) {
	sp, _ := spooled(t, newPool(t, Plan{4096, 13, 1e-4}, 1<<20).NewSpooler(), hashes(1, 100), 100)
	w, err := newPool(t, Plan{65, 13, 1e-4}, 1<<20).NewFiller(newFilterOf(t, Plan{65, 13, 1e-4}))
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	defer func() {
		if recover() == nil {
			t.Error("a block of another plan was taken")
		}
	}()
	for b := range sp.Blocks(nil) {
		w.AddBlock(b)
	}
}

// streamed gives the stream of a spool without memory.
func streamed(tb testing.TB, p Plan, hs []uint64) (*Spool, []byte) {
	return spooled(tb, newPool(tb, p, 0).NewSpooler(), hs, 99)
}

func TestDamagedSpool(t *testing.T) {
	p := Plan{1, 13, 1e-4} // blocks of 1,024 grams
	sp, file := streamed(t, p, hashes(7, 2000))
	refuse := func(what string, n int, file []byte) {
		t.Helper()
		for _, err := range sp.Blocks(bytes.NewReader(file)) {
			if err != nil {
				if !errors.Is(err, ErrCorrupt) {
					t.Fatalf("%s %d: %v", what, n, err)
				}
				return
			}
		}
		t.Fatalf("%s %d: nothing was noticed", what, n)
	}
	for n := range len(file) {
		if n < 200 || n > len(file)-500 || n%97 == 0 {
			refuse("first bytes:", n, file[:n])
		}
	}
	for bit := range len(file) * 8 {
		if bit < 2000 || bit > 8*(len(file)-100) || bit%997 == 0 {
			file[bit/8] ^= 1 << (bit % 8)
			refuse("bit", bit, file)
			file[bit/8] ^= 1 << (bit % 8)
		}
	}
	refuse("one more byte", 0, append(slices.Clone(file), 0))
	// Blocks cut out at their borders leave a wrong number of grams.
	first := len(spoolMagic) + blockHead + 8*sp.pool.block
	if !bytes.Equal(file[:len(spoolMagic)], []byte(spoolMagic)) || len(file) < first+100 {
		t.Fatal("the spool has fewer than two blocks")
	}
	refuse("first block missing", 0, slices.Concat(file[:len(spoolMagic)], file[first:]))
	refuse("second block missing", 0, slices.Concat(file[:first], file[len(file)-24:]))
	_, other := streamed(t, p, hashes(7, 1999))
	refuse("the stream of another spool", 0, other)
}

func FuzzOpen(f *testing.F) {
	front := golden()[:4096]
	f.Add(front, false)
	f.Add([]byte(`{"plan":{"partitions":1,"k":7,"fpr":0.01}}`), true)
	body := golden()[4096:]
	f.Fuzz(func(t *testing.T, front []byte, head bool) {
		if head { // with right checksums
			_ = whole(t, forge(string(front), 1, 0))
			return
		}
		file := slices.Concat(front, body)
		if err := whole(t, file); err == nil && !bytes.Equal(file, golden()) {
			t.Errorf("%q is taken for a segment", front)
		}
	})
}

func FuzzReadSpool(f *testing.F) {
	p := Plan{65, 13, 1e-4}
	for _, n := range []int{1, 5, 300} {
		_, file := streamed(f, p, hashes(1, n))
		f.Add(file)
	}
	pool := newPool(f, p, 0)
	s := pool.NewSpooler()
	f.Fuzz(func(t *testing.T, file []byte) {
		var again bytes.Buffer
		s.Begin(&again)
		n := 0
		for b, err := range readSpool(bytes.NewReader(file), pool) {
			if err != nil {
				if !errors.Is(err, ErrCorrupt) {
					t.Error(err)
				}
				return
			}
			s.write(b.bucket, b.hashes)
			n++
		}
		if _, err := s.End(); err != nil {
			t.Error(err)
		}
		if n > 0 && !bytes.Equal(again.Bytes(), file) { // of nothing there is no stream
			t.Errorf("%x reads as blocks that are written otherwise", file)
		}
	})
}
