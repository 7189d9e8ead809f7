package store

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// versionAzure is that of the protocol.
const versionAzure = "2021-12-02"

// container is a container of Azure's Blob Storage.
type container struct {
	name, account, endpoint string
	key                     []byte // of the account, or nil
	sas                     string // a signed query, or ""

	mu     sync.Mutex
	tokens azcore.TokenCredential
	none   bool // no identity was found
}

// The account of emulators, whose key is public.
const (
	emulatedAccount = "devstoreaccount1"
	emulatedKey     = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)

func locateAzure(rest string) (service, string, error) {
	name, key, _ := strings.Cut(rest, "/")
	if name == "" {
		return nil, "", errors.New("objects of Azure are named az://CONTAINER/KEY")
	}
	c, err := newContainer(name)
	if err != nil {
		return nil, "", err
	}
	s, err := shared().services.obtain("az://"+name+" "+c.endpoint, func() (service, error) { return c, nil })
	return s, key, err
}

// newContainer returns a container of the account that the environment names.
func newContainer(name string) (*container, error) {
	text := os.Getenv("AZURE_STORAGE_CONNECTION_STRING")
	parts := map[string]string{}
	for _, p := range strings.Split(text, ";") {
		if k, v, ok := strings.Cut(p, "="); ok {
			parts[strings.ToLower(k)] = v
		}
	}
	if parts["usedevelopmentstorage"] == "true" {
		parts = map[string]string{
			"accountname": emulatedAccount, "accountkey": emulatedKey,
			"blobendpoint": "http://127.0.0.1:10000/" + emulatedAccount,
		}
	}
	c := &container{
		name: name, account: cmp.Or(parts["accountname"], os.Getenv("AZURE_STORAGE_ACCOUNT")),
		endpoint: strings.TrimRight(parts["blobendpoint"], "/"),
		sas:      strings.TrimPrefix(cmp.Or(parts["sharedaccesssignature"], os.Getenv("AZURE_STORAGE_SAS_TOKEN")), "?"),
	}
	if c.endpoint == "" {
		if c.account == "" {
			return nil, errors.New("no account: AZURE_STORAGE_ACCOUNT or AZURE_STORAGE_CONNECTION_STRING names it")
		}
		suffix := cmp.Or(parts["endpointsuffix"], "core.windows.net")
		c.endpoint = cmp.Or(parts["defaultendpointsprotocol"], "https") + "://" + c.account + ".blob." + suffix
	}
	if u, err := url.Parse(c.endpoint); err != nil || u.Host == "" {
		return nil, errors.New("the endpoint of AZURE_STORAGE_CONNECTION_STRING is no URL")
	}
	if key := cmp.Or(parts["accountkey"], os.Getenv("AZURE_STORAGE_KEY")); key != "" {
		var err error
		if c.key, err = base64.StdEncoding.DecodeString(key); err != nil {
			return nil, errors.New("the key of the account, as AZURE_STORAGE_KEY, is no base64")
		}
	}
	return c, nil
}

// request returns a request for a key; "" for the container.
func (c *container) request(ctx context.Context, method, key string, query url.Values) (*http.Request, error) {
	at := c.endpoint + "/" + escapeKey(c.name)
	if key != "" {
		at += "/" + escapeKey(key)
	}
	r, err := http.NewRequestWithContext(ctx, method, at, nil)
	if err == nil {
		r.URL.RawQuery = query.Encode()
		r.Header.Set("X-Ms-Version", versionAzure)
	}
	return r, err
}

func (c *container) object(key string, size int64, etag string, at time.Time) *Object {
	name := "az://" + c.name + "/" + key
	return &Object{Name: name, URL: name, Size: size, ModTime: at, Version: unquoted(etag), service: c, key: key}
}

func (c *container) stat(ctx context.Context, key string) (*Object, error) {
	head := func() (*http.Request, error) { return c.request(ctx, http.MethodHead, key, nil) }
	resp, err := shared().do(ctx, c, head, nil)
	if err != nil {
		return nil, err
	}
	resp.Body.Close()
	return c.object(key, resp.ContentLength, resp.Header.Get("ETag"), modified(resp.Header)), nil
}

func (c *container) list(ctx context.Context, prefix string) iter.Seq2[*Object, error] {
	return listPages(ctx, c, func(token string) (*http.Request, error) {
		query := url.Values{"restype": {"container"}, "comp": {"list"}, "prefix": {prefix}}
		if token != "" {
			query.Set("marker", token)
		}
		return c.request(ctx, http.MethodGet, "", query)
	}, func(body []byte) (all []*Object, next string, err error) {
		var page struct {
			XMLName    xml.Name `xml:"EnumerationResults"`
			NextMarker string
			Blobs      []struct {
				Name struct {
					Text    string `xml:",chardata"`
					Encoded bool   `xml:",attr"`
				}
				Properties struct {
					Modified string `xml:"Last-Modified"`
					ETag     string `xml:"Etag"`
					Size     int64  `xml:"Content-Length"`
					Type     string `xml:"ResourceType"`
				}
			} `xml:"Blobs>Blob"`
		}
		if err := xml.Unmarshal(body, &page); err != nil {
			return nil, "", err
		}
		for _, b := range page.Blobs {
			name, p := b.Name.Text, b.Properties
			if b.Name.Encoded {
				if name, err = url.PathUnescape(name); err != nil {
					return nil, "", err
				}
			}
			at, err := http.ParseTime(p.Modified)
			if err != nil {
				return nil, "", err
			}
			if p.Type != "directory" {
				all = append(all, c.object(name, p.Size, p.ETag, at))
			}
		}
		return all, page.NextMarker, nil
	})
}

func (c *container) get(ctx context.Context, o *Object) (*http.Request, error) {
	r, err := c.request(ctx, http.MethodGet, o.key, nil)
	if err == nil && o.Version != "" {
		r.Header.Set("If-Match", `"`+o.Version+`"`)
	}
	return r, err
}

// authorize signs with the account's key, adds a signed query, or the token of an identity; or
// nothing where the environment has none, as public containers allow.
func (c *container) authorize(r *http.Request, fresh bool) error {
	switch {
	case c.key != nil:
		c.sign(r)
		return nil
	case c.sas != "":
		if r.URL.RawQuery != "" {
			r.URL.RawQuery += "&"
		}
		r.URL.RawQuery += c.sas
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tokens == nil || fresh {
		found, err := azidentity.NewDefaultAzureCredential(nil)
		if err != nil {
			return nil
		}
		c.tokens, c.none = found, false
	}
	if c.none {
		return nil
	}
	scope := policy.TokenRequestOptions{Scopes: []string{"https://storage.azure.com/.default"}}
	token, err := c.tokens.GetToken(r.Context(), scope)
	if r.Context().Err() != nil {
		return r.Context().Err()
	}
	if c.none = err != nil; err == nil {
		r.Header.Set("Authorization", "Bearer "+token.Token)
	}
	return nil
}

// sign adds a signature of the scheme Shared Key.
func (c *container) sign(r *http.Request) {
	r.Header.Set("X-Ms-Date", time.Now().UTC().Format(http.TimeFormat))
	var b strings.Builder
	b.WriteString(r.Method)
	for _, h := range []string{
		"Content-Encoding", "Content-Language", "Content-Length", "Content-MD5", "Content-Type", "Date", "If-Modified-Since",
		"If-Match", "If-None-Match", "If-Unmodified-Since", "Range",
	} {
		b.WriteString("\n" + r.Header.Get(h))
	}
	for _, h := range slices.Sorted(maps.Keys(r.Header)) {
		if strings.HasPrefix(h, "X-Ms-") {
			fmt.Fprintf(&b, "\n%s:%s", strings.ToLower(h), r.Header.Get(h))
		}
	}
	b.WriteString("\n/" + c.account + r.URL.EscapedPath())
	query := r.URL.Query()
	for _, name := range slices.Sorted(maps.Keys(query)) {
		fmt.Fprintf(&b, "\n%s:%s", name, strings.Join(slices.Sorted(slices.Values(query[name])), ","))
	}
	mac := hmac.New(sha256.New, c.key)
	mac.Write([]byte(b.String()))
	r.Header.Set("Authorization", "SharedKey "+c.account+":"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}

func (c *container) verify(o *Object, resp *http.Response) error { return verifyETag(o, resp) }

func (c *container) hint() string {
	return "credentials are AZURE_STORAGE_CONNECTION_STRING, AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN, or those of " +
		"az login"
}
