package results

import (
	"archive/zip"
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"swab/pipeline/rows"
	"swab/pipeline/shard"

	"github.com/klauspost/compress/zstd"
)

// document reads a file that is one JSON object: HELM's scenario state, a log of
// inspect_ai, CRUXEval's evaluation, or any with a list of rows.
func (r *reader) document(d *rows.Doc) error {
	var header header
	var own []byte // the document's own score
	err := d.Object(func(key string) error {
		switch key {
		case "eval", "status", "results", "adapter_spec":
			return r.headerMember(d, key, &header)
		case "samples":
			return d.Array(func() error {
				if err := r.inspectSample(d); err != nil {
					return fmt.Errorf("sample %d: %w", r.row, err)
				}
				r.row++
				return nil
			})
		case "raw_scored_generations":
			return r.cruxeval(d)
		case "accuracy", "pass_at_1", "score", "resolved_ids", "unresolved_ids", "submitted_ids", "completed_ids",
			"error_ids", "empty_patch_ids", "resolved", "generated", "no_generation":
			return r.smallMember(d, key, &own)
		case "htmls", "convos", "metadata":
			return r.simpleEvals(d, key)
		case "request_states", "items", "rows", "records", "data", "predictions", "details":
			return r.rowsMember(d, key)
		}
		return r.otherMember(d, key)
	})
	if err == nil {
		err = d.End()
	}
	if err == nil && r.resolved != nil {
		err = r.sweBenchEnd()
	}
	if err != nil {
		if r.format == nil && r.file.Format == "" && (errors.Is(err, rows.ErrJSON) || errors.Is(err, rows.ErrCut)) {
			return fmt.Errorf("%w: %w", ErrNoResults, err)
		}
		return err
	}
	if header.isInspect() {
		return r.inspectEnd(&header)
	}
	r.state("", own)
	if r.format != nil && r.format.name == "HELM request states" {
		r.helmPlaces()
	}
	return nil
}

// headerMember reads a member that is a list of rows, has results in it, or is a log's header.
func (r *reader) headerMember(d *rows.Doc, key string, header *header) error {
	c, err := d.Peek()
	if err != nil {
		return err
	}
	if c == '[' {
		return r.elements(d)
	}
	raw, err := d.Raw()
	if err != nil {
		return err
	}
	if key == "eval" || key == "results" {
		if done, err := r.objectOf(key, raw); done || err != nil {
			return err
		}
	}
	header.set(key, raw)
	if key == "adapter_spec" {
		r.common.Model = rows.Name(rows.SubObject(raw).Get("model"))
	}
	return nil
}

// rowsMember reads a member that may have the rows, as a list or as OpenCompass's numbered ones.
func (r *reader) rowsMember(d *rows.Doc, key string) error {
	switch c, err := d.Peek(); {
	case err != nil:
		return err
	case c == '[':
		return r.elements(d)
	case c == '{' && key == "details":
		raw, err := d.Raw()
		if err == nil {
			err = r.openCompass(raw)
		}
		return err
	}
	return d.Pass(false)
}

// otherMember passes over a member, unless it is the report of one SWE-bench instance, which has
// the instance as its name.
func (r *reader) otherMember(d *rows.Doc, key string) error {
	if baseName(r.file.Path) != sweBenchReport {
		return d.Pass(false)
	}
	if c, err := d.Peek(); err != nil || c != '{' {
		return cmp.Or(err, d.Pass(false))
	}
	raw, err := d.Raw()
	if err != nil {
		return err
	}
	report := rows.SubObject(raw)
	if has(report, "resolved", "patch_successfully_applied") {
		r.sweBenchOne(strings.Clone(key), string(report.Get("resolved")) == "true")
	}
	return nil
}

// smallMember reads the document's own score, or a list of ids of a SWE-bench report.
func (r *reader) smallMember(d *rows.Doc, key string, own *[]byte) error {
	raw, err := d.Raw()
	if err != nil {
		return err
	}
	switch key {
	case "accuracy", "pass_at_1", "score":
		*own = slices.Clone(raw)
		return nil
	}
	return r.sweBench(key, raw)
}

// objectOf reads a member that is an object with results in it, and returns false if it is none.
func (r *reader) objectOf(key string, raw []byte) (bool, error) {
	if key == "eval" {
		return r.evalPlus(raw)
	}
	return r.resultsObject(raw)
}

// helmPlaces sets the indexes of items. HELM numbers the instances of a run through all its
// splits, so those of a complete split have consecutive numbers from some number on.
func (r *reader) helmPlaces() {
	if r.common.Subject == "" {
		r.changeGroups(func(g *Group) { g.Subject = stem(baseName(r.file.Path)) })
	}
	first := int64(-1)
	numbers := make([]int64, len(r.file.Outcomes))
	for i := range r.file.Outcomes {
		n, err := strconv.ParseInt(strings.TrimPrefix(r.file.Outcomes[i].ID, "id"), 10, 64)
		if err != nil {
			return
		}
		numbers[i] = n
		if first < 0 || n < first {
			first = n
		}
	}
	sorted := slices.Clone(numbers)
	slices.Sort(sorted)
	for i, n := range sorted {
		if n != first+int64(i) {
			return
		}
	}
	for i := range numbers {
		r.file.Outcomes[i].Index = numbers[i] - first
	}
}

// changeGroups calls change with each group of the file.
func (r *reader) changeGroups(change func(g *Group)) {
	for i := range r.file.Groups {
		change(&r.file.Groups[i])
	}
}

// cruxeval reads an object of items, each with a list of verdicts, one a sample.
func (r *reader) cruxeval(d *rows.Doc) error {
	r.file.Format = "CRUXEval evaluation"
	g := Group{Metric: "pass@1", Benchmark: "cruxeval"}
	return d.Object(func(id string) error {
		o := Outcome{ID: id, Index: -1}
		raw, err := d.Raw()
		if err != nil {
			return err
		}
		samples, ok := rows.Elements(raw)
		if !ok || len(samples) == 0 {
			return r.add(g, o, "", nil)
		}
		for i, s := range samples {
			if err := r.add(g, o, strconv.Itoa(i), s); err != nil {
				return err
			}
		}
		r.row++
		return nil
	})
}

// header has the members of an inspect_ai log that enclose its samples.
type header struct{ eval, status, results []byte }

func (h *header) set(key string, raw []byte) {
	c := slices.Clone(raw)
	switch key {
	case "eval":
		h.eval = c
	case "status":
		h.status = c
	case "results":
		h.results = c
	}
}

// isInspect reports whether the header is that of an inspect_ai log.
func (h *header) isInspect() bool { return rows.SubObject(h.eval).Get("model") != nil }

// inspectEnd applies the header to what was read.
func (r *reader) inspectEnd(h *header) error {
	r.any = true
	r.file.Format = "inspect_ai log"
	eval := rows.SubObject(h.eval)
	dataset := rows.SubObject(eval.Get("dataset"))
	if model := rows.Name(eval.Get("model")); r.model == "" && model != "" {
		r.changeGroups(func(g *Group) { g.Model = model })
	}
	task := rows.Name(eval.Get("task"))
	if set := rows.Name(dataset.Get("name")); task == "" {
		task = set
	}
	r.changeGroups(func(g *Group) { g.Benchmark = task })
	r.row = -1
	if status := rows.Name(h.status); status != "success" {
		r.problem("run not finished", "its status is "+strconv.Quote(rows.Clip(status)))
	}
	if len(r.file.Outcomes) == 0 && r.file.Counts["missing score"] == 0 {
		r.problem("no samples", "the log has no samples")
	}
	// The first scorer decides; the old form of logs names it here only.
	scores, ok := rows.Elements(rows.SubObject(h.results).Get("scores"))
	if ok && r.metric == oldScore && len(scores) > 0 {
		if n := rows.Name(rows.SubObject(scores[0]).Get("name")); n != "" {
			r.changeGroups(func(g *Group) { g.Metric = n })
		}
	}
	for _, raw := range scores {
		s := rows.SubObject(raw)
		metrics := rows.SubObject(s.Get("metrics"))
		for _, n := range []string{"accuracy", "mean"} {
			if m := rows.SubObject(metrics.Get(n)); m.Get("value") != nil {
				r.state(rows.Name(s.Get("name")), m.Get("value"))
				break
			}
		}
	}
	return nil
}

// oldScore is the metric of inspect_ai logs that keep one score a sample.
const oldScore = "score"

// inspectSample reads one sample. It skips events and messages.
func (r *reader) inspectSample(d *rows.Doc) error {
	r.file.Format = "inspect_ai log"
	o := Outcome{Index: -1}
	var epoch string
	var scores, failure []byte
	r.current = nil
	err := d.Object(func(key string) error {
		switch key {
		case "id", "epoch", "scores", "score", "error":
		case "input", "metadata":
			if r.seeker.Questions != nil {
				break
			}
			fallthrough
		default:
			return d.Pass(false)
		}
		raw, err := d.Raw()
		if err != nil {
			return err
		}
		switch key {
		case "id":
			o.ID = rows.Name(raw)
		case "epoch":
			epoch = rows.Name(raw)
		case "input", "metadata":
			r.current = append(r.current, rows.Member{Key: key, Raw: slices.Clone(raw)})
		case "scores":
			scores = slices.Clone(raw)
		case "score":
			if string(raw) != "null" {
				scores = slices.Concat([]byte(`{"score":`), raw, []byte("}"))
			}
		case "error":
			failure = slices.Clone(raw)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if o.ID == "" {
		r.any = true
		r.problem("missing id", "a sample has no id")
		return nil
	}
	if epoch == "" {
		epoch = "1"
	}
	values := make(map[string][]byte)
	var have []string
	for _, f := range rows.SubObject(scores) {
		raw := rows.SubObject(f.Raw).Get("value")
		if len(raw) > 0 && raw[0] == '{' {
			for _, part := range rows.SubObject(raw) {
				have = append(have, f.Key+"/"+part.Key)
				values[f.Key+"/"+part.Key] = part.Raw
			}
			continue
		}
		have = append(have, f.Key)
		values[f.Key] = raw
	}
	g := Group{Metric: r.choose(have)}
	if len(have) == 0 && failure != nil && string(failure) != "null" {
		r.any = true
		r.problem("error", r.describe(o)+": "+rows.Clip(string(failure)))
	}
	return r.add(g, o, epoch, values[g.Metric])
}

// inspectZip reads an .eval log: samples and header are members of a zip archive.
func (r *reader) inspectZip(f file) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	z, err := zip.NewReader(f, info.Size())
	if err != nil {
		return fmt.Errorf("the zip archive is truncated or damaged: %w", err)
	}
	unpack := zstd.ZipDecompressor(zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
	z.RegisterDecompressor(zstd.ZipMethodWinZip, unpack)
	z.RegisterDecompressor(zstd.ZipMethodPKWare, unpack)
	var head *zip.File
	var samples []*zip.File
	seen := make(map[string]bool)
	for _, m := range z.File {
		if seen[m.Name] {
			return fmt.Errorf("the archive has two members named %q", rows.Clip(m.Name))
		}
		seen[m.Name] = true
		switch dir, base := path.Split(m.Name); {
		case m.Name == "header.json":
			head = m
		case m.Name == "_journal/start.json" && head == nil:
			head = m
		case dir == "samples/" && path.Ext(base) == ".json":
			samples = append(samples, m)
		}
	}
	if head == nil {
		return fmt.Errorf("%w: it is a zip archive, but no inspect_ai log", ErrNoResults)
	}
	slices.SortFunc(samples, func(a, b *zip.File) int { return strings.Compare(a.Name, b.Name) })
	left := int64(maxFile)
	for _, m := range samples {
		if err := member(m, &left, r.inspectSample); err != nil {
			return fmt.Errorf("member %q: %w", rows.Clip(m.Name), err)
		}
		r.row++
	}
	var h header
	err = member(head, &left, func(d *rows.Doc) error {
		return d.Object(func(key string) error {
			switch key {
			case "eval", "status", "results":
				raw, err := d.Raw()
				if err == nil {
					h.set(key, raw)
				}
				return err
			}
			return d.Pass(false)
		})
	})
	if err != nil {
		return fmt.Errorf("member %q: %w", head.Name, err)
	}
	if !h.isInspect() {
		return fmt.Errorf("%w: its header names no model", ErrNoResults)
	}
	return r.inspectEnd(&h)
}

// member reads a member of an archive to its end, where its checksum is verified.
func member(m *zip.File, left *int64, read func(d *rows.Doc) error) error {
	in, err := m.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	// As of compressed files: the ratio counts from 64 MiB on, so a small member is not refused.
	most := min(*left, 64<<20+shard.DefaultRatio*int64(m.CompressedSize64))
	b := &bounded{in, most}
	d := rows.NewDoc(bufio.NewReaderSize(b, 1<<16), maxRow)
	if err := read(d); err != nil {
		return err
	}
	if err := d.End(); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, b); err != nil {
		return err
	}
	*left -= most - b.left
	return nil
}
