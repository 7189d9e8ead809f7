package overlap

import (
	"fmt"

	"swab/ngram/item"
)

// A definition is a method with default parameters; make derives the rest from them.
type definition struct {
	Method
	make func(m *Method)
}

// DefaultLongest is the default threshold of longest8: the upper end of the range that
// its paper found to be best over thirteen benchmarks.
const DefaultLongest = 0.4

// wholePart as n makes a part match only as a whole.
const wholePart = 1<<31 - 1

// prompt is the input without its choices.
const prompt = item.Parts(1<<item.Context | 1<<item.Question)

var (
	yesNo    = []string{"yes", "no"}
	counting = []string{"places", "distinct"}
)

func gramParam(n int) Param {
	return Param{Name: "n", Text: "words in an n-gram", Value: n, Low: 1, High: 64}
}

func shareParam(name string, value float64, text string) Param {
	return Param{Name: name, Text: text, Value: value, Low: 0, High: 1}
}

// shortParam lets methods over n-grams match short parts as a whole.
func shortParam(n int) Param {
	return Param{
		Name: "short", Value: n, Low: 0, High: 64,
		Text: "least words of a part of fewer than n that may match as a whole; 0: such parts are ignored",
	}
}

func countParam() Param {
	return Param{Name: "count", Value: "places", Values: counting,
		Text: "whether every place of an n-gram counts, or distinct n-grams"}
}

const (
	unitChoice   = "The paper counts tokens of its model; here words are counted."
	placesChoice = "An n-gram that occurs several times in a part counts each time; count=distinct counts it once."
	contamChoice = "The paper chooses a threshold for each model and benchmark, from 0.05 to 0.4; " +
		"threshold sets another. It does not say whether an item at the threshold is flagged; here it is. " +
		"Nor does it say whether choices and answers belong to an item. " + unitChoice
)

// definitions returns all methods in the order in which they are listed.
func definitions() []definition {
	return []definition{
		swabDefinition(),
		gpt2(), gpt3(), gpt4(), gpt4All(), palm(), llama2(), llama3(),
		coverage8(), longest8(), ngramMatch(), tokenMatch(), tokenExtend(),
		tulu3(), deepseek(), qwen2(), lmeval(), starcoder(),
		helmDefinition(5), helmDefinition(9), helmDefinition(13),
		rewordedDefinition(),
	}
}

// overWords makes m a method over words in this program's normalisation.
func overWords(m Method) Method {
	m.Norm, m.Unit, m.Version = "words", "word", 1
	return m
}

func gpt2() definition {
	return definition{
		Method: overWords(Method{
			Name: "gpt2", Brief: "share of the 8-grams that occur in the corpus", Parts: item.AllParts,
			Source:    "Radford et al. 2019, section 4",
			Statistic: "n-grams of the benchmark that occur in the corpus",
			Choices: "The paper reports one share for a benchmark (the statistic in methods.csv) and flags no items; " +
				"here an item is flagged when its share is above the threshold, 0 as in the paper's review of LAMBADA. " +
				placesChoice +
				" \"Alphanumeric words\" are the words of this program. Parts shorter than n have no n-gram.",
			Params: []Param{gramParam(8), shareParam("threshold", 0, "share above which an item is flagged"), countParam()},
		}),
		make: func(m *Method) {
			m.Threshold = m.floatValue("threshold")
			m.Joins = m.Threshold > 0
			m.Text = fmt.Sprintf("Flagged when more than %g of the %d-grams of words of all parts occur in any document. "+
				"Score: that share.", m.Threshold, m.intValue("n"))
			distinct := m.hasValue("count", "distinct")
			m.judge = func(c *judgement) {
				c.Verdict.Grams = [2]int{}
				c.eachPart(func(p item.Part, from, words, unit int) {
					found, all := c.countFound(distinct, p, from, words, unit)
					c.Verdict.Grams[0] += found
					c.Verdict.Grams[1] += all
				})
				c.Score = ratio(c.Verdict.Grams[0], c.Verdict.Grams[1])
				c.Matched = c.countWords(c.seen)
				c.flagIf(c.Score > m.Threshold)
			}
		},
	}
}

func gpt3() definition {
	return definition{
		Method: overWords(Method{
			Name: "gpt3", Brief: "any n-gram of 8 to 13 words", Parts: item.AllParts,
			Source: "Brown et al. 2020, appendix C",
			Choices: "The 5th percentile is by nearest rank; percentile=linear interpolates. " +
				"Items without an n-gram are not checkable: the paper says they were ignored. " +
				"The paper's training filter, not its benchmark analysis, drops n-grams that occur in more than 10 documents; " +
				"max-documents=10 does. Which parts make an example is not said; here all do.",
			Params: []Param{
				{Name: "n", Text: "words in an n-gram; 0: the percentile", Value: 0, Low: 0, High: 64},
				{Name: "min", Text: "the least n", Value: 8, Low: 1, High: 64},
				{Name: "max", Text: "the largest n", Value: 13, Low: 1, High: 64},
				{Name: "percentile", Text: "how the 5th percentile of lengths is taken",
					Value: "nearest", Values: []string{"nearest", "linear"}},
				{Name: "max-documents", Text: "n-grams in more documents than this do not count; 0: no limit",
					Value: 0, Low: 0, High: MaxCount - 1},
				shortParam(0)},
		}),
		make: func(m *Method) {
			low, high := m.intValue("min"), max(m.intValue("min"), m.intValue("max"))
			m.Text = "Flagged when any n-gram of words of any part occurs in any document. "
			m.Level.Short = m.intValue("short")
			percentile, how := Percentile, "nearest rank"
			if m.hasValue("percentile", "linear") {
				percentile, how = LinearPercentile, "linear"
			}
			if n := m.intValue("n"); n > 0 {
				m.N = fixedN(n)
				m.Text += fmt.Sprintf("n is %d. Score: 1 or 0.", n)
			} else {
				m.N = func(lengths []int) int { return min(max(percentile(lengths, 5), low), high) }
				m.Text += fmt.Sprintf("n is the 5th percentile (%s) of the benchmark's item lengths in words, "+
					"at least %d, at most %d. Score: 1 or 0.", how, low, high)
			}
			limit := m.intValue("max-documents")
			if limit > 0 {
				m.counts, m.ByCount = documents, true
				m.Text += fmt.Sprintf(" N-grams in more than %d documents do not count.", limit)
			}
			m.judge = func(c *judgement) {
				c.dropByCount(0, limit)
				c.flagAny()
			}
		},
	}
}

func gpt4() definition {
	return definition{
		Method: Method{
			Name: "gpt4", Brief: "any of 3 random windows of 50 characters", Version: 1,
			Norm: "chars", Unit: "char", Parts: prompt, Joined: true,
			Source: "OpenAI 2023, appendices C and D",
			Choices: "Windows are drawn with replacement, uniformly, from --seed and the item's identity; " +
				"equal seeds draw the same windows on every machine. " +
				"Case is kept, since the report does not mention folding it. " +
				"Characters are Unicode letters, marks and numbers. " +
				"Choices are left out, as \"in some cases\"; --parts gpt4=context,question,choices includes them. " +
				"A half-copied item is often missed: gpt4-all checks every window.",
			Params: []Param{
				{Name: "n", Text: "characters in a window", Value: 50, Low: 8, High: 10000},
				{Name: "windows", Text: "windows drawn from an item", Value: 3, Low: 1, High: 1000}},
		},
		make: func(m *Method) {
			n := m.intValue("n")
			m.Level.Short, m.Windows, m.windows = 1, m.intValue("windows"), true
			m.Text = fmt.Sprintf("Flagged when any of %d random windows of %d characters of the item, "+
				"or all of a shorter item, occurs in any document; only letters and digits are compared, "+
				"and the parts are one text. Score: the share of windows that occur.", m.Windows, n)
			m.judge = func(c *judgement) {
				hits := 0
				for _, w := range c.windows {
					hits += int(c.seen[w/64] >> (w % 64) & 1)
				}
				c.Score, c.Matched = ratio(hits, len(c.windows)), c.countWords(c.seen)
				c.flagIf(hits > 0)
			}
		},
	}
}

func gpt4All() definition {
	return definition{
		Method: Method{
			Name: "gpt4-all", Brief: "any window of 50 characters", Version: 1,
			Norm: "chars", Unit: "char", Parts: prompt, Joined: true,
			Source:  "OpenAI 2023, appendices C and D, without the sampling",
			Choices: "As gpt4.",
			Params:  []Param{{Name: "n", Text: "characters in a window", Value: 50, Low: 8, High: 10000}},
		},
		make: func(m *Method) {
			m.Level.Short = 1
			m.Text = fmt.Sprintf("Flagged when any window of %d characters of the item, or all of a shorter item, "+
				"occurs in any document; only letters and digits are compared, and the parts are one text. "+
				"Score: the share of all windows that occur.", m.intValue("n"))
			m.judge = func(c *judgement) {
				c.eachPart(func(p item.Part, from, words, unit int) {
					found, all := c.countFound(false, p, from, words, unit)
					c.Score += ratio(found, all)
				})
				c.Matched = c.countWords(c.seen)
				c.flagIf(c.Score > 0)
			}
		},
	}
}

func palm() definition {
	return definition{
		Method: overWords(Method{
			Name: "palm", Brief: "at least 70 % of the 8-grams", Parts: item.PartsOf(item.Context, item.Question, item.Answer),
			Source: "Chowdhery et al. 2022, section 8",
			Choices: "\"The question, prompt, or target\" is read as the n-grams of all three together; " +
				"fields=any flags when any one of them reaches the threshold by itself. " + placesChoice +
				" Parts shorter than n have no n-gram. " + unitChoice,
			Params: []Param{gramParam(8), shareParam("threshold", 0.7, "share from which an item is flagged"),
				{Name: "fields", Text: "what the share is of: all parts together, or any one",
					Value: "union", Values: []string{"union", "any"}},
				countParam()},
		}),
		make: func(m *Method) {
			m.Joins = true
			m.Threshold = m.floatValue("threshold")
			anyField, distinct := m.hasValue("fields", "any"), m.hasValue("count", "distinct")
			parts := "context, question and answer together"
			if anyField {
				parts = "any one of context, question and answer"
			}
			m.Text = fmt.Sprintf("Flagged when at least %g of the %d-grams of words of %s occur in any document. "+
				"Score: that share.", m.Threshold, m.intValue("n"), parts)
			m.judge = func(c *judgement) {
				sum, grams, best := 0, 0, 0.0
				c.eachPart(func(p item.Part, from, words, unit int) {
					found, all := c.countFound(distinct, p, from, words, unit)
					sum, grams, best = sum+found, grams+all, max(best, ratio(found, all))
				})
				if c.Score = ratio(sum, grams); anyField {
					c.Score = best
				}
				c.Matched = c.countWords(c.seen)
				c.flagIf(c.Score > 0 && c.Score >= m.Threshold)
			}
		},
	}
}

func llama2() definition {
	return definition{
		Method: overWords(Method{
			Name: "llama2", Brief: "words in runs of 10 and more, over 4 that differ; four subsets", Parts: item.AllParts,
			Source: "Touvron et al. 2023, appendix A.6",
			Choices: "The paper has both a run \"longer than 10 tokens\" and \"10(+)\": here 10 words are enough; " +
				"length=11 asks for more, and the paper reports the largest of 10 to 50 at which a benchmark seems to gain. " +
				"Words that differ inside a run count as contaminated; gaps=no leaves them out. " +
				"Runs are extended to the right only, for their first 10 words must be equal. " +
				"Clean is below 0.2, dirty from 0.8 on; the text has above once. " +
				"The sample as verbalised for the model is taken to be all parts. " + unitChoice,
			Params: []Param{
				{Name: "n", Text: "words at the beginning of a run that must be equal", Value: 10, Low: 1, High: 64},
				{Name: "skip", Text: "words of a run that may differ", Value: 4, Low: 0, High: 64},
				{Name: "length", Text: "least words in a run", Value: 10, Low: 1, High: 1000},
				{Name: "gaps", Text: "whether words that differ inside a run are contaminated", Value: "yes", Values: yesNo},
				shareParam("threshold", 0.2, "share from which an item is not clean, and flagged"),
				shareParam("dirty", 0.8, "share from which it is dirty")},
		}),
		make: func(m *Method) {
			m.Joins = true
			m.Threshold = m.floatValue("threshold")
			dirty := m.floatValue("dirty")
			m.Level = Level{Extend: true, Skip: m.intValue("skip"), Least: m.intValue("length"), Gaps: m.hasValue("gaps", "yes")}
			m.Text = fmt.Sprintf("Flagged when at least %g of the words of all parts are in runs shared with documents: "+
				"%d equal words, extended to the right over at most %d that differ to the last equal one, "+
				"of at least %d words. Score: that share. "+
				"The detail subset names the two of the paper's four subsets that hold the item: "+
				"clean below %g or not clean, dirty from %g on or not dirty.",
				m.Threshold, m.intValue("n"), m.intValue("skip"), m.intValue("length"), m.Threshold, dirty)
			m.judge = func(c *judgement) {
				c.Matched = c.countWords(c.seen)
				c.Score = ratio(c.Matched, c.Words)
				c.flagIf(c.Score > 0 && c.Score >= m.Threshold)
				subset := "clean, not dirty"
				switch {
				case c.State == item.Flagged && c.Score >= dirty:
					subset = "not clean, dirty"
				case c.State == item.Flagged:
					subset = "not clean, not dirty"
				}
				c.Details = map[string]any{"subset": subset}
			}
		},
	}
}

func llama3() definition {
	return definition{
		Method: overWords(Method{
			Name: "llama3", Brief: "share of words in 8-grams of the corpus", Parts: item.AllParts,
			Source: "Grattafiori et al. 2024, section 5.1.4",
			Choices: "The paper chooses the threshold for each benchmark, where the estimated gain of its models is largest; " +
				"without scores that cannot be done, and 0.5 is ours: threshold sets another. " +
				"Which text of an item is meant is not said; here all parts are. " + unitChoice,
			Params: []Param{gramParam(8), shareParam("threshold", 0.5, "share from which an item is flagged")},
		}),
		make: func(m *Method) {
			m.Joins = true
			m.Threshold = m.floatValue("threshold")
			m.Text = fmt.Sprintf("Flagged when at least %g of the words of all parts are in %d-grams that occur in any "+
				"document. Score: that share.", m.Threshold, m.intValue("n"))
			m.judge = judgeCovered(m, 0)
		},
	}
}

func coverage8() definition {
	return definition{
		Method: overWords(Method{
			Name: "coverage8", Brief: "more than half of the words in 8-grams of a single document", Parts: prompt,
			Source: "Tülu 3 (Lambert et al. 2024), with the words of this program in place of its tokeniser",
			Params: []Param{shareParam("threshold", 0.5, "share above which an item is flagged")},
		}),
		make: func(m *Method) {
			m.Threshold, m.N, m.byCovered = m.floatValue("threshold"), fixedN(8), true
			share := fmt.Sprintf("%g", m.Threshold)
			if m.Threshold == 0.5 {
				share = "half"
			}
			m.Text = "Flagged when a single document covers more than " + share +
				" of the words of question and context by 8-grams. " +
				"Score: that share, of the document in which it is largest."
			m.judge = func(c *judgement) {
				c.Score, c.Matched = ratio(c.tally.Covered, c.Words), c.tally.Covered
				c.flagIf(c.Score > m.Threshold)
			}
		},
	}
}

func longest8() definition {
	return definition{
		Method: overWords(Method{
			Name: "longest8", Brief: "the longest run of 8 words or more, as a share of the item", Parts: prompt,
			Source: "ConTAM's LONGEST-MATCH (Singh et al. 2024), n 8, skip budget 0",
			Choices: "The paper chooses a threshold for each model and benchmark, from 0.05 to 0.4; " +
				"threshold sets another. Whether choices and answers belong to an item is not said.",
			Params: []Param{shareParam("threshold", DefaultLongest, "share from which an item is flagged")},
		}),
		make: func(m *Method) {
			m.Threshold, m.N = m.floatValue("threshold"), fixedN(8)
			m.Text = fmt.Sprintf("Flagged when the longest run of at least 8 words that question or context shares with "+
				"a document is at least %g of the words of both. Score: that share.", m.Threshold)
			m.judge = func(c *judgement) {
				c.Score, c.Matched = ratio(c.tally.Longest, c.Words), c.tally.Longest
				c.flagIf(c.Score > 0 && c.Score >= m.Threshold)
			}
		},
	}
}

func ngramMatch() definition {
	return definition{
		Method: overWords(Method{
			Name: "ngram-match", Brief: "share of 8-grams (ConTAM)", Parts: prompt,
			Source:  "ConTAM's NGRAM-MATCH (Singh et al. 2024), after PaLM",
			Choices: contamChoice,
			Params:  contamParams(),
		}),
		make: func(m *Method) {
			m.Joins = true
			m.Threshold = m.floatValue("threshold")
			least := contamCounts(m)
			m.Text = fmt.Sprintf("Flagged when at least %g of the %d-grams of words of question and context occur%s. "+
				"Score: that share.", m.Threshold, m.intValue("n"), atLeastTimes(least))
			m.judge = func(c *judgement) {
				c.dropByCount(least, 0)
				sum, grams := 0, 0
				c.eachPart(func(p item.Part, from, words, unit int) {
					found, all := c.countFound(false, p, from, words, unit)
					sum, grams = sum+found, grams+all
				})
				c.Score, c.Matched = ratio(sum, grams), c.countWords(c.seen)
				c.flagIf(c.Score > 0 && c.Score >= m.Threshold)
			}
		},
	}
}

func tokenMatch() definition {
	return definition{
		Method: overWords(Method{
			Name: "token-match", Brief: "share of words in 8-grams (ConTAM)", Parts: prompt,
			Source:  "ConTAM's TOKEN-MATCH (Singh et al. 2024), after GPT-3",
			Choices: contamChoice,
			Params:  contamParams(),
		}),
		make: func(m *Method) {
			m.Joins = true
			m.Threshold = m.floatValue("threshold")
			least := contamCounts(m)
			m.Text = fmt.Sprintf("Flagged when at least %g of the words of question and context are in %d-grams that occur%s. "+
				"Score: that share.", m.Threshold, m.intValue("n"), atLeastTimes(least))
			m.judge = judgeCovered(m, least)
		},
	}
}

func tokenExtend() definition {
	return definition{
		Method: overWords(Method{
			Name: "token-extend", Brief: "share of words in runs over words that differ (ConTAM)", Parts: prompt,
			Source: "ConTAM's TOKEN-EXTEND (Singh et al. 2024), after Llama 2",
			Choices: contamChoice + " Runs are extended to the right, as Llama 2's are; " +
				"words that differ inside a run count as found unless gaps=no. " +
				"The paper does not normalise; the words here are those of this program.",
			Params: []Param{gramParam(8), shareParam("threshold", DefaultLongest, "share from which an item is flagged"),
				{Name: "skip", Text: "words of a run that may differ", Value: 4, Low: 0, High: 64},
				{Name: "gaps", Text: "whether words that differ inside a run count as found", Value: "yes", Values: yesNo}},
		}),
		make: func(m *Method) {
			m.Joins = true
			m.Threshold = m.floatValue("threshold")
			m.Level = Level{Extend: true, Skip: m.intValue("skip"), Gaps: m.hasValue("gaps", "yes")}
			m.Text = fmt.Sprintf("Flagged when at least %g of the words of question and context are in runs shared with "+
				"documents: %d equal words, extended to the right over at most %d that differ to the last equal one. "+
				"Score: that share.", m.Threshold, m.intValue("n"), m.intValue("skip"))
			m.judge = judgeCovered(m, 0)
		},
	}
}

func tulu3() definition {
	return definition{
		Method: overWords(Method{
			Name: "tulu3", Brief: "mean share of each field in 8-grams of a single document, above 50 %", Parts: prompt,
			Source: "Lambert et al. 2024, with the code of open-instruct",
			Choices: "The code cuts by spaCy's tokeniser; here words are counted. " +
				"It reads a benchmark's prompt fields, which are question and context here. " +
				"It asks a search engine for 100 documents of each n-gram; here all documents are compared.",
			Params: []Param{gramParam(8), shareParam("threshold", 0.5, "score above which an item is flagged")},
		}),
		make: func(m *Method) {
			m.Threshold, m.byCovered, m.mean = m.floatValue("threshold"), true, true
			m.Text = fmt.Sprintf("Flagged when the score of a single document is above %g: the mean, over question and "+
				"context where an item has both, of the share of its words that the document covers by %d-grams. "+
				"Score: the highest of any document.", m.Threshold, m.intValue("n"))
			m.judge = func(c *judgement) {
				c.Score, c.Matched = c.tally.Best, c.tally.Covered
				c.flagIf(c.Score > m.Threshold)
			}
		},
	}
}

func deepseek() definition {
	return definition{
		Method: overWords(Method{
			Name: "deepseek", Brief: "any 10-gram, or all of a shorter text",
			Parts:  item.PartsOf(item.Context, item.Question, item.Answer),
			Source: "Guo et al. 2024 (DeepSeek-Coder), Shao et al. 2024 (DeepSeekMath)",
			Choices: "The papers do not say what a gram is; here it is a word. " +
				"Docstrings, questions and solutions are context, question and answer.",
			Params: []Param{gramParam(10), shortParam(3)},
		}),
		make: func(m *Method) {
			m.Level.Short = m.intValue("short")
			m.Text = fmt.Sprintf("Flagged when any %d-gram of words of context, question or answer occurs in any document",
				m.intValue("n"))
			if m.Level.Short > 0 {
				m.Text += fmt.Sprintf(", or all of a shorter one of at least %d words", m.Level.Short)
			}
			m.Text += ". Score: 1 or 0."
			m.judge = func(c *judgement) { c.flagAny() }
		},
	}
}

func qwen2() definition {
	return definition{
		Method: overWords(Method{
			Name: "qwen2", Brief: "any 13-gram", Parts: item.AllParts,
			Source: "Yang et al. 2024, section on contamination",
			Choices: "This is the strict report on benchmarks; the paper's filter of training data also asks for " +
				"a common subsequence of 60 %. Which parts make an item is not said; here all do. " + unitChoice,
			Params: []Param{gramParam(13), shortParam(0)},
		}),
		make: func(m *Method) {
			m.Level.Short = m.intValue("short")
			m.Text = fmt.Sprintf("Flagged when any %d-gram of words of any part occurs in any document. Score: 1 or 0.",
				m.intValue("n"))
			m.judge = func(c *judgement) { c.flagAny() }
		},
	}
}

func lmeval() definition {
	return definition{
		Method: Method{
			Name: "lmeval", Brief: "any 13-gram of words by lm-evaluation-harness", Version: 1,
			Norm: "lmeval", Unit: "word", Parts: prompt,
			Source:  "lm-evaluation-harness, its decontamination",
			Choices: "Each task names the text that is compared; here that is question and context.",
			Params:  []Param{gramParam(13)},
		},
		make: func(m *Method) {
			m.Text = fmt.Sprintf("Flagged when any %d-gram of question or context occurs in any document. "+
				"Words are what white space separates, once ASCII punctuation is deleted and ASCII letters are lower case. "+
				"Score: 1 or 0.", m.intValue("n"))
			m.judge = func(c *judgement) { c.flagAny() }
		},
	}
}

func starcoder() definition {
	return definition{
		Method: Method{
			Name: "starcoder", Brief: "the whole question, in lower case", Version: 1,
			Norm: "raw", Unit: "char", Parts: item.PartsOf(item.Question),
			Source: "Li et al. 2023, with the code of bigcode-dataset",
			Choices: "The code compares docstrings, solutions and questions, by benchmark; here that is the question. " +
				"--parts starcoder=question,answer includes the answer, which is useful only where answers are long. " +
				"Lower case is Unicode's simple one.",
		},
		make: func(m *Method) {
			m.N, m.Level.Short = fixedN(wholePart), 1
			m.Text = "Flagged when all of a compared part, character by character and in lower case, occurs in any document. " +
				"Score: the share of such parts that do."
			m.judge = func(c *judgement) {
				found, all := 0, 0
				c.eachPart(func(_ item.Part, from, words, _ int) {
					if all++; hasBitIn(c.seen, from, from+words) {
						found++
					}
				})
				c.Score, c.Matched = ratio(found, all), c.countWords(c.seen)
				c.flagIf(found > 0)
			}
		},
	}
}

func contamParams() []Param {
	return []Param{gramParam(8), shareParam("threshold", DefaultLongest, "share from which an item is flagged"),
		{Name: "mincount", Text: "least times that an n-gram must occur in the corpus", Value: 1, Low: 1, High: MaxCount}}
}

// contamCounts turns on the counting that mincount needs, and returns mincount.
func contamCounts(m *Method) int {
	if m.intValue("mincount") > 1 {
		m.counts, m.ByCount = occurrences, true
	}
	return m.intValue("mincount")
}

func atLeastTimes(n int) string {
	if n <= 1 {
		return " in any document"
	}
	return fmt.Sprintf(" at least %d times in the documents", n)
}

// judgeCovered returns a judge by the share of words in n-grams that occur at least
// least times.
func judgeCovered(m *Method, least int) func(*judgement) {
	return func(c *judgement) {
		c.dropByCount(least, 0)
		c.Matched = c.countWords(c.seen)
		c.Score = ratio(c.Matched, c.Words)
		c.flagIf(c.Score > 0 && c.Score >= m.Threshold)
	}
}

// flagAny flags the item when anything was seen.
func (c *judgement) flagAny() {
	c.Matched = c.countWords(c.seen)
	if c.Matched > 0 {
		c.Score, c.State = 1, item.Flagged
	}
}

func ratio(n, all int) float64 {
	if all == 0 {
		return 0
	}
	return float64(n) / float64(all)
}
