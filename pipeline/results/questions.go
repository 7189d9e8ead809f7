package results

import (
	"slices"
	"strings"

	"swab/ngram"
	"swab/pipeline/audit"
	"swab/pipeline/rows"
)

// Questions finds the questions of an audit's items in texts, by the hashes that its verdicts
// keep. Questions of equal words are one, numbered from 0. It is read by many goroutines.
type Questions struct {
	byItem []int32 // question of each item, -1 for none
	list   []audit.Question
	items  [][2]int32 // of each question: the number of its items, and the first
	more   map[int32][]int32
	whole  map[uint64]int32 // by All
	starts map[uint64]int32 // by Start: the last question that begins so, of at least audit.QuestionStart words
	next   []int32          // of each question: another that begins so, or -1
	short  [audit.QuestionStart]bool
	powers [audit.QuestionStart + 1]uint64
}

// minContained is the least number of words of a question that says which item a longer text
// asks: fewer are found by chance.
const minContained = 4

// NewQuestions returns the questions of a table's items.
func NewQuestions(a *audit.Table) *Questions {
	q := &Questions{
		byItem: make([]int32, len(a.Items)), whole: make(map[uint64]int32), starts: make(map[uint64]int32),
		more: make(map[int32][]int32),
	}
	for n := range q.powers {
		q.powers[n] = power(n)
	}
	for k := range a.Items {
		have := a.Items[k].Question
		q.byItem[k] = -1
		if have.Words == 0 {
			continue
		}
		n, ok := q.whole[have.All]
		if !ok {
			n = q.add(have, int32(k))
		} else {
			q.items[n][0]++
			q.more[n] = append(q.more[n], int32(k))
		}
		q.byItem[k] = n
	}
	return q
}

// add adds a question that no item before has.
func (q *Questions) add(have audit.Question, item int32) int32 {
	n := int32(len(q.list))
	q.list, q.items = append(q.list, have), append(q.items, [2]int32{1, item})
	q.whole[have.All] = n
	after := int32(-1)
	if have.Words < audit.QuestionStart {
		q.short[have.Words] = true
	} else {
		if at, ok := q.starts[have.Start]; ok {
			after = at
		}
		q.starts[have.Start] = n
	}
	q.next = append(q.next, after)
	return n
}

// itemsOf returns the items of a question.
func (q *Questions) itemsOf(n int32) []int32 {
	return append([]int32{q.items[n][1]}, q.more[n]...)
}

// A span is where a text has the words of a question.
type span struct{ question, from, end int32 }

// find returns the questions in a text with words of these hashes, each once, those that
// identify an item first: the question that is the text, else those inside it, except questions
// inside a longer one. Those from strong on are of so few words that a longer text may have them
// by chance.
func (q *Questions) find(words []uint64, sums []uint64) (found []int32, strong int, _ []uint64) {
	if len(words) == 0 {
		return nil, 0, sums
	}
	if n, ok := q.whole[ngram.HashGram(words)]; ok && int(q.list[n].Words) == len(words) {
		return []int32{n}, 1, sums
	}
	// The hash of words i to j is sums[j] − sums[i]·base^(j−i), base the factor of the hash.
	sums = append(sums[:0], 0)
	for _, w := range words {
		sums = append(sums, ngram.AddWord(sums[len(sums)-1], w))
	}
	hash := func(i, n int) uint64 {
		if n < len(q.powers) {
			return sums[i+n] - sums[i]*q.powers[n]
		}
		return sums[i+n] - sums[i]*power(n)
	}
	var spans []span
	for i := range words {
		for n := 1; n < audit.QuestionStart && i+n <= len(words); n++ {
			if !q.short[n] {
				continue
			}
			if k, ok := q.whole[hash(i, n)]; ok && int(q.list[k].Words) == n {
				spans = append(spans, span{k, int32(i), int32(i + n)})
			}
		}
		if i+audit.QuestionStart > len(words) {
			continue
		}
		k, ok := q.starts[hash(i, audit.QuestionStart)]
		for ; ok && k >= 0; k = q.next[k] {
			if n := int(q.list[k].Words); i+n <= len(words) && hash(i, n) == q.list[k].All {
				spans = append(spans, span{k, int32(i), int32(i + n)})
			}
		}
	}
	found, strong = q.distinct(spans)
	return found, strong, sums
}

// power returns the n-th power of the factor of the hash.
func power(n int) uint64 {
	p, base := uint64(1), ngram.AddWord(1, 0)
	for ; n > 0; n >>= 1 {
		if n&1 == 1 {
			p *= base
		}
		base *= base
	}
	return p
}

// distinct returns the questions of the spans that are inside no longer one, see find.
func (q *Questions) distinct(spans []span) (found []int32, strong int) {
	slices.SortFunc(spans, func(a, b span) int {
		if a.from != b.from {
			return int(a.from - b.from)
		}
		return int(b.end - a.end)
	})
	var weak []int32
	end := int32(0) // of the spans so far
	for _, s := range spans {
		if s.end <= end {
			continue // inside one before
		}
		end = s.end
		list := &found
		if s.end-s.from < minContained {
			list = &weak
		}
		if !slices.Contains(*list, s.question) {
			*list = append(*list, s.question)
		}
	}
	return append(found, weak...), len(found)
}

// maxPaths is the number of fields of a file whose texts are compared with questions.
const maxPaths = 64

// A seeker finds the questions of the audit's items in the rows of a file. Any text of a row
// may be the question, or a prompt that contains it, so all are read until it is known which
// fields have questions.
type seeker struct {
	*Questions
	words audit.Questioner
	sums  []uint64
	paths map[string]int
	field [maxPaths]struct {
		rows, found int
		named       bool // its name says that it is a question
	}
	rows int // with a question in any field
	all  int // rows

	exact, found, weak []int32 // of the present row: texts that are a question, that contain one, and one of few words
	mask               uint64  // fields that the row has
	has                uint64  // of them, with a question
}

const (
	maxDepth   = 6
	maxText    = 1 << 20 // bytes of a text that is compared
	learnRows  = 256     // after these, fields without questions are passed over if others have some
	learnAtAll = 10_000  // after these, all are
)

// seek returns the questions in a row's texts, those that identify no item as ^number, and the
// fields, as bits, that have a text.
func (s *seeker) seek(row rows.Object) (found []int32, fields uint64) {
	s.exact, s.found, s.weak = s.exact[:0], s.found[:0], s.weak[:0]
	s.mask, s.has = 0, 0
	s.all++
	for i := range row {
		s.value(row[i].Key, row[i].Raw, 0)
	}
	if len(s.exact)+len(s.found)+len(s.weak) == 0 {
		return nil, s.mask
	}
	s.rows++
	// A text that is a question says more than one that contains several, as a prompt with
	// examples does.
	if len(s.exact) == 0 {
		s.exact, s.found = s.found, s.exact
	}
	found = slices.Clone(s.exact)
	for _, n := range append(s.found, s.weak...) {
		if !slices.Contains(found, n) && !slices.Contains(found, ^n) {
			found = append(found, ^n)
		}
	}
	return found, s.mask
}

// value seeks in a value at a path.
func (s *seeker) value(path string, raw []byte, depth int) {
	if len(raw) < 3 || depth > maxDepth {
		return
	}
	switch raw[0] {
	case '"':
		s.text(path, raw)
	case '[':
		list, _ := rows.Elements(raw)
		for _, e := range list {
			s.value(path, e, depth+1)
		}
	case '{':
		for _, m := range rows.SubObject(raw) {
			s.value(path+"."+m.Key, m.Raw, depth+1)
		}
	}
}

// number returns the number of a path's field, -1 if there are too many.
func (s *seeker) number(path string) int {
	n, ok := s.paths[path]
	if ok {
		return n
	}
	if n = len(s.paths); n == maxPaths {
		return -1
	}
	if s.paths == nil {
		s.paths = make(map[string]int)
	}
	s.paths[path] = n
	name := path[strings.LastIndexByte(path, '.')+1:]
	s.field[n].named = slices.Contains(questionNames, strings.ToLower(name)) || strings.HasSuffix(path, "input.text")
	return n
}

// text seeks in one text.
func (s *seeker) text(path string, raw []byte) {
	n := s.number(path)
	if n < 0 {
		return
	}
	f := &s.field[n]
	if f.found == 0 && !f.named && (f.rows >= learnAtAll || f.rows >= learnRows && s.rows > 0) || len(raw) > maxText {
		return
	}
	text, _ := rows.Text(raw)
	words := s.words.Words(text)
	if len(words) == 0 {
		return
	}
	var found []int32
	var strong int
	found, strong, s.sums = s.find(words, s.sums)
	exact := strong == 1 && int(s.list[found[0]].Words) == len(words)
	if len(words) < minContained && !f.named && (f.rows < minContained || 2*f.found < f.rows) {
		strong = 0 // a label or an answer
	}
	bit := uint64(1) << n
	if s.mask&bit == 0 {
		s.mask |= bit
		f.rows++
	}
	if strong > 0 && s.has&bit == 0 {
		s.has |= bit
		f.found++
	}
	s.add(found, strong, exact)
}

// add adds the questions that one text has, the strong ones first.
func (s *seeker) add(found []int32, strong int, exact bool) {
	for i, q := range found {
		list := &s.found
		switch {
		case i >= strong:
			list = &s.weak
		case exact:
			list = &s.exact
		}
		if !slices.Contains(*list, q) {
			*list = append(*list, q)
		}
	}
}

// questionFields returns, as bits, the fields that have the questions: those that mostly have one
// of the audit, or if there are none, those of a name that says so.
func (s *seeker) questionFields() (fields uint64) {
	named := uint64(0)
	for i, f := range s.field {
		if f.found > 0 && 2*f.found >= f.rows {
			fields |= 1 << i
		}
		if f.named {
			named |= 1 << i
		}
	}
	if fields == 0 {
		return named
	}
	return fields
}

// Of an outcome, in comparison with an item.
const (
	notCompared = iota
	agrees
	differs
)

// compare compares an outcome's texts with the question of an item.
func (q *Questions) compare(o *Outcome, item int32) int {
	if q == nil {
		return notCompared
	}
	n := q.byItem[item]
	switch {
	case n < 0:
		return notCompared
	case slices.Contains(o.found, n), slices.Contains(o.found, ^n):
		return agrees
	case o.fields != 0:
		return differs
	}
	return notCompared
}

// Question returns the number of the only question that an outcome's texts identify, or -1.
func (o *Outcome) Question() int32 {
	if len(o.found) == 0 || o.found[0] < 0 || len(o.found) > 1 && o.found[1] >= 0 {
		return -1
	}
	return o.found[0]
}
