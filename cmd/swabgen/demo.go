package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"swab/pipeline/sample"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/compress"
	"github.com/apache/arrow/go/v15/parquet/pqarrow"
)

// The texts of testdata/: a benchmark of harbour and workshop problems, a second
// one with choices, and a corpus with some of their items.

var riverton = []struct{ id, question, answer string }{
	{"r-01", "A ferry leaves Riverton with 84 passengers. At the first pier a third of them get off and 19 new passengers board. At the second pier half of the passengers on board get off. How many passengers are still on the ferry?", "A third of 84 is 28, so 56 stay and 75 are on board after the first pier. Half of 75 is not whole, so one family of three waits: 37 stay with 1 left over. #### 37"},
	{"r-02", "Mira glazes 14 bowls every morning and 9 bowls every afternoon. After six days she finds that one bowl in every twenty-three has cracked. How many whole bowls does she have to sell at the market?", "She glazes 23 bowls a day, 138 in six days. 138 / 23 = 6 have cracked, so 132 are whole. #### 132"},
	{"r-03", "The lighthouse keeper climbs 212 steps twice a day, except on Sundays, when he climbs them only once. How many steps does he climb in three full weeks?", "Six days of 424 steps and one of 212 make 2,756 a week, 8,268 in three weeks. #### 8268"},
	{"r-04", "An orchard plants pear trees in rows of 18. Frost takes every fourth tree of the first five rows. The owner replaces only half of the lost trees. How many trees of these rows are missing in the end?", "Five rows hold 90 trees, 22 are lost, 11 replaced. #### 11"},
	{"r-05", "Two trains set out from Dorn and Halvik, 360 kilometres apart, at seven in the morning. One travels at 50 kilometres an hour, the other at 70. At what time do they meet?", "They close 120 km an hour, so after 3 hours. #### 10"},
	{"r-06", "A baker uses 2.5 kilograms of flour for each tray of rye rolls and 1.75 kilograms for each tray of poppy rolls. She bakes eight trays of rye and twelve of poppy. How much flour does she need?", "8 * 2.5 + 12 * 1.75 = 41. #### 41"},
	{"r-07", "小明在河边捡到二十四块石头，他把其中的三分之一送给妹妹，又把剩下的一半放回河里。请问小明现在还有多少块石头？", "送出八块，剩十六块，放回八块。#### 8"},
	{"r-08", "How many legs do 7 spiders have?", "#### 56"},
	{"r-09", "Капитан проплыл за первый день сорок две мили, а каждый следующий день проплывал на пять миль меньше, чем накануне. Сколько миль он проплыл за четыре дня?", "42 + 37 + 32 + 27 = 138. #### 138"},
	{"r-10", "A clock that loses four minutes every hour is set right at noon. What is the true time when it shows six in the evening of the same day?", "It shows 56 minutes for each hour, so 360 / 56 hours have passed. #### 18:26"},
	{"r-11", "A tailor cuts 17 ribbons of 85 centimetres from a roll of 20 metres. How many ribbons of 45 centimetres can she still cut from what is left of the roll?", "17 * 85 = 1445, 555 are left, 12 ribbons. #### 12"},
	{"r-12", "In a choir there are three altos for every two tenors and five sopranos for every three altos. There are 24 tenors. How many sopranos sing in the choir?", "36 altos, 60 sopranos. #### 60"},
}

var crafts = [][]string{
	{"Which joint holds two boards at a right angle without glue, nails or screws because its wedge-shaped tails cannot slide out?", "a butt joint", "a dovetail joint", "a lap joint", "a scarf joint", "B"},
	{"A potter opens the kiln too early and hears a row of fine pings from the shelves. What is most likely happening to the glaze?", "It is melting again", "It is crazing as it cools too fast", "It is turning into ash", "It is soaking into the shelf", "B"},
	{"Why does a smith quench a chisel only at its edge and let the heat of the shank run back before quenching it whole?", "To save water", "To make the edge softer than the shank", "To temper the edge so that it is hard but not brittle", "To bend the shank", "C"},
	{"Which of these fibres is taken from the stem of a plant?", "cotton", "linen", "silk", "wool", "B"},
	{"A weaver finds that her cloth narrows towards the end of the loom. What has she most likely done wrong?", "She has pulled the weft too tight at the edges", "She has beaten the weft too softly", "She has used too many heddles", "She has wound the warp in the wrong colour", "A"},
	{"What does a bookbinder mean by the grain of paper?", "its colour", "the direction in which most of its fibres lie", "its weight for each square metre", "the roughness of its edge", "B"},
}

type document struct{ id, text string }

func newDocument(s string) document {
	id, text, _ := strings.Cut(s, "\n")
	return document{id, text}
}

var (
	web0 = []document{
		newDocument("forum/1001\nDoes anybody have a hint for this one? My teacher gave it to us on Friday.\n\nA FERRY leaves Riverton with 84 passengers; at the first pier a third of them get off, and 19 new passengers board.\nAt the second pier half of the passengers on board get off. How many passengers are still on the ferry??\n\nI always get a half passenger."),
		newDocument("news/harbour\nThe harbour office has put up a new board with the sailings for the winter. The first ferry now leaves at twenty past six, and the last boat back waits for the theatre to close. Dogs travel free, bicycles for one coin."),
		newDocument("blog/pots\n<p>Morning puzzle from the pottery class: <b>Mira</b> glazes <b>14</b> bowls every <i>morning</i> and <b>9</b> bowls every <i>afternoon</i>. After six days she finds that one bowl in every twenty-three has cracked. How many whole bowls does she have to sell at the market?</p><p>The answer surprised all of us.</p>"),
		newDocument("blog/garden\nWe planted pear trees in rows this spring, and the frost came twice. What the frost leaves, the deer take. The owner of the orchard next door only laughs and says that he replaces half and forgets the rest."),
		newDocument("wiki/lighthouse\nThe keeper of the old light climbed its steps twice a day until the lamp was made to run by itself. Visitors may climb them too, though not on Sundays."),
	}
	web1 = []document{
		newDocument("forum/2044\n> The lighthouse keeper climbs 212 steps\n> twice a day, except on Sundays, when he\n> climbs them only once. How many steps\n> does he climb in three full weeks?\n\nThat is 2,756 a week, so 8,268."),
		newDocument("zh/77\n今天的数学题：小明在河边捡到二十四块石头，他把其中的三分之一送给妹妹，又把剩下的一半放回河里。请问小明现在还有多少块石头？大家想一想。"),
		newDocument("shop/ribbons\nRibbons by the metre: satin, velvet and plain cotton, cut to any length. A roll holds twenty metres. We cut ribbons of 85 centimetres for sashes and shorter ones for jars."),
		newDocument("quiz/crafts\nQuiz night, round three. Question 4: Which joint holds two boards at a right angle without glue, nails or screws because its wedge-shaped tails cannot slide out? (a) a butt joint (b) a dovetail joint (c) a lap joint (d) a scarf joint. Answer: b."),
		newDocument("ru/12\nИз старого задачника. КАПИТАН проплыл за первый день сорок две мили, а каждый следующий день проплывал на пять миль меньше, чем накануне. Сколько миль он проплыл за четыре дня?"),
	}
	books = []document{
		newDocument("book/rail-3\nThe two trains in the old schoolbook always set out from towns that nobody had heard of, and always met at an hour when honest people were at lunch. Nobody in the story ever asked why they did not simply stay at home."),
		newDocument("book/smith-9\nThen he showed the boy why a smith quenches a chisel only at its edge and lets the heat of the shank run back before he quenches it whole: glass-hard steel is a promise that breaks at the first blow."),
		newDocument("book/choir-2\nThere were too many sopranos, as there always are, and the tenors sang as if they were paid by the word."),
		newDocument("book/tailor-1\nA tailor cuts 17 ribbons of 85 centimetres from a roll of 20 metres. How many rib-\nbons of 45 centimetres can she still cut from what is left of the roll? So the master asked, and the girl had the answer before he had closed his mouth."),
	}
)

// demo writes the files of testdata/ to dir.
func demo(dir string) error {
	if dir == "" {
		return fmt.Errorf("demo needs a directory")
	}
	jsonl := func(docs []document) func(io.Writer) error {
		return func(w io.Writer) error {
			for i, d := range docs {
				if err := sample.Line(w, map[string]any{"id": d.id, "text": d.text, "n": i}); err != nil {
					return err
				}
			}
			return nil
		}
	}
	for _, f := range []struct {
		path  string
		write func(io.Writer) error
	}{
		{"corpus/web-000.jsonl.zst", jsonl(web0)},
		{"corpus/web-001.json.gz", jsonl(web1)},
		{"corpus/books-000.parquet", func(w io.Writer) error { return writeParquet(w, books) }},
		{"bench/riverton.jsonl", func(w io.Writer) error {
			for _, it := range riverton {
				if err := sample.Line(w, map[string]any{"id": it.id, "question": it.question, "answer": it.answer}); err != nil {
					return err
				}
			}
			return nil
		}},
		{"bench/crafts.csv", func(w io.Writer) error {
			c := csv.NewWriter(w)
			if err := c.Write([]string{"question", "A", "B", "C", "D", "answer"}); err != nil {
				return err
			}
			return c.WriteAll(crafts)
		}},
	} {
		if err := create(filepath.Join(dir, f.path), f.write); err != nil {
			return err
		}
	}
	return nil
}

func writeParquet(w io.Writer, docs []document) error {
	schema := arrow.NewSchema([]arrow.Field{{Name: "id", Type: arrow.BinaryTypes.String}, {Name: "text", Type: arrow.BinaryTypes.String}}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	for _, d := range docs {
		b.Field(0).(*array.StringBuilder).Append(d.id)
		b.Field(1).(*array.StringBuilder).Append(d.text)
	}
	rec := b.NewRecord()
	defer rec.Release()
	out, err := pqarrow.NewFileWriter(schema, struct{ io.Writer }{w}, parquet.NewWriterProperties(parquet.WithCompression(compress.Codecs.Zstd)), pqarrow.DefaultWriterProps())
	if err != nil {
		return err
	}
	if err := out.Write(rec); err != nil {
		return err
	}
	return out.Close()
}
