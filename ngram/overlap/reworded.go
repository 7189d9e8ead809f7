package overlap

import "swab/ngram/item"

// Reworded is the name of the method that finds items in other words, and Bag its
// normaliser: terms and numbers of texts, without their order. Package reworded implements it.
const (
	Reworded = "reworded"
	Bag      = "bag"
)

// DefaultRewordedThreshold is the default of the method's parameter threshold.
const DefaultRewordedThreshold = 0.5

func rewordedDefinition() definition {
	return definition{
		Method: Method{
			Name: Reworded, Brief: "items in other words, for review; only when named", Version: 1, Review: true,
			Norm: Bag, Unit: "word", Parts: item.PartsOf(item.Context, item.Question, item.Choices),
			Text: `Finds items that a document may have in other words, for a person to judge. What it finds
is clean, of kind "reworded": it counts for no limit, is in no flagged score and in every clean
variant, unless --flag reworded moves it over. Score: the strength of the best place, 0 to 1.

Terms. Item and document are bags of terms and numbers. A term is a word that is no stop word,
without its ending (Snowball's stemmer for English, and Russian for Cyrillic letters; words of
other scripts as they are, and of scripts without spaces each two characters in a row). Numbers
have one form: 1,000 is "one thousand", 24 is "two dozen", 0.5 is "half".

Information. A term of an item carries minus the logarithm to base 2 of the share of the
benchmark's items that have it, counted together with 1,000 items of general English. What a
term carries by itself is from a list of common English words, or else from its length.

Place. A candidate is two blocks of a document in a row, of 8 to 128 words by the length of
the item, that have enough of the item's rarest terms (of each at most 32, and none that more than
256 items of the benchmark have). In it the span is taken that has most of the item's information
and least of any other.

Strength. A logistic score of: the share of the item's information in the span, the share of the
span's information in the item, the bits that both have, the shares of numbers that match, each
way, and how much two terms alone carry.

Not checkable is an item of fewer than five distinct terms, or of less than 32 bits.`,
			Source: "this program; fitted by swabeval fit-reworded on half of GSM8K and parts of MMLU as a " +
				"language model rephrased them, on rewordings by rule, and against 142 MB of real text; " +
				"the weights are in ngram/reworded/score.go",
			Choices: "A question without its choices, a docstring and a translation are mostly not found.",
			Params: []Param{
				{Name: "threshold", Text: "strength of what is found, at the least", Value: DefaultRewordedThreshold,
					Low: 0.1, High: 1},
			},
		},
		make: func(m *Method) {
			m.Threshold = m.floatValue("threshold")
			m.N = fixedN(1)
		},
	}
}
