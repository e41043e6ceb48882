package workload

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestGenerate makes the four workloads: the trades must be those on which independent engines
// agree, and the files the very bytes.
func TestGenerate(t *testing.T) {
	for i, s := range All {
		t.Run(s.Name, func(t *testing.T) {
			w, sum := Generate(s)
			if sum != s.Want {
				t.Errorf("%d trades, hash %016x; want %d, %016x", sum.Trades, sum.Hash, s.Want.Trades, s.Want.Hash)
			}
			digest := sha256.New()
			if err := w.Write(digest); err != nil {
				t.Fatal(err)
			}
			if got := hex.EncodeToString(digest.Sum(nil)); got != digests[i] {
				t.Errorf("the file's SHA-256 is %s, want %s", got, digests[i])
			}
		})
	}
}

// SHA-256 of the four files.
var digests = []string{
	"86abaa4cf78b9132647dc6d8b6996aebbbcb1f36dc581ba88a9e855b7728ac88",
	"a57cfe6f06dceca36b2af8492a491b10ec65e20cc4433e9adc561807ba630155",
	"f6ced404e1b4d4d18e9a81f7f93dc10dd2dcc744750a3d59a4d4c78898d566fc",
	"21bceca0213d93d1b89617727760e99be5639cbab0f6ac2322ddba4b4ce64b51",
}

func TestWriteRead(t *testing.T) {
	s := All[0]
	s.Timed = 10_000
	w, _ := Generate(s)
	path := filepath.Join(t.TempDir(), "w")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(f); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if got.Before != w.Before || got.MaxID != w.MaxID || got.Ticks != w.Ticks || !slices.Equal(got.Ops, w.Ops) {
		t.Error("what was read is not what was written")
	}
	if err := os.Truncate(path, 1000); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(path); err == nil {
		t.Error("a file that was cut short is read")
	}
}
