package benchmark

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"swab/pipeline/rows"
	"swab/pipeline/store"

	"go.yaml.in/yaml/v3"
)

// Preset describes the published forms of a benchmark. presets/README.md explains
// each member.
type Preset struct {
	Name    string   `yaml:"name"`
	Hub     []string `yaml:"hub"`
	Aliases []string `yaml:"aliases"`
	About   string   `yaml:"about"`
	Source  string   `yaml:"source"`
	Layouts []Layout `yaml:"layouts"`
	Ignore  []string `yaml:"ignore"`

	// Translates is PRESET/SPLIT, of which the items are translations; the preset's own name for one
	// whose other splits translate that one.
	Translates string `yaml:"translates"`

	Rows map[string]int `yaml:"rows"`

	Checked   string            `yaml:"checked"`   // the public source that the columns were compared with
	Counted   string            `yaml:"counted"`   // the public source of Rows
	Revisions map[string]string `yaml:"revisions"` // by hub id: the commit that evaluations pin

	patterns []string // Aliases as they are compared
}

// Layout is one form that a benchmark is published in.
type Layout struct {
	When    []string          `yaml:"when"`
	Columns int               `yaml:"columns"`
	Match   map[string]string `yaml:"match"`
	Fields  string            `yaml:"fields"`
	Header  string            `yaml:"header"`
	Quotes  string            `yaml:"quotes"`
	Media   []string          `yaml:"media"`
	Named   bool              `yaml:"named"`

	mapping *mapping
	when    []rows.Path
	match   []match
	media   []rows.Field
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
	names  map[string]*Preset
	ignore []string
}

//go:embed presets/*.yaml
var builtin embed.FS

// Builtin returns the presets that are part of swab, a new set at every call.
func Builtin() (*Presets, error) {
	names, err := fs.Glob(builtin, "presets/*.yaml")
	if err != nil {
		return nil, err
	}
	var all presetFile
	for _, name := range names {
		data, err := builtin.ReadFile(name)
		if err == nil {
			err = all.decode(bytes.NewReader(data))
		}
		if err != nil {
			return nil, fmt.Errorf("built-in %s: %w", name, err)
		}
	}
	p := new(Presets)
	if err := p.install(all); err != nil {
		return nil, fmt.Errorf("built-in presets: %w", err)
	}
	return p, nil
}

// Add reads a YAML file of presets, in the form of presets/README.md. They precede those that
// p has, and replace those of the same name. After an error p is unchanged.
func (p *Presets) Add(ctx context.Context, yamlFile string) error {
	b, err := store.ReadFile(ctx, yamlFile)
	if err != nil {
		return fmt.Errorf("presets: %w", err)
	}
	var own presetFile
	if err = own.decode(bytes.NewReader(b)); err == nil {
		err = p.install(own)
	}
	if err != nil {
		return fmt.Errorf("presets %s: %w", store.Clean(yamlFile), err)
	}
	return nil
}

// presetFile is what files of presets say.
type presetFile struct {
	Ignore  []string  `yaml:"ignore"`
	Presets []*Preset `yaml:"presets"`
}

// decode adds what a file says.
func (f *presetFile) decode(r io.Reader) error {
	var doc presetFile
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
	f.Ignore, f.Presets = append(f.Ignore, doc.Ignore...), append(f.Presets, doc.Presets...)
	return nil
}

// install checks presets and puts them before those that p has.
func (p *Presets) install(f presetFile) error {
	names := make(map[string]bool)
	for i, q := range f.Presets {
		if q == nil {
			return fmt.Errorf("preset %d is empty", i)
		}
		if err := q.compile(); err != nil {
			return fmt.Errorf("preset %q: %w", rows.Clip(q.Name), err)
		}
		for _, n := range slices.Concat([]string{q.Name}, q.Hub, q.Aliases) {
			if n = canonical(n); names[n] {
				return fmt.Errorf("preset %q: the name %q is used twice", q.Name, rows.Clip(n))
			}
			names[n] = true
		}
	}
	if err := checkPatterns(f.Ignore); err != nil {
		return err
	}
	old := slices.DeleteFunc(slices.Clone(p.list), func(o *Preset) bool {
		return slices.ContainsFunc(f.Presets, func(q *Preset) bool { return q.Name == o.Name })
	})
	p.list, p.ignore = append(f.Presets, old...), append(f.Ignore, p.ignore...)
	p.nameAll()
	return nil
}

// commitRE matches a commit of the hub.
var commitRE = regexp.MustCompile(`^[0-9a-f]{40}$`)

// canonical returns a name as names are compared: in lower case, with - for _ and blanks.
func canonical(name string) string {
	return strings.ReplaceAll(strings.ReplaceAll(strings.ToLower(name), "_", "-"), " ", "-")
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
	if err := q.checkNames(); err != nil {
		return err
	}
	if len(q.Layouts) == 0 {
		return errors.New("it has no layout")
	}
	if source, split, _ := strings.Cut(q.Translates, "/"); q.Translates != "" && (source == "" || split == "") {
		return fmt.Errorf("translates %q is not PRESET/SPLIT", rows.Clip(q.Translates))
	}
	for i := range q.Layouts {
		if err := q.Layouts[i].compile(); err != nil {
			return fmt.Errorf("layout %d: %w", i, err)
		}
	}
	return nil
}

// checkNames returns an error unless the preset's names, hub ids, revisions and splits are well formed.
func (q *Preset) checkNames() error {
	if !validName(q.Name) || q.Name != strings.ToLower(q.Name) {
		return errors.New("its name has to be of a-z 0-9 . _ -, and to start with a letter or digit")
	}
	if err := checkPatterns(slices.Concat(q.Aliases, q.Ignore)); err != nil {
		return err
	}
	for _, id := range q.Hub {
		if owner, name, ok := strings.Cut(id, "/"); !ok || owner == "" || !validName(name) {
			return fmt.Errorf("hub id %q is not OWNER/NAME", rows.Clip(id))
		}
	}
	for id, commit := range q.Revisions {
		if !slices.Contains(q.Hub, id) || !commitRE.MatchString(commit) {
			return fmt.Errorf("revision %q of %q is not a commit of one of its hub ids", rows.Clip(commit), rows.Clip(id))
		}
	}
	for split := range q.Rows {
		id, pattern, ofID := strings.Cut(split, ":")
		if !ofID {
			pattern = split
		} else if !slices.Contains(q.Hub, id) {
			return fmt.Errorf("rows of %q: it is none of its hub ids", rows.Clip(id))
		}
		if err := checkPatterns([]string{pattern}); err != nil {
			return err
		}
	}
	return nil
}

func (l *Layout) compile() (err error) {
	fields := rows.SplitUnquoted(l.Fields, ',')
	for i := range fields { // where YAML folded the line
		sources := rows.SplitUnquoted(strings.TrimSpace(fields[i]), '+')
		for k := range sources {
			sources[k] = strings.TrimSpace(sources[k])
		}
		fields[i] = strings.Join(sources, "+")
	}
	l.Fields = strings.Join(fields, ",")
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
	l.when, l.match, l.media = nil, nil, nil
	for _, at := range l.Media {
		f, err := rows.ParseField(at)
		if err != nil {
			return err
		}
		l.media = append(l.media, f)
	}
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

// sampleLayout returns the layout of records that are the member doc of a sample, as lm-eval logs
// them beside the model's answer.
func (l *Layout) sampleLayout() (*Layout, error) {
	const doc = "doc."
	in := *l
	in.When = append([]string{"doc_id"}, l.When...)
	for i := range l.When {
		in.When[i+1] = doc + l.When[i]
	}
	in.Match = make(map[string]string)
	for at, pattern := range l.Match {
		in.Match[doc+at] = pattern
	}
	in.Media = nil
	for _, at := range l.Media {
		in.Media = append(in.Media, doc+at)
	}
	fields := rows.SplitUnquoted(l.Fields, ',')
	for i, field := range fields {
		part, from, _ := strings.Cut(field, "=")
		fields[i] = part + "=" + doc + strings.Join(rows.SplitUnquoted(from, '+'), "+"+doc)
	}
	in.Fields = strings.Join(fields, ",")
	return &in, in.compile()
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

// fitsByParts returns the layout without the conditions that only distinguish it from others, if the record
// has every part that its fields promise; nil otherwise. An id that the record lacks is left out.
func (l *Layout) fitsByParts(r *rows.Record) *Layout {
	if l.Columns > 0 || len(l.match) > 0 {
		return nil
	}
	for p, field := range l.mapping.parts {
		if l.mapping.has[p] && !hasAll(r, field) {
			return nil
		}
	}
	if !l.mapping.hasID || hasAll(r, l.mapping.id) {
		return l
	}
	loose := *l
	loose.Fields = strings.Join(slices.DeleteFunc(rows.SplitUnquoted(l.Fields, ','), func(s string) bool {
		return strings.HasPrefix(s, "id=")
	}), ",")
	if loose.compile() != nil {
		return nil
	}
	return &loose
}

// hasAll reports whether the record has each source of a field that it must have.
func hasAll(r *rows.Record, f rows.Field) bool {
	return !slices.ContainsFunc(f.Paths(), func(p rows.Path) bool { return !p.Optional() && !r.Has(&p) })
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

// Search returns the presets with word, in any letter case, in their name, hub ids, aliases or
// description, by name.
func (p *Presets) Search(word string) []Preset {
	return slices.DeleteFunc(p.List(), func(q Preset) bool {
		all := slices.Concat([]string{q.Name, q.About}, q.Hub, q.Aliases)
		return !strings.Contains(canonical(strings.Join(all, "\n")), canonical(word))
	})
}

// Find returns the preset with this name, hub id or alias, in any letter case.
func (p *Presets) Find(name string) (Preset, bool) {
	if q := p.find(name); q != nil {
		return *q, true
	}
	return Preset{}, false
}

// find returns the preset with this name, hub id, name of a hub data set, or alias.
func (p *Presets) find(name string) *Preset {
	name = canonical(name)
	if q := p.names[name]; q != nil {
		return q
	}
	for _, q := range p.list {
		if slices.ContainsFunc(q.patterns, func(s string) bool { ok, _ := path.Match(s, name); return ok }) {
			return q
		}
	}
	return nil
}

// nameAll notes what each preset is called, the names of presets before those of hub data
// sets, and presets that were added later before the others.
func (p *Presets) nameAll() {
	p.names = make(map[string]*Preset)
	for _, called := range []func(q *Preset) []string{
		func(q *Preset) []string { return []string{q.Name} },
		func(q *Preset) []string { return q.Hub },
		func(q *Preset) []string {
			var names []string
			for _, id := range q.Hub {
				names = append(names, path.Base(id))
			}
			return names
		},
	} {
		for _, q := range p.list {
			for _, name := range called(q) {
				if name = canonical(name); p.names[name] == nil {
					p.names[name] = q
				}
			}
		}
	}
	for _, q := range p.list {
		q.patterns = nil
		for _, s := range q.Aliases {
			q.patterns = append(q.patterns, canonical(s))
		}
	}
}

// anyMatch reports whether one of the patterns matches name, in any letter case.
func anyMatch(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(s string) bool {
		ok, _ := path.Match(strings.ToLower(s), strings.ToLower(name))
		return ok
	})
}

// ignores reports whether a file of this name below the benchmark's directory holds no items.
// Patterns with a slash are compared with the last directories too.
func (q *Preset) ignores(rel string) bool {
	parts := strings.Split(rel, "/")
	return slices.ContainsFunc(q.Ignore, func(s string) bool {
		tail := parts[max(0, len(parts)-1-strings.Count(s, "/")):]
		return anyMatch([]string{s}, strings.Join(tail, "/"))
	})
}

// rowsOf returns the number of records of each split of a benchmark that has these names: those of its
// id of the hub, and those of every id.
func (q *Preset) rowsOf(names []string) map[string]int {
	all := make(map[string]int)
	for split, n := range q.Rows {
		id, pattern, ofID := strings.Cut(split, ":")
		if !ofID {
			all[split] = n
		} else if slices.ContainsFunc(names, func(s string) bool { return canonical(s) == canonical(id) }) {
			all[pattern] = n
		}
	}
	return all
}

// Explain returns a description of a preset in lines of text.
func (q *Preset) Explain() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n  %s\n", q.Name, q.About)
	if q.Source != "" {
		fmt.Fprintf(&b, "  source: %s\n", q.Source)
	}
	if len(q.Hub) > 0 {
		fmt.Fprintf(&b, "  hub: %s\n", strings.Join(q.Hub, ", "))
	}
	if len(q.Aliases) > 0 {
		fmt.Fprintf(&b, "  also: %s\n", strings.Join(q.Aliases, ", "))
	}
	for _, l := range q.Layouts {
		fmt.Fprintf(&b, "  %s\n    from records with %s\n", l.Fields, l.describe())
	}
	if q.Translates != "" {
		fmt.Fprintf(&b, "  translates: %s\n", q.Translates)
	}
	if len(q.Ignore) > 0 {
		fmt.Fprintf(&b, "  skips: %s\n", strings.Join(q.Ignore, ", "))
	}
	for _, id := range slices.Sorted(maps.Keys(q.Revisions)) {
		fmt.Fprintf(&b, "  pinned: %s@%s\n", id, q.Revisions[id])
	}
	if q.Checked != "" {
		fmt.Fprintf(&b, "  columns compared with: %s\n", q.Checked)
	} else if len(q.Hub) > 0 {
		b.WriteString("  columns not compared with any public source: read the note on what is missing in the audit\n")
	}
	var counts []string
	for split, n := range q.Rows {
		counts = append(counts, fmt.Sprintf("%s %d", split, n))
	}
	slices.Sort(counts)
	if len(counts) > 0 {
		fmt.Fprintf(&b, "  records: %s\n", strings.Join(counts, ", "))
	}
	if q.Counted != "" {
		fmt.Fprintf(&b, "    counted by: %s\n", q.Counted)
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
