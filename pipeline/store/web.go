package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"net/http"
	"net/url"
	"strings"
)

// web is any server: a key is a URL.
type web struct{}

// get sends the user and password of the URL, which credentials for a web server are.
func (web) get(ctx context.Context, o *Object) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, o.key, nil)
	if err != nil {
		return nil, errors.New("the URL is malformed")
	}
	r.Header.Set("Accept-Encoding", "identity")
	if o.Version != "" && !strings.HasPrefix(o.Version, "W/") {
		r.Header.Set("If-Match", o.Version)
	}
	return r, nil
}

func (web) authorize(*http.Request, bool) error { return nil } // net/http sends those of the URL

// stat asks for the headers, and for the first byte where a server does not answer that.
func (w web) stat(ctx context.Context, key string) (*Object, error) {
	if u, err := url.Parse(key); err != nil || u.Host == "" {
		return nil, errors.New("the URL is malformed")
	}
	o := &Object{Name: Clean(key), URL: key, service: w, key: key, Size: -1}
	resp, err := shared().do(ctx, w, func() (*http.Request, error) {
		r, err := w.get(ctx, o)
		if err == nil {
			r.Method = http.MethodHead
		}
		return r, err
	}, nil)
	if s, ok := errors.AsType[*statusError](err); ok && s.status != http.StatusNotFound && !s.transient() {
		resp, err = shared().do(ctx, w, func() (*http.Request, error) {
			r, err := w.get(ctx, o)
			if err == nil {
				r.Header.Set("Range", "bytes=0-0")
			}
			return r, err
		}, nil)
	}
	if err != nil {
		return nil, err
	}
	resp.Body.Close()
	o.Size, o.ModTime, o.Version = resp.ContentLength, modified(resp.Header), resp.Header.Get("ETag")
	if resp.StatusCode == http.StatusPartialContent {
		_, total, _ := strings.Cut(resp.Header.Get("Content-Range"), "/")
		if _, err := fmt.Sscan(total, &o.Size); err != nil {
			o.Size = -1
		}
	}
	if o.Size < 0 {
		return nil, errors.New("the server does not say how many bytes it has; download it first")
	}
	return o, nil
}

func (web) list(context.Context, string) iter.Seq2[*Object, error] {
	return func(yield func(*Object, error) bool) {
		yield(nil, fmt.Errorf("%w: a web server lists no files: name each, or a list of them, as in @list", fs.ErrNotExist))
	}
}

// verify compares the version, or else the time.
func (web) verify(o *Object, resp *http.Response) error {
	if resp.StatusCode >= 300 {
		return nil // what is redirected to says it
	}
	if etag := resp.Header.Get("ETag"); etag != o.Version {
		return fmt.Errorf("%w: its ETag was %s and is %s now", ErrChanged, shown(o.Version), shown(etag))
	}
	if t := modified(resp.Header); o.Version == "" && !t.Equal(o.ModTime) {
		return fmt.Errorf("%w: it is of another time", ErrChanged)
	}
	return nil
}

// shown returns a version for a message.
func shown(version string) string {
	if len(version) > 80 {
		version = version[:80]
	}
	return fmt.Sprintf("%q", unquoted(version))
}

func (web) hint() string {
	return "a user and password are part of the URL, as https://USER:PASSWORD@HOST/"
}
