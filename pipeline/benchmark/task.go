package benchmark

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"swab/pipeline/rows"

	"go.yaml.in/yaml/v3"
)

// A task is what a task file of lm-eval says of the benchmark: where its data are, and which of their
// fields a model is shown.
type task struct {
	Include     string
	Task        string
	DatasetPath string `yaml:"dataset_path"`
	DatasetName string `yaml:"dataset_name"`
	Kwargs      struct {
		DataFiles yaml.Node `yaml:"data_files"`
		DataDir   string    `yaml:"data_dir"`
		Revision  string
	} `yaml:"dataset_kwargs"`
	TestSplit       string    `yaml:"test_split"`
	ValidationSplit string    `yaml:"validation_split"`
	TrainingSplit   string    `yaml:"training_split"`
	DocToText       yaml.Node `yaml:"doc_to_text"`
	DocToChoice     yaml.Node `yaml:"doc_to_choice"`
	DocToTarget     yaml.Node `yaml:"doc_to_target"`
}

// isTask reports whether a path is that of a task file of lm-eval.
func isTask(name string) bool {
	ext := strings.ToLower(path.Ext(name))
	return (ext == ".yaml" || ext == ".yml") && !strings.Contains(name, "://")
}

// readTask returns the benchmark that a task file describes. What spec says itself stays.
func readTask(spec Spec) (Spec, error) {
	var t task
	if err := t.read(spec.Path, 0); err != nil {
		return spec, fmt.Errorf("benchmark %s: %w", quotedName(spec.Path), err)
	}
	if t.DatasetPath == "" {
		return spec, fmt.Errorf("benchmark %s: it is no task of lm-eval: it has no dataset_path", quotedName(spec.Path))
	}
	data, err := t.data(filepath.Dir(spec.Path))
	if err == nil && spec.Fields == "" && spec.Preset == "" {
		spec.Fields, err = t.fields()
	}
	if err != nil {
		return spec, fmt.Errorf("benchmark %s: %w", quotedName(spec.Path), err)
	}
	spec.Name, spec.Path = cmp.Or(spec.Name, t.Task), data
	return spec, nil
}

// read reads the file and what it includes, which it overrides.
func (t *task) read(name string, depth int) error {
	if depth > 8 {
		return errors.New("it includes itself")
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	var head struct{ Include string }
	if err := yaml.Unmarshal(data, &head); err != nil {
		return err
	}
	if head.Include != "" {
		if err := t.read(filepath.Join(filepath.Dir(name), head.Include), depth+1); err != nil {
			return fmt.Errorf("include: %w", err)
		}
	}
	return yaml.Unmarshal(data, t)
}

// loaders are the names in place of a data set's for which the data are files.
var loaders = [...]string{"json", "csv", "parquet", "arrow", "text"}

// data returns the path of the benchmark's files: those of the split that is evaluated.
func (t *task) data(dir string) (string, error) {
	split := cmp.Or(t.TestSplit, t.ValidationSplit, t.TrainingSplit)
	if !slices.Contains(loaders[:], t.DatasetPath) {
		if _, err := os.Stat(filepath.Join(dir, t.DatasetPath)); err == nil {
			return pathFrom(dir, t.DatasetPath), nil
		}
		return t.hubPath(split), nil
	}
	files := &t.Kwargs.DataFiles
	if files.Kind == yaml.MappingNode {
		of := map[string]*yaml.Node{}
		for i := 0; i+1 < len(files.Content); i += 2 {
			of[files.Content[i].Value] = files.Content[i+1]
		}
		if files = of[split]; files == nil {
			return "", fmt.Errorf("data_files: there is none for the split %q", rows.Clip(split))
		}
	}
	if files.Kind == yaml.SequenceNode && len(files.Content) == 1 {
		files = files.Content[0]
	}
	switch {
	case files.Kind == yaml.ScalarNode:
		return pathFrom(dir, path.Join(t.Kwargs.DataDir, files.Value)), nil
	case files.Kind == 0 && t.Kwargs.DataDir != "":
		return pathFrom(dir, t.Kwargs.DataDir), nil
	}
	return "", errors.New("data_files: it names no single file or glob; name the file in place of the task, with --fields")
}

// hubPath returns the path of a split of the task's data set on the hub.
func (t *task) hubPath(split string) string {
	id := "hf://" + t.DatasetPath
	if t.Kwargs.Revision != "" {
		id += "@" + t.Kwargs.Revision
	}
	for _, selector := range []string{cmp.Or(t.DatasetName, "default"), split} {
		if selector != "" && selector != "default" {
			id += ":" + selector
		}
	}
	return id
}

// pathFrom returns the path of a file that a task in directory dir names. lm-eval reads from its
// working directory: a file that is only there is taken too.
func pathFrom(dir, name string) string {
	if filepath.IsAbs(name) || strings.Contains(name, "://") {
		return name
	}
	beside := filepath.Join(dir, name)
	if strings.ContainsAny(name, "*?[") {
		return beside
	}
	if _, err := os.Stat(beside); err == nil {
		return beside
	}
	if _, err := os.Stat(name); err == nil {
		return name
	}
	return beside
}

// passages are names of texts that items only ask about.
var passages = [...]string{"passage", "article", "document", "story", "support", "background"}

// fields returns where the parts of an item are, by the templates of the task.
func (t *task) fields() (string, error) {
	question, err := t.references("doc_to_text", &t.DocToText)
	if err != nil {
		return "", err
	}
	choices, err := t.references("doc_to_choice", &t.DocToChoice)
	if err != nil {
		return "", err
	}
	answer, err := t.references("doc_to_target", &t.DocToTarget)
	if err != nil {
		return "", err
	}
	parts := map[string][]string{"choices": choices}
	for _, field := range question {
		root, _, _ := strings.Cut(field, ".")
		if slices.ContainsFunc(choices, func(c string) bool { return c == root || strings.HasPrefix(c, root+".") }) {
			continue // the text shows the choices too
		}
		part := shownPart(field, strings.ToLower(root))
		if !slices.Contains(parts[part], field) {
			parts[part] = append(parts[part], field)
		}
	}
	for _, field := range answer {
		shown := slices.Contains(question, field) || slices.Contains(choices, field)
		if field += "?"; !shown && !slices.Contains(parts["answer"], field) {
			parts["answer"] = append(parts["answer"], field)
		}
	}
	if len(choices)+len(parts["question"])+len(parts["passage"])+len(parts["context"]) == 0 {
		return "", errors.New("neither doc_to_text nor doc_to_choice names a field of a record; --fields names them")
	}
	return writtenFields(parts), nil
}

// shownPart returns the part that a field of the text is, by its name and that of its column.
func shownPart(field, column string) string {
	switch {
	case choiceRE.MatchString(field):
		return "choices"
	case slices.Contains(passages[:], column):
		return "passage"
	case column == "context":
		return "context"
	}
	return "question"
}

// writtenFields returns the fields of each part as --fields takes them.
func writtenFields(parts map[string][]string) string {
	passage := slices.Concat(parts["passage"], parts["context"])
	switch {
	case len(parts["question"]) == 0: // all of the text is what other tasks call a passage
		parts["question"] = passage
		delete(parts, "passage")
		delete(parts, "context")
	case len(parts["passage"]) > 0 && len(parts["context"]) > 0:
		parts["passage"] = passage
		delete(parts, "context")
	}
	var all []string
	for _, part := range []string{"passage", "context", "question", "choices", "answer"} {
		if len(parts[part]) > 0 {
			all = append(all, part+"="+strings.Join(parts[part], "+"))
		}
	}
	return strings.Join(all, ",")
}

var (
	// choiceRE matches fields that hold a choice each, where doc_to_choice has their letters.
	choiceRE = regexp.MustCompile(`^(?:[A-J]|(?i:options?|choices?|ending|sol|op|answer)[_ ]?(?:[a-j]|\d)|` +
		`(?i:options|choices)\..*|.*_choice_list\..*)$`)

	nameOnlyRE = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	braceRE    = regexp.MustCompile(`\{\{-?(.*?)-?\}\}`)

	// referenceRE matches a field of a record in an expression: name, doc.name, doc["name"], name[0],
	// name.member, and behind it a call of a method or a filter, which change no words of it.
	referenceRE = regexp.MustCompile(
		`^\s*(?:doc\.|doc\[["'])?([A-Za-z_][A-Za-z0-9_]*)(?:["']\])?` +
			`((?:\.[A-Za-z_][A-Za-z0-9_]*|\[\d+\]|\[["'][^"']+["']\])*)\s*` +
			`(?:\([^)]*\)|\.[a-z]+\([^)]*\)|\|\s*[a-z_]+)*\s*$`)
	stepRE = regexp.MustCompile(`\.([A-Za-z_][A-Za-z0-9_]*)|\[(\d+)\]|\[["']([^"']+)["']\]`)
)

// references returns the fields that a template of the task names.
func (t *task) references(member string, n *yaml.Node) (fields []string, err error) {
	switch {
	case n.Tag == "!function":
		return nil, fmt.Errorf("%s is a function (%s), which swab does not run; --fields names the fields",
			member, rows.Clip(n.Value))
	case n.Kind == yaml.SequenceNode:
		for _, element := range n.Content {
			if strings.Contains(element.Value, "{{") {
				more, err := t.references(member, element)
				if err != nil {
					return nil, err
				}
				fields = append(fields, more...)
			}
		}
		return fields, nil
	case n.Kind != yaml.ScalarNode:
		return nil, nil
	case nameOnlyRE.MatchString(n.Value) && n.Tag == "!!str":
		return []string{n.Value}, nil
	}
	for _, m := range braceRE.FindAllStringSubmatch(n.Value, -1) {
		expression := strings.TrimSpace(m[1])
		if list, ok := strings.CutPrefix(expression, "["); ok {
			expression = strings.TrimSuffix(list, "]")
		}
		for _, one := range terms(expression) {
			if field := reference(one); slices.Contains(fields, field) {
				continue
			} else if field != "" {
				fields = append(fields, field)
			} else if member != "doc_to_target" {
				return nil, fmt.Errorf("%s: {{%s}} is no plain field; --fields names the fields", member, rows.Clip(m[1]))
			}
		}
	}
	return fields, nil
}

// terms cuts an expression at each comma and plus that is in no brackets, and leaves out what is written
// in quotes.
func terms(expression string) (list []string) {
	depth, from, quote := 0, 0, byte(0)
	take := func(to int) {
		if s := strings.TrimSpace(expression[from:to]); s != "" && s[0] != '"' && s[0] != '\'' {
			list = append(list, s)
		}
		from = to + 1
	}
	for i := range len(expression) {
		switch c := expression[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '[' || c == '(':
			depth++
		case c == ']' || c == ')':
			depth--
		case depth == 0 && (c == ',' || c == '+'):
			take(i)
		}
	}
	take(len(expression))
	return list
}

// reference returns the field that an expression is, in the grammar of fields, or "".
func reference(expression string) string {
	m := referenceRE.FindStringSubmatch(expression)
	if m == nil {
		return ""
	}
	field := m[1]
	for _, step := range stepRE.FindAllStringSubmatch(m[2], -1) {
		name := cmp.Or(step[1], step[2], step[3])
		if step[1] != "" && strings.Contains(expression, "."+name+"(") {
			break // a method
		}
		if strings.ContainsAny(name, `."+,?[]`) {
			name = strconv.Quote(name)
		}
		field += "." + name
	}
	return field
}
