package rows

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"
)

// An Arrow file is the magic, messages, a footer, its length and the magic. The footer has the
// schema and the place of every dictionary and batch, and alone says what is read: a file
// need not be a stream between the magics (polars and Arrow JS write none). So that a damaged
// footer loses nothing, the places have to fill the file except for padding.

// block is the place of a message: its head, with what is before and behind that, and its body.
type block struct {
	at, head, body int64
	kind           ipc.MessageType
}

const (
	fileHead = 8  // the magic, padded
	fileTail = 10 // the length of the footer, and the magic
	blockLen = 24 // of a block in the footer
	maxGap   = 64 // bytes of padding between messages
)

// Slots of the footer's table; from File.fbs.
const slotFooterSchema, slotFooterDictionaries, slotFooterBatches = 1, 2, 3

func openArrowFile(in *Input, o Options) (Reader, error) {
	at, size, err := in.ReaderAt()
	if err != nil {
		return nil, err
	}
	var head [fileHead]byte
	var tail [fileTail]byte
	if size < fileHead+fileTail {
		return nil, fmt.Errorf("%d bytes are too few for an Arrow file: %w", size, ErrCorrupt)
	}
	if _, err := at.ReadAt(head[:], 0); err != nil {
		return nil, in.Cause(err)
	}
	if _, err := at.ReadAt(tail[:], size-fileTail); err != nil {
		return nil, in.Cause(err)
	}
	footerLen := int64(binary.LittleEndian.Uint32(tail[:]))
	end := size - fileTail - footerLen // of the messages
	if string(head[:len(fileMagic)]) != fileMagic || !bytes.HasSuffix(tail[:], []byte(fileMagic)) || end < fileHead {
		return nil, fmt.Errorf("does not begin and end as an Arrow file does: %w", ErrCorrupt)
	}
	m := &messages{at: at, max: limitFactor * o.MaxRow}
	if footerLen > int64(m.max) {
		return nil, fmt.Errorf("a footer of %d bytes: %w", footerLen, ErrTooLong)
	}
	footer := make([]byte, footerLen)
	if _, err := at.ReadAt(footer, end); err != nil {
		return nil, in.Cause(err)
	}
	if err := guard(func() error { return m.readFooter(footer, end) }); err != nil {
		return nil, in.Cause(err)
	}
	if o.Range.End > 0 {
		keep, batches := groupsIn(m.starts(), o.Range), m.batches()
		m.blocks = slices.Concat(m.blocks[:len(m.blocks)-len(batches)], batches[keep[0]:keep[1]])
	}
	return openMessages(in, m, o)
}

// batches returns the blocks of batches, which follow those of dictionaries.
func (m *messages) batches() []block {
	first := slices.IndexFunc(m.blocks, func(b block) bool { return b.kind == ipc.MessageRecordBatch })
	if first < 0 {
		return nil
	}
	return m.blocks[first:]
}

// starts returns the first byte of each batch.
func (m *messages) starts() (list []int64) {
	for _, b := range m.batches() {
		list = append(list, b.at)
	}
	return list
}

// readFooter takes the schema and the places of messages out of the footer, which is at end.
func (m *messages) readFooter(footer []byte, end int64) error {
	h := &headCheck{buf: footer}
	table := h.follow(0)
	schema := h.field(table, slotFooterSchema)
	if schema == 0 {
		return fmt.Errorf("a footer without a schema: %w", ErrCorrupt)
	}
	m.schema = schemaMessage(footer, h.follow(schema))
	for _, list := range []struct {
		slot int
		kind ipc.MessageType
	}{{slotFooterDictionaries, ipc.MessageDictionaryBatch}, {slotFooterBatches, ipc.MessageRecordBatch}} {
		at, n := h.vector(table, list.slot, blockLen)
		for i := range n {
			b := footer[at+i*blockLen:]
			m.blocks = append(m.blocks, block{
				at: int64(binary.LittleEndian.Uint64(b)), head: int64(int32(binary.LittleEndian.Uint32(b[8:]))),
				body: int64(binary.LittleEndian.Uint64(b[16:])), kind: list.kind,
			})
		}
	}
	if h.err != nil {
		return h.err
	}
	return m.checkBlocks(end, int64(len(footer)))
}

// checkBlocks checks that the blocks lie one behind the other and fill the file.
func (m *messages) checkBlocks(end, footerLen int64) error {
	sorted := slices.SortedFunc(slices.Values(m.blocks), func(a, b block) int { return cmp.Compare(a.at, b.at) })
	// What is before the first is a schema, which needs no more room than in the footer.
	from, gap := int64(fileHead), footerLen+maxGap
	if n, err := m.schemaEnd(end); err != nil {
		return err
	} else if n > 0 {
		from, gap = n, maxGap
	}
	for i, b := range append(sorted, block{at: end}) {
		if b.at < from || b.head < 0 || b.body < 0 || b.head > end-b.at || b.body > end-b.at-b.head {
			return fmt.Errorf("message %d of the footer is at byte %d, with %d and %d bytes: %w",
				i, b.at, b.head, b.body, ErrCorrupt)
		}
		if b.at-from > gap {
			return fmt.Errorf("the footer names nothing in the %d bytes from byte %d on: %w", b.at-from, from, ErrCorrupt)
		}
		if b.head+b.body > int64(m.max) {
			return fmt.Errorf("message of %d bytes, more than %d: %w", b.head+b.body, m.max, ErrTooLong)
		}
		from, gap = b.at+b.head+b.body, maxGap
	}
	return nil
}

// schemaEnd returns where the schema message ends that the file begins with; 0 if there is none.
func (m *messages) schemaEnd(end int64) (int64, error) {
	var prefix [8]byte
	if end < fileHead+int64(len(prefix)) {
		return 0, nil
	}
	if _, err := m.at.ReadAt(prefix[:], fileHead); err != nil {
		return 0, err
	}
	n, at := int64(binary.LittleEndian.Uint32(prefix[4:])), int64(fileHead+8)
	if binary.LittleEndian.Uint32(prefix[:]) != continued || n < 8 || n > end-at || n > int64(m.max) {
		return 0, nil
	}
	head := make([]byte, n)
	if _, err := m.at.ReadAt(head, at); err != nil {
		return 0, err
	}
	h := &headCheck{buf: head}
	kind := 0
	guard(func() error {
		if f := h.field(h.follow(0), slotMessageKind); f != 0 {
			kind = int(head[f])
		}
		return nil
	})
	if kind != msgSchema {
		return 0, nil
	}
	return at + n, nil
}

// schemaMessage returns the head of a message whose schema is the table at a place of the
// footer: a table of its own before the footer's bytes, which point into themselves.
func schemaMessage(footer []byte, schema int) []byte {
	const table, footerAt = 16, 40
	b := make([]byte, footerAt, footerAt+len(footer))
	put16, put32 := binary.LittleEndian.PutUint16, binary.LittleEndian.PutUint32
	put32(b, table)      // the root
	put16(b[4:], 10)     // its fields: bytes of this list,
	put16(b[6:], 16)     // of the table,
	put16(b[8:], 8)      // where the version is,
	put16(b[10:], 10)    // the kind
	put16(b[12:], 4)     // and the header
	put32(b[table:], 12) // from the table back to the list
	put32(b[table+4:], uint32(footerAt+schema-table-4))
	put16(b[table+8:], 4) // version 5 of the format
	b[table+10] = msgSchema
	return append(b, footer...)
}

// fromFooter returns the next message that the footer names; the schema is the first.
func (m *messages) fromFooter() (*ipc.Message, error) {
	if m.schema != nil {
		head := m.schema
		m.schema = nil
		if err := checkHead(head, 0, 0); err != nil {
			return nil, err
		}
		return ipc.NewMessage(memory.NewBufferBytes(head), memory.NewBufferBytes(nil)), nil
	}
	if len(m.blocks) == 0 {
		m.ended = true
		return nil, io.EOF
	}
	b := m.blocks[0]
	m.blocks = m.blocks[1:]
	head, body := make([]byte, b.head), make([]byte, b.body)
	if _, err := m.at.ReadAt(head, b.at); err != nil {
		return nil, err
	}
	if _, err := m.at.ReadAt(body, b.at+b.head); err != nil {
		return nil, err
	}
	bad := fmt.Errorf("the message at byte %d is not what the footer says: %w", b.at, ErrCorrupt)
	if len(head) >= 4 && binary.LittleEndian.Uint32(head) == continued {
		head = head[4:]
	}
	if len(head) < 12 || int64(binary.LittleEndian.Uint32(head)) > int64(len(head)-4) {
		return nil, bad
	}
	head = head[4 : 4+binary.LittleEndian.Uint32(head)]
	if len(head) < 8 {
		return nil, bad
	}
	if err := checkHead(head, m.views, m.dictViews); err != nil {
		return nil, err
	}
	msg := ipc.NewMessage(memory.NewBufferBytes(head), memory.NewBufferBytes(body))
	if msg.Type() != b.kind || msg.BodyLen() != b.body {
		return nil, bad
	}
	return msg, nil
}
