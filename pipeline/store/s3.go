package store

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/config"
)

// bucketS3 is a bucket of S3 or of a server that speaks its protocol. The SDK finds the
// credentials and signs; requests are those of all stores.
type bucketS3 struct {
	bucket, endpoint string // endpoint "" is Amazon's of the region
	pathStyle        bool   // the bucket is in the path, and not in the host
	credentials      aws.CredentialsProvider
	signer           *v4.Signer

	mu     sync.Mutex
	region string
	none   bool // no credentials were found: requests are not signed
}

// hostBucketRE matches buckets that can be a part of a host under one certificate.
var hostBucketRE = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$`)

func locateS3(rest string) (service, string, error) {
	bucket, key, _ := strings.Cut(rest, "/")
	if bucket == "" {
		return nil, "", errors.New("objects of S3 are named s3://BUCKET/KEY")
	}
	endpoint := os.Getenv("AWS_ENDPOINT_URL_S3")
	name := "s3://" + bucket + " " + endpoint + " " + os.Getenv("AWS_ENDPOINT_URL")
	s, err := shared().services.obtain(name, func() (service, error) {
		c, err := config.LoadDefaultConfig(context.Background())
		if err != nil {
			return nil, errors.New("the configuration of AWS, in its files or in the environment, cannot be read")
		}
		if endpoint == "" && c.BaseEndpoint != nil {
			endpoint = *c.BaseEndpoint
		}
		b := &bucketS3{bucket: bucket, region: c.Region, credentials: c.Credentials}
		b.endpoint = strings.TrimRight(endpoint, "/")
		b.pathStyle = b.endpoint != "" || !hostBucketRE.MatchString(bucket)
		if b.region == "" {
			b.region = "us-east-1" // from where others are found
		}
		b.signer = v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
		return b, nil
	})
	return s, key, err
}

// request returns a request for a key; "" for the bucket.
func (b *bucketS3) request(ctx context.Context, method, key string, query url.Values) (*http.Request, error) {
	b.mu.Lock()
	region := b.region
	b.mu.Unlock()
	at := b.endpoint
	switch {
	case at == "" && b.pathStyle:
		at = "https://s3." + region + ".amazonaws.com"
	case at == "":
		at = "https://" + b.bucket + ".s3." + region + ".amazonaws.com"
	}
	if b.pathStyle {
		at += "/" + escapeKey(b.bucket)
	}
	r, err := http.NewRequestWithContext(ctx, method, at+"/"+escapeKey(key), nil)
	if err == nil {
		r.URL.RawQuery = strings.ReplaceAll(query.Encode(), "+", "%20")
	}
	return r, err
}

// escapeKey escapes a key as signatures of all stores have it: all but letters, digits, - . _ ~
// and the slash.
func escapeKey(key string) string {
	var b strings.Builder
	for _, c := range []byte(key) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~/", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

func (b *bucketS3) object(key string, size int64, etag string, at time.Time) *Object {
	name := "s3://" + b.bucket + "/" + key
	return &Object{Name: name, URL: name, Size: size, ModTime: at, Version: unquoted(etag), service: b, key: key}
}

func (b *bucketS3) stat(ctx context.Context, key string) (*Object, error) {
	head := func() (*http.Request, error) { return b.request(ctx, http.MethodHead, key, nil) }
	resp, err := shared().do(ctx, b, head, nil)
	if err != nil {
		return nil, err
	}
	resp.Body.Close()
	return b.object(key, resp.ContentLength, resp.Header.Get("ETag"), modified(resp.Header)), nil
}

func (b *bucketS3) list(ctx context.Context, prefix string) iter.Seq2[*Object, error] {
	return listPages(ctx, b, func(token string) (*http.Request, error) {
		query := url.Values{"list-type": {"2"}, "prefix": {prefix}, "encoding-type": {"url"}}
		if token != "" {
			query.Set("continuation-token", token)
		}
		return b.request(ctx, http.MethodGet, "", query)
	}, func(body []byte) (all []*Object, next string, err error) {
		var page struct {
			XMLName               xml.Name `xml:"ListBucketResult"`
			EncodingType          string
			IsTruncated           bool
			NextContinuationToken string
			Contents              []struct {
				Key, ETag    string
				Size         int64
				LastModified time.Time
			}
		}
		if err := xml.Unmarshal(body, &page); err != nil {
			return nil, "", err
		}
		for _, o := range page.Contents {
			if page.EncodingType == "url" {
				if o.Key, err = url.QueryUnescape(o.Key); err != nil {
					return nil, "", err
				}
			}
			// A header has whole seconds, and the time must be the same by either way.
			all = append(all, b.object(o.Key, o.Size, o.ETag, o.LastModified.Truncate(time.Second)))
		}
		if page.IsTruncated {
			next = page.NextContinuationToken
		}
		return all, next, nil
	})
}

func (b *bucketS3) get(ctx context.Context, o *Object) (*http.Request, error) {
	r, err := b.request(ctx, http.MethodGet, o.key, nil)
	if err == nil && o.Version != "" {
		r.Header.Set("If-Match", `"`+o.Version+`"`)
	}
	return r, err
}

// emptySHA is the SHA-256 of no bytes, which requests have.
const emptySHA = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// authorize signs a request. Where the environment has no credentials it stays as it is, as
// public buckets allow.
func (b *bucketS3) authorize(r *http.Request, fresh bool) error {
	if cache, ok := b.credentials.(*aws.CredentialsCache); ok && fresh {
		cache.Invalidate()
	}
	b.mu.Lock()
	none, region := b.none, b.region
	b.mu.Unlock()
	if none && !fresh {
		return nil
	}
	found, err := b.credentials.Retrieve(r.Context())
	if r.Context().Err() != nil {
		return r.Context().Err()
	}
	b.mu.Lock()
	b.none = err != nil
	b.mu.Unlock()
	if err != nil {
		for _, name := range []string{
			"AWS_PROFILE", "AWS_ROLE_ARN", "AWS_ACCESS_KEY_ID", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
		} {
			if os.Getenv(name) != "" {
				return fmt.Errorf("%w: the credentials that %s means cannot be had (aws sts get-caller-identity says why)",
					ErrRefused, name)
			}
		}
		return nil
	}
	r.Header.Set("X-Amz-Content-Sha256", emptySHA)
	return b.signer.SignHTTP(r.Context(), found, r, emptySHA, "s3", region, time.Now())
}

// learn takes the region that a response names, and reports whether it is another.
func (b *bucketS3) learn(h http.Header) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	region := h.Get("X-Amz-Bucket-Region")
	if region == "" || region == b.region || b.endpoint != "" {
		return false
	}
	b.region = region
	return true
}

func (b *bucketS3) verify(o *Object, resp *http.Response) error { return verifyETag(o, resp) }

func (b *bucketS3) hint() string {
	return "credentials are those that aws sts get-caller-identity shows; AWS_PROFILE chooses a profile"
}

// verifyETag compares the ETag of a response with the version.
func verifyETag(o *Object, resp *http.Response) error {
	if tag := unquoted(resp.Header.Get("ETag")); resp.StatusCode < 300 && tag != o.Version {
		return fmt.Errorf("%w: its ETag was %s and is %s now", ErrChanged, shown(o.Version), shown(tag))
	}
	return nil
}

// listPages returns the objects of a list that comes in pages. newRequest returns the request for
// the page of a token, "" for the first; parse its objects and the token of the next page, or "".
func listPages(
	ctx context.Context, s service, newRequest func(token string) (*http.Request, error),
	parse func(body []byte) (all []*Object, next string, err error),
) iter.Seq2[*Object, error] {
	return func(yield func(*Object, error) bool) {
		for token := ""; ; {
			body, _, err := shared().fetchAll(ctx, s, func() (*http.Request, error) { return newRequest(token) })
			var all []*Object
			if err == nil {
				if all, token, err = parse(body); err != nil {
					err = fault{errors.New("the server's list of objects is of no form that is known")}
				}
			}
			if err != nil {
				yield(nil, err)
				return
			}
			for _, o := range all {
				if !yield(o, nil) {
					return
				}
			}
			if token == "" {
				return
			}
		}
	}
}
