package rows_test

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/pqarrow"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"

	"swab/ngram/item"
	"swab/pipeline/audit"
	"swab/pipeline/benchmark"
	"swab/pipeline/record"
	"swab/pipeline/results"
	"swab/pipeline/rows"
	"swab/pipeline/shard"
)

// want are the texts of the rows of every layout, by id.
var want = []string{"r1: The ferry leaves at nine.", "r2: Two lamps, one switch; which?", "r3: A mill grinds “fine” flour."}

const jsonRows = `{"id":"r1","text":"The ferry leaves at nine.","score":1}
{"id":"r2","text":"Two lamps, one switch; which?","score":0}
{"id":"r3","text":"A mill grinds “fine” flour.","score":1}
`

// table returns the rows as an Arrow record, with a column beside them that no use asks for.
func table(t testing.TB) arrow.Record {
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "id", Type: arrow.BinaryTypes.String}, {Name: "image", Type: arrow.BinaryTypes.Binary},
		{Name: "text", Type: arrow.BinaryTypes.String}, {Name: "score", Type: arrow.PrimitiveTypes.Int64},
	}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	for i, w := range want {
		id, text, _ := strings.Cut(w, ": ")
		b.Field(0).(*array.StringBuilder).Append(id)
		b.Field(1).(*array.BinaryBuilder).Append([]byte("\x89PNG\xff\xfe\x00"))
		b.Field(2).(*array.StringBuilder).Append(text)
		b.Field(3).(*array.Int64Builder).Append([]int64{1, 0, 1}[i])
	}
	return b.NewRecord()
}

func parquetFile(t testing.TB, props ...parquet.WriterProperty) []byte {
	var b bytes.Buffer
	rec := table(t)
	w, err := pqarrow.NewFileWriter(rec.Schema(), &b, parquet.NewWriterProperties(props...), pqarrow.DefaultWriterProps())
	check(t, err)
	check(t, w.Write(rec))
	check(t, w.Close())
	return b.Bytes()
}

func arrowFile(t testing.TB) []byte {
	rec := table(t)
	f, err := os.Create(filepath.Join(t.TempDir(), "x"))
	check(t, err)
	w, err := ipc.NewFileWriter(f, ipc.WithSchema(rec.Schema()))
	check(t, err)
	check(t, w.Write(rec))
	check(t, w.Close())
	check(t, f.Close())
	b, err := os.ReadFile(f.Name())
	check(t, err)
	return b
}

func arrowStream(t testing.TB) []byte {
	var b bytes.Buffer
	rec := table(t)
	w := ipc.NewWriter(&b, ipc.WithSchema(rec.Schema()))
	check(t, w.Write(rec))
	check(t, w.Close())
	return b.Bytes()
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// compressed holds a file as each compression stores it, by ending.
func compressed(t testing.TB, plain []byte) map[string][]byte {
	all := map[string][]byte{"": plain}
	for ending, open := range map[string]func(w io.Writer) (io.WriteCloser, error){
		".gz":  func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil },
		".zst": func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) },
		".xz":  func(w io.Writer) (io.WriteCloser, error) { return xz.WriterConfig{DictCap: 1 << 16}.NewWriter(w) },
		".lz4": func(w io.Writer) (io.WriteCloser, error) { return lz4.NewWriter(w), nil },
	} {
		var b bytes.Buffer
		w, err := open(&b)
		check(t, err)
		_, err = w.Write(plain)
		check(t, err)
		check(t, w.Close())
		all[ending] = b.Bytes()
	}
	return all
}

// corpus reads a file or directory as a corpus does: "id: text" of each document, and how
// many rows were repaired.
func corpus(path, field string) (texts []string, repaired int64, err error) {
	shards, _, err := rows.Find(context.Background(), []string{path}, nil, "")
	if err != nil {
		return nil, 0, err
	}
	for _, s := range shards {
		in, err := shard.Open(s, shard.Limits{}, false, nil)
		if err != nil {
			return nil, 0, err
		}
		defer in.Close()
		f, err := in.Format()
		if err != nil {
			return nil, 0, err
		}
		var c record.Counts
		for rec, err := range record.Documents(context.Background(), in, f, record.Options{Name: s.Name, TextField: field, TextUnit: "line"}, &c) {
			if err != nil {
				return nil, 0, err
			}
			ids, text, _ := record.Columns(rec)
			for i := range int(rec.NumRows()) {
				texts = append(texts, ids.Value(i)+": "+text.Value(i))
			}
		}
		for _, n := range c.Skipped {
			if n > 0 {
				return nil, 0, fmt.Errorf("skipped %v", c)
			}
		}
		if _, err := in.Finish(); err != nil {
			return nil, 0, err
		}
		repaired += c.Repaired[rows.NotNumber]
	}
	return texts, repaired, nil
}

// readItems reads a file as a benchmark does.
func readItems(path, field string) (texts []string, repaired int, b *benchmark.Benchmark, err error) {
	presets, err := benchmark.Builtin()
	if err != nil {
		return nil, 0, nil, err
	}
	b, err = benchmark.Open(benchmark.Spec{Name: "b", Path: path, Fields: "question=" + field + ",id=id"}, presets)
	if err != nil {
		return nil, 0, nil, err
	}
	for it, err := range b.Items(context.Background()) {
		if err != nil {
			return nil, 0, nil, err
		}
		texts = append(texts, it.ID+": "+it.Text[item.Question])
	}
	for _, f := range b.Files {
		repaired += f.Repaired
	}
	return texts, repaired, b, nil
}

// scores reads a file as results.
func scores(path string) (ids []string, repaired int64, err error) {
	// The texts of results are known by the questions that they are.
	items, texts := new(audit.Table), map[int32]string{-1: ""}
	var q audit.Questioner
	for i, w := range want {
		_, text, _ := strings.Cut(w, ": ")
		items.Items = append(items.Items, audit.TableItem{Question: q.Question(&[item.NumParts]string{item.Question: text})})
		texts[int32(i)] = text
	}
	files, err := results.Read(path, "", results.Options{Questions: results.NewQuestions(items)})
	if err != nil {
		return nil, 0, err
	}
	for _, f := range files {
		for _, o := range f.Outcomes {
			ids = append(ids, fmt.Sprintf("%s: %s", o.ID, texts[o.Question()]))
		}
		repaired += f.Counts[string(rows.NotNumber)]
	}
	return ids, repaired, nil
}

// layouts are files of the same rows in every way in which people have them.
func layouts(t testing.TB) map[string][]byte {
	lines := strings.Split(strings.TrimSpace(jsonRows), "\n")
	list := "[" + strings.Join(lines, ",\n") + "]"
	pretty := strings.NewReplacer(`{`, "{\n  ", `,"`, ",\n  \"", `}`, "\n}").Replace(list)
	values := strings.NewReplacer(`{`, "{\n  ", `,"`, ",\n  \"", `}`, "\n}").Replace(jsonRows)
	cells := func(sep string) string {
		all := []string{"id", "text", "score"}
		out := strings.Join(all, sep) + "\r\n"
		for i, w := range want {
			id, text, _ := strings.Cut(w, ": ")
			if sep != "\t" {
				text = `"` + text + `"`
			}
			out += strings.Join([]string{id, text, fmt.Sprint([]int{1, 0, 1}[i])}, sep) + "\r\n"
		}
		return out
	}
	stored := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join("testdata", name))
		check(t, err)
		return b
	}
	return map[string][]byte{
		"lines.jsonl":       []byte(jsonRows),
		"lines.jl":          []byte(jsonRows),
		"lines.jsonlines":   []byte(jsonRows),
		"plain.pq":          parquetFile(t),
		"lz4raw.parquet":    stored("lz4raw-1.parquet"), // by pyarrow
		"lz4raw2.parquet":   stored("lz4raw-2.parquet"),
		"lz4.parquet":       stored("lz4.parquet"), // by fastparquet
		"mark.jsonl":        []byte("\uFEFF" + strings.ReplaceAll(jsonRows, "\n", "\r\n\r\n")),
		"squeezed.jsonl":    []byte(strings.ReplaceAll(jsonRows, "\n", "")),
		"list.json":         []byte(list),
		"list.jsonl":        []byte(list),
		"oneline.json":      []byte(strings.ReplaceAll(list, "\n", "")),
		"pretty.json":       []byte(pretty),
		"values.json":       []byte(values),
		"wrapped.json":      []byte(`{"version":1,"data":` + pretty + `}`),
		"columns.json":      []byte(`{"id":["r1","r2","r3"],"text":["The ferry leaves at nine.","Two lamps, one switch; which?","A mill grinds “fine” flour."],"score":[1,0,1]}`),
		"pandas.json":       []byte(`{"id":{"0":"r1","1":"r2","2":"r3"},"text":{"0":"The ferry leaves at nine.","1":"Two lamps, one switch; which?","2":"A mill grinds “fine” flour."},"score":{"0":1,"1":0,"2":1}}`),
		"split.json":        []byte(`{"columns":["id","text","score"],"index":[0,1,2],"data":[["r1","The ferry leaves at nine.",1],["r2","Two lamps, one switch; which?",0],["r3","A mill grinds “fine” flour.",1]]}`),
		"index.json":        []byte("{\"0\":{\"id\":\"r1\",\n \"text\":\"The ferry leaves at nine.\",\"score\":1},\"1\":{\"id\":\"r2\",\"text\":\"Two lamps, one switch; which?\",\"score\":0},\"2\":{\"id\":\"r3\",\"text\":\"A mill grinds “fine” flour.\",\"score\":1}}"),
		"comma.csv":         []byte(cells(",")),
		"bar.csv":           []byte(cells("|")),
		"semicolon.csv":     []byte(cells(";")),
		"tab.csv":           []byte(cells("\t")),
		"tab.tsv":           []byte(cells("\t")),
		"bare.csv":          []byte("id,text,score,note\nr1,The ferry leaves at nine.,1,a 5\" disk\nr2,\"Two lamps, one switch; which?\",0,\"x\" y\"\nr3,A mill grinds “fine” flour.,1,\n,,,\n"),
		"sep.csv":           []byte("sep=;\r\n" + cells(";")),
		"dataset.tar":       archive(t),
		"pages.warc":        warc("response"),
		"shard.mds":         rows.MDSFile(),
		"null.avro":         stored("avro-null.avro"), // by fastavro
		"deflate.avro":      stored("avro-deflate.avro"),
		"snappy.avro":       stored("avro-snappy.avro"),
		"zstandard.avro":    stored("avro-zstandard.avro"),
		"bzip2.avro":        stored("avro-bzip2.avro"),
		"xz.avro":           stored("avro-xz.avro"),
		"pages.wet":         warc("conversion"),
		"plain.parquet":     parquetFile(t),
		"delta.parquet":     parquetFile(t, parquet.WithDictionaryDefault(false), parquet.WithEncodingFor("text", parquet.Encodings.DeltaByteArray), parquet.WithEncodingFor("id", parquet.Encodings.DeltaByteArray)),
		"pages.parquet":     parquetFile(t, parquet.WithDataPageVersion(parquet.DataPageV2), parquet.WithDictionaryDefault(false)),
		"file.arrow":        arrowFile(t),
		"polars.arrow":      stored("polars.arrow"), // by polars 2.1
		"js.arrow":          stored("js.arrow"),     // by apache-arrow of npm
		"stream.arrows":     arrowStream(t),
		"misnamed.arrow":    arrowStream(t), // as the datasets library names its streams
		"misnamed.jsonl":    parquetFile(t),
		"nan.jsonl":         []byte(strings.Replace(jsonRows, `"score":0`, `"score":0,"loss":NaN,"top":[-Infinity,{"x":Infinity}]`, 1)),
		"surplus.json":      []byte(strings.Replace(list, `"id":"r2"`, `"image":"\ud83d","id":"r2"`, 1)),
		"dataset.info.json": []byte(list),
	}
}

// archive returns a tar archive as WebDataset has them.
func archive(t testing.TB) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i, line := range strings.Split(strings.TrimSpace(jsonRows), "\n") {
		for ending, data := range map[string]string{".json": line, ".png": "\x89PNG", ".cls": "1"} {
			check(t, w.WriteHeader(&tar.Header{Name: fmt.Sprintf("train/%d%s", i, ending), Mode: 0o644, Size: int64(len(data))}))
			_, err := w.Write([]byte(data))
			check(t, err)
		}
	}
	check(t, w.Close())
	return b.Bytes()
}

// warc returns a WARC file of records of that type, and of some that hold no document.
func warc(kind string) []byte {
	var b bytes.Buffer
	put := func(kind, id, block string) {
		fmt.Fprintf(&b, "WARC/1.0\r\nWARC-Type: %s\r\nWARC-Target-URI: %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s\r\n\r\n",
			kind, id, map[string]string{"response": "application/http; msgtype=response", "conversion": "text/plain"}[kind], len(block), block)
	}
	put("warcinfo", "", "software: none\r\n")
	for _, w := range want {
		id, text, _ := strings.Cut(w, ": ")
		if kind == "response" {
			put("request", id, "GET / HTTP/1.1\r\n\r\n")
			text = "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=UTF-8\r\n\r\n<html><style>p{}</style><body><p>" +
				strings.ReplaceAll(text, " ", " <b></b>") + "</p><script>x</script></html>"
		}
		put(kind, id, text)
	}
	if kind == "response" {
		put(kind, "r4", "HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n\x89PNG")
	}
	return b.Bytes()
}

// undivided are the layouts that a benchmark is not read from, since it cannot be divided.
const undivided = " shard.mds dataset.tar pages.warc pages.wet "

// TestLayoutsOfAllUses: what one use reads all uses read, behind every compression.
func TestLayoutsOfAllUses(t *testing.T) {
	for name, plain := range layouts(t) {
		for ending, stored := range compressed(t, plain) {
			if testing.Short() && ending != "" && name != "lines.jsonl" {
				continue // the compression of each layout takes seconds
			}
			t.Run(name+ending, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), name+ending)
				check(t, os.WriteFile(path, stored, 0o600))
				nan := 0
				if name == "nan.jsonl" {
					nan = 1
				}
				texts, repaired, err := corpus(path, "text")
				if err != nil || !reflect.DeepEqual(texts, want) || repaired != int64(nan) {
					t.Errorf("corpus: %q, %d repaired, %v", texts, repaired, err)
				}
				ids, repaired, err := scores(path)
				if strings.Contains(name, ".w") { // pages of the web are no results
					if err == nil || !strings.Contains(err.Error(), "no results") {
						t.Errorf("results: %q, %v", ids, err)
					}
				} else if err != nil || !reflect.DeepEqual(ids, want) || repaired != int64(nan) {
					t.Errorf("results: %q, %d repaired, %v", ids, repaired, err)
				}
				texts, repairs, b, err := readItems(path, "text")
				if strings.Contains(undivided, " "+name+" ") {
					if err == nil || !strings.Contains(err.Error(), "cannot be divided") {
						t.Errorf("benchmark: %q, %v", texts, err)
					}
					return
				}
				if err != nil || !reflect.DeepEqual(texts, want) || repairs != nan {
					t.Fatalf("benchmark: %q, %d repaired, %v", texts, repairs, err)
				}
				divided(t, b)
			})
		}
	}
}

// divided divides a benchmark into all but the second item and the second, and reads both.
func divided(t *testing.T, b *benchmark.Benchmark) {
	t.Helper()
	dirs := [2]string{t.TempDir(), t.TempDir()}
	check(t, b.Divide(context.Background(), dirs[0], dirs[1], func(n int) bool { return n != 1 }))
	for k, texts := range [2][]string{{want[0], want[2]}, {want[1]}} {
		got, _, _, err := readItems(filepath.Join(dirs[k], b.Files[0].Out), "text")
		if err != nil || !reflect.DeepEqual(got, texts) {
			t.Errorf("side %d of a division: %q, %v", k, got, err)
		}
	}
}

// TestMediaColumns: images, audio, raw bytes and floats of split streams beside the text are
// not compared, and of a divided benchmark they are as they were.
func TestMediaColumns(t *testing.T) {
	all := func(path string) (lines []string) {
		data, err := os.ReadFile(path)
		check(t, err)
		format, _, _ := rows.Formats.TypeOf(path)
		r, err := rows.Open(context.Background(), source{bytes.NewReader(data)}, format, rows.Options{Name: path})
		check(t, err)
		var rec rows.Record
		for err = r.Next(&rec); err == nil; err = r.Next(&rec) {
			lines = append(lines, string(rec.AppendJSON(nil)))
		}
		if err != io.EOF {
			t.Fatal(err)
		}
		return lines
	}
	path := filepath.Join("testdata", "media.parquet") // by pyarrow
	texts, _, b, err := readItems(path, "text")
	if err != nil || !reflect.DeepEqual(texts, want) {
		t.Fatalf("%q, %v", texts, err)
	}
	whole := all(path)
	if len(whole) != 3 || !strings.Contains(whole[0], `"images":[{"bytes":`) || !strings.Contains(whole[2], `"share":1e+300`) {
		t.Fatalf("%q", whole)
	}
	dirs := [2]string{t.TempDir(), t.TempDir()}
	check(t, b.Divide(context.Background(), dirs[0], dirs[1], func(n int) bool { return n != 1 }))
	for k, lines := range [2][]string{{whole[0], whole[2]}, {whole[1]}} {
		if got := all(filepath.Join(dirs[k], b.Files[0].Out)); !reflect.DeepEqual(got, lines) {
			t.Errorf("side %d: %q, want %q", k, got, lines)
		}
	}
}

// source is a file in memory.
type source struct{ *bytes.Reader }

func (s source) ReaderAt() (io.ReaderAt, int64, error) { return s.Reader, s.Size(), nil }

// TestSideFiles: files that libraries write beside data are passed over by all uses.
func TestSideFiles(t *testing.T) {
	dir := t.TempDir()
	check(t, os.WriteFile(filepath.Join(dir, "rows.jsonl"), []byte(jsonRows), 0o600))
	for _, name := range []string{"dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json"} {
		check(t, os.WriteFile(filepath.Join(dir, name), []byte(`{"features":{"text":{"dtype":"string"}},"id":"x","score":1}`), 0o600))
	}
	texts, _, err := corpus(dir, "text")
	if err != nil || !reflect.DeepEqual(texts, want) {
		t.Errorf("corpus: %q, %v", texts, err)
	}
	texts, _, _, err = readItems(dir, "text")
	if err != nil || !reflect.DeepEqual(texts, want) {
		t.Errorf("benchmark: %q, %v", texts, err)
	}
	ids, _, err := scores(dir)
	if err != nil || !reflect.DeepEqual(ids, want) {
		t.Errorf("results: %q, %v", ids, err)
	}
}

// TestFieldsOfAllUses: a field means the same for a corpus and a benchmark, in every
// container that can hold it.
func TestFieldsOfAllUses(t *testing.T) {
	const row = `{"id":"r1","a":"A","b":"B","a.b":"whole","a+b":"plus","m":{"t":"M","n":{"u":"U"}},"l":["x","y",null,7],"e":[],
		"c":[{"role":"user","content":"one"},{"role":"bot","content":"two"},{"role":"user"}]}`
	oneLine := strings.ReplaceAll(row, "\n\t\t", "")
	for field, text := range map[string]string{
		"a": "A", "a+b": "A\nB", "a + b": "A\nB", "a.b": "whole", `"a+b"`: "plus", `"a.b"`: "whole", `"a+b"+a`: "plus\nA",
		"m.t": "M", "m.n.u": "U", "m.t+zz?": "M", "zz?+a": "A", "l": "x\ny\n7", "l[]": "x\ny\n7", "l.1": "y", "l[1]": "y", "l.0+a": "x\nA",
		"c[].content": "one\ntwo", "c.0.content": "one", "c[1].content": "two", "c[role=bot].content": "two", "c[role=user].content": "one",
	} {
		for name, data := range map[string]string{"x.jsonl": oneLine, "x.json": "[\n" + row + "\n]"} {
			path := filepath.Join(t.TempDir(), name)
			check(t, os.WriteFile(path, []byte(data), 0o600))
			expected := []string{"r1: " + text}
			if got, _, err := corpus(path, field); err != nil || !reflect.DeepEqual(got, expected) {
				t.Errorf("%s: corpus: field %s: %q, %v; want %q", name, field, got, err, expected)
			}
			if got, _, _, err := readItems(path, field); err != nil || !reflect.DeepEqual(got, expected) {
				t.Errorf("%s: benchmark: field %s: %q, %v; want %q", name, field, got, err, expected)
			}
		}
	}
	for _, field := range []string{"zz", "m", "m.x", "l.9", "c", "c[role=cat].content+zz", "", "a..b", "a+", `"a`, "c[x].y"} {
		path := filepath.Join(t.TempDir(), "x.jsonl")
		check(t, os.WriteFile(path, []byte(oneLine), 0o600))
		if got, _, err := corpus(path, field); err == nil && field != "" { // of a corpus, "" means text
			t.Errorf("corpus: field %q: %q", field, got)
		}
		if got, _, _, err := readItems(path, field); err == nil {
			t.Errorf("benchmark: field %q: %q", field, got)
		}
	}
}
