package record

import (
	"bytes"
	"math/bits"
	"slices"
	"strconv"
	"sync"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"swab/pipeline/rows"
)

// slack is the number of bytes that a column has beyond its text.
const slack = rows.Slack

// pools keeps the pools of closed batches, with their small buffers: there are many small
// shards. What a batch holds does not depend on what its buffers held before.
var pools = sync.Pool{New: func() any { return new(pool) }}

// keptBuffer is the size of the largest buffer that a pool keeps for another shard.
const keptBuffer = 64 << 10

// pool is an allocator that keeps freed buffers for the next batch: those of the few sizes
// that every batch needs.
type pool struct {
	mem    memory.Allocator
	mu     sync.Mutex
	keep   []int // sizes worth keeping
	free   [][]byte
	closed bool
}

func (p *pool) Allocate(n int) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, b := range p.free {
		if cap(b) == n {
			p.free = slices.Delete(p.free, i, i+1)
			return b[:n]
		}
	}
	return p.mem.Allocate(n)[:n:n]
}

func (p *pool) Reallocate(n int, b []byte) []byte {
	grown := p.Allocate(n)
	copy(grown, b)
	p.Free(b)
	return grown
}

// Free frees a buffer of Allocate, or a slice of it from its beginning.
func (p *pool) Free(b []byte) {
	b = b[:cap(b)]
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed && len(p.free) < 2*len(p.keep) && slices.Contains(p.keep, len(b)) {
		p.free = append(p.free, b)
		return
	}
	p.mem.Free(b)
}

// open makes p ready for a batch with buffers of the sizes keep.
func (p *pool) open(mem memory.Allocator, keep []int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mem, p.keep, p.closed = mem, keep, false
}

// close frees the kept buffers; those in use are freed by their users. With Go's own
// allocator, small ones are left to the next batch that opens the pool.
func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	shared := p.mem == memory.DefaultAllocator
	p.free = slices.DeleteFunc(p.free, func(b []byte) bool {
		if shared && cap(b) <= keptBuffer {
			return false
		}
		p.mem.Free(b)
		return true
	})
	if shared {
		pools.Put(p)
	}
}

// column is an Arrow string column being filled.
type column struct {
	pool *pool
	data []byte  // the texts of the committed rows, then that of the current row
	offs []byte  // n+1 little-endian int32
	ends []int32 // offs as numbers
}

// reserve makes room for n more bytes and the slack.
func (c *column) reserve(n int) {
	if need := len(c.data) + n + slack; need > cap(c.data) {
		c.data = c.pool.Reallocate(max(need, min(2*cap(c.data), MaxRow)), c.data[:len(c.data)])[:len(c.data)]
	}
}

// add appends a value, with invalid UTF-8 repaired.
func (c *column) add(v []byte, scratch *[]byte) (m rows.Marks) {
	if bytes.IndexByte(v, 0) >= 0 {
		m |= rows.MarkNUL
	}
	if !rows.ValidUTF8(v) {
		m |= rows.MarkUTF8
		*scratch = rows.AppendValid((*scratch)[:0], v)
		v = *scratch
	}
	c.reserve(len(v))
	c.data = append(c.data, v...)
	return m
}

func (c *column) addInt(v int64) {
	c.reserve(20)
	c.data = strconv.AppendInt(c.data, v, 10)
}

func (c *column) buffers(n int) []*memory.Buffer {
	return []*memory.Buffer{
		nil,
		memory.NewBufferWithAllocator(c.offs[:arrow.Int32Traits.BytesRequired(n+1)], c.pool),
		memory.NewBufferWithAllocator(c.data, c.pool),
	}
}

// batch fills the columns of one record. Its buffers become the record's.
type batch struct {
	o        Options
	pool     *pool
	schema   *arrow.Schema
	id, text column
	rowBytes []byte
	rows     []int64
	n        int // rows committed
	open     bool
	sizes    [4]int // of ids, text, offsets, rows
}

// expected returns the size to begin a buffer with that may hold n bytes, for a shard of so
// many bytes, if they are known. Buffers grow where it proves too small.
func expected(n int, plain int64) int {
	if plain <= 0 {
		return n
	}
	const least = 512
	if plain >= int64(n) {
		return n
	}
	return min(n, 1<<bits.Len64(uint64(max(least, plain)-1))) // few sizes, which pools have
}

func newBatch(o Options) *batch {
	if o.PlainSize > 0 { // a batch of fewer rows is no error, only a batch more
		const usualRow, least = 64, 16
		o.BatchRows = expected(o.BatchRows, max(least, o.PlainSize/usualRow))
	}
	b := &batch{o: o, schema: Schema(), sizes: [4]int{
		expected(64*o.BatchRows, o.PlainSize) + slack,
		expected(o.BatchBytes, o.PlainSize) + slack,
		arrow.Int32Traits.BytesRequired(o.BatchRows + 1),
		arrow.Int64Traits.BytesRequired(o.BatchRows),
	}}
	b.pool = new(pool)
	if o.Alloc == memory.DefaultAllocator {
		b.pool = pools.Get().(*pool)
	}
	b.pool.open(o.Alloc, b.sizes[:])
	b.id.pool, b.text.pool = b.pool, b.pool
	return b
}

// fits reports whether a row of n bytes fits into the batch. A first row always does, so one
// longer document is a batch of its own.
func (b *batch) fits(n int) bool {
	return b.n == 0 || b.n < b.o.BatchRows && len(b.id.data)+len(b.text.data)+n <= b.o.BatchBytes
}

// start allocates the buffers of a batch, unless one is open.
func (b *batch) start() {
	if b.open {
		return
	}
	for i, c := range []*column{&b.id, &b.text} {
		c.data = b.pool.Allocate(b.sizes[i])[:0]
		c.offs = b.pool.Allocate(b.sizes[2])
		c.ends = arrow.Int32Traits.CastFromBytes(c.offs)
		c.ends[0] = 0
	}
	b.rowBytes = b.pool.Allocate(b.sizes[3])
	b.rows = arrow.Int64Traits.CastFromBytes(b.rowBytes)
	b.open = true
}

// commit ends the current row and returns the length of its text.
func (b *batch) commit(row int64) int {
	b.rows[b.n] = row
	n := len(b.text.data) - int(b.text.ends[b.n])
	b.n++
	b.id.ends[b.n] = int32(len(b.id.data))
	b.text.ends[b.n] = int32(len(b.text.data))
	return n
}

// record closes the batch. The caller releases the record; the next start allocates other
// buffers, which may be those of records released before.
func (b *batch) record() arrow.Record {
	var cols [3]arrow.Array
	for i, c := range []*column{&b.id, &b.text} {
		cols[i] = wrap(arrow.BinaryTypes.String, b.n, c.buffers(b.n))
	}
	rows := memory.NewBufferWithAllocator(b.rowBytes[:arrow.Int64Traits.BytesRequired(b.n)], b.pool)
	cols[2] = wrap(arrow.PrimitiveTypes.Int64, b.n, []*memory.Buffer{nil, rows})
	rec := array.NewRecord(b.schema, cols[:], int64(b.n))
	for _, c := range cols {
		c.Release()
	}
	b.n, b.open = 0, false
	return rec
}

func wrap(t arrow.DataType, n int, bufs []*memory.Buffer) arrow.Array {
	data := array.NewData(t, n, bufs, nil, 0, 0)
	memory.ReleaseBuffers(bufs)
	arr := array.MakeFromData(data)
	data.Release()
	return arr
}

func (b *batch) close() {
	if b.open {
		for _, buf := range [][]byte{b.id.data, b.id.offs, b.text.data, b.text.offs, b.rowBytes} {
			b.pool.Free(buf)
		}
		b.open = false
	}
	b.pool.close()
}
