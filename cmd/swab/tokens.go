package main

import (
	"fmt"
	"math"

	"swab/pipeline"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// tokenFlags are the flags that say how token ids are read as text.
type tokenFlags struct {
	file, field, kind string
	end               int64
}

// add adds the flags. A verb that reads what an index has read takes the file alone.
func (t *tokenFlags) add(c *cobra.Command, all bool) {
	addFlags(c, "Token ids", func(f *pflag.FlagSet) {
		f.StringVar(&t.file, "tokenizer", "",
			"`FILE` tokenizer.json that decodes a corpus of token ids (see swab help tokens)")
		t.end = -1
		if !all {
			return
		}
		f.StringVar(&t.field, "tokens", "", "`FIELD` field of the ids in a row (default: input_ids, tokens or token_ids)")
		f.StringVar(&t.kind, "token-type", "",
			"`TYPE` type of the ids in files that do not declare it: uint16, uint32, int32 or int64")
		f.Int64Var(&t.end, "end-of-document", -1,
			"`ID` id between documents in files that are one row of ids (default: none)")
	})
	if all {
		completeFrom(c, "token-type", "uint16", "uint32", "int32", "int64")
	}
}

// set reads the tokenizer for a run.
func (t *tokenFlags) set(c *cobra.Command, r *pipeline.Reading) (err error) {
	if t.file == "" {
		for _, name := range []string{"tokens", "token-type", "end-of-document"} {
			if f := c.Flags().Lookup(name); f != nil && f.Changed {
				return misused(c, "--%s needs --tokenizer, which decodes the ids", name)
			}
		}
		return nil
	}
	var end *uint32
	if t.end >= 0 {
		if t.end > math.MaxUint32 {
			return misused(c, "--end-of-document %d is no id", t.end)
		}
		id := uint32(t.end)
		end = &id
	}
	if r.Tokens, err = pipeline.ReadTokenizer(c.Context(), t.file, t.field, t.kind, end); err != nil {
		return fmt.Errorf("--tokenizer: %w", err)
	}
	return nil
}
