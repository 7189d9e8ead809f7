package plain

import "bytes"

// Lengths in bytes of the lines of quoted-printable text, as mail carries it: of the longest
// (RFC 2045, section 6.7), and the least of one that goes on in the next.
const (
	longestQuoted = 76
	leastQuoted   = 40
)

// decodeQuoted decodes quoted-printable text. It is known by a line of about the greatest length
// that ends in = and goes on in the next; the lines around are of it too, as far as each = in
// them ends the line or is before two digits of base 16.
func decodeQuoted(l *layer, text []byte) {
	for at := nextSoftEnd(text, 0); at < len(text); at = nextSoftEnd(text, at) {
		from := max(l.done, at-longestQuoted-1)
		line := text[from+bytes.LastIndexByte(text[from:at], '\n')+1 : at]
		if len(line) < leastQuoted || len(line) >= longestQuoted || !isQuoted(line) || line[len(line)-1] == '=' {
			at++
			continue
		}
		at = decodeLines(l, text, at-len(line))
	}
}

// nextSoftEnd returns the position of the next = at the end of a line, or the end of the text.
func nextSoftEnd(text []byte, from int) int {
	for from < len(text) {
		next := bytes.IndexByte(text[from:], '=')
		if next < 0 {
			break
		}
		if from += next; endsLine(text[from+1:]) > 0 {
			return from
		}
		from++
	}
	return len(text)
}

// endsLine returns the size of the line end that rest begins with, or 0.
func endsLine(rest []byte) int {
	switch {
	case len(rest) > 0 && rest[0] == '\n':
		return 1
	case len(rest) > 1 && rest[0] == '\r' && rest[1] == '\n':
		return 2
	}
	return 0
}

// isQuoted reports whether each = in a line is before two digits of base 16.
func isQuoted(line []byte) bool {
	for at := bytes.IndexByte(line, '='); at >= 0; {
		if _, ok := escaped('=', line[at:]); !ok {
			return false
		}
		next := bytes.IndexByte(line[at+3:], '=')
		if next < 0 {
			break
		}
		at += 3 + next
	}
	return true
}

// decodeLines decodes quoted-printable lines from byte at on, and returns the byte behind them.
func decodeLines(l *layer, text []byte, at int) int {
	for at < len(text) {
		end := bytes.IndexByte(text[at:min(len(text), at+longestQuoted+2)], '\n')
		if end < 0 {
			if len(text)-at > longestQuoted {
				return at
			}
			end = len(text) - at
		}
		line := bytes.TrimSuffix(text[at:at+end], []byte("\r"))
		soft := bytes.HasSuffix(line, []byte("="))
		line = bytes.TrimSuffix(line, []byte("="))
		if !isQuoted(line) {
			return at
		}
		for i := range line {
			if line[i] != '=' || at+i < l.done {
				continue
			}
			if by, size := escapedRune('=', line[i:]); size > 0 {
				l.replace(text, at+i, at+i+size, by)
			}
		}
		next := min(at+end+1, len(text))
		if soft && next > at+len(line) {
			l.replace(text, at+len(line), next, "")
		}
		at = next
	}
	return at
}
