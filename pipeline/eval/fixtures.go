package eval

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"swab/ngram/item"
	"swab/pipeline/sample"
)

// The fixtures are benchmarks written for this project, in the layouts that real ones
// have: word problems, functions with docstrings, questions with choices, passages with
// several questions, and instructions. Each is drawn from lists of phrases, so that its
// items are of series, as real ones are.

const fixtureItems = 300

// fixtures returns the benchmarks.
func fixtures() []SourceBench {
	r := rand.New(rand.NewPCG(7, 77))
	return []SourceBench{problems(r), functions(r), quizzes(r), readings(r), orders(r)}
}

func pick(r *rand.Rand, list string) string {
	f := strings.Split(list, "|")
	return f[r.IntN(len(f))]
}

func fixture(name string, make func(i int) SourceItem) SourceBench {
	b := SourceBench{Name: "own-" + name, Lang: "en", Share: 1}
	for i := range fixtureItems {
		it := make(i)
		it.ID = fmt.Sprint(i)
		b.Items = append(b.Items, it)
	}
	return b
}

const (
	people = "Marisol|Tobias|Ingrid|Desmond|Priya|Wendell|Anouk|Casimir|Lucinda|Bram|Odette|Rafael"
	goods  = "lanterns|paper kites|jars of honey|wool scarves|clay bowls|seed packets|toy " +
		"boats|candles|postcards|brass bells"
	places = "the harbor market|a neighborhood fair|the school theater|a garden center|the village library|an old " +
		"apartment house"
)

// problems are word problems of several sentences.
func problems(r *rand.Rand) SourceBench {
	b := fixture("problems", func(int) (it SourceItem) {
		who, what, where := pick(r, people), pick(r, goods), pick(r, places)
		n, m, k := 12+r.IntN(80), 3+r.IntN(9), 2+r.IntN(8)
		steps := []string{
			fmt.Sprintf("%s bought %d %s at %s and paid %d dollars for each of them.", who, n, what, where, k),
			fmt.Sprintf("At %s, %s sells %s for %d dollars each and starts the morning with %d of them.", where, who, what, k,
				n),
			fmt.Sprintf("%s and a friend need %d %s for a party at %s, and each box holds %d.", who, n, what, where, m),
		}
		more := []string{
			fmt.Sprintf("%s lent %d of them to a %s and broke %d on the way home.", who, m,
				pick(r, "neighbor|teacher|cousin|doctor|farmer"), k),
			fmt.Sprintf("After lunch it didn't rain, so %s people came and each one took %s.", spelled(m), spelled(k+1)),
			fmt.Sprintf("Because the price increased by %d percent, only %s of the %s were left.", 5*k, spelled(m), what),
		}
		ask := []string{
			fmt.Sprintf("How many %s does %s have left at the end of the day?", what, who),
			fmt.Sprintf("What is the total number of dollars that %s spent before evening?", who),
			"How much money is needed for twice as many, if the cost is the same every day?",
		}
		it.Text[item.Question] = strings.Join([]string{steps[r.IntN(3)], more[k%3], more[(k+1)%3], ask[r.IntN(3)]}, " ")
		it.Text[item.Answer] = fmt.Sprintf("First %s has %d. Then %d times %d is %d, which leaves %d.\n#### %d", who, n, m,
			k, m*k, n-m, n-m)
		return it
	})
	return b
}

// functions are tasks as code: signature, docstring with examples, and a solution.
func functions(r *rand.Rand) SourceBench {
	return fixture("functions", func(i int) (it SourceItem) {
		verb, thing := pick(r, "count|drop|merge|rank|group|mirror|shift|pair"),
			pick(r, "tides|tiles|ledgers|signals|routes|labels|orbits|crates")
		name, n := fmt.Sprintf("%s_%s_%d", verb, thing, i%9), 2+r.IntN(9)
		note := strings.Join(strings.Fields(sample.Item(700_000+i, 14)), " ")
		doc := fmt.Sprintf("You are given a list of %s with a note that says: %s\n    %s the %s whose weight is %s the "+
			"limit, and %s.\n    Keep the order in which they %s, and treat an empty list as %s.\n    >>> %s([1, %d], "+
			"%d)\n    [%d]",
			thing, note, strings.ToUpper(verb[:1])+verb[1:], thing, pick(r, "above|below|exactly half of|not more than"),
			pick(r, "return how many remain|return the largest of them|return their sum modulo seven|return every second one"),
			pick(r, "first appear|were written down|came off the ship|left the yard"),
			pick(r, "an error of the caller|a result of zero|a list with one empty entry"), name, n, n, n)
		it.Text[item.Question] = fmt.Sprintf("def %s(values, limit):\n    \"\"\" %s\n    \"\"\"\n", name, doc)
		remark := "the order stays"
		if i%4 == 0 {
			remark = strings.Join(strings.Fields(sample.Item(800_000+i, 10)), " ")
		}
		it.Text[item.Answer] = fmt.Sprintf("    kept = []\n    for value in values:\n        if value * %d > limit:\n   "+
			"         kept.append(value - %d)\n    # %s\n    return kept[:%d]\n", n, r.IntN(9), remark, n)
		return it
	})
}

// quizzes are questions with four choices and the key's letter.
func quizzes(r *rand.Rand) SourceBench {
	return fixture("quizzes", func(i int) (it SourceItem) {
		about := pick(r, "the river port of Askel|the lighthouse at Doon|the copper mine under Varga|the glass works of "+
			"Tirn|the botanist Ilse Quarn|the night ferry to Sund")
		it.Split = about
		it.Text[item.Question] = fmt.Sprintf("Which of the following statements about %s is most likely true, given "+
			"that %s and that %s in %d?", about,
			pick(r, "its records were lost in a fire|the law allowed no foreign workers|the winter harbor froze every "+
				"year|the company had already been sold|no map of the region shows it"),
			pick(r, "the power station closed|a new road reached the town|the school moved to a larger building|prices fell "+
				"for the third time|the old bridge was built again"), 1800+i%190)
		var list []string
		for _, k := range r.Perm(6)[:4] {
			list = append(list, fmt.Sprintf("%s %s %d years", []string{"It was empty for about", "Its owner kept it for",
				"Traders avoided it for nearly", "It was rebuilt twice within", "Nobody measured it for",
				"The state used it for"}[k], pick(r, "the next|some|roughly|the last"), 3+r.IntN(60)))
		}
		it.Text[item.Choices], it.Text[item.Answer] = strings.Join(list, "\n"), string(rune('A'+r.IntN(4)))
		return it
	})
}

// readings are passages, each with four questions.
func readings(r *rand.Rand) SourceBench {
	passage := ""
	b := fixture("readings", func(i int) (it SourceItem) {
		if i%4 == 0 {
			var list []string
			for range 6 {
				list = append(list, fmt.Sprintf("%s %s the %s near %s, although %s.", pick(r, people),
					pick(r, "remembered|described|avoided|repaired|painted|sold"), pick(r, "mill|orchard|ferry|quarry|chapel|tannery"),
					pick(r, places),
					pick(r, "the harvest had failed|nobody had asked for it|the letters never arrived|the whole town was against "+
						"it|it had rained for a week|the keys were lost")))
			}
			passage = strings.Join(list, " ")
		}
		it.Text[item.Context] = passage
		it.Text[item.Question] = fmt.Sprintf("According to the text, %s that %s %s before %s %d?",
			pick(r, "why does the writer suggest|what is the main reason|how do we learn|which detail shows"), pick(r, people),
			pick(r, "left the valley|kept the old keys|refused the offer|wrote no letters"),
			pick(r, "the autumn of|the spring of|the flood of"), 1700+r.IntN(300))
		it.Text[item.Choices] = fmt.Sprintf("Because of the %s\nIn spite of the %s\nOnly after the %s",
			pick(r, "weather|money|journey"), pick(r, "neighbors|quarrel|distance"), pick(r, "sale|wedding|election"))
		it.Text[item.Answer] = "B"
		return it
	})
	b.Passages = true
	return b
}

// orders are instructions with conditions.
func orders(r *rand.Rand) SourceBench {
	return fixture("orders", func(int) (it SourceItem) {
		it.Text[item.Question] = fmt.Sprintf("Write a %s about %s for readers who %s. Use at least %d words, mention %s "+
			"exactly %d times, and do not use the letter %q. Finish with %s.",
			pick(r, "short letter|news story|recipe|wedding speech|travel note"), pick(r, places),
			pick(r, "have never seen the sea|distrust all maps|collect stamps|speak two languages|grow their own food"),
			100+10*r.IntN(40), pick(r, goods), 2+r.IntN(6), string(rune('a'+r.IntN(26))),
			pick(r, "a question to the reader|a line in capitals|two exclamation marks|the name of a color"))
		return it
	})
}
