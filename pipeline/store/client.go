package store

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// How long a request may take, and how it is tried again.
const (
	retryVariable = "SWAB_STORE_RETRY" // of the environment: tries and the first wait, as 8x200ms
	defaultTries  = 8                  // with the waits between them, half a minute
	defaultWait   = 200 * time.Millisecond
	longestWait   = 30 * time.Second
	longestAsked  = 5 * time.Minute // by Retry-After
	idleTimeout   = 60 * time.Second
	mostRedirects = 10
)

// A client is the process's: its connections, and what services keep.
type client struct {
	http     *http.Client
	services services
	tries    int
	wait     time.Duration // after the first failure; it doubles
	idle     time.Duration
}

// shared returns the client, which is made when the first URL is read.
var shared = sync.OnceValue(func() *client {
	tries, wait := defaultTries, defaultWait
	if n, first, ok := strings.Cut(os.Getenv(retryVariable), "x"); ok {
		count, err := strconv.Atoi(n)
		pause, err2 := time.ParseDuration(first)
		if err == nil && err2 == nil && count > 0 && pause > 0 {
			tries, wait = count, pause
		}
	}
	return &client{
		http: &http.Client{
			Transport: &http.Transport{
				Proxy:                 http.ProxyFromEnvironment,
				DialContext:           (&net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
				TLSHandshakeTimeout:   30 * time.Second,
				ResponseHeaderTimeout: idleTimeout,
				IdleConnTimeout:       90 * time.Second,
				MaxIdleConnsPerHost:   64,
				ReadBufferSize:        64 << 10,
				DisableCompression:    true, // ranges are of the bytes as stored
				// One connection for all ranges would be as fast as one range.
				TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{},
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		services: services{all: map[string]service{}},
		tries:    tries,
		wait:     wait,
		idle:     idleTimeout,
	}
})

// statusError is a response that is no success.
type statusError struct {
	status int
	code   string // the server's, or ""
	after  time.Duration
}

func (e *statusError) Error() string {
	what := fmt.Sprintf("the server answers %d %s", e.status, http.StatusText(e.status))
	if e.code != "" {
		what += ", " + e.code
	}
	return what
}

// Unwrap returns the class of the error.
func (e *statusError) Unwrap() error {
	switch e.status {
	case http.StatusNotFound, http.StatusGone:
		return fs.ErrNotExist
	case http.StatusUnauthorized, http.StatusForbidden:
		return ErrRefused
	case http.StatusPreconditionFailed, http.StatusRequestedRangeNotSatisfiable:
		return ErrChanged
	}
	return nil
}

// transient reports whether the same request may succeed later.
func (e *statusError) transient() bool {
	switch e.status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return e.code == "RequestTimeout" || e.code == "SlowDown"
}

// expired reports whether other credentials may succeed.
func (e *statusError) expired() bool {
	switch e.code {
	case "ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired", "InvalidToken":
		return true
	}
	return e.status == http.StatusUnauthorized
}

// codeRE matches the code of an error in what a server says. The rest of that is not shown:
// it may repeat credentials.
var codeRE = regexp.MustCompile(`<Code>([A-Za-z0-9._-]{1,64})</Code>|"(?:reason|code)": ?"([A-Za-z0-9._-]{1,64})"`)

// newStatusError reads and closes a response.
func newStatusError(resp *http.Response) *statusError {
	defer resp.Body.Close()
	e := &statusError{status: resp.StatusCode, after: retryAfter(resp.Header)}
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 16<<10))
	if m := codeRE.FindSubmatch(body); m != nil {
		e.code = string(bytes.Join(m[1:], nil))
	}
	for _, h := range []string{"X-Error-Code", "X-Ms-Error-Code"} {
		if code := resp.Header.Get(h); code != "" && codeRE.MatchString("<Code>"+code+"</Code>") {
			e.code = code
		}
	}
	return e
}

// retryAfter returns how long a server asks to wait, in seconds or until a date.
func retryAfter(h http.Header) time.Duration {
	v := h.Get("Retry-After")
	if n, err := strconv.Atoi(v); err == nil && n >= 0 {
		return min(time.Duration(n)*time.Second, longestAsked)
	}
	if t, err := http.ParseTime(v); err == nil {
		return min(max(0, time.Until(t)), longestAsked)
	}
	return 0
}

// A retry counts the failures of a request, or of the ranges of an object, in succession.
type retry struct {
	c      *client
	failed int
	fresh  bool // the next try needs other credentials
	denied bool // other credentials were tried
}

// wait returns nil when it is time to try again after err, or the error that ends the tries.
func (r *retry) wait(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, errElsewhere) && r.failed < r.c.tries {
		r.failed++
		return nil
	}
	asked := time.Duration(0)
	if s, ok := errors.AsType[*statusError](err); ok {
		switch asked = s.after; {
		case s.expired() && !r.denied:
			r.fresh, r.denied = true, true
			return nil
		case !s.transient():
			return err
		}
	} else if isLasting(err) {
		return err
	}
	if r.failed++; r.failed >= r.c.tries {
		return fmt.Errorf("%w (tried %d times)", err, r.failed)
	}
	pause := min(r.c.wait<<(r.failed-1), longestWait)
	pause = pause/2 + rand.N(pause/2+1) // so that lanes do not come back all at once
	select {
	case <-time.After(max(pause, asked)):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// errLasting wraps errors that a later try would meet too.
type errLasting struct{ error }

func (e errLasting) Unwrap() error { return e.error }

// isLasting reports whether an error is not of the connection.
func isLasting(err error) bool {
	if dns, ok := errors.AsType[*net.DNSError](err); ok && dns.IsNotFound {
		return true
	}
	if _, ok := errors.AsType[errLasting](err); ok {
		return true
	}
	var (
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
		invalid   x509.CertificateInvalidError
	)
	return errors.As(err, &authority) || errors.As(err, &host) || errors.As(err, &invalid) || errors.Is(err, ErrChanged)
}

// withoutURL returns an error of net/http without the URL, which may have a signature.
func withoutURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// do sends a request until it succeeds, with the body not yet read, or fails for good. newRequest
// makes it for each try; hop, unless nil, sees each redirection.
func (c *client) do(
	ctx context.Context, s service, newRequest func() (*http.Request, error), hop func(*http.Response, *url.URL) error,
) (*http.Response, error) {
	r := retry{c: c}
	for {
		resp, err := c.try(s, newRequest, r.fresh, hop)
		if err == nil {
			return resp, nil
		}
		if err = r.wait(ctx, err); err != nil {
			return nil, explain(s, err)
		}
	}
}

// explain marks an error as one of a store, and adds where credentials come from if they
// would change it.
func explain(s service, err error) error {
	if hint := s.hint(); errors.Is(err, ErrRefused) && hint != "" {
		err = fmt.Errorf("%w (%s)", err, hint)
	}
	return fault{err}
}

// fault is an error of a store or of the connection to it.
type fault struct{ error }

func (f fault) Unwrap() error { return f.error }

// IsFault reports whether an error is one of a store or of the connection to it, and not of
// what was read.
func IsFault(err error) bool {
	_, ok := errors.AsType[fault](err)
	return ok
}

// try sends a request once and follows redirections. Credentials go to the host that they are
// for, and to no other. hop, unless nil, sees each redirection.
func (c *client) try(
	s service, newRequest func() (*http.Request, error), fresh bool, hop func(*http.Response, *url.URL) error,
) (*http.Response, error) {
	r, err := newRequest()
	if err != nil {
		return nil, errLasting{err}
	}
	home := r.URL
	for range mostRedirects {
		if sameHost(r.URL, home) {
			if r.URL.User == nil {
				r.URL.User = home.User
			}
			if err := s.authorize(r, fresh); err != nil {
				return nil, errLasting{err}
			}
		}
		resp, err := c.http.Do(r)
		if err != nil {
			return nil, withoutURL(err)
		}
		if l, ok := s.(learner); ok && resp.StatusCode >= 300 && l.learn(resp.Header) {
			resp.Body.Close()
			return nil, errElsewhere
		}
		switch resp.StatusCode {
		case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect,
			http.StatusPermanentRedirect:
		default:
			if resp.StatusCode >= 300 {
				return nil, newStatusError(resp)
			}
			return resp, nil
		}
		to, err := r.URL.Parse(resp.Header.Get("Location"))
		resp.Body.Close()
		switch {
		case err != nil || resp.Header.Get("Location") == "" || to.Scheme != "http" && to.Scheme != "https":
			return nil, newStatusError(resp)
		case home.Scheme == "https" && to.Scheme != "https":
			return nil, errLasting{errors.New("the server redirects from https to http")}
		}
		if hop != nil {
			if err := hop(resp, to); err != nil {
				return nil, err
			}
		}
		from := r.Header
		if r, err = http.NewRequestWithContext(r.Context(), r.Method, to.String(), nil); err != nil {
			return nil, errLasting{errors.New("the server redirects to a malformed URL")}
		}
		for _, h := range []string{"Range", "If-Match", "Accept", "Accept-Encoding"} { // and no credentials
			if v := from.Get(h); v != "" {
				r.Header.Set(h, v)
			}
		}
	}
	return nil, errLasting{fmt.Errorf("more than %d redirections", mostRedirects)}
}

// A learner is a service that learns by a response where its objects are, and reports
// whether that was not known.
type learner interface{ learn(http.Header) bool }

var errElsewhere = errors.New("the object is in another region")

// sameHost reports whether two URLs are of one scheme, host and port.
func sameHost(a, b *url.URL) bool { return a.Scheme == b.Scheme && a.Host == b.Host }

// fetchAll returns the body of a response that is a page of names or the like.
func (c *client) fetchAll(
	ctx context.Context, s service, newRequest func() (*http.Request, error),
) ([]byte, http.Header, error) {
	const most = 64 << 20
	r := retry{c: c}
	for {
		resp, err := c.try(s, newRequest, r.fresh, nil)
		if err == nil {
			var body []byte
			in := idleReader(resp.Body, c.idle)
			body, err = io.ReadAll(io.LimitReader(in, most))
			in.Close()
			if err == nil {
				return body, resp.Header, nil
			}
		}
		if err = r.wait(ctx, err); err != nil {
			return nil, nil, explain(s, err)
		}
	}
}

// idleBody closes a body that no byte comes from for a while.
type idleBody struct {
	io.ReadCloser
	idle  time.Duration
	timer *time.Timer
}

func idleReader(body io.ReadCloser, idle time.Duration) *idleBody {
	return &idleBody{body, idle, time.AfterFunc(idle, func() { body.Close() })}
}

func (b *idleBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.timer.Stop()
	} else if !b.timer.Reset(b.idle) {
		err = fmt.Errorf("no byte came for %v", b.idle)
	}
	return n, err
}

// Close closes the body.
func (b *idleBody) Close() error {
	b.timer.Stop()
	return b.ReadCloser.Close()
}

// unquoted returns an ETag without its quotes and its mark of a weak one.
func unquoted(etag string) string {
	if len(etag) > 2 && etag[:2] == "W/" {
		etag = etag[2:]
	}
	if n := len(etag); n >= 2 && etag[0] == '"' && etag[n-1] == '"' {
		etag = etag[1 : n-1]
	}
	return etag
}

// modified returns the time of a header of a response, or the zero time.
func modified(h http.Header) time.Time {
	t, _ := http.ParseTime(cmp.Or(h.Get("Last-Modified"), "-"))
	return t
}
