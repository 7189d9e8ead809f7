package eval

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"swab/ngram/item"
	"swab/pipeline/sample"
)

// Own returns a small set of sources made for this project: word problems in six
// scripts, a benchmark in made words, five in English in the layouts of real ones, and
// prose in made words.
func Own() Sources {
	src := Sources{Name: "the program's own small set"}
	b, err := ownFiles.ReadFile("own/items.tsv")
	if err != nil {
		panic(err) // it is embedded
	}
	for line := range strings.Lines(string(b)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) != 4 {
			panic("own/items.tsv: not four columns: " + line)
		}
		name := "own-" + f[0]
		i := slices.IndexFunc(src.Benches, func(b SourceBench) bool { return b.Name == name })
		if i < 0 {
			i = len(src.Benches)
			src.Benches = append(src.Benches, SourceBench{Name: name, Lang: f[0], Share: 1})
		}
		it := SourceItem{ID: f[1], Family: "own/" + f[1]}
		it.Text[item.Question], it.Text[item.Answer] = f[2], f[3]
		src.Benches[i].Items = append(src.Benches[i].Items, it)
	}
	src.Benches = append(append(src.Benches, made()), fixtures()...)
	for i := range 400 {
		src.Texts = append(src.Texts, Text{"prose", sample.Item(500_000+i, 1500)})
	}
	return src
}

// madeItems is the number of items of the benchmark in made words.
const madeItems = 1200

// made is a benchmark in made words. Its items are of seven forms: word problems with
// arithmetic, with LaTeX, with choices behind a common opening, about a passage, with
// a quotation, short ones, and ones with many quotes and signs.
func made() SourceBench {
	b := SourceBench{Name: "own-made", Lang: "en", Share: 1, Passages: true}
	r := rand.New(rand.NewPCG(5, 55))
	for i := range madeItems {
		it := SourceItem{ID: fmt.Sprint(i), Split: fmt.Sprint("form-", i%7)}
		n := 0
		text := func(words int) string {
			n++
			return strings.Join(strings.Fields(sample.Item(600_000+20*i+n, words)), " ")
		}
		choices := func(words int) string {
			var list []string
			for range 4 {
				f := strings.Fields(text(words))
				list = append(list, strings.Trim(strings.Join(f[:min(words, len(f))], " "), ".,\""))
			}
			return strings.Join(list, "\n")
		}
		num := func() int { return 2 + r.IntN(97) }
		question := &it.Text[item.Question]
		it.Text[item.Answer] = text(12) + fmt.Sprintf(" #### %d", num())
		switch i % 7 {
		case 0:
			*question = fmt.Sprintf("%s If %d * %d and %d/%d, or x^2 of %d: %s How many are %d and $%d?", text(16), num(),
				num(), num(), num(), num(), text(14), num(), num())
		case 1:
			*question = fmt.Sprintf(`%s Let $\frac{%d}{%d}$ be $x^{%d} \times %d$ there. %s What is $\sqrt{%d}$?`, text(14),
				num(), num(), num(), num(), text(12), num())
		case 2:
			*question = "Read the following carefully and say which of the words below fits it best. " + text(30)
			it.Text[item.Choices] = choices(4)
		case 3:
			it.Text[item.Context] = text(90)
			*question = text(14)
			it.Text[item.Choices] = choices(5)
		case 4:
			*question = fmt.Sprintf(`%s It is said: "%s" %s`, text(18), strings.ReplaceAll(text(12), `"`, ""), text(16))
			it.Text[item.Choices] = choices(3)
		case 5:
			f := strings.Fields(text(10))
			*question = strings.Join(f[:min(9, len(f))], " ") + "?"
			it.Text[item.Choices] = choices(2)
		default:
			*question = fmt.Sprintf("%s They call it \"%s\" - it's 'so' & <all> that... %s", text(20),
				strings.Trim(strings.Join(strings.Fields(text(4))[:3], " "), `"`), text(20))
		}
		b.Items = append(b.Items, it)
	}
	return b
}
