package plain

import "strings"

// braced marks commands whose argument is a name, not text.
const braced = "{}"

// latexCommand returns the replacement of a LaTeX command, and whether name is one that texts
// about mathematics use. Others may be escapes, paths or programs.
func latexCommand(name string) (string, bool) {
	switch name {
	case "begin", "end", "label", "ref", "cite", "color", "hspace", "vspace":
		return braced, true
	case "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu", "xi",
		"omicron", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega",
		"Alpha", "Beta", "Gamma", "Delta", "Epsilon", "Zeta", "Eta", "Theta", "Iota", "Kappa", "Lambda", "Mu", "Nu", "Xi",
		"Omicron", "Pi", "Rho", "Sigma", "Tau", "Upsilon", "Phi", "Chi", "Psi", "Omega":
		return greekLetter(strings.ToLower(name)), true
	case "varepsilon", "vartheta", "varphi", "varrho", "varsigma", "varpi":
		return greekLetter(name[3:]), true
	case "sin", "cos", "tan", "cot", "sec", "csc", "log", "ln", "exp", "lim",
		"max", "min", "gcd", "det", "deg", "mod", "bmod":
		return " " + strings.TrimPrefix(name, "b") + " ", true
	case "frac", "dfrac", "tfrac", "cfrac", "binom", "sqrt", "cdot", "cdots", "times", "div", "pm", "mp", "ast", "star",
		"leq", "le", "geq", "ge", "neq", "ne", "equiv", "approx", "sim", "cong", "propto", "ll", "gg",
		"in", "notin", "subset", "subseteq", "supset", "supseteq", "cup", "cap", "emptyset", "setminus",
		"forall", "exists", "neg", "land", "lor", "wedge", "vee", "to", "gets", "mapsto", "implies", "iff",
		"rightarrow", "leftarrow", "Rightarrow", "Leftarrow", "leftrightarrow", "Leftrightarrow", "longrightarrow",
		"sum", "prod", "int", "iint", "oint", "partial", "nabla", "infty", "angle", "triangle", "perp", "parallel",
		"circ", "degree", "ldots", "dots", "vdots", "ddots", "quad", "qquad", "text", "textbf", "textit", "texttt",
		"mathrm", "mathbf", "mathit", "mathbb", "mathcal", "mathfrak", "operatorname", "emph", "underline", "overline",
		"hat", "bar", "vec", "tilde", "boxed", "left", "right", "big", "Big", "bigg", "Bigg",
		"lfloor", "rfloor", "lceil", "rceil", "langle", "rangle", "mid", "vert",
		"displaystyle", "limits", "hline", "item", "not", "bot", "top", "oplus", "otimes", "bullet", "prime":
		return " ", true
	}
	return "", false
}

// greekLetter returns the small letter of the given name.
func greekLetter(name string) string {
	const names = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho " +
		"sigma_ sigma tau upsilon phi chi psi omega"
	for i, n := range strings.Fields(names) {
		if n == name {
			return string(rune('α' + i))
		}
	}
	return " "
}
