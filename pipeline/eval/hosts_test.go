package eval

import (
	"slices"
	"strings"
	"testing"
)

// Every host keeps the words of its text in order, but for those broken at the ends of lines.
func TestHostsKeepTheirText(t *testing.T) {
	r := seeded()
	text := Own().Texts[0].Text
	for _, h := range hosts() {
		for range 5 {
			page := h.set(r, text)
			whole := strings.NewReplacer("-\n", "", "\u00ad\n", "").Replace(page)
			if h.name == "pdf" { // heads and feet divide broken words too
				if n := len(words(page)); n < len(words(text)) {
					t.Errorf("%s: %d words of %d", h.name, n, len(words(text)))
				}
				if !strings.Contains(page, "\f") || !strings.Contains(page, "-\n") {
					t.Errorf("%s: neither pages nor broken words", h.name)
				}
				continue
			}
			if !subsequence(words(text), words(whole)) || page == text {
				t.Errorf("%s: the text is not kept:\n%s", h.name, page[:400])
			}
		}
	}
}

// Documents of a set are of every host, plain text among them.
func TestSetsHaveAllHosts(t *testing.T) {
	var names []string
	for _, d := range smallSet().Docs {
		if name := strings.TrimRight(d.ID, "0123456789"); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, h := range append(hosts(), host{name: "text"}, host{name: "long"}) {
		if !slices.Contains(names, h.name) {
			t.Errorf("no document is of host %s: %v", h.name, names)
		}
	}
}
