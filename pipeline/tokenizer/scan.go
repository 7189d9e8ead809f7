package tokenizer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// A vocabulary is most of a tokenizer.json, beside merges that are not needed: encoding/json
// takes several passes over both, these functions one each.

// checkJSON returns the error of what is no JSON.
func checkJSON(data []byte) error {
	if json.Valid(data) {
		return nil
	}
	return json.Unmarshal(data, new(json.RawMessage))
}

// members calls each for every member of an object in order, with its value as it is written.
// The object is part of valid JSON.
func members(object []byte, each func(name string, value []byte) error) error {
	i := skipSpace(object, 0)
	if i == len(object) || object[i] != '{' {
		return fmt.Errorf("an object was expected where %.20q is", object)
	}
	for i = skipSpace(object, i+1); object[i] != '}'; i = skipSpace(object, i) {
		begin := i
		i = stringEnd(object, i)
		name, err := unquote(object[begin:i])
		if err != nil {
			return err
		}
		i = skipSpace(object, skipSpace(object, i)+1) // the colon
		begin = i
		i = valueEnd(object, i)
		if err := each(name, object[begin:i]); err != nil {
			return err
		}
		if i = skipSpace(object, i); object[i] == ',' {
			i = skipSpace(object, i+1)
		}
	}
	return nil
}

// unquote returns the text of a JSON string.
func unquote(s []byte) (text string, err error) {
	inner := s[1 : len(s)-1]
	if bytes.IndexByte(inner, '\\') < 0 && utf8.Valid(inner) {
		return string(inner), nil
	}
	err = json.Unmarshal(s, &text)
	return text, err
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// stringEnd returns where the string at i ends.
func stringEnd(b []byte, i int) int {
	for i++; b[i] != '"'; i++ {
		if b[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// valueEnd returns where the value at i ends.
func valueEnd(b []byte, i int) int {
	for depth := 0; i < len(b); {
		switch b[i] {
		case '"':
			if i = stringEnd(b, i); depth == 0 {
				return i
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 { // of what is around a number or literal
				return i
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',', ' ', '\n', '\r', '\t':
			if depth == 0 {
				return i
			}
		}
		i++
	}
	return i
}
