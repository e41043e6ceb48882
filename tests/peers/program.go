package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"

	"matcher/tests/peers/workload"
)

// A program is called as PROGRAM 1 FILE and prints a line for its run, the last one if there are several:
//
//	anything ns/op 31.4 anything trades 1149839 anything hash 0b827e8fa9703c59
var runLine = regexp.MustCompile(`ns/op\s+([0-9.]+).*\btrades\s+([0-9]+).*\bhash\s+([0-9a-f]{16})\b`)

func program(name, path string) contestant {
	return contestant{name, func(file string) (float64, workload.Sum, error) {
		cmd := exec.Command(path, "1", file)
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			return 0, workload.Sum{}, err
		}
		return parseRun(string(out))
	}}
}

func parseRun(out string) (float64, workload.Sum, error) {
	lines := runLine.FindAllStringSubmatch(out, -1)
	if len(lines) == 0 {
		return 0, workload.Sum{}, fmt.Errorf("no figures in %q", out)
	}
	m := lines[len(lines)-1]
	ns, err1 := strconv.ParseFloat(m[1], 64)
	trades, err2 := strconv.ParseUint(m[2], 10, 64)
	hash, err3 := strconv.ParseUint(m[3], 16, 64)
	return ns, workload.Sum{Trades: trades, Hash: hash}, errors.Join(err1, err2, err3)
}

// floorProgram builds the floor where it lies if it is to be built.
func floorProgram(arg string) (string, error) {
	if arg != "build" {
		return arg, nil
	}
	out, err := exec.Command("make", "-s", "-C", "floor").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("the C++ floor needs make and g++, and this directory: %w\n%s", err, out)
	}
	return "floor/floor", nil
}

// cratePrograms builds the rivals that a package registry serves.
func cratePrograms() ([]contestant, error) {
	cmd := exec.Command("cargo", "build", "--release", "--quiet", "--locked", "--manifest-path", "rivals/Cargo.toml")
	cmd.Env = append(os.Environ(), "RUSTFLAGS=-C target-cpu=native")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("the rivals need cargo, and this directory: %w\n%s", err, out)
	}
	var all []contestant
	for _, name := range []string{"lobster", "orderbook-rs"} {
		all = append(all, program(name, "rivals/target/release/"+name))
	}
	return all, nil
}

// rivalFlag is the flag -rival.
type rivalFlag []contestant

func (r *rivalFlag) String() string { return "" }

func (r *rivalFlag) Set(s string) error {
	name, path, ok := strings.Cut(s, "=")
	if !ok {
		return errors.New("want NAME=PROGRAM")
	}
	*r = append(*r, program(name, path))
	return nil
}
