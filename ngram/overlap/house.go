package overlap

import "swab/ngram/item"

// House is the name of this program's own method, and Plain its normaliser: words of
// texts without markup. Package align implements it.
const (
	House = "swab"
	Plain = "plain"
)

func swabDefinition() definition {
	return definition{
		Method: Method{
			Name: House, Brief: "the share of an item's information that is in one place of a document", Version: 5,
			Norm: Plain, Unit: "word", Parts: item.AllParts,
			Text: `Flagged when enough of an item's information is in one place of a document.
Score: the share found.

Information. A word of an item carries minus the logarithm to base 2 of the share of
the benchmark's items that hold it, in bits, counted together with 1,000 items of
general English. So a name carries 8 bits or more and "the" nearly none. A word that
comes for the n-th time in a text carries 1/√n of that. A word whose three-word
neighbourhoods all occur in many items of the benchmark (10, in small benchmarks down
to 4) is template and carries none; words inside quotations of six words and more are
not the item's own and carry none. A number that counts on from the one before it carries
an eighth. Besides this own information a word has known
information, which does not depend on the benchmark: from a list of common English
words, or else from its length (a letter 3 bits, six letters and more 8 bits).

Place. Item and document are read without markup: tags, character references, JSON
escapes, LaTeX commands, link targets, line ends and hyphenation do not count. Two to
five words in a row that are not common and have 14 bits together are a seed. The
place is the window of the document, twice as long as the text and 60 words, whose
seeds hold most of the item's own information. Words beside and between seeds count
too if they follow each other in both, at least two in a row; options of an item count
where they occur whole after its question. A word of the document matches one word of
the item: of the question before that of the answer, or, where that does not flag the
item, of the answer before that of the question.

Stretches. Words that follow each other in both are a stretch. The next stretch of a text
may be anywhere near, so the bits that say how many words it is off from where it would
follow count as found by chance: 1 where it is not off, 3 for a word or two, 5 for three to
six (Elias' gamma code), and not more than its window takes, or its own words say; 1 more
than for the same distance as the stretch before. A letter or number before a line is
free. Choices are placed behind the question likewise.

Share. Found information over all of it, for own and for known information: the
smaller share, plus a fifth of the difference to the larger. Both are also computed with
the words in quotations, and count where they are less. It is computed over the
question, with its choices where it has some, and with its passage. A passage (a
context of several items, or text before the question proper) counts only when half of
question and choices is found too; no context counts where an item has choices and nothing
of them nor of its question is found.

What is needed. 97 % of an item of 12 bits of own information, 72 % at 20, 69 % at 28,
63 % at 48, 59 % at 64, 50 % at 90, 45 % at 130, 42 % at 200, 39 % from 400 bits on,
in between over the logarithm. With a stretch of 25 to 60 bits word for word, which may go
on from the question to its choices and from line to line, it is up to a quarter less, but at
least 37 %. A text that begins as the item does may go on otherwise: where a fifth of the
question or more is missing at its end, and four fifths of what is before that are there, at
least 40 % are needed, of question and choices together where no choice is there. Below 64
bits, where no stretch holds two fifths of what is known, it is a tenth more. From 64 bits on,
where half of the item's numbers, two at the least, are in their places and none is another, it
is 78 % of that, and the stretches' places are free. For the question alone of an item that has
choices it is 1.6 times as much, but not more than 96 %.

Competition. Each word of a document counts for one item of a benchmark. Of all items that
would be flagged those that are there whole come first, then the one whose words say most;
it keeps them, and the others are judged by what is left. So of a series of items only the
one that is in the document is flagged. Items of the series that are not in the benchmark,
such as a dev split, compete too when --siblings names them. An item that is there whole
loses nothing. swab explain names the item that took most words of another one. When
another item has all words found too, but for 6 bits, and 20 bits of the item are
missing, it is "passage only": nothing says which of the two it is.

Decisive words. Numbers, names and operators make an item differ from others of its series.
When the words beside them are in the document, with others in the place of most numbers,
most names or most operators, and of at most one in eight other words, the item is
"altered"; so it is where all numbers or all names, two at the least, are others, but for one in
four, whatever else differs. Behind and before all that was found the words are compared in step
with the document's, as long as of two in a row one agrees. A name with a slip of the keyboard
is the same name. A decisive word that was left out, or is beyond the edge of a fragment, does not
count. "Altered" too is an item of which all choices are there and all of the question but two
or more words in one place, where the document has as many others: another question with the same choices.

Few words. An item of less than 40 bits is flagged only when four fifths of its words are
there, template or not; else it is "too common". Choices without a fifth of their question
count only in the item's order, and without half of it where a quarter of them is there.

Whole items and answers. An item whose question, context and choices are there whole is
flagged however little its words carry, if they say 30 bits by themselves. Texts of 80 bits by
themselves that carry less than 40 keep the seeds that up to 64 items have, so that they are found. A worked answer
or code of 30 bits and more is enough by itself when 85 % of it is there, three tenths in one
stretch.

Kinds. Flagged items are "input", "input and answer" (in some document half of a worked
answer is found too) or "answer" (only that). Items that are not flagged are "altered" (by decisive words, or
because another item explains its words), "too common", "passage only", "template only" or
"fragment" when something was found: the first of these that some document shows.

Example. In a benchmark of 1,000 items a question is "Which old glacier feeds Lake
Tarnholm?", and no other item has any of its words. Glacier: 1 item and 1,000 x 0.004
of general English, of 2,000 in all: -log2(5/2000) = 8.6 bits. So tarnholm; feeds
(five letters, 0.008) has 7.8, lake (four, 0.015) 7.0, old (three, 0.03) 6.0, and
which (common, 0.6) 1.7: together 39.8 bits own, and 34.7 known. Needed are 64 %. A page says
"<b>Lake Tarnholm</b> is fed by an old river of ice". Lake and tarnholm are a seed, old
alone is none: 15.6 bits own are 39 %, 14.0 known 40 %. It is not flagged but a fragment,
score 0.395. "He asked: which old glacier feeds <i>Lake Tarnholm</i>?" holds all: flagged.`,
			Source:  "this program; measured by make eval",
			Choices: "A copy that is translated or reworded is not found.",
			Params: []Param{
				{Name: "factor", Text: "multiplies the share that is needed: above 1 flags less", Value: 1.0, Low: 0.5, High: 3},
				{Name: "max-false", Value: 0.0, Low: 0, High: 100,
					Text: "largest percentage of decoys flagged: the factor is raised until it holds; 0: any"},
			},
		},
		make: func(m *Method) {
			m.Factor, m.MaxFalse = m.floatValue("factor"), m.floatValue("max-false")/100
			m.N = fixedN(1)
		},
	}
}
