package publish

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A diskState is what of a directory and its work directory matters to the next run: which
// tree each place has, by its mark, "-" for none and "part" for one that is not complete.
type diskState struct{ out, old, new string }

// successors is the model: the states that one action of a run that publishes mark may lead
// to, as the package comment describes them.
func (s diskState) successors(mark string, aside bool) (next []diskState) {
	add := func(out, old, new string) { next = append(next, diskState{out, old, new}) }
	const none, part = "-", "part"
	switch {
	case s.old != none && s.out == none:
		if s.new == mark {
			add(mark, s.old, none) // the second of two renames
		}
		add(s.old, none, s.new) // the earlier tree is put back
	case s.old != none:
		if s.new == none {
			add(s.out, none, s.old) // the earlier tree is to be removed
		} else {
			add(s.out, s.old, none)
		}
	case s.new == none:
		add(s.out, none, part)
	default:
		add(s.out, none, none) // removed: it was left by a killed run, or is the earlier tree
		add(s.out, none, part) // half of it
		add(s.out, none, mark) // completed
		switch {
		case s.new != mark:
		case s.out == none:
			add(mark, none, none)
		case aside:
			add(none, s.out, mark)
		default:
			add(mark, none, s.out)
		}
	}
	return next
}

// reaches reports whether the model goes from one state to another in at most n actions.
func (s diskState) reaches(to diskState, mark string, aside bool, n int) bool {
	if s == to || n == 0 {
		return s == to
	}
	return slices.ContainsFunc(s.successors(mark, aside), func(next diskState) bool {
		return next.reaches(to, mark, aside, n-1)
	})
}

// observe returns the state of the directory out.
func observe(out string) diskState {
	at := func(dir string) string {
		entries, err := os.ReadDir(dir)
		if err != nil || len(entries) == 0 && dir == out {
			return "-"
		}
		b, err := os.ReadFile(filepath.Join(dir, treeFile))
		x, err2 := os.ReadFile(filepath.Join(dir, "clean", "x"))
		if mark, ok := strings.CutPrefix(string(b), "tree "); ok && err == nil && err2 == nil && string(x) == mark {
			return mark
		}
		return "part"
	}
	work := workOf(out)
	return diskState{at(out), at(filepath.Join(work, oldDir)), at(filepath.Join(work, newDir))}
}

// An act is a run that publishes mark and is killed at a step; 0: never.
type act struct {
	mark  string
	aside bool
	stop  int
}

// perform does it in this process: a killed run undoes nothing but its lock.
func (a act) perform(t *testing.T, out string, watch func(before, after diskState)) (finished bool) {
	swap := exchange
	if a.aside {
		swap = noExchange
	}
	before, steps := observe(out), 0
	watched := func() {
		after := observe(out)
		watch(before, after)
		before = after
	}
	type kill struct{}
	var d *Dir
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(kill); !ok {
				panic(r)
			}
			if d != nil {
				d.lock.Unlock()
			} else { // killed while it opened: nobody can unlock that file, so the next run makes another
				os.Remove(filepath.Join(workOf(out), lockFile))
			}
		}
	}()
	step := func(string) {
		watched()
		if steps++; steps == a.stop {
			panic(kill{})
		}
	}
	var err error
	d, err = open(out, &treeKind, swap, step)
	must(t, err)
	for _, key := range []string{"aa", "bb"} {
		if _, ok := d.Get(key); !ok {
			must(t, d.Put(key, text("result "+key)))
		}
	}
	must(t, d.Publish([]string{"aa", "bb"}, tree(a.mark)))
	must(t, d.Close())
	watched()
	return true
}

// TestModel explores all states that kills can lead to, kills within repairs included, and
// compares the code with the model: each step is one of the model's, and its states are all
// reached, and no others. From all of them a run publishes, readers find a whole tree, and nothing is left.
func TestModel(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped with -short: thousands of runs")
	}
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		t.Setenv("TMPDIR", "/dev/shm") // where a sync costs nothing
	}
	type reached struct {
		history []act
		state   diskState
	}
	replay := func(history []act, watch func(a act) func(before, after diskState)) (string, bool) {
		out, finished := filepath.Join(t.TempDir(), "out"), true
		for _, a := range history {
			finished = a.perform(t, out, watch(a))
		}
		return out, finished
	}
	silent := func(act) func(before, after diskState) { return func(before, after diskState) {} }
	runs, seen := 0, map[diskState]bool{{"-", "-", "-"}: true}
	for todo := []reached{{state: diskState{"-", "-", "-"}}}; len(todo) > 0; todo = todo[1:] {
		for _, a := range []act{{mark: "A"}, {mark: "B"}, {mark: "A", aside: true}, {mark: "B", aside: true}} {
			for a.stop = 1; ; a.stop++ {
				history := append(slices.Clone(todo[0].history), a)
				runs++
				out, finished := replay(history, func(now act) func(before, after diskState) {
					return func(before, after diskState) {
						if !before.reaches(after, now.mark, now.aside, 4) {
							t.Fatalf("%v: from %v to %v: not in the model", history, before, after)
						}
					}
				})
				state := observe(out)
				if state.out == "part" || state.old == "part" || state.out == "-" && state.old == "-" && todo[0].state.out != "-" {
					t.Fatalf("%v left %v", history, state)
				}
				if !seen[state] {
					seen[state] = true
					todo = append(todo, reached{history, state})
					(act{mark: "Z"}).perform(t, out, silent(act{}))
					if got := whole(t, out, "aa", "bb"); got != "Z" {
						t.Fatalf("%v: the next run left %q", history, got)
					}
					if left := siblings(t, out); len(left) != 1 {
						t.Fatalf("%v: left behind: %v", history, left)
					}
				}
				if finished {
					break
				}
			}
		}
	}
	// The model's own closure, of runs of either mark, with and without an exchange.
	all := map[diskState]bool{{"-", "-", "-"}: true}
	for todo := []diskState{{"-", "-", "-"}}; len(todo) > 0; todo = todo[1:] {
		for _, mark := range []string{"A", "B"} {
			for _, aside := range []bool{false, true} {
				for _, next := range todo[0].successors(mark, aside) {
					if !all[next] {
						all[next] = true
						todo = append(todo, next)
					}
				}
			}
		}
	}
	for s := range all {
		if !seen[s] {
			t.Errorf("only in the model: %v", s)
		}
	}
	for s := range seen {
		if !all[s] {
			t.Errorf("not in the model: %v", s)
		}
	}
	t.Logf("%d runs, %d states seen, %d in the model", runs, len(seen), len(all))
}

func siblings(t *testing.T, out string) []string {
	entries, err := os.ReadDir(filepath.Dir(out))
	must(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, fmt.Sprint(e.Name()))
	}
	return names
}
