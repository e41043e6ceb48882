package tests

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// documents are the texts for people. What they point at must be there: other documents and their sections, and the tests and
// measurements that give their figures.
var documents = []string{
	"README.md", "ARCHITECTURE.md", "MEASURED.md", "JOURNALS.md", "PROTOCOL.md", "CHANGELOG.md", "journal/FORMAT.md", "clients/python/README.md",
	"tests/peers/README.md",
}

var (
	pointer    = regexp.MustCompile(`\]\(([^)\s]*)\)`)
	heading    = regexp.MustCompile(`(?m)^#+ (.*)$`)
	program    = regexp.MustCompile("`([^`]*)`")
	wantedTest = regexp.MustCompile(`-(?:run|bench) '?([^'\s]+)`)
	declare    = regexp.MustCompile(`(?m)^func ((?:Test|Benchmark|Fuzz|Example)\w*)\(`)
	unusual    = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// document reads one of them.
func document(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// anchor is the name that a heading gets in a link.
func anchor(heading string) string {
	return strings.ReplaceAll(unusual.ReplaceAllString(strings.ToLower(heading), ""), " ", "-")
}

// TestDocumentsAreComplete: a text that no list knows is held to nothing.
func TestDocumentsAreComplete(t *testing.T) {
	found, err := filepath.Glob("../*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range found {
		if !slices.Contains(documents, filepath.Base(file)) {
			t.Errorf("%s is not among the documents of this test", filepath.Base(file))
		}
	}
}

// TestDocumentLinks: every link inside the repository leads to a file, and to a heading of it.
func TestDocumentLinks(t *testing.T) {
	for _, name := range documents {
		for _, m := range pointer.FindAllStringSubmatch(document(t, name), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			file, section, _ := strings.Cut(m[1], "#")
			target := filepath.Join(filepath.Dir(name), file)
			if file == "" {
				target = name
			}
			if _, err := os.Stat(filepath.Join("..", target)); err != nil {
				t.Errorf("%s: a link to %s: %v", name, m[1], err)
				continue
			}
			if section == "" {
				continue
			}
			var anchors []string
			for _, h := range heading.FindAllStringSubmatch(document(t, target), -1) {
				anchors = append(anchors, anchor(h[1]))
			}
			if !slices.Contains(anchors, section) {
				t.Errorf("%s: %s has no section %s", name, target, section)
			}
		}
	}
}

// TestDocumentMeasurements: every test and measurement that a document gives as its command is one of the sources.
func TestDocumentMeasurements(t *testing.T) {
	var names []string
	err := filepath.WalkDir("..", func(path string, _ os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range declare.FindAllStringSubmatch(string(text), -1) {
			names = append(names, m[1])
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, name := range documents {
		for _, code := range program.FindAllStringSubmatch(document(t, name), -1) {
			for _, m := range wantedTest.FindAllStringSubmatch(code[1], -1) {
				top, _, _ := strings.Cut(m[1], "/") // what stands behind it are names that a test gives its parts
				if top == "^$" || top == "" {
					continue
				}
				pattern, err := regexp.Compile(top)
				if err != nil || !slices.ContainsFunc(names, pattern.MatchString) {
					t.Errorf("%s: `%s` asks for %s, which is no test", name, code[1], top)
				}
				seen++
			}
		}
	}
	if seen < 30 {
		t.Errorf("%d commands were found", seen)
	}
}
