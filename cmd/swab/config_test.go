package main

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
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
