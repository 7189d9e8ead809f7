package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"
)

// bucketGCS is a bucket of Google Cloud Storage, read by its JSON API.
type bucketGCS struct {
	bucket, endpoint string
	emulated         bool // no credentials are sent

	mu      sync.Mutex
	tokens  oauth2.TokenSource
	anyones bool // no credentials were found
}

func locateGCS(rest string) (service, string, error) {
	bucket, key, _ := strings.Cut(rest, "/")
	if bucket == "" {
		return nil, "", errors.New("objects of Google Cloud Storage are named gs://BUCKET/KEY")
	}
	b := &bucketGCS{bucket: bucket, endpoint: "https://storage.googleapis.com"}
	if host := os.Getenv("STORAGE_EMULATOR_HOST"); host != "" {
		if !strings.Contains(host, "://") {
			host = "http://" + host
		}
		b.endpoint, b.emulated = strings.TrimRight(strings.TrimSuffix(host, "/storage/v1/"), "/"), true
	}
	s, err := shared().services.obtain("gs://"+bucket+" "+b.endpoint, func() (service, error) { return b, nil })
	return s, key, err
}

// url returns the URL of the bucket's objects, or of one.
func (b *bucketGCS) url(key string, query url.Values) string {
	at := b.endpoint + "/storage/v1/b/" + url.PathEscape(b.bucket) + "/o"
	if key != "" {
		at += "/" + strings.ReplaceAll(escapeKey(key), "/", "%2F")
	}
	if len(query) > 0 {
		at += "?" + query.Encode()
	}
	return at
}

// objectGCS is an object as the API describes it.
type objectGCS struct {
	Name, Size, Generation string
	Updated                time.Time
}

func (b *bucketGCS) object(o objectGCS) (*Object, error) {
	size, err := strconv.ParseInt(o.Size, 10, 64)
	if err != nil {
		return nil, err
	}
	name := "gs://" + b.bucket + "/" + o.Name
	return &Object{
		Name: name, URL: name, Size: size, ModTime: o.Updated, Version: o.Generation, service: b, key: o.Name,
	}, nil
}

func (b *bucketGCS) stat(ctx context.Context, key string) (*Object, error) {
	body, _, err := shared().fetchAll(ctx, b, func() (*http.Request, error) {
		return http.NewRequestWithContext(ctx, http.MethodGet, b.url(key, nil), nil)
	})
	if err != nil {
		return nil, err
	}
	var found objectGCS
	if err = json.Unmarshal(body, &found); err == nil && found.Name == key {
		return b.object(found)
	}
	return nil, errors.New("the server's description of the object is of no form that is known")
}

func (b *bucketGCS) list(ctx context.Context, prefix string) iter.Seq2[*Object, error] {
	return listPages(ctx, b, func(token string) (*http.Request, error) {
		query := url.Values{"prefix": {prefix}, "fields": {"items(name,size,generation,updated),nextPageToken"}}
		if token != "" {
			query.Set("pageToken", token)
		}
		return http.NewRequestWithContext(ctx, http.MethodGet, b.url("", query), nil)
	}, func(body []byte) (all []*Object, next string, err error) {
		var page struct {
			Items         []objectGCS
			NextPageToken string
		}
		if err := json.Unmarshal(body, &page); err != nil {
			return nil, "", err
		}
		for _, found := range page.Items {
			o, err := b.object(found)
			if err != nil {
				return nil, "", err
			}
			all = append(all, o)
		}
		return all, page.NextPageToken, nil
	})
}

func (b *bucketGCS) get(ctx context.Context, o *Object) (*http.Request, error) {
	query := url.Values{"alt": {"media"}, "ifGenerationMatch": {o.Version}}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.url(o.key, query), nil)
	if err == nil {
		r.Header.Set("Accept-Encoding", "gzip") // else what is stored compressed is sent otherwise
	}
	return r, err
}

// authorize adds a token. Where the environment has no credentials none is sent, as public
// buckets allow.
func (b *bucketGCS) authorize(r *http.Request, fresh bool) error {
	if b.emulated {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.tokens == nil && !b.anyones || fresh {
		// The token outlives the request.
		const scope = "https://www.googleapis.com/auth/devstorage.read_only"
		found, err := google.FindDefaultCredentials(context.Background(), scope)
		if b.anyones = err != nil; err == nil {
			b.tokens = found.TokenSource
		} else if os.Getenv("GOOGLE_APPLICATION_CREDENTIALS") != "" {
			return fmt.Errorf("%w: the credentials that GOOGLE_APPLICATION_CREDENTIALS names cannot be read", ErrRefused)
		}
	}
	if b.tokens == nil {
		return nil
	}
	token, err := b.tokens.Token()
	if err != nil {
		return fmt.Errorf("%w: no token can be had (gcloud auth application-default login)", ErrRefused)
	}
	token.SetAuthHeader(r)
	return nil
}

func (b *bucketGCS) verify(o *Object, resp *http.Response) error {
	now := resp.Header.Get("X-Goog-Generation")
	if resp.StatusCode < 300 && now != o.Version {
		return fmt.Errorf("%w: its generation was %s and is %s now", ErrChanged, shown(o.Version), shown(now))
	}
	return nil
}

func (b *bucketGCS) hint() string {
	return "credentials are those of gcloud auth application-default login, or of GOOGLE_APPLICATION_CREDENTIALS"
}
