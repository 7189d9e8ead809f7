package eval

import (
	"fmt"
	"io"
	"math"
	"strings"
	"unicode/utf8"
)

// NotCheckable is the state of items that a method cannot judge. They count as not
// flagged, and also by themselves.
const NotCheckable Want = "not checkable"

// A Verdict is what a method says of an item: Flagged, Variant, which is a kind of
// flag, Clean or NotCheckable.
type Verdict struct {
	Method string
	Bench  string
	Item   string
	State  Want
	Score  float64
}

func (v Verdict) flagged() bool { return v.State == Flagged || v.State == Variant }

// A Rate is a share with its 95 % interval by Wilson.
type Rate struct {
	Count int     `json:"count"`
	Of    int     `json:"of"`
	Share float64 `json:"share"` // 0 of none
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// Wilson gives the share of count in of, and the interval (Wilson 1927) that holds
// the true one with 95 %; of none it is 0 to 1.
func Wilson(count, of int) Rate {
	r := Rate{Count: count, Of: of, High: 1}
	if of == 0 {
		return r
	}
	const z = 1.959963984540054
	n := float64(of)
	p := float64(count) / n
	middle := (p + z*z/(2*n)) / (1 + z*z/n)
	width := z / (1 + z*z/n) * math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	r.Share, r.Low, r.High = p, max(0, middle-width), min(1, middle+width)
	if count == 0 {
		r.Low = 0
	}
	if count == of {
		r.High = 1
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

// A Report is how methods did on a set.
type Report struct {
	Seed    uint64         `json:"seed"`
	Sources string         `json:"sources"`
	Items   int            `json:"items"`
	Planted int            `json:"planted"`
	Repeats int            `json:"repeats"` // unplanted items that stand in documents all the same
	Docs    int            `json:"documents"`
	Bytes   int64          `json:"bytes"` // of documents
	Methods []MethodReport `json:"methods"`
}

// A MethodReport is how one method did. Precision, recall and F1 are over all items
// that are wanted flagged or clean and repeat nothing.
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
	Unplanted  Rate `json:"unplanted"`   // false flags among items of which nothing was planted
	Repeats    Rate `json:"repeats"`     // flagged of those that repeat something; neither right nor wrong

	Classes   []ClassReport `json:"classes"`
	Misjudged []Misjudged   `json:"misjudged"`
}

// A ClassReport is how a method did on the items of one class.
type ClassReport struct {
	Class     string `json:"class"`
	Want      Want   `json:"want"`
	Flagged   Rate   `json:"flagged"`    // in whatever way
	AsVariant Rate   `json:"as_variant"` // flagged as a variant
}

// Misjudged is an item that a method flagged and should not have, or the reverse.
type Misjudged struct {
	Bench string  `json:"bench"`
	Item  string  `json:"item"`
	Class string  `json:"class"`
	Want  Want    `json:"want"`
	State Want    `json:"state"`
	Score float64 `json:"score"`
	Words int     `json:"words"`
	Doc   string  `json:"doc,omitempty"`
}

// Words of items that count as short.
const (
	shortFrom = 8
	shortTo   = 20
)

// Score compares verdicts with the labels of a set. Methods are reported in the order
// in which they first come. It is an error when a method says nothing of an item, two
// things, or something of an item that is not in the set.
func Score(s *Set, verdicts []Verdict) (*Report, error) {
	type key struct{ bench, item string }
	labels := map[key]int{}
	r := &Report{Seed: s.Seed, Sources: s.Sources, Docs: len(s.Docs)}
	for _, d := range s.Docs {
		r.Bytes += int64(len(d.Text))
	}
	for _, b := range s.Benches {
		for _, it := range b.Items {
			labels[key{b.Name, it.ID}] = r.Items
			r.Items++
			if it.Label.Repeats != "" {
				r.Repeats++
			} else if it.Label.Class != Nothing {
				r.Planted++
			}
		}
	}
	byMethod := map[string][]*Verdict{}
	for i := range verdicts {
		v := &verdicts[i]
		n, ok := labels[key{v.Bench, v.Item}]
		if !ok {
			return nil, fmt.Errorf("%s judges %s/%s, which is not in the set", v.Method, v.Bench, v.Item)
		}
		list := byMethod[v.Method]
		if list == nil {
			list = make([]*Verdict, r.Items)
			byMethod[v.Method] = list
			r.Methods = append(r.Methods, MethodReport{Method: v.Method})
		}
		if list[n] != nil {
			return nil, fmt.Errorf("%s judges %s/%s twice", v.Method, v.Bench, v.Item)
		}
		list[n] = v
	}
	for i := range r.Methods {
		if err := r.Methods[i].score(s, byMethod[r.Methods[i].Method]); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// score fills in what the verdicts, in the order of the set's items, amount to.
func (m *MethodReport) score(s *Set, verdicts []*Verdict) error {
	type tally struct{ items, flagged, variants int }
	classes := map[string]*tally{}
	for _, c := range s.Classes {
		classes[c.Name] = &tally{}
	}
	var short, shortFalse, nothing, repeats tally
	add := func(t *tally, v *Verdict) {
		t.items++
		if v.flagged() {
			t.flagged++
		}
		if v.State == Variant {
			t.variants++
		}
	}
	n := 0
	for _, b := range s.Benches {
		for _, it := range b.Items {
			v, l := verdicts[n], it.Label
			if n++; v == nil {
				return fmt.Errorf("%s says nothing of %s/%s", m.Method, b.Name, it.ID)
			}
			if v.State == NotCheckable {
				m.NotCheckable++
			}
			if l.Repeats != "" {
				add(&repeats, v)
				continue
			}
			class := classes[l.Class]
			if class == nil {
				return fmt.Errorf("%s/%s is of class %q, which the set does not list", b.Name, it.ID, l.Class)
			}
			add(class, v)
			inShort := l.Words >= shortFrom && l.Words <= shortTo
			wrong := false
			switch l.Want {
			case Flagged:
				if inShort {
					add(&short, v)
				}
				if v.flagged() {
					m.Found++
				} else {
					m.Missed++
					wrong = true
				}
			case Clean:
				if inShort {
					add(&shortFalse, v)
				}
				if l.Class == Nothing {
					add(&nothing, v)
				}
				if v.flagged() {
					m.False++
					wrong = true
				} else {
					m.Right++
				}
			}
			if wrong {
				m.Misjudged = append(m.Misjudged, Misjudged{b.Name, it.ID, l.Class, l.Want, v.State, v.Score, l.Words, l.DocID})
			}
		}
	}
	m.Precision, m.Recall = Wilson(m.Found, m.Found+m.False), Wilson(m.Found, m.Found+m.Missed)
	m.F1 = f1(m.Found, m.Missed, m.False)
	m.Short, m.ShortFalse = Wilson(short.flagged, short.items), Wilson(shortFalse.flagged, shortFalse.items)
	m.Unplanted, m.Repeats = Wilson(nothing.flagged, nothing.items), Wilson(repeats.flagged, repeats.items)
	for _, c := range s.Classes {
		t := classes[c.Name]
		m.Classes = append(m.Classes, ClassReport{c.Name, c.Want, Wilson(t.flagged, t.items), Wilson(t.variants, t.items)})
	}
	return nil
}

// Table writes the report for a terminal: shares in per cent with their intervals, a
// column a method.
func (r *Report) Table(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d, %s: %d items, %d of them planted, %d repeat another or a document; %d documents, %d MB\n\n",
		r.Seed, r.Sources, r.Items, r.Planted, r.Repeats, r.Docs, (r.Bytes+500_000)/1_000_000)
	row := func(what, want string, items int, cells func(m *MethodReport) Rate) {
		count := ""
		if items >= 0 {
			count = fmt.Sprint(items)
		}
		line := fmt.Sprintf("%-28s %-9s %6s", what, want, count)
		for i := range r.Methods {
			c := cells(&r.Methods[i])
			text := "–"
			if c.Of > 0 {
				text = fmt.Sprintf("%s %s–%s", percent(c.Share), percent(c.Low), percent(c.High))
			}
			line += "  " + text + strings.Repeat(" ", max(0, 16-utf8.RuneCountInString(text)))
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	head := fmt.Sprintf("%-28s %-9s %6s", "% with 95 % intervals", "", "")
	for _, m := range r.Methods {
		head += fmt.Sprintf("  %-16s", m.Method)
	}
	b.WriteString(strings.TrimRight(head, " ") + "\n")
	row("precision", "", -1, func(m *MethodReport) Rate { return m.Precision })
	row("recall", "", -1, func(m *MethodReport) Rate { return m.Recall })
	row("F1", "", -1, func(m *MethodReport) Rate { return m.F1 })
	if len(r.Methods) > 0 {
		row("recall, 8 to 20 words", "", r.Methods[0].Short.Of, func(m *MethodReport) Rate { return m.Short })
		row("false flags, 8 to 20 words", "", r.Methods[0].ShortFalse.Of, func(m *MethodReport) Rate { return m.ShortFalse })
		row("not checkable", "", -1, func(m *MethodReport) Rate { return Wilson(m.NotCheckable, r.Items) })
		row("repeats, counted apart", "", r.Methods[0].Repeats.Of, func(m *MethodReport) Rate { return m.Repeats })
		b.WriteString("\n" + strings.TrimRight(fmt.Sprintf("%-28s %-9s %6s  flagged", "class", "wanted", "items"), " ") + "\n")
		for i, c := range r.Methods[0].Classes {
			row(c.Class, string(c.Want), c.Flagged.Of, func(m *MethodReport) Rate { return m.Classes[i].Flagged })
			if c.Want == Variant {
				row("  of them as a variant", "", c.Flagged.Of, func(m *MethodReport) Rate { return m.Classes[i].AsVariant })
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func percent(x float64) string {
	if x > 0 && x < 0.001 {
		return fmt.Sprintf("%.2f", 100*x)
	}
	if x == 1 {
		return "100"
	}
	return fmt.Sprintf("%.1f", 100*x)
}
