package shard

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
)

// Search says what to leave out of the files that patterns name. The zero value leaves out
// nothing but what no caller reads.
type Search struct {
	// Context ends requests to stores, also those that read what was found; nil: none does.
	Context context.Context
	// Exclude are globs of files and directories. One without a slash is compared with the
	// last part of a name, one with a slash with the whole name and with each directory
	// above it, as the pattern has them.
	Exclude []string
	// ReadAs is the ending of a format, as .jsonl: files are read so whatever their name,
	// unless their content says that they are of another; "": the name says it.
	ReadAs string
	// HasText reports whether the first row of a side file has a text, so that it is a shard
	// all the same; nil: no side file has.
	HasText func(s Shard) bool
	// IsProse reports whether a format is text without fields; nil: none is. A data card or
	// a licence of such a format is passed over beside files of other formats.
	IsProse func(f *Format) bool
	// Output returns what a directory is that an earlier run wrote, with its article, or "".
	// It and all below it are passed over, whatever names it; nil: no directory is one.
	Output func(dir string) string
}

// Fate is why a file of a corpus is not read.
type Fate uint8

// The fates.
const (
	PassedOver Fate = iota // it is no data, as its name and content say
	Unread                 // it looks like data: what is read is not the whole
	Excluded               // the caller left it out
)

// Skipped is a file or directory that a directory has or a glob matches and that is not
// read. It is reported so that nothing is left out silently.
type Skipped struct {
	Path, Why string
	Fate      Fate
}

// checkGlobs reports the first malformed glob.
func checkGlobs(globs []string) error {
	for _, g := range globs {
		for _, part := range strings.Split(g, "/") {
			if _, err := path.Match(part, ""); err != nil || g == "" {
				return fmt.Errorf("exclude %q: malformed glob (escape a literal * ? [ or \\ with \\)", g)
			}
		}
	}
	return nil
}

// excludedBy returns the glob that leaves out the file or directory of that name, or "".
func (by Search) excludedBy(name string) string {
	for _, g := range by.Exclude {
		if !strings.Contains(g, "/") {
			if ok, _ := path.Match(g, path.Base(name)); ok {
				return g
			}
			continue
		}
		glob, parts := strings.Split(path.Clean(g), "/"), strings.Split(name, "/")
		for n := 1; n <= len(parts); n++ {
			if matchParts(glob, parts[:n]) {
				return g
			}
		}
	}
	return ""
}

// matchParts reports whether the parts of a name match those of a glob, of which ** is any
// number.
func matchParts(glob, name []string) bool {
	if len(glob) == 0 {
		return len(name) == 0
	}
	if glob[0] == "**" {
		return matchParts(glob[1:], name) || len(name) > 0 && matchParts(glob, name[1:])
	}
	if len(name) == 0 {
		return false
	}
	ok, _ := path.Match(glob[0], name[0])
	return ok && matchParts(glob[1:], name[1:])
}

// sideFiles lie beside data and hold no rows: what datasets libraries and hubs write of
// their own.
const sideFiles = " dataset_info.json dataset_infos.json dataset_dict.json state.json config.json package.json "

// SideFile reports whether a file of this base name is passed over in a directory or a
// glob, whatever the rows there are for.
func SideFile(base string) bool { return strings.Contains(sideFiles, " "+strings.ToLower(base)+" ") }

// corpusSideFiles are side files of corpora by name: of libraries that process and of table
// formats. Only their first row says that they are.
const corpusSideFiles = sideFiles + "executor.json stats.json manifest.json croissant.json " +
	"index.json tokenizer.json tokenizer_config.json special_tokens_map.json added_tokens.json vocab.json merges.txt " +
	"_metadata _common_metadata _success _last_checkpoint "

// isCorpusSideFile reports whether a file of a corpus is a side file by its name.
func isCorpusSideFile(name string) bool {
	return strings.Contains(corpusSideFiles, " "+strings.ToLower(path.Base(name))+" ") ||
		strings.Contains("/"+name, "/_delta_log/")
}

// cardNames begin the names of data cards and licences.
var cardNames = [...]string{
	"readme", "license", "licence", "copying", "notice", "citation", "changelog", "authors", "contributing",
	"datasheet", "datacard", "dataset_card", "data_card",
}

// isCard reports whether a file is a data card or a licence by its name.
func isCard(name string) bool {
	base := strings.ToLower(path.Base(name))
	for _, card := range cardNames {
		if rest, ok := strings.CutPrefix(base, card); ok && (rest == "" || strings.ContainsRune("._-", rune(rest[0]))) {
			return true
		}
	}
	return false
}

// What files are that are not read here, with what to do.
const (
	toParquet = " (convert it to Parquet or JSON lines)"
	toZstd    = " (decompress it, or compress it again with gzip or zstd)"

	orcAdvice  = "an ORC file (convert it to Parquet, as with pyarrow.orc)"
	zipAdvice  = "a zip archive (unzip unpacks it)"
	workbook   = "a workbook (save it as CSV)"
	pickle     = "a Python pickle" + toParquet
	hdf5       = "an HDF5 file" + toParquet
	sqlite     = "an SQLite database" + toParquet
	tensorFlow = "TensorFlow records" + toParquet
	encrypted  = "a Parquet file with an encrypted footer, not read without its key (write it without encryption)"
)

// dataEndings are of files that hold data which is not read here, each with what it is.
var dataEndings = map[string]string{
	".tar": "a tar archive", ".tgz": "a tar archive", ".tbz2": "a tar archive", ".txz": "a tar archive",
	".zip": zipAdvice, ".7z": "a 7z archive (7z x unpacks it)",
	".rar": "a rar archive (unrar x unpacks it)", ".warc": "a WARC file",
	".wet": "a WARC file", ".wat": "a WARC file", ".orc": orcAdvice,
	".npz": "NumPy arrays" + toParquet, ".idx": "an index of bytes", ".h5": hdf5, ".hdf5": hdf5, ".pkl": pickle,
	".pickle": pickle, ".pt": "a PyTorch file" + toParquet, ".tfrecord": tensorFlow, ".tfrecords": tensorFlow,
	".sqlite": sqlite, ".sqlite3": sqlite, ".db": "a database" + toParquet, ".duckdb": "a DuckDB database" + toParquet,
	".mdb": "a database" + toParquet, ".lmdb": "an LMDB database" + toParquet, ".xlsx": workbook, ".xls": workbook,
	".ods": workbook, ".msgpack": "MessagePack data" + toParquet, ".cbor": "CBOR data" + toParquet,
	".br": "Brotli data" + toZstd, ".snappy": "Snappy data" + toZstd, ".sz": "Snappy data" + toZstd,
	".lzma": "LZMA data" + toZstd, ".lzo": "LZO data" + toZstd, ".z": "compress data" + toZstd,
}

// otherEndings are of files that are no data of a corpus, whatever they begin with: images,
// audio, video, programs, markup, settings, checksums.
const otherEndings = " .png .jpg .jpeg .gif .webp .bmp .tif .tiff .ico .svg .mp3 .wav .flac .ogg .mp4 .avi .mov " +
	".webm .mkv .py .pyc .sh .js .mjs .ts .css .ipynb .html .htm .xhtml .xml .yaml .yml .toml .ini .cfg .lock .map " +
	".crc .md5 .sha1 .sha256 .sha512 .asc .sig .jar .whl "

// magics are first bytes of data which is not read here.
var magics = [...]struct {
	at          int
	magic, what string
}{
	{0, lfsPointer, lfsAdvice},
	{0, "FEA1", "a Feather file of version 1" + toParquet},
	{0, "PK\x03\x04", zipAdvice},
	{257, "ustar", "a tar archive"},
	{0, "WARC/", "a WARC file"},
	{0, "ORC", orcAdvice},
	{0, "\x89HDF\r\n", hdf5},
	{0, "SQLite format 3\x00", sqlite},
	{0, "7z\xbc\xaf\x27\x1c", "a 7z archive (7z x unpacks it)"},
	{0, "\x80\x04\x95", pickle},
	{0, "\x80\x05\x95", pickle},
	{0, "PARE", encrypted},
}

// magicOf returns what data a file is that begins so, or "".
func magicOf(head []byte) string {
	for _, m := range magics {
		if len(head) > m.at && bytes.HasPrefix(head[m.at:], []byte(m.magic)) {
			return m.what
		}
	}
	return ""
}

// isJSON reports whether a text begins as JSON rows do.
func isJSON(head []byte) bool {
	head = bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\ufeff")), " \t\r\n")
	if len(head) == 0 || head[0] != '{' && head[0] != '[' {
		return false
	}
	next := bytes.TrimLeft(head[1:], " \t\r\n")
	return len(next) > 0 && (next[0] == '"' || head[0] == '[' && next[0] == '{')
}

// peekLen is the number of plain bytes of a file without a known ending are read to identify it.
const peekLen = 512

// ending returns the ending of a name that says what is in a file, without that of a
// compression; "" for a number, as of a part or a month.
func ending(name string) string {
	ext := strings.ToLower(path.Ext(Stem(name)))
	if strings.Trim(ext, ".-_0123456789") == "" {
		return ""
	}
	return ext
}

// probe says what a file is that cannot be read, and whether it looks like data.
func (s *Shard) probe() (why string, unread bool) {
	ext := ending(s.Name)
	what := dataEndings[ext]
	switch {
	case strings.Contains(otherEndings, " "+ext+" "):
		return "unknown ending", false
	case s.Size == 0:
		return "empty", what != ""
	}
	head, err := s.peek()
	switch {
	case err != nil && (s.Compression != None || what != ""):
		return "it cannot be read: " + err.Error(), true
	case err != nil:
		return "unknown ending", false
	}
	if m := magicOf(head); m != "" && what != workbook { // which may be a zip archive
		return m, true
	}
	switch {
	case what != "":
		return what, true
	case isJSON(head):
		return "JSON under an ending that is not known", true
	case s.Compression != None || compressionOf(head) != None:
		return fmt.Sprintf("%s of an unknown format", max(s.Compression, compressionOf(head))), true
	case ext == "" && strings.TrimRight(s.Name, "0123456789") != s.Name:
		return "numbered as shards are, of an unknown format", true
	}
	return "unknown ending", false
}

// peek returns the first plain bytes of a file.
func (s *Shard) peek() ([]byte, error) {
	at := *s
	r, err := Open(at, Limits{}, false, nil)
	if err != nil {
		// What no decoder opens may still be known by how it begins.
		f, _, failed := s.open()
		if failed != nil {
			return nil, err
		}
		defer f.Close()
		head, failed := readHead(f, 0, min(s.Size, peekLen))
		if failed != nil || magicOf(head) == "" {
			return nil, err
		}
		return head, nil
	}
	defer r.Close()
	head := make([]byte, peekLen)
	n := 0
	for n < len(head) && err == nil {
		var m int
		m, err = r.Read(head[n:])
		n += m
	}
	if n == 0 && err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return head[:n], nil
}

// MatchGlob reports whether a name with slashes matches a glob: the wildcards of path.Match
// within a part, and ** for any number of parts.
func MatchGlob(glob, name string) bool {
	return matchParts(strings.Split(glob, "/"), strings.Split(name, "/"))
}
