package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"swab/pipeline/publish"

	"github.com/zeebo/xxh3"
)

var (
	// ErrVersion means that a file was written in another version of its format.
	ErrVersion = errors.New("written by another version of the program")
	// ErrCorrupt means that a file is damaged or of another format than its name implies.
	ErrCorrupt = errors.New("not valid")
)

// A Format is the first line of a sealed file: a JSON object with the format's name and
// version and, last, a checksum: the XXH3-64 of all bytes after the line or, if the format
// has minor versions, of the line's bytes before the member xxh3 and of those after the
// line. The body is one JSON value.
type Format struct {
	Name    string
	Version int
	Minor   int    // later minor versions may have more members; -1: the format has none
	Advice  string // on a file of another version
}

// head returns the first line for that body.
func (f Format) head(body []byte) string {
	if f.Minor < 0 {
		return fmt.Sprintf(`{"format":"%s","version":%d,"xxh3":"%016x"}`, f.Name, f.Version, xxh3.Hash(body))
	}
	begin := fmt.Sprintf(`{"format":"%s","version":%d,"minor":%d,`, f.Name, f.Version, f.Minor)
	return fmt.Sprintf(`%s"xxh3":"%s"}`, begin, checksum([]byte(begin), body))
}

func checksum(begin, body []byte) string {
	h := xxh3.New()
	h.Write(begin)
	h.Write(body)
	return fmt.Sprintf("%016x", h.Sum64())
}

// Write writes v, as indented JSON, under its first line. Equal values are written as
// equal bytes. Invalid UTF-8 in strings becomes U+FFFD.
func (f Format) Write(w io.Writer, v any) error {
	var compact bytes.Buffer
	enc := json.NewEncoder(&compact)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	body := indent(compact.Bytes())
	if _, err := io.WriteString(w, f.head(body)+"\n"); err != nil {
		return err
	}
	_, err := w.Write(body)
	return err
}

// indent returns what json.Indent makes of compact JSON and a line end, with two spaces a
// level, in a third of its time.
func indent(src []byte) []byte {
	dst, depth := make([]byte, 0, 2*len(src)), 0
	line := func() {
		dst = append(dst, '\n')
		for range depth {
			dst = append(dst, "  "...)
		}
	}
	for i := 0; i < len(src); i++ {
		switch c := src[i]; c {
		case '"':
			begin := i
			for i++; src[i] != '"'; i++ {
				if src[i] == '\\' {
					i++
				}
			}
			dst = append(dst, src[begin:i+1]...)
		case '{', '[':
			dst = append(dst, c)
			if depth++; src[i+1] != c+2 {
				line()
			}
		case '}', ']':
			if depth--; src[i-1] != c-2 {
				line()
			}
			dst = append(dst, c)
		case ',':
			dst = append(dst, c)
			line()
		case ':':
			dst = append(dst, ": "...)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// Read reads into v what Write wrote, byte for byte. The error is ErrVersion for another
// version of the format, and ErrCorrupt for anything else that is not such a file. Unknown
// members are ignored if the file is of another minor version: a later one has more, an
// earlier one may have some that are written no longer.
func (f Format) Read(r io.Reader, v any) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	return f.Parse(b, v)
}

// Parse is Read for a file's content.
func (f Format) Parse(b []byte, v any) error {
	body, other, err := f.body(b)
	if err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if !other {
		dec.DisallowUnknownFields()
	}
	if err := dec.Decode(v); err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return fmt.Errorf("%w: more than one value", ErrCorrupt)
	}
	return nil
}

// body returns the body of a file that its first line belongs to, and whether it is of another
// minor version.
func (f Format) body(file []byte) (body []byte, other bool, err error) {
	line, body, _ := bytes.Cut(file, []byte("\n"))
	if string(line) != f.head(body) {
		other, err = f.compare(line, body)
	}
	return body, other, err
}

// ReadMember reads into v that member of the object in a file that Write wrote, and nothing
// behind it. The errors are those of Read.
func (f Format) ReadMember(file []byte, name string, v any) error {
	body, _, err := f.body(file)
	if err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	if _, err = dec.Token(); err == nil {
		for dec.More() {
			var key json.Token
			if key, err = dec.Token(); err != nil {
				break
			}
			var other json.RawMessage
			value := any(&other)
			if key == name {
				value = v
			}
			if err = dec.Decode(value); err != nil || key == name {
				break
			}
		}
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return nil
}

// compare returns an error if a first line does not belong to the body, or reports that it is
// of another minor version.
func (f Format) compare(line, body []byte) (other bool, err error) {
	var h struct {
		Format  string
		Version int
		Minor   int
		XXH3    string
	}
	begin := []byte{}
	if i := bytes.LastIndex(line, []byte(`"xxh3"`)); i >= 0 && f.Minor >= 0 {
		begin = line[:i]
	}
	switch err := json.Unmarshal(line, &h); {
	case err != nil || h.Format != f.Name:
		return false, fmt.Errorf("%w: its first line is not that of the format %q", ErrCorrupt, f.Name)
	case h.Version != f.Version:
		return false, fmt.Errorf("%w: its format is %d, this program reads %d; %s",
			ErrVersion, h.Version, f.Version, f.Advice)
	case h.XXH3 != checksum(begin, body):
		return false, fmt.Errorf("%w: checksum mismatch: the file was changed or truncated after it was written", ErrCorrupt)
	case f.Minor < 0 || h.Minor < 0 || h.Minor == f.Minor:
		return false, fmt.Errorf("%w: its first line was changed", ErrCorrupt)
	}
	return true, nil
}

// Foreign turns an error that is ErrCorrupt into one that is publish.ErrForeign too: an invalid
// file may not be swab's, and swab will not replace it.
func Foreign(err error) error {
	if errors.Is(err, ErrCorrupt) {
		return fmt.Errorf("%w: %w", publish.ErrForeign, err)
	}
	return err
}

// objectSeal precedes the checksum of a JSON object, its last member.
const objectSeal = ",\n \"xxh3\": \""

// WriteObject writes v, which is an object with members, as JSON indented by a space, with the
// XXH3-64 of what is before it as the last member, xxh3. It is for files that others read too.
func WriteObject(w io.Writer, v any) error {
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return err
	}
	b = bytes.TrimSuffix(b, []byte("\n}"))
	_, err = fmt.Fprintf(w, "%s%s%016x\"\n}\n", b, objectSeal, xxh3.Hash(b))
	return err
}

// CheckObject compares a file that WriteObject wrote with its checksum. The error is ErrCorrupt. A
// file of an earlier version has none.
func CheckObject(b []byte) error {
	at := bytes.LastIndex(b, []byte(objectSeal))
	if at < 0 {
		return nil
	}
	if want := fmt.Sprintf("%s%016x\"\n}\n", objectSeal, xxh3.Hash(b[:at])); string(b[at:]) != want {
		return corruptf("checksum mismatch")
	}
	return nil
}
