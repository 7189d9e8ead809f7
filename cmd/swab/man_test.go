package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cpuguy83/go-md2man/v2/md2man"
	"github.com/spf13/cobra"
)

// Flags of make man.
var (
	manDir  = flag.String("man", "", "directory to write the man pages to")
	release = flag.String("release", "", "version to name in the man pages")
)

// TestMan writes a man page for every verb and every help topic, and checks that nothing
// of them is lost. Making them here keeps the converter out of the program.
func TestMan(t *testing.T) {
	dir := *manDir
	if dir == "" {
		dir = t.TempDir()
	} else if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	root := rootCommand()
	pages := map[string]string{}
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		pages[strings.ReplaceAll(c.CommandPath(), " ", "-")+".1"] = manVerb(c)
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(root)
	for _, topic := range topics() {
		_, text, _ := strings.Cut(topic.text, "\n")
		pages["swab-"+topic.name+".7"] = manTitle("swab-"+topic.name, 7) + "# NAME\n\nswab-" + topic.name + " - " + topic.title + "\n\n# DESCRIPTION\n" + text
	}
	for name, page := range pages {
		if err := os.WriteFile(filepath.Join(dir, name), manRender(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, wants := range map[string][]string{
		"swab.1":            {`.TH "SWAB" "1"`, "swab-scan", "swab-operations", "EXIT STATUS"},
		"swab-scan.1":       {`\-\-fail-above PCT`, "gsm8k=test.jsonl", "BENCHMARKS"},
		"swab-index-info.1": {`\-\-shards`},
		"swab-operations.7": {"SBATCH", "exit code"},
		"swab-methods.1":    {"NAME"},
		"swab-methods.7":    {`\-\-item-parts`},
		"swab-audit.7":      {"verdicts.jsonl"},
	} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
		}
		for _, want := range wants {
			if !strings.Contains(string(b), want) {
				t.Errorf("%s lacks %q", name, want)
			}
		}
	}
}

// manRender returns a page as man reads it, with hyphens that can be pasted.
func manRender(page string) []byte {
	return bytes.ReplaceAll(md2man.Render([]byte(page)), []byte("--"), []byte(`\-\-`))
}

func manTitle(name string, section int) string {
	return fmt.Sprintf("%% %q %q \"\" \"swab %s\" \"swab\"\n\n", strings.ToUpper(name), fmt.Sprint(section), *release)
}

// manVerb returns the man page of a verb as Markdown.
func manVerb(c *cobra.Command) string {
	name := strings.ReplaceAll(c.CommandPath(), " ", "-")
	var b strings.Builder
	fmt.Fprintf(&b, "%s# NAME\n\n%s - %s\n\n# SYNOPSIS\n\n", manTitle(name, 1), name, c.Short)
	use := strings.TrimSuffix(c.UseLine(), " [flags]")
	if c.HasAvailableSubCommands() && !c.HasParent() {
		use = c.Name() + " VERB …"
	}
	fmt.Fprintf(&b, "    %s\n\n", use)
	if c.Long != "" {
		b.WriteString("# DESCRIPTION\n\n" + manText(c.Long))
	}
	for _, g := range flagGroups(c.LocalFlags()) {
		fmt.Fprintf(&b, "# %s\n\n", strings.ToUpper(g.title))
		for _, f := range g.flags {
			fmt.Fprintf(&b, "**%s**\n: %s\n\n", flagName(f), flagText(f))
		}
	}
	if c.HasExample() {
		fmt.Fprintf(&b, "# EXAMPLES\n\n%s\n\n", "  "+strings.ReplaceAll(c.Example, "\n", "\n  "))
	}
	b.WriteString("# EXIT STATUS\n\n0 finished; 1 finished and **--fail-above** was exceeded; 2 error, nothing published; " +
		"3 finished, but some input could not be read; " +
		"4 published, but printing the results or writing the metrics failed; 130 interrupted\n\n# SEE ALSO\n\n")
	see := []string{"**swab**(1)"}
	for _, sub := range c.Commands() {
		see = append(see, "**"+name+"-"+sub.Name()+"**(1)")
	}
	for _, topic := range topics() {
		see = append(see, "**swab-"+topic.name+"**(7)")
	}
	return b.String() + strings.Join(see, ", ") + "\n"
}

// manText returns help as Markdown: what is indented there is shown as it is.
func manText(help string) string {
	var b strings.Builder
	for _, block := range strings.Split(help, "\n\n") {
		table := false
		for line := range strings.Lines(block) {
			table = table || strings.HasPrefix(line, "  ") || strings.Contains(line, "   ")
		}
		if table {
			block = "    " + strings.ReplaceAll(block, "\n", "\n    ")
		}
		b.WriteString(block + "\n\n")
	}
	return b.String()
}
