package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"matcher/ring"
)

// goodMachine is a machine with nothing to be mended.
func goodMachine() (*doctor, map[string]string) {
	files := map[string]string{
		"proc/sys/kernel/osrelease":                                         "6.12.3-generic\n",
		"proc/sys/kernel/io_uring_disabled":                                 "0\n",
		"proc/self/cgroup":                                                  "0::/user.slice/venue\n",
		"sys/fs/cgroup/user.slice/venue/cpu.max":                            "max 100000\n",
		"sys/devices/system/cpu/isolated":                                   "2-3\n",
		"sys/devices/system/cpu/cpu0/cpufreq/scaling_governor":              "performance\n",
		"sys/devices/system/clocksource/clocksource0/current_clocksource":   "tsc\n",
		"sys/devices/system/clocksource/clocksource0/available_clocksource": "tsc hpet acpi_pm \n",
		"sys/kernel/mm/transparent_hugepage/enabled":                        "always [madvise] never\n",
	}
	return &doctor{
		journal: "/j",
		probe:   func() (string, error) { return "io_uring on Linux 6.12", nil },
		disk:    func(string) (time.Duration, error) { return 90 * time.Microsecond, nil },
		limit:   func(int) (syscall.Rlimit, bool) { return syscall.Rlimit{Cur: 1 << 20, Max: 1 << 20}, true },
		cpus:    func() []int { return []int{0, 1, 2, 3} },
	}, files
}

// machine makes the file system of a machine.
func machine(files map[string]string) fs.FS {
	m := fstest.MapFS{}
	for name, text := range files {
		m[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return m
}

// TestDoctor: each fault of a machine changes the one line that is about it, and only that.
func TestDoctor(t *testing.T) {
	refuse := func(kind ring.SetupKind, errno syscall.Errno) func(*doctor) {
		return func(d *doctor) {
			d.probe = func() (string, error) { return "", &ring.SetupError{Call: "io_uring_setup", Kind: kind, Errno: errno} }
		}
	}
	limits := func(memlock, files uint64) func(*doctor) {
		return func(d *doctor) {
			d.limit = func(resource int) (syscall.Rlimit, bool) {
				if resource == syscall.RLIMIT_NOFILE {
					return syscall.Rlimit{Cur: files, Max: files}, true
				}
				return syscall.Rlimit{Cur: memlock, Max: memlock}, true
			}
		}
	}
	for _, c := range []struct {
		name, line, verdict string
		is, mend            string            // must appear
		files               map[string]string // changed; empty: gone
		change              func(*doctor)
	}{
		{name: "old kernel", line: "kernel", verdict: "warn", is: "Linux 5.15.0", mend: "6.1", files: map[string]string{"proc/sys/kernel/osrelease": "5.15.0-91"}},
		{name: "no /proc", line: "kernel", verdict: "warn", is: "cannot be read", files: map[string]string{"proc/sys/kernel/osrelease": ""}},
		{
			name: "sysctl", line: "io_uring", verdict: "warn", is: "kernel.io_uring_disabled = 2", mend: "sudo sysctl -w kernel.io_uring_disabled=0",
			files: map[string]string{"proc/sys/kernel/io_uring_disabled": "2\n"}, change: refuse(ring.SetupRefused, syscall.EPERM),
		},
		{name: "container", line: "io_uring", verdict: "warn", is: "the portable backend will serve", mend: "seccomp", change: refuse(ring.SetupMissing, syscall.ENOSYS)},
		{name: "ring's memory", line: "io_uring", verdict: "warn", is: "cannot allocate memory", mend: "ulimit -l", change: refuse(ring.SetupMemlock, syscall.ENOMEM)},
		{name: "memlock", line: "memlock", verdict: "warn", is: "64KiB may be locked", mend: "ulimit -l unlimited", change: limits(64<<10, 1<<20)},
		{name: "few files", line: "open files", verdict: "warn", is: "1024 may be open", mend: "ulimit -n 65536", change: limits(1<<30, 1024)},
		{name: "no files", line: "open files", verdict: "fail", is: "20 may be open", mend: "ulimit -n 65536", change: limits(1<<30, 20)},
		{
			name: "one cpu", line: "cpus", verdict: "warn", is: "1 cpu may be used: [2]", mend: "two cpus",
			change: func(d *doctor) { d.cpus = func() []int { return []int{2} } },
		},
		{
			name: "quota", line: "cpu quota", verdict: "warn", is: "1.50 cpus out of each 100 ms", mend: "--cpuset-cpus",
			files: map[string]string{"sys/fs/cgroup/user.slice/venue/cpu.max": "150000 100000\n"},
		},
		{
			name: "quota above", line: "cpu quota", verdict: "warn", is: "0.50 cpus",
			files: map[string]string{"sys/fs/cgroup/user.slice/cpu.max": "50000 100000\n"},
		},
		{name: "not isolated", line: "isolation", verdict: "warn", is: "no cpu is kept free", mend: "isolcpus=", files: map[string]string{"sys/devices/system/cpu/isolated": "\n"}},
		{name: "another isolated", line: "isolation", verdict: "warn", is: "core.cpu = auto would take 3", mend: "core.cpu = 1", files: map[string]string{"sys/devices/system/cpu/isolated": "1\n"}},
		{
			name: "governor", line: "governor", verdict: "warn", is: "powersave", mend: "sudo cpupower frequency-set -g performance",
			files: map[string]string{"sys/devices/system/cpu/cpu3/cpufreq/scaling_governor": "powersave\n"},
		},
		{
			name: "clock", line: "clock source", verdict: "warn", is: "hpet: each reading is a system call", mend: "echo tsc | sudo tee /sys/",
			files: map[string]string{"sys/devices/system/clocksource/clocksource0/current_clocksource": "hpet\n"},
		},
		{
			name: "huge pages", line: "huge pages", verdict: "warn", is: "never", mend: "echo madvise | sudo tee /sys/kernel/mm/",
			files: map[string]string{"sys/kernel/mm/transparent_hugepage/enabled": "always madvise [never]\n"},
		},
		{
			name: "slow disk", line: "disk", verdict: "warn", is: "/j: a durable write of 4 KiB takes 8ms", mend: "journal.dir",
			change: func(d *doctor) { d.disk = func(string) (time.Duration, error) { return 8 * time.Millisecond, nil } },
		},
		{
			name: "memory for a disk", line: "disk", verdict: "warn", is: "not a disk", mend: "journal.dir",
			change: func(d *doctor) { d.disk = func(string) (time.Duration, error) { return time.Microsecond, nil } },
		},
		{
			name: "no disk", line: "disk", verdict: "fail", is: "permission denied", mend: "--journal DIR",
			change: func(d *doctor) {
				d.disk = func(string) (time.Duration, error) {
					return 0, &fs.PathError{Op: "mkdir", Path: "/j", Err: syscall.EACCES}
				}
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, files := goodMachine()
			for name, text := range c.files {
				files[name] = text
				if text == "" {
					delete(files, name)
				}
			}
			d.sys = machine(files)
			if c.change != nil {
				c.change(d)
			}
			for _, f := range d.examine() {
				if f.Name != c.line {
					if f.Verdict != "ok" && (f.Name != "isolation" || c.name != "one cpu") {
						t.Errorf("%s is not ok either: %+v", f.Name, f)
					}
					continue
				}
				if f.Verdict != c.verdict || !strings.Contains(f.Is, c.is) || !strings.Contains(f.Mend, c.mend) {
					t.Errorf("%+v, want %s, %q, %q", f, c.verdict, c.is, c.mend)
				}
			}
		})
	}
}

// TestDoctorExit: the exit code is 4 if a line says fail, else 0; text and JSON tell the same.
func TestDoctorExit(t *testing.T) {
	d, files := goodMachine()
	d.sys = machine(files)
	for _, asJSON := range []bool{false, true} {
		var out bytes.Buffer
		if err := d.report(testEnv(nil, &out, &out, nil), asJSON); err != nil {
			t.Error(err)
		}
		if asJSON {
			var got struct {
				OK       bool
				Findings []finding
			}
			if err := json.Unmarshal(out.Bytes(), &got); err != nil || !got.OK || len(got.Findings) != 11 {
				t.Errorf("%v\n%s", err, out.String())
			}
		} else if n := strings.Count(out.String(), "\nok    ") + 1; n != 11 || !strings.HasPrefix(out.String(), "ok    kernel ") {
			t.Errorf("%d lines are ok\n%s", n, out.String())
		}
	}
	d.disk = func(string) (time.Duration, error) { return 0, errors.New("on fire") }
	var out bytes.Buffer
	var f *fault
	if err := d.report(testEnv(nil, &out, &out, nil), false); !asFault(err, &f) || f.exit() != exitEnvironment || !strings.Contains(out.String(), "fail  disk") {
		t.Errorf("%v\n%s", err, out.String())
	}
}

// TestDoctorHere: this machine can be examined, whatever it is like.
func TestDoctorHere(t *testing.T) {
	o := matcher("", nil, "doctor", "--json", "--journal", t.TempDir()+"/not/yet")
	var got struct{ Findings []finding }
	if err := json.Unmarshal([]byte(o.stdout), &got); err != nil || len(got.Findings) != 11 || o.code != 0 && o.code != exitEnvironment {
		t.Fatal(err, o)
	}
	verdicts := map[string]int{}
	for _, f := range got.Findings {
		verdicts[f.Verdict]++
		if f.Is == "" || f.Name == "disk" && !strings.Contains(f.Is, "takes") {
			t.Errorf("%+v", f)
		}
	}
	if unknown := slices.DeleteFunc(slices.Collect(maps.Keys(verdicts)), func(v string) bool { return v == "ok" || v == "warn" || v == "fail" }); len(unknown) != 0 {
		t.Error(unknown)
	}
}
