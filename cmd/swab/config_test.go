package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// TestConfigSchema: the schema has exactly the settings that an audit file may have, and the file that
// swab init writes, with what is commented out, has settings of the schema alone.
func TestConfigSchema(t *testing.T) {
	data, err := json.Marshal(configSchema(rootCommand()))
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Properties map[string]struct {
			Items struct {
				Properties map[string]any
			}
		}
	}
	if err := json.Unmarshal(data, &schema); err != nil {
		t.Fatal(err)
	}
	want := append(configFlags(rootCommand()), "benchmarks")
	slices.Sort(want)
	if got := slices.Sorted(maps.Keys(schema.Properties)); !slices.Equal(got, want) {
		t.Errorf("the schema has\n%q, settings are\n%q", got, want)
	}
	members := slices.Sorted(slices.Values(configKeys[:]))
	if got := slices.Sorted(maps.Keys(schema.Properties["benchmarks"].Items.Properties)); !slices.Equal(got, members) {
		t.Errorf("a benchmark of the schema has\n%q, of a file\n%q", got, members)
	}
	for _, m := range regexp.MustCompile(`(?m)^(?:# )?([a-z-]+):(?: |$)`).FindAllStringSubmatch(string(configTemplate), -1) {
		if _, ok := schema.Properties[m[1]]; !ok {
			t.Errorf("swab init writes %q, which the schema has not", m[1])
		}
	}

	// A value of each setting is read by one of the verbs.
	for name := range schema.Properties {
		file := filepath.Join(t.TempDir(), "audit.yaml")
		if err := os.WriteFile(file, []byte(name+": {}\n"), 0o666); err != nil {
			t.Fatal(err)
		}
		_, _, stderr := swab("scan", file)
		if strings.Contains(stderr, "is no setting") {
			t.Errorf("%s: %s", name, stderr)
		}
	}
}

// TestConfigBombs: no small file makes much work, memory or output: values that stand for others,
// which multiply, deep ones, and many mistakes.
func TestConfigBombs(t *testing.T) {
	laughs := "x0: &x0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n"
	for k := 1; k < 12; k++ {
		laughs += fmt.Sprintf("x%d: &x%d [%s]\n", k, k, strings.Repeat(fmt.Sprintf("*x%d, ", k-1), 9))
	}
	for name, test := range map[string]struct{ text, want string }{
		"multiplied": {laughs + "corpus: *x11\n", "*x0 refers to a value that is elsewhere"},
		"of itself":  {"corpus: &a [*a]\n", "refers to"},
		"long text":  {"corpus: [&a " + strings.Repeat("x", 1<<16) + strings.Repeat(", *a", 1<<14) + "]\n", "refers to"},
		"method":     {"benchmarks:\n  - {path: a, method: &a [swab]}\n  - {path: b, method: *a}\n", ":3: *a refers to"},
		"deep list":  {"corpus: " + strings.Repeat("[", 1<<16) + "\n", "depth"},
		"deep map":   {"corpus: " + strings.Repeat("{a: ", 1<<16) + strings.Repeat("}", 1<<16) + "\n", "depth"},
		"mistakes":   {strings.Repeat("corpse: a\n", 1), "did you mean corpus?"},
		"many":       {"corpus: [" + strings.Repeat("[], ", 1<<14) + "]\n", fmt.Sprintf("and %d mistakes more", 1<<14-mostMistakes)},
	} {
		file := filepath.Join(t.TempDir(), "audit.yaml")
		if err := os.WriteFile(file, []byte(test.text), 0o666); err != nil {
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		code, _, stderr := swab("scan", file)
		runtime.ReadMemStats(&after)
		if code != exitError || !strings.Contains(stderr, test.want) || len(stderr) > 1<<13 {
			t.Errorf("%s: exit %d, %d bytes of messages: %.500s", name, code, len(stderr), stderr)
		}
		if got := after.TotalAlloc - before.TotalAlloc; got > 200<<20 {
			t.Errorf("%s: %d MB allocated", name, got>>20)
		}
	}
}
