package main

import (
	"context"
	"errors"
	"text/tabwriter"

	"swab/pipeline/eval"
)

// fitReworded fits the weights of the method "reworded" to the data folder.
func (j *job) fitReworded(ctx context.Context) error {
	if j.src.Dir == "" {
		return errors.New("fit-reworded needs real items, texts and rewordings: SWAB_DATA names their folder")
	}
	t := tabwriter.NewWriter(j.stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	return errors.Join(eval.FitReworded(ctx, j.seed, j.src, t), t.Flush())
}
