package eval

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"

	"swab/ngram/item"
)

var (
	defRE    = regexp.MustCompile(`(?m)^def (\w+)\(([^)]*)\)[^:\n]*:`)
	docRE    = regexp.MustCompile(`(?s)("""|''')(.*?)("""|''')`)
	identRE  = regexp.MustCompile(`[A-Za-z_]\w*`)
	quotedRE = regexp.MustCompile(`(?s)""".*?"""|'''.*?'''|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|#[^\n]*`)
)

// A function is a task as code: a signature, what is said under it, and, where the
// benchmark has one, a solution.
type function struct {
	name, doc string
	params    []string
	code      string // signature, docstring and solution
}

// functionOf returns the last function that an item asks for, as HumanEval's layout has
// it, or false.
func functionOf(e *entry) (f function, ok bool) {
	q := e.Text[item.Question]
	defs := defRE.FindAllStringSubmatchIndex(q, -1)
	if len(defs) == 0 {
		return f, false
	}
	m := defs[len(defs)-1]
	doc := docRE.FindStringSubmatch(q[m[1]:])
	if doc == nil || countWords(doc[2]) < 8 {
		return f, false
	}
	f.name, f.doc, f.code = q[m[2]:m[3]], strings.TrimSpace(doc[2]), q+e.Text[item.Answer]
	for _, p := range strings.Split(q[m[4]:m[5]], ",") {
		p, _, _ = strings.Cut(p, ":")
		p, _, _ = strings.Cut(p, "=")
		if p = strings.TrimSpace(p); p != "" {
			f.params = append(f.params, p)
		}
	}
	return f, true
}

// codeOf returns an item's code with the task as a comment: a function with its
// docstring, or a task with a solution.
func codeOf(e *entry) (string, bool) {
	if f, ok := functionOf(e); ok {
		return f.code, true
	}
	if a := e.Text[item.Answer]; strings.Contains(a, "def ") && strings.Contains(a, "return") {
		return `"""` + "\n" + e.prompt + "\n" + `"""` + "\n" + a, true
	}
	return "", false
}

// Names that code is not renamed at.
var keptNames = strings.Fields(`
	False None True and as assert break class continue def del elif else except for from global if import in is
	lambda not or pass raise return try while with yield abs all any bool dict enumerate filter float int len list
	map max min print range reversed round set sorted str sum tuple zip List Dict Tuple Optional Any self append
	join split lower upper count sort items keys values strip math re sys collections typing replace isalpha
	isdigit index insert pop extend add heapq sqrt format ord chr`)

// renamed replaces identifiers in the code of s, each by one name throughout; strings
// and comments stay.
func renamed(r *rand.Rand, s string) (string, bool) {
	names := map[string]string{}
	rename := func(code string) string {
		return identRE.ReplaceAllStringFunc(code, func(w string) string {
			if slices.Contains(keptNames, w) {
				return w
			}
			if names[w] == "" {
				names[w] = fmt.Sprintf("%s_%d", []string{"val", "tmp", "item", "res", "arg", "cur"}[r.IntN(6)], len(names))
			}
			return names[w]
		})
	}
	var b strings.Builder
	end := 0
	for _, m := range quotedRE.FindAllStringIndex(s, -1) {
		b.WriteString(rename(s[end:m[0]]) + s[m[0]:m[1]])
		end = m[1]
	}
	return b.String() + rename(s[end:]), len(names) >= 3
}

// camel returns a name with_underscores as withUnderscores.
func camel(name string) string {
	parts := strings.Split(name, "_")
	for i := 1; i < len(parts); i++ {
		if parts[i] != "" {
			parts[i] = strings.ToUpper(parts[i][:1]) + parts[i][1:]
		}
	}
	return strings.Join(parts, "")
}

// inJavaScript returns the task as a function of another language, its docstring kept.
func inJavaScript(e *entry) (string, bool) {
	f, ok := functionOf(e)
	if !ok {
		return "", false
	}
	return "/**\n * " + strings.ReplaceAll(f.doc, "\n", "\n * ") + "\n */\nconst " + camel(f.name) + " = (" +
		strings.Join(f.params, ", ") +
		") => {\n  let out = [];\n  // not written yet\n  return out;\n};\n", true
}

// inGo returns the task as a function of another language, its docstring in line comments.
func inGo(e *entry) (string, bool) {
	f, ok := functionOf(e)
	if !ok {
		return "", false
	}
	var doc []string
	for _, line := range strings.Split(f.doc, "\n") {
		doc = append(doc, "// "+strings.TrimSpace(line))
	}
	return strings.Join(doc, "\n") + "\nfunc " + camel(f.name) + "(" + strings.Join(f.params, ", ") +
		" any) any {\n\tpanic(\"not written yet\")\n}\n", true
}

// inComments returns the task's code with the docstring as comments over it.
func inComments(e *entry) (string, bool) {
	f, ok := functionOf(e)
	if !ok || e.Text[item.Answer] == "" {
		return "", false
	}
	var doc []string
	for _, line := range strings.Split(f.doc, "\n") {
		doc = append(doc, strings.TrimRight("# "+strings.TrimSpace(line), " "))
	}
	return strings.Join(doc, "\n") + "\n" + docRE.ReplaceAllString(f.code, "pass"), true
}

// withoutExamples returns the task's code without the lines of examples in its docstring.
func withoutExamples(e *entry) (string, bool) {
	f, ok := functionOf(e)
	if !ok {
		return "", false
	}
	rows := strings.Split(e.Text[item.Question], "\n")
	kept := slices.DeleteFunc(slices.Clone(rows), func(row string) bool {
		return strings.Contains(row, ">>>") || strings.Contains(row, "==") || strings.Contains(row, "=>") ||
			strings.Contains(row, "➞")
	})
	s := strings.Join(kept, "\n")
	return s + e.Text[item.Answer], len(kept) < len(rows) && countWords(s)*2 > countWords(f.doc)
}

// withTabs returns indented text with tabs and with the line ends of Windows.
func withTabs(s string) (string, bool) {
	t := strings.ReplaceAll(strings.ReplaceAll(s, "    ", "\t"), "\n", "\r\n")
	return t, strings.Count(t, "\t") >= 2
}

// anotherTask returns what an item of any benchmark asks that is in no benchmark of the set.
func (g *generator) anotherTask(r *rand.Rand) string {
	for range 100 {
		b := g.src.Benches[r.IntN(len(g.src.Benches))]
		if len(b.Held) == 0 || b.Lang != "en" {
			continue
		}
		if q := b.Held[r.IntN(len(b.Held))].Text[item.Question]; countWords(q) <= 60 && !strings.Contains(q, `"""`) {
			return q
		}
	}
	return strings.Join(strings.Fields(g.passage(r, 25)), " ")
}

// sameSignature returns another task under the signature of e's function.
func (g *generator) sameSignature(r *rand.Rand, e *entry) (string, bool) {
	f, ok := functionOf(e)
	if !ok {
		return "", false
	}
	params := strings.Join(f.params, ", ")
	return fmt.Sprintf("def %s(%s):\n    \"\"\"%s\n    \"\"\"\n    return %s\n", f.name, params, g.anotherTask(r),
		params), true
}
