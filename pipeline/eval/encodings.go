package eval

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"math/rand/v2"
	"net/url"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// jsonString returns s as JSON writes it, quotes included, < and & as they are.
func jsonString(s string) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		panic(err) // a string always encodes
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// jsonEscaped returns s as an object's member, everything but ASCII escaped.
func jsonEscaped(s string) (string, bool) {
	var out strings.Builder
	for _, c := range jsonString(s) {
		switch {
		case c < 0x80:
			out.WriteRune(c)
		case c < 0x10000:
			fmt.Fprintf(&out, `\u%04x`, c)
		default:
			return "", false
		}
	}
	return `{"text": ` + out.String() + `}`, out.String() != `"`+s+`"`
}

// chatJSON returns a chat of two messages, the first of which is s.
func chatJSON(r *rand.Rand, s string) (string, bool) {
	reply := []string{"Sure, let me think.", "Here is what I found.", "Good question!"}[r.IntN(3)]
	chat := fmt.Sprintf(`{"id": %d, "messages": [{"role": "user", "content": %s}, {"role": "assistant", "content": %s}]}`,
		r.IntN(1e6), jsonString(s), jsonString(reply))
	return chat, strings.ContainsAny(s, "\n\"\\")
}

// chatJSONTwice returns a log entry whose body is such a chat as a JSON string.
func chatJSONTwice(r *rand.Rand, s string) (string, bool) {
	chat, ok := chatJSON(r, s)
	return fmt.Sprintf(`{"level": "info", "status": 200, "body": %s}`, jsonString(chat)), ok
}

// htmlInJSON returns s with character references in the JSON of a page.
func htmlInJSON(s string) (string, bool) {
	body := "<p>" + strings.ReplaceAll(html.EscapeString(s), "\n", "</p>\n<p>") + "</p>"
	b, err := json.Marshal(body) // < and & become \u003c and \u0026
	return `{"type": "rich-text", "html": ` + string(b) + `}`, err == nil && strings.ContainsAny(s, "\n\"'<>&")
}

func htmlEscaped(s string) (string, bool) {
	t := strings.ReplaceAll(html.EscapeString(s), "\n", "&#10;")
	return t, strings.Count(t, "&")-strings.Count(s, "&") >= 2
}

func percentEncoded(s string) (string, bool) {
	return "https://example.org/share?text=" + strings.ReplaceAll(url.QueryEscape(s), "+", "%20") + "&lang=any", true
}

// formEncoded returns s as the body of a form sent by a browser.
func formEncoded(s string) (string, bool) {
	return "topic=homework&body=" + url.QueryEscape(s) + "&submit=Post", true
}

// mojibake returns s with its UTF-8 read as Latin-1 or Windows-1252, the given number
// of times. Plain ASCII gets typographic signs first, as most pages have them.
func mojibake(r *rand.Rand, s string, times int) (string, bool) {
	if t, ok := typographic(s); ok {
		s = t
	}
	signs := 0
	for _, c := range s {
		if c >= utf8.RuneSelf {
			signs++
		}
	}
	windows := r.IntN(2) == 0
	for range times {
		var b strings.Builder
		for i := range len(s) {
			c := rune(s[i])
			if windows {
				if w := charmap.Windows1252.DecodeByte(s[i]); w != utf8.RuneError {
					c = w
				}
			}
			b.WriteRune(c)
		}
		s = b.String()
	}
	return s, signs >= 2
}

// csvCell returns s as a quoted cell between others.
func csvCell(r *rand.Rand, s string) (string, bool) {
	row := fmt.Sprintf("%d,\"%s\",%d,open", r.IntN(9000), strings.ReplaceAll(s, `"`, `""`), r.IntN(90))
	return "id,body,votes,state\n" + row, strings.ContainsAny(s, "\n\"")
}

// stringLiteral returns s as adjacent string literals of a program.
func stringLiteral(s string) (string, bool) {
	rows := lines(strings.ReplaceAll(s, "\n", " \x00 "), 60, true)
	for i, row := range rows {
		row = strings.ReplaceAll(strings.ReplaceAll(row, `\`, `\\`), `'`, `\'`)
		row = strings.ReplaceAll(row, " \x00", `\n`)
		rows[i] = "    '" + strings.ReplaceAll(row, "\x00", `\n`) + " '"
	}
	return "PROMPT = (\n" + strings.Join(rows, "\n") + "\n)", len(rows) > 1
}

// quotedPrintable returns s as mail carries it: lines of at most 76 bytes, soft line
// ends, and everything but printable ASCII as =XX.
func quotedPrintable(s string) (string, bool) {
	var b strings.Builder
	col := 0
	for i := range len(s) {
		code := string(s[i])
		switch c := s[i]; {
		case c == '\n':
			b.WriteString("\r\n")
			col = 0
			continue
		case c == '=' || c < ' ' || c > '~':
			code = fmt.Sprintf("=%02X", c)
		}
		if col+len(code) > 75 {
			b.WriteString("=\r\n")
			col = 0
		}
		b.WriteString(code)
		col += len(code)
	}
	return b.String(), strings.Contains(b.String(), "=")
}

// notebook returns s as the lines of a notebook's text cell.
func notebook(s string) (string, bool) {
	rows := lines(s, 70, true)
	for i := range rows {
		end := "\n"
		if i == len(rows)-1 {
			end = ""
		}
		rows[i] = "    " + jsonString(rows[i]+end)
	}
	return "{\n   \"cell_type\": \"markdown\",\n   \"metadata\": {},\n   \"source\": [\n" + strings.Join(rows, ",\n") +
		"\n   ]\n  },", len(rows) > 1
}

// yamlBlock returns s as a folded block of YAML.
func yamlBlock(s string) (string, bool) {
	rows := lines(s, 50, true)
	return "- name: example\n  prompt: >-\n      " + strings.Join(rows, "\n      ") + "\n  weight: 1", len(rows) > 1
}

func inBase64(s string) (string, bool) {
	var rows []string
	for e := base64.StdEncoding.EncodeToString([]byte(s)); e != ""; {
		n := min(76, len(e))
		rows, e = append(rows, e[:n]), e[n:]
	}
	return strings.Join(rows, "\n"), true
}

func inHex(s string) (string, bool) { return hex.EncodeToString([]byte(s)), true }

// rot13 turns every letter of ASCII by thirteen.
func rot13(s string) (string, bool) {
	t := strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z':
			return 'a' + (c-'a'+13)%26
		case c >= 'A' && c <= 'Z':
			return 'A' + (c-'A'+13)%26
		}
		return c
	}, s)
	return t, mostlyASCII(s)
}

// mirrored returns the characters of s from the last to the first.
func mirrored(s string) (string, bool) {
	rs := []rune(s)
	for i, j := 0, len(rs)-1; i < j; i, j = i+1, j-1 {
		rs[i], rs[j] = rs[j], rs[i]
	}
	return string(rs), mostlyASCII(s)
}

// byteLevelPieces returns s as the pieces of a byte-level tokeniser print: Ġ before
// words, Ċ for a line end, long words in two pieces.
func byteLevelPieces(s string) (string, bool) {
	var out []string
	for i, line := range strings.Split(s, "\n") {
		if i > 0 {
			out = append(out, "Ċ")
		}
		for k, f := range strings.Fields(line) {
			mark := "Ġ"
			if k == 0 {
				mark = ""
			}
			if len(f) > 7 && mostlyASCII(f) {
				out = append(out, mark+f[:4], f[4:])
				continue
			}
			out = append(out, mark+f)
		}
	}
	return strings.Join(out, " "), mostlyASCII(s) && len(out) > 8
}

// wordPieces returns s in lower case with long words in pieces, ## before the later ones.
func wordPieces(s string) (string, bool) {
	var out []string
	cut := 0
	for _, w := range words(s) {
		if len(w) > 6 && mostlyASCII(w) {
			out = append(out, w[:4], "##"+w[4:])
			cut++
			continue
		}
		out = append(out, w)
	}
	return strings.Join(out, " "), mostlyASCII(s) && cut*10 >= len(out)
}

// letterSpaced puts a blank between all letters and three between words.
func letterSpaced(s string) (string, bool) {
	var out []string
	for _, f := range strings.Fields(s) {
		out = append(out, strings.Join(strings.Split(f, ""), " "))
	}
	return strings.Join(out, "   "), mostlyASCII(s)
}

func mostlyASCII(s string) bool {
	ascii := 0
	for i := range len(s) {
		if s[i] < 0x80 {
			ascii++
		}
	}
	return ascii*10 > len(s)*9
}
