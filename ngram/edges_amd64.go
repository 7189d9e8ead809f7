package ngram

import "golang.org/x/sys/cpu"

// listsFast says that listEdges and hashWords can be used.
var listsFast = cpu.X86.HasAVX2 && cpu.X86.HasBMI1 && cpu.X86.HasBMI2 && cpu.X86.HasPOPCNT

// listEdges lists from edge n on where words of text begin and end, as fill does, in whole
// steps of 64 bytes from pos on: until less than 80 bytes are left, 2*blockWords edges are
// listed, or a step has a byte that is not ASCII. It returns what fill goes on with.
func listEdges(edges []uint32, n int, text []byte, pos int, in uint64) (int, int, uint64) {
	_ = edges[2*blockWords+72-1] // so far it may write
	return listEdgesAVX2(&edges[0], n, &text[0], pos, len(text)-80, in)
}

// listEdgesAVX2 is listEdges up to a step that begins behind byte last. It is in assembly since
// the compiler has neither instructions for 32 bytes nor, for every machine, one that finds the
// lowest bit at once: words are listed three times as fast. A fuzz target holds it equal to fill.
//
//go:noescape
func listEdgesAVX2(edges *uint32, n int, text *byte, pos, last int, in uint64) (int, int, uint64)

// hashWords hashes the words between the edges as hashASCII does.
func hashWords(hash []uint64, edges []uint32, text []byte) {
	if len(hash) == 0 {
		return
	}
	start, end := edges[2*len(hash)-2], edges[2*len(hash)-1] // of the last word
	_ = text[max(start+16, end+8)-1]                         // so far it may read
	hashWordsBMI2(&hash[0], &edges[0], len(hash), &text[0])
}

// hashWordsBMI2 hashes n words of text. In assembly the two steps of words of up to sixteen bytes
// need no branch, no table of masks and no checks of bounds.
//
//go:noescape
func hashWordsBMI2(hash *uint64, edges *uint32, n int, text *byte)
