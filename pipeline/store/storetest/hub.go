// Package storetest has servers of stores for tests: a hub of data sets that serves the
// documented routes, and faults between a client and any server.
package storetest

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Token is the one that a hub asks for where it is private.
const Token = "hf_aVerySecretTokenOfTheTests"

// Hub is a hub with one data set, large files of which are on another host.
type Hub struct {
	URL     string
	ID      string // OWNER/NAME
	Private bool
	PerPage int // entries of a page of names
	Large   int // bytes from which on a file is on the other host

	mu    sync.Mutex
	files map[string][]byte
	old   map[string]map[string][]byte // files by commit
	asked []string                     // requests, as METHOD URL, with HOST before those of the other host
	leaks []string                     // requests that took the token to the other host
	other *httptest.Server
}

// NewHub starts a hub, which ends with the test. Wrap, unless nil, is put in front of both hosts.
func NewHub(t testing.TB, id string, files map[string][]byte, wrap func(http.Handler) http.Handler) *Hub {
	h := &Hub{ID: id, PerPage: 3, Large: 2000, old: map[string]map[string][]byte{}}
	if wrap == nil {
		wrap = func(next http.Handler) http.Handler { return next }
	}
	h.Put(files)
	h.other = httptest.NewServer(wrap(http.HandlerFunc(h.serveLarge)))
	main := httptest.NewServer(wrap(http.HandlerFunc(h.serve)))
	h.URL = main.URL
	t.Cleanup(func() { main.Close(); h.other.Close() })
	return h
}

// Put makes a commit of other files.
func (h *Hub) Put(files map[string][]byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.files = files
	h.old[commitOf(files)] = files
}

// Commit returns the latest.
func (h *Hub) Commit() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return commitOf(h.files)
}

// Asked returns the requests so far.
func (h *Hub) Asked() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.asked)
}

// Leaks returns the requests that took the token to another host.
func (h *Hub) Leaks() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.leaks)
}

func commitOf(files map[string][]byte) string {
	sum := sha1.New()
	for _, name := range sortedNames(files) {
		fmt.Fprintf(sum, "%s %s\n", name, blobOf(files[name]))
	}
	return fmt.Sprintf("%x", sum.Sum(nil))
}

func sortedNames(files map[string][]byte) (names []string) {
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func blobOf(b []byte) string {
	return fmt.Sprintf("%x", sha1.Sum(append(fmt.Appendf(nil, "blob %d\x00", len(b)), b...)))
}

func fail(w http.ResponseWriter, status int, code string) {
	w.Header().Set("X-Error-Code", code)
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"error":%q}`, code)
}

func (h *Hub) serve(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	h.asked = append(h.asked, r.Method+" "+r.URL.String())
	h.mu.Unlock()
	if h.Private && r.Header.Get("Authorization") != "Bearer "+Token {
		fail(w, http.StatusUnauthorized, "RepoNotFound")
		return
	}
	if rest, ok := strings.CutPrefix(r.URL.EscapedPath(), "/api/datasets/"+h.ID+"/"); ok {
		what, rest, _ := strings.Cut(rest, "/")
		rev, at, _ := strings.Cut(rest, "/")
		commit, files := h.revision(rev)
		switch at, _ = url.PathUnescape(at); {
		case files == nil:
			fail(w, http.StatusNotFound, "RevisionNotFound")
		case what == "revision":
			json.NewEncoder(w).Encode(map[string]any{"id": h.ID, "sha": commit})
		case what == "tree":
			h.serveTree(w, r, files, at)
		default:
			http.NotFound(w, r)
		}
		return
	}
	if rest, ok := strings.CutPrefix(r.URL.EscapedPath(), "/datasets/"+h.ID+"/resolve/"); ok {
		rev, at, _ := strings.Cut(rest, "/")
		commit, files := h.revision(rev)
		at, _ = url.PathUnescape(at)
		b, ok := files[at]
		if !ok {
			fail(w, http.StatusNotFound, "EntryNotFound")
			return
		}
		w.Header().Set("X-Repo-Commit", commit)
		if len(b) < h.Large {
			w.Header().Set("ETag", `"`+blobOf(b)+`"`)
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b))
			return
		}
		oid := fmt.Sprintf("%x", sha256.Sum256(b))
		w.Header().Set("X-Linked-Etag", `"`+oid+`"`)
		w.Header().Set("X-Linked-Size", fmt.Sprint(len(b)))
		w.Header().Set("Location", h.other.URL+"/"+oid+"?X-Amz-Signature=secretOfTheOtherHost")
		w.WriteHeader(http.StatusFound)
		return
	}
	fail(w, http.StatusNotFound, "RepoNotFound")
}

// revision returns a commit and its files.
func (h *Hub) revision(rev string) (string, map[string][]byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if rev == "main" || rev == "refs%2Fconvert%2Fparquet" {
		return commitOf(h.files), h.files
	}
	return rev, h.old[rev]
}

// serveTree serves a page of a directory, with what is below it.
func (h *Hub) serveTree(w http.ResponseWriter, r *http.Request, files map[string][]byte, dir string) {
	type lfs struct {
		OID         string `json:"oid"`
		Size        int    `json:"size"`
		PointerSize int    `json:"pointerSize"`
	}
	type entry struct {
		Type string `json:"type"`
		OID  string `json:"oid"`
		Size int    `json:"size"`
		LFS  *lfs   `json:"lfs,omitempty"`
		Path string `json:"path"`
	}
	all := []entry{}
	dirs := map[string]bool{}
	for _, name := range sortedNames(files) {
		if dir != "" && !strings.HasPrefix(name, dir+"/") {
			continue
		}
		for i := range len(name) {
			if name[i] == '/' && i > len(dir) && !dirs[name[:i]] {
				dirs[name[:i]] = true
				all = append(all, entry{Type: "directory", Path: name[:i]})
			}
		}
		e := entry{Type: "file", OID: blobOf(files[name]), Size: len(files[name]), Path: name}
		if e.Size >= h.Large {
			e.LFS = &lfs{fmt.Sprintf("%x", sha256.Sum256(files[name])), e.Size, 134}
		}
		all = append(all, e)
	}
	if len(all) == 0 {
		fail(w, http.StatusNotFound, "EntryNotFound")
		return
	}
	from := 0
	fmt.Sscan(r.URL.Query().Get("cursor"), &from)
	to := min(from+h.PerPage, len(all))
	if to < len(all) {
		next := fmt.Sprintf("http://%s%s?recursive=true&cursor=%d", r.Host, r.URL.EscapedPath(), to)
		w.Header().Set("Link", "<"+next+`>; rel="next"`)
	}
	json.NewEncoder(w).Encode(all[from:to])
}

// serveLarge is the other host.
func (h *Hub) serveLarge(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asked = append(h.asked, "HOST "+r.Method+" "+r.URL.Path)
	if r.Header.Get("Authorization") != "" || strings.Contains(fmt.Sprint(r.Header), Token) {
		h.leaks = append(h.leaks, r.URL.String())
	}
	if r.URL.Query().Get("X-Amz-Signature") == "" {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	for _, files := range h.old {
		for _, b := range files {
			if len(b) >= h.Large && "/"+fmt.Sprintf("%x", sha256.Sum256(b)) == r.URL.Path {
				w.Header().Set("ETag", `"copy-`+blobOf(b)+`"`)
				http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b))
				return
			}
		}
	}
	w.WriteHeader(http.StatusNotFound)
}
