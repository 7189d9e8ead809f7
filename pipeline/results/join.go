package results

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"swab/pipeline/audit"
	"swab/pipeline/rows"
	"unicode"
)

// JoinAll joins results with items: one Join for each model, benchmark and metric, sorted by
// them. Results that belong to no benchmark of the audit are a Join with Benchmark "" and
// How "".
//
// A file's results on one part of a benchmark are joined in one way, the first of these that
// is certain:
//
//	id       the ids are equal; or the last numbers in them are, as in "HumanEval/12" and
//	         12, if those numbers are unique among the items
//	index    a number is the item's index. Whether numbers count from 0 or 1 must be
//	         certain: by the harness, by the lowest and highest, or by content
//	content  a text of the result is the question of exactly one item, or contains it
//
// Before these, results that name a clean variant of JoinOptions.Ran, whose harness counts its
// items, are joined by their places in the export.
//
// Wherever results have a text, it is compared with the item's question, by the hashes that the
// audit keeps. A join in which most differ is refused; of any other, the results that differ are
// joined by content, or are left out and named. Numbers may be places in another order or of
// other items than the benchmark's, so a join by place has to be confirmed: by texts that agree,
// by ids of all items of a split in results that name the
// benchmark, or by a harness that numbers the rows of a dataset, with results of all. JoinOptions.How makes
// both unnecessary.
//
// ErrAmbiguous means that no way or more than one is certain, or that an item has results in
// two files.
func JoinAll(a *audit.Table, files []File, o JoinOptions) ([]Join, error) {
	if !slices.Contains([]string{"", "id", "index", "content"}, o.How) {
		return nil, fmt.Errorf("results are joined by id, index or content, not by %q", rows.Clip(o.How))
	}
	j := &joiner{a: a, o: o, files: files, of: make(map[joinKey]*joining)}
	for i, b := range a.Benchmarks {
		if o.Benchmark == "" || o.Benchmark == b.Name {
			j.benches = append(j.benches, newBench(a, i))
		}
	}
	if len(j.benches) == 0 {
		return nil, fmt.Errorf("the audit has no benchmark %q", rows.Clip(o.Benchmark))
	}
	total := 0
	for i := range files {
		f := &files[i]
		for from := 0; from < len(f.Outcomes); {
			to := from + 1
			for to < len(f.Outcomes) && f.Outcomes[to].Group == f.Outcomes[from].Group {
				to++
			}
			u := unit{
				file: f, number: uint32(i) + 1,
				group: f.Groups[f.Outcomes[from].Group], outcomes: f.Outcomes[from:to],
			}
			if err := j.join(&u); err != nil {
				return nil, fmt.Errorf("%q: %w", f.Path, err)
			}
			total += to - from
			from = to
		}
	}
	if total == 0 {
		return nil, errors.New("the results have no scored item")
	}
	return j.finish()
}

type joinKey struct{ benchmark, model, metric string }

// joining is a Join under construction.
type joining struct {
	Join
	from   []uint32 // by item of the benchmark: the file of its result, from 1
	splits map[uint16]bool
	bench  *bench

	stated   stated // sum of what the harness says, times results
	statedOf int    // results
	unstated bool   // of some it says nothing
}

// unit is a file's results of one model on one part of a benchmark.
type unit struct {
	file     *File
	number   uint32 // the file's, from 1
	group    Group
	outcomes []Outcome
}

type joiner struct {
	a       *audit.Table
	o       JoinOptions
	benches []*bench
	files   []File
	of      map[joinKey]*joining
}

// match is a way to join a unit with some splits of a benchmark.
type match struct {
	bench  *bench
	how    string
	items  []int32 // by outcome, -1 for none
	n      int     // items joined
	sure   bool    // texts agree, or ids that are not plain numbers
	places bool    // by plain numbers
	loose  bool    // only the last numbers of ids agree, in few results
	doubt  string  // why it is refused unless it is sure
	named  bool    // the results name the benchmark or split
	splits []uint16

	affixes bool // ids have the same letters around their numbers
	compared

	moved     int   // results that differ and were joined by content
	differing []int // results that differ and were left out
}

// compared counts the pairs whose texts were compared.
type compared struct {
	agree, differ int
	distinct      int // of those that agree, with a question that no other item of the benchmark has
}

// mostlyAgree reports whether texts agree in all pairs but a few.
func (c compared) mostlyAgree() bool { return float64(c.agree) >= 0.9*float64(c.agree+c.differ) }

// join joins one unit.
func (j *joiner) join(u *unit) error {
	if m, err := j.byExport(u); m != nil || err != nil {
		if err == nil {
			err = j.addMatch(u, m)
		}
		return err
	}
	f := j.fits(u)
	strong := f.prefer(u)
	// A loose match is compared with the others above, so that no match that is worse or equal
	// replaces it.
	if len(f.found) == 1 && f.found[0].loose && !f.found[0].sure && j.o.How == "" {
		text := fmt.Sprintf("%s: of %d ids only the last numbers agree with those of items (--join id accepts them)",
			f.found[0].bench.name, f.found[0].n)
		if f.found[0].named {
			return fmt.Errorf("%w: %s", ErrAmbiguous, text)
		}
		f.found, f.reasons = nil, append(f.reasons, text)
	}
	switch {
	case len(f.found) == 1 && (strong || len(f.why) == 0):
		return j.addMatch(u, &f.found[0])
	case len(f.found) > 1:
		var names []string
		for _, m := range f.found {
			names = append(names, m.bench.name)
		}
		return fmt.Errorf("%w: its results fit %s: name the benchmark that they belong to",
			ErrAmbiguous, strings.Join(names, " and "))
	case len(f.why) > 0:
		return fmt.Errorf("%w: %s", ErrAmbiguous, strings.Join(f.why, "; "))
	}
	d := j.joining(joinKey{"", u.group.Model, u.group.Metric})
	d.addLeft(u.outcomes)
	d.problem(u.file.Path, "no benchmark", fmt.Sprintf(
		"%d results belong to no benchmark of the audit: no ids, indexes or questions agree%s",
		len(u.outcomes), join(f.reasons)))
	return nil
}

// fits are the matches of a unit, at most one a benchmark, and why others are none: for an error
// if nothing fits better, or for a problem that is reported.
type fits struct {
	found        []match
	why, reasons []string
}

// fits tries all benchmarks.
func (j *joiner) fits(u *unit) (f fits) {
	for _, b := range j.benches {
		splits, named := b.splitsFor(u)
		named = named || b.named(u)
		m, err := j.try(u, b, splits, named)
		switch {
		case errors.Is(err, errRefused) && !named:
			f.reasons = append(f.reasons, b.name+": "+err.Error())
		case err != nil:
			f.why = append(f.why, b.name+": "+err.Error())
		case m != nil:
			m.named = named
			f.found = append(f.found, *m)
		}
	}
	return f
}

// prefer keeps the matches of a benchmark that the results name, or whose texts agree, if there
// are some, and reports whether there are: the others only fit.
func (f *fits) prefer(u *unit) (strong bool) {
	for _, better := range []func(m match) bool{
		func(m match) bool { return m.sure && m.named },
		func(m match) bool { return m.sure },
		func(m match) bool { return m.named },
		func(m match) bool { // all items of a split, and a number that is no common limit
			return m.n == len(u.outcomes) && m.n == m.bench.size(m.splits) && m.n%50 != 0
		},
	} {
		if slices.ContainsFunc(f.found, better) {
			f.found, strong = slices.DeleteFunc(f.found, func(m match) bool { return !better(m) }), true
		}
	}
	return strong
}

// errRefused means that a join was tried and is wrong.
var errRefused = errors.New("")

func refused(format string, args ...any) error {
	return fmt.Errorf(format+"%w", append(args, errRefused)...)
}

func join(reasons []string) string {
	if len(reasons) == 0 {
		return ""
	}
	return " (" + strings.Join(reasons, "; ") + ")"
}

// try returns the first certain match, nil if nothing agrees, and an error if something agrees
// without certainty.
func (j *joiner) try(u *unit, b *bench, splits []uint16, named bool) (*match, error) {
	var doubt error
	note := func(err error) {
		if doubt == nil || errors.Is(doubt, errRefused) {
			doubt = err
		}
	}
	for _, how := range []string{"id", "index", "content"} {
		if j.o.How != "" && j.o.How != how {
			continue
		}
		candidates := j.candidates(u, b, splits, how, note)
		candidates = slices.DeleteFunc(candidates, func(m match) bool { return j.doubtful(u, &m, named, note) })
		switch len(candidates) {
		case 0:
		case 1:
			m := &candidates[0]
			if err := j.confirm(u, m, named); err != nil {
				note(err)
				continue
			}
			j.replace(u, m)
			return m, nil
		default:
			note(fmt.Errorf("%d results fit by %s in %d ways, such as counting from 0 or from 1, or in several splits "+
				"(--join content compares questions; or write the items' ids into the results)",
				len(u.outcomes), how, len(candidates)))
		}
	}
	return nil, doubt
}

// candidates returns the matches of one way to join, without those whose texts differ.
func (j *joiner) candidates(u *unit, b *bench, splits []uint16, how string, note func(error)) (list []match) {
	texts := b.hasQuestions() && slices.ContainsFunc(u.outcomes, func(o Outcome) bool { return o.fields != 0 })
	switch {
	case how == "id":
		list = j.byID(u, b, splits)
	case how == "index":
		list = j.byIndex(u, b, splits)
	case texts:
		list = j.byContent(u, b, splits)
	case j.o.How == "content":
		note(errors.New("a join by content needs questions in the results and the benchmark's files"))
	}
	if texts {
		list = j.agreeing(u, list, note)
	}
	return list
}

// doubtful reports whether a match is refused for what is known of it alone, and notes why.
func (j *joiner) doubtful(u *unit, m *match, named bool, note func(error)) bool {
	if m.doubt == "" && m.places && !named && u.group.Benchmark != "" && j.o.How == "" && j.o.Benchmark == "" {
		note(refused("numbers fit, but the results name another benchmark, %q", rows.Clip(u.group.Benchmark)))
		return !m.sure
	}
	if m.doubt != "" && !m.sure {
		note(errors.New(m.doubt))
		return true
	}
	return false
}

// agreeing returns the candidates without those whose texts mostly differ. Those by content have
// texts that agree.
func (j *joiner) agreeing(u *unit, candidates []match, note func(error)) []match {
	candidates = slices.DeleteFunc(candidates, func(m match) bool {
		c := j.compare(u, m.bench, m.items)
		if c.agree+c.differ > 0 && !c.mostlyAgree() {
			note(refused("by %s, the questions of %d of %d results differ from those of the items",
				m.how, c.differ, c.agree+c.differ))
			return true
		}
		return false
	})
	for i := range candidates {
		m := &candidates[i]
		m.compared = j.compare(u, m.bench, m.items)
		m.sure = m.agree > 0
	}
	if slices.ContainsFunc(candidates, func(m match) bool { return m.sure }) {
		candidates = slices.DeleteFunc(candidates, func(m match) bool { return !m.sure })
	}
	return candidates
}

// confirm returns an error if nothing says that the items of a match are those of the results,
// beyond numbers that fit.
func (j *joiner) confirm(u *unit, m *match, split bool) error {
	all := m.n == len(u.outcomes) && m.n == m.bench.size(m.splits)
	split = split && !slices.ContainsFunc(m.splits, func(s uint16) bool { return len(tokens(m.bench.a.Splits[s])) == 0 })
	named := split || m.bench.named(u) || j.o.Benchmark != ""
	switch {
	case m.how == "content", m.distinct > 0, j.o.How == m.how, m.affixes:
		return nil
	case m.how == "id" && !m.places && !(isRunning(u) && !all):
		return nil // ids of the items' own
	case all && (named && hasIDs(u) || base(u.file.Format) >= 0):
		return nil
	}
	text := "no question to compare"
	if m.agree > 0 {
		text = "no question that only one item has"
	}
	return refused("by %s, nothing confirms that the numbers of %d results are places of its %d items: there is %s "+
		"(--join %s accepts it; or write the items' ids or questions into the results)",
		m.how, len(u.outcomes), m.bench.size(m.splits), text, m.how)
}

// hasIDs reports whether all results have an id, which says what the result is of: an index may
// number the rows.
func hasIDs(u *unit) bool {
	return !slices.ContainsFunc(u.outcomes, func(o Outcome) bool { return o.ID == "" })
}

// isRunning reports whether all ids are numbers, without a gap from 0 or 1 on, as numbers of
// rows are.
func isRunning(u *unit) bool {
	have := make(map[int64]bool, len(u.outcomes))
	for _, o := range u.outcomes {
		if o.ID == "" || !isNumber(o.ID) {
			return false
		}
		n, _ := lastNumber(o.ID)
		have[n] = true
	}
	for i := range int64(len(u.outcomes)) {
		if !have[i] && !have[i+1] {
			return false
		}
	}
	return len(have) == len(u.outcomes) && (have[0] || have[1])
}

// replace joins by content the results of a match whose texts differ from the item's question,
// and takes those out that no other item fits.
func (j *joiner) replace(u *unit, m *match) {
	if m.differ == 0 {
		return
	}
	q := u.file.questions
	taken := make(map[int32]bool, m.n)
	var others []int
	for i := range u.outcomes {
		switch k := m.items[i]; {
		case k < 0:
		case q.compare(&u.outcomes[i], k) == differs:
			others = append(others, i)
			m.items[i] = -1
			m.n--
		default:
			taken[k] = true
		}
	}
	for _, i := range others {
		k := m.bench.asked(q, &u.outcomes[i], m.splits)
		if k < 0 || taken[k] || j.o.How != "" {
			m.differing = append(m.differing, i)
			continue
		}
		taken[k] = true
		m.items[i] = k
		m.n++
		m.moved++
	}
}

// enough reports whether n of a unit's results, those with an item, are enough for a join. The
// others are then results without an item.
func (j *joiner) enough(n int, u *unit) bool {
	if j.o.How != "" {
		return n > 0
	}
	return n > 0 && 2*n >= len(u.outcomes)
}

// byID joins by the items' own ids.
func (j *joiner) byID(u *unit, b *bench, splits []uint16) []match {
	if !b.ownIDs {
		return nil
	}
	m := match{bench: b, how: "id", items: make([]int32, len(u.outcomes)), splits: splits}
	numeric, with := 0, 0
	k := int32(-1)
	for i := range u.outcomes {
		o := &u.outcomes[i]
		m.items[i] = -1
		if o.ID == "" {
			continue
		}
		with++
		// Results are mostly in the order of the items, so the next item is tried first.
		if k = b.pick(o.ID, splits, k+1); k >= 0 {
			m.items[i] = k
			m.n++
		}
		if isNumber(o.ID) {
			numeric++
		}
	}
	m.sure = 2*numeric < m.n
	if !m.sure && j.o.How != "id" {
		if m.n < with {
			m.doubt = fmt.Sprintf("%d of %d ids are ids of items, but they are plain numbers and may agree by chance", m.n, with)
		} else if strings.HasPrefix(u.file.Format, "inspect_ai") {
			m.doubt = "the ids may be those of items, or numbers of samples"
		}
	}
	if j.enough(m.n, u) {
		if m.doubt == "" {
			return []match{m}
		}
		return append(j.byNumbers(u, b, splits), m)
	}
	return j.byNumbers(u, b, splits)
}

// byNumbers joins by the last numbers of ids.
func (j *joiner) byNumbers(u *unit, b *bench, splits []uint16) []match {
	m := match{bench: b, how: "id", items: make([]int32, len(u.outcomes)), splits: splits, places: true}
	numbers, ok := b.numbers(splits)
	if !ok {
		return nil
	}
	have := make(map[int64]bool, len(u.outcomes))
	zero := false
	for i, o := range u.outcomes {
		m.items[i] = -1
		n, ok := lastNumber(o.ID)
		if o.ID == "" {
			n, ok = o.Index, o.Index >= 0
		}
		if !ok || have[n] {
			return nil
		}
		have[n] = true
		if k, ok := numbers[n]; ok {
			m.items[i] = k
			m.n++
			zero = zero || n == b.lowest(numbers)
		}
	}
	switch {
	case opaque(u.file.Format), strings.HasPrefix(u.group.Benchmark, CleanPrefix), m.n == 0:
		return nil
	case j.o.How != "id" && (m.n != len(u.outcomes) || !zero):
		return nil
	}
	m.loose = b.loose(u, &m)
	m.affixes = b.sameLetters(u, &m)
	return []match{m}
}

// enoughNumbers is the smallest number of items of a split whose results join by number
// although their ids differ.
const enoughNumbers = 20

// loose reports whether a join by the last numbers of ids may be chance: the ids differ in more
// than an affix, as "x-1" and "r-01" do and "1" and "test/HumanEval/1" do not, and the results
// are not those of all items of a split of some size.
func (b *bench) loose(u *unit, m *match) bool {
	if all := b.size(m.splits); all >= enoughNumbers && m.n == all {
		return false
	}
	for i := range u.outcomes {
		if k := m.items[i]; k >= 0 {
			if one, _ := affix(u.outcomes[i].ID, b.a.Items[k].ID); !one {
				return true
			}
		}
	}
	return false
}

// sameLetters reports whether the ids of all pairs have letters, and differ in an affix only: a
// number in such ids is no number of a row.
func (b *bench) sameLetters(u *unit, m *match) bool {
	for i := range u.outcomes {
		if k := m.items[i]; k >= 0 {
			if one, empty := affix(u.outcomes[i].ID, b.a.Items[k].ID); !one || empty {
				return false
			}
		}
	}
	return true
}

// affix reports whether the letters of one id begin or end those of the other, and whether one
// has none.
func affix(a, b string) (is, empty bool) {
	one, other := letters(a), letters(b)
	if len(one) > len(other) {
		one, other = other, one
	}
	return strings.HasPrefix(other, one) || strings.HasSuffix(other, one), one == ""
}

// letters returns the letters and digits of an id before its last number, in lower case.
func letters(id string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsNumber(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, strings.TrimRight(id, "0123456789"))
}

// opaque reports whether a harness numbers instances through all its splits, so that its
// numbers do not identify items.
func opaque(format string) bool { return strings.HasPrefix(format, "HELM") }

// CleanPrefix begins the names of the clean benchmarks that swab export writes, in which items
// have other indexes than in the original.
const CleanPrefix = "swab-clean-"

// base returns the number of a harness's first sample, or -1 if it is not known.
func base(format string) int64 {
	switch {
	case strings.HasPrefix(format, "lm-eval"), strings.HasPrefix(format, "OpenAI"), strings.HasPrefix(format, "HELM"),
		strings.HasPrefix(format, "solutions"), strings.HasPrefix(format, "ZeroEval"):
		return 0
	}
	return -1
}

// statedPlaces has the indexes of results in their split, as the file counts them.
type statedPlaces struct {
	at              []int64 // of each outcome
	lowest, highest int64
	stated          bool // by the file; else by their order
	fromIDs         bool // from numbers at the end of ids
}

// placesOf returns the indexes of a unit's results; nil if they are not known.
func placesOf(u *unit) *statedPlaces {
	p := &statedPlaces{at: make([]int64, len(u.outcomes)), lowest: math.MaxInt64, highest: -1, stated: true}
	have := make(map[int64]bool, len(u.outcomes))
	for i, o := range u.outcomes {
		n := o.Index
		if n < 0 && o.ID != "" && !opaque(u.file.Format) {
			if k, ok := lastNumber(o.ID); ok {
				n, p.fromIDs = k, true
			}
		}
		if n < 0 || have[n] {
			p.stated = false
			break
		}
		have[n] = true
		p.at[i] = n
		p.lowest, p.highest = min(p.lowest, n), max(p.highest, n)
	}
	if p.stated {
		return p
	}
	// The order of results is their index only if none is missing and nothing else is known.
	if slices.ContainsFunc(u.outcomes, func(o Outcome) bool { return o.ID != "" || o.Index >= 0 }) {
		return nil
	}
	for i := range p.at {
		p.at[i] = int64(i)
	}
	p.lowest, p.highest = 0, int64(len(p.at))-1
	return p
}

// fit reports whether the indexes may count from zero, 0 or 1, in a split of n items. Harness
// is the number from which the harness counts, or -1 if that is not known.
func (p *statedPlaces) fit(n, zero, harness int64) bool {
	switch {
	case p.lowest < zero || p.highest-zero >= n, zero == 1 && p.lowest == 0:
		return false
	}
	return harness < 0 || harness == zero || harness == 1 && p.lowest == 0
}

// byIndex joins by the index of an item in its split.
func (j *joiner) byIndex(u *unit, b *bench, splits []uint16) []match {
	if strings.HasPrefix(u.group.Benchmark, CleanPrefix) {
		return nil // indexes in a clean variant are not those of the benchmark
	}
	p := placesOf(u)
	if p == nil {
		return nil
	}
	harness := int64(0)
	if p.stated {
		harness = base(u.file.Format)
	}
	var out []match
	for _, s := range splits {
		n := int64(b.count[s])
		if !p.stated && n != int64(len(u.outcomes)) {
			continue
		}
		for zero := range int64(2) {
			if !p.fit(n, zero, harness) {
				continue
			}
			m := match{bench: b, how: "index", items: make([]int32, len(p.at)), n: len(p.at), splits: []uint16{s}, places: true}
			for i, at := range p.at {
				m.items[i] = b.place(s, at-zero)
				if m.items[i] < 0 {
					m.n--
				}
			}
			m.loose = p.fromIDs && b.ownIDs && b.loose(u, &m)
			if j.enough(m.n, u) && (m.n == len(p.at) || j.o.How == "index") {
				out = append(out, m)
			}
		}
	}
	// A match with all items of a split is preferred to one with some of another.
	whole := func(m match) bool { return m.n == b.count[m.splits[0]] }
	if slices.ContainsFunc(out, whole) {
		out = slices.DeleteFunc(out, func(m match) bool { return !whole(m) })
	}
	return out
}

// byContent joins by the words of questions.
func (j *joiner) byContent(u *unit, b *bench, splits []uint16) []match {
	m := match{bench: b, how: "content", items: make([]int32, len(u.outcomes)), splits: splits, sure: true}
	for i := range u.outcomes {
		m.items[i] = b.asked(u.file.questions, &u.outcomes[i], splits)
		if m.items[i] >= 0 {
			m.n++
		}
	}
	if !j.enough(m.n, u) {
		return nil
	}
	return []match{m}
}

// asked returns the item in the splits whose question alone is in an outcome's texts, or -1. Of
// items with the same question the outcome's index decides.
func (b *bench) asked(q *Questions, o *Outcome, splits []uint16) int32 {
	n := o.Question()
	if n < 0 {
		return -1
	}
	only, found := int32(-1), 0
	for _, k := range q.itemsOf(n) {
		if int(k) < b.first || int(k) >= b.last || !slices.Contains(splits, b.a.Items[k].Split) {
			continue
		}
		if found++; found == 1 || b.a.Items[k].Index == o.Index {
			only = k
		}
	}
	if found > 1 && b.a.Items[only].Index != o.Index {
		return -1
	}
	return only
}

// compare counts the pairs whose questions agree and differ.
func (j *joiner) compare(u *unit, b *bench, items []int32) (c compared) {
	q := u.file.questions
	for i, k := range items {
		if k < 0 {
			continue
		}
		switch q.compare(&u.outcomes[i], k) {
		case agrees:
			if c.agree++; b.alone(q, k) {
				c.distinct++
			}
		case differs:
			c.differ++
		}
	}
	return c
}

// alone reports whether no other item of the benchmark has an item's question.
func (b *bench) alone(q *Questions, k int32) bool {
	n := q.byItem[k]
	if q.items[n][0] == 1 {
		return true
	}
	return !slices.ContainsFunc(q.itemsOf(n), func(other int32) bool {
		return other != k && int(other) >= b.first && int(other) < b.last
	})
}

// addMatch adds a match to its Join.
func (j *joiner) addMatch(u *unit, m *match) error {
	d := j.joining(joinKey{m.bench.name, u.group.Model, u.group.Metric})
	d.bench = m.bench
	d.addHow(m.how)
	if m.moved > 0 {
		d.addHow("content")
	}
	d.Compared += m.agree + m.differ
	d.Agree += m.agree
	d.Moved += m.moved
	for _, i := range m.differing {
		d.Differing = append(d.Differing, u.outcomes[i])
	}
	d.LowerBetter = u.group.LowerBetter
	if s, ok := u.file.stated[u.outcomes[0].Group]; ok && !d.unstated {
		d.stated.score += s.score * float64(len(u.outcomes))
		d.stated.digits, d.statedOf = max(d.stated.digits, s.digits), d.statedOf+len(u.outcomes)
	} else {
		d.unstated = true
	}
	if m.places && m.distinct == 0 {
		d.Unconfirmed += m.n
	}
	if d.from == nil {
		d.from = make([]uint32, m.bench.last-m.bench.first)
	}
	d.Matched = slices.Grow(d.Matched, m.n)
	last := -1 // split
	for i := range u.outcomes {
		o, k := &u.outcomes[i], m.items[i]
		if k < 0 {
			d.addLeft(u.outcomes[i : i+1])
			continue
		}
		have := &d.from[int(k)-m.bench.first]
		switch {
		case *have == u.number:
			return fmt.Errorf("%w: by %s, two results belong to item %s of %s, one of them %s",
				ErrAmbiguous, m.how, rows.Clip(j.a.Items[k].ID), m.bench.name, describe(*o))
		case *have > 0:
			return fmt.Errorf("%w: item %s of %s has a result of %s here and in %q: leave out one of the files, "+
				"or name each run, as in MODEL=PATH",
				ErrAmbiguous, rows.Clip(j.a.Items[k].ID), m.bench.name, rows.Clip(u.group.Model), j.files[*have-1].Path)
		}
		*have = u.number
		d.Matched = append(d.Matched, Joined{Score: o.Score, Item: k, Samples: o.Samples, Binary: o.Binary})
		if s := j.a.Items[k].Split; int(s) != last {
			d.splits[s], last = true, int(s)
		}
	}
	return nil
}

// compareStated compares the mean of the joined results with what the harness says of them.
func (d *joining) compareStated() {
	if d.unstated || d.statedOf == 0 || len(d.Matched) == 0 {
		return
	}
	said, mean := stated{d.stated.score / float64(d.statedOf), d.stated.digits}, 0.0
	for _, m := range d.Matched {
		mean += m.Score / float64(len(d.Matched))
	}
	d.Stated, d.StatedAgree = &said.score, said.agrees(mean)
}

func (d *joining) addHow(how string) {
	if d.How == "" {
		d.How = how
	} else if !slices.Contains(strings.Split(d.How, " and "), how) {
		d.How += " and " + how
	}
}

func describe(o Outcome) string { return new(reader).describe(o) }

func (j *joiner) joining(k joinKey) *joining {
	d := j.of[k]
	if d == nil {
		d = &joining{splits: make(map[uint16]bool)}
		d.Benchmark, d.Model, d.Metric = k.benchmark, k.model, k.metric
		j.of[k] = d
	}
	return d
}

func (d *joining) addLeft(o []Outcome) { d.ResultsLeft = append(d.ResultsLeft, o...) }

func (d *joining) problem(file, kind, detail string) {
	if d.Counts == nil {
		d.Counts = make(map[string]int64)
	}
	if d.Counts[kind]++; d.Counts[kind] <= perKind {
		d.Problems = append(d.Problems, Problem{file, -1, kind, detail})
	}
}

// finish adds the problems of results and items without a partner, and sorts the joins.
func (j *joiner) finish() ([]Join, error) {
	var out []Join
	joined := false
	for _, d := range j.of {
		slices.SortFunc(d.Matched, func(a, b Joined) int { return cmp.Compare(a.Item, b.Item) })
		if d.bench != nil {
			joined = true
			for k := d.bench.first; k < d.bench.last; k++ {
				if d.from[k-d.bench.first] == 0 && d.splits[j.a.Items[k].Split] {
					d.ItemsLeft = append(d.ItemsLeft, k)
				}
			}
			d.compareStated()
			d.compareRun(j.o.Ran)
			if len(d.Differing) > 0 {
				d.problem("", "questions differ", fmt.Sprintf("%d results ask another question than their item, such as %s",
					len(d.Differing), describe(d.Differing[0])))
			}
			if len(d.ResultsLeft) > 0 {
				d.problem("", "results left over", fmt.Sprintf("%d results belong to no item, such as %s",
					len(d.ResultsLeft), describe(d.ResultsLeft[0])))
			}
			if len(d.ItemsLeft) > 0 {
				d.problem("", "items left over", fmt.Sprintf("%d items have no result, such as %s",
					len(d.ItemsLeft), rows.Clip(j.a.Items[d.ItemsLeft[0]].ID)))
			}
		}
		out = append(out, d.Join)
	}
	if !joined {
		why := ""
		for _, d := range out {
			if why == "" && len(d.Problems) > 0 {
				why = ": " + d.Problems[0].Detail
			}
		}
		return nil, fmt.Errorf("no result belongs to a benchmark of the audit (%s)%s; choose how to join them with "+
			"--join id, index or content", strings.Join(j.names(), ", "), why)
	}
	slices.SortFunc(out, func(x, y Join) int {
		return cmp.Or(strings.Compare(x.Model, y.Model), strings.Compare(x.Benchmark, y.Benchmark),
			strings.Compare(x.Metric, y.Metric))
	})
	return out, nil
}

func (j *joiner) names() []string {
	var names []string
	for _, b := range j.benches {
		names = append(names, b.name)
	}
	return names
}

// bench finds the items of a benchmark.
type bench struct {
	a           *audit.Table
	name        string
	first, last int
	splits      []uint16
	count       map[uint16]int     // items
	begin       map[uint16]int     // number of the first
	ownIDs      bool               // some ids are not the items' indexes
	byID        map[string]int32   // first item with an id
	more        map[string][]int32 // further items with it
}

func newBench(a *audit.Table, i int) *bench {
	in := a.Benchmarks[i]
	b := &bench{
		a: a, name: in.Name, first: in.First, last: in.Last, count: make(map[uint16]int), begin: make(map[uint16]int),
	}
	for k := b.first; k < b.last; k++ {
		it := &a.Items[k]
		if b.count[it.Split]++; b.count[it.Split] == 1 {
			b.splits = append(b.splits, it.Split)
			b.begin[it.Split] = k
		}
		b.ownIDs = b.ownIDs || !isDecimal(it.ID, it.Index)
	}
	return b
}

func isDecimal(s string, n int64) bool {
	var buf [20]byte
	return s == string(strconv.AppendInt(buf[:0], n, 10))
}

func (b *bench) size(splits []uint16) (n int) {
	for _, s := range splits {
		n += b.count[s]
	}
	return n
}

// place returns the item with an index in a split, or -1.
func (b *bench) place(s uint16, index int64) int32 {
	if index < 0 || index >= int64(b.count[s]) {
		return -1
	}
	k := b.begin[s] + int(index)
	if b.a.Items[k].Index != index || b.a.Items[k].Split != s {
		return -1
	}
	return int32(k)
}

// isNumber reports whether an id is a number of at most 64 bits.
func isNumber(id string) bool {
	if c := id[len(id)-1]; c < '0' || c > '9' {
		return false
	}
	if c := id[0]; (c < '0' || c > '9') && c != '+' && c != '-' {
		return false
	}
	_, err := strconv.ParseInt(id, 10, 64)
	return err == nil
}

// pick returns the only item with an id in the splits, or -1; it tests the item try first.
func (b *bench) pick(id string, splits []uint16, try int32) int32 {
	if b.byID == nil {
		b.byID = make(map[string]int32, b.last-b.first)
		b.more = make(map[string][]int32)
		for k := b.first; k < b.last; k++ {
			id := b.a.Items[k].ID
			if _, twice := b.byID[id]; twice {
				b.more[id] = append(b.more[id], int32(k))
			} else {
				b.byID[id] = int32(k)
			}
		}
	}
	if len(b.more) == 0 && int(try) >= b.first && int(try) < b.last {
		if it := &b.a.Items[try]; it.ID == id && slices.Contains(splits, it.Split) {
			return try
		}
	}
	first, ok := b.byID[id]
	if !ok {
		return -1
	}
	only := int32(-1)
	for _, k := range append([]int32{first}, b.more[id]...) {
		if !slices.Contains(splits, b.a.Items[k].Split) {
			continue
		}
		if only >= 0 {
			return -1
		}
		only = k
	}
	return only
}

// numbers returns the items by the last number of their ids, if these numbers are unique.
func (b *bench) numbers(splits []uint16) (map[int64]int32, bool) {
	out := make(map[int64]int32, b.size(splits))
	for k := b.first; k < b.last; k++ {
		it := &b.a.Items[k]
		if !slices.Contains(splits, it.Split) {
			continue
		}
		n, ok := lastNumber(it.ID)
		if _, twice := out[n]; !ok || twice {
			return nil, false
		}
		out[n] = int32(k)
	}
	return out, true
}

func (b *bench) lowest(numbers map[int64]int32) int64 {
	low := int64(math.MaxInt64)
	for n := range numbers {
		low = min(low, n)
	}
	return low
}

// lastNumber returns the number at the end of an id: 12 of "test-12".
func lastNumber(id string) (int64, bool) {
	i := len(id)
	for i > 0 && id[i-1] >= '0' && id[i-1] <= '9' {
		i--
	}
	n, err := strconv.ParseInt(id[i:], 10, 64)
	return n, err == nil
}

func (b *bench) hasQuestions() bool {
	return slices.ContainsFunc(b.a.Items[b.first:b.last], func(it audit.TableItem) bool { return it.Question.Words > 0 })
}

// tokens returns the words of a name, except those that name splits.
func tokens(s string) []string {
	words := strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return strings.ContainsRune("_-/. :", r) })
	return slices.DeleteFunc(words, func(w string) bool {
		return slices.Contains([]string{"test", "train", "dev", "val", "validation", "main", "default"}, w)
	})
}

// named reports whether the results name the benchmark, in the audit's words or similar.
func (b *bench) named(u *unit) bool {
	if rest, ok := strings.CutPrefix(u.group.Benchmark, CleanPrefix); ok {
		return strings.HasPrefix(rest, b.name+"-")
	}
	mine := tokens(b.name)
	begins := func(long, short []string) bool {
		return len(short) > 0 && len(short) <= len(long) && slices.Equal(long[:len(short)], short)
	}
	theirs := tokens(u.group.Benchmark)
	if begins(theirs, mine) || begins(mine, theirs) {
		return true
	}
	joined, short := strings.Join(mine, ""), strings.Join(theirs, "")
	if len(short) > 2 && strings.HasPrefix(joined, short) || joined == short {
		return true
	}
	return u.group.Benchmark == "" && slices.Contains(tokens(stem(filepath.Base(u.file.Path))), joined)
}

// splitsFor returns the splits that the results name, or all if they name none.
func (b *bench) splitsFor(u *unit) (splits []uint16, named bool) {
	hints := []string{u.group.Subject, u.group.Split}
	if rest, ok := strings.CutPrefix(strings.ToLower(u.group.Benchmark), strings.ToLower(b.name)+"_"); ok {
		hints = append(hints, rest)
	}
	hints = append(hints, stem(filepath.Base(u.file.Path)))
	for _, h := range hints {
		if h == "" {
			continue
		}
		want := tokens(h)
		var exact, loose []uint16
		for _, s := range b.splits {
			name := b.a.Splits[s]
			if strings.EqualFold(name, h) {
				exact = append(exact, s)
			} else if t := tokens(name); len(t) > 0 && slices.Equal(t, want) {
				loose = append(loose, s)
			}
		}
		if len(exact) == 0 {
			exact = loose
		}
		if len(exact) == 1 {
			return exact, true
		}
	}
	return b.splits, false
}
