package store

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
)

const defaultEndpoint = "https://huggingface.co"

// hub is one revision of a data set of the hub: a key is a path within it. It follows the
// documented routes /api/datasets/ID/revision/REV, /api/datasets/ID/tree/COMMIT/PATH and
// /datasets/ID/resolve/COMMIT/PATH.
type hub struct {
	endpoint, id, revision string // revision "" is main

	mu     sync.Mutex
	commit string // that the revision had when it was first asked for
}

var (
	hubIDRE  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9._-]+$`)
	commitRE = regexp.MustCompile(`^[0-9a-f]{40}$`)
)

// locateHub returns the revision that datasets/OWNER/NAME[@REV]/PATH names. A slash in REV is
// written %2F, but in refs/convert/NAME and refs/pr/N.
func locateHub(rest string) (service, string, error) {
	const form = "files of the hub are named hf://datasets/OWNER/NAME[@REV]/PATH"
	rest, ok := strings.CutPrefix(rest, "datasets/")
	parts := strings.SplitN(rest, "/", 3)
	if !ok || len(parts) < 2 {
		return nil, "", errors.New(form)
	}
	key := strings.Join(parts[2:], "/")
	name, revision, pinned := strings.Cut(parts[1], "@")
	if revision == "refs" {
		if more := strings.SplitN(key, "/", 3); len(more) >= 2 && (more[0] == "convert" || more[0] == "pr") {
			revision, key = "refs/"+more[0]+"/"+more[1], strings.Join(more[2:], "/")
		}
	} else if plain, err := url.PathUnescape(revision); err == nil {
		revision = plain
	}
	id := parts[0] + "/" + name
	if !hubIDRE.MatchString(id) || pinned && revision == "" {
		return nil, "", errors.New(form)
	}
	endpoint := strings.TrimRight(cmp.Or(os.Getenv("HF_ENDPOINT"), defaultEndpoint), "/")
	h := &hub{endpoint: endpoint, id: id, revision: revision}
	if u, err := url.Parse(h.endpoint); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, "", errors.New("the environment's HF_ENDPOINT is no URL of a server")
	}
	s, err := shared().services.obtain(h.endpoint+" "+h.root(), func() (service, error) { return h, nil })
	return s, key, err
}

// root returns the URL of the data set, as the user names it.
func (h *hub) root() string {
	root := "hf://datasets/" + h.id
	if h.revision != "" {
		root += "@" + strings.ReplaceAll(h.revision, "/", "%2F")
	}
	return root
}

// resolve returns the commit that the revision has, asking once.
func (h *hub) resolve(ctx context.Context) (string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if commitRE.MatchString(h.revision) {
		h.commit = h.revision
	}
	if h.commit != "" {
		return h.commit, nil
	}
	u := h.endpoint + "/api/datasets/" + h.id + "/revision/" + url.PathEscape(cmp.Or(h.revision, "main"))
	body, _, err := shared().fetchAll(ctx, h, newGet(ctx, u))
	if err != nil {
		return "", h.explain(err)
	}
	var info struct{ SHA string }
	if err := json.Unmarshal(body, &info); err != nil || !commitRE.MatchString(info.SHA) {
		return "", fmt.Errorf("%s says no commit of the revision", Clean(h.endpoint))
	}
	h.commit = info.SHA
	return h.commit, nil
}

// explain says of an error what a private and a missing data set have in common.
func (h *hub) explain(err error) error {
	s, ok := errors.AsType[*statusError](err)
	if ok && (s.code == "RepoNotFound" || s.code == "RevisionNotFound" || s.status == http.StatusUnauthorized) {
		return fmt.Errorf("no data set %s with revision %s, or no permission to read it: %w", h.id,
			cmp.Or(h.revision, "main"), err)
	}
	return err
}

// object returns the object of a path.
func (h *hub) object(commit, key string, size int64, version string) *Object {
	return &Object{
		Name: h.root() + "/" + key, URL: "hf://datasets/" + h.id + "@" + commit + "/" + key,
		Size: size, Version: version, service: h, key: key,
	}
}

func (h *hub) stat(ctx context.Context, key string) (*Object, error) {
	commit, err := h.resolve(ctx)
	if err != nil {
		return nil, err
	}
	o := h.object(commit, key, -1, "")
	// The hub redirects to where large files are, and says their size and digest itself.
	var size, tag string
	resp, err := shared().do(ctx, h, func() (*http.Request, error) {
		size, tag = "", ""
		r, err := h.get(ctx, o)
		if err == nil {
			r.Method = http.MethodHead
		}
		return r, err
	}, func(resp *http.Response, _ *url.URL) error {
		size = cmp.Or(resp.Header.Get("X-Linked-Size"), size)
		tag = cmp.Or(resp.Header.Get("X-Linked-Etag"), tag)
		return nil
	})
	if err != nil {
		return nil, h.explain(err)
	}
	resp.Body.Close()
	tag = cmp.Or(tag, resp.Header.Get("X-Linked-Etag"), resp.Header.Get("ETag"))
	o.Size, o.Version = resp.ContentLength, unquoted(tag)
	if size = cmp.Or(size, resp.Header.Get("X-Linked-Size")); size != "" {
		if _, err := fmt.Sscan(size, &o.Size); err != nil {
			o.Size = -1
		}
	}
	if o.Size < 0 {
		return nil, errors.New("the hub does not say how many bytes it has")
	}
	return o, nil
}

// list lists the directory that a prefix is in.
func (h *hub) list(ctx context.Context, prefix string) iter.Seq2[*Object, error] {
	return func(yield func(*Object, error) bool) {
		commit, err := h.resolve(ctx)
		if err != nil {
			yield(nil, err)
			return
		}
		dir := prefix[:strings.LastIndexByte(prefix, '/')+1]
		next := h.endpoint + "/api/datasets/" + h.id + "/tree/" + commit
		if dir != "" {
			next += "/" + escapePath(strings.TrimSuffix(dir, "/"))
		}
		next += "?recursive=true"
		for next != "" {
			body, header, err := shared().fetchAll(ctx, h, newGet(ctx, next))
			if errors.Is(err, fs.ErrNotExist) {
				return // no such directory
			}
			var page []struct {
				Type, Path, OID string
				Size            int64
				LFS             *struct {
					OID  string
					Size int64
				}
			}
			if err == nil {
				if err = json.Unmarshal(body, &page); err != nil {
					err = errors.New("the hub's list of files is no JSON that is known")
				}
			}
			if err != nil {
				yield(nil, h.explain(err))
				return
			}
			for _, f := range page {
				if f.Type != "file" || !strings.HasPrefix(f.Path, prefix) {
					continue
				}
				if f.LFS != nil {
					f.OID, f.Size = f.LFS.OID, f.LFS.Size
				}
				if !yield(h.object(commit, f.Path, f.Size, f.OID), nil) {
					return
				}
			}
			if next, err = nextPage(next, header); err != nil {
				yield(nil, err)
				return
			}
		}
	}
}

// newGet returns requests for a URL.
func newGet(ctx context.Context, u string) func() (*http.Request, error) {
	return func() (*http.Request, error) { return http.NewRequestWithContext(ctx, http.MethodGet, u, nil) }
}

// nextPage returns the URL of the page after the one of the URL at, by its Link header, or "".
func nextPage(at string, h http.Header) (string, error) {
	for _, link := range strings.Split(strings.Join(h.Values("Link"), ","), ",") {
		target, params, ok := strings.Cut(link, ">")
		target, ok2 := strings.CutPrefix(strings.TrimSpace(target), "<")
		if !ok || !ok2 || !strings.Contains(strings.ReplaceAll(params, " ", ""), `rel="next"`) {
			continue
		}
		from, err := url.Parse(at)
		if err != nil {
			return "", err
		}
		to, err := from.Parse(target)
		if err != nil || !sameHost(from, to) {
			return "", errors.New("the server's list continues at another server, which is not asked")
		}
		return to.String(), nil
	}
	return "", nil
}

func (h *hub) get(ctx context.Context, o *Object) (*http.Request, error) {
	commit, err := h.resolve(ctx)
	if err != nil {
		return nil, err
	}
	u := h.endpoint + "/datasets/" + h.id + "/resolve/" + commit + "/" + escapePath(o.key)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u, nil)
	if err == nil {
		r.Header.Set("Accept-Encoding", "identity")
	}
	return r, err
}

// escapePath escapes the parts of a path.
func escapePath(p string) string { return (&url.URL{Path: p}).EscapedPath() }

// authorize adds the token, which may change while the program runs.
func (h *hub) authorize(r *http.Request, _ bool) error {
	if token := hubToken(); token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return nil
}

// hubToken returns the token of HF_TOKEN, or of the file where hub clients keep it.
func hubToken() string {
	if off := strings.ToLower(os.Getenv("HF_HUB_DISABLE_IMPLICIT_TOKEN")); off == "1" || off == "true" || off == "yes" {
		return ""
	}
	if token := cmp.Or(os.Getenv("HF_TOKEN"), os.Getenv("HUGGING_FACE_HUB_TOKEN")); token != "" {
		return strings.TrimSpace(token)
	}
	home := os.Getenv("HF_HOME")
	if home == "" {
		cache := os.Getenv("XDG_CACHE_HOME")
		if cache == "" {
			user, err := os.UserHomeDir()
			if err != nil {
				return ""
			}
			cache = filepath.Join(user, ".cache")
		}
		home = filepath.Join(cache, "huggingface")
	}
	b, err := os.ReadFile(cmp.Or(os.Getenv("HF_TOKEN_PATH"), filepath.Join(home, "token")))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// verify compares what the hub says of the file; and of another host, that it has the same
// version for all ranges.
func (h *hub) verify(o *Object, resp *http.Response) error {
	home, err := url.Parse(h.endpoint)
	if err != nil {
		return err
	}
	tag := resp.Header.Get("ETag")
	if sameHost(home, resp.Request.URL) {
		if linked := resp.Header.Get("X-Linked-Etag"); linked != "" {
			tag = linked
		} else if resp.StatusCode >= 300 {
			return nil
		}
		if tag = unquoted(tag); tag != "" && tag != o.Version {
			return fmt.Errorf("%w: its ETag was %s and is %s now", ErrChanged, shown(o.Version), shown(tag))
		}
		return nil
	}
	if resp.StatusCode < 300 && !o.tag.CompareAndSwap(nil, &tag) && *o.tag.Load() != tag {
		return fmt.Errorf("%w: the ETag of its copy was %s and is %s now", ErrChanged, shown(*o.tag.Load()), shown(tag))
	}
	return nil
}

func (h *hub) hint() string {
	return "the token is that of HF_TOKEN, or of the file that the hub's login writes; a gated data set has to be " +
		"accepted on its page"
}
