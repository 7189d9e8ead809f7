package rows

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/textproto"
	"slices"
	"strconv"
	"strings"

	"github.com/klauspost/compress/gzip"
	"golang.org/x/net/html"
	"golang.org/x/net/html/charset"
)

// warcReader reads the records of a WARC file that hold a document: a conversion, as the
// WET files of Common Crawl have them, a response and a resource. A row has the fields text
// and id, the target's address. Of HTML the text is what a page shows; a page of another
// type of document, as PDF, is a row without a text, and an image, a script or a style is
// none.
type warcReader struct {
	in  *Input
	r   *bufio.Reader
	max int
}

// maxWARCHead is the most bytes of a record's named fields, and of a response's.
const maxWARCHead = 1 << 20

func openWARC(in *Input, o Options) (Reader, error) {
	return &warcReader{in: in, r: bufio.NewReaderSize(in, 64<<10), max: o.MaxRow}, nil
}

func (w *warcReader) Next(rec *Record) error {
	for {
		row, err := w.record(rec)
		if err != nil || row {
			return w.in.Cause(err)
		}
	}
}

// record reads one record of the file; row says that rec is it.
func (w *warcReader) record(rec *Record) (row bool, err error) {
	version, err := w.line()
	if err != nil {
		return false, err
	}
	if !strings.HasPrefix(version, "WARC/") {
		return false, fmt.Errorf("%q where a record begins: %w", Clip(version), ErrCorrupt)
	}
	head, err := w.head()
	if err != nil {
		return false, err
	}
	size, err := strconv.ParseInt(head.Get("Content-Length"), 10, 64)
	if err != nil || size < 0 {
		return false, fmt.Errorf("a record of Content-Length %q: %w", Clip(head.Get("Content-Length")), ErrCorrupt)
	}
	kind := strings.ToLower(head.Get("WARC-Type"))
	if !slices.Contains([]string{"conversion", "response", "resource"}, kind) {
		if _, err := io.CopyN(io.Discard, w.r, size); err != nil {
			return false, cutWARC(err)
		}
		return false, w.end()
	}
	if size > int64(w.max) {
		return false, fmt.Errorf("a record of %d bytes, more than %d: %w", size, w.max, ErrTooLong)
	}
	var block bytes.Buffer
	if _, err := io.CopyN(&block, w.r, size); err != nil {
		return false, cutWARC(err)
	}
	if err := w.end(); err != nil {
		return false, err
	}
	id := strings.Trim(head.Get("WARC-Target-URI"), "<>")
	body, typ := block.Bytes(), head.Get("Content-Type")
	if kind == "response" {
		if !strings.HasPrefix(typ, "application/http") {
			return false, nil // of DNS and the like
		}
		if body, typ, err = w.response(body); err != nil {
			return false, err
		}
	}
	return w.document(rec, id, typ, body)
}

// head reads the named fields of a record, and the empty line behind them.
func (w *warcReader) head() (textproto.MIMEHeader, error) {
	head, left := textproto.MIMEHeader{}, maxWARCHead
	for last := ""; ; {
		line, err := w.line()
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, cutWARC(err)
		}
		if line == "" {
			return head, nil
		}
		if left -= len(line); left < 0 {
			return nil, fmt.Errorf("a record's head of more than %d bytes: %w", maxWARCHead, ErrTooLong)
		}
		if (line[0] == ' ' || line[0] == '\t') && last != "" { // the field goes on
			head[last][0] += " " + strings.TrimSpace(line)
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return nil, fmt.Errorf("%q among a record's named fields: %w", Clip(line), ErrCorrupt)
		}
		last = textproto.CanonicalMIMEHeaderKey(strings.TrimSpace(name))
		if head.Get(last) == "" {
			head[last] = []string{strings.TrimSpace(value)}
		}
	}
}

// line reads a line. io.EOF means that there is nothing more.
func (w *warcReader) line() (string, error) {
	line, err := w.r.ReadSlice('\n')
	switch {
	case err == bufio.ErrBufferFull:
		return "", fmt.Errorf("a line of a record's head of more than %d bytes: %w", w.r.Size(), ErrTooLong)
	case err == io.EOF && len(line) > 0:
		return "", cutWARC(io.ErrUnexpectedEOF)
	case err != nil:
		return "", err
	}
	return string(bytes.TrimRight(line, "\r\n")), nil
}

// end reads the two empty lines behind a record.
func (w *warcReader) end() error {
	for range 2 {
		line, err := w.line()
		if err != nil {
			return cutWARC(err)
		}
		if line != "" {
			return fmt.Errorf("%q behind a record: %w", Clip(line), ErrCorrupt)
		}
	}
	return nil
}

func cutWARC(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return fmt.Errorf("the file ends within a record: %w", ErrCorrupt)
	}
	return err
}

// response returns the body of a response of HTTP, decoded, and its type. What is no HTTP,
// or is encoded in a way that is not read, is of no type that has a text.
func (w *warcReader) response(block []byte) (body []byte, typ string, err error) {
	const unread = "application/octet-stream"
	resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(block)), nil)
	if err != nil {
		return nil, unread, nil
	}
	defer resp.Body.Close()
	typ = resp.Header.Get("Content-Type")
	// The head may say the length that the body had before it was decoded or cut.
	_, body, found := bytes.Cut(block, []byte("\r\n\r\n"))
	if !found || len(resp.TransferEncoding) > 0 {
		decoded, err := w.readAll(resp.Body)
		if errors.Is(err, ErrTooLong) {
			return nil, "", err
		}
		if err == nil || !found {
			body = decoded
		}
	}
	var from io.Reader
	switch encoding := strings.ToLower(resp.Header.Get("Content-Encoding")); {
	case strings.HasSuffix(encoding, "gzip") && bytes.HasPrefix(body, []byte("\x1f\x8b")):
		from, err = gzip.NewReader(bytes.NewReader(body))
	case encoding == "deflate":
		from, err = zlib.NewReader(bytes.NewReader(body))
	case encoding == "br", encoding == "zstd":
		return nil, unread, nil
	default:
		return body, typ, nil
	}
	if err == nil {
		body, err = w.readAll(from)
	}
	switch {
	case errors.Is(err, ErrTooLong):
		return nil, "", err
	case err != nil:
		return nil, unread, nil
	}
	return body, typ, nil
}

// readAll reads a whole body.
func (w *warcReader) readAll(r io.Reader) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, int64(w.max)+1))
	if len(b) > w.max {
		return nil, fmt.Errorf("a document of more than %d bytes: %w", w.max, ErrTooLong)
	}
	return b, err
}

// document sets rec to the row of a document of that type, and reports whether it is one.
func (w *warcReader) document(rec *Record, id, typ string, body []byte) (row bool, err error) {
	media, _, err := mime.ParseMediaType(typ)
	if err != nil {
		media = strings.ToLower(strings.TrimSpace(typ))
	}
	if media == "" || media == "application/warc-record" { // as warcio writes what it knows no type of
		media = strings.Split(http.DetectContentType(body), ";")[0]
	}
	group, _, _ := strings.Cut(media, "/")
	switch {
	case len(bytes.TrimSpace(body)) == 0 && media != "application/octet-stream",
		slices.Contains([]string{"image", "audio", "video", "font"}, group),
		strings.Contains(media, "javascript"), media == "text/css":
		return false, nil
	case media == "text/html", media == "application/xhtml+xml":
		r, err := charset.NewReader(bytes.NewReader(body), typ)
		if err != nil {
			return false, err
		}
		rec.document(id, htmlText(r))
		return true, nil
	case group == "text":
		rec.document(id, body)
		return true, nil
	}
	rec.reset()
	root := rec.open(object, nil)
	rec.leaf(foreign, []byte("text"), []byte(media))
	rec.plain(text, []byte("id"), []byte(id))
	rec.shut(root)
	return true, nil
}

// inlineTags are the elements that do not end a word.
const inlineTags = " a abbr b bdi bdo big cite code del dfn em font i ins kbd mark q s samp small span strike strong " +
	"sub sup tt u var wbr "

// htmlText returns the text of a page, its title first, without scripts and styles.
func htmlText(r io.Reader) []byte {
	z := html.NewTokenizer(r)
	var out []byte
	for hidden := false; ; {
		switch kind := z.Next(); kind {
		case html.ErrorToken:
			return bytes.TrimSpace(out)
		case html.TextToken:
			if !hidden {
				out = append(out, z.Text()...)
			}
		case html.StartTagToken, html.EndTagToken, html.SelfClosingTagToken:
			name, _ := z.TagName()
			tag := string(name)
			hidden = kind == html.StartTagToken && (tag == "script" || tag == "style" || tag == "noscript")
			if !strings.Contains(inlineTags, " "+tag+" ") && len(out) > 0 && out[len(out)-1] != '\n' {
				out = append(out, '\n')
			}
		}
	}
}
