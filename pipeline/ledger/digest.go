package ledger

import (
	"encoding/hex"
	"encoding/json"

	"github.com/zeebo/xxh3"
)

// Digest returns the 128-bit xxh3 of plain data in JSON, 32 hex digits.
func Digest(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // plain data
	}
	sum := xxh3.Hash128(b).Bytes()
	return hex.EncodeToString(sum[:])
}
