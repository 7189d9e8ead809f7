package rows

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"swab/pipeline/shard"
	"swab/pipeline/tokenizer"
)

const tokensDir = "../../testdata/tokens"

func readFile(t testing.TB, elem ...string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(elem...))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// tokens returns what decodes the fixtures, whose documents end with the id 0.
func tokens(t testing.TB, kind string, divided bool) *Tokens {
	t.Helper()
	z, err := tokenizer.Parse(readFile(t, tokensDir, "tokenizer.json"))
	if err != nil {
		t.Fatal(err)
	}
	end := new(uint32)
	if !divided {
		end = nil
	}
	k, err := NewTokens(z, "", kind, end)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// indexed is a source of bytes with an index beside it.
type indexed struct {
	memorySource
	index []byte
}

func (s indexed) Index() *shard.File {
	if s.index == nil {
		return nil
	}
	return &shard.File{ReaderAt: bytes.NewReader(s.index), Name: "x.idx", Size: int64(len(s.index))}
}

// decodeAll returns the documents of a file of token ids.
func decodeAll(data, index []byte, name string, k *Tokens, max int) (docs []string, err error) {
	column := TokenFields[0]
	if strings.HasSuffix(name, ".mds") {
		column = "tokens"
	}
	field, err := ParseField(column)
	if err != nil {
		return nil, err
	}
	format, _, _ := Formats.TypeOf(name)
	if bytes.HasPrefix(data, []byte("\x93NUMPY")) {
		format = Formats[slices.IndexFunc(Formats, func(f *shard.Format) bool { return f.Magic == "\x93NUMPY" })]
	}
	r, err := Open(context.Background(), indexed{memorySource{bytes.NewReader(data)}, index}, format,
		Options{Name: name, Want: Wanted(field), MaxRow: max})
	var rec Record
	rec.Decode(k, field, max)
	for err == nil {
		if err = r.Next(&rec); err == nil {
			err = rec.Err()
		}
		if err == nil {
			text, kind := rec.AppendDocument(nil, field)
			if err = rec.Err(); err == nil && kind != "" {
				err = fmt.Errorf("%s: %w", kind, ErrTokens)
			}
			docs = append(docs, string(text))
		}
	}
	if err == io.EOF {
		err = nil
	}
	return docs, err
}

// plainDocs are the documents of the fixtures, as rows.jsonl has their ids.
func plainDocs(t testing.TB) (docs []string, ids [][]uint32) {
	z := tokens(t, "", false).table
	for dec := json.NewDecoder(bytes.NewReader(readFile(t, tokensDir, "rows.jsonl"))); dec.More(); {
		var row struct {
			IDs []uint32 `json:"input_ids"`
		}
		if err := dec.Decode(&row); err != nil {
			t.Fatal(err)
		}
		d := z.NewDecoder()
		d.Begin(nil)
		if err := d.Add(row.IDs); err != nil {
			t.Fatal(err)
		}
		text, _ := d.End()
		docs, ids = append(docs, string(text)), append(ids, row.IDs)
	}
	if len(docs) != 6 || !strings.Contains(docs[0], "ferry to Riverton") {
		t.Fatal(docs)
	}
	return docs, ids
}

// numbers returns ids in little-endian order.
func numbers(width int, ids ...uint32) (b []byte) {
	for _, id := range ids {
		b = binary.LittleEndian.AppendUint64(b, uint64(id))[:len(b)+width]
	}
	return b
}

// megatron returns a .bin and its index: documents of sequences of ids.
func megatron(code byte, width int, docs ...[][]uint32) (bin, index []byte) {
	var lengths, places []byte
	first := []uint64{0}
	for _, d := range docs {
		for _, s := range d {
			lengths = binary.LittleEndian.AppendUint32(lengths, uint32(len(s)))
			places = binary.LittleEndian.AppendUint64(places, uint64(len(bin)))
			bin = append(bin, numbers(width, s...)...)
		}
		first = append(first, first[len(first)-1]+uint64(len(d)))
	}
	index = binary.LittleEndian.AppendUint64([]byte(shard.IndexMagic), 1)
	index = append(index, code)
	index = binary.LittleEndian.AppendUint64(index, uint64(len(lengths)/4))
	index = binary.LittleEndian.AppendUint64(index, uint64(len(first)))
	index = append(append(index, lengths...), places...)
	for _, f := range first {
		index = binary.LittleEndian.AppendUint64(index, f)
	}
	return bin, index
}

func numPy(descr, shape string, data []byte) []byte {
	head := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }\n", descr, shape)
	return append(append([]byte("\x93NUMPY\x01\x00"), byte(len(head)), byte(len(head)>>8)), append([]byte(head), data...)...)
}

// TestTokenLayouts: a corpus of token ids is the same documents in every layout.
func TestTokenLayouts(t *testing.T) {
	docs, ids := plainDocs(t)
	var flat []uint32
	var split [][][]uint32
	var lines []string
	for _, d := range ids {
		flat = append(append(flat, d...), 0)
		split = append(split, [][]uint32{d[:3], {}, d[3:]})
		z := tokens(t, "", false).table.NewDecoder()
		z.Begin(nil)
		z.Add(d[:3])
		z.Separate()
		z.Add(d[3:])
		text, _ := z.End()
		lines = append(lines, string(text))
	}
	square := slices.Repeat(ids[0], 3)
	long := binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(numbers(4, 20240520), 7), uint32(len(flat)))
	long = append(append(long, make([]byte, 1024-len(long))...), numbers(4, flat...)...)
	bin32, idx32 := megatron(4, 4, split...)
	modes := append(bytes.Clone(idx32), make([]byte, 3*len(ids))...)
	for _, c := range []struct {
		name, kind  string
		data, index []byte
		divided     bool
		want        []string
	}{
		{"megatron.bin", "", readFile(t, tokensDir, "megatron.bin"), readFile(t, tokensDir, "megatron.idx"), false, docs},
		{"sentences.bin", "", bin32, idx32, false, lines},
		{"modes.bin", "", bin32, modes, false, lines},
		{"flat.bin", "uint16", readFile(t, tokensDir, "flat.bin"), nil, true, docs},
		{"flat.npy", "", readFile(t, tokensDir, "flat.npy"), nil, true, docs},
		{"bare.npy", "uint32", numbers(4, flat...), nil, true, docs},
		{"int64.bin", "int64", numbers(8, flat...), nil, true, docs},
		{"first.bin", "uint16", numbers(2, append([]uint32{0, 0}, flat[:len(flat)-1]...)...), nil, true, docs},
		{"llm.bin", "", long, nil, true, docs},
		{"one.bin", "uint16", numbers(2, ids[1]...), nil, false, docs[1:2]},
		{"square.npy", "", numPy("<u2", fmt.Sprintf("3, %d", len(ids[0])), numbers(2, square...)), nil, false, []string{docs[0], docs[0], docs[0]}},
		{"empty.npy", "", numPy("<i8", "0,", nil), nil, true, nil},
		{"rows.jsonl", "", readFile(t, tokensDir, "rows.jsonl"), nil, false, docs},
		{"first.mds", "", readFile(t, tokensDir, "mds/shard.00000.mds"), nil, false, docs[:4]},
		{"rest.mds", "", readFile(t, tokensDir, "mds/shard.00001.mds"), nil, false, docs[4:]},
		{"first.mds", "", readFile(t, tokensDir, "mds-typed/shard.00000.mds"), nil, false, docs[:4]},
		{"rows.parquet", "", readFile(t, tokensDir, "rows.parquet"), nil, false, docs},
		{"rows.arrows", "", readFile(t, tokensDir, "rows.arrow"), nil, false, docs},
	} {
		got, err := decodeAll(c.data, c.index, c.name, tokens(t, c.kind, c.divided), 1<<20)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %q, %v; want %q", c.name, got, err, c.want)
		}
		if c.want == nil {
			continue
		}
		if got, err := decodeAll(c.data, c.index, c.name, nil, 1<<20); !errors.Is(err, ErrTokens) {
			t.Errorf("%s without a tokenizer: %q, %v", c.name, got, err)
		}
		if got, err := decodeAll(c.data, c.index, c.name, tokens(t, c.kind, c.divided), 50); !errors.Is(err, ErrTooLong) {
			t.Errorf("%s with rows of 50 bytes: %q, %v", c.name, got, err)
		}
	}
}

// Ids that the tokenizer does not have, and files that are not what they say.
func TestTokensRefused(t *testing.T) {
	_, ids := plainDocs(t)
	bin, idx := megatron(8, 2, [][]uint32{ids[0]})
	with := func(at int, b byte) []byte { idx := bytes.Clone(idx); idx[at] = b; return idx }
	wide := numbers(4, slices.Concat(ids...)...)
	for _, c := range []struct {
		name, kind  string
		data, index []byte
		class       error
		why         string
	}{
		{"x.bin", "uint16", numbers(2, 5, 6, 60000), nil, ErrTokenID, "token 2: the tokenizer has no id 60000"},
		{"x.bin", "uint16", wide, nil, ErrTokenID, "of 32 bits"},
		{"x.bin", "uint32", numbers(2, ids[0][:8]...), nil, ErrTokenID, "has no id"},
		{"x.bin", "", numbers(2, 5, 6), nil, ErrTokens, "--token-type"},
		{"x.bin", "uint32", numbers(1, 5, 6, 7), nil, ErrCorrupt, "within its ids"},
		{"x.bin", "int32", numbers(4, 5, 1<<32-1), nil, ErrTokenID, "4294967295"},
		{"x.bin", "int16", numbers(2, 5, 0xffff), nil, ErrTokenID, "token 1"},
		{"x.bin", "uint64", append(numbers(8, 5), 1, 2, 3, 4, 5, 6, 7, 8), nil, ErrTokenID, "token 1"},
		{"x.bin", "uint16", numbers(4, 20240520, 9, 0), nil, ErrUnsupported, "version 9"},
		{"x.npy", "", numPy("<f4", "2,", numbers(4, 5, 6)), nil, ErrUnsupported, "whole numbers"},
		{"x.npy", "", numPy(">u2", "2,", numbers(2, 5, 6)), nil, ErrUnsupported, "order"},
		{"x.npy", "", numPy("<u2", "3,", numbers(2, 5, 6)), nil, ErrCorrupt, "within its ids"},
		{"x.npy", "", numPy("<u2", "1,", numbers(2, 5, 6)), nil, ErrCorrupt, "more bytes"},
		{"x.npy", "", numPy("<u2", "9223372036854775807, 9", nil), nil, ErrCorrupt, "shape"},
		{"x.npy", "", numPy("<u2", "1, 1, 2", numbers(2, 5, 6)), nil, ErrUnsupported, "shape"},
		{"x.bin", "", bin[:len(bin)-1], idx, ErrCorrupt, "within its ids"},
		{"x.bin", "", append(bytes.Clone(bin), 0, 0), idx, ErrCorrupt, "more bytes"},
		{"x.bin", "", bin, with(0, 'X'), ErrUnsupported, "version 1 of Megatron's"},
		{"x.bin", "", bin, with(9, 2), ErrUnsupported, "version 1 of Megatron's"},
		{"x.bin", "", bin, with(17, 7), ErrUnsupported, "ids of type 7"},
		{"x.bin", "", bin, with(17, 4), ErrCorrupt, "within"},
		{"x.bin", "", bin, idx[:len(idx)-1], ErrCorrupt, "take"},
		{"x.jsonl", "", []byte(`{"input_ids":[5,6,-100]}`), nil, ErrTokenID, "-100 is no id"},
		{"x.jsonl", "", []byte(`{"input_ids":[5,6,70000]}`), nil, ErrTokenID, "token 2"},
		{"x.jsonl", "", []byte(`{"input_ids":[5,1.5]}`), nil, ErrTokenID, "1.5 is no id"},
	} {
		got, err := decodeAll(c.data, c.index, c.name, tokens(t, c.kind, false), 1<<20)
		if !errors.Is(err, c.class) || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s %s of %d bytes: %q, %v; want %v: %s", c.name, c.kind, len(c.data), got, err, c.class, c.why)
		}
	}
	// Lists of lists are texts of their own, a line each.
	got, err := decodeAll([]byte(`{"input_ids":[[36,37],[38]]}`+"\n"+`{"input_ids": [ 36 , 37 ] }`+"\n"+`{"input_ids":[]}`), nil, "x.jsonl", tokens(t, "", false), 100)
	one, err2 := decodeAll(numbers(2, 36, 37), nil, "x.bin", tokens(t, "uint16", false), 100)
	other, err3 := decodeAll(numbers(2, 38), nil, "x.bin", tokens(t, "uint16", false), 100)
	if err := errors.Join(err, err2, err3); err != nil || !reflect.DeepEqual(got, []string{one[0] + "\n" + other[0], one[0], ""}) {
		t.Errorf("%q, %v; want %q and %q", got, err, one, other)
	}
}

// TestNumPyDamage: no prefix of an array is read, and with a bit of its head changed it is
// refused, or read as other ids of the same number of bytes.
func TestNumPyDamage(t *testing.T) {
	_, ids := plainDocs(t)
	data := numPy("<u2", "8,", numbers(2, ids[0][:8]...))
	k := tokens(t, "", true)
	if whole, err := decodeAll(data, nil, "x.npy", k, 1<<20); err != nil || len(whole) != 1 {
		t.Fatal(whole, err)
	}
	for n := range data {
		if got, err := decodeAll(data[:n], nil, "x.npy", k, 1<<20); err == nil {
			t.Errorf("%d of %d bytes are read as %q", n, len(data), got)
		}
	}
	for bit := range 8 * (len(data) - 16) {
		bad := bytes.Clone(data)
		bad[bit/8] ^= 1 << (bit % 8)
		got, err := decodeAll(bad, nil, "x.npy", k, 1<<20)
		known := err == nil
		for _, class := range []error{ErrCorrupt, ErrTooLong, ErrUnsupported, ErrTokens, ErrTokenID} {
			known = known || errors.Is(err, class)
		}
		if !known || len(got) > 16 {
			t.Errorf("bit %d: %q, %v", bit, got, err)
		}
	}
}

// TestMegatronDamage: no prefix of a .bin or its index is read, and with a bit of the
// index changed both are refused, or read as other divisions of the same ids.
func TestMegatronDamage(t *testing.T) {
	_, ids := plainDocs(t)
	bin, idx := megatron(8, 2, [][]uint32{ids[0], ids[1][:4]}, [][]uint32{ids[2][:5]}, [][]uint32{})
	k := tokens(t, "", false)
	whole, err := decodeAll(bin, idx, "x.bin", k, 1<<20)
	if err != nil || len(whole) != 2 {
		t.Fatal(whole, err)
	}
	for n := range bin {
		if got, err := decodeAll(bin[:n], idx, "x.bin", k, 1<<20); err == nil {
			t.Errorf("%d of %d bytes are read as %q", n, len(bin), got)
		}
	}
	for n := 1; n < len(idx); n++ {
		if got, err := decodeAll(bin, idx[:n], "x.bin", k, 1<<20); err == nil {
			t.Errorf("%d of %d bytes of the index are read as %q", n, len(idx), got)
		}
	}
	words := func(docs []string) string { return strings.ReplaceAll(strings.Join(docs, ""), "\n", "") }
	for bit := range 8 * len(idx) {
		bad := bytes.Clone(idx)
		bad[bit/8] ^= 1 << (bit % 8)
		got, err := decodeAll(bin, bad, "x.bin", k, 1<<20)
		if err == nil && words(got) != words(whole) {
			t.Errorf("bit %d of the index: %q", bit, got)
		}
		if err != nil && !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrUnsupported) && !errors.Is(err, ErrTokenID) {
			t.Errorf("bit %d: %v is of no class", bit, err)
		}
	}
}

// FuzzTokens: files of ids end with an error of a class or none, whatever they hold.
func FuzzTokens(f *testing.F) {
	bin, idx := megatron(8, 2, [][]uint32{{5, 6}, {7}}, [][]uint32{{8}})
	f.Add(bin, idx, byte(0))
	f.Add(numPy("<u2", "2, 2", numbers(2, 5, 6, 7, 8)), []byte{}, byte(1))
	f.Add(numbers(2, 5, 0, 6), []byte{}, byte(2))
	f.Add([]byte(`{"input_ids":[1, 2,[3],4.5]}`), []byte{}, byte(3))
	f.Add(readFile(f, tokensDir, "rows.parquet"), []byte{}, byte(4))
	f.Add(readFile(f, tokensDir, "rows.arrow"), []byte{}, byte(5))
	kinds := [...]*Tokens{tokens(f, "uint16", true), tokens(f, "", false), tokens(f, "uint32", false)}
	f.Fuzz(func(t *testing.T, data, index []byte, kind byte) {
		if len(index) == 0 {
			index = nil
		}
		name := "x" + [...]string{".bin", ".npy", ".bin", ".jsonl", ".parquet", ".arrows"}[kind%6]
		docs, err := decodeAll(data, index, name, kinds[kind%3], 1<<16)
		for _, class := range []error{nil, ErrCorrupt, ErrTooLong, ErrUnsupported, ErrTokens, ErrTokenID, ErrJSON, ErrRagged} {
			if errors.Is(err, class) {
				return
			}
		}
		t.Fatalf("%d documents, %v is of no class", len(docs), err)
	})
}
