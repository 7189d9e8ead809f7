package eval

import (
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"strings"
)

// A Candidate is one choice of constants, with what a method returned with it for the
// items of a set.
type Candidate struct {
	Name     string // as "swab.threshold=0.5"
	Verdicts []Verdict
}

// A FitReport compares candidates by cross-validation.
type FitReport struct {
	Folds      int
	Candidates []FittedCandidate
	Chosen     []string // by fold: the candidate that is best on all other folds
	Validated  Rate     // F1 of each fold with the candidate chosen for it
	Best       string   // the candidate that is best on all folds
}

// A FittedCandidate is how a candidate does on the development classes.
type FittedCandidate struct {
	Name                     string
	Precision, Recall, F1    Rate
	Better, Worse            int            // items that it judges right and the first candidate wrong, and the reverse
	ClassesWorse             map[string]int // class → more misjudged than with the first candidate
	found, missed, falseFlag []int          // by fold
}

// Fit compares candidates, the first of which is what is in use, on a set of the
// development classes. The folds are by class, and of items that were not planted by
// item: constants that are good for the classes that they were chosen on alone show as a
// validated F1 below that of the first candidate. It is an error to fit on classes held
// back or on the seed of reports.
func Fit(s *Set, candidates []Candidate, folds int) (*FitReport, error) {
	switch {
	case s.Part != Development:
		return nil, errors.New("constants are not fitted on classes that are held back")
	case s.Seed == ReportSeed:
		return nil, errors.New("constants are not fitted on the seed of reports")
	case len(candidates) == 0 || folds < 2:
		return nil, errors.New("fitting takes a candidate and two folds at least")
	}
	r := &FitReport{Folds: folds}
	var first []bool
	for _, c := range candidates {
		f, wrong, err := fitted(s, c, folds)
		if err != nil {
			return nil, err
		}
		if first == nil {
			first = wrong
		}
		f.compare(s, first, wrong)
		r.Candidates = append(r.Candidates, *f)
	}
	var found, missed, falseFlag int
	for fold := range folds {
		k := bestWithout(r.Candidates, fold)
		c := &r.Candidates[k]
		r.Chosen = append(r.Chosen, c.Name)
		found, missed, falseFlag = found+c.found[fold], missed+c.missed[fold], falseFlag+c.falseFlag[fold]
	}
	r.Validated = f1(found, missed, falseFlag)
	r.Best = r.Candidates[bestWithout(r.Candidates, -1)].Name
	return r, nil
}

// fitted counts one candidate by fold and returns which items it judges wrong.
func fitted(s *Set, c Candidate, folds int) (*FittedCandidate, []bool, error) {
	items := 0
	for _, b := range s.Benches {
		items += len(b.Items)
	}
	methods, byMethod, err := byItem(s, items, c.Verdicts)
	if err != nil {
		return nil, nil, err
	}
	if len(methods) != 1 {
		return nil, nil, fmt.Errorf("%s: verdicts of %d methods, not of one", c.Name, len(methods))
	}
	f := &FittedCandidate{Name: c.Name, found: make([]int, folds), missed: make([]int, folds),
		falseFlag: make([]int, folds)}
	wrong := make([]bool, 0, items)
	n := 0
	for _, b := range s.Benches {
		for _, it := range b.Items {
			v, l := byMethod[methods[0]][n], it.Label
			if n++; v == nil {
				return nil, nil, fmt.Errorf("%s: no verdict of %s/%s", c.Name, b.Name, it.ID)
			}
			fold := foldOf(l, b.Name+"/"+it.ID, folds)
			bad := false
			switch {
			case l.Contained != "":
			case l.Want == Flagged && v.flagged():
				f.found[fold]++
			case l.Want == Flagged:
				f.missed[fold]++
				bad = true
			case l.Want == Clean && v.flagged():
				f.falseFlag[fold]++
				bad = true
			}
			wrong = append(wrong, bad)
		}
	}
	found, missed, falseFlag := sum(f.found), sum(f.missed), sum(f.falseFlag)
	f.Precision, f.Recall, f.F1 = Wilson(found, found+falseFlag), Wilson(found, found+missed), f1(found, missed, falseFlag)
	return f, wrong, nil
}

// foldOf returns the fold of a class, or of an item that was not planted.
func foldOf(l Label, item string, folds int) int {
	key := l.Class
	if key == Nothing || key == Neighbour {
		key = item
	}
	h := fnv.New64a()
	h.Write([]byte(key))
	return int(h.Sum64() % uint64(folds))
}

// compare counts the items that the first candidate and this one judge differently.
func (f *FittedCandidate) compare(s *Set, first, mine []bool) {
	f.ClassesWorse = map[string]int{}
	n := 0
	for _, b := range s.Benches {
		for _, it := range b.Items {
			switch {
			case mine[n] && !first[n]:
				f.Worse++
				f.ClassesWorse[it.Label.Class]++
			case first[n] && !mine[n]:
				f.Better++
				f.ClassesWorse[it.Label.Class]--
			}
			n++
		}
	}
	for class, more := range f.ClassesWorse {
		if more <= 0 {
			delete(f.ClassesWorse, class)
		}
	}
}

// bestWithout returns the candidate with the greatest F1 on all folds but one; of equal
// ones the first.
func bestWithout(list []FittedCandidate, without int) int {
	best, most := 0, -1.0
	for k := range list {
		var found, errs int
		for fold, n := range list[k].found {
			if fold != without {
				found += n
				errs += list[k].missed[fold] + list[k].falseFlag[fold]
			}
		}
		if f := 2 * float64(found) / float64(max(1, 2*found+errs)); f > most {
			best, most = k, f
		}
	}
	return best
}

func sum(list []int) (n int) {
	for _, x := range list {
		n += x
	}
	return n
}

// Table writes the report for a terminal.
func (r *FitReport) Table(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%-36s %-17s %-17s %-17s %6s %6s  classes with more errors\n", "candidate, development classes",
		"precision", "recall", "F1", "better", "worse")
	for _, c := range r.Candidates {
		var worse []string
		for _, class := range sortedKeys(c.ClassesWorse) {
			worse = append(worse, fmt.Sprintf("%s %d", class, c.ClassesWorse[class]))
		}
		line := fmt.Sprintf("%-36s %-17s %-17s %-17s %6d %6d  %s", c.Name, c.Precision, c.Recall, c.F1, c.Better, c.Worse,
			strings.Join(worse, ", "))
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	fmt.Fprintf(&b, "\nbest on all: %s; chosen without each of %d folds: %s\nF1 of each fold with what was chosen "+
		"without it: %s\n", r.Best, r.Folds, strings.Join(r.Chosen, ", "), r.Validated)
	_, err := io.WriteString(w, b.String())
	return err
}
