package report

import "strings"

// Markdown returns text that a reader of Markdown, GitHub's included, shows as it is: no
// markup, no link, no cell of a table ends in it.
func Markdown(s string) string { return markdown.Replace(CleanText(s)) }

// LaTeX returns text that LaTeX prints as it is, in text and in the cells of a table.
func LaTeX(s string) string { return latex.Replace(CleanText(s)) }

var (
	markdown = strings.NewReplacer(`\`, `\\`, "|", `\|`, "<", "&lt;", ">", "&gt;", "&", "&amp;", "`", "\\`",
		"*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "!", `\!`, "#", `\#`, "$", `\$`, "~", `\~`,
		"://", "&#58;//", "www.", "www&#46;", "@", "&#64;")
	latex = strings.NewReplacer(`\`, `\textbackslash{}`, "&", `\&`, "%", `\%`, "$", `\$`, "#", `\#`, "_", `\_`,
		"{", `\{`, "}", `\}`, "~", `\textasciitilde{}`, "^", `\textasciicircum{}`, "[", "{[}", "<", `\textless{}`,
		">", `\textgreater{}`, "|", `\textbar{}`, `"`, `\char34{}`, "−", "$-$", "–", "--", "·", `$\cdot$`)
)

// ShellWord returns s as one word of a command line, in quotes where a shell needs them.
func ShellWord(s string) string {
	if s != "" && strings.IndexFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-=,+:@", r))
	}) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(CleanText(s), "'", `'\''`) + "'"
}
