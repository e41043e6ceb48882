package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// shapes are the sessions x messages in flight of the throughput figures.
var shapes = []struct {
	name             string
	sessions, window int
}{{"8x16", 8, 16}, {"64x16", 64, 16}, {"64x128", 64, 128}}

// figuresOf runs a program that prints names and values in turns on its last line.
func figuresOf(name string, args ...string) (map[string]float64, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", filepath.Base(name), strings.Join(args, " "), err)
	}
	words, found := strings.Fields(string(out)), map[string]float64{}
	for i := 0; i+1 < len(words); i += 2 {
		if found[words[i]], err = strconv.ParseFloat(words[i+1], 64); err != nil {
			return nil, fmt.Errorf("%s says %q", filepath.Base(name), out)
		}
	}
	return found, nil
}

func (r *rig) load(kind string, s *server, args ...int) (map[string]float64, error) {
	words := []string{kind, strconv.Itoa(s.port), strconv.Itoa(r.clientCPU), prefix, key}
	for _, a := range args {
		words = append(words, strconv.Itoa(a))
	}
	return figuresOf(r.program("load"), words...)
}

// messages is how many messages a second a throughput run had: each order is cancelled.
func messages(f map[string]float64) float64 { return 2 * f["orders"] / f["seconds"] }

// contestants are the servers in the order of each round.
func (r *rig) contestants() []func() (*server, error) {
	venue := func(durability string) func() (*server, error) {
		return func() (*server, error) { return r.matcher(durability, 64) }
	}
	return []func() (*server, error){r.floor, venue("async"), venue("sync"), r.goNet}
}

// goes is how often each server has its go in a round of round trips.
const goes = 5

// rtt has one order in flight. All servers are started once and have short goes in turns, the others stopped meanwhile: a machine
// that changes its speed by the second hits them alike, which it does not where each has a run of its own.
func (r *rig) rtt() error {
	var servers []*server
	for _, start := range append(r.contestants(), r.durableFloor) {
		s, err := start()
		if err != nil {
			return err
		}
		if err := s.signal(syscall.SIGSTOP); err != nil {
			return err
		}
		servers = append(servers, s)
	}
	for round := range r.rounds {
		disk, err := figuresOf(r.program("disk"), r.program("disk.bin"), strconv.Itoa(r.serverCPU), strconv.Itoa(r.diskWrites()))
		if err != nil {
			return err
		}
		for range goes { // the figures of a round belong together
			r.figures.add("disk", "rtt p50", disk["p50"])
			r.figures.add("disk", "rtt p99", disk["p99"])
			r.figures.add("disk", "submit", disk["submit"])
		}
		for i := range goes * len(servers) {
			if err := r.turn(round, servers[i%len(servers)]); err != nil {
				return err
			}
		}
	}
	for _, s := range servers {
		if _, err := s.stop(); err != nil {
			return err
		}
	}
	return nil
}

// turn lets one server have its go.
func (r *rig) turn(round int, s *server) error {
	if err := s.signal(syscall.SIGCONT); err != nil {
		return err
	}
	orders := r.orders / goes
	if s.name == "matcher sync" || s.name == "durable floor" {
		orders /= 10
	}
	f, err := r.load("rtt", s, max(orders, 100), 0)
	if err != nil {
		return err
	}
	for _, q := range []string{"p50", "p99", "p99.9"} {
		r.figures.add(s.name, "rtt "+q, f[q])
	}
	r.tell(round, s.name, "rtt", fmt.Sprintf("p50 %.1f p99 %.1f p99.9 %.1f us", f["p50"], f["p99"], f["p99.9"]))
	return s.signal(syscall.SIGSTOP)
}

// flood has one order in flight while other sessions send all that their sockets take: cancels of orders that never were, which
// nobody answers. The floor says how much of it is the machine's: the flood goes through the kernel on the same two cpus.
func (r *rig) flood() error {
	for round := range r.rounds {
		for _, start := range r.contestants()[:2] {
			s, err := start()
			if err != nil {
				return err
			}
			for _, floods := range []int{0, 1, 8} {
				f, err := r.load("flood", s, r.orders/4, floods)
				if err != nil {
					return err
				}
				r.figures.add(s.name, fmt.Sprintf("flood %d p99", floods), f["p99"])
				r.tell(round, s.name, "flood", fmt.Sprintf("%d floods: p50 %.1f p99 %.1f p99.9 %.1f us", floods, f["p50"], f["p99"], f["p99.9"]))
			}
			if _, err := s.stop(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *rig) diskWrites() int { return max(200, r.orders/20) }

// throughput has all sessions keep their windows full. What the core's thread does beside is read around each run.
func (r *rig) throughput() error {
	for round := range r.rounds {
		for _, shape := range shapes {
			for _, start := range r.contestants() {
				s, err := start()
				if err != nil {
					return err
				}
				if err := r.fill(round, s, shape.name, shape.sessions, shape.window); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// fill measures one server at one shape and stops it.
func (r *rig) fill(round int, s *server, shape string, sessions, window int) error {
	thread, before, collected := "", 0.0, 0.0
	venue := s.dir != ""
	if venue {
		var err error
		if thread, err = r.coreThread(s); err != nil {
			return err
		}
		before, collected = switches(s, thread), s.collections()
	}
	f, err := r.load("tput", s, sessions, window, r.milliseconds, 0)
	if err != nil {
		return err
	}
	r.figures.add(s.name, shape, messages(f))
	r.tell(round, s.name, shape, fmt.Sprintf("%.2f M messages/s, order to Accepted p50 %.0f p99 %.0f us", messages(f)/1e6, f["p50"], f["p99"]))
	if !venue {
		_, err = s.stop()
		return err
	}
	r.figures.add(s.name, shape+" switches", switches(s, thread)-before)
	r.figures.add(s.name, shape+" collections", s.collections()-collected)
	l, err := s.finish()
	if err != nil {
		return err
	}
	r.figures.add(s.name, shape+" enters", float64(l.Enters)/max(1, float64(l.Commands)/2))
	return nil
}

// open offers a rate by the clock to a venue whose answers wait for the disk.
func (r *rig) open() error {
	for round := range r.rounds {
		s, err := r.matcher("sync", 64)
		if err != nil {
			return err
		}
		keyFile := filepath.Join(s.dir, "key")
		if err := os.WriteFile(keyFile, []byte(key+"\n"), 0o600); err != nil {
			return err
		}
		cmd := exec.Command("taskset", "-c", strconv.Itoa(r.clientCPU), r.binary, "bench", "--to", fmt.Sprintf("127.0.0.1:%d", s.port), "--user", prefix+"000##",
			"--key-file", keyFile, "--clients", "16", "--window", "4096", "--rate", strconv.FormatFloat(r.rate, 'f', 0, 64), "--for", "3s", "--warmup", "1s",
			"--threads", "1", "--json")
		out, err := cmd.Output()
		if err != nil {
			return fmt.Errorf("matcher bench: %w", err)
		}
		var got struct {
			PerSecond float64 `json:"answered_per_second"`
			All       struct {
				P50 float64 `json:"p50_us"`
				P99 float64 `json:"p99_us"`
			} `json:"all"`
			Lag struct {
				P99 float64 `json:"p99_us"`
			} `json:"schedule_lag"`
			Unsent, Unanswered uint64
		}
		if err := json.Unmarshal(out, &got); err != nil {
			return err
		}
		r.figures.add(s.name, "open p50", got.All.P50)
		r.figures.add(s.name, "open p99", got.All.P99)
		r.figures.add(s.name, "open rate", got.PerSecond/2)
		r.figures.add(s.name, "open lag p99", got.Lag.P99)
		r.tell(round, s.name, "open", fmt.Sprintf("%.0f orders/s, p50 %.0f p99 %.0f us, the load itself late by p99 %.0f us", got.PerSecond/2, got.All.P50, got.All.P99, got.Lag.P99))
		if _, err := s.stop(); err != nil {
			return err
		}
	}
	return nil
}

// calls counts the futex calls of the core's thread under load, with strace; the run is slow and its speed counts for nothing.
func (r *rig) calls() error {
	if _, err := exec.LookPath("strace"); err != nil {
		fmt.Fprintln(os.Stderr, "no strace here: futex calls are not counted")
		return nil
	}
	s, err := r.matcher("async", 64)
	if err != nil {
		return err
	}
	thread, err := r.coreThread(s)
	if err != nil {
		return err
	}
	trace := exec.Command("strace", "-qq", "-e", "trace=futex,io_uring_enter,madvise,mmap,nanosleep,sched_yield,tgkill", "-o", r.program("trace"), "-p", thread)
	if err := trace.Start(); err != nil {
		return err
	}
	time.Sleep(500 * time.Millisecond)
	f, err := r.load("tput", s, 64, 16, 2*r.milliseconds, 0)
	_ = trace.Process.Signal(syscall.SIGINT) // strace lets go of the thread
	_ = trace.Wait()                         // it ends by that signal
	if err != nil {
		return err
	}
	text, err := os.ReadFile(r.program("trace"))
	if err != nil {
		return err
	}
	enters := strings.Count(string(text), "io_uring_enter(")
	if enters == 0 {
		fmt.Fprintln(os.Stderr, "strace may not look at the venue here: futex calls are not counted")
	} else {
		r.figures.add(s.name, "futex", float64(strings.Count(string(text), "futex(")))
		r.tell(0, s.name, "calls", fmt.Sprintf("%d futex calls beside %d io_uring_enter, %.0f orders", strings.Count(string(text), "futex("), enters, f["orders"]))
	}
	_, err = s.stop()
	return err
}

// scale sets 10,000 sessions, 1,000 of them at work, beside ten with the same window, and looks at one order in flight among both
// numbers. The window is the same because the bytes of a connection that arrive together decide what a message costs the
// kernel; what the number costs the kernel itself, the floor tells.
func (r *rig) scale() error {
	const many, active, few, window = 10_000, 1_000, 10, 16
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil || files.Max < many+64 {
		fmt.Printf("skipped: 10,000 sessions need as many open files, and the hard limit is %d (ulimit -Hn)\n", files.Max)
		return nil
	}
	files.Cur = files.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		return err
	}
	venue := func() (*server, error) { return r.matcher("async", many) }
	for round := range r.rounds {
		for _, start := range []func() (*server, error){r.floor, venue} {
			if err := r.crowd(round, start, "few", few, window, 0); err != nil {
				return err
			}
			if err := r.crowd(round, start, "many", active, window, many-active); err != nil {
				return err
			}
		}
	}
	return nil
}

// crowd measures one server with some sessions at work and some idle.
func (r *rig) crowd(round int, start func() (*server, error), name string, sessions, window, idle int) error {
	s, err := start()
	if err != nil {
		return err
	}
	f, err := r.load("tput", s, sessions, window, r.milliseconds, idle)
	if err != nil {
		return err
	}
	one, err := r.load("rtt", s, r.orders/4, sessions+idle-1)
	if err != nil {
		return err
	}
	r.figures.add(s.name, name, messages(f))
	r.figures.add(s.name, name+" rtt p50", one["p50"])
	r.tell(round, s.name, name, fmt.Sprintf("%d sessions, %d at work: %.2f M messages/s; %.1f us with one order in flight", sessions+idle, sessions, messages(f)/1e6, one["p50"]))
	_, err = s.stop()
	return err
}

// tell is a line of progress.
func (r *rig) tell(round int, name, what, text string) {
	fmt.Fprintf(os.Stderr, "round %d  %-14s %-7s %s\n", round+1, name, what, text)
}
