//go:build !amd64

package ngram

const listsFast = false

func listEdges(_ []uint32, n int, _ []byte, pos int, in uint64) (int, int, uint64) { return pos, n, in }

func hashWords([]uint64, []uint32, []byte) {}
