package pipeline

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"swab/pipeline/benchmark"
	"swab/pipeline/results"
)

// TestCanceledReads: a signal ends every read of a store, also of one that does not answer.
func TestCanceledReads(t *testing.T) {
	t.Setenv("SWAB_STORE_RETRY", "8x1ms")
	var signal atomic.Pointer[context.CancelFunc]
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		(*signal.Load())()
		<-r.Context().Done() // until the client is gone
	}))
	defer server.Close()
	url := server.URL + "/file"
	p, err := benchmark.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for name, read := range map[string]func(ctx context.Context) error{
		"presets":   func(ctx context.Context) error { return p.Add(ctx, url+".yaml") },
		"tokenizer": func(ctx context.Context) error { _, err := ReadTokenizer(ctx, url, "text", "", nil); return err },
		"exams":     func(ctx context.Context) error { _, err := readExams(ctx, []string{url}); return err },
		"counts":    func(ctx context.Context) error { _, err := results.ReadCounts(ctx, url); return err },
		"runs":      func(ctx context.Context) error { _, err := results.ReadRuns(ctx, url); return err },
		"results": func(ctx context.Context) error {
			_, err := results.Read(url+".jsonl", "", results.Options{Context: ctx})
			return err
		},
		"recorded": func(ctx context.Context) error {
			_, err := benchmark.Recorded(ctx, "quiz", url+".jsonl", "quiz", benchmark.Reading{Fields: "question=q"})
			return err
		},
		"benchmark": func(ctx context.Context) error {
			_, err := benchmark.Open(benchmark.Spec{Path: url + ".jsonl", Context: ctx}, p)
			return err
		},
	} {
		ctx, cancel := context.WithCancel(context.Background())
		signal.Store(&cancel)
		if err := read(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
		cancel()
	}
}
