package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestLibrary builds the library and a small harness in C and compares what comes out.
func TestLibrary(t *testing.T) {
	cc, err := exec.LookPath("gcc")
	if err != nil {
		t.Skip("there is no gcc")
	}
	dir := t.TempDir()
	library, drive := filepath.Join(dir, "flash1.so"), filepath.Join(dir, "drive")
	for _, args := range [][]string{
		{"go", "build", "-buildmode=c-shared", "-o", library, "."},
		{cc, "-Wall", "-o", drive, "testdata/drive.c", "-ldl"},
	} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	want, err := os.ReadFile("testdata/drive.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, by := range [][]string{{library}, {library, "other"}} { // its own ring, the harness's transport
		got, err := exec.Command(drive, by...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, got)
		}
		if strings.TrimSpace(string(got)) != strings.TrimSpace(string(want)) {
			t.Errorf("%v: got\n%s\nwant\n%s", by[1:], got, want)
		}
	}
}
