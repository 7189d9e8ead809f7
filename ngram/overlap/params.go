package overlap

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"swab/ngram/item"
)

// A Param is a parameter of a method.
type Param struct {
	Name      string
	Text      string
	Value     any      // int, float64 or string
	Low, High float64  // range of a number
	Values    []string // allowed values of a string
}

// parse sets the value from text.
func (p *Param) parse(text string) error {
	var number float64
	var err error
	switch p.Value.(type) {
	case string:
		if !slices.Contains(p.Values, text) {
			return fmt.Errorf("%q is not one of %s", text, strings.Join(p.Values, ", "))
		}
		p.Value = text
		return nil
	case int:
		var n int
		n, err = strconv.Atoi(text)
		p.Value, number = n, float64(n)
	default:
		number, err = strconv.ParseFloat(text, 64)
		p.Value = number
	}
	if err != nil || !(number >= p.Low && number <= p.High) {
		kind := "a number"
		if _, ok := p.Value.(int); ok {
			kind = "a whole number"
		}
		return fmt.Errorf("%q is not %s from %g to %g", text, kind, p.Low, p.High)
	}
	return nil
}

// Range returns the allowed values in parentheses, after a space.
func (p Param) Range() string {
	if p.Values != nil {
		return " (" + strings.Join(p.Values, ", ") + ")"
	}
	return fmt.Sprintf(" (%g to %g)", p.Low, p.High)
}

// Bounded reports whether a corpus filter bounds the method: when no n-gram of an item is
// in the filter, the method cannot flag the item.
func (m *Method) Bounded() bool { return m.Norm == "words" && m.Level.Short == 0 }

// ShortParts describes what the method does with parts that are too short for an n-gram.
func (m *Method) ShortParts() string {
	switch s := m.Level.Short; {
	case m.Norm == Plain:
		return "an item with less than 12 bits of its own information, or less than 30 of known, is not checkable"
	case m.Norm == Bag:
		return "an item of fewer than five distinct terms, or of less than 32 bits, is not checkable"
	case s == 0:
		return fmt.Sprintf("parts of fewer than n %ss are ignored; an item that has no other is not checkable", m.Unit)
	case s == 1:
		return fmt.Sprintf("parts of fewer than n %ss match as a whole", m.Unit)
	default:
		return fmt.Sprintf("parts of at least %d and fewer than n %ss match as a whole; "+
			"an item that has only shorter ones is not checkable", s, m.Unit)
	}
}

func (m *Method) value(name string) any {
	for _, p := range m.Params {
		if p.Name == name {
			return p.Value
		}
	}
	panic("overlap: method " + m.Name + " has no parameter " + name)
}

func (m *Method) intValue(name string) int       { return m.value(name).(int) }
func (m *Method) floatValue(name string) float64 { return m.value(name).(float64) }
func (m *Method) hasValue(name, value string) bool {
	return m.value(name).(string) == value
}

// Settings are a user's settings of methods, by name: parameters, and the parts that a
// method reads.
type Settings struct {
	Params map[string]map[string]string // method to parameter to value
	Parts  map[string]item.Parts
}

// Methods returns all methods, in the order in which they are listed, with s applied. The
// error names what is unknown or out of range.
func Methods(s Settings) ([]*Method, error) {
	var list []*Method
	known := map[string]bool{}
	for _, d := range definitions() {
		m := &d.Method
		m.Params = slices.Clone(m.Params)
		for _, name := range []string{m.Group, m.Name} { // settings of the name override those of its group
			if name == "" {
				continue
			}
			known[name] = true
			if err := m.apply(name, s); err != nil {
				return nil, err
			}
		}
		d.make(m)
		if m.N == nil {
			m.N = fixedN(m.intValue("n"))
		}
		m.view.parts = m.Parts
		list = append(list, m)
	}
	for _, named := range [][]string{sortedKeys(s.Params), sortedKeys(s.Parts)} {
		for _, name := range named {
			if !known[name] {
				return nil, fmt.Errorf("unknown method %q: there are %s", name, strings.Join(Names(list), ", "))
			}
		}
	}
	return list, nil
}

// apply sets the parameters and parts that s has under name.
func (m *Method) apply(name string, s Settings) error {
	for param, value := range s.Params[name] {
		i := slices.IndexFunc(m.Params, func(p Param) bool { return p.Name == param })
		if i < 0 {
			var names []string
			for _, p := range m.Params {
				names = append(names, p.Name)
			}
			return fmt.Errorf("method %s has no parameter %q: it has %s", name, param, joinOrNone(names))
		}
		if err := m.Params[i].parse(value); err != nil {
			return fmt.Errorf("%s.%s: %w", name, param, err)
		}
	}
	if parts, ok := s.Parts[name]; ok {
		if m.Norm == Plain || m.Norm == Bag {
			return fmt.Errorf("method %s reads all parts that it is defined over: none can be left out", name)
		}
		m.Parts = parts
	}
	return nil
}

// Names returns the names of the methods in list.
func Names(list []*Method) (names []string) {
	for _, m := range list {
		names = append(names, m.Name)
	}
	return names
}

func joinOrNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

func sortedKeys[V any](m map[string]V) (list []string) {
	for k := range m {
		list = append(list, k)
	}
	slices.Sort(list)
	return list
}
