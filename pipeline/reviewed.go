package pipeline

import (
	"context"
	"os"
	"path/filepath"

	"swab/pipeline/findings"
	"swab/pipeline/page"
	"swab/pipeline/report"
	"swab/pipeline/review"
)

// loadMarks reads the marks that clean variants are to follow.
func (p *publication) loadMarks() (err error) {
	if !p.Reviewed {
		return nil
	}
	if p.marks, err = review.Load(p.root); err == nil && len(p.marks) == 0 {
		p.sum.Notices = append(p.sum.Notices, "nothing is reviewed, so the clean variants follow the methods; swab review makes marks")
	}
	return err
}

// follow puts what a reader says of an item and its evidence in the place of what the
// methods say, for the clean variants. The verdicts stay.
func (p *publication) follow(ordinal int, digest string, rows []report.Evidence) {
	if len(p.marks) == 0 {
		return
	}
	e := p.marks[review.Key{Item: digest, Evidence: findings.EvidenceDigest(rows)}]
	if e.Mark == "" {
		return
	}
	p.sum.Audit.Reviewed++
	for k := range p.flagged {
		bit := uint64(1) << (ordinal % 64)
		p.flagged[k][ordinal/64] &^= bit
		if e.Mark == review.Confirmed {
			p.flagged[k][ordinal/64] |= bit
		}
	}
}

// page writes report.html.
func (p *publication) page(ctx context.Context) error {
	if p.NoReport {
		return nil
	}
	var o page.Options
	for _, m := range p.Methods {
		o.Definitions = append(o.Definitions, page.Definition{Name: m.Name, Version: m.Version, Text: m.Text, Source: m.Source})
	}
	f, err := os.Create(filepath.Join(p.root, page.File))
	if err != nil {
		return err
	}
	defer f.Close()
	if err := page.Write(ctx, p.root, f, o); err != nil {
		return err
	}
	return f.Close()
}
