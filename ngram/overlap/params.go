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
	Low, High float64  // of a number
	Values    []string // what a string may be
}

// set reads a value.
func (p *Param) parse(text string) error {
	var number float64
	var err error
	switch p.Value.(type) {
	case string:
		if !slices.Contains(p.Values, text) {
			return fmt.Errorf("%q is none of %s", text, strings.Join(p.Values, ", "))
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

// Range says which values the parameter may have, after a space, or nothing.
func (p Param) Range() string {
	if p.Values != nil {
		return " (" + strings.Join(p.Values, ", ") + ")"
	}
	return fmt.Sprintf(" (%g to %g)", p.Low, p.High)
}

// Bounded reports whether n-grams of words that a corpus does not hold prove that the
// method has found nothing.
func (m *Method) Bounded() bool { return m.Norm == "words" && m.Level.Short == 0 }

// Short says what the method does with parts that are too short for an n-gram.
func (m *Method) ShortParts() string {
	switch s := m.Level.Short; {
	case m.Norm == Plain:
		return "an item that carries less than 12 bits, or says less than 30, is not checkable"
	case s == 0:
		return fmt.Sprintf("parts of fewer than n %ss are not looked at; an item that has no other is not checkable", m.Unit)
	case s == 1:
		return fmt.Sprintf("what has fewer than n %ss is looked for as a whole", m.Unit)
	default:
		return fmt.Sprintf("parts of fewer than n %ss and at least %d are looked for as a whole; an item that has only shorter ones is not checkable", m.Unit, s)
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

// Settings are what a user says of methods, by their names: parameters, and the parts
// that a method looks at.
type Settings struct {
	Params map[string]map[string]string // method to parameter to value
	Parts  map[string]item.Parts
}

// Methods gives the methods that this program knows, in the order in which they are
// listed, set as s says. An error names what is not known or out of range.
func Methods(s Settings) ([]*Method, error) {
	var list []*Method
	known := map[string]bool{}
	for _, d := range definitions() {
		m := &d.Method
		m.Params = slices.Clone(m.Params)
		for _, name := range []string{m.Group, m.Name} { // the name has the last word
			if name == "" {
				continue
			}
			known[name] = true
			for param, value := range s.Params[name] {
				i := slices.IndexFunc(m.Params, func(p Param) bool { return p.Name == param })
				if i < 0 {
					var names []string
					for _, p := range m.Params {
						names = append(names, p.Name)
					}
					return nil, fmt.Errorf("method %s has no parameter %q: it has %s", name, param, joinOrNone(names))
				}
				if err := m.Params[i].parse(value); err != nil {
					return nil, fmt.Errorf("%s.%s: %w", name, param, err)
				}
			}
			if parts, ok := s.Parts[name]; ok {
				if m.Norm == Plain {
					return nil, fmt.Errorf("method %s weighs all parts: none can be left out", name)
				}
				m.Parts = parts
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
				return nil, fmt.Errorf("no method is named %q: there are %s", name, strings.Join(Names(list), ", "))
			}
		}
	}
	return list, nil
}

// Named gives the methods of some names, as they are when nothing is set.
func MethodsByName(names ...string) ([]*Method, error) {
	all, err := Methods(Settings{})
	if err != nil {
		return nil, err
	}
	var list []*Method
	for _, name := range names {
		i := slices.IndexFunc(all, func(m *Method) bool { return m.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("no method is named %q: there are %s", name, strings.Join(Names(all), ", "))
		}
		list = append(list, all[i])
	}
	return list, nil
}

// Names lists the names of methods.
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
