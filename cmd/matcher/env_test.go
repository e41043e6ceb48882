package main

import (
	"errors"
	"io"
	"strings"
)

// testEnv is an environment of nothing but vars.
func testEnv(stdin io.Reader, stdout, stderr io.Writer, vars []string) *env {
	return &env{
		Stdin: stdin, Stdout: stdout, Stderr: stderr,
		Environ: func() []string { return vars },
		Getenv: func(name string) string {
			for _, v := range vars {
				if value, ok := strings.CutPrefix(v, name+"="); ok {
					return value
				}
			}
			return ""
		},
	}
}

// asFault is errors.As for the one type that the tests look for.
func asFault(err error, f **fault) bool { return errors.As(err, f) }
