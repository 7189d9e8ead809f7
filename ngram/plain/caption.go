package plain

import (
	"bytes"
	"strings"
	"unicode"
)

// arrow is between the two times of a caption, in WebVTT and SubRip.
const arrow = "-->"

const (
	maxTime = 13 // bytes of 1000:00:00.000
	maxLine = 120
)

// timeSize returns the size of the time that rest begins with, 0 if it is none: minutes and
// seconds, hours before them or not, and thousandths.
func timeSize(rest []byte) (size int) {
	colons, digits := 0, 0
	for size < min(len(rest), maxTime) {
		switch b := rest[size]; {
		case isDigit(b):
			digits++
		case b == ':' && digits > 0:
			colons, digits = colons+1, 0
		case (b == '.' || b == ',') && digits == 2 && 0 < colons && colons < 3:
			if end := size + 4; end <= len(rest) && isDigit(rest[end-3]) && isDigit(rest[end-2]) && isDigit(rest[end-1]) {
				return end
			}
			return 0
		default:
			return 0
		}
		size++
	}
	return 0
}

// cueTimes returns the bytes of the line of times around the arrow at byte at, with the number
// or the empty line before it, none of them before byte done. Where it is no such line, both are
// the byte behind the arrow.
func cueTimes(text []byte, at, done int) (from, end int) {
	after := at + len(arrow)
	for from = at; from > done && at-from <= maxTime+1 && text[from-1] != '\n'; from-- {
	}
	before := bytes.TrimSpace(text[from:at])
	to := after
	for to < len(text) && text[to] == ' ' {
		to++
	}
	if n := timeSize(before); n == 0 || n < len(before) || timeSize(text[to:]) == 0 {
		return after, after
	}
	end = to
	for end < len(text) && end-to < maxLine && text[end] != '\n' {
		end++
	}
	return max(numberBefore(text, from, done), done), end
}

// numberBefore returns the begin of the line before byte from, if it is a number alone, as
// captions of SubRip have it, else from.
func numberBefore(text []byte, from, done int) int {
	at := from
	for at > done && isSpace(text[at-1]) && from-at < 4 {
		at--
	}
	digits := at
	for at > done && isDigit(text[at-1]) && digits-at < 6 {
		at--
	}
	if digits == at || at > 0 && text[at-1] != '\n' {
		return from
	}
	return at
}

// cueTagSize returns the size of the tag of a caption that rest begins with, or 0: a time, or
// a class or voice of WebVTT, as <c.yellow> and <v Ingrid>.
func cueTagSize(rest []byte) int {
	if n := timeSize(rest[1:]); n > 0 && 1+n < len(rest) && rest[1+n] == '>' {
		return n + 2
	}
	if len(rest) < 3 || bytes.IndexByte([]byte("cvbiu"), rest[1]) < 0 {
		return 0
	}
	if rest[2] != '.' && !(rest[1] == 'v' && rest[2] == ' ') {
		return 0
	}
	end := bytes.IndexByte(rest[:min(len(rest), maxEntity)], '>')
	if end < 4 || bytes.ContainsFunc(rest[3:end], isNoName) {
		return 0
	}
	return end + 1
}

// isNoName reports whether a class or voice of WebVTT has no such character, as texts use it.
func isNoName(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(". _-", r)
}
