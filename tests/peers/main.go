// Command peers runs this project's engine, the C++ floor and rival programs on the same workloads, in turns, and prints
// medians and ratios. See README.md.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"matcher/tests/peers/workload"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

// contestant runs one workload once and says how many ns an operation took, and which trades it made.
type contestant struct {
	name string
	run  func(path string) (float64, workload.Sum, error)
}

func run() error {
	data := flag.String("data", filepath.Join(os.TempDir(), "matcher-workloads"), "`directory` of the workloads; those that are not there are made")
	runs := flag.Int("runs", 5, "rounds; in each, every contestant runs once")
	only := flag.String("only", "", "`names` of workloads, with commas; all four if empty")
	floor := flag.String("floor", "", "`program` of the C++ floor, or \"build\": floor/floor is made first")
	rivals := rivalFlag{}
	crates := flag.Bool("crates", false, "build the rivals of rivals/ with cargo and run them")
	flag.Var(&rivals, "rival", "`NAME=PROGRAM` of a rival; may be given more than once")
	flag.Parse()

	var all []contestant
	if *floor != "" {
		path, err := floorProgram(*floor)
		if err != nil {
			return err
		}
		all = append(all, program("C++ floor", path))
	}
	all = append(all, contestant{"matcher/book", runBook}, contestant{"matcher/engine", runEngine})
	if *crates {
		built, err := cratePrograms()
		if err != nil {
			return err
		}
		all = append(all, built...)
	}
	all = append(all, rivals...)

	specs := workload.All
	if *only != "" {
		names := strings.Split(*only, ",")
		specs = slices.DeleteFunc(slices.Clone(specs), func(s workload.Spec) bool { return !slices.Contains(names, s.Name) })
	}
	fmt.Printf("%s/%s, %s, %d rounds\n", runtime.GOOS, runtime.GOARCH, runtime.Version(), *runs)
	t := newTable(all, specs)
	for _, s := range specs {
		path, err := provide(*data, s)
		if err != nil {
			return err
		}
		for round := range *runs {
			for i, c := range all {
				ns, sum, err := c.run(path)
				if err != nil {
					return fmt.Errorf("%s on %s: %w", c.name, s.Name, err)
				}
				t.add(i, s, ns, sum)
				fmt.Fprintf(os.Stderr, "%s round %d: %-16s %8.1f ns/op\n", s.Name, round+1, c.name, ns)
			}
		}
		forget()
	}
	fmt.Print(t)
	return t.wrong()
}

// provide returns the file of a workload, made if it is not there.
func provide(dir string, s workload.Spec) (string, error) {
	path := filepath.Join(dir, s.Name)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	w, sum := workload.Generate(s)
	if sum != s.Want {
		return "", fmt.Errorf("the workload %s came out as another one", s.Name)
	}
	f, err := os.CreateTemp(dir, s.Name+".*")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.Remove(f.Name()) }() // it is gone when all went well
	if err := w.Write(f); err != nil {
		return "", err
	}
	if err := f.Close(); err != nil {
		return "", err
	}
	return path, os.Rename(f.Name(), path)
}
