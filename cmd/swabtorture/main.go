// Swabtorture runs swab on random corpora, benchmarks and histories and disturbs it: it kills
// it at random moments and at system calls that change the disk, makes those calls fail, cuts
// the power, fills the disk, and runs it twice at once. After each fault it checks that
//
//   - every output is as it was before, byte for byte, or as an undisturbed run leaves it;
//   - the same command again ends as an undisturbed run does, with the same bytes, and leaves
//     nothing else behind;
//   - nothing outside the outputs was touched.
//
// System calls are disturbed with strace, where it is installed; power cuts and full disks
// need a user who may mount. What cannot be done here is named at the end. The first failure
// ends it with exit code 1, keeps the directory, and prints the seed that repeats the round. An
// interrupt ends it after the present fault, with the figures so far.
//
//	swabtorture -swab bin/swab [-time 1h] [-seed N] [-rounds N] [-jobs N] [-dir DIR]
//
// With -costs it disturbs nothing, and prints what scans of texts that repeat themselves or one
// another cost, compared with prose:
//
//	swabtorture -swab bin/swab -costs {all | METHOD,…} [-inputs N,…]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "swabtorture:", err)
		os.Exit(1)
	}
}

// A bench is what all rounds share.
type bench struct {
	swab, dir     string
	strace, mount bool

	mu     sync.Mutex
	counts map[string]int64 // faults by verb and kind
	once   atomic.Int64     // rounds that failed and passed when they were repeated
}

func run(args []string) error {
	flags := flag.NewFlagSet("swabtorture", flag.ContinueOnError)
	swab := flags.String("swab", "bin/swab", "the program")
	limit := flags.Duration("time", time.Hour, "how long")
	seed := flags.Uint64("seed", 0, "of the first round; 0: by the clock")
	rounds := flags.Uint64("rounds", 0, "how many; 0: until the time is over")
	jobs := flags.Int("jobs", runtime.GOMAXPROCS(0), "rounds at a time")
	repeats := flags.Int("repeats", 0, "of a round that failed, which fails only if one of them does; 0: at once")
	dir := flags.String("dir", "", "where to work (default: a temporary directory)")
	costs := flags.String("costs", "", "in place of faults, print what scans by these methods, all or some with commas "+
		"between them, cost on hard inputs, compared with prose")
	inputs := flags.String("inputs", "", "numbers of the hard inputs, with commas between them (default: all)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	b := &bench{counts: map[string]int64{}}
	var err error
	if b.swab, err = filepath.Abs(*swab); err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp(*dir, "swabtorture-"); err != nil {
		return err
	}
	if *costs != "" {
		return errors.Join(b.costs(*costs, *inputs), os.RemoveAll(b.dir))
	}
	_, noStrace := exec.LookPath("strace")
	b.strace = noStrace == nil && exec.Command("strace", "-f", "-qq", "-o", os.DevNull, "true").Run() == nil
	b.mount = os.Geteuid() == 0 && b.mayMount()
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano()) >> 10
	}
	fmt.Printf("seed %d, %s\n", *seed, b.dir)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	began := time.Now()
	var next atomic.Uint64
	var failed atomic.Pointer[error]
	var wg sync.WaitGroup
	for range *jobs {
		wg.Go(func() {
			goOn := func() bool { return ctx.Err() == nil && (*rounds > 0 || time.Since(began) < *limit) }
			for failed.Load() == nil && goOn() {
				i := next.Add(1) - 1
				if *rounds > 0 && i >= *rounds {
					next.Add(^uint64(0))
					return
				}
				err := b.round(*seed+i, goOn)
				if ctx.Err() != nil {
					return // the interrupt may have ended the program under test too
				}
				if err != nil && !b.passesAgain(*seed+i, *repeats, err) {
					err = fmt.Errorf("%w\nrepeat with -seed %d -rounds 1; the round is in %s", err, *seed+i, b.dir)
					failed.CompareAndSwap(nil, &err)
				}
			}
		})
	}
	wg.Wait()
	b.report(next.Load(), time.Since(began))
	if err := failed.Load(); err != nil {
		return *err
	}
	if b.once.Load() > 0 {
		return nil // what was found is left in b.dir
	}
	return os.RemoveAll(b.dir)
}

// passesAgain reports whether a round that failed with err passes each of its repeats. That is
// printed: faults come at moments that a seed does not choose, so a rare find says nothing
// of the commit, but is to be examined.
func (b *bench) passesAgain(seed uint64, repeats int, err error) bool {
	if repeats == 0 {
		return false
	}
	root := filepath.Join(b.dir, fmt.Sprint(seed))
	kept := root + "-failed"
	if os.Rename(root, kept) != nil {
		return false
	}
	for range repeats {
		if again := b.round(seed, func() bool { return true }); again != nil {
			return false
		}
	}
	b.once.Add(1)
	fmt.Printf("FAILED ONCE, and not in %d repeats: %v; left in %s\n", repeats, err, kept)
	return true
}

// report prints how many faults of each kind there were.
func (b *bench) report(rounds uint64, took time.Duration) {
	total, kinds := int64(0), map[string]int64{}
	for key, n := range b.counts {
		_, kind, _ := strings.Cut(key, ": ")
		kinds[kind] += n
		total += n
	}
	fmt.Printf("%d faults in %d rounds, %s\n", total, rounds, took.Round(time.Second))
	for _, list := range []map[string]int64{kinds, b.counts} {
		for _, key := range slices.Sorted(maps.Keys(list)) {
			fmt.Printf("  %6d  %s\n", list[key], key)
		}
	}
	if !b.strace {
		fmt.Println("skipped: system calls were not disturbed: strace is missing or may not trace")
	}
	if !b.mount {
		fmt.Println("skipped: power cuts and full disks: this user may not mount")
	}
}

func (b *bench) count(verb, kind string) {
	b.mu.Lock()
	b.counts[verb+": "+kind]++
	b.mu.Unlock()
}

// faultsPerRound is how often the verb of a round is disturbed.
const faultsPerRound = 12

// round makes a history, chooses a verb, and disturbs it while goOn returns true.
func (b *bench) round(seed uint64, goOn func() bool) error {
	rng := rand.New(rand.NewPCG(seed, 0))
	root := filepath.Join(b.dir, fmt.Sprint(seed))
	if err := os.Mkdir(root, 0o755); err != nil {
		return err
	}
	h := &history{bench: b, rng: rng, root: root, before: filepath.Join(root, "before")}
	if err := h.prepare(); err != nil {
		return fmt.Errorf("seed %d: %w", seed, err)
	}
	for i := 0; i < faultsPerRound && goOn(); i++ {
		kind, fault := h.chooseFault()
		if err := h.disturb(kind, fault); err != nil {
			return fmt.Errorf("seed %d: swab %s, %s: %w", seed, h.verb.line, kind, err)
		}
		b.count(h.verb.name, kind)
	}
	return os.RemoveAll(root)
}

// An ending is how a run ended.
type ending struct {
	code   int // -1: by a signal
	stderr string
}

// crashed returns an error if the program itself broke.
func (e ending) crashed() error {
	for _, sign := range []string{"panic:", "fatal error:", "goroutine ", "DATA RACE"} {
		if strings.Contains(e.stderr, sign) {
			return errors.New(e.stderr)
		}
	}
	return nil
}

// command returns swab with args in dir.
func (b *bench) command(dir string, args ...string) *exec.Cmd {
	c := exec.Command(b.swab, args...)
	c.Dir = dir
	return c
}

// wait runs a command to its end.
func wait(c *exec.Cmd) ending {
	var stderr strings.Builder
	c.Stderr = &stderr
	c.Run()
	return ending{c.ProcessState.ExitCode(), stderr.String()}
}
