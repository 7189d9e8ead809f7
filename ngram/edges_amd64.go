package ngram

import "golang.org/x/sys/cpu"

// listsFast says that listEdges can be used.
var listsFast = cpu.X86.HasAVX2 && cpu.X86.HasBMI1 && cpu.X86.HasPOPCNT

// listEdges lists from edge n on where words of text begin and end, as fill does, in whole
// steps of 64 bytes from pos on: until less than 72 bytes are left, 2*blockWords edges are
// listed, or a step has a byte that is not ASCII. It returns what fill goes on with.
func listEdges(edges []uint32, n int, text []byte, pos int, in uint64) (int, int, uint64) {
	_ = edges[2*blockWords+72-1] // so far it may write
	return listEdgesAVX2(&edges[0], n, &text[0], pos, len(text)-72, in)
}

// listEdgesAVX2 is listEdges up to a step that begins behind byte last. It is in assembly since
// the compiler has neither instructions for 32 bytes nor, for every machine, one that finds the
// lowest bit at once: words are listed three times as fast. A fuzz target holds it equal to fill.
//
//go:noescape
func listEdgesAVX2(edges *uint32, n int, text *byte, pos, last int, in uint64) (int, int, uint64)
