package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime/pprof"
	"time"

	"swab/ngram"
	"swab/ngram/exact"
	"swab/pipeline/record"
	"swab/pipeline/sample"
	"swab/pipeline/shard"
)

type cs struct {
	*shard.Reader
	n int64
}

func (c *cs) Read(p []byte) (int, error) { n, err := c.Reader.Read(p); c.n += int64(n); return n, err }

func main() {
	b, _ := exact.NewBuilder(ngram.Words(8))
	for i := range 10000 {
		b.Add(sample.Item(i, 100))
	}
	x, _ := b.Build(8)
	fmt.Println("grams", x.Grams(), "bytes", x.Bytes())
	shards, _, err := shard.Find(os.Args[1:2])
	if err != nil {
		panic(err)
	}
	m := x.NewMatcher()
	sc, _ := ngram.Words(8).NewScanner()
	hits := 0
	stages := []func([]byte){nil, func([]byte) {}, func(t []byte) {
		sc.Reset(t)
		for sc.Next() {
		}
	}, func(t []byte) {
		sc.Reset(t)
		for sc.Next() {
			sc.Grams()
		}
	}, func(t []byte) { m.Document(t, func(exact.Run) { hits++ }) }}
	for k, st := range stages {
		if k == len(stages)-1 {
			f, _ := os.Create("/tmp/cpu.prof")
			pprof.StartCPUProfile(f)
		}
		t0 := time.Now()
		var n int64
		for _, s := range shards {
			in, err := shard.Open(s, shard.Limits{}, false, nil)
			if err != nil {
				panic(err)
			}
			c := &cs{Reader: in}
			if st == nil {
				io.Copy(io.Discard, struct{ io.Reader }{c})
			} else {
				for rec, err := range record.Documents(context.Background(), c, s.Format, record.Options{Name: s.Name}, nil) {
					if err != nil {
						panic(err)
					}
					_, texts, _ := record.Columns(rec)
					v, o := texts.ValueBytes(), texts.ValueOffsets()
					for i := range texts.Len() {
						st(v[o[i]-o[0] : o[i+1]-o[0]])
					}
				}
			}
			n += c.n
			in.Close()
		}
		d := time.Since(t0)
		fmt.Printf("stage %d: %.0f MB/s (%v) %d hits\n", k, float64(n)/1e6/d.Seconds(), d, hits)
	}
	pprof.StopCPUProfile()
}
