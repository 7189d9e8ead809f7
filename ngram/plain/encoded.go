package plain

import (
	"bytes"
	"unicode/utf8"
)

const (
	maxGap    = 200 // bytes between two percent escapes of one text
	minEscape = 2   // percent escapes of one text
)

// decodePercent replaces percent escapes (%20) where several are in one text without
// blanks; without %20 among them, + too is a blank there, as in forms.
func decodePercent(l *layer, text []byte) {
	for at := bytes.IndexByte(text, '%'); at < len(text); {
		if at < 0 {
			return
		}
		count, blanks, end := 0, 0, at
		for next := at; next >= 0; next = nextPercent(text, end) {
			b, ok := escaped('%', text[next:])
			if !ok {
				break
			}
			if b == ' ' {
				blanks++
			}
			count++
			end = next + 3
		}
		if count >= minEscape {
			end = decodeRun(l, text, at, end, blanks == 0)
		}
		end = max(end, at+1)
		if at = bytes.IndexByte(text[end:], '%'); at >= 0 {
			at += end
		}
	}
}

// nextPercent returns the position of the percent sign at or after from that may be of the
// same encoded text, or -1.
func nextPercent(text []byte, from int) int {
	for i, b := range text[from:min(len(text), from+maxGap)] {
		if b == '%' {
			return from + i
		}
		if endsEncoded(b) {
			return -1
		}
	}
	return -1
}

// endsEncoded reports whether b is never in a percent-encoded text.
func endsEncoded(b byte) bool { return b <= ' ' || b == '"' || b == '<' || b == '>' }

// decodeRun decodes percent escapes between from and end, and the + around them if plus. It
// returns the byte after what it read.
func decodeRun(l *layer, text []byte, from, end int, plus bool) int {
	if plus {
		for from > l.done && !endsEncoded(text[from-1]) {
			from--
		}
		for end < len(text) && !endsEncoded(text[end]) && text[end] != '%' {
			end++
		}
	}
	for at := from; at < end; at++ {
		switch b := text[at]; {
		case plus && b == '+':
			l.replace(text, at, at+1, " ")
		case b == '%':
			if by, size := escapedRune('%', text[at:end]); size > 0 {
				l.replace(text, at, at+size, by)
				at += size - 1
			}
		}
	}
	return end
}

// escaped returns the byte of the escape that rest begins with: a sign, two digits of base 16.
// Control characters other than white space are not escaped by any text.
func escaped(sign byte, rest []byte) (b byte, ok bool) {
	if len(rest) < 3 || rest[0] != sign {
		return 0, false
	}
	high, low := hexDigit(rest[1]), hexDigit(rest[2])
	if high < 0 || low < 0 {
		return 0, false
	}
	b = byte(high<<4 | low)
	return b, b >= ' ' && b != 0x7F || isSpace(b)
}

// hexDigit returns the value of a digit of base 16, or -1.
func hexDigit(b byte) int {
	switch {
	case isDigit(b):
		return int(b - '0')
	case 'a' <= b|0x20 && b|0x20 <= 'f':
		return int(b|0x20-'a') + 10
	}
	return -1
}

// escapedRune returns the character of the escapes that rest begins with, and their size, 0
// if they are none.
func escapedRune(sign byte, rest []byte) (by string, size int) {
	var raw [utf8.UTFMax]byte
	n := 0
	for n < utf8.UTFMax && (n == 0 || !utf8.FullRune(raw[:n])) {
		b, ok := escaped(sign, rest[3*n:])
		if !ok {
			return "", 0
		}
		raw[n] = b
		n++
	}
	if r, _ := utf8.DecodeRune(raw[:n]); r == utf8.RuneError {
		return "", 0
	}
	return string(raw[:n]), 3 * n
}

// dropTerminal removes escape sequences for a terminal.
func dropTerminal(l *layer, text []byte) {
	for at := 0; at < len(text); at++ {
		if next := bytes.Index(text[at:], []byte("\x1b[")); next < 0 {
			return
		} else if at += next; terminalSize(text[at:]) > 0 {
			size := terminalSize(text[at:])
			l.replace(text, at, at+size, "")
			at += size - 1
		}
	}
}

// terminalSize returns the size of the escape sequence for a terminal, as for a colour, that
// rest begins with, or 0.
func terminalSize(rest []byte) int {
	for i, b := range rest[2:min(len(rest), maxTerminal)] {
		if '@' <= b && b <= '~' {
			return i + 3
		}
		if b < ' ' || b > '?' {
			return 0
		}
	}
	return 0
}
