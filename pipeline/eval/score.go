package eval

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"swab/pipeline/score"
)

// NotCheckable is the state of items that a method cannot judge. They count as not
// flagged, and also by themselves.
const NotCheckable Want = "not checkable"

// A Verdict is what a method returns for an item.
type Verdict struct {
	Method string
	Bench  string
	Item   string
	State  Want   // Flagged, Clean or NotCheckable
	Kind   string // "input", "answer", "altered", …; "" where the method has no kinds
	Score  float64
}

func (v Verdict) flagged() bool { return v.State == Flagged }

// altered reports whether the method says that the wording is there with other numbers
// or names, flagged or not.
func (v Verdict) altered() bool { return v.Kind == "altered" }

// A Rate is a share with its 95 % interval by Wilson.
type Rate struct {
	Count int     `json:"count"`
	Of    int     `json:"of"`
	Share float64 `json:"share"` // 0 of none
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// Wilson returns the share of count in of with its interval by [score.Wilson]; of none it is
// 0 to 1.
func Wilson(count, of int) Rate {
	r := Rate{Count: count, Of: of, High: 1}
	if of > 0 {
		r.Share = float64(count) / float64(of)
		r.Low, r.High = score.Wilson(int64(count), int64(of))
	}
	return r
}

// f1 is the harmonic mean of precision and recall. Its interval is that of the share
// of found items among those found, missed and falsely flagged, j, at 2j/(1+j).
func f1(found, missed, false_ int) Rate {
	r := Wilson(found, found+missed+false_)
	for _, x := range []*float64{&r.Share, &r.Low, &r.High} {
		*x = 2 * *x / (1 + *x)
	}
	return r
}

// A Judged is a set with what methods returned for its items.
type Judged struct {
	Set      *Set // its Docs are not used
	Verdicts []Verdict
}

// A Report is how methods did on the sets of one part of the classes.
type Report struct {
	Seed      uint64         `json:"seed"` // of the first set
	Rounds    int            `json:"rounds"`
	Part      Part           `json:"part"`
	Sources   string         `json:"sources"`
	Items     int            `json:"items"`
	Planted   int            `json:"planted"`
	Contained int            `json:"contained"` // unplanted items that planted ones or documents contain; left out
	Methods   []MethodReport `json:"methods"`
}

// A MethodReport is how one method did. Precision, recall and F1 are over all items
// that are wanted flagged or clean and that nothing contains by chance.
type MethodReport struct {
	Method       string `json:"method"`
	Found        int    `json:"found"`  // wanted flagged and flagged
	Missed       int    `json:"missed"` // wanted flagged and not flagged
	False        int    `json:"false"`  // wanted clean and flagged
	Right        int    `json:"right"`  // wanted clean and not flagged
	NotCheckable int    `json:"not_checkable"`

	Precision Rate `json:"precision"`
	Recall    Rate `json:"recall"`
	F1        Rate `json:"f1"` // its Count and Of are found, and found, missed or false

	Short      Rate `json:"short"`       // recall among items of 8 to 20 words
	ShortFalse Rate `json:"short_false"` // false flags among such items that are wanted clean
	Contained  Rate `json:"contained"`   // flagged of those that something contains; neither right nor wrong

	Classes   []ClassReport `json:"classes"`
	Unplanted []BenchRate   `json:"unplanted"`           // false flags of class Nothing, by benchmark
	Misjudged []Misjudged   `json:"misjudged,omitempty"` // of the development classes alone
}

// A ClassReport is how a method did on the items of one class.
type ClassReport struct {
	Class   string `json:"class"`
	Want    Want   `json:"want"`
	Flagged Rate   `json:"flagged"`
	Altered Rate   `json:"altered"` // said to be there with other numbers or names, flagged or not
	Answer  Rate   `json:"answer"`  // flagged for the answer alone
}

// A BenchRate is a share of one benchmark's items.
type BenchRate struct {
	Bench string `json:"bench"`
	Rate
}

// Misjudged is an item that a method flagged and should not have, or the reverse.
type Misjudged struct {
	Round int     `json:"round"`
	Bench string  `json:"bench"`
	Item  string  `json:"item"`
	Class string  `json:"class"`
	Want  Want    `json:"want"`
	State Want    `json:"state"`
	Kind  string  `json:"kind"`
	Score float64 `json:"score"`
	Words int     `json:"words"`
	Doc   string  `json:"doc,omitempty"`
}

// Words of items that count as short.
const (
	shortFrom = 8
	shortTo   = 20
)

// Score compares verdicts with the labels of sets and adds the sets up. Methods are
// reported in the order in which they first come. It is an error when a method returns
// nothing for an item, two verdicts, or one for an item that is not in the set, and when
// the sets are of different parts.
func Score(rounds ...Judged) (*Report, error) {
	r := &Report{Rounds: len(rounds)}
	tallies := map[string]*tally{}
	var order []*tally
	for n, round := range rounds {
		s := round.Set
		if n == 0 {
			r.Seed, r.Part, r.Sources = s.Seed, s.Part, s.Sources
		} else if s.Part != r.Part {
			return nil, fmt.Errorf("sets of %s and of %s classes are not added up", r.Part, s.Part)
		}
		items := 0
		for _, b := range s.Benches {
			for _, it := range b.Items {
				items++
				if it.Label.Contained != "" {
					r.Contained++
				} else if it.Label.Class != Nothing && it.Label.Class != Neighbour {
					r.Planted++
				}
			}
		}
		r.Items += items
		methods, byMethod, err := byItem(s, items, round.Verdicts)
		if err != nil {
			return nil, err
		}
		for _, m := range methods {
			t := tallies[m]
			if t == nil {
				t = newTally(m, s)
				tallies[m] = t
				order = append(order, t)
			}
			if err := t.add(n, s, byMethod[m]); err != nil {
				return nil, err
			}
		}
	}
	for _, t := range order {
		r.Methods = append(r.Methods, t.report(r.Part))
	}
	return r, nil
}

// byItem returns each method's verdicts in the order of the set's items, nil where
// there is none, and the methods in the order in which they first come.
func byItem(s *Set, items int, verdicts []Verdict) (methods []string, byMethod map[string][]*Verdict, err error) {
	type key struct{ bench, item string }
	number := make(map[key]int, items)
	for _, b := range s.Benches {
		for _, it := range b.Items {
			number[key{b.Name, it.ID}] = len(number)
		}
	}
	byMethod = map[string][]*Verdict{}
	for i := range verdicts {
		v := &verdicts[i]
		n, ok := number[key{v.Bench, v.Item}]
		if !ok {
			return nil, nil, fmt.Errorf("%s judges %s/%s, which is not in the set", v.Method, v.Bench, v.Item)
		}
		list := byMethod[v.Method]
		if list == nil {
			list = make([]*Verdict, items)
			byMethod[v.Method] = list
			methods = append(methods, v.Method)
		}
		if list[n] != nil {
			return nil, nil, fmt.Errorf("%s judges %s/%s twice", v.Method, v.Bench, v.Item)
		}
		list[n] = v
	}
	return methods, byMethod, nil
}

// A count is of items of one kind.
type count struct{ items, flagged, altered, answer int }

func (c *count) add(v *Verdict) {
	c.items++
	if v.flagged() {
		c.flagged++
		if v.Kind == "answer" {
			c.answer++
		}
	}
	if v.altered() {
		c.altered++
	}
}

func (c *count) rate() Rate { return Wilson(c.flagged, c.items) }

// A tally adds up one method's verdicts.
type tally struct {
	m                            MethodReport
	classes                      []Class
	byClass                      map[string]*count
	benches                      []string
	unplanted                    map[string]*count
	short, shortFalse, contained count
}

func newTally(method string, s *Set) *tally {
	t := &tally{m: MethodReport{Method: method}, classes: s.Classes, byClass: map[string]*count{},
		unplanted: map[string]*count{}}
	for _, c := range s.Classes {
		t.byClass[c.Name] = &count{}
	}
	return t
}

// add adds verdicts in the order of the set's items.
func (t *tally) add(round int, s *Set, verdicts []*Verdict) error {
	n := 0
	for _, b := range s.Benches {
		bench := t.unplanted[b.Name]
		if bench == nil {
			bench = &count{}
			t.unplanted[b.Name] = bench
			t.benches = append(t.benches, b.Name)
		}
		for _, it := range b.Items {
			v, l := verdicts[n], it.Label
			if n++; v == nil {
				return fmt.Errorf("%s returns nothing for %s/%s", t.m.Method, b.Name, it.ID)
			}
			if v.State == NotCheckable {
				t.m.NotCheckable++
			}
			if l.Contained != "" {
				t.contained.add(v)
				continue
			}
			class := t.byClass[l.Class]
			if class == nil {
				return fmt.Errorf("%s/%s is of class %q, which the set does not list", b.Name, it.ID, l.Class)
			}
			class.add(v)
			if l.Class == Nothing {
				bench.add(v)
			}
			if t.addLabelled(l, v) {
				t.m.Misjudged = append(t.m.Misjudged, Misjudged{round, b.Name, it.ID, l.Class, l.Want, v.State, v.Kind, v.Score,
					l.Words, l.DocID})
			}
		}
	}
	return nil
}

// addLabelled counts a verdict where its label has a right answer and reports whether
// it is wrong.
func (t *tally) addLabelled(l Label, v *Verdict) (wrong bool) {
	inShort := l.Words >= shortFrom && l.Words <= shortTo
	switch {
	case l.Want == Flagged:
		if inShort {
			t.short.add(v)
		}
		if v.flagged() {
			t.m.Found++
			return false
		}
		t.m.Missed++
		return true
	case l.Want == Clean:
		if inShort {
			t.shortFalse.add(v)
		}
		if v.flagged() {
			t.m.False++
			return true
		}
		t.m.Right++
	}
	return false
}

func (t *tally) report(p Part) MethodReport {
	m := t.m
	m.Precision, m.Recall = Wilson(m.Found, m.Found+m.False), Wilson(m.Found, m.Found+m.Missed)
	m.F1 = f1(m.Found, m.Missed, m.False)
	m.Short, m.ShortFalse, m.Contained = t.short.rate(), t.shortFalse.rate(), t.contained.rate()
	for _, c := range t.classes {
		n := t.byClass[c.Name]
		m.Classes = append(m.Classes, ClassReport{c.Name, c.Want, n.rate(), Wilson(n.altered, n.items),
			Wilson(n.answer, n.items)})
	}
	for _, b := range t.benches {
		m.Unplanted = append(m.Unplanted, BenchRate{b, t.unplanted[b].rate()})
	}
	if p != Development {
		m.Misjudged = nil
	}
	return m
}

// Table writes the report for a terminal: shares in per cent with their intervals, a
// column a method.
func (r *Report) Table(w io.Writer) error {
	g := newGrid(r)
	fmt.Fprintf(&g.b, "%s classes, seed %d, %d rounds, %s: %d items, %d of them planted, %d contained in others or "+
		"in documents and left out\n\n",
		r.Part, r.Seed, r.Rounds, r.Sources, r.Items, r.Planted, r.Contained)
	g.head("% with 95 % intervals")
	g.totals()
	if len(r.Methods) > 0 {
		first := r.Methods[0]
		g.row("recall, 8 to 20 words", "", first.Short.Of, func(m *MethodReport) Rate { return m.Short })
		g.row("false flags, 8 to 20 words", "", first.ShortFalse.Of, func(m *MethodReport) Rate { return m.ShortFalse })
		g.row("not checkable", "", -1, func(m *MethodReport) Rate { return Wilson(m.NotCheckable, r.Items) })
		g.b.WriteByte('\n')
		g.classes()
		r.overBar(&g.b)
	}
	_, err := io.WriteString(w, g.b.String())
	return err
}

// Brief writes totals and classes under a title.
func (r *Report) Brief(w io.Writer, title string) error {
	g := newGrid(r)
	g.b.WriteString(title + "\n")
	g.head("% with 95 % intervals")
	g.totals()
	g.classes()
	g.b.WriteByte('\n')
	_, err := io.WriteString(w, g.b.String())
	return err
}

// A grid is a report's rows, a column a method.
type grid struct {
	b strings.Builder
	r *Report
}

func newGrid(r *Report) *grid { return &grid{r: r} }

func (g *grid) head(what string) {
	line := fmt.Sprintf("%-29s %-8s %6s", what, "wanted", "items")
	for _, m := range g.r.Methods {
		line += fmt.Sprintf("  %-16s", m.Method)
	}
	g.b.WriteString(strings.TrimRight(line, " ") + "\n")
}

// row writes a line; items below 0 are left out.
func (g *grid) row(what, want string, items int, cell func(m *MethodReport) Rate) {
	number := ""
	if items >= 0 {
		number = fmt.Sprint(items)
	}
	line := fmt.Sprintf("%-29s %-8s %6s", what, want, number)
	for i := range g.r.Methods {
		text := cell(&g.r.Methods[i]).String()
		line += "  " + text + strings.Repeat(" ", max(0, 16-utf8.RuneCountInString(text)))
	}
	g.b.WriteString(strings.TrimRight(line, " ") + "\n")
}

func (g *grid) totals() {
	g.row("precision", "", -1, func(m *MethodReport) Rate { return m.Precision })
	g.row("recall", "", -1, func(m *MethodReport) Rate { return m.Recall })
	g.row("F1", "", -1, func(m *MethodReport) Rate { return m.F1 })
}

// classes writes the share flagged of each class.
func (g *grid) classes() {
	for i, c := range g.r.Methods[0].Classes {
		g.row(c.Class, string(c.Want), c.Flagged.Of, func(m *MethodReport) Rate { return m.Classes[i].Flagged })
		switch {
		case c.Want == Altered:
			g.row("  of them as altered", "", c.Flagged.Of, func(m *MethodReport) Rate { return m.Classes[i].Altered })
		case c.Class == "code-alone" || c.Class == "solution-alone":
			g.row("  of them as answer", "", c.Flagged.Of, func(m *MethodReport) Rate { return m.Classes[i].Answer })
		}
	}
}

// overBar writes, for each method, the benchmarks of whose unplanted items more are
// flagged than one item or 1 in 1,000, whichever is more.
func (r *Report) overBar(b *strings.Builder) {
	b.WriteString("\nbenchmarks with more false flags of unplanted items than one item or 1 in 1,000\n")
	for _, m := range r.Methods {
		var list []string
		for _, u := range m.Unplanted {
			if u.Count > 1 && u.Count*1000 > u.Of {
				list = append(list, fmt.Sprintf("%s %d of %d", u.Bench, u.Count, u.Of))
			}
		}
		if list == nil {
			list = []string{"none"}
		}
		fmt.Fprintf(b, "%-12s %s\n", m.Method, strings.Join(list, ", "))
	}
}

// String returns the share and its interval in per cent, or a dash of none.
func (r Rate) String() string {
	if r.Of == 0 {
		return "–"
	}
	return fmt.Sprintf("%s %s–%s", inPercent(r.Share), inPercent(r.Low), inPercent(r.High))
}

func inPercent(x float64) string {
	if x > 0 && x < 0.001 {
		return fmt.Sprintf("%.2f", 100*x)
	}
	if x == 1 {
		return "100"
	}
	return fmt.Sprintf("%.1f", 100*x)
}
