package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"matcher/ring"
)

// doctor looks at the machine that a server is to run on. What /proc and /sys say is read through sys, so that tests can give
// another machine; what only trying can tell (io_uring, the disk) is a function that tests replace.
type doctor struct {
	sys     fs.FS // rooted at /
	journal string
	probe   func() (string, error)                    // makes a ring: what it has
	disk    func(dir string) (time.Duration, error)   // median of a durable write of 4 KiB
	limit   func(resource int) (syscall.Rlimit, bool) // of this process
	cpus    func() []int                              // that this process may use
}

// finding is one line: how a thing is, and the command that mends it.
type finding struct {
	Name    string `json:"name"`
	Verdict string `json:"verdict"` // ok, warn or fail
	Is      string `json:"is"`
	Mend    string `json:"mend,omitempty"`
}

// doctorVerb prints the findings. Exit 4 if one of them is fail.
func doctorVerb(_ context.Context, e *env, args []string) error {
	fs := newFlags("doctor")
	file := fs.StringP("config", "c", "", "a configuration: the directory of its journal is measured")
	dir := fs.String("journal", "", "instead: the directory that a journal is to lie in (default: the temporary one)")
	asJSON := fs.Bool("json", false, "print one object")
	if _, err := parse(fs, args, 0, 0); err != nil {
		return err
	}
	d := &doctor{sys: os.DirFS("/"), journal: *dir, probe: probeRing, disk: measureDisk, limit: rlimit, cpus: ring.CPUs}
	if *file != "" && d.journal == "" {
		c, err := loadConfig(e, *file, nil)
		if err != nil {
			return err
		}
		d.journal = c.core.Journal
	}
	if d.journal == "" {
		d.journal = os.TempDir()
	}
	d.journal = nearestPlace(d.journal) // it may be one that is to be
	return d.report(e, *asJSON)
}

// report examines everything and prints it.
func (d *doctor) report(e *env, asJSON bool) error {
	findings := d.examine()
	failed := 0
	for _, f := range findings {
		if f.Verdict == "fail" {
			failed++
		}
	}
	if asJSON {
		err := json.NewEncoder(e.Stdout).Encode(struct {
			OK       bool      `json:"ok"`
			Findings []finding `json:"findings"`
		}{failed == 0, findings})
		if err != nil {
			return err
		}
	} else {
		for _, f := range findings {
			line := fmt.Sprintf("%-4s  %-14s %s", f.Verdict, f.Name, f.Is)
			if f.Mend != "" {
				line += "; mend: " + f.Mend
			}
			if _, err := fmt.Fprintln(e.Stdout, line); err != nil {
				return err
			}
		}
	}
	if failed > 0 {
		return &fault{Code: "E1014", What: "this machine is not fit for a server: " + count(failed, "finding") + " above", Fix: "do what the lines marked fail say"}
	}
	return nil
}

// examine returns one finding for each thing looked at, in the order in which they matter.
func (d *doctor) examine() []finding {
	var all []finding
	for _, look := range []func() finding{
		d.kernel, d.ioUring, d.memlock, d.files, d.cores, d.quota, d.isolated, d.governor, d.clock, d.hugePages, d.durable,
	} {
		all = append(all, look())
	}
	return all
}

// read is a file of the machine without the space around it; empty where there is none.
func (d *doctor) read(name string) string {
	data, err := fs.ReadFile(d.sys, name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

func (d *doctor) kernel() finding {
	release := d.read("proc/sys/kernel/osrelease")
	f := finding{Name: "kernel", Verdict: "ok", Is: "Linux " + release}
	var major, minor int
	if n, _ := fmt.Sscanf(release, "%d.%d", &major, &minor); n != 2 {
		f.Verdict, f.Is = "warn", "its release cannot be read"
	} else if major < 6 || major == 6 && minor < 1 {
		f.Verdict = "warn"
		f.Is += ": io_uring is used from 6.1 on, the portable backend will serve"
		f.Mend = "install a kernel of 6.1 or later"
	}
	return f
}

func (d *doctor) ioUring() finding {
	has, err := d.probe()
	if err == nil {
		return finding{Name: "io_uring", Verdict: "ok", Is: has}
	}
	f := finding{Name: "io_uring", Verdict: "warn", Is: "refused (" + strings.TrimPrefix(err.Error(), "ring: ") + "): the portable backend will serve"}
	var setup *ring.SetupError
	level := d.read("proc/sys/kernel/io_uring_disabled")
	switch {
	case !errors.As(err, &setup):
		f.Verdict = "fail"
	case level != "" && level != "0":
		f.Is += "; kernel.io_uring_disabled = " + level
		f.Mend = "sudo sysctl -w kernel.io_uring_disabled=0"
	case setup.Kind == ring.SetupRefused, setup.Kind == ring.SetupMissing:
		f.Mend = "docker run --security-opt seccomp=unconfined ...   or a profile that allows io_uring_setup, io_uring_enter, io_uring_register"
	case setup.Kind == ring.SetupMemlock:
		f.Mend = "ulimit -l unlimited"
	case setup.Kind == ring.SetupTooOld:
		f.Mend = "install a kernel of 6.1 or later"
	}
	return f
}

const unlimited = ^uint64(0)

func (d *doctor) memlock() finding {
	f := finding{Name: "memlock", Verdict: "ok"}
	limit, ok := d.limit(8) // RLIMIT_MEMLOCK
	switch {
	case !ok:
		f.Verdict, f.Is = "warn", "the limit cannot be read"
	case limit.Cur == unlimited:
		f.Is = "unlimited"
	default:
		f.Is = sizeText(limit.Cur) + " may be locked"
		if limit.Cur < 1<<20 {
			f.Verdict, f.Mend = "warn", "ulimit -l unlimited   or LimitMEMLOCK=infinity in the unit"
		}
	}
	return f
}

func (d *doctor) files() finding {
	limit, ok := d.limit(syscall.RLIMIT_NOFILE)
	f := finding{Name: "open files", Verdict: "ok"}
	if !ok {
		f.Verdict, f.Is = "warn", "the limit cannot be read"
		return f
	}
	f.Is = fmt.Sprintf("%d may be open (hard limit %d): one for each connection and each prepared segment", limit.Cur, limit.Max)
	if limit.Cur < 64 {
		f.Verdict, f.Mend = "fail", "ulimit -n 65536"
	} else if limit.Cur < 1100 { // core.max_sessions is 1024 unless told otherwise
		f.Verdict, f.Mend = "warn", "ulimit -n 65536   or LimitNOFILE=65536 in the unit"
	}
	return f
}

func (d *doctor) cores() finding {
	cpus := d.cpus()
	f := finding{Name: "cpus", Verdict: "ok", Is: fmt.Sprintf("%s may be used: %v", count(len(cpus), "cpu"), cpus)}
	if len(cpus) < 2 {
		f.Verdict, f.Mend = "warn", "give the server two cpus: taskset -c 0,1 matcher serve, or docker run --cpuset-cpus 0,1"
		f.Is += "; the core's thread wants one for itself, so it will sleep in the kernel instead of spinning"
	}
	return f
}

// quota: a cgroup that gives less than whole cpus stops a spinning thread for parts of each period.
func (d *doctor) quota() finding {
	f := finding{Name: "cpu quota", Verdict: "ok", Is: "none"}
	path := "/"
	for line := range strings.Lines(d.read("proc/self/cgroup")) {
		if p, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok {
			path = p
		}
	}
	for ; ; path = filepath.Dir(path) {
		words := strings.Fields(d.read(filepath.Join("sys/fs/cgroup", path, "cpu.max")))
		if len(words) == 2 && words[0] != "max" {
			quota, _ := strconv.ParseFloat(words[0], 64)
			period, _ := strconv.ParseFloat(words[1], 64)
			f.Verdict = "warn"
			f.Is = fmt.Sprintf("%.2f cpus out of each %.0f ms: a thread that spins is stopped when they are used up", quota/period, period/1000)
			f.Mend = "docker run without --cpus, and with --cpuset-cpus 0,1; or CPUQuota= in the unit"
			return f
		}
		if path == "/" || path == "." {
			return f
		}
	}
}

func (d *doctor) isolated() finding {
	f := finding{Name: "isolation", Verdict: "ok"}
	list := d.read("sys/devices/system/cpu/isolated")
	last := d.cpus()
	if list == "" || len(last) == 0 {
		f.Verdict, f.Is = "warn", "no cpu is kept free of other work"
		f.Mend = fmt.Sprintf("boot with isolcpus=%d nohz_full=%[1]d rcu_nocbs=%[1]d, then core.cpu = %[1]d", runtime.NumCPU()-1)
		return f
	}
	f.Is = "cpus " + list + " are kept free of other work"
	if !slices.Contains(cpuList(list), last[len(last)-1]) {
		f.Is += fmt.Sprintf("; core.cpu = auto would take %d", last[len(last)-1])
		f.Verdict, f.Mend = "warn", fmt.Sprintf("core.cpu = %d", cpuList(list)[0])
	}
	return f
}

// cpuList reads a list of the kernel's: 0,2-5.
func cpuList(text string) (cpus []int) {
	for part := range strings.SplitSeq(text, ",") {
		from, to, isRange := strings.Cut(strings.TrimSpace(part), "-")
		first, err := strconv.Atoi(from)
		if err != nil {
			continue
		}
		last := first
		if isRange {
			if last, err = strconv.Atoi(to); err != nil {
				continue
			}
		}
		for cpu := first; cpu <= min(last, first+4096); cpu++ {
			cpus = append(cpus, cpu)
		}
	}
	return cpus
}

func (d *doctor) governor() finding {
	f := finding{Name: "governor", Verdict: "ok", Is: "none: the hypervisor's or the firmware's matter"}
	names, _ := fs.Glob(d.sys, "sys/devices/system/cpu/cpu*/cpufreq/scaling_governor")
	var slow []string
	for _, name := range names {
		is := d.read(name)
		f.Is = is
		if is != "performance" && !slices.Contains(slow, is) {
			slow = append(slow, is)
		}
	}
	if len(slow) > 0 {
		f.Verdict, f.Is = "warn", strings.Join(slow, ", ")+": a cpu may run slower than it can"
		f.Mend = "sudo cpupower frequency-set -g performance"
	}
	return f
}

func (d *doctor) clock() finding {
	const dir = "sys/devices/system/clocksource/clocksource0/"
	is, others := d.read(dir+"current_clocksource"), strings.Fields(d.read(dir+"available_clocksource"))
	f := finding{Name: "clock source", Verdict: "ok", Is: is}
	if is == "" {
		f.Verdict, f.Is = "warn", "it cannot be read"
		return f
	}
	// These are read without a system call; the others cost one, and the core reads the clock once a turn.
	fast := []string{"tsc", "kvm-clock", "hyperv_clocksource_tsc_page", "arch_sys_counter", "riscv_clocksource"}
	if slices.Contains(fast, is) {
		return f
	}
	f.Verdict = "warn"
	f.Is += ": each reading is a system call"
	for _, better := range fast {
		if slices.Contains(others, better) {
			f.Mend = "echo " + better + " | sudo tee /" + dir + "current_clocksource"
			break
		}
	}
	return f
}

func (d *doctor) hugePages() finding {
	const file = "sys/kernel/mm/transparent_hugepage/enabled"
	f := finding{Name: "huge pages", Verdict: "ok"}
	_, rest, _ := strings.Cut(d.read(file), "[")
	f.Is, _, _ = strings.Cut(rest, "]")
	switch f.Is {
	case "always", "madvise":
		f.Is += ": the memory of orders lies in them"
	default:
		if f.Is == "" {
			f.Is = "this kernel has none"
		}
		f.Verdict = "warn"
		f.Is += ": with hundreds of thousands of orders, each costs more misses of the TLB"
		f.Mend = "echo madvise | sudo tee /" + file
	}
	return f
}

func (d *doctor) durable() finding {
	f := finding{Name: "disk", Verdict: "ok"}
	p50, err := d.disk(d.journal)
	switch {
	case err != nil:
		f.Verdict, f.Is = "fail", fmt.Sprintf("%s cannot be written durably: %s", d.journal, reason(err))
		f.Mend = "matcher doctor --journal DIR   with a directory that can, and journal.dir = DIR"
	default:
		f.Is = fmt.Sprintf("%s: a durable write of 4 KiB takes %s (median of %d)", d.journal, p50.Round(time.Microsecond), diskWrites)
		if p50 > 2*time.Millisecond {
			f.Verdict = "warn"
			f.Is += ", and each answer of sync mode waits for one"
			f.Mend = "journal.dir on a disk with power-loss protection (NVMe), or durability = \"async\""
		} else if p50 < 5*time.Microsecond {
			f.Verdict = "warn"
			f.Is += ": that is memory, not a disk; nothing outlives a loss of power"
			f.Mend = "journal.dir on a disk"
		}
	}
	return f
}

// probeRing makes a small ring and says what the kernel gave.
func probeRing() (string, error) {
	type result struct {
		has string
		err error
	}
	out := make(chan result)
	go func() {
		runtime.LockOSThread() // a ring belongs to its thread, which ends with the goroutine
		u, err := ring.NewUring(ring.Config{Entries: 8, ReceiveBuffers: 8})
		if err != nil {
			out <- result{"", err}
			return
		}
		has := u.Features()
		out <- result{has, u.Close()}
	}()
	r := <-out
	return r.has, r.err
}

const diskWrites = 64

// measureDisk writes 4 KiB at a time as the journal does, past the page cache where the file system can, each durable before
// the next, and returns the median.
func measureDisk(dir string) (time.Duration, error) {
	place, err := os.MkdirTemp(dir, "matcher-doctor-")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.RemoveAll(place) }()
	fd, direct, err := ring.OpenDirect(filepath.Join(place, "disk"), true, 0)
	if err != nil {
		return 0, err
	}
	defer func() { _ = syscall.Close(fd) }() // it was a trial
	const size = 1 << 20
	if err := ring.Zero(fd, direct, 0, size); err != nil {
		return 0, err
	}
	if err := ring.Fsync(fd); err != nil {
		return 0, err
	}
	block, took := ring.AlignedBuffer(4096), make([]time.Duration, diskWrites)
	for i := range took {
		block[0] = byte(i)
		start := time.Now()
		if err := ring.WriteAt(fd, block, int64(i)*4096); err != nil {
			return 0, err
		}
		if err := syscall.Fdatasync(fd); err != nil {
			return 0, err
		}
		took[i] = time.Since(start)
	}
	slices.Sort(took)
	return took[len(took)/2], nil
}

func rlimit(resource int) (syscall.Rlimit, bool) {
	var limit syscall.Rlimit
	return limit, syscall.Getrlimit(resource, &limit) == nil
}
