package main

import (
	"bufio"
	"compress/gzip"
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
func importVerb(ctx context.Context, e *env, args []string) (err error) {
	flags := newFlags("import")
	out := flags.StringP("output", "o", "-", "file to write the flow to; - is standard output")
	symbol := flags.String("symbol", "", "lobster: the instrument (default: the file's name up to the first _)")
	times := flags.Bool("times", false, "begin each line with the time it happened, as @NS since midnight")
	words, err := parseWord(flags, args)
	if err != nil {
		return err
	}
	format, file := words[0], words[1]
	in, err := openInput(e, file)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	if err := notOver(e, file, *out); err != nil {
		return err
	}
	var stats replay.Stats
	err = writeOutput(e, *out, func(w io.Writer) (err error) {
		w = endable{ctx, w}
		how := replay.Import{Times: *times}
		switch format {
		case "itch":
			stats, err = how.ITCH(in, w)
		case "lobster":
			stats, err = how.LOBSTER(in, w, lobsterSymbol(*symbol, file))
		default:
			stats, err = how.CSV(in, w)
		}
		if err == nil {
			return nil
		}
		f := inputFault(file, err)
		left := *out + " was not written"
		if *out == "-" {
			left = count(int(stats.Commands), "command") + " before it were written"
		}
		f.Why = strings.TrimPrefix(f.Why+"; "+left, "; ")
		return f
	})
	if err != nil {
		return err
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

// openInput opens a file that is named on the command line; - is standard input. What gzip has packed is unpacked.
func openInput(e *env, file string) (io.ReadCloser, error) {
	if file == "-" {
		return unpacked(file, io.NopCloser(e.Stdin))
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, readFault(file, err)
	}
	return unpacked(file, f)
}

// unpacked is a file, and what is in it if gzip has packed it, which its first two bytes say.
func unpacked(name string, f io.ReadCloser) (io.ReadCloser, error) {
	type file struct {
		io.Reader
		io.Closer
	}
	in := bufio.NewReaderSize(f, 1<<16)
	head, err := in.Peek(2)
	if err != nil || head[0] != 0x1f || head[1] != 0x8b {
		return file{in, f}, nil // an error of the file comes with the next read
	}
	z, err := gzip.NewReader(in)
	if err != nil {
		_ = f.Close()
		return nil, inputFault(name, err)
	}
	return file{z, f}, nil
}

// notOver refuses to write over what is read.
func notOver(e *env, in, out string) error {
	if out == "-" {
		return nil
	}
	to, err := os.Stat(out)
	if err != nil || !to.Mode().IsRegular() {
		return nil // there is nothing to lose
	}
	var from fs.FileInfo
	if in != "-" {
		from, err = os.Stat(in)
	} else if f, ok := e.Stdin.(*os.File); ok {
		from, err = f.Stat()
	}
	if err != nil || from == nil || !os.SameFile(from, to) {
		return nil // what cannot be read is told by who reads it
	}
	return &fault{Code: "E4007", What: out + " is the input: writing it would destroy what is read", Fix: "-o " + shellWord(out+".flow")}
}

// writeOutput lets write fill a file that is named on the command line; - is standard output. The file gets its name when
// it is whole: a failed write leaves none, and what had the name before stays. What is no regular file is written as it is.
func writeOutput(e *env, file string, write func(io.Writer) error) (err error) {
	if file == "-" {
		return write(e.Stdout)
	}
	name, flag, mode := file, os.O_WRONLY, fs.FileMode(0o666)
	if real, err := filepath.EvalSymlinks(file); err == nil {
		name = real
	}
	info, err := os.Stat(name)
	part := err != nil || info.Mode().IsRegular()
	if err == nil {
		mode = info.Mode().Perm()
	}
	to := name
	if part {
		to, flag = fmt.Sprintf("%s.%d.part", name, os.Getpid()), flag|os.O_CREATE|os.O_EXCL
	}
	w, err := os.OpenFile(to, flag, mode)
	if err != nil {
		return writeFault(file, err)
	}
	if err = write(w); err != nil {
		_ = w.Close() // the first error is the one that matters
	} else if err = w.Close(); err == nil && part {
		err = os.Rename(to, name)
	}
	if err == nil {
		return nil
	}
	if part {
		_ = os.Remove(to)
	}
	var told *fault
	if errors.As(err, &told) {
		return err
	}
	return writeFault(file, err)
}

// endable is a file that takes nothing any more when its context has ended.
type endable struct {
	ctx context.Context // of the verb
	w   io.Writer
}

func (o endable) Write(p []byte) (int, error) {
	if err := o.ctx.Err(); err != nil {
		return 0, err
	}
	return o.w.Write(p)
}

// writeFault says that a file named on the command line cannot be written.
func writeFault(name string, err error) *fault {
	return &fault{Code: "E1006", What: name + " cannot be written: " + reason(err), cause: err}
}

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
