package findings

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"unicode/utf8"

	"swab/pipeline/report"
)

// verdicts gives the rows of verdicts.jsonl, each lent until the next.
func verdicts(ctx context.Context, in io.Reader, name string) iter.Seq2[*Verdict, error] {
	return func(yield func(*Verdict, error) bool) {
		r := bufio.NewReaderSize(in, 1<<18)
		var (
			v    Verdict
			long []byte
			seen = interned{}
		)
		for n := 0; ; n++ {
			if n%1024 == 0 && ctx.Err() != nil {
				yield(nil, ctx.Err())
				return
			}
			line, err := r.ReadSlice('\n')
			if errors.Is(err, bufio.ErrBufferFull) {
				long = append(long[:0], line...)
				line, err = r.ReadBytes('\n')
				line = append(long, line...)
			}
			if err != nil && err != io.EOF {
				yield(nil, fmt.Errorf("%s: row %d: %w", name, n, err))
				return
			}
			if line = bytes.TrimSpace(line); len(line) > 0 {
				if v = (Verdict{}); !simple(line, &v, seen) {
					v = Verdict{}
					if err := json.Unmarshal(line, &v); err != nil {
						yield(nil, fmt.Errorf("%s: row %d: %w", name, n, err))
						return
					}
				}
				if !yield(&v, nil) {
					return
				}
			}
			if err == io.EOF {
				return
			}
		}
	}
}

// interned has strings that stand in many rows, once each.
type interned map[string]string

func (t interned) of(b []byte) string {
	s, ok := t[string(b)]
	if !ok {
		if len(t) > 1<<12 {
			clear(t)
		}
		s = string(b)
		t[s] = s
	}
	return s
}

// simple reads a row as swab writes nearly all of them: members that are known, strings
// without escapes, numbers, nulls, and lists of such strings. It takes a tenth of the time
// of encoding/json, which decides on all else: on false, v means nothing.
func simple(line []byte, v *Verdict, seen interned) bool {
	p := parser{line, true}
	for first := true; !p.ends('{', '}', first); first = false {
		key := p.str()
		p.char(':')
		if !p.ok {
			return false
		}
		switch string(key) {
		case "method":
			v.Method = seen.of(p.str())
		case "benchmark":
			v.Benchmark = seen.of(p.str())
		case "split":
			v.Split = seen.of(p.str())
		case "subject":
			v.Subject = seen.of(p.str())
		case "item":
			v.Item = string(p.str())
		case "index":
			v.Index = p.int()
		case "digest":
			v.Digest = string(p.str())
		case "state":
			v.State = report.State(seen.of(p.str()))
		case "score":
			v.Score = p.float()
		case "longest":
			v.Longest = p.int()
		case "words":
			v.Words = p.int()
		case "matched":
			v.Matched = p.int()
		case "documents":
			v.Documents = p.int()
		case "parts":
			v.Parts = p.list(seen)
		case "chance":
			v.Chance = p.float()
		case "seen":
			v.Seen = seen.of(p.str())
		case "kind":
			v.Kind = seen.of(p.str())
		case "template":
			v.Template = p.float()
		case "segments": // of no meaning here
			p.list(seen)
		default:
			return false
		}
	}
	return p.ok && len(p.rest) == 0
}

// parser takes values off the front of rest as long as all is as expected.
type parser struct {
	rest []byte
	ok   bool
}

func (p *parser) char(c byte) {
	if p.ok = p.ok && len(p.rest) > 0 && p.rest[0] == c; p.ok {
		p.rest = p.rest[1:]
	}
}

// ends takes what stands before the next element: open or a comma. It says whether
// closing stands there instead, or nothing is as expected any more.
func (p *parser) ends(open, closing byte, first bool) bool {
	if first {
		p.char(open)
	}
	if p.ok && len(p.rest) > 0 && p.rest[0] == closing {
		p.rest = p.rest[1:]
		return true
	}
	if !first {
		p.char(',')
	}
	return !p.ok
}

func (p *parser) str() []byte {
	if p.char('"'); !p.ok {
		return nil
	}
	for i, c := range p.rest {
		switch {
		case c == '"':
			s := p.rest[:i]
			p.rest = p.rest[i+1:]
			p.ok = utf8.Valid(s)
			return s
		case c == '\\' || c < ' ':
			p.ok = false
			return nil
		}
	}
	p.ok = false
	return nil
}

// number takes a number as JSON has it.
func (p *parser) number() []byte {
	digits := func(i int) int {
		from := i
		for i < len(p.rest) && '0' <= p.rest[i] && p.rest[i] <= '9' {
			i++
		}
		p.ok = p.ok && i > from
		return i
	}
	at := func(i int, chars string) bool {
		return i < len(p.rest) && bytes.IndexByte([]byte(chars), p.rest[i]) >= 0
	}
	i := 0
	if at(0, "-") {
		i++
	}
	from := i
	if i = digits(i); i > from+1 && p.rest[from] == '0' {
		p.ok = false
	}
	if at(i, ".") {
		i = digits(i + 1)
	}
	if at(i, "eE") {
		if i++; at(i, "+-") {
			i++
		}
		i = digits(i)
	}
	if !p.ok {
		return nil
	}
	s := p.rest[:i]
	p.rest = p.rest[i:]
	return s
}

func (p *parser) int() int64 {
	n, err := strconv.ParseInt(string(p.number()), 10, 64)
	p.ok = p.ok && err == nil
	return n
}

// float takes a number, or null.
func (p *parser) float() *float64 {
	if p.ok && bytes.HasPrefix(p.rest, []byte("null")) {
		p.rest = p.rest[len("null"):]
		return nil
	}
	f, err := strconv.ParseFloat(string(p.number()), 64)
	p.ok = p.ok && err == nil
	return &f
}

// list takes a list of strings.
func (p *parser) list(seen interned) []string {
	list := []string{}
	for first := true; !p.ends('[', ']', first); first = false {
		list = append(list, seen.of(p.str()))
	}
	return list
}
