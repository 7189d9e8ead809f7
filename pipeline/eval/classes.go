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
	// plant gives what goes into the document, and false where e does not suit.
	plant func(g *generator, r *rand.Rand, e *entry) (string, bool)
	// special plants of another shape do all by themselves, and say whether they did.
	special func(g *generator, r *rand.Rand, c *planting, e *entry) bool
}

// each makes a planting of a function of the item's plain text.
func each(f func(r *rand.Rand, s string) (string, bool)) func(*generator, *rand.Rand, *entry) (string, bool) {
	return func(_ *generator, r *rand.Rand, e *entry) (string, bool) { return f(r, e.plain) }
}

func plainly(f func(s string) (string, bool)) func(*generator, *rand.Rand, *entry) (string, bool) {
	return func(_ *generator, _ *rand.Rand, e *entry) (string, bool) { return f(e.plain) }
}

func edits(e edit, pct float64, every int) func(*generator, *rand.Rand, *entry) (string, bool) {
	return func(g *generator, r *rand.Rand, it *entry) (string, bool) {
		return edited(r, it.plain, e, pct, every, g.pool(it))
	}
}

func inLang(lang string) func(*generator, *rand.Rand, *entry) (string, bool) {
	return func(_ *generator, _ *rand.Rand, e *entry) (string, bool) { return e.plain, e.lang == lang }
}

func halves(second bool) func(*generator, *rand.Rand, *entry) (string, bool) {
	return func(g *generator, _ *rand.Rand, e *entry) (string, bool) {
		if e.words < 24 || e.passage != "" || countWords(e.Text[item.Context]) >= 40 {
			return "", false // a half would be the passage alone
		}
		h, ok := half(e.plain, second)
		return h, ok && g.finder.outside(e.bench, h) >= max(10, e.info*2/5)
	}
}

// plantings lists the classes.
func plantings() []*planting {
	list := []*planting{
		{Class: Class{Name: "as-is", About: "as a page would print it, options lettered"}, plant: plainly(func(s string) (string, bool) { return s, true })},
		{Class: Class{Name: "case", About: "upper, lower or title case"}, plant: each(otherCase)},
		{Class: Class{Name: "no-punctuation", About: "punctuation around words is gone"}, plant: plainly(noPunctuation)},
		{Class: Class{Name: "typographic", About: "curly quotes, dashes, ellipses, no-break spaces"}, plant: plainly(typographic)},
		{Class: Class{Name: "full-width", About: "full-width forms of ASCII"}, plant: plainly(fullWidth)},
		{Class: Class{Name: "wrap-8-words", About: "a line break after every eight words"}, plant: plainly(func(s string) (string, bool) { return wrapped(s, 8, false) })},
		{Class: Class{Name: "wrap-72-columns", About: "lines of at most 72 characters"}, plant: plainly(func(s string) (string, bool) { return wrapped(s, 72, true) })},
		{Class: Class{Name: "quoted", About: "> before lines, as in mail"}, plant: each(func(r *rand.Rand, s string) (string, bool) {
			return prefixed(s, []string{"> ", ">> ", "> > "}[r.IntN(3)], 60), true
		})},
		{Class: Class{Name: "indented", About: "blanks or a tab before lines"}, plant: each(func(r *rand.Rand, s string) (string, bool) {
			return prefixed(s, []string{"    ", "\t", "          "}[r.IntN(3)], 70), true
		})},
		{Class: Class{Name: "html", About: "tags around words and phrases, some with attributes"}, plant: each(inHTML)},
		{Class: Class{Name: "markdown", About: "emphasis, links, code and list marks"}, plant: each(inMarkdown)},
		{Class: Class{Name: "to-latex", About: "plain arithmetic spelled in LaTeX"}, late: -1, plant: plainly(inLaTeX)},
		{Class: Class{Name: "from-latex", About: "LaTeX spelled plainly"}, late: -3, plant: plainly(fromLaTeX)},
		{Class: Class{Name: "json-escaped", About: "as a JSON string"}, plant: plainly(func(s string) (string, bool) {
			if !mostlyLatin(s) {
				return "", false // all letters would be escaped
			}
			return jsonEscaped(s)
		})},
		{Class: Class{Name: "html-escaped", About: "signs as character references"}, plant: plainly(htmlEscaped)},
	}
	for _, e := range []struct {
		edit edit
		name string
	}{{replaceWord, "replaced"}, {deleteWord, "deleted"}, {insertWord, "inserted"}} {
		for _, pct := range []float64{1, 5, 10, 20} {
			late := 0
			if pct == 1 {
				late = -1 // only long items
			}
			list = append(list, &planting{Class: Class{Name: fmt.Sprintf("%s-%g%%", e.name, pct), About: fmt.Sprintf("%g %% of words %s", pct, e.name)}, late: late, plant: edits(e.edit, pct, 0)})
		}
	}
	list = append(list, []*planting{
		{Class: Class{Name: "every-fifth", About: "every fifth word replaced"}, plant: edits(replaceWord, 0, 5)},
		{Class: Class{Name: "reordered", About: "sentences in another order"}, plant: func(_ *generator, r *rand.Rand, e *entry) (string, bool) {
			s, ok := reordered(r, e.prompt)
			if len(e.options) > 0 {
				s += "\n" + lettered(e.options, 0)
			}
			return s, ok
		}},
		{Class: Class{Name: "first-half", About: "the first half of the words"}, plant: halves(false)},
		{Class: Class{Name: "second-half", About: "the second half of the words"}, plant: halves(true)},
		{Class: Class{Name: "question-only", About: "no choices, no answer"}, late: -1, plant: func(g *generator, _ *rand.Rand, e *entry) (string, bool) {
			return e.prompt, len(e.options) > 0 && g.finder.outside(e.bench, e.Text[item.Question]) >= 8
		}},
		{Class: Class{Name: "question-answer", About: "with the answer behind it"}, plant: func(_ *generator, r *rand.Rand, e *entry) (string, bool) {
			return e.plain + "\n" + []string{"Answer: ", "", "Solution.\n"}[r.IntN(3)] + e.Text[item.Answer], e.Text[item.Answer] != ""
		}},
		{Class: Class{Name: "choices-reordered", About: "options in another order"}, plant: func(_ *generator, r *rand.Rand, e *entry) (string, bool) {
			if len(e.options) < 3 {
				return "", false
			}
			var mixed []string
			for _, i := range permuted(r, len(e.options)) {
				mixed = append(mixed, e.options[i])
			}
			return e.prompt + "\n" + lettered(mixed, 0), !slices.Equal(mixed, e.options)
		}},
		{Class: Class{Name: "relettered", About: "options behind other letters or numbers"}, plant: func(_ *generator, r *rand.Rand, e *entry) (string, bool) {
			return e.prompt + "\n" + lettered(e.options, 1+r.IntN(5)), len(e.options) > 1
		}},
		{Class: Class{Name: "twice", About: "at two places of a document"}, special: (*generator).twice},
		{Class: Class{Name: "table", About: "spread over the cells of a table"}, plant: each(inTable)},
		{Class: Class{Name: "long-document", About: "in a document of 1 MB"}, special: (*generator).long},
		{Class: Class{Name: "interleaved", About: "two items by sentences or lines in turn"}, special: (*generator).interleave},
		{Class: Class{Name: "hyphenated", About: "words broken at line ends"}, plant: each(func(r *rand.Rand, s string) (string, bool) { return hyphenated(s, 30+r.IntN(40)) })},
		{Class: Class{Name: "as-is-zh", About: "as is, in Chinese"}, late: -2, plant: inLang("zh")},
		{Class: Class{Name: "as-is-ja", About: "as is, in Japanese"}, late: -2, plant: inLang("ja")},
		{Class: Class{Name: "as-is-th", About: "as is, in Thai"}, late: -2, plant: inLang("th")},
		{Class: Class{Name: "as-is-ru", About: "as is, in Russian"}, late: -2, plant: inLang("ru")},
		{Class: Class{Name: "as-is-ar", About: "as is, in Arabic (the program's own items)"}, late: -2, plant: inLang("ar")},
		{Class: Class{Name: "as-is-bn", About: "as is, in Bengali"}, late: -2, plant: inLang("bn")},
		{Class: Class{Name: "as-is-other", About: "as is, in further languages"}, late: -2, plant: func(_ *generator, _ *rand.Rand, e *entry) (string, bool) {
			return e.plain, e.lang != "en" && !slices.Contains(ownClassLangs, e.lang)
		}},
	}...)
	for _, c := range list {
		c.Want = Flagged
	}
	clean := []*planting{
		{Class: Class{Name: "template", About: "the benchmark's template with another item's content"}, plant: (*generator).template},
		{Class: Class{Name: "passage", About: "the source passage without the question"}, late: -3, plant: func(_ *generator, _ *rand.Rand, e *entry) (string, bool) { return e.passage, e.passage != "" }},
		{Class: Class{Name: "quotation", About: "a quotation that the item cites, alone, in three documents"}, late: -3, special: (*generator).quotation},
		{Class: Class{Name: "sibling", About: "another item of the same kind"}, plant: (*generator).sibling},
		{Class: Class{Name: "boilerplate", About: "phrases that many items have, with what pages say around them"}, plant: (*generator).boilerplate},
		{Class: Class{Name: "shuffled", About: "the item's words in any order"}, plant: each(shuffled)},
	}
	for _, c := range clean {
		c.Want = Clean
	}
	list = append(list, clean...)
	return append(list,
		&planting{Class: Class{Name: "variant", Want: Variant, About: "the same wording with other numbers or names"}, late: -1, plant: func(_ *generator, r *rand.Rand, e *entry) (string, bool) {
			s, ok := otherNumbers(r, e.prompt)
			numbers := len(digitsRE.FindAllString(e.prompt, -1))
			return s, ok && len(e.options) == 0 && e.passage == "" && numbers*30 >= e.words
		}},
		&planting{Class: Class{Name: "translation", Want: NotFound, About: "the item in another language"}, late: -4, special: (*generator).translation},
	)
}

// ownClassLangs have a class for items as they are.
var ownClassLangs = []string{"zh", "ja", "th", "ru", "ar", "bn"}

func mostlyLatin(s string) bool {
	ascii := 0
	for i := range len(s) {
		if s[i] < 0x80 {
			ascii++
		}
	}
	return ascii*10 > len(s)*9
}

// template puts other words of other items where the item has its own.
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

// otherWords gives the words, in order, of a sibling.
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

// sibling gives, of some items of the same kind that are in no benchmark of the set,
// the one that shares most words with e without repeating it or any other.
func (g *generator) sibling(r *rand.Rand, e *entry) (string, bool) {
	held := g.src.Benches[e.bench].Held
	mine := wordSet(e.plain)
	best, most := "", 0.0
	for range min(60, len(held)) {
		h := held[r.IntN(len(held))]
		if h.Split != e.Split && len(g.src.Benches[e.bench].Items) > 2000 && h.Split != "" {
			continue // a subject of its own
		}
		text := render(&h.Text)
		theirs := wordSet(text)
		both := 0
		for _, w := range theirs {
			if _, ok := slices.BinarySearch(mine, w); ok {
				both++
			}
		}
		share := float64(both) / float64(max(1, len(mine)+len(theirs)-both))
		if share > most && share < 0.5 && len(g.finder.repeats(text)) == 0 && len(g.finder.resembles(e.bench, text)) == 0 {
			best, most = text, share
		}
	}
	return best, best != ""
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
	"Answer the following questions and give reasons for your answers. Time allowed: 90 minutes.",
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
	for _, around := range []string{"As has often been said: “%s”", "She wrote it on the first page: \"%s\" And nothing else.", "\n> %s\n"} {
		plants = append(plants, fmt.Sprintf(around, m[1]))
	}
	return g.put(r, c, e, plants)
}

// twice plants an item at two places of a document.
func (g *generator) twice(r *rand.Rand, c *planting, e *entry) bool {
	return g.claim(c, []*entry{e}, e.plain, g.next(), func(doc int) {
		g.insert(r, doc, e.plain)
		g.insert(r, doc, e.plain)
	})
}

// long plants an item into a document of 1 MB.
func (g *generator) long(r *rand.Rand, c *planting, e *entry) bool {
	return g.claim(c, []*entry{e}, e.plain, g.longs[g.planted[c.Name]%len(g.longs)], func(doc int) { g.insert(r, doc, e.plain) })
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
	if e.Family == "" {
		return false
	}
	var others []*entry
	for i := range g.entries {
		if o := &g.entries[i]; o.Family == e.Family && o != e && o.fit() && o.bench != e.bench {
			others = append(others, o)
		}
	}
	if len(others) == 0 {
		return false
	}
	o := others[r.IntN(len(others))]
	class := "as-is-" + o.lang
	switch {
	case o.lang == "en":
		class = "as-is"
	case !slices.Contains(ownClassLangs, o.lang):
		class = "as-is-other"
	}
	as := g.class(class)
	doc := g.next()
	if !g.claim(as, []*entry{o}, o.plain, doc, func(doc int) { g.insert(r, doc, o.plain) }) {
		return false
	}
	return g.claim(c, []*entry{e}, "", doc, func(int) {})
}
