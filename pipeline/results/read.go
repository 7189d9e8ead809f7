package results

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"swab/pipeline/rows"
	"swab/pipeline/shard"
	"swab/pipeline/store"

	"github.com/zeebo/xxh3"
	"golang.org/x/sync/errgroup"
)

const (
	maxRow    = 64 << 20 // bytes of one row, or of one value of a document
	maxWindow = 128 << 20
	maxFile   = 64 << 30 // bytes of a file, decompressed
	maxKept   = 1 << 30  // bytes of ids and texts that are kept of a file
	perKind   = 20       // problems listed of each kind

	// maxResults bounds the memory, which a file of few bytes a result would make many times
	// its size: about 1.5 GB. It is for results and for samples with a name, of one file.
	maxResults = 1 << 22
)

// limits are those of files of results.
func limits() shard.Limits { return shard.Limits{Window: maxWindow, Ratio: shard.DefaultRatio} }

// ErrNoResults means that no results of items were recognised in a file.
var ErrNoResults = errors.New("no results of items were found")

// Read reads a file of results, or all below a directory, as results of model. If that is "",
// the model is the one that the file names, else the file's name without endings. In a
// directory, a file without results is returned with Format "" and a problem; it is an error
// if no file has results.
func Read(path, model string, o Options) ([]File, error) {
	if store.IsURL(path) {
		return readURL(path, model, o)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		f, err := readFile(path, model, o)
		if err != nil {
			return nil, err
		}
		return []File{*f}, nil
	}
	var names []string
	err = filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case name != path && strings.HasPrefix(d.Name(), "."):
			if d.IsDir() {
				return fs.SkipDir
			}
		case d.Type().IsRegular():
			names = append(names, name)
		case d.Type()&fs.ModeSymlink != 0:
			if info, err := os.Stat(name); err != nil {
				return err
			} else if info.Mode().IsRegular() {
				names = append(names, name)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return readAll(path, names, nil, model, o)
}

// readURL is Read of a URL.
func readURL(url, model string, o Options) ([]File, error) {
	found, err := shard.Expand(o.context(), url)
	if err != nil {
		return nil, err
	}
	var names []string
	var objects []*store.Object
	for object, err := range found.All {
		if err != nil {
			return nil, err
		}
		if rel := strings.TrimPrefix(object.Name, found.Dir); !strings.Contains("/"+rel, "/.") {
			names, objects = append(names, object.Name), append(objects, object)
		}
	}
	if found.Dir == "" {
		o.object = objects[0]
		f, err := readFile(o.object.Name, model, o)
		if err != nil {
			return nil, err
		}
		return []File{*f}, nil
	}
	return readAll(store.Clean(url), names, objects, model, o)
}

// readAll reads the files of a directory; objects are those of a store, or nil.
func readAll(path string, names []string, objects []*store.Object, model string, o Options) ([]File, error) {
	files, inDirectory := make([]File, len(names)), o
	inDirectory.fallback = true
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, name := range names {
		g.Go(func() error {
			o := inDirectory
			if objects != nil {
				o.object = objects[i]
			}
			f, err := readFile(name, model, o)
			if errors.Is(err, ErrNoResults) {
				f, err = &File{Path: name}, nil
				f.problem(-1, "not results", "no results of items were found")
			}
			if err == nil {
				files[i] = *f
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(files, func(f File) bool { return f.Format != "" }) {
		return nil, fmt.Errorf("%q: %d files: %w", path, len(files), ErrNoResults)
	}
	return files, nil
}

func (f *File) problem(row int64, kind, detail string) {
	if f.Counts == nil {
		f.Counts = make(map[string]int64)
	}
	if f.Counts[kind]++; f.Counts[kind] <= perKind {
		f.Problems = append(f.Problems, Problem{f.Path, row, kind, detail})
	}
}

// reader gathers the outcomes of one file.
type reader struct {
	o      Options
	model  string // as chosen by the user, or ""
	file   *File
	format *format
	p      rows.Cutter
	row    int64 // number of the current value
	kept   int   // bytes of ids and texts

	groups    map[Group]uint16
	lastGroup struct { // rows of a group are mostly consecutive
		asked  Group
		model  string
		number uint16
		ok     bool
	}
	seen     places // outcomes by group and id, once they are out of order
	disorder bool
	top      int32           // number of the last outcome with an id or index, from 1
	ids      strings.Builder // the last of the blocks of ids
	shape    shape           // of the last row with an id and a score
	size     int64           // bytes of the file if it is not compressed, else 0
	read     int64           // bytes of lines read
	epochs   map[epoch]bool  // samples that have a number
	metric   string          // chosen
	others   map[string]bool // metrics that were not chosen
	filter   string
	filters  map[string]bool
	any      bool // a row was read as one of the format

	task    string             // of the present row, "" if it does not say
	common  Group              // what the document states for all its rows
	prompts map[string]Outcome // questions found, by sample, of a log that scores it in another row

	seeker  seeker
	current rows.Object // with the texts of the row being read
	sought  struct {    // in which the questions were found last
		row    int64 // from 1
		found  []int32
		fields uint64
	}
	resolved map[string]bool // of a SWE-bench report: instances
	report   []byte          // of an OpenAI Evals log
	htmls    [][]byte        // scores that pages of simple-evals show
}

type epoch struct {
	outcome int32
	name    string
}

// A format reads the rows of one harness.
type format struct {
	name string
	is   func(r rows.Object) bool
	read func(r *reader, row rows.Object) error
}

// errNoMetric means that no row has the metric or filter that was asked for.
var errNoMetric = errors.New("no row has")

// readFile reads a file. If it lacks a filter that was asked for, it is read with its own first;
// so it is with a metric, in a directory.
func readFile(path, model string, o Options) (*File, error) {
	f, err := readOnce(path, model, o)
	noFilter := err == nil && len(f.Outcomes) == 0 && f.Counts["several filters"] > 0
	noMetric := o.fallback && (o.Metric != "" || o.Metrics != nil) &&
		(errors.Is(err, errNoMetric) || errors.Is(err, ErrNoResults))
	if !noFilter && !noMetric {
		return f, err
	}
	without, lacks := o, "filter "+o.Filter
	if without.Filter, without.Filters = "", nil; noMetric {
		without.Filter, without.Filters = o.Filter, o.Filters
		without.Metric, without.Metrics, lacks = "", nil, "metric "+o.Metric
	}
	again, err2 := readOnce(path, model, without)
	if err2 != nil {
		return f, err
	}
	again.problem(-1, "another metric", fmt.Sprintf("it has no %s, so another is used", rows.Clip(lacks)))
	return again, nil
}

func readOnce(path, model string, o Options) (*File, error) {
	r := &reader{o: o, model: model, file: &File{Path: path, questions: o.Questions}, groups: map[Group]uint16{}}
	r.seeker.Questions = o.Questions
	r.common.Model = r.fallback()
	err := r.open(path)
	if err == nil {
		err = r.finish()
	}
	if err != nil {
		return nil, fmt.Errorf("%q: %w", path, err)
	}
	return r.file, nil
}

// fallback returns the model of a file that does not name it.
func (r *reader) fallback() string {
	base := filepath.Base(r.file.Path)
	if strings.HasPrefix(base, "samples_") { // lm-evaluation-harness names the directory
		return strings.ReplaceAll(filepath.Base(filepath.Dir(r.file.Path)), "__", "/")
	}
	return stem(base)
}

func stem(base string) string {
	for range 2 {
		switch ext := filepath.Ext(base); strings.ToLower(ext) {
		case ".gz", ".zst", ".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".eval", ".txt", ".log", ".parquet", ".arrow":
			base = strings.TrimSuffix(base, ext)
		}
	}
	return base
}

// open recognises the file by its content, and reads it.
func (r *reader) open(path string) error {
	if shard.SideFile(filepath.Base(path)) {
		return ErrNoResults
	}
	if zipped, err := r.zip(path); zipped || err != nil {
		return err
	}
	sh := shard.Shard{Name: path, Path: path, Formats: &rows.Formats, Object: r.o.object, Whole: true}
	if f, c, ok := rows.Formats.TypeOf(path); ok && f.Binary { // only its name says what it is
		sh.Format, sh.Compression = f, c
	}
	in, err := shard.Open(sh, limits(), false, nil)
	if err != nil {
		return err
	}
	defer in.Close()
	f, err := in.Format()
	if err != nil {
		return err
	}
	if !rows.IsText(f) {
		return r.columns(in, f)
	}
	switch info, err := os.Stat(path); {
	case in.Compression() != shard.None:
	case r.o.object != nil:
		r.size = r.o.object.Size
	case err == nil:
		r.size = info.Size()
	}
	return r.plain(bufio.NewReaderSize(&bounded{in, maxFile}, 1<<18))
}

// zip reads a zip archive, if the file is one.
func (r *reader) zip(path string) (bool, error) {
	f, err := r.openFile(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	var head [4]byte
	n, err := f.ReadAt(head[:], 0)
	if err != nil && err != io.EOF {
		return false, err
	}
	if h := string(head[:n]); h != "PK\x03\x04" && h != "PK\x05\x06" {
		return false, nil
	}
	return true, r.inspectZip(f)
}

// file is a file of the disk or of a store.
type file interface {
	io.ReaderAt
	io.Closer
	Stat() (fs.FileInfo, error)
}

func (r *reader) openFile(path string) (file, error) {
	if r.o.object != nil {
		return r.o.object.Open(), nil
	}
	return os.Open(path)
}

// columns reads rows of a format that is not text, each converted to JSON.
func (r *reader) columns(in *shard.Reader, f *shard.Format) error {
	from, err := rows.Open(r.o.context(), in, f, rows.Options{Name: r.file.Path, MaxRow: maxRow, Lines: true})
	if err != nil {
		return err
	}
	stored := int64(math.MaxInt64) // a stream is bounded where it is decompressed
	if f.Random {
		if _, stored, err = in.ReaderAt(); err != nil {
			return err
		}
	}
	var rec rows.Record
	var line []byte
	for plain := int64(0); ; r.row++ {
		err := from.Next(&rec)
		if err == io.EOF {
			return nil
		}
		if errors.Is(err, rows.ErrTokens) {
			return ErrNoResults
		}
		if err == nil {
			line = rec.AppendJSON(line[:0])
			plain += int64(len(line))
			err = limits().CheckRatio(stored, plain)
		}
		if err == nil {
			err = r.raw(line)
		}
		if err != nil {
			return fmt.Errorf("row %d: %w", r.row, err)
		}
	}
}

// bounded returns an error at its limit, where io.LimitReader would end.
type bounded struct {
	r    io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, fmt.Errorf("it decompresses to more than %d GiB, the limit of a file of results, or over %d:1",
			maxFile>>30, shard.DefaultRatio)
	}
	return n, err
}

// plain reads JSON or a table.
func (r *reader) plain(in *bufio.Reader) error {
	if head, _ := in.Peek(3); string(head) == "\uFEFF" {
		in.Discard(3)
	}
	for {
		c, err := in.Peek(1)
		if err == io.EOF {
			return ErrNoResults
		}
		if err != nil {
			return err
		}
		switch c[0] {
		case ' ', '\t', '\n', '\r':
			in.ReadByte()
			continue
		case '[':
			return r.list(rows.NewDoc(in, maxRow))
		case '{':
			return r.shaped(in)
		}
		return r.table(in)
	}
}

// shaped reads JSON that begins with an object: rows over several lines or in columns, and
// otherwise calls objects.
func (r *reader) shaped(in *bufio.Reader) error {
	spans := rows.NewSpans(in, maxRow)
	defer spans.Free()
	l, err := spans.Detect("x.json")
	if err != nil {
		return err
	}
	rest := spans.Rest()
	if l.Shape != rows.JSONValues && l.Shape != rows.JSONColumns {
		return r.objects(bufio.NewReaderSize(rest, 1<<18))
	}
	for ; ; r.row++ {
		_, body, err := spans.Next()
		if err == io.EOF {
			return nil
		}
		if err == nil && r.row == 0 {
			if first, bad := r.p.Object(body); bad != nil || r.sniff(first) == nil {
				return r.objects(bufio.NewReaderSize(rest, 1<<18)) // one object that is no row
			}
		}
		if err == nil {
			err = r.raw(body)
		}
		if err != nil {
			return fmt.Errorf("row %d: %w", r.row, err)
		}
	}
}

// objects reads JSON lines, or one object over many lines or with lists in it. The first line
// decides: it is a row unless it is incomplete or has the lists of a document.
func (r *reader) objects(in *bufio.Reader) error {
	line, err := readLine(in, nil)
	if err != nil && err != io.EOF && err != rows.ErrTooLong {
		return err
	}
	whole := err != rows.ErrTooLong
	if whole {
		first, bad := r.p.Object(bytes.TrimSpace(line))
		if whole = bad == nil; whole {
			for _, list := range documentLists {
				raw := first.Get(list)
				if raw != nil && (raw[0] == '[' || raw[0] == '{') && r.sniff(first) == nil {
					whole = false
				}
			}
			if len(first) == 0 || first.Get("eval") != nil && first.Get("version") != nil && first.Get("status") != nil ||
				baseName(r.file.Path) == sweBenchReport && r.sniff(first) == nil {
				whole = false
			}
		}
	}
	if whole || bytes.HasPrefix(line, []byte(`{"spec"`)) {
		return r.lines(in, line)
	}
	again := bufio.NewReaderSize(io.MultiReader(bytes.NewReader(line), in), 1<<18)
	return r.document(rows.NewDoc(again, maxRow))
}

// readLine appends a line with its end to buf.
func readLine(in *bufio.Reader, buf []byte) ([]byte, error) {
	for {
		part, err := in.ReadSlice('\n')
		buf = append(buf, part...)
		if err != bufio.ErrBufferFull {
			return buf, err
		}
		if len(buf) > maxRow {
			return buf, rows.ErrTooLong
		}
	}
}

func (r *reader) lines(in *bufio.Reader, line []byte) error {
	var err error
	for {
		r.read += int64(len(line))
		if len(bytes.TrimSpace(line)) > 0 {
			if bad := r.raw(line); bad != nil {
				var rowError *rowError
				if !errors.As(bad, &rowError) {
					return bad
				}
				kind := "not JSON"
				if rowError.cut && !bytes.HasSuffix(line, []byte("\n")) {
					kind = "truncated"
				}
				r.problem(kind, rowError.Error())
			}
			r.row++
		}
		line, err = readLine(in, line[:0])
		if err == io.EOF && len(line) > 0 {
			err = nil
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("row %d: %w", r.row, err)
		}
	}
}

// A rowError is a row that is no JSON object. In lines, the next may be one.
type rowError struct {
	err error
	cut bool
}

func (e *rowError) Error() string { return e.err.Error() }
func (e *rowError) Unwrap() error { return e.err }

// raw reads one row.
func (r *reader) raw(b []byte) error {
	row, err := r.p.Object(b)
	if err != nil {
		return &rowError{err, errors.Is(err, rows.ErrCut)}
	}
	r.p.Marks().Repairs(func(k rows.Kind, done string) { r.problem(string(k), done) })
	if r.format == nil {
		if r.format = r.sniff(row); r.format == nil {
			return noScores("rows have", row, "field")
		}
		r.file.Format = r.format.name
	}
	r.current = row
	return r.format.read(r, row)
}

// noScores returns the error of a file whose rows have no id or no score.
func noScores(has string, row rows.Object, unit string) error {
	return fmt.Errorf("%w: its %s %s; an id and a score are needed, named id and score or similar "+
		"(--metric names another %s)", ErrNoResults, has, names(row), unit)
}

// names returns the names of a row's members for a message.
func names(r rows.Object) string {
	var names []string
	for i, f := range r {
		if i == 20 {
			names = append(names, fmt.Sprintf("and %d more", len(r)-i))
			break
		}
		names = append(names, strconv.Quote(rows.Clip(f.Key)))
	}
	if names == nil {
		return "no fields"
	}
	return strings.Join(names, ", ")
}

func (r *reader) sniff(first rows.Object) *format {
	for _, f := range formats(r.o) {
		if f.is(first) {
			return &f
		}
	}
	return nil
}

// list reads a JSON list of rows.
func (r *reader) list(d *rows.Doc) error {
	if err := r.elements(d); err != nil {
		return err
	}
	return d.End()
}

func (r *reader) elements(d *rows.Doc) error {
	return d.Array(func() error {
		raw, err := d.Raw()
		if err == nil && raw[0] != '{' && r.format == nil {
			return ErrNoResults
		}
		if err == nil {
			err = r.raw(raw)
		}
		if err != nil {
			return fmt.Errorf("row %d: %w", r.row, err)
		}
		r.row++
		return nil
	})
}

// table reads a table with a header.
func (r *reader) table(in *bufio.Reader) error {
	head, err := in.Peek(1 << 12)
	if err != nil && err != io.EOF {
		return err
	}
	if head, _, _ = bytes.Cut(head, []byte("\n")); bytes.IndexByte(head, 0) >= 0 {
		return ErrNoResults
	}
	spans := rows.NewSpans(in, maxRow)
	defer spans.Free()
	if _, err := spans.Detect("x.csv"); err != nil {
		return err
	}
	f := rowsFormat("table")
	var rec rows.Record
	var line []byte
	for ; ; r.row++ {
		_, body, err := spans.Next()
		if err == io.EOF && r.format == nil {
			return fmt.Errorf("%w: a table without rows; its columns are %q", ErrNoResults, spans.Header())
		}
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = spans.Parse(&rec, body, nil)
		}
		if errors.Is(err, rows.ErrRagged) {
			r.problem("columns", err.Error())
			continue
		}
		if errors.Is(err, rows.ErrHeader) {
			return fmt.Errorf("%w: %w", ErrNoResults, err)
		}
		if err != nil {
			return fmt.Errorf("row %d: %w", r.row, err)
		}
		line = rec.AppendJSON(line[:0])
		row, err := r.p.Object(line)
		if err != nil {
			return fmt.Errorf("row %d: %w", r.row, err)
		}
		if r.format == nil {
			if !f.is(row) || !r.hasMetric(row) {
				return noScores("columns are", row, "column")
			}
			r.format, r.file.Format = &f, f.name
		}
		r.current = row
		if err := f.read(r, row); err != nil {
			return fmt.Errorf("row %d: %w", r.row, err)
		}
	}
}

func (r *reader) problem(kind, detail string) { r.file.problem(r.row, kind, detail) }

// group returns the number of g, with empty members filled in from r.common.
func (r *reader) group(g Group) (uint16, error) {
	if r.lastGroup.ok && g == r.lastGroup.asked && r.model == r.lastGroup.model {
		return r.lastGroup.number, nil
	}
	r.lastGroup.asked, r.lastGroup.model, r.lastGroup.ok = g, r.model, true
	n, err := r.numberOf(g)
	r.lastGroup.number = n
	return n, err
}

func (r *reader) numberOf(g Group) (uint16, error) {
	if r.model != "" {
		g.Model = r.model
	} else if g.Model == "" {
		g.Model = r.common.Model
	}
	g.Benchmark = cmp.Or(g.Benchmark, r.common.Benchmark)
	g.Split = cmp.Or(g.Split, r.common.Split)
	g.Subject = cmp.Or(g.Subject, r.common.Subject)
	n, ok := r.groups[g]
	if !ok {
		if len(r.groups) == math.MaxUint16 {
			return 0, errors.New("more than 65,535 models and parts of benchmarks in one file")
		}
		n = uint16(len(r.groups))
		r.groups[g] = n
		r.file.Groups = append(r.file.Groups, g)
	}
	return n, nil
}

// add adds one sample's score of an item. Sample is the sample's number, if it has one.
func (r *reader) add(g Group, o Outcome, sample string, raw []byte) error {
	r.any = true
	if list, ok := rows.Elements(raw); ok && len(list) > 0 && len(list) <= maxSamples {
		for i, e := range list {
			if len(e) > 0 && e[0] == '[' {
				return r.add(g, o, sample, nil)
			}
			if err := r.add(g, o, sample+"/"+strconv.Itoa(i), e); err != nil {
				return err
			}
		}
		return nil
	}
	v, binary, bad := score(raw)
	if s := strings.ToLower(rows.Name(raw)); slices.Contains(wrongWords, s) {
		r.problem("counted as 0", fmt.Sprintf("%s: %q is a score of 0", r.describe(o), s))
	}
	if bad != "" {
		r.problem(bad, fmt.Sprintf("%s: %s is %s", r.describe(o), g.Metric, rows.Clip(string(raw))))
		return nil
	}
	var err error
	if o.Group, err = r.group(g); err != nil {
		return err
	}
	r.seek(&o)
	o.Score, o.Samples, o.Binary = v, 1, binary
	at := int32(len(r.file.Outcomes))
	if o.ID != "" || o.Index >= 0 {
		at = r.find(&o, at)
	}
	if sample != "" {
		if r.epochs == nil {
			r.epochs = make(map[epoch]bool)
		}
		if r.epochs[epoch{at, sample}] {
			r.problem("duplicate", fmt.Sprintf("%s: the file has sample %s twice; the first counts",
				r.describe(o), rows.Clip(sample)))
			return nil
		}
		if len(r.epochs) == cmp.Or(r.o.most, maxResults) {
			return fmt.Errorf("more than %d samples in one file: divide it by model or benchmark", len(r.epochs))
		}
		r.epochs[epoch{at, sample}] = true
	}
	if int(at) == len(r.file.Outcomes) {
		if int(at) == cmp.Or(r.o.most, maxResults) {
			return fmt.Errorf("more than %d results in one file: divide it by model or benchmark", at)
		}
		if r.kept += len(o.ID) + 4*len(o.found); r.kept > maxKept {
			return fmt.Errorf("the ids and texts of its items are more than %d GiB; split the file", maxKept>>30)
		}
		r.grow()
		o.ID = r.copyID(o.ID)
		r.file.Outcomes = append(r.file.Outcomes, o)
		return nil
	}
	have := &r.file.Outcomes[at]
	if !sameQuestion(have, &o) {
		return fmt.Errorf("%s has two different questions: if the file has several benchmarks or subjects that number "+
			"their items alike, divide it, or name them in a field such as subject", r.describe(o))
	}
	if have.Index != o.Index {
		have.Index = -1 // samples disagree on the index
	}
	have.Score += v
	have.Samples++
	have.Binary = have.Binary && binary
	return nil
}

// seek sets the questions that are in the texts of the present row.
func (r *reader) seek(o *Outcome) {
	if r.seeker.Questions == nil {
		return
	}
	if r.sought.row != r.row+1 {
		r.sought.row = r.row + 1
		r.sought.found, r.sought.fields = r.seeker.seek(r.current)
	}
	o.found, o.fields = r.sought.found, r.sought.fields
}

// sameQuestion reports whether samples of one item may be of one question.
func sameQuestion(a, b *Outcome) bool {
	if len(a.found) == 0 || len(b.found) == 0 {
		return true
	}
	return slices.ContainsFunc(a.found, func(n int32) bool { return slices.Contains(b.found, n) })
}

// find returns the place of the outcome with the group and id of o, or at, the place of a new
// one. As long as outcomes are in order, only the last can be equal.
func (r *reader) find(o *Outcome, at int32) int32 {
	if !r.disorder {
		c := 1
		if r.top > 0 {
			c = inOrder(o, &r.file.Outcomes[r.top-1])
		}
		switch {
		case c == 0:
			return r.top - 1
		case c > 0:
			r.top = at + 1
			return at
		}
		r.disorder = true
		for k := range r.file.Outcomes {
			if have := &r.file.Outcomes[k]; have.ID != "" || have.Index >= 0 {
				r.seen.insert(hashOf(have), int32(k), func(int32) bool { return false })
			}
		}
	}
	return r.seen.insert(hashOf(o), at, func(k int32) bool { return inOrder(o, &r.file.Outcomes[k]) == 0 })
}

// inOrder compares groups, then ids, the shorter before the longer so that 9 comes before 10, or
// indexes if there are no ids.
func inOrder(a, b *Outcome) int {
	if c := cmp.Or(int(a.Group)-int(b.Group), len(a.ID)-len(b.ID)); c != 0 {
		return c
	}
	if a.ID == "" {
		return cmp.Compare(a.Index, b.Index)
	}
	return strings.Compare(a.ID, b.ID)
}

func hashOf(o *Outcome) uint64 {
	h := xxh3.HashString(o.ID)
	if o.ID == "" {
		h = uint64(o.Index) * 0x9e3779b97f4a7c15
	}
	return h + uint64(o.Group)*0x9e3779b97f4a7c15
}

// grow makes room for an outcome. If the file is not compressed, it makes room for all outcomes
// that are expected by the size of the file, in steps, since the rest may differ.
func (r *reader) grow() {
	have := len(r.file.Outcomes)
	if have < cap(r.file.Outcomes) || have < 1<<10 || r.read == 0 || r.size <= r.read {
		return
	}
	all := int64(float64(have) * float64(r.size) / float64(r.read) * 1.01)
	r.file.Outcomes = slices.Grow(r.file.Outcomes, int(min(all-int64(have), 7*int64(have)))+1)
}

// copyID copies an id into a block with many others, which costs the garbage collector less
// than single strings.
func (r *reader) copyID(id string) string {
	if id == "" {
		return ""
	}
	if r.ids.Len()+len(id) > r.ids.Cap() {
		r.ids = strings.Builder{}
		r.ids.Grow(max(len(id), min(1<<16, 16*len(r.file.Outcomes))))
	}
	from := r.ids.Len()
	r.ids.WriteString(id)
	return r.ids.String()[from:]
}

func (r *reader) describe(o Outcome) string {
	switch {
	case o.ID != "":
		return "item " + rows.Clip(o.ID)
	case o.Index >= 0:
		return fmt.Sprintf("item %d", o.Index)
	}
	return "an item without an id"
}

// score parses a score as harnesses write it; bad is the kind of problem, or "".
func score(raw []byte) (v float64, binary bool, bad string) {
	if len(raw) == 0 || string(raw) == "null" {
		return 0, false, "missing score"
	}
	if c := raw[0]; c >= '0' && c <= '9' { // a number of JSON
		if len(raw) == 1 {
			return float64(c - '0'), c <= '1', ""
		}
		return parseScore(string(raw))
	}
	s := string(raw)
	if t, ok := rows.Text(raw); ok {
		s = strings.TrimSpace(t)
	}
	switch strings.ToLower(s) {
	case "true", "c", "correct", "yes", "pass", "passed":
		return 1, true, ""
	case "false", "i", "incorrect", "wrong", "not_attempted", "not attempted", "no", "fail", "failed":
		return 0, true, ""
	case "n": // inspect_ai: no answer
		return 0, true, ""
	case "p": // inspect_ai: partial
		return 0.5, false, ""
	case "":
		return 0, false, "missing score"
	case "nan", "infinity", "-infinity", "inf", "-inf":
		return 0, false, "score is not a number"
	}
	if strings.ContainsAny(s, "xXpP_") { // Go's own forms of numbers
		return 0, false, "unreadable score"
	}
	return parseScore(s)
}

func parseScore(s string) (v float64, binary bool, bad string) {
	v, err := strconv.ParseFloat(s, 64)
	switch {
	case errors.Is(err, strconv.ErrRange) || math.IsInf(v, 0) || math.IsNaN(v):
		return 0, false, "score is not a number"
	case err != nil:
		return 0, false, "unreadable score"
	}
	return v, v == 0 || v == 1, ""
}

// finish averages samples and sorts the outcomes.
func (r *reader) finish() error {
	f := r.file
	fields := r.seeker.questionFields()
	for i := range f.Outcomes {
		o := &f.Outcomes[i]
		if p, ok := r.prompts[o.ID]; ok {
			o.found, o.fields = p.found, p.fields
		}
		o.fields &= fields
	}
	if r.format == nil && f.Format == "" || !r.any && len(f.Counts) == 0 {
		return ErrNoResults
	}
	r.tellOthers()
	if r.o.Metric != "" && len(f.Outcomes) == 0 && f.Counts["missing score"] > 0 {
		return fmt.Errorf("%w a score named %q", errNoMetric, rows.Clip(r.o.Metric))
	}
	r.finishGroups()
	times, err := r.averageSamples()
	if err != nil {
		return err
	}
	r.tellUneven(times)
	if len(f.Groups) > 1 {
		slices.SortStableFunc(f.Outcomes, func(a, b Outcome) int { return int(a.Group) - int(b.Group) })
	}
	if cap(f.Outcomes)-len(f.Outcomes) > len(f.Outcomes)/16 {
		f.Outcomes = slices.Clone(f.Outcomes)
	}
	f.Outcomes = slices.Clip(f.Outcomes)
	return nil
}

// tellOthers notes the metrics and filters of the file that are not used.
func (r *reader) tellOthers() {
	if len(r.others) > 0 {
		r.row = -1
		r.problem("several metrics", fmt.Sprintf("%s is used; the file also has %s (choose with --metric)",
			rows.Clip(r.metric), listNames(r.others)))
	}
	if len(r.filters) > 0 {
		r.row = -1
		r.problem("several filters", fmt.Sprintf("%s is used; the file also has %s (choose with --filter)",
			rows.Clip(r.filter), listNames(r.filters)))
	}
}

// averageSamples sets each outcome's score to the mean of its samples, or to pass@k. It returns how
// many outcomes have how many samples.
func (r *reader) averageSamples() (times map[int32]int, err error) {
	times = make(map[int32]int)
	for i := range r.file.Outcomes {
		o := &r.file.Outcomes[i]
		if r.o.PassAt > 0 {
			if err := r.passAt(o); err != nil {
				return nil, err
			}
			continue
		}
		o.Score /= float64(o.Samples)
		times[o.Samples]++
		if math.IsInf(o.Score, 0) || math.IsNaN(o.Score) {
			return nil, fmt.Errorf("%s: the sum of its scores is not a finite number", r.describe(*o))
		}
	}
	return times, nil
}

// tellUneven notes the outcomes with another number of samples than most.
func (r *reader) tellUneven(times map[int32]int) {
	if len(times) < 2 {
		return
	}
	usual := int32(0)
	for n, c := range times {
		if c > times[usual] || c == times[usual] && n < usual {
			usual = n
		}
	}
	for i := range r.file.Outcomes {
		if o := &r.file.Outcomes[i]; o.Samples != usual {
			r.file.problem(-1, "uneven samples",
				fmt.Sprintf("%s has %d scores, most items have %d", r.describe(*o), o.Samples, usual))
		}
	}
}

// maxSamples is the greatest number of scores in one list.
const maxSamples = 1 << 16

// wrongWords are scores in words that some readers would leave out.
var wrongWords = []string{"wrong", "incorrect", "not_attempted", "not attempted"}

// passAt sets an outcome's score to the unbiased estimate of pass@k: the probability that of k of
// its n samples, drawn without replacement, one is right. Chen et al. 2021.
func (r *reader) passAt(o *Outcome) error {
	n, k := int(o.Samples), r.o.PassAt
	switch {
	case !o.Binary:
		return fmt.Errorf("%s: pass@%d needs samples that are right or wrong", r.describe(*o), k)
	case n < k:
		return fmt.Errorf("%s has %d samples, and pass@%d needs %d", r.describe(*o), n, k, k)
	}
	right, all := int(o.Score+0.5), 1.0
	for i := n - right + 1; i <= n; i++ {
		all *= max(0, 1-float64(k)/float64(i))
	}
	o.Score = 1 - all
	o.Binary = o.Score == 0 || o.Score == 1
	return nil
}

// finishGroups sets what groups have only at the end: the harness's own scores and the direction of
// metrics.
func (r *reader) finishGroups() {
	switch r.file.Format {
	case "lm-evaluation-harness samples":
		r.lmEvalSummary()
	case "HELM per-instance statistics":
		r.helmSummary()
	case "lighteval details":
		r.lightevalSummary()
	case "OpenCompass details":
		r.openCompassSummary()
	case "OpenAI Evals log":
		r.evalsReport()
	}
	r.changeGroups(func(g *Group) {
		name := strings.ToLower(g.Metric)
		g.LowerBetter = g.LowerBetter || slices.Contains(lowerBetter, name) || slices.Contains(r.o.LowerBetter, g.Metric)
		if r.o.PassAt > 0 {
			g.Metric = fmt.Sprintf("pass@%d", r.o.PassAt)
		}
	})
	if r.o.PassAt > 0 {
		r.file.stated = nil
	}
}

// listNames returns the names in set for a message.
func listNames(set map[string]bool) string {
	var names []string
	for n := range set {
		names = append(names, rows.Clip(n))
	}
	slices.Sort(names)
	if len(names) > 10 {
		names = append(names[:10], fmt.Sprintf("%d more", len(names)-10))
	}
	return strings.Join(names, ", ")
}
