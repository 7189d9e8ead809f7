package rows

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"swab/pipeline/shard"
)

// An idIndex is the .idx file that Megatron writes beside a .bin of ids:
//
//	magic  "MMIDIDX\x00\x00", version 1 of 8 bytes, type of 1 byte
//	counts of sequences and of document places, 8 bytes each
//	length of each sequence, in ids, 4 bytes
//	place  of each sequence, in bytes of the .bin, 8 bytes
//	number of the first sequence of each document, 8 bytes, and the count of sequences
//	mode   of each sequence, 1 byte, which only some have
//
// It is read front to back, in three places at once.
type idIndex struct {
	kind                       string
	lengths, places, documents *bufio.Reader
	sequences, left            int64 // sequences of the file, documents to come
	first                      int64 // of the next document
	width                      int64
}

const indexHead = 34

// indexTypes are the types of ids by their code.
var indexTypes = [...]string{1: "uint8", 3: "int16", 4: "int32", 5: "int64", 8: "uint16"}

func openIndex(f *shard.File) (*idIndex, error) {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("its index %s: "+format+": %w", append([]any{f.Name}, append(args, ErrCorrupt)...)...)
	}
	var head [indexHead]byte
	if _, err := f.ReadAt(head[:], 0); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, bad("%d bytes are no index", f.Size)
		}
		return nil, err
	}
	version, code := binary.LittleEndian.Uint64(head[9:]), int(head[17])
	n, documents := binary.LittleEndian.Uint64(head[18:]), binary.LittleEndian.Uint64(head[26:])
	switch {
	case string(head[:9]) != shard.IndexMagic || version != 1:
		return nil, fmt.Errorf("its index %s is not of version 1 of Megatron's (prepare the data with a current version): %w",
			f.Name, ErrUnsupported)
	case code >= len(indexTypes) || indexTypes[code] == "":
		return nil, fmt.Errorf("its index %s has ids of type %d: %w", f.Name, code, ErrUnsupported)
	case n > uint64(f.Size) || documents > uint64(f.Size) || documents == 0:
		return nil, bad("%d sequences in %d bytes", n, f.Size)
	}
	x := &idIndex{kind: indexTypes[code], sequences: int64(n), left: int64(documents) - 1}
	x.width = int64(tokenTypes[x.kind])
	size := indexHead + 12*x.sequences + 8*int64(documents)
	if f.Size != size && f.Size != size+x.sequences {
		return nil, bad("%d sequences and %d documents take %d bytes, it has %d", n, documents-1, size, f.Size)
	}
	at := int64(indexHead)
	section := func(n int64) *bufio.Reader {
		r := bufio.NewReader(io.NewSectionReader(f, at, n))
		at += n
		return r
	}
	x.lengths, x.places, x.documents = section(4*x.sequences), section(8*x.sequences), section(8*int64(documents))
	if first, err := x.number(x.documents); err != nil || first != 0 {
		return nil, errors.Join(err, bad("the first document begins with sequence %d", first))
	}
	return x, nil
}

// number reads one of 8 bytes.
func (x *idIndex) number(r io.Reader) (int64, error) {
	var b [8]byte
	_, err := io.ReadFull(r, b[:])
	return int64(binary.LittleEndian.Uint64(b[:])), err
}

// document returns how many sequences the next document has; ok is false after the last.
func (x *idIndex) document() (sequences int64, ok bool, err error) {
	if x.left == 0 {
		if x.first != x.sequences {
			err = fmt.Errorf("its index has documents of %d sequences, of %d: %w", x.first, x.sequences, ErrCorrupt)
		}
		return 0, false, err
	}
	x.left--
	next, err := x.number(x.documents)
	if err != nil {
		return 0, false, err
	}
	if next < x.first || next > x.sequences {
		return 0, false, fmt.Errorf("its index has a document of the sequences from %d to %d, of %d: %w",
			x.first, next, x.sequences, ErrCorrupt)
	}
	sequences, x.first = next-x.first, next
	return sequences, true, nil
}

// sequence returns the length of the next sequence, in ids, which has to begin there.
func (x *idIndex) sequence(place int64) (int64, error) {
	var b [4]byte
	if _, err := io.ReadFull(x.lengths, b[:]); err != nil {
		return 0, err
	}
	n := int64(int32(binary.LittleEndian.Uint32(b[:])))
	at, err := x.number(x.places)
	if err != nil {
		return 0, err
	}
	if n < 0 || at != place {
		return 0, fmt.Errorf("its index has a sequence of %d ids at byte %d, where byte %d is next: %w",
			n, at, place, ErrCorrupt)
	}
	return n, nil
}
