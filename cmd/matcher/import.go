package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"matcher/replay"
)

// importVerb turns a file of public market data into order flow, a line per command.
func importVerb(_ context.Context, e *env, args []string) (err error) {
	flags := newFlags("import")
	out := flags.StringP("output", "o", "-", "file to write the flow to; - is standard output")
	symbol := flags.String("symbol", "", "LOBSTER: the instrument (default: the file's name up to the first _)")
	words, err := parse(flags, args, 2, 2)
	if err != nil {
		return err
	}
	format, file := words[0], words[1]
	if format != "itch" && format != "lobster" {
		f := &fault{
			Code: "E4005", What: fmt.Sprintf("there is no format %q to import", format), Why: "formats are itch and lobster",
			Fix: "matcher import itch " + quoteAll([]string{file}),
		}
		if near := nearest(format, []string{"itch", "lobster"}); near != "" {
			f.Fix = "matcher import " + quoteAll(append([]string{near}, args[1:]...))
		}
		return f
	}
	in, err := openInput(e, file)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	w, err := openOutput(e, *out)
	if err != nil {
		return err
	}
	var stats replay.Stats
	if format == "itch" {
		stats, err = replay.ImportITCH(in, w)
	} else {
		stats, err = replay.ImportLOBSTER(in, w, lobsterSymbol(*symbol, file))
	}
	if closing := w.Close(); err == nil {
		err = closing
	}
	if err != nil {
		f := inputFault(file, err)
		f.Why = strings.TrimPrefix(f.Why+"; "+count(int(stats.Commands), "command")+" before it were written", "; ")
		return f
	}
	_, err = fmt.Fprintf(e.Stderr, "%s: %s\n", file, stats)
	return err
}

// lobsterSymbol is the symbol that was given, or the one that LOBSTER's file names begin with: AAPL_2012-06-21_...
func lobsterSymbol(given, file string) string {
	if given != "" {
		return given
	}
	symbol, _, _ := strings.Cut(filepath.Base(file), "_")
	return symbol
}

// openInput opens a file that is named on the command line; - is standard input.
func openInput(e *env, file string) (io.ReadCloser, error) {
	if file == "-" {
		return io.NopCloser(e.Stdin), nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, readFault(file, err)
	}
	return f, nil
}

// openOutput creates a file that is named on the command line; - is standard output.
func openOutput(e *env, file string) (io.WriteCloser, error) {
	if file == "-" {
		return unclosed{e.Stdout}, nil
	}
	f, err := os.Create(file)
	if err != nil {
		return nil, &fault{Code: "E1006", What: file + " cannot be written: " + reason(err), cause: err}
	}
	return f, nil
}

// unclosed is a writer that stays open: it belongs to the process.
type unclosed struct{ io.Writer }

func (unclosed) Close() error { return nil }

// readFault says that a file or directory named on the command line cannot be read.
func readFault(name string, err error) *fault {
	return &fault{Code: "E1006", What: name + " cannot be read: " + reason(err), cause: err}
}

// inputFault explains what went wrong while a file was read: the operating system's refusal, or what the file holds.
func inputFault(file string, err error) *fault {
	var path *fs.PathError
	if errors.As(err, &path) {
		return &fault{Code: "E1006", What: path.Path + ": " + path.Op + ": " + path.Err.Error(), cause: err}
	}
	said := strings.TrimPrefix(err.Error(), "replay: ")
	f := &fault{Code: "E3011", What: file + ": " + said, cause: err}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		f.Why = "the file was cut off, or is not of this format"
	}
	return f
}
