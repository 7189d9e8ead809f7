package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A costly input is a benchmark and a corpus that a scan could find hard.
type costlyInput struct {
	name string
	make func(rng *rand.Rand) (items, documents []string)
}

// costlyInputs are texts that repeat themselves or one another.
var costlyInputs = []costlyInput{
	{"dense grids", func(rng *rand.Rand) (items, documents []string) {
		for range 400 {
			items = append(items, grids(rng, 7))
		}
		for range 250 {
			documents = append(documents, grids(rng, 7))
		}
		return items, documents
	}},
	{"de Bruijn", func(rng *rand.Rand) (items, documents []string) {
		all := strings.Fields(deBruijn(4, 8))
		for from := 0; from+200 <= len(all); from += 200 {
			items = append(items, strings.Join(all[from:from+200], " "))
		}
		return items, []string{strings.Join(all, " "), strings.Join(all[1:], " ")}
	}},
	{"one phrase", func(rng *rand.Rand) (items, documents []string) {
		phrase := prose(rng, 7) + " "
		for k := range 200 {
			items = append(items, prose(rng, 20)+" "+strings.Repeat(phrase, 1+k/4)+prose(rng, 20))
		}
		return items, []string{strings.Repeat(phrase, 1_000_000/len(phrase))}
	}},
	{"all items 1000 times", func(rng *rand.Rand) (items, documents []string) {
		for range 50 {
			items = append(items, prose(rng, 40))
		}
		return items, []string{strings.Repeat(strings.Join(items, "\n")+"\n", 1000)}
	}},
	{"haystacks", func(rng *rand.Rand) (items, documents []string) {
		return haystacks(rng, 100), haystacks(rng, 100)
	}},
	{"template", func(rng *rand.Rand) (items, documents []string) {
		return templates(rng, 20_000), templates(rng, 2000)
	}},
}

// prose returns n words, of which a few are frequent and most are rare, as in a language.
func prose(rng *rand.Rand, n int) string {
	syllables := strings.Fields("ba de fi go hu ka le mi no pu ra se ti vo wu xa ye zi so tu")
	text := make([]string, n)
	for k := range text {
		number := int(math.Exp(rng.Float64() * math.Log(50_000)))
		var word strings.Builder
		for number += 20; number > 0; number /= 20 {
			word.WriteString(syllables[number%20])
		}
		text[k] = word.String()
	}
	return strings.Join(text, " ")
}

// proseOf returns prose with the sizes of other texts.
func proseOf(rng *rand.Rand, texts []string) (same []string) {
	for _, text := range texts {
		p := prose(rng, len(text)/4+10)
		for len(p) < len(text) {
			p += " " + prose(rng, len(text)/4+10)
		}
		same = append(same, p[:len(text)])
	}
	return same
}

// grids returns n grids of digits, most of them zero.
func grids(rng *rand.Rand, n int) string {
	var text strings.Builder
	for range n {
		width := 8 + rng.IntN(18)
		for range 8 + rng.IntN(18) {
			for range width {
				digit := 0
				if rng.IntN(100) >= 85 {
					digit = 1 + rng.IntN(3)
				}
				fmt.Fprintf(&text, "%d ", digit)
			}
			text.WriteString("\n")
		}
		text.WriteString("\n")
	}
	return text.String()
}

// deBruijn returns a sequence of words out of some that has every n of them in a row once.
func deBruijn(some, n int) string {
	var text strings.Builder
	word := make([]int, n+1)
	var add func(at, period int)
	add = func(at, period int) {
		if at > n {
			if n%period == 0 {
				for _, w := range word[1 : period+1] {
					fmt.Fprintf(&text, "w%d ", w)
				}
			}
			return
		}
		word[at] = word[at-period]
		add(at+1, period)
		for w := word[at-period] + 1; w < some; w++ {
			word[at] = w
			add(at+1, at)
		}
	}
	add(1, 1)
	return text.String()
}

// haystacks returns n texts of one sentence again and again, with a needle in each.
func haystacks(rng *rand.Rand, n int) (texts []string) {
	const hay = "The grass is green. The sky is blue. The sun is yellow. Here we go. There and back again. "
	for range n {
		at := rng.IntN(100)
		needle := fmt.Sprintf("One of the special magic numbers for %s is: %d. ", prose(rng, 1), rng.IntN(1e7))
		texts = append(texts, strings.Repeat(hay, at)+needle+strings.Repeat(hay, 100-at)+
			"What is the special magic number for that mentioned in the provided text?")
	}
	return texts
}

// templates returns n texts that differ in a few words.
func templates(rng *rand.Rand, n int) (texts []string) {
	for range n {
		w := strings.Fields(prose(rng, 5))
		texts = append(texts, fmt.Sprintf("Given the following passage about the city of %s please answer the "+
			"question below as well as you can. %s was founded by %s in the year of %d and is known for its %s. "+
			"Question: in which year was the city that is mentioned above founded by its first mayor %s?",
			w[0], w[0], w[1], 1000+rng.IntN(1000), w[2], w[3]))
	}
	return texts
}

// costs prints a table of methods and inputs: how many times the CPU time of prose of the same
// sizes a scan takes.
func (b *bench) costs(list, inputs string) error {
	methods := strings.Split(list, ",")
	if list == "all" {
		out, err := b.command(b.dir, "methods").Output()
		if err != nil {
			return err
		}
		methods = nil
		for line := range strings.Lines(string(out)) {
			if name, _, found := strings.Cut(line, " "); found {
				methods = append(methods, name)
			}
		}
		methods = append(methods, "gpt3 --ignore-template", "llama2 --ignore-template")
	}
	var chosen []int
	fmt.Printf("%-26s", "times prose (seconds)")
	for n, in := range costlyInputs {
		if inputs != "" && !slices.Contains(strings.Split(inputs, ","), fmt.Sprint(n)) {
			continue
		}
		chosen = append(chosen, n)
		fmt.Printf("%16s", in.name)
		rng := rand.New(rand.NewPCG(1, uint64(n)))
		items, documents := in.make(rng)
		if err := errors.Join(b.writeCostly(fmt.Sprint("hard", n), items, documents),
			b.writeCostly(fmt.Sprint("prose", n), proseOf(rng, items), proseOf(rng, documents))); err != nil {
			return err
		}
	}
	fmt.Println()
	for _, method := range methods {
		fmt.Printf("%-26s", method)
		for _, n := range chosen {
			plain, _, err := b.leastTime(fmt.Sprint("prose", n), method)
			hard, ended, err2 := b.leastTime(fmt.Sprint("hard", n), method)
			if err := errors.Join(err, err2); err != nil {
				return fmt.Errorf("%s, %s: %w", costlyInputs[n].name, method, err)
			}
			more := ""
			if !ended {
				more = ">"
			}
			fmt.Printf("%16s", fmt.Sprintf("%s%.1f (%.2f)", more, hard.Seconds()/plain.Seconds(), hard.Seconds()))
		}
		fmt.Println()
	}
	return nil
}

// writeCostly writes texts as a benchmark, the last words of each as its answer, and a corpus.
func (b *bench) writeCostly(name string, items, documents []string) error {
	dir := filepath.Join(b.dir, name)
	var bench, corpus strings.Builder
	for k, text := range items {
		cut := max(len(text)-40, 0)
		item := map[string]string{"id": fmt.Sprint(k), "question": text[:cut], "answer": text[cut:]}
		bench.WriteString(marshal(item) + "\n")
	}
	for _, text := range documents {
		corpus.WriteString(marshal(map[string]string{"text": text}) + "\n")
	}
	if err := os.MkdirAll(filepath.Join(dir, "corpus"), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "bench.jsonl"), []byte(bench.String()), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "corpus", "documents.jsonl"), []byte(corpus.String()), 0o644)
}

// Scans that take less CPU time than shortScan are repeated; after longScan, by the clock, they
// are ended.
const (
	shortScan = time.Second
	longScan  = 3 * time.Minute
)

// leastTime returns the least CPU time of a few scans by a method, followed by other arguments,
// and whether they ended by themselves.
func (b *bench) leastTime(name, method string) (least time.Duration, ended bool, err error) {
	least = time.Duration(math.MaxInt64)
	for range 3 {
		dir := filepath.Join(b.dir, name)
		if err := os.RemoveAll(filepath.Join(dir, "audit")); err != nil {
			return 0, false, err
		}
		line := "scan --corpus corpus --bench bench.jsonl --out audit --no-report --method " + method
		c := b.command(dir, strings.Fields(line)...)
		c.Env = append(os.Environ(), "GOMAXPROCS=1")
		var stderr strings.Builder
		c.Stdout, c.Stderr = io.Discard, &stderr
		if err := c.Start(); err != nil {
			return 0, false, err
		}
		stop := time.AfterFunc(longScan, func() { c.Process.Kill() })
		err := c.Wait()
		switch ended := stop.Stop(); {
		case !ended:
			return c.ProcessState.UserTime(), false, nil
		case err != nil:
			return 0, false, fmt.Errorf("%w: %s", err, stderr.String())
		}
		if least = min(least, c.ProcessState.UserTime()); least > shortScan {
			break
		}
	}
	return least, true, nil
}
