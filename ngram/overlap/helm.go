package overlap

import (
	"fmt"
	"math"

	"swab/ngram/item"
)

// helmSides are HELM's two sides of an item, by name.
var helmSides = map[string]item.Parts{
	"input":     item.PartsOf(item.Context, item.Question),
	"reference": item.PartsOf(item.Choices, item.Answer),
}

// helmDefinition returns HELM's data overlap for n-grams of n words.
func helmDefinition(n int) definition {
	return definition{
		Method: Method{
			Name: fmt.Sprintf("helm%d", n), Group: "helm",
			Brief:   fmt.Sprintf("any %d-gram of words by HELM, and its metrics", n),
			Version: 1, Norm: "helm", Unit: "word", Parts: item.AllParts,
			Source: "Liang et al. 2023, with the code of stanford-crfm/data-overlap",
			Choices: "The input is context and question, the reference choices and answer. The code flags each side on " +
				"its own; here the input flags the item, and side=reference or side=either choose otherwise. " +
				"Each part is a text of its own; the code joins references with spaces to score them and searches for them " +
				"one by one. HELM reports n = 5, 9 and 13: helm5, helm9, helm13; --method helm runs all three. " +
				"Counts are exact up to 65,535. Lower case is Unicode's simple one.",
			Params: []Param{
				{Name: "side", Text: "which side flags an item",
					Value: "input", Values: []string{"input", "reference", "either"}},
				{Name: "metric", Text: "the score", Value: "binary", Values: []string{"binary", "jaccard", "token"}},
				{Name: "filter", Text: "n-grams with more occurrences in the corpus do not count for the score; 0: no limit",
					Value: 0, Low: 0, High: MaxCount - 1},
				{Name: "weighted", Text: "whether jaccard and token weight n-grams by one over their occurrences",
					Value: "no", Values: yesNo}},
		},
		make: func(m *Method) {
			m.N, m.counts = fixedN(n), occurrences
			side, metric := m.value("side").(string), m.value("metric").(string)
			filter, weighted := m.intValue("filter"), m.hasValue("weighted", "yes")
			m.ByCount = filter > 0
			m.flags = helmSides[side]
			flagging := side
			if side == "either" {
				flagging = "input or the reference, whichever is more"
			}
			m.Text = fmt.Sprintf("Flagged when any %d-gram of the %s occurs in any document. "+
				"Score: the metric %s. ", n, flagging, metric) +
				"Binary is 1 for any, jaccard the share of n-grams, token the share of words that they cover. " +
				"Words are what white space and ASCII punctuation separate, in lower case; " +
				"a text that begins or ends with a separator has an empty word there. " +
				"Details have every metric of input and reference, also without n-grams that occur more than 10 times in " +
				"the corpus, and weighted by one over their occurrences."
			if filter > 0 {
				m.Text += fmt.Sprintf(" N-grams that occur more than %d times do not count for the score.", filter)
			}
			m.judge = func(c *judgement) {
				c.Details = map[string]any{}
				for name, parts := range helmSides {
					c.helmDetails(name, parts)
					if side == name || side == "either" {
						c.Score = max(c.Score, c.helmMetrics(parts, filter).score(metric, weighted))
					}
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

func (f helmFigures) score(metric string, weighted bool) float64 {
	switch {
	case metric == "jaccard" && weighted:
		return f.jaccardWeighted
	case metric == "jaccard":
		return f.jaccard
	case metric == "token" && weighted:
		return f.tokenWeighted
	case metric == "token":
		return f.token
	}
	return f.binary
}

// helmDetails adds the metrics of a side to the details: of all n-grams, and of those
// with at most 10 occurrences.
func (c *judgement) helmDetails(name string, parts item.Parts) {
	for limit, suffix := range map[int]string{0: "", 10: "_10"} {
		f := c.helmMetrics(parts, limit)
		if f.binary == 0 {
			continue
		}
		c.Details[name+"_binary"+suffix] = f.binary
		c.Details[name+"_jaccard"+suffix] = f.jaccard
		c.Details[name+"_token"+suffix] = f.token
		c.Details[name+"_jaccard_weighted"+suffix] = f.jaccardWeighted
		c.Details[name+"_token_weighted"+suffix] = f.tokenWeighted
	}
}

// helmMetrics returns the metrics of some parts, without n-grams that occur more than
// limit times unless limit is 0. The words of a stretch of n-grams without a gap are
// weighted by one over the least of their counts.
func (c *judgement) helmMetrics(parts item.Parts, limit int) (f helmFigures) {
	grams, words := 0, c.layout.Total(parts&c.Rule.Method.Parts)
	c.eachPart(func(p item.Part, from, size, n int) {
		if !parts.Has(p) {
			return
		}
		grams += size - n + 1
		start, end, least := 0, 0, math.MaxInt // words of the current stretch, and its least count
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
			if limit > 0 && count > limit {
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
