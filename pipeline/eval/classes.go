package eval

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"

	"swab/ngram/item"
)

// A planting is how a class is made. Plantings run in the order of the list, those
// that few items allow first.
type planting struct {
	Class
	late int // among equals of the list, when it is planted: higher is later
	// function says that only items that ask for a function suit, of which there are few.
	function bool
	// shares says that a clean plant may share text with the item, as a passage does;
	// any other clean plant that would is not made.
	shares bool
	// plant returns what goes into the document, and false where e does not suit.
	plant planter
	// special plants of another shape do all by themselves, and report whether they did.
	special func(g *generator, r *rand.Rand, c *planting, e *entry) bool
}

type planter = func(g *generator, r *rand.Rand, e *entry) (string, bool)

// randomly and plainly make a planter of a function of the item's plain text, fromItem of
// one of the item.
func randomly(f func(r *rand.Rand, s string) (string, bool)) planter {
	return func(_ *generator, r *rand.Rand, e *entry) (string, bool) { return f(r, e.plain) }
}

func plainly(f func(s string) (string, bool)) planter {
	return fromItem(func(e *entry) (string, bool) { return f(e.plain) })
}

func fromItem(f func(e *entry) (string, bool)) planter {
	return func(_ *generator, _ *rand.Rand, e *entry) (string, bool) { return f(e) }
}

// atShare makes a planter of a function that takes a share.
func atShare(f func(r *rand.Rand, s string, pct float64) (string, bool), pct float64) planter {
	return func(_ *generator, r *rand.Rand, e *entry) (string, bool) { return f(r, e.plain, pct) }
}

// english makes a planter for items in English alone.
func english(f planter) planter {
	return func(g *generator, r *rand.Rand, e *entry) (string, bool) {
		if e.lang != "en" {
			return "", false
		}
		return f(g, r, e)
	}
}

func edits(e edit, pct float64, every int) planter {
	return func(g *generator, r *rand.Rand, it *entry) (string, bool) {
		return edited(r, it.plain, e, pct, every, g.pool(it))
	}
}

func inLang(lang string) planter {
	return fromItem(func(e *entry) (string, bool) { return e.plain, e.lang == lang })
}

// part makes a planter of a share of the words, where enough of what is the item's own
// is in it and it is not the passage alone.
func part(from, to float64) planter {
	return func(g *generator, _ *rand.Rand, e *entry) (string, bool) {
		if e.words < 24 || e.passage != "" || countWords(e.Text[item.Context]) >= 40 {
			return "", false
		}
		s, ok := share(e.plain, from, to)
		return s, ok && g.finder.outside(e.bench, s) >= max(10, e.info*2/5)
	}
}

func flagged(name, about string, late int, p planter) *planting {
	return &planting{Class: Class{Name: name, Want: Flagged, About: about}, late: late, plant: p}
}

func unless(want Want, name, about string, late int, p planter) *planting {
	c := flagged(name, about, late, p)
	c.Want = want
	return c
}

// ofFunctions marks a class that only items that ask for a function suit.
func ofFunctions(p *planting) *planting {
	p.function = true
	return p
}

// plantings lists the classes of a part.
func plantings(p Part) []*planting {
	if p == HeldBack {
		return heldBack()
	}
	list := slices.Concat(layouts(), wordings(), asIs(), cleanOnes())
	return append(list, reportedOnly()...)
}

// layouts lists classes that keep the words and set them otherwise.
func layouts() []*planting {
	return []*planting{
		flagged("as-is", "as a page prints it, options lettered", 0, plainly(func(s string) (string, bool) {
			return s, true
		})),
		flagged("case", "upper, lower or title case", 0, randomly(otherCase)),
		flagged("no-punctuation", "punctuation around words is gone", 0, plainly(noPunctuation)),
		flagged("typographic", "curly quotes, dashes, ellipses, no-break spaces", 0, plainly(typographic)),
		flagged("full-width", "full-width forms of ASCII", 0, plainly(fullWidth)),
		flagged("wrap-8-words", "a line break after every eight words", 0, plainly(func(s string) (string, bool) {
			return wrapped(s, 8, false)
		})),
		flagged("wrap-72-columns", "lines of at most 72 characters", 0, plainly(func(s string) (string, bool) {
			return wrapped(s, 72, true)
		})),
		flagged("quoted", "> before lines, as in mail", 0, randomly(func(r *rand.Rand, s string) (string, bool) {
			return prefixed(s, []string{"> ", ">> ", "> > "}[r.IntN(3)], 60), true
		})),
		flagged("indented", "blanks or a tab before lines", 0, randomly(func(r *rand.Rand, s string) (string, bool) {
			return prefixed(s, []string{"    ", "\t", "          "}[r.IntN(3)], 70), true
		})),
		flagged("mail-rewrapped", "quoted in mail, wrapped again", 0, randomly(mailRewrapped)),
		flagged("line-numbers", "a number before each line", 0, randomly(lineNumbers)),
		flagged("diff", "added lines of a patch", 0, randomly(inDiff)),
		flagged("subtitles", "numbers and times between lines", 0, randomly(subtitles)),
		flagged("html", "tags around words and phrases, some with attributes", 0, randomly(inHTML)),
		flagged("html-list-entities", "a list, inline tags and character references", 0, randomly(inHTMLList)),
		flagged("markdown", "emphasis, links, code and list marks", 0, randomly(inMarkdown)),
		flagged("wikitext", "headings, bold, links, references, templates", 0, randomly(inWikitext)),
		flagged("to-latex", "plain arithmetic spelled in LaTeX", -1, plainly(inLaTeX)),
		flagged("from-latex", "LaTeX spelled plainly", -3, plainly(fromLaTeX)),
		flagged("json-escaped", "as a JSON string, everything but ASCII escaped", 0, plainly(func(s string) (string, bool) {
			t, ok := jsonEscaped(s)
			return t, ok && mostlyASCII(s) // else all letters would be escaped
		})),
		flagged("chat-json", "a chat's message in JSON", 0, randomly(chatJSON)),
		flagged("chat-json-twice", "a chat in JSON as a string of JSON", 0, randomly(chatJSONTwice)),
		flagged("html-escaped", "signs as character references", 0, plainly(htmlEscaped)),
		flagged("percent-encoded", "as part of a link", 0, plainly(percentEncoded)),
		flagged("mojibake", "UTF-8 read as Latin-1 or Windows-1252", 0, randomly(func(r *rand.Rand, s string) (string, bool) {
			return mojibake(r, s, 1)
		})),
		flagged("invisible", "characters that print nothing in a fifth of the words", 0, randomly(invisible)),
		flagged("homoglyphs", "Cyrillic and Greek letters for three of ten Latin ones", 0, randomly(homoglyphs)),
		flagged("nfd", "letters and marks apart", -1, plainly(decomposed)),
		flagged("cjk-spaced", "blanks between characters", -2, plainly(spacedCJK)),
		flagged("zh-traditional", "simplified Chinese in traditional characters", -3, plainly(traditional)),
		flagged("table", "spread over the cells of a table", 0, randomly(inTable)),
		flagged("hyphenated", "words broken at line ends", 0, randomly(func(r *rand.Rand, s string) (string, bool) {
			return hyphenated(s, 30+r.IntN(40))
		})),
		{Class: Class{Name: "long-document", Want: Flagged, About: "in a document of 1 MB"},
			special: (*generator).longDocument},
		{Class: Class{Name: "twice", Want: Flagged, About: "at two places of a document"}, special: (*generator).twice},
	}
}

// wordings lists classes that change, drop or move words.
func wordings() (list []*planting) {
	for _, e := range []struct {
		edit edit
		name string
	}{{replaceWord, "replaced"}, {deleteWord, "deleted"}, {insertWord, "inserted"}} {
		for _, pct := range []float64{1, 5, 10, 20} {
			late := 0
			if pct == 1 {
				late = -1 // only long items
			}
			list = append(list, flagged(fmt.Sprintf("%s-%g%%", e.name, pct), fmt.Sprintf("%g %% of words %s", pct, e.name),
				late, edits(e.edit, pct, 0)))
		}
	}
	return append(list,
		flagged("every-fifth", "every fifth word replaced", 0, edits(replaceWord, 0, 5)),
		flagged("synonyms-15%", "15 % of content words replaced by others of their meaning", 0,
			english(atShare(synonyms, 15))),
		flagged("typos-8%", "a slip of the keyboard in 8 % of the words", 0, english(atShare(typos, 8))),
		flagged("typos-20%", "a slip of the keyboard in 20 % of the words", 0, english(atShare(typos, 20))),
		flagged("ocr-1%", "1 % of the characters misread", 0, english(atShare(misread, 1))),
		flagged("ocr-4%", "4 % of the characters misread", 0, english(atShare(misread, 4))),
		flagged("spaces-lost-5%", "5 % of neighbouring words joined", 0, english(atShare(spacesLost, 5))),
		flagged("stopwords-removed", "without words that carry little", 0, english(plainly(func(s string) (string, bool) {
			return withoutWords(s, stopwords())
		}))),
		flagged("numbers-spelled", "whole numbers in words", -1, english(plainly(func(s string) (string, bool) {
			t, n := numbersSpelled(s)
			return t, n >= 2
		}))),
		flagged("spoken", "fillers, no punctuation, numbers in words, contractions", 0, english(randomly(spoken))),
		flagged("british-american", "the other spelling and words", -1, english(plainly(british))),
		flagged("reordered", "sentences in another order", 0, reorderedPlant),
		flagged("sentences-reversed", "sentences from the last to the first", 0, fromItem(func(e *entry) (string, bool) {
			s, ok := reversed(e.prompt)
			return strings.TrimSuffix(s+"\n"+lettered(e.options, 0), "\n"), ok
		})),
		flagged("first-half", "the first half of the words", 0, part(0, 0.5)),
		flagged("second-half", "the second half of the words", 0, part(0.5, 1)),
		flagged("head-60%", "the first 60 % of the words", 0, part(0, 0.6)),
		flagged("middle-60%", "60 % of the words, from the middle", 0, part(0.2, 0.8)),
		flagged("tail-60%", "the last 60 % of the words", 0, part(0.4, 1)),
		flagged("question-only", "no choices, no answer", -1, func(g *generator, _ *rand.Rand, e *entry) (string, bool) {
			return e.prompt, len(e.options) > 0 && g.finder.outside(e.bench, e.Text[item.Question]) >= 8
		}),
		flagged("question-answer", "with the answer behind it", 0, func(_ *generator, r *rand.Rand, e *entry) (string, bool) {
			return e.plain + "\n" + []string{"Answer: ", "", "Solution.\n"}[r.IntN(3)] + e.Text[item.Answer],
				e.Text[item.Answer] != ""
		}),
		flagged("question-right-answer", "without the wrong choices", -1, fromItem(func(e *entry) (string, bool) {
			right := e.right()
			return e.prompt + "\nAnswer: " + right, right != "" && len(e.options) > 1
		})),
		flagged("choices-inline", "choices on one line", 0, fromItem(func(e *entry) (string, bool) {
			return e.prompt + " " + inline(e.options), len(e.options) > 1
		})),
		flagged("choices-reordered", "options in another order", 0,
			func(_ *generator, r *rand.Rand, e *entry) (string, bool) {
				if len(e.options) < 3 {
					return "", false
				}
				var mixed []string
				for _, i := range permuted(r, len(e.options)) {
					mixed = append(mixed, e.options[i])
				}
				return e.prompt + "\n" + lettered(mixed, 0), !slices.Equal(mixed, e.options)
			}),
		flagged("relettered", "options behind other letters or numbers", 0,
			func(_ *generator, r *rand.Rand, e *entry) (string, bool) {
				return e.prompt + "\n" + lettered(e.options, 1+r.IntN(5)), len(e.options) > 1
			}),
		flagged("code-renamed", "identifiers renamed, strings and comments kept", -4,
			func(_ *generator, r *rand.Rand, e *entry) (string, bool) {
				code, ok := codeOf(e)
				if !ok {
					return "", false
				}
				return renamed(r, code)
			}),
		ofFunctions(flagged("code-javascript", "the docstring over a function of another language", -5,
			fromItem(inJavaScript))),
		flagged("code-tabs-crlf", "tabs for blanks, line ends of Windows", -4, fromItem(func(e *entry) (string, bool) {
			code, ok := codeOf(e)
			t, tabs := withTabs(code)
			return t, ok && tabs
		})),
		&planting{Class: Class{Name: "interleaved", Want: Flagged, About: "two items by sentences or lines in turn"},
			special: (*generator).interleave},
		&planting{Class: Class{Name: "bilingual", Want: Flagged, About: "sentence by sentence in two languages"}, late: -4,
			special: (*generator).bilingual},
	)
}

func reorderedPlant(_ *generator, r *rand.Rand, e *entry) (string, bool) {
	s, ok := reordered(r, e.prompt)
	return strings.TrimSuffix(s+"\n"+lettered(e.options, 0), "\n"), ok
}

// ownClassLangs have a class for items as they are.
var ownClassLangs = []string{"zh", "ja", "th", "ru", "ar", "bn"}

// asIs lists classes of items as they are, by language.
func asIs() (list []*planting) {
	names := map[string]string{"zh": "Chinese", "ja": "Japanese", "th": "Thai", "ru": "Russian",
		"ar": "Arabic (the program's own items)", "bn": "Bengali"}
	for _, lang := range ownClassLangs {
		list = append(list, flagged("as-is-"+lang, "as is, in "+names[lang], -2, inLang(lang)))
	}
	return append(list, flagged("as-is-other", "as is, in further languages", -2, fromItem(func(e *entry) (string, bool) {
		return e.plain, e.lang != "en" && !slices.Contains(ownClassLangs, e.lang)
	})))
}

// cleanOnes lists what is no contamination.
func cleanOnes() []*planting {
	passage := unless(Clean, "passage", "the source passage without the question", -3,
		fromItem(func(e *entry) (string, bool) { return e.passage, e.passage != "" }))
	other := unless(Clean, "passage-other-question", "the source passage with another question", -3,
		(*generator).otherQuestion)
	nearest := unless(Clean, "nearest-sibling", "of other items of the same kind the one most like it", 0,
		(*generator).nearest)
	opening := unless(Clean, "opening-continued", "a quarter of the words, then those of another item", 0,
		(*generator).openingContinued)
	passage.shares, other.shares, nearest.shares, opening.shares = true, true, true, true
	return []*planting{
		unless(Clean, "template", "the benchmark's template with another item's content", 0, (*generator).template),
		passage,
		other,
		{Class: Class{Name: "quotation", Want: Clean, About: "a quotation that the item cites, alone, in three documents"},
			late: -3, shares: true, special: (*generator).quotation},
		unless(Clean, "sibling", "another item of the same kind", 0, (*generator).sibling),
		nearest,
		opening,
		unless(Clean, "boilerplate", "phrases that are in many items, with what pages say around them", 0,
			(*generator).boilerplate),
		unless(Clean, "shuffled", "the item's words in any order", 0, randomly(shuffled)),
		unless(Clean, "scattered", "the item's words in any order over a page", 0,
			func(g *generator, r *rand.Rand, e *entry) (string, bool) {
				return g.scattered(r, e, true)
			}),
		unless(Clean, "names-and-numbers", "the item's names and numbers in sentences of others", 0,
			(*generator).namesAndNumbers),
		ofFunctions(unless(Clean, "same-signature", "another task with the same function signature", -5,
			(*generator).sameSignature)),
	}
}

// reportedOnly lists the classes whose share is reported only.
func reportedOnly() []*planting {
	return []*planting{
		unless(Altered, "numbers-changed", "the same wording with other numbers", -1, inWording(true, false)),
		unless(Altered, "names-changed", "the same wording with other names", -1, inWording(false, true)),
		unless(Hard, "synonyms-30%", "30 % of content words replaced by others of their meaning", 0,
			english(atShare(synonyms, 30))),
		unless(Hard, "synonyms-45%", "45 % of content words replaced by others of their meaning", -3,
			english(atShare(synonyms, 45))),
		unless(Hard, "spaces-lost-15%", "15 % of neighbouring words joined", 0, english(atShare(spacesLost, 15))),
		unless(Hard, "stemmed", "endings cut off", 0, english(plainly(stemmed))),
		unless(Hard, "wordpiece", "long words in pieces behind ##", 0, english(plainly(wordPieces))),
		unless(Hard, "gpt2-bpe", "the pieces of a byte-level tokeniser", 0, english(plainly(byteLevelPieces))),
		unless(Hard, "letterspaced", "a blank between letters", 0, english(plainly(letterSpaced))),
		unless(Hard, "base64", "in base64", 0, plainly(inBase64)),
		unless(Hard, "transliterated", "in Greek letters", 0, english(plainly(transliterated))),
		{Class: Class{Name: "translation", Want: Hard, About: "the item in another language"}, late: -4,
			special: (*generator).translation},
		unless(Open, "code-alone", "the solution as code, without the task", -4, (*generator).codeAlone),
		unless(Open, "choices-only", "the choices without the question", -1, fromItem(func(e *entry) (string, bool) {
			return lettered(e.options, 0), countWords(e.Text[item.Choices]) >= 12
		})),
		unless(Open, "choices-under-another-question", "the choices under another question", -1,
			func(g *generator, r *rand.Rand, e *entry) (string, bool) {
				if countWords(e.Text[item.Choices]) < 12 {
					return "", false
				}
				return g.anotherQuestion(r, e) + "\n" + lettered(e.options, 0), true
			}),
		unless(Open, "first-sentence", "the first of three sentences or more", 0, fromItem(func(e *entry) (string, bool) {
			list := sentences(e.prompt)
			return list[0], len(list) >= 3 && countWords(list[0]) >= 8 && e.passage == ""
		})),
		unless(Open, "tail-40%", "the last 40 % of the words", 0, part(0.6, 1)),
	}
}

// inWording keeps an item's wording, with other numbers or names.
func inWording(numbers, names bool) planter {
	return func(_ *generator, r *rand.Rand, e *entry) (string, bool) {
		s, ok := e.prompt, true
		if numbers {
			s, ok = otherNumbers(r, s)
			ok = ok && len(digitsRE.FindAllString(e.prompt, -1))*30 >= e.words
		}
		if names && ok {
			_, code := codeOf(e) // which has no names of people
			s, ok = otherNames(r, s)
			ok = ok && !code
		}
		return s, ok && e.lang == "en" && len(e.options) == 0 && e.passage == ""
	}
}

// codeAlone returns the solution of an item as code, where no other item has it but for numbers.
func (g *generator) codeAlone(_ *rand.Rand, e *entry) (string, bool) {
	if g.shapes == nil {
		g.shapes = map[string]int{}
		for i := range g.entries {
			g.shapes[shapeOf(&g.entries[i])]++
		}
	}
	a := e.Text[item.Answer]
	_, ok := codeOf(e)
	return a, ok && countWords(a) >= 8 && g.shapes[shapeOf(e)] == 1
}

// shapeOf returns an item's answer with the same number in place of all.
func shapeOf(e *entry) string { return digitsRE.ReplaceAllString(e.Text[item.Answer], "0") }

// right returns the right choice in words, or "" where that is not known.
func (e *entry) right() string {
	a := strings.TrimSpace(e.Text[item.Answer])
	if len(a) == 1 && a[0] >= 'A' && int(a[0]-'A') < len(e.options) {
		return e.options[a[0]-'A']
	}
	if slices.Contains(e.options, a) {
		return a
	}
	return ""
}

// What anyone asks about a passage.
var passageQuestions = []string{
	"Which of the following best states the author's main idea in the lines above?",
	"What does the writer's tone in the second half of the text suggest?",
	"Summarise the text in your own words in no more than three sentences.",
	"Which of the events described here happens first, and how do you know?",
}

// otherQuestion returns the item's passage with a question that is in no benchmark.
func (g *generator) otherQuestion(r *rand.Rand, e *entry) (string, bool) {
	if e.passage == "" {
		return "", false
	}
	q := passageQuestions[r.IntN(len(passageQuestions))]
	held := g.src.Benches[e.bench].Held
	for range min(20, 20*len(held)) {
		h := &held[r.IntN(len(held))]
		if !strings.Contains(e.plain, h.Text[item.Question]) && countWords(h.Text[item.Question]) < 40 {
			q = render(&[item.NumParts]string{item.Question: h.Text[item.Question], item.Choices: h.Text[item.Choices]})
			break
		}
	}
	return e.passage + "\n" + q, true
}

// anotherQuestion returns the question of an item that is in no benchmark of the set.
func (g *generator) anotherQuestion(r *rand.Rand, e *entry) string {
	held := g.src.Benches[e.bench].Held
	for range min(50, 50*len(held)) {
		h := held[r.IntN(len(held))]
		if q := h.Text[item.Question]; countWords(q) <= 60 {
			return q
		}
	}
	return passageQuestions[r.IntN(len(passageQuestions))]
}

// scattered sets the item's words between those of a passage, four to twelve of them
// each time.
func (g *generator) scattered(r *rand.Rand, e *entry, anyOrder bool) (string, bool) {
	var mine []string
	for _, x := range spans(e.plain) {
		mine = append(mine, e.plain[x.Start:x.End])
	}
	if anyOrder {
		r.Shuffle(len(mine), func(i, j int) { mine[i], mine[j] = mine[j], mine[i] })
	}
	var out []string
	theirs := strings.Fields(g.passage(r, 14*len(mine)))
	for _, w := range mine {
		n := 4 + r.IntN(9)
		if len(theirs) < n {
			return "", false
		}
		out = append(append(out, theirs[:n]...), w)
		theirs = theirs[n:]
	}
	return strings.Join(out, " "), len(mine) >= leastWords && needsSpace(mine[0])
}

// namesAndNumbers sets the item's names and numbers into a passage, in place of words
// with a capital and of numbers, or of any.
func (g *generator) namesAndNumbers(r *rand.Rand, e *entry) (string, bool) {
	list := append(nameRE.FindAllString(e.prompt, -1), digitsRE.FindAllString(e.prompt, -1)...)
	theirs := strings.Fields(g.passage(r, 25*len(list)))
	if len(list) < 3 || len(theirs) < 8*len(list) {
		return "", false
	}
	step := len(theirs) / len(list)
	for i, w := range list {
		theirs[i*step+r.IntN(step)] = w
	}
	return strings.Join(theirs, " "), true
}

// template sets other words of other items where the item has its own.
func (g *generator) template(r *rand.Rand, e *entry) (string, bool) {
	content := g.otherWords(r, e)
	at, own := 0, 0
	var lines []string
	for _, part := range []string{e.Text[item.Context], e.Text[item.Question], e.Text[item.Choices]} {
		if part == "" {
			continue
		}
		list, common := spans(part), g.finder.template(e.bench, part)
		if len(list) != len(common) {
			return "", false
		}
		var b strings.Builder
		end := uint32(0)
		for i, s := range list {
			b.WriteString(part[end:s.Start])
			if common[i] {
				b.WriteString(part[s.Start:s.End])
				own++
			} else {
				b.WriteString(content[at%len(content)])
				at++
			}
			end = s.End
		}
		lines = append(lines, b.String()+part[end:])
	}
	return strings.Join(lines, "\n"), own >= max(gramWords, e.words/5) && at >= 4
}

// otherWords returns the words, in order, of siblings.
func (g *generator) otherWords(r *rand.Rand, e *entry) (list []string) {
	held := g.src.Benches[e.bench].Held
	for len(held) == 0 && len(list) < 100 {
		list = append(list, strings.Fields(g.passage(r, 200))...)
	}
	for len(list) < 100 {
		h := held[r.IntN(len(held))]
		for _, s := range spans(h.Text[item.Question]) {
			list = append(list, h.Text[item.Question][s.Start:s.End])
		}
		list = append(list, "so")
	}
	return list
}

// sibling returns, of some items of the same kind that are in no benchmark of the set,
// the one that shares most words with e without sharing text with it or any other.
func (g *generator) sibling(r *rand.Rand, e *entry) (string, bool) {
	held := g.heldItems(e.bench)
	var some []heldItem
	for range min(60, len(held)) {
		h := held[r.IntN(len(held))]
		if h.split != e.Split && len(g.src.Benches[e.bench].Items) > 2000 && h.split != "" {
			continue // a subject of its own
		}
		some = append(some, h)
	}
	best, _ := mostAlike(e, some, func(text string, share float64) bool {
		return share < 0.5 && len(g.finder.repeats(text)) == 0 && len(g.finder.resembles(e.bench, text)) == 0
	})
	return best, best != ""
}

// nearest returns, of items of the same kind that are in no benchmark of the set, up to
// 1,000 of them, the one that shares most words with e and does not contain it.
func (g *generator) nearest(r *rand.Rand, e *entry) (string, bool) {
	held := g.heldItems(e.bench)
	from := 0
	if len(held) > 1000 {
		from = r.IntN(len(held) - 1000)
	}
	best, most := mostAlike(e, held[from:min(len(held), from+1000)], func(text string, _ float64) bool {
		return !contains(text, e)
	})
	return best, most >= 0.15
}

// openingContinued returns the first quarter of e's words, which is at most half of its
// question, and goes on with another item.
func (g *generator) openingContinued(r *rand.Rand, e *entry) (string, bool) {
	s, ok := share(e.plain, 0, 0.25)
	held := g.src.Benches[e.bench].Held
	if !ok || len(held) == 0 || e.words < 30 || e.passage != "" || countWords(e.Text[item.Context]) > 0 ||
		2*countWords(s) > countWords(e.Text[item.Question]) {
		return "", false
	}
	rest, ok := share(render(&held[r.IntN(len(held))].Text), 0.25, 1)
	return s + " " + rest, ok
}

// A heldItem is an item that is in no benchmark of the set.
type heldItem struct {
	text, split string
	words       []string // distinct ones, sorted
}

// heldItems returns the items of a benchmark that were held out.
func (g *generator) heldItems(bench int) []heldItem {
	if g.held == nil {
		g.held = make([][]heldItem, len(g.src.Benches))
	}
	if g.held[bench] == nil {
		for _, h := range g.src.Benches[bench].Held {
			text := render(&h.Text)
			g.held[bench] = append(g.held[bench], heldItem{text, h.Split, wordSet(text)})
		}
	}
	return g.held[bench]
}

// mostAlike returns the text of the item whose distinct words overlap most with those
// of e, and the share, among those that suit.
func mostAlike(e *entry, list []heldItem, suits func(text string, share float64) bool) (best string, most float64) {
	mine := wordSet(e.plain)
	for _, h := range list {
		both := 0
		for _, w := range h.words {
			if _, ok := slices.BinarySearch(mine, w); ok {
				both++
			}
		}
		share := float64(both) / float64(max(1, len(mine)+len(h.words)-both))
		if share > most && suits(h.text, share) {
			best, most = h.text, share
		}
	}
	return best, most
}

func wordSet(s string) []string {
	w := words(s)
	slices.Sort(w)
	return slices.Compact(w)
}

// What pages say around texts.
var furniture = []string{
	"Home | About | Contact | Privacy policy | Terms of use",
	"All rights reserved. No part of this page may be reproduced without permission.",
	"Choose the best answer for each of the following questions. Show your work.",
	"A. All of the above\nB. None of the above\nC. Both of these\nD. Cannot be determined from the information given",
	"Click here to read more. Share this page with your friends. Leave a comment below.",
	"Answer the following questions with reasons for your answers. Time allowed: 90 minutes.",
	"This software is provided as is, without warranty of any kind.",
	"Skip to main content. Sign in to your account. Forgot your password?",
	"We use cookies to improve your experience on our site. Accept all cookies.",
	"Posted in Uncategorized. Tagged with exam, practice, test, questions and answers.",
}

// boilerplate lists the item's common phrases between what pages say.
func (g *generator) boilerplate(r *rand.Rand, e *entry) (string, bool) {
	var lines []string
	for _, part := range []string{e.Text[item.Context], e.Text[item.Question], e.Text[item.Choices]} {
		list, common := spans(part), g.finder.template(e.bench, part)
		for i := 0; i < len(common) && i < len(list); i++ {
			if !common[i] {
				continue
			}
			from := i
			for i+1 < len(common) && common[i+1] {
				i++
			}
			lines = append(lines, part[list[from].Start:list[i].End])
		}
	}
	if len(lines) == 0 {
		return "", false
	}
	for _, i := range r.Perm(len(furniture))[:5] {
		lines = append(lines, furniture[i])
	}
	r.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
	return strings.Join(lines, "\n\n"), true
}

var quotationRE = regexp.MustCompile(`(?:^|[\s(])["“](\pL[^"“”\n]{28,600}\S)["”](?:$|[\s.,;:?!)])`)

// quotation plants what an item cites into three documents.
func (g *generator) quotation(r *rand.Rand, c *planting, e *entry) bool {
	if e.passage != "" {
		return false
	}
	m := quotationRE.FindStringSubmatch(e.prompt)
	if m == nil {
		return false
	}
	n := countWords(m[1])
	if n < 6 || n*3 > countWords(e.prompt) || strings.Count(e.prompt, m[1]) > 1 {
		return false
	}
	var plants []string
	for _, around := range []string{"As has often been said: “%s”",
		"She wrote it on the first page: \"%s\" And nothing else.", "\n> %s\n"} {
		plants = append(plants, fmt.Sprintf(around, m[1]))
	}
	return g.plantTexts(r, c, e, plants)
}

// twice plants an item at two places of a document.
func (g *generator) twice(r *rand.Rand, c *planting, e *entry) bool {
	return g.claim(c, []*entry{e}, e.plain, g.next(), func(doc int) {
		g.insert(r, doc, e.plain+"\n\n"+g.passage(r, 20+r.IntN(400))+"\n\n"+e.plain)
	})
}

// longDocument plants an item into a document of 1 MB.
func (g *generator) longDocument(r *rand.Rand, c *planting, e *entry) bool {
	return g.claim(c, []*entry{e}, e.plain, g.longs[g.planted[c.Name]%len(g.longs)], func(doc int) {
		g.insert(r, doc, e.plain)
	})
}

// interleave plants an item together with one of the same benchmark.
func (g *generator) interleave(r *rand.Rand, c *planting, e *entry) bool {
	mine := sentences(e.plain)
	if len(mine) < 3 || len(mine) > 30 {
		return false
	}
	own := g.byBench[e.bench]
	for range 20 {
		o := own[r.IntN(len(own))]
		theirs := sentences(o.plain)
		if o == e || !o.fit() || len(theirs) < 3 || len(theirs) > len(mine)+5 || len(mine) > len(theirs)+5 {
			continue
		}
		s, ok := interleaved(mine, theirs)
		return ok && g.claim(c, []*entry{e, o}, s, g.next(), func(doc int) { g.insert(r, doc, s) })
	}
	return false
}

// translation plants the item of another language's benchmark.
func (g *generator) translation(r *rand.Rand, c *planting, e *entry) bool {
	o := g.otherLanguage(r, e)
	if o == nil {
		return false
	}
	class := "as-is-" + o.lang
	switch {
	case o.lang == "en":
		class = "as-is"
	case !slices.Contains(ownClassLangs, o.lang):
		class = "as-is-other"
	}
	as := g.class(class)
	if as == nil {
		return false
	}
	doc := g.next()
	if !g.claim(as, []*entry{o}, o.plain, doc, func(doc int) { g.insert(r, doc, o.plain) }) {
		return false
	}
	return g.claim(c, []*entry{e}, "", doc, func(int) {})
}

// bilingual plants an item and its translation by sentences in turn.
func (g *generator) bilingual(r *rand.Rand, c *planting, e *entry) bool {
	o := g.otherLanguage(r, e)
	if o == nil {
		return false
	}
	mine, theirs := sentences(e.plain), sentences(o.plain)
	if len(mine) != len(theirs) || len(mine) < 2 {
		return false
	}
	var out []string
	for i := range mine {
		out = append(out, mine[i], theirs[i])
	}
	s := strings.Join(out, "\n")
	return g.claim(c, []*entry{e, o}, s, g.next(), func(doc int) { g.insert(r, doc, s) })
}

// otherLanguage returns the item that another language's benchmark has in place of e,
// or nil.
func (g *generator) otherLanguage(r *rand.Rand, e *entry) *entry {
	if e.Family == "" {
		return nil
	}
	var others []*entry
	for i := range g.entries {
		if o := &g.entries[i]; o.Family == e.Family && o != e && o.fit() && o.bench != e.bench {
			others = append(others, o)
		}
	}
	if len(others) == 0 {
		return nil
	}
	return others[r.IntN(len(others))]
}
