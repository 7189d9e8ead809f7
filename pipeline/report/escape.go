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
