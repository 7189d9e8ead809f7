// Package store finds and reads files that URLs name: of web servers, of the hub of data
// sets and of object stores.
//
// [Stat] and [List] return objects, [Object.Open] reads one, in ranges that are fetched in
// parallel and tried again where a server or a connection fails. All ranges are of one
// version of the object: each response is compared with the version, the time and the size
// that the object had when it was found, and where they differ reading ends with
// [ErrChanged]. Of a server that says no version, or reads no ranges, the whole object is
// copied into a temporary file by one response.
//
// # Secrets
//
// Credentials come from the environment, see swab help stores. They are in requests alone:
// names of objects have no user, no password and no query, and errors have the name of the
// object and the server's code, and not what a library or a server says besides.
//
// # Memory
//
// An open object holds at most six buffers of 2 MiB.
package store

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"iter"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

var (
	// ErrChanged means that an object is no longer the one that was found.
	ErrChanged = errors.New("the object changed while it was read")
	// ErrRefused means that the credentials do not suffice, or that there are none.
	ErrRefused = errors.New("access refused")
)

// Schemes are those of the URLs that are read.
const Schemes = "s3:// gs:// az:// hf:// https:// http://"

// IsURL reports whether a name is a URL of a store, and no path.
func IsURL(name string) bool {
	scheme, _, ok := strings.Cut(name, "://")
	return ok && strings.Contains(" "+Schemes, " "+scheme+"://")
}

// Object is a file of a store, as it was found.
type Object struct {
	Name    string // its URL for people and records, without credentials
	URL     string // its URL for reading it again, with the commit that a branch of the hub had
	Size    int64
	ModTime time.Time // the zero time where the store has none
	Version string    // its ETag, generation or blob id; "" where the store has none

	ctx     context.Context // that it was found with, which ends its requests
	service service
	key     string
	target  atomic.Pointer[url.URL] // where another host was found to have it
	tag     atomic.Pointer[string]  // the ETag that it has there
}

// A service is what differs between stores.
type service interface {
	// stat returns the object of a key. The error is fs.ErrNotExist where there is none.
	stat(ctx context.Context, key string) (*Object, error)
	// list returns the objects whose keys begin with a prefix, page by page, in any order.
	list(ctx context.Context, prefix string) iter.Seq2[*Object, error]
	// get returns the request for the bytes of an object, without a range.
	get(ctx context.Context, o *Object) (*http.Request, error)
	// authorize adds credentials to a request. fresh asks for others than before.
	authorize(r *http.Request, fresh bool) error
	// verify compares a response, or a redirection, with the object. Some say nothing of it.
	verify(o *Object, resp *http.Response) error
	// hint says where the credentials come from.
	hint() string
}

// Stat returns the object that a URL names. The error is fs.ErrNotExist where there is none;
// it may be the beginning of the names of others.
func Stat(ctx context.Context, name string) (*Object, error) {
	s, key, err := locate(name)
	if err == nil && (key == "" || strings.HasSuffix(key, "/")) && !isWeb(name) {
		err = fs.ErrNotExist
	}
	var o *Object
	if err == nil {
		o, err = s.stat(ctx, key)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", Clean(name), err)
	}
	o.ctx = ctx
	return o, nil
}

// List returns the objects whose URLs begin with a prefix, in no order. It asks for a page of
// names when the one before is consumed.
func List(ctx context.Context, prefix string) iter.Seq2[*Object, error] {
	return func(yield func(*Object, error) bool) {
		s, key, err := locate(prefix)
		if err != nil {
			yield(nil, fmt.Errorf("%s: %w", Clean(prefix), err))
			return
		}
		for o, err := range s.list(ctx, key) {
			if err != nil {
				yield(nil, fmt.Errorf("%s: %w", Clean(prefix), err))
				return
			}
			if strings.HasSuffix(o.Name, "/") { // a placeholder for a directory
				continue
			}
			o.ctx = ctx
			if !yield(o, nil) {
				return
			}
		}
	}
}

// ReadFile returns the bytes of a file of the disk or of a store.
func ReadFile(ctx context.Context, name string) ([]byte, error) {
	if !IsURL(name) {
		return os.ReadFile(name)
	}
	o, err := Stat(ctx, name)
	if err != nil {
		return nil, err
	}
	f := o.Open()
	defer f.Close()
	return io.ReadAll(f)
}

// FileInfo describes a file of the disk or of a store.
func FileInfo(ctx context.Context, name string) (fs.FileInfo, error) {
	if !IsURL(name) {
		return os.Stat(name)
	}
	o, err := Stat(ctx, name)
	if err != nil {
		return nil, err
	}
	return objectInfo{o}, nil
}

func isWeb(name string) bool {
	return strings.HasPrefix(name, "http://") || strings.HasPrefix(name, "https://")
}

// locate returns the service of a URL, and the key that the object has there.
func locate(name string) (service, string, error) {
	scheme, rest, ok := strings.Cut(name, "://")
	if !ok {
		return nil, "", errors.New("no URL")
	}
	switch scheme {
	case "http", "https":
		return web{}, name, nil
	case "hf":
		return locateHub(rest)
	case "s3":
		return locateS3(rest)
	case "gs":
		return locateGCS(rest)
	case "az":
		return locateAzure(rest)
	}
	return nil, "", fmt.Errorf("no URL of a store; they begin with %s", Schemes)
}

// Clean returns a URL as it may be shown and recorded: without user and password, and with
// the hash of its query in place of the query, which may have a signature or a key. What
// signatures are made of is no part of the hash, so that a URL that is signed again has the same name.
func Clean(name string) string {
	if !isWeb(name) {
		return name
	}
	u, err := url.Parse(name)
	if err != nil {
		scheme, _, _ := strings.Cut(name, "://")
		return scheme + "://(a malformed URL)"
	}
	u.User, u.Fragment, u.RawFragment = nil, "", ""
	query := u.Query()
	for key := range query {
		if isSignature(key) {
			query.Del(key)
		}
	}
	u.RawQuery, u.ForceQuery = "", false
	if clean := u.String(); len(query) == 0 {
		return clean
	}
	h := fnv.New32a()
	io.WriteString(h, query.Encode())
	return fmt.Sprintf("%s?query-%08x", u, h.Sum32())
}

// signatureKeys are the parameters of signed URLs that have no common prefix.
var signatureKeys = [...]string{
	"signature", "expires", "key-pair-id", "policy", "awsaccesskeyid", "googleaccessid", "sig", "se", "st", "sp", "sv",
	"sr", "spr", "sip", "ss", "srt", "skoid", "sktid", "skt", "ske", "sks", "skv", "token", "access_token", "key",
	"api_key",
}

func isSignature(key string) bool {
	key = strings.ToLower(key)
	return strings.HasPrefix(key, "x-amz-") || strings.HasPrefix(key, "x-goog-") || slices.Contains(signatureKeys[:], key)
}

// Base returns the last part of the path that a URL has.
func Base(name string) string {
	if isWeb(name) {
		if u, err := url.Parse(name); err == nil {
			return path.Base(u.Path)
		}
	}
	return path.Base(name)
}

// Dir returns the directory of a path, or of a URL with a slash at its end and without its query.
func Dir(name string) string {
	if !IsURL(name) {
		return filepath.Dir(name)
	}
	if isWeb(name) {
		name, _, _ = strings.Cut(name, "?")
	}
	return name[:strings.LastIndexByte(name, '/')+1]
}

// services has those that keep something between requests: credentials, commits.
type services struct {
	mu  sync.Mutex
	all map[string]service
}

// obtain returns the service of a name, which is made once.
func (s *services) obtain(name string, make func() (service, error)) (service, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if have := s.all[name]; have != nil {
		return have, nil
	}
	made, err := make()
	if err == nil {
		s.all[name] = made
	}
	return made, err
}
