package tests

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// floors is the table of ARCHITECTURE.md: what each package may import of ours. Imports point down only. Change it on
// purpose, here and there.
var floors = map[string][]string{
	"book":            {},
	"ring":            {},
	"journal":         {},
	"wire/soupbin":    {},
	"wire/ouch":       {},
	"wire/itch":       {},
	"wire/mold":       {},
	"engine":          {"book"},
	"gateway":         {"engine", "wire/soupbin", "wire/ouch"},
	"feed":            {"engine", "wire/itch", "wire/mold"},
	"replay":          {"engine", "book", "journal", "wire/itch", "wire/ouch", "replay/npy"},
	"replay/npy":      {},
	"replay/generate": {"replay", "engine", "book"},
	"relay":           {"snapshot", "feed", "replay", "engine", "journal", "wire/soupbin", "wire/ouch", "wire/mold"},
	"client":          {"wire/soupbin", "wire/ouch"},
	"client/market":   {"wire/itch"},
	"client/feed":     {"client", "wire/itch", "wire/mold"},
	"snapshot":        {"gateway", "feed", "replay", "engine", "journal", "ring", "wire/soupbin"},
	"core":            {"snapshot", "gateway", "feed", "engine", "journal", "ring", "replay"},
	"cmd/matcher":     {"core", "snapshot", "relay", "feed", "replay", "client", "client/feed", "client/market", "engine", "book", "journal", "ring", "wire/ouch", "wire/soupbin", "wire/itch", "replay/npy", "replay/generate"},
	"tests/twin":      {"engine"},
	"tests/sim":       {"core", "snapshot", "replay", "engine", "feed", "journal", "ring", "client/market", "wire/ouch", "wire/soupbin", "wire/mold", "tests/twin"},
}

// outside is who may import which module beside the standard library: each dependency has one home.
var outside = map[string]string{
	"github.com/google/btree":                 "book",
	"golang.org/x/sys/unix":                   "ring",
	"github.com/shopspring/decimal":           "cmd/matcher",
	"github.com/pelletier/go-toml/v2":         "cmd/matcher",
	"github.com/spf13/pflag":                  "cmd/matcher",
	"github.com/HdrHistogram/hdrhistogram-go": "cmd/matcher",
	"github.com/pawelgaczynski/giouring":      "ring",
	"github.com/sbinet/npyio":                 "replay/npy",
}

// blind is what a deterministic state machine must not see.
var blind = map[string][]string{
	"book":       {"os", "net", "time", "sync", "math/rand", "math/rand/v2", "runtime"},
	"engine":     {"os", "net", "time", "sync", "math/rand", "math/rand/v2", "runtime"},
	"journal":    {"os", "net", "time", "sync", "math/rand", "math/rand/v2"},
	"gateway":    {"os", "net", "time", "sync", "math/rand", "math/rand/v2"},
	"feed":       {"os", "net", "time", "sync", "math/rand", "math/rand/v2"},
	"replay":     {"os", "net", "sync", "math/rand", "math/rand/v2", "replay/npy"},
	"replay/npy": {},
}

// TestFloors parses the sources itself: a test that asks the go tool is answered from its cache.
func TestFloors(t *testing.T) {
	seen := map[string]bool{}
	for file, imports := range sources(t) {
		pkg := path.Dir(file)
		allowed, ok := floors[pkg]
		if !ok {
			t.Errorf("%s: package %s has no floor", file, pkg)
			continue
		}
		seen[pkg] = true
		for _, imp := range imports {
			ours, isOurs := strings.CutPrefix(imp, "matcher/")
			home, isOutside := homeOf(imp)
			switch {
			case isOurs && !slices.Contains(allowed, ours):
				t.Errorf("%s imports %s: not below it", file, imp)
			case isOutside && home != pkg:
				t.Errorf("%s imports %s, which is at home in %s", file, imp, home)
			case !isOurs && !isOutside && strings.Contains(strings.Split(imp, "/")[0], "."):
				t.Errorf("%s imports %s, which no package is the home of", file, imp)
			case slices.Contains(blind[pkg], imp):
				t.Errorf("%s imports %s: package %s must not see it", file, imp, pkg)
			}
		}
	}
	for pkg := range floors {
		if !seen[pkg] {
			t.Errorf("the table names %s, which does not exist", pkg)
		}
	}
}

// TestClientStandsAlone: who writes a client in Go gets no part of the server, no module from outside and no C.
func TestClientStandsAlone(t *testing.T) {
	files := sources(t)
	imports := map[string][]string{} // by package
	for file, list := range files {
		imports[path.Dir(file)] = append(imports[path.Dir(file)], list...)
	}
	var look func(pkg, way string)
	look = func(pkg, way string) {
		if pkg != "client" && !strings.HasPrefix(pkg, "client/") && !strings.HasPrefix(pkg, "wire/") {
			t.Errorf("%s: part of the server", way)
			return
		}
		for _, imp := range imports[pkg] {
			ours, isOurs := strings.CutPrefix(imp, "matcher/")
			switch {
			case isOurs:
				look(ours, way+" -> "+ours)
			case imp == "C" || imp == "unsafe" || strings.Contains(strings.Split(imp, "/")[0], "."):
				t.Errorf("%s -> %s", way, imp)
			}
		}
	}
	count := 0
	for pkg := range imports {
		if pkg == "client" || strings.HasPrefix(pkg, "client/") {
			look(pkg, pkg)
			count++
		}
	}
	if count < 2 {
		t.Errorf("%d packages of clients found", count)
	}
}

// homeOf returns the package that is the home of an outside module.
func homeOf(imp string) (string, bool) {
	for module, home := range outside {
		if imp == module || strings.HasPrefix(imp, module+"/") {
			return home, true
		}
	}
	return "", false
}

// sources returns the imports of every Go file of the product, tests left out, by path from the root.
func sources(t *testing.T) map[string][]string {
	t.Helper()
	files := map[string][]string{}
	err := filepath.WalkDir("..", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && d.Name() != ".." || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if _, err := os.Stat(filepath.Join(p, "go.mod")); err == nil && p != ".." {
			return filepath.SkipDir // a module of its own
		}
		if !strings.HasSuffix(p, ".go") || strings.HasSuffix(p, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), p, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		rel := filepath.ToSlash(strings.TrimPrefix(p, ".."+string(filepath.Separator)))
		files[rel] = []string{}
		for _, imp := range f.Imports {
			name, err := strconv.Unquote(imp.Path.Value)
			if err != nil {
				return err
			}
			files[rel] = append(files[rel], name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 20 {
		t.Fatalf("only %d files found: the walk went wrong", len(files))
	}
	return files
}
