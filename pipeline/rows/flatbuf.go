package rows

import (
	"encoding/binary"
	"fmt"

	"github.com/apache/arrow/go/v15/arrow"
)

// The Arrow library allocates what the flatbuffer at the head of an IPC message says,
// and follows it as deep as it goes. Its view of the buffer is internal, so
// this walks by hand what the library will walk, and refuses lengths that the head
// cannot hold. A place out of bounds panics here as it does there, under guard.

const (
	maxHeadDepth  = 64      // of columns within columns
	maxHeadTables = 1 << 20 // tables that one message leads to
)

// Kinds of messages, and slots of the tables; from Message.fbs and Schema.fbs.
const (
	msgSchema, msgDictionary, msgBatch                          = 1, 2, 3
	slotMessageKind, slotMessageHeader, slotMessageMeta         = 1, 2, 4
	slotSchemaFields, slotSchemaMeta                            = 1, 2
	slotFieldChildren, slotFieldMeta                            = 5, 6
	slotDictionaryBatch, slotBatchBuffers, slotBatchViewBuffers = 1, 2, 4
)

// checkHead refuses the head of a message that says more than it can hold. views is
// how many columns of views a batch has, and a dictionary of the schema at most.
func checkHead(head []byte, views, dictViews int) error {
	h := &headCheck{buf: head}
	msg := h.follow(0)
	kind, header := h.field(msg, slotMessageKind), h.field(msg, slotMessageHeader)
	h.tables(msg, slotMessageMeta)
	if kind == 0 || header == 0 {
		return fmt.Errorf("message without a header: %w", ErrCorrupt)
	}
	header = h.follow(header)
	switch head[kind] {
	case msgSchema:
		h.tables(header, slotSchemaMeta)
		for _, f := range h.tables(header, slotSchemaFields) {
			h.column(f, 0)
		}
	case msgBatch:
		h.batch(header, views)
	case msgDictionary:
		if f := h.field(header, slotDictionaryBatch); f != 0 {
			h.batch(h.follow(f), dictViews)
		}
	}
	return h.err
}

type headCheck struct {
	buf  []byte
	seen int
	err  error
}

func (h *headCheck) fail(format string, args ...any) {
	if h.err == nil {
		h.err = fmt.Errorf("head of a message: "+format+": %w", append(args, ErrCorrupt)...)
	}
}

func (h *headCheck) u32(at int) int { return int(binary.LittleEndian.Uint32(h.buf[at:])) }

// follow returns the place that the offset at a place leads to.
func (h *headCheck) follow(at int) int { return at + h.u32(at) }

// field returns where a field of the table at a place is, 0 where it is not set.
func (h *headCheck) field(table, slot int) int {
	v := table - int(int32(h.u32(table)))
	size := int(binary.LittleEndian.Uint16(h.buf[v:]))
	if 4+2*slot >= size {
		return 0
	}
	if off := int(binary.LittleEndian.Uint16(h.buf[v+4+2*slot:])); off != 0 {
		return table + off
	}
	return 0
}

// vector returns where the values of a vector are and how many, of size bytes each.
func (h *headCheck) vector(table, slot, size int) (at, n int) {
	f := h.field(table, slot)
	if f == 0 {
		return 0, 0
	}
	at = h.follow(f)
	n, at = h.u32(at), at+4
	if n > (len(h.buf)-at)/size {
		h.fail("%d values in %d bytes", n, len(h.buf)-at)
		return at, 0
	}
	return at, n
}

// tables returns the places of the tables of a vector.
func (h *headCheck) tables(table, slot int) (places []int) {
	at, n := h.vector(table, slot, 4)
	if h.seen += n; h.seen > maxHeadTables {
		h.fail("more than %d parts", maxHeadTables)
	}
	if h.err != nil {
		return nil
	}
	for i := range n {
		places = append(places, h.follow(at+4*i))
	}
	return places
}

// column checks a column of the schema, which lies in depth others.
func (h *headCheck) column(field, depth int) {
	if depth > maxHeadDepth {
		h.fail("columns nest deeper than %d", maxHeadDepth)
	}
	h.tables(field, slotFieldMeta)
	children := h.tables(field, slotFieldChildren)
	for _, f := range children {
		if h.err == nil {
			h.column(f, depth+1)
		}
	}
}

// batch checks that no column of views says it has more buffers than the batch. The
// library does not look whether there is a number for each of them.
func (h *headCheck) batch(table, views int) {
	_, buffers := h.vector(table, slotBatchBuffers, 16)
	at, n := h.vector(table, slotBatchViewBuffers, 8)
	if at != 0 && n < views {
		h.fail("%d numbers for %d columns of views", n, views)
	}
	for i := range n {
		if c := binary.LittleEndian.Uint64(h.buf[at+8*i:]); c > uint64(buffers) {
			h.fail("column of %d buffers in a batch of %d", c, buffers)
		}
	}
}

// countViews returns how many columns of views there are among types, and in the one
// dictionary of them that has the most.
func countViews(types []arrow.DataType) (views, inDict int) {
	for _, t := range types {
		var within []arrow.DataType
		switch t := t.(type) {
		case *arrow.StringViewType, *arrow.BinaryViewType:
			views++
		case *arrow.DictionaryType:
			n, m := countViews([]arrow.DataType{t.ValueType})
			inDict = max(inDict, n, m)
		case arrow.NestedType:
			for _, f := range t.Fields() {
				within = append(within, f.Type)
			}
		}
		n, m := countViews(within)
		views, inDict = views+n, max(inDict, m)
	}
	return views, inDict
}
