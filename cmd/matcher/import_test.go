package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestImport(t *testing.T) {
	dir := t.TempDir()
	name, flow := filepath.Join(dir, "day.itch50"), filepath.Join(dir, "day.flow")
	if err := os.WriteFile(name, []byte(itchFile()), 0o600); err != nil {
		t.Fatal(err)
	}
	want := "MAKER enter 1 B 100 TEST 10000 0 Y\nMAKER enter 2 S 50 TEST 10100 0 Y\nTAKER enter 1 B 10 TEST 10100 3 Y\n"
	o := do(t, 0, "import", "itch", name, "-o", flow)
	in(t, o.stderr, "4 records: 3 commands (2 enter, 0 cancel, 0 replace, 1 take)")
	if got, err := os.ReadFile(flow); err != nil || string(got) != want || o.stdout != "" {
		t.Errorf("%v, %q, stdout %q", err, got, o.stdout)
	}
	if o := matcher(itchFile(), nil, "import", "itch", "-"); o.code != 0 || o.stdout != want {
		t.Errorf("from standard input: %+v", o)
	}
	hour := filepath.Join(dir, "TEST_2012-06-21_message.csv")
	if err := os.WriteFile(hour, []byte("1.0,1,7,10,100,1\n1.1,1,8,x,100,1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	o = do(t, exitData, "import", "lobster", hour)
	in(t, o.stderr, "error E3011: "+hour+": LOBSTER line 2: ", "why   1 command before it were written")
	if o.stdout != "MAKER enter 1 B 10 TEST 100 0 Y\n" {
		t.Error(o.stdout)
	}
	in(t, do(t, exitData, "import", "lobster", hour, "--symbol", "OTHER").stdout, " OTHER ")
}

// An import writes all of its output or none, and never over its input.
func TestImportOutput(t *testing.T) {
	dir := t.TempDir()
	day, bad, flow := filepath.Join(dir, "day.itch50"), filepath.Join(dir, "X_bad.csv"), filepath.Join(dir, "flow")
	for name, text := range map[string]string{day: itchFile(), bad: "1.0,1,7,10,100,1\n1.1,1,8,x,100,1\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(day, link); err != nil {
		t.Fatal(err)
	}
	for _, out := range []string{day, link} {
		in(t, do(t, exitUsage, "import", "itch", day, "-o", out).stderr, "error E4007: "+out+" is the input", "fix   -o "+out+".flow\n")
	}
	if got, err := os.ReadFile(day); err != nil || string(got) != itchFile() {
		t.Error("the input is not what it was", err)
	}
	in(t, do(t, exitData, "import", "lobster", bad, "-o", flow).stderr, "error E3011: ", flow+" was not written")
	if left, _ := filepath.Glob(flow + "*"); left != nil {
		t.Error("left behind:", left)
	}
	do(t, 0, "import", "itch", day, "-o", flow)
	want, err := os.ReadFile(flow)
	if err != nil || len(want) == 0 {
		t.Fatal(err)
	}
	do(t, exitData, "import", "lobster", bad, "-o", flow)
	if got, err := os.ReadFile(flow); err != nil || string(got) != string(want) {
		t.Error("a failed import destroyed what was there", err)
	}
	do(t, 0, "import", "itch", day, "-o", os.DevNull)
	if left, _ := filepath.Glob(flow + "*"); len(left) != 1 {
		t.Error("left behind:", left)
	}
}

func TestImportArguments(t *testing.T) {
	dir := t.TempDir()
	in(t, do(t, exitUsage, "import", "ich", "x y").stderr, "error E4005: matcher import has no word \"ich\"", "fix   matcher import itch 'x y'\n")
	in(t, do(t, exitUsage, "import", "itch").stderr, "error E4003: ")
	in(t, do(t, exitEnvironment, "import", "itch", dir+"/none").stderr, "error E1006: "+dir+"/none cannot be read")
	in(t, do(t, exitEnvironment, "import", "itch", "-", "-o", dir+"/none/x").stderr, "error E1006: "+dir+"/none/x cannot be written")
	in(t, do(t, exitEnvironment, "import", "itch", dir).stderr, "error E1006: ", "is a directory")
	if o := matcher("1.0,1,7,10,100,1\n", nil, "import", "lobster", "-", "--symbol", "TOOLONGSYMBOL"); o.code != exitData {
		t.Errorf("%+v", o)
	}
}
