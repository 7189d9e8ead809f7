package main

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"swab/pipeline/audit"
	"swab/pipeline/benchmark"
	"swab/pipeline/store"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"
)

// configVerbs are the verbs that read an audit file, which may have the flags of all of them.
var configVerbs = [...]string{"scan", "check", "score"}

//go:embed audit.yaml
var configTemplate []byte

// configKeys are the members of an entry of benchmarks.
var configKeys = [...]string{
	"name", "path", "config", "split", "preset", "fields", "header", "method", "fail-above", "thresholds",
}

// A configBench is a benchmark of an audit file.
type configBench struct {
	benchmark.Spec
	terms audit.Terms
}

// isConfig reports whether an argument names an audit file.
func isConfig(args []string) bool {
	if len(args) != 1 {
		return false
	}
	ext := strings.ToLower(filepath.Ext(store.Base(args[0])))
	return ext == ".yaml" || ext == ".yml"
}

// configArg allows an audit file as the only argument.
func configArg(c *cobra.Command, args []string) error {
	if len(args) == 0 || isConfig(args) {
		return nil
	}
	return cobra.NoArgs(c, args)
}

// configure reads the audit file that is the argument, if there is one.
func (b *benchFlags) configure(c *cobra.Command, args []string) (err error) {
	if isConfig(args) {
		b.configured, err = applyConfig(c, args[0])
	}
	return err
}

// A configFile is an audit file while it is applied to a verb.
type configFile struct {
	name, dir string
	benches   []configBench
	errs      []error // all of them, so that one run shows all
}

// applyConfig sets the flags of a verb that the command line leaves alone to the values of an
// audit file, and returns its benchmarks. Relative paths are the file's, ${NAME} is a variable of
// the environment. The error has all mistakes of the file, each with its line.
func applyConfig(c *cobra.Command, name string) ([]configBench, error) {
	data, err := store.ReadFile(c.Context(), name)
	if err != nil {
		return nil, err
	}
	dir := store.Dir(name)
	name = store.Clean(name)
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(doc.Content) != 1 || doc.Content[0].Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s: it is no object of settings; swab init writes a commented one", name)
	}
	f := &configFile{name: name, dir: dir}
	if alias := firstAlias(&doc); alias != nil { // a few of them multiply to more than any machine holds
		f.wrong(alias, "*%s refers to a value that is elsewhere; write the value itself here", alias.Value)
		return nil, f.errs[0]
	}
	members := doc.Content[0].Content
	for i := 0; i+1 < len(members); i += 2 {
		if key := members[i]; key.Value == "benchmarks" {
			f.benchmarks(members[i+1])
		} else {
			f.set(c, key, members[i+1])
		}
	}
	if more := len(f.errs) - mostMistakes; more > 0 {
		f.errs = append(f.errs[:mostMistakes], fmt.Errorf("%s: and %d mistakes more", f.name, more))
	}
	return f.benches, errors.Join(f.errs...)
}

// mostMistakes is how many mistakes of a file are listed.
const mostMistakes = 20

// firstAlias returns the first alias in a document, or nil.
func firstAlias(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n
	}
	for _, child := range n.Content {
		if alias := firstAlias(child); alias != nil {
			return alias
		}
	}
	return nil
}

// wrong notes a mistake.
func (f *configFile) wrong(at *yaml.Node, format string, args ...any) {
	f.errs = append(f.errs, fmt.Errorf("%s:%d: %s", f.name, at.Line, fmt.Sprintf(format, args...)))
}

// set sets a flag to a value or to several.
func (f *configFile) set(c *cobra.Command, key, value *yaml.Node) {
	flag := c.Flags().Lookup(key.Value)
	if c.Name() == "score" && key.Value == "format" {
		return // the corpus' format; score has another flag of that name
	}
	if flag == nil {
		f.checkKnown(c, key)
		return
	}
	values := []*yaml.Node{value}
	if value.Kind == yaml.MappingNode && key.Value == "thresholds" {
		values = []*yaml.Node{pairs(value)}
	}
	if value.Kind == yaml.SequenceNode {
		if _, ok := flag.Value.(pflag.SliceValue); !ok {
			f.wrong(value, "%s takes one value, not a list", key.Value)
			return
		}
		values = value.Content
	}
	if flag.Changed {
		return // the command line overrides the file
	}
	for _, v := range values {
		if v.Kind != yaml.ScalarNode {
			f.wrong(v, "%s takes a text, a number or true or false", key.Value)
			continue
		}
		text := f.expand(v)
		if strings.Contains(flag.Value.Type(), "PATH") || strings.Contains(flag.Value.Type(), "DIR") ||
			strings.Contains(flag.Value.Type(), "FILE") {
			text = f.path(text)
		}
		if err := c.Flags().Set(key.Value, text); err != nil {
			f.wrong(v, "%v", err)
		}
	}
}

// checkKnown notes a key that is no flag of any verb that reads an audit file.
func (f *configFile) checkKnown(c *cobra.Command, key *yaml.Node) {
	known := configFlags(c.Root())
	if slices.Contains(known, key.Value) {
		return
	}
	hint := closest(key.Value, append(known, "benchmarks"))
	if hint != "" {
		hint = "; did you mean " + hint + "?"
	}
	f.wrong(key, "%q is no setting%s", key.Value, hint)
}

// pairs returns an object of texts as one text, name=value,…
func pairs(object *yaml.Node) *yaml.Node {
	text := *object
	text.Kind, text.Value = yaml.ScalarNode, ""
	for i := 0; i+1 < len(object.Content); i += 2 {
		if i > 0 {
			text.Value += ","
		}
		text.Value += object.Content[i].Value + "=" + object.Content[i+1].Value
	}
	return &text
}

// variable is a variable of the environment in a value; a dollar sign alone is itself.
var variable = regexp.MustCompile(`\$\{([^{}]*)\}`)

// expand returns a value with its variables replaced.
func (f *configFile) expand(v *yaml.Node) string {
	return variable.ReplaceAllStringFunc(v.Value, func(name string) string {
		name = name[2 : len(name)-1]
		s, ok := os.LookupEnv(name)
		if !ok {
			f.wrong(v, "the environment has no variable %s", name)
		}
		return s
	})
}

// path returns a path, or NAME=PATH, with a relative path below the file's directory.
func (f *configFile) path(s string) string {
	name, at, named := strings.Cut(s, "=")
	if !named || strings.ContainsRune(name, os.PathSeparator) {
		name, at = "", s
	} else {
		name += "="
	}
	if list, ok := strings.CutPrefix(at, "@"); ok {
		name, at = name+"@", list
	}
	if at == "-" || filepath.IsAbs(at) || strings.Contains(at, "://") {
		return s
	}
	return name + f.below(at)
}

// below returns a relative path as one of the file's directory, which may be a store's.
func (f *configFile) below(at string) string {
	if store.IsURL(f.dir) {
		return f.dir + path.Clean(filepath.ToSlash(at))
	}
	return filepath.Join(f.dir, at)
}

// benchmarks reads the list of benchmarks.
func (f *configFile) benchmarks(list *yaml.Node) {
	if list.Kind != yaml.SequenceNode {
		f.wrong(list, "benchmarks is no list")
		return
	}
	for _, entry := range list.Content {
		if entry.Kind != yaml.MappingNode {
			f.wrong(entry, "a benchmark is an object with a path, as {name: gsm8k, path: gsm8k/test.jsonl}")
			continue
		}
		if bench, ok := f.benchmark(entry); ok {
			f.benches = append(f.benches, bench)
		}
	}
}

// benchmark reads one benchmark.
func (f *configFile) benchmark(entry *yaml.Node) (bench configBench, ok bool) {
	member := map[string]string{}
	for i := 0; i+1 < len(entry.Content); i += 2 {
		key, value := entry.Content[i], entry.Content[i+1]
		switch {
		case !slices.Contains(configKeys[:], key.Value):
			f.wrong(key, "%q is none of %s", key.Value, strings.Join(configKeys[:], ", "))
		case key.Value == "method" && value.Kind == yaml.SequenceNode:
			for _, m := range value.Content {
				bench.terms.Methods = append(bench.terms.Methods, f.expand(m))
			}
		case key.Value == "method":
			bench.terms.Methods = strings.Split(f.expand(value), ",")
		case key.Value == "thresholds" && value.Kind == yaml.MappingNode:
			value = pairs(value)
			fallthrough
		case value.Kind == yaml.ScalarNode:
			member[key.Value] = f.expand(value)
		default:
			f.wrong(value, "%s takes a text", key.Value)
		}
	}
	f.limits(entry, member, &bench)
	if member["path"] == "" {
		f.wrong(entry, "a benchmark without a path")
		return bench, false
	}
	path := f.path(member["path"])
	for _, selector := range []string{"config", "split"} {
		if member[selector] != "" {
			path += ":" + member[selector]
		}
	}
	bench.Spec = benchmark.Spec{
		Name: member["name"], Path: path, Preset: member["preset"], Fields: member["fields"], Header: member["header"],
	}
	return bench, true
}

// limits reads the thresholds and the limit of a benchmark.
func (f *configFile) limits(entry *yaml.Node, member map[string]string, bench *configBench) {
	var err error
	if bench.terms.Pass, bench.terms.Fail, err = parseThresholds(member["thresholds"]); err != nil {
		f.wrong(entry, "thresholds: %v", err)
	}
	limit := member["fail-above"]
	if limit == "" {
		return
	}
	n, err := strconv.ParseFloat(limit, 64)
	if err != nil {
		f.wrong(entry, "fail-above: %q is no number", limit)
	}
	bench.terms.FailAbove = &n
}

// configFlags returns the flags of the verbs that read an audit file.
func configFlags(root *cobra.Command) (names []string) {
	for _, verb := range configVerbs {
		if c, _, err := root.Find([]string{verb}); err == nil {
			c.Flags().VisitAll(func(flag *pflag.Flag) {
				if flag.Name != "help" && flag.Name != "dry-run" && !slices.Contains(names, flag.Name) {
					names = append(names, flag.Name)
				}
			})
		}
	}
	return names
}

func configCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "config",
		Short: "The file that describes an audit",
		Long: `swab scan FILE.yaml, and check and score, read their flags from a file; flags of the
command line override it. swab init writes a commented one.`,
	}
	c.AddCommand(&cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of the file, for editors",
		Long: `Print the JSON Schema of the file, for editors: in its first line,
"# yaml-language-server: $schema=audit.schema.json" names a copy.`,
		Example: `  swab config schema > audit.schema.json`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			out, err := json.MarshalIndent(configSchema(cmd.Root()), "", "  ")
			if err == nil {
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s\n", out)
			}
			return err
		},
	})
	return c
}

// configSchema returns the JSON Schema of an audit file.
func configSchema(root *cobra.Command) map[string]any {
	entry := map[string]any{}
	for _, key := range configKeys {
		entry[key] = map[string]any{"type": "string"}
	}
	percent := map[string]any{"type": "number", "minimum": 0, "maximum": 100}
	thresholds := map[string]any{
		"type": "object", "properties": map[string]any{"pass": percent, "fail": percent}, "additionalProperties": false,
		"description": "percent of flagged items: up to pass a benchmark passes, above fail it fails, between is look",
	}
	texts := map[string]any{"type": "array", "items": map[string]any{"type": "string"}}
	entry["method"] = map[string]any{"anyOf": []any{map[string]any{"type": "string"}, texts}}
	entry["fail-above"], entry["thresholds"] = percent, thresholds
	properties := map[string]any{"benchmarks": map[string]any{
		"type": "array", "description": "benchmarks, each with the fields, preset and split of its own",
		"items": map[string]any{
			"type": "object", "properties": entry, "required": []string{"path"}, "additionalProperties": false,
		},
	}}
	for _, verb := range configVerbs {
		c, _, err := root.Find([]string{verb})
		if err != nil {
			continue
		}
		for _, name := range configFlags(root) {
			flag := c.Flags().Lookup(name)
			if flag == nil || properties[name] != nil {
				continue
			}
			value := map[string]any{"type": []string{"string", "number", "boolean"}}
			if _, ok := flag.Value.(pflag.SliceValue); ok {
				value = map[string]any{"anyOf": []any{value, map[string]any{"type": "array", "items": value}}}
			}
			if value["description"] = flag.Usage; name == "thresholds" {
				value = thresholds
			}
			properties[name] = value
		}
	}
	return map[string]any{
		"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "swab audit", "type": "object",
		"properties": properties, "additionalProperties": false,
	}
}

func initCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "init [FILE]",
		Short: "Write a commented file that describes an audit",
		Long:  `Write a commented file that describes an audit, audit.yaml by default, for swab scan FILE.`,
		Example: `  swab init
  swab scan audit.yaml`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			name := "audit.yaml"
			if len(args) == 1 {
				name = args[0]
			}
			f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
			if err != nil {
				return fmt.Errorf("init: %w", err)
			}
			defer func() { err = errors.Join(err, f.Close()) }()
			_, err = f.Write(configTemplate)
			return err
		},
	}
}
