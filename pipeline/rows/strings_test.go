package rows

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzStrings holds strings read in blocks against those read by eight bytes: where one ends or
// breaks, its text and its marks, at any byte of memory; and valid UTF-8 against utf8.Valid.
func FuzzStrings(f *testing.F) {
	for _, s := range []string{
		`plain", then`, `a\nb\t\\\"\/c",`, `\u00e9\u4e2d\ud83d\ude00\ud800x"`, `\u12x4"`, `\q"`, `ends`, `ends\`, `ends\u12`, "a\nb\"", "a\x00\"", "中文é😀\"",
		"\xff\xfe\"", "\xe4\xb8\"", "\xed\xa0\x80\"", "\xf4\x90\x80\x80\"", "\xc0\xaf\xe0\x80\x80\"", "\x1f\"", "\x7f\x80\"",
	} {
		for _, n := range []uint8{0, 1, 14, 29, 30, 31, 32, 61, 62, 63, 95} {
			f.Add([]byte(s), n, uint8(1))
		}
		f.Add([]byte(s), uint8(3), uint8(40))
	}
	f.Fuzz(func(t *testing.T, s []byte, before, times uint8) {
		b := append(bytes.Repeat([]byte("x"), int(before)+1), bytes.Repeat(s, int(times))...)
		b = b[:len(b):len(b)]
		from := min(int(before), 2) + 1
		fast, fastEnd, fastMarks := unquoteBy(stringsFast, append(make([]byte, 0, len(b)+Slack+2), "ab"...), b, from)
		plain, end, marks := unquoteBy(false, append(make([]byte, 0, len(b)+Slack+2), "ab"...), b, from)
		if string(fast) != string(plain) || fastEnd != end || fastMarks != marks {
			t.Fatalf("%q: %q to %d with %v, by eight bytes %q to %d with %v", b[from:], fast, fastEnd, fastMarks, plain, end, marks)
		}
		next, odd, ok := skipString(stringsFast, b, from)
		wantNext, wantOdd, wantOK := skipString(false, b, from)
		if next != wantNext || ok != wantOK || wantOdd && !odd {
			t.Fatalf("%q: skipped to %d %v %v, by eight bytes to %d %v %v", b[from:], next, odd, ok, wantNext, wantOdd, wantOK)
		}
		if ok != (end >= 0) || ok && next != end {
			t.Fatalf("%q: skipped to %d %v, decoded to %d", b[from:], next, ok, end)
		}
		if got, want := ValidUTF8(b[from:]), utf8.Valid(b[from:]); got != want {
			t.Fatalf("%q: valid %v, want %v", b[from:], got, want)
		}
	})
}

// Every sequence of bytes that begins, goes on with or could be mistaken for a rune, across the
// border of blocks.
func TestValidUTF8(t *testing.T) {
	parts := []string{
		"a", "\x80", "\x8f", "\x90", "\x9f", "\xa0", "\xbf", "\xc0", "\xc1", "\xc2", "\xdf", "\xe0", "\xe1", "\xec", "\xed", "\xef", "\xf0", "\xf1", "\xf3", "\xf4", "\xf5", "\xff",
	}
	var rec func(text string, left int)
	rec = func(text string, left int) {
		for _, before := range []int{0, 28, 29, 30, 31} {
			b := []byte(strings.Repeat("x", before) + text + strings.Repeat("y", 64-before))
			if got, want := ValidUTF8(b), utf8.Valid(b); got != want {
				t.Fatalf("%q: valid %v, want %v", b, got, want)
			}
		}
		if left > 0 {
			for _, p := range parts {
				rec(text+p, left-1)
			}
		}
	}
	rec("", 3)
}

func BenchmarkUnquote(b *testing.B) {
	for _, c := range []struct{ text, s string }{
		{"english", strings.Repeat(`The quick brown fox jumps over the lazy dog, and then it \"sleeps\" for an hour.\n`, 1000)},
		{"chinese", strings.Repeat(`机器学习是人工智能的一个分支，它研究怎样让计算机从数据中学习。\n`, 1000)},
		{"escaped", strings.Repeat(`\u673a\u5668\u5b66\u4e60\u662f\u4eba\u5de5\u667a\u80fd`, 1000)},
	} {
		line := []byte(c.s + `"`)
		dst := make([]byte, 0, len(line)+Slack)
		for _, path := range []struct {
			name string
			fast bool
		}{{"blocks", stringsFast}, {"plain", false}} {
			b.Run("text="+c.text+"/path="+path.name, func(b *testing.B) {
				b.SetBytes(int64(len(line)))
				for b.Loop() {
					unquoteBy(path.fast, dst, line, 0)
				}
			})
		}
	}
}
