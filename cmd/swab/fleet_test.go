package main

import (
	"container/heap"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
)

// A fleet is a scan by many workers, as swab help machines estimates it. A worker is a core with a process
// of its own; tasks are of about equal size, and go to whoever is free, as engines do it.
type fleet struct {
	workers, tasks int
	shards         int
	bytes          float64 // of text, all shards
	spread         float64 // of the logarithm of a shard's size
	speed          float64 // bytes of text a second and core
	start          float64 // seconds until a worker reads its first byte: a process, and its benchmarks
	slow, factor   float64 // share of workers that have this part of the speed
	lost           float64 // losses of a worker an hour
	away           float64 // seconds until a lost worker is replaced
	keeps          bool    // finished shards of a lost task are not read again
}

// paper is 15 T tokens of 4.3 bytes, in shards of 1 GB of text, on 1,000 cores.
var paper = fleet{
	workers: 1000, tasks: 8000, shards: 65000, bytes: 15e12 * 4.3, spread: 0.5, speed: 30e6, start: 10,
	slow: 0.02, factor: 0.25, lost: 0.02, away: 300, keeps: true,
}

// An outcome is how a fleet fared.
type outcome struct {
	hours  float64 // until the last task ended
	busy   float64 // share of that in which the mean worker reads what counts
	again  float64 // share of the bytes that were read and lost
	losses int
}

// A turn is when a worker is free.
type turn struct {
	at     float64
	worker int
}

type turns []turn

func (t turns) Len() int { return len(t) }
func (t turns) Less(i, j int) bool {
	return t[i].at < t[j].at || t[i].at == t[j].at && t[i].worker < t[j].worker
}
func (t turns) Swap(i, j int) { t[i], t[j] = t[j], t[i] }
func (t *turns) Push(x any)   { *t = append(*t, x.(turn)) }
func (t *turns) Pop() any {
	last := (*t)[len(*t)-1]
	*t = (*t)[:len(*t)-1]
	return last
}

// queue returns the tasks, each the sizes of its shards, as a plan groups them.
func (f fleet) queue(rng *rand.Rand) [][]float64 {
	sizes := make([]float64, f.shards)
	sum := 0.0
	for i := range sizes {
		sizes[i] = math.Exp(f.spread * rng.NormFloat64())
		sum += sizes[i]
	}
	slices.SortFunc(sizes, func(a, b float64) int { return int(math.Copysign(1, b-a)) })
	tasks := make([][]float64, f.tasks)
	groups := make(turns, f.tasks)
	for k := range groups {
		groups[k].worker = k
	}
	for _, size := range sizes {
		k := groups[0].worker
		tasks[k] = append(tasks[k], size*f.bytes/sum)
		groups[0].at += size
		heap.Fix(&groups, 0)
	}
	return tasks
}

// run simulates the scan.
func (f fleet) run(seed uint64) (o outcome) {
	rng := rand.New(rand.NewPCG(seed, 1))
	queue := f.queue(rng)
	free := make(turns, f.workers)
	speed, fails := make([]float64, f.workers), make([]float64, f.workers)
	for w := range free {
		free[w] = turn{0, w}
		if speed[w] = f.speed; rng.Float64() < f.slow {
			speed[w] *= f.factor
		}
		fails[w] = f.failure(rng)
	}
	read, lost := 0.0, 0.0
	for len(queue) > 0 {
		w, now := free[0].worker, free[0].at+f.start
		task := queue[0]
		queue = queue[1:]
		done := 0.0
		for len(task) > 0 && now+task[0]/speed[w] <= fails[w] {
			now += task[0] / speed[w]
			done += task[0]
			task = task[1:]
		}
		if len(task) > 0 { // the worker is lost in a shard
			o.losses++
			lost += max(0, fails[w]-now) * speed[w]
			if !f.keeps {
				task, lost, done = append([]float64{done}, task...), lost+done, 0
			}
			queue = append(queue, task)
			now = max(now, fails[w]) + f.away
			fails[w] = now + f.failure(rng)
		}
		read += done
		free[0].at = now
		heap.Fix(&free, 0)
		if len(task) == 0 {
			o.hours = max(o.hours, now/3600)
		}
	}
	o.busy = read / f.speed / (o.hours * 3600 * float64(f.workers))
	o.again = lost / f.bytes
	return o
}

// failure returns how long a worker lives.
func (f fleet) failure(rng *rand.Rand) float64 {
	if f.lost == 0 {
		return math.Inf(1)
	}
	return rng.ExpFloat64() / f.lost * 3600
}

// variants are the rows of the table in swab help machines.
func variants() (names []string, fleets []fleet) {
	add := func(name string, change func(*fleet)) {
		f := paper
		change(&f)
		names, fleets = append(names, name), append(fleets, f)
	}
	add("as above", func(*fleet) {})
	add("gpt3, 70 MB/s", func(f *fleet) { f.speed = 70e6 })
	add("1,000 tasks", func(f *fleet) { f.tasks = 1000 })
	add("65,000 tasks, a shard each", func(f *fleet) { f.tasks = 65000 })
	add("no slow core", func(f *fleet) { f.slow = 0 })
	add("a core lost every 2 hours", func(f *fleet) { f.lost = 0.5 })
	add("the same, results lost too", func(f *fleet) { f.lost, f.keeps = 0.5, false })
	add("6,500 shards of 10 GB", func(f *fleet) { f.shards, f.tasks = 6500, 6500 })
	return names, fleets
}

// row is an outcome as a row of the table.
func row(name string, o outcome) string {
	return fmt.Sprintf("| %s | %.1f | %.0f %% | %.1f %% |", name, o.hours, 100*o.busy, 100*o.again)
}

// TestFleet: the table of swab help machines is what the simulation says, and nothing is lost in it.
func TestFleet(t *testing.T) {
	text, err := os.ReadFile("help/machines.md")
	if err != nil {
		t.Fatal(err)
	}
	names, fleets := variants()
	for i, f := range fleets {
		if line := row(names[i], f.run(1)); !strings.Contains(string(text), line) {
			t.Errorf("swab help machines does not have\n%s", line)
		}
	}
	ideal := fleet{workers: 7, tasks: 70, shards: 700, bytes: 7e9, speed: 1e6}
	if o := ideal.run(1); math.Abs(o.hours-1000.0/3600) > 0.001 || o.busy < 0.99 || o.again != 0 {
		t.Errorf("without failures, slow cores or sizes: %+v", o)
	}
	ideal.lost, ideal.away = 4, 30
	if o := ideal.run(1); o.losses == 0 || o.again <= 0 || o.hours < 1000.0/3600 {
		t.Errorf("with failures: %+v", o)
	}
}

// BenchmarkFleet prints the estimate of swab help machines.
func BenchmarkFleet(b *testing.B) {
	names, fleets := variants()
	for i, f := range fleets {
		b.Run(strings.ReplaceAll(names[i], " ", "_"), func(b *testing.B) {
			var o outcome
			for b.Loop() {
				o = f.run(1)
			}
			b.ReportMetric(o.hours, "hours")
			b.ReportMetric(100*o.busy, "busy-%")
			b.ReportMetric(100*o.again, "again-%")
			b.ReportMetric(float64(o.losses), "losses")
		})
	}
}
