package overlap

import (
	"fmt"
	"math"

	"swab/ngram/item"
)

// helm is HELM's data overlap for n-grams of n words.
func helmDefinition(n int) definition {
	metrics := []string{"binary", "jaccard", "token"}
	return definition{
		Method: Method{
			Name: fmt.Sprintf("helm%d", n), Group: "helm", Brief: fmt.Sprintf("any %d-gram of words by HELM, and its metrics", n), Version: 1, Norm: "helm", Unit: "word", Parts: item.AllParts,
			Source: "Liang et al. 2023, with the code of stanford-crfm/data-overlap",
			Choices: "Input is context and question, reference choices and answer; the code flags both apart, and here input flags: side=reference and side=either flag otherwise. " +
				"Each part is a text of its own; the code joins references with spaces to score them and looks for them one by one. " +
				"HELM reports n = 5, 9 and 13: helm5, helm9, helm13; --method helm takes all three. Counts are exact up to 65,535. Lower case is Unicode's simple one.",
			Params: []Param{
				{Name: "side", Text: "what flags an item", Value: "input", Values: []string{"input", "reference", "either"}},
				{Name: "metric", Text: "the score", Value: "binary", Values: metrics},
				{Name: "filter", Text: "n-grams that stand in more places of the corpus do not count for the score; 0: all do", Value: 0, Low: 0, High: MaxCount - 1},
				{Name: "weighted", Text: "n-grams weigh one by the number of places in which they stand, for jaccard and token", Value: "no", Values: yesNo}},
		},
		make: func(m *Method) {
			m.N, m.counts = fixedN(n), occurrences
			side, metric, filter, weighted := m.value("side").(string), m.value("metric").(string), m.intValue("filter"), m.hasValue("weighted", "yes")
			m.flags = map[string]item.Parts{"input": item.PartsOf(item.Context, item.Question), "reference": item.PartsOf(item.Choices, item.Answer)}[side]
			of := side
			if side == "either" {
				of = "input or the reference, whichever is more"
			}
			m.Text = fmt.Sprintf("Flagged when any %d-gram of the %s stands in any document. Score: the metric %s. ", n, of, metric) +
				"Binary is 1 for any, jaccard the share of n-grams, token the share of words that they cover. " +
				"Words are what white space and ASCII punctuation separate, in lower case; a text that begins or ends with a separator has an empty word there. " +
				"Details give every metric of input and reference, also without n-grams that stand more than 10 times in the corpus, and weighted by one over the times they do."
			if filter > 0 {
				m.Text += fmt.Sprintf(" N-grams that stand more than %d times do not count for the score.", filter)
			}
			m.judge = func(c *judgement) {
				c.Details = map[string]any{}
				for name, parts := range map[string]item.Parts{"input": item.PartsOf(item.Context, item.Question), "reference": item.PartsOf(item.Choices, item.Answer)} {
					for _, most := range []int{0, 10} {
						suffix := map[int]string{0: "", 10: "_10"}[most]
						f := c.helmMetrics(parts, most)
						if f.binary == 0 {
							continue
						}
						c.Details[name+"_binary"+suffix] = f.binary
						c.Details[name+"_jaccard"+suffix] = f.jaccard
						c.Details[name+"_token"+suffix] = f.token
						c.Details[name+"_jaccard_weighted"+suffix] = f.jaccardWeighted
						c.Details[name+"_token_weighted"+suffix] = f.tokenWeighted
					}
					if side != name && side != "either" {
						continue
					}
					f := c.helmMetrics(parts, filter)
					score := map[string]float64{"binary": f.binary, "jaccard": f.jaccard, "token": f.token}[metric]
					if weighted && metric != "binary" {
						score = map[string]float64{"jaccard": f.jaccardWeighted, "token": f.tokenWeighted}[metric]
					}
					c.Score = max(c.Score, score)
				}
				if len(c.Details) == 0 {
					c.Details = nil
				}
				c.dropByCount(0, filter)
				c.Matched = c.countWords(c.seen)
				c.flagIf(c.Score > 0)
			}
		},
	}
}

// helmFigures are HELM's metrics of one side of an item.
type helmFigures struct{ binary, jaccard, jaccardWeighted, token, tokenWeighted float64 }

// helm gives the metrics of some parts, without n-grams that stand more than most
// times, if most is not 0. The words of a stretch of n-grams without a gap weigh one
// over the least of their counts.
func (c *judgement) helmMetrics(parts item.Parts, most int) (f helmFigures) {
	grams, words := 0, c.layout.Total(parts&c.Rule.Method.Parts)
	c.eachPart(func(p item.Part, from, size, n int) {
		if !parts.Has(p) {
			return
		}
		grams += size - n + 1
		start, end, least := 0, 0, math.MaxInt // of the stretch at hand: its words, and the least count
		flush := func() {
			if end > 0 {
				f.token += float64(end - start)
				f.tokenWeighted += float64(end-start) / float64(least)
			}
		}
		for i := range size - n + 1 {
			at := from + i
			if c.seen[at/64]>>(at%64)&1 == 0 {
				continue
			}
			count := 1
			if c.tally.Counts != nil {
				count = int(c.tally.Counts[at])
			}
			if most > 0 && count > most {
				continue
			}
			f.binary = 1
			f.jaccard++
			f.jaccardWeighted += 1 / float64(count)
			if i > end {
				flush()
				start, least = i, math.MaxInt
			}
			end, least = i+n, min(least, count)
		}
		flush()
	})
	if grams > 0 {
		f.jaccard /= float64(grams)
		f.jaccardWeighted /= float64(grams)
		f.token /= float64(words)
		f.tokenWeighted /= float64(words)
	}
	return f
}
