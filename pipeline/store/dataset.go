package store

import (
	"context"
	"fmt"
	"io"
	"iter"
	"path"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// DataSet splits hf://OWNER/NAME[@REV][:CONFIG[:SPLIT]], the name of a data set of the hub,
// into the URL of all its files, without a slash at its end, and up to two words.
func DataSet(name string) (root string, words []string, ok bool) {
	rest, ok := strings.CutPrefix(name, "hf://")
	if !ok || strings.HasPrefix(rest, "datasets/") || strings.Count(strings.TrimSuffix(rest, "/"), "/") != 1 {
		return "", nil, false
	}
	parts := strings.Split(strings.TrimSuffix(rest, "/"), ":")
	if len(parts) > 3 || slices.Contains(parts, "") {
		return "", nil, false
	}
	return "hf://datasets/" + parts[0], parts[1:], true
}

// Lists reports whether a URL may name objects that begin with it.
func Lists(name string) bool { return !isWeb(name) }

// Select returns the objects of a data set of the hub that the words name: a configuration of
// its README.md and a split of that; or else a directory, or a part of a file's name as hubs
// number shards. No words name all.
func Select(ctx context.Context, root string, words []string) iter.Seq2[*Object, error] {
	return func(yield func(*Object, error) bool) {
		var all []*Object
		for o, err := range List(ctx, root+"/") {
			if err != nil {
				yield(nil, err)
				return
			}
			all = append(all, o)
		}
		chosen, err := choose(all, words)
		if err != nil {
			yield(nil, fmt.Errorf("%s: %w", root, err))
			return
		}
		for _, o := range chosen {
			if !yield(o, nil) {
				return
			}
		}
	}
}

// choose returns the objects that the words name.
func choose(all []*Object, words []string) ([]*Object, error) {
	if len(words) == 0 {
		return all, nil
	}
	card, err := cardOf(all)
	if err != nil {
		return nil, err
	}
	keys := make([]string, len(all))
	for i, o := range all {
		keys[i] = o.key
	}
	left := words
	if numbers, rest, ok := card.Select(keys, words); ok {
		chosen := make([]*Object, len(numbers))
		for i, k := range numbers {
			chosen[i] = all[k]
		}
		all, left = chosen, rest
	}
	for _, word := range left {
		fits := slices.DeleteFunc(slices.Clone(all), func(o *Object) bool { return !isNamed(o.key, word) })
		if len(fits) == 0 {
			return nil, fmt.Errorf("no configuration, directory or split is named %q; there are %s", word, named(card, all))
		}
		all = fits
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%q has no files", strings.Join(words, ":"))
	}
	return all, nil
}

// named lists what words could name.
func named(configs Card, all []*Object) string {
	var names []string
	for _, c := range configs {
		names = append(names, c.Name)
	}
	for _, o := range all {
		name := path.Dir(o.key)
		if name == "." {
			name = splitName(o.key)
		}
		if !slices.Contains(names, name) && !strings.HasPrefix(name, ".") {
			names = append(names, name)
		}
	}
	if len(names) > 20 {
		names = append(names[:20], "and more")
	}
	return strings.Join(names, ", ")
}

var numberedRE = regexp.MustCompile(`-\d{5}-of-\d{5}(-[0-9a-f]{16})?$`)

// splitName returns the name of a file without endings and the number of a shard.
func splitName(key string) string {
	stem, _, _ := strings.Cut(path.Base(key), ".")
	return strings.ToLower(numberedRE.ReplaceAllString(stem, ""))
}

// isNamed reports whether a directory of a path has the name, or its file the name, or that as
// its first or last words.
func isNamed(key, word string) bool {
	word = strings.ToLower(word)
	if slices.Contains(strings.Split(strings.ToLower(path.Dir(key)), "/"), word) {
		return true
	}
	name := splitName(key)
	before, ok := strings.CutSuffix(name, word)
	after, ok2 := strings.CutPrefix(name, word)
	return name == word || ok && strings.ContainsAny(before[len(before)-1:], "-_") ||
		ok2 && strings.ContainsAny(after[:1], "-_")
}

// A Card is what the header of a data set's README.md says of its configurations. The zero value says
// nothing.
type Card []subset

// subset is a configuration.
type subset struct {
	Name    string `yaml:"config_name"`
	Default bool   `yaml:"default"`
	Dir     string `yaml:"data_dir"`
	Files   any    `yaml:"data_files"` // a glob, a list of globs, or a list or map of splits
}

// cardOf returns the card of a data set.
func cardOf(all []*Object) (Card, error) {
	i := slices.IndexFunc(all, func(o *Object) bool { return o.key == "README.md" })
	if i < 0 {
		return nil, nil
	}
	return ReadCard(all[i])
}

// ReadCard returns the card that a README.md of a store is.
func ReadCard(o *Object) (Card, error) {
	f := o.Open()
	defer f.Close()
	text, err := io.ReadAll(f)
	if err != nil {
		return nil, fmt.Errorf("README.md: %w", err)
	}
	return ParseCard(text), nil
}

// ParseCard returns the card that a README.md has. One whose header is no YAML says nothing.
func ParseCard(text []byte) Card {
	header, ok := strings.CutPrefix(strings.ReplaceAll(string(text), "\r\n", "\n"), "---\n")
	header, _, ok2 := strings.Cut(header, "\n---")
	var card struct{ Configs Card }
	if !ok || !ok2 || yaml.Unmarshal([]byte(header), &card) != nil {
		return nil
	}
	return card.Configs
}

// Select returns the numbers of the paths that a configuration and its split name, or one of the two alone,
// and the words that are left. ok reports whether the card has them.
func (c Card) Select(paths, words []string) (chosen []int, left []string, ok bool) {
	if i := slices.IndexFunc(c, func(s subset) bool { return s.Name == words[0] }); i >= 0 {
		chosen, left = c[i].files(paths, words[1:])
		return chosen, left, true
	}
	if len(words) > 1 {
		return nil, words, false
	}
	// The word may be a split of the only configuration, or of the one by default.
	for _, s := range c {
		if len(c) > 1 && !s.Default && s.Name != "default" {
			continue
		}
		if chosen, left = s.files(paths, words); len(left) == 0 && len(chosen) > 0 {
			return chosen, nil, true
		}
	}
	return nil, words, false
}

// Excludes reports whether the card has configurations and a path is of none of them.
func (c Card) Excludes(path string) bool {
	for i := range c {
		if chosen, _ := c[i].files([]string{path}, nil); len(chosen) > 0 {
			return false
		}
	}
	return len(c) > 0
}

// globs returns the globs of each split; the key of those of all splits is "".
func (c *subset) globs() map[string][]string {
	globs := map[string][]string{}
	add := func(split string, paths any) {
		switch paths := paths.(type) {
		case string:
			globs[split] = append(globs[split], paths)
		case []any:
			for _, p := range paths {
				if s, ok := p.(string); ok {
					globs[split] = append(globs[split], s)
				}
			}
		}
	}
	switch files := c.Files.(type) {
	case map[string]any:
		for split, paths := range files {
			add(split, paths)
		}
	case []any:
		for _, f := range files {
			if m, ok := f.(map[string]any); ok {
				split, _ := m["split"].(string)
				add(split, m["path"])
			} else {
				add("", f)
			}
		}
	default:
		add("", files)
	}
	return globs
}

// files returns the numbers of the paths of a configuration, or of the split that the first word names, and
// the words that it does not explain.
func (c *subset) files(paths, words []string) (chosen []int, left []string) {
	globs := c.globs()
	if len(globs) == 0 && c.Dir == "" {
		for i := range paths {
			chosen = append(chosen, i)
		}
		return chosen, append([]string{c.Name}, words...)
	}
	if len(globs) == 0 {
		globs[""] = []string{"**"}
	}
	left = words
	if len(words) > 0 && globs[words[0]] != nil {
		globs, left = map[string][]string{"": globs[words[0]]}, words[1:]
	}
	for i, name := range paths {
		for _, list := range globs {
			if slices.ContainsFunc(list, func(g string) bool {
				return matchGlob(strings.Split(path.Join(c.Dir, g), "/"), strings.Split(name, "/"))
			}) {
				chosen = append(chosen, i)
				break
			}
		}
	}
	return chosen, left
}

// matchGlob reports whether a path matches the glob of a README.md, whose ** is any number of
// directories.
func matchGlob(glob, key []string) bool {
	if len(glob) == 0 {
		return len(key) == 0
	}
	if glob[0] == "**" {
		return matchGlob(glob[1:], key) || len(key) > 0 && matchGlob(glob, key[1:])
	}
	if len(key) == 0 {
		return false
	}
	ok, _ := path.Match(glob[0], key[0])
	return ok && matchGlob(glob[1:], key[1:])
}
