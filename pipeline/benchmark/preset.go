package benchmark

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"

	"swab/pipeline/rows"

	"go.yaml.in/yaml/v3"
)

// Preset describes the published forms of a benchmark. The comment at the top of
// benchmarks.yaml explains each member.
type Preset struct {
	Name    string         `yaml:"name"`
	Aliases []string       `yaml:"aliases"`
	About   string         `yaml:"about"`
	Source  string         `yaml:"source"`
	Layouts []Layout       `yaml:"layouts"`
	Ignore  []string       `yaml:"ignore"`
	Rows    map[string]int `yaml:"rows"`
}

// Layout is one form that a benchmark is published in.
type Layout struct {
	When    []string          `yaml:"when"`
	Columns int               `yaml:"columns"`
	Match   map[string]string `yaml:"match"`
	Fields  string            `yaml:"fields"`
	Header  string            `yaml:"header"`
	Quotes  string            `yaml:"quotes"`

	mapping *mapping
	when    []rows.Path
	match   []match
}

type match struct {
	at rows.Path
	re *regexp.Regexp
}

// conditions returns the number of conditions on a record: of several layouts that fit, the one
// with most conditions is used.
func (l *Layout) conditions() int { return len(l.When) + l.Columns + len(l.Match) }

// Presets is a set of presets and of names of files that hold no items.
type Presets struct {
	list   []*Preset // those added later first
	ignore []string
}

//go:embed benchmarks.yaml
var builtin []byte

// Builtin returns the presets that are part of swab, a new set at every call.
func Builtin() (*Presets, error) {
	p := new(Presets)
	if err := p.read(bytes.NewReader(builtin)); err != nil {
		return nil, fmt.Errorf("built-in presets: %w", err)
	}
	return p, nil
}

// Add reads a YAML file of presets, in the form of benchmarks.yaml. They precede those that
// p has, and replace those of the same name. After an error p is unchanged.
func (p *Presets) Add(yamlFile string) error {
	f, err := os.Open(yamlFile)
	if err != nil {
		return fmt.Errorf("presets: %w", err)
	}
	defer f.Close()
	if err := p.read(f); err != nil {
		return fmt.Errorf("presets %s: %w", yamlFile, err)
	}
	return nil
}

func (p *Presets) read(r io.Reader) error {
	var doc struct {
		Ignore  []string  `yaml:"ignore"`
		Presets []*Preset `yaml:"presets"`
	}
	d := yaml.NewDecoder(r)
	d.KnownFields(true)
	if err := d.Decode(&doc); err != nil {
		return err
	}
	if err := d.Decode(new(any)); err != io.EOF {
		return errors.New("more than one YAML document")
	}
	if len(doc.Presets)+len(doc.Ignore) == 0 {
		return errors.New("it holds no presets")
	}
	names := make(map[string]bool)
	for i, q := range doc.Presets {
		if q == nil {
			return fmt.Errorf("preset %d is empty", i)
		}
		if err := q.compile(); err != nil {
			return fmt.Errorf("preset %q: %w", rows.Clip(q.Name), err)
		}
		for _, n := range slices.Concat([]string{q.Name}, q.Aliases) {
			if names[n] {
				return fmt.Errorf("preset %q: the name %q is used twice", q.Name, rows.Clip(n))
			}
			names[n] = true
		}
	}
	if err := checkPatterns(doc.Ignore); err != nil {
		return err
	}
	old := slices.DeleteFunc(slices.Clone(p.list), func(o *Preset) bool {
		return slices.ContainsFunc(doc.Presets, func(q *Preset) bool { return q.Name == o.Name })
	})
	p.list, p.ignore = append(doc.Presets, old...), append(doc.Ignore, p.ignore...)
	return nil
}

// checkPatterns returns an error unless all are names, which may have * and ? in them.
func checkPatterns(list []string) error {
	for _, s := range list {
		if _, err := path.Match(s, ""); err != nil || s == "" {
			return fmt.Errorf("%q is not a name or pattern", rows.Clip(s))
		}
	}
	return nil
}

func (q *Preset) compile() error {
	if !validName(q.Name) || q.Name != strings.ToLower(q.Name) {
		return errors.New("its name has to be of a-z 0-9 . _ -, and to start with a letter or digit")
	}
	if err := checkPatterns(slices.Concat(q.Aliases, q.Ignore)); err != nil {
		return err
	}
	for split := range q.Rows {
		if err := checkPatterns([]string{split}); err != nil {
			return err
		}
	}
	if len(q.Layouts) == 0 {
		return errors.New("it has no layout")
	}
	for i := range q.Layouts {
		if err := q.Layouts[i].compile(); err != nil {
			return fmt.Errorf("layout %d: %w", i, err)
		}
	}
	return nil
}

func (l *Layout) compile() (err error) {
	if l.mapping, err = parseMapping(l.Fields); err != nil {
		return err
	}
	if l.conditions() == 0 || l.Columns < 0 {
		return errors.New("it has no condition: set when, columns or match")
	}
	if !slices.Contains([]string{"", "yes", "no"}, l.Header) {
		return fmt.Errorf("header %q is neither yes nor no", rows.Clip(l.Header))
	}
	if !slices.Contains([]string{"", "rfc", "none"}, l.Quotes) {
		return fmt.Errorf("quotes %q is neither rfc nor none", rows.Clip(l.Quotes))
	}
	l.when, l.match = nil, nil
	for _, w := range l.When {
		p, err := rows.ParsePath(w)
		if err != nil {
			return err
		}
		l.when = append(l.when, p)
	}
	for at, pattern := range l.Match {
		re, err := regexp.Compile("^(?:" + pattern + ")$")
		if err != nil {
			return err
		}
		p, err := rows.ParsePath(at)
		if err != nil {
			return err
		}
		l.match = append(l.match, match{p, re})
	}
	return nil
}

// fits reports whether a file whose first record is r may have this layout.
func (l *Layout) fits(r *rows.Record) bool {
	if n, ok := r.IsTable(); l.Columns > 0 && (!ok || n != l.Columns) {
		return false
	}
	for i := range l.when {
		if !r.Has(&l.when[i]) {
			return false
		}
	}
	for i := range l.match {
		if at := &l.match[i].at; !r.Has(at) || !l.match[i].re.Match(r.First(at)) {
			return false
		}
	}
	return true
}

// List returns all presets, by name.
func (p *Presets) List() []Preset {
	list := make([]Preset, 0, len(p.list))
	for _, q := range p.list {
		list = append(list, *q)
	}
	slices.SortFunc(list, func(a, b Preset) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// Find returns the preset with this name or alias, in any letter case.
func (p *Presets) Find(name string) (Preset, bool) {
	if q := p.find(name); q != nil {
		return *q, true
	}
	return Preset{}, false
}

func (p *Presets) find(name string) *Preset {
	name = strings.ToLower(name)
	for _, q := range p.list {
		if q.Name == name {
			return q
		}
	}
	for _, q := range p.list {
		if anyMatch(q.Aliases, name) {
			return q
		}
	}
	return nil
}

// anyMatch reports whether one of the patterns matches name, in any letter case.
func anyMatch(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(s string) bool {
		ok, _ := path.Match(strings.ToLower(s), strings.ToLower(name))
		return ok
	})
}

// Explain returns a description of a preset in lines of text.
func (q *Preset) Explain() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n  %s\n  source: %s\n", q.Name, q.About, q.Source)
	if len(q.Aliases) > 0 {
		fmt.Fprintf(&b, "  also: %s\n", strings.Join(q.Aliases, ", "))
	}
	for _, l := range q.Layouts {
		fmt.Fprintf(&b, "  %s\n    from records with %s\n", l.Fields, l.describe())
	}
	if len(q.Ignore) > 0 {
		fmt.Fprintf(&b, "  skips: %s\n", strings.Join(q.Ignore, ", "))
	}
	rows := make([]string, 0, len(q.Rows))
	for split, n := range q.Rows {
		rows = append(rows, fmt.Sprintf("%s %d", split, n))
	}
	slices.Sort(rows)
	if len(rows) > 0 {
		fmt.Fprintf(&b, "  records: %s\n", strings.Join(rows, ", "))
	}
	return b.String()
}

// describe returns the layout's conditions on a record.
func (l *Layout) describe() string {
	var s []string
	if l.Columns > 0 {
		s = append(s, fmt.Sprintf("%d columns", l.Columns))
	}
	s = append(s, l.When...)
	for _, m := range l.match {
		s = append(s, fmt.Sprintf("%s like %q", m.at.String(), l.Match[m.at.String()]))
	}
	slices.Sort(s[min(1, l.Columns):])
	return strings.Join(s, ", ")
}
