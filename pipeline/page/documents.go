package page

import (
	"cmp"
	"slices"
	"strings"

	"swab/pipeline/audit"
	"swab/pipeline/report"
)

const (
	maxDocumentItems = 200_000 // of all documents together
	maxDocumentRows  = 20      // of the table of documents
)

// document is a row of the corpus, with the items of the page that have evidence in it.
type document struct {
	shard int
	row   int64
	id    string
	items []int // by their places in the list, in the order of the evidence
}

// documents has the documents of the evidence, in the order in which they are met.
type documents struct {
	list  []document
	at    map[rowOf]int
	items int   // of all documents together
	more  int64 // items of documents beyond maxDocumentItems
}

// rowOf is the place of a document in the corpus.
type rowOf struct {
	shard int
	row   int64
}

// add adds an item of the list to the documents of its evidence.
func (d *documents) add(it int, rows []audit.Evidence, shards *names) {
	if d.at == nil {
		d.at = map[rowOf]int{}
	}
	for i := range rows {
		p := rowOf{shards.number(rows[i].Shard), rows[i].Row}
		n, ok := d.at[p]
		if ok && d.list[n].items[len(d.list[n].items)-1] == it {
			continue // by another match or method
		}
		if d.items == maxDocumentItems {
			d.more++
			continue
		}
		if !ok {
			n = len(d.list)
			d.at[p] = n
			d.list = append(d.list, document{p.shard, p.row, text(head(rows[i].DocID, 300)), nil})
		}
		d.list[n].items = append(d.list[n].items, it)
		d.items++
	}
}

// columns returns the documents in the form that the page's script reads: of each its shard,
// row and id, and the places of its items in the list.
func (d *documents) columns() any {
	out := struct {
		Shard []int    `json:"shard"`
		Row   []int64  `json:"row"`
		ID    []string `json:"id"`
		Items [][]int  `json:"items"`
	}{[]int{}, []int64{}, []string{}, [][]int{}}
	for i := range d.list {
		e := &d.list[i]
		out.Shard, out.Row = append(out.Shard, e.shard), append(out.Row, e.row)
		out.ID, out.Items = append(out.ID, e.id), append(out.Items, e.items)
	}
	return out
}

// documentRow is a document in the table of those with the most items.
type documentRow struct {
	ID, Shard string
	Row       int64
	Found     int64  // items found
	Items     string // by benchmark
	At        int    // its place among the documents
}

// documentRows returns the documents with the most items found, those with one left out.
func (b *book) documentRows() []documentRow {
	type counted struct {
		at    int
		found int64
	}
	var most []counted
	for i := range b.documents.list {
		c := counted{at: i}
		for _, it := range b.documents.list[i].items {
			if s := b.items[it].state; s == 'f' || s == 's' {
				c.found++
			}
		}
		if c.found > 1 {
			most = append(most, c)
		}
	}
	slices.SortStableFunc(most, func(x, y counted) int { return cmp.Compare(y.found, x.found) })
	var rows []documentRow
	for _, c := range most[:min(len(most), maxDocumentRows)] {
		e := &b.documents.list[c.at]
		rows = append(rows, documentRow{e.id, b.shards.list[e.shard], e.row, c.found, b.byBenchmark(e.items), c.at})
	}
	return rows
}

// byBenchmark returns how many of the items are found in each benchmark, those with the most
// first, as text.
func (b *book) byBenchmark(items []int) string {
	counts := make([]int64, len(b.benches.list))
	for _, it := range items {
		if s := b.items[it].state; s == 'f' || s == 's' {
			counts[b.items[it].bench]++
		}
	}
	order := make([]int, 0, len(counts))
	for i, n := range counts {
		if n > 0 {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(x, y int) int { return cmp.Compare(counts[y], counts[x]) })
	var parts []string
	for _, i := range order {
		parts = append(parts, report.Thousands(counts[i])+" of "+b.benches.list[i])
	}
	return strings.Join(parts, ", ")
}
