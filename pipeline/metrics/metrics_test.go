package metrics

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// values parses a file and gives each metric's value by name and labels.
func values(t *testing.T, path string) map[string]float64 {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p := expfmt.NewTextParser(model.LegacyValidation)
	families, err := p.TextToMetricFamilies(f)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for name, fam := range families {
		if fam.GetHelp() == "" {
			t.Errorf("%s has no help", name)
		}
		for _, m := range fam.Metric {
			key := name
			for _, l := range m.Label {
				key += "|" + l.GetName() + "=" + l.GetValue()
			}
			if _, double := got[key]; double {
				t.Errorf("%s stands twice", key)
			}
			got[key] = m.GetGauge().GetValue()
		}
	}
	return got
}

func TestWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "swab.prom")
	hostile := "a\"b\\c\nswab_items 7\n\xff\x00\u202e{}"
	r := Run{
		Out: hostile, Items: []Items{{"gsm8k", "gpt3", "flagged", 3}, {"gsm8k", "gpt3", "clean", 1316}, {hostile, "gpt3", "flagged", 1}},
		ReadBytes: 1 << 40, Shards: 12, ShardsFailed: 1, Skipped: map[string]int64{"json": 2, "text": 1},
		Complete: true, Took: 1500 * time.Millisecond, End: time.UnixMilli(1_700_000_000_250),
	}
	if err := Write(path, r); err != nil {
		t.Fatal(err)
	}
	name := strings.ToValidUTF8(hostile, "\uFFFD")
	want := map[string]float64{
		"swab_items|benchmark=gsm8k|method=gpt3|state=flagged|out=" + name:        3,
		"swab_items|benchmark=gsm8k|method=gpt3|state=clean|out=" + name:          1316,
		"swab_items|benchmark=" + name + "|method=gpt3|state=flagged|out=" + name: 1,
		"swab_read_bytes|out=" + name:                                             1 << 40,
		"swab_shards|out=" + name:                                                 12,
		"swab_shards_failed|out=" + name:                                          1,
		"swab_rows_skipped|kind=json|out=" + name:                                 2,
		"swab_rows_skipped|kind=text|out=" + name:                                 1,
		"swab_complete|out=" + name:                                               1,
		"swab_run_seconds|out=" + name:                                            1.5,
		"swab_last_success_timestamp_seconds|out=" + name:                         1_700_000_000.25,
	}
	same(t, values(t, path), want)

	r.Complete, r.End = false, r.End.Add(time.Hour)
	if err := Write(path, r); err != nil {
		t.Fatal(err)
	}
	want["swab_complete|out="+name] = 0
	same(t, values(t, path), want)

	r.Out = "another" // which never succeeded
	if err := Write(path, r); err != nil {
		t.Fatal(err)
	}
	if _, ok := values(t, path)["swab_last_success_timestamp_seconds|out=another"]; ok {
		t.Error("a run that was never complete has the success of another")
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "*")); len(left) != 1 {
		t.Errorf("files left: %q", left)
	}
}

func same(t *testing.T, got, want map[string]float64) {
	t.Helper()
	for k, v := range want {
		if g, ok := got[k]; !ok || g != v {
			t.Errorf("%q is %v, %v; want %v", k, g, ok, v)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d metrics, want %d", len(got), len(want))
	}
}

func TestForeignFileStays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notes.txt")
	if err := os.WriteFile(path, []byte("to whom it may concern {\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Write(path, Run{Out: "audit"}); err == nil {
		t.Error("an incomplete run replaced a file that it could not read")
	}
}
