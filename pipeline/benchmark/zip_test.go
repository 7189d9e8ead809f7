package benchmark

import (
	"archive/zip"
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// archive returns a zip archive of files, compressed unless stored.
func archive(t *testing.T, stored bool, files ...string) []byte {
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for i := 0; i < len(files); i += 2 {
		h := &zip.FileHeader{Name: files[i], Method: zip.Deflate}
		if stored {
			h.Method = zip.Store
		}
		w, err := z.CreateHeader(h)
		if err == nil {
			_, err = w.Write([]byte(files[i+1]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

const zipTable = ",Question,A,B,C,D,Answer\n0,Which tool planes a board?,a plane,a saw,an awl,a rasp,A\n" +
	"1,Which tool cuts a board?,a plane,a saw,an awl,a rasp,B\n"

// TestZip: the files of an archive, alone or in a directory of the hub that has no other data, are the
// benchmark's, and its variants are files in directories, out of which no name leads.
func TestZip(t *testing.T) {
	root := filepath.Join(t.TempDir(), "datasets--haonan-li--cmmlu", "snapshots", strings.Repeat("0", 40))
	data := archive(t, false, "test/tools.csv", zipTable, "dev/tools.csv", strings.ReplaceAll(zipTable, "board", "plank"),
		"__MACOSX/._tools.csv", "x", "../outside.csv", zipTable, "notes.docx", "x")
	at := write(t, filepath.Join(root, "cmmlu_v1_0_1.zip"), string(data))
	write(t, filepath.Join(root, "cmmlu.py"), "import datasets\n")
	for path, want := range map[string][2]string{
		root:          {"cmmlu", "6"},
		root + ":dev": {"cmmlu", "2"},
		at:            {"cmmlu_v1_0_1", "6"},
		at + ":test":  {"cmmlu_v1_0_1", "2"},
	} {
		b, err := Open(Spec{Path: path}, presets(t))
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		all, err := items(b)
		if n := string('0' + rune(len(all))); err != nil || b.Name != want[0] || n != want[1] || b.Preset != "cmmlu" {
			t.Errorf("%s: %s by %s, %s items, %v", path, b.Name, b.Preset, n, err)
		}
	}
	b, err := Open(Spec{Path: at + ":test"}, presets(t))
	if err != nil {
		t.Fatal(err)
	}
	clean, removed := t.TempDir(), t.TempDir()
	if err := b.Divide(context.Background(), clean, removed, func(n int) bool { return n > 0 }); err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(zipTable, "\n")
	for dir, want := range map[string]string{clean: lines[0] + lines[2], removed: lines[0] + lines[1]} {
		if got, err := os.ReadFile(filepath.Join(dir, "cmmlu_v1_0_1", "test", "tools.csv")); string(got) != want {
			t.Errorf("%q, %v", got, err)
		}
	}
	f := b.Files[0]
	again, err := Recorded(context.Background(), "cmmlu", f.Path, f.Split, f.Reading)
	if err != nil {
		t.Fatal(err)
	}
	if all, err := items(again); err != nil || len(all) != 2 {
		t.Errorf("as recorded: %d items, %v", len(all), err)
	}
}

// TestZipDamage: an archive that is cut or has a flipped bit, in every third place, is an error, or holds the same items.
func TestZipDamage(t *testing.T) {
	name, known := filepath.Join(t.TempDir(), "cmmlu.zip"), presets(t)
	read := func(data []byte) (texts string, err error) {
		if err := os.WriteFile(name, data, 0o666); err != nil {
			t.Fatal(err)
		}
		b, err := Open(Spec{Path: name}, known)
		if err != nil {
			return "", err
		}
		all, err := items(b)
		for _, it := range all {
			texts += strings.Join(it.Text[:], "\n")
		}
		return texts, err
	}
	for _, stored := range []bool{false, true} {
		whole := archive(t, stored, "test/tools.csv", zipTable)
		want, err := read(whole)
		if err != nil {
			t.Fatal(err)
		}
		for n := 0; n < len(whole); n += 3 {
			if got, err := read(whole[:n]); err == nil {
				t.Errorf("cut at %d of %d: %q", n, len(whole), got)
			}
			flipped := bytes.Clone(whole)
			flipped[n] ^= 1 << (n % 8)
			if got, err := read(flipped); err == nil && got != want {
				t.Errorf("byte %d of %d flipped: %q", n, len(whole), got)
			}
		}
	}
}

// TestZipPassword: a member with a password is an error that says so.
func TestZipPassword(t *testing.T) {
	data := archive(t, true, "gpqa_main.csv", zipTable)
	data[6] |= 1                                             // flags of the member
	data[bytes.LastIndex(data, []byte("PK\x01\x02"))+8] |= 1 // and of the list of members
	_, err := Open(Spec{Path: write(t, filepath.Join(t.TempDir(), "dataset.zip"), string(data))}, presets(t))
	if err == nil || !strings.Contains(err.Error(), "password") {
		t.Error(err)
	}
}
