package rows

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"swab/pipeline/shard"
)

// IsJSON reports whether the rows of a format are JSON.
func IsJSON(f *shard.Format) bool { return f != nil && f.Name == table[0].Name }

// IsMember reports whether a field is a member of the row itself, and a single one.
func IsMember(field string) bool {
	f, err := ParseField(field)
	return err == nil && len(f.paths) == 1 && len(f.paths[0].steps) == 1 && !f.paths[0].steps[0].all &&
		f.paths[0].steps[0].key == ""
}

// EditText returns a record, an object of JSON, whose text in a member is what edit returns of it.
// All other bytes stay. The field is one that IsMember reports.
func EditText(record []byte, field string, edit func(text []byte) []byte) ([]byte, error) {
	f, err := ParseField(field)
	if err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(record))
	dec.UseNumber()
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, fmt.Errorf("a row that is no object has no member %s: %w", field, ErrUnsupported)
	}
	from, to := int64(-1), int64(0)
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, err
		}
		if name == f.paths[0].steps[0].name {
			if from >= 0 {
				return nil, fmt.Errorf("a row has %s twice: %w", field, ErrUnsupported)
			}
			to = dec.InputOffset()
			from = to - int64(len(value))
		}
	}
	var text string
	if from < 0 || json.Unmarshal(record[from:to], &text) != nil {
		return nil, fmt.Errorf("member %s is no text: %w", field, ErrUnsupported)
	}
	var b bytes.Buffer
	b.Write(record[:from])
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(string(edit([]byte(text)))); err != nil {
		return nil, err
	}
	b.Truncate(b.Len() - 1) // the end of a line
	_, err = io.Copy(&b, bytes.NewReader(record[to:]))
	return b.Bytes(), err
}
