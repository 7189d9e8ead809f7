package storetest

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"
	"time"
)

// Faults are put between clients and a server, one request in some at random.
type Faults struct {
	mu     sync.Mutex
	rng    *rand.Rand
	share  float64 // of requests that meet one
	left   int     // faults that may still happen
	change func()  // makes an object another, or nil
	Log    []string
}

// Set begins a schedule: faults of a share of the requests, up to a number. change, unless nil,
// is called once, between two requests.
func (f *Faults) Set(seed uint64, share float64, most int, change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rng, f.share, f.left, f.change, f.Log = rand.New(rand.NewPCG(seed, 1)), share, most, change, nil
}

// kinds are those of faults.
var kinds = []string{"busy", "refused", "cut", "cut", "slow", "version", "expired", "change"}

// next returns the fault of a request, or "", and a number that says where in the body it is.
func (f *Faults) next(r *http.Request) (kind string, at int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.rng == nil || f.left == 0 || f.rng.Float64() >= f.share {
		return "", 0
	}
	f.left--
	kind, at = kinds[f.rng.IntN(len(kinds))], f.rng.IntN(60_000)
	f.Log = append(f.Log, kind+" "+r.Method+" "+r.URL.Path)
	if kind == "change" {
		if f.change != nil {
			f.change()
		}
		f.change = nil
	}
	return kind, at
}

// Wrap returns a handler with the faults in front of another.
func (f *Faults) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		kind, at := f.next(r)
		switch kind {
		case "busy":
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprint(w, "<Error><Code>SlowDown</Code></Error>")
			return
		case "refused":
			panic(http.ErrAbortHandler) // the connection is closed without an answer
		case "expired":
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, "<Error><Code>ExpiredToken</Code></Error>")
			return
		}
		next.ServeHTTP(&faultyWriter{ResponseWriter: w, kind: kind, left: at}, r)
	})
}

// faultyWriter is a response with a fault in it.
type faultyWriter struct {
	http.ResponseWriter
	kind  string
	left  int
	wrote bool
}

func (w *faultyWriter) WriteHeader(status int) {
	if w.wrote {
		return
	}
	w.wrote = true
	for _, h := range []string{"ETag", "X-Goog-Generation", "X-Linked-Etag"} {
		if w.kind == "version" && w.Header().Get(h) != "" {
			w.Header().Set(h, `"12345678"`)
		}
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *faultyWriter) Write(p []byte) (int, error) {
	if !w.wrote {
		w.WriteHeader(http.StatusOK)
	}
	switch {
	case w.kind == "cut" && len(p) >= w.left:
		w.ResponseWriter.Write(p[:w.left])
		w.Flush()
		panic(http.ErrAbortHandler)
	case w.kind == "cut":
		w.left -= len(p)
	case w.kind == "slow":
		time.Sleep(3 * time.Millisecond)
	}
	return w.ResponseWriter.Write(p)
}

// Flush sends what was written.
func (w *faultyWriter) Flush() {
	if f, ok := w.ResponseWriter.(http.Flusher); ok {
		f.Flush()
	}
}

// Proxy starts a server that passes requests on to another, with the faults in front, and ends
// with the test. The other sees the host that the client asked for, as signatures need.
func (f *Faults) Proxy(t testing.TB, to string) string {
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	p := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = u.Scheme, u.Host, r.In.Host
	}, FlushInterval: -1}
	s := httptest.NewServer(f.Wrap(p))
	t.Cleanup(s.Close)
	return s.URL
}
