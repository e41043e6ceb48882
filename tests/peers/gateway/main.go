// Command gateway sets the venue beside the floor of its protocol on this machine: a C server on io_uring that answers the same
// messages without a market behind it, a bare durable write, and a Go server of the usual make. It builds all of them, runs
// them in turns on one cpu while the load runs on another, and prints ratios against the goals. See README.md of tests/peers.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// rig is what a measurement has: programs, cpus, and the figures so far.
type rig struct {
	dir, binary          string // everything that is built or written lies in dir
	clientCPU, serverCPU int
	rounds               int
	ahead                int
	orders               int
	milliseconds         int
	rate                 float64
	running              []*server
	figures              figures
}

// parts are what can be measured by itself, in the order of the table.
var parts = []struct {
	name string
	run  func(*rig) error
}{
	{"rtt", (*rig).rtt},
	{"flood", (*rig).flood},
	{"throughput", (*rig).throughput},
	{"open", (*rig).open},
	{"calls", (*rig).calls},
	{"scale", (*rig).scale},
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "gateway:", err)
		os.Exit(1)
	}
}

func run() (err error) {
	r := &rig{figures: figures{}}
	net := flag.Bool("serve-net", false, "be the Go server that is measured")
	flag.IntVar(&r.rounds, "rounds", 5, "rounds; in each, every contestant runs once")
	flag.IntVar(&r.orders, "orders", 20_000, "of a round trip measurement; a tenth of it where every order waits for the disk")
	flag.IntVar(&r.ahead, "ahead", 4, "segments of the journal, 256 MiB each, that are prepared before a run begins; with 1 the next is zeroed beside it")
	flag.IntVar(&r.milliseconds, "ms", 1500, "of a throughput measurement, after a fifth of it that does not count")
	flag.Float64Var(&r.rate, "rate", 2_000_000, "messages a second offered by the open loop; every other one is an order")
	flag.IntVar(&r.clientCPU, "client-cpu", 0, "cpu of the load")
	flag.IntVar(&r.serverCPU, "server-cpu", runtime.NumCPU()-1, "cpu of the servers")
	flag.StringVar(&r.dir, "dir", "", "`directory` on the disk of the journals (default the temporary one)")
	only := flag.String("only", "", "`names` of parts, with commas: rtt, flood, throughput, open, calls, scale; all if empty")
	flag.Parse()
	if *net {
		return serveNet()
	}
	if runtime.NumCPU() < 2 || r.clientCPU == r.serverCPU {
		return errors.New("the load and the servers need a cpu each")
	}
	for _, tool := range []string{"gcc", "taskset"} {
		if _, err := exec.LookPath(tool); err != nil {
			fmt.Printf("skipped: %s is not here, and the floor cannot be built or run without it\n", tool)
			return nil
		}
	}
	if r.dir, err = os.MkdirTemp(r.dir, "matcher-gateway-"); err != nil {
		return err
	}
	defer func() {
		for _, s := range r.running {
			_, _ = s.stop() // those that an error left running
		}
		_ = os.RemoveAll(r.dir)
	}()
	if err := r.build(); err != nil {
		return err
	}
	fmt.Printf("%s, %s, client on cpu %d, servers on cpu %d, medians of %d rounds [least, greatest]\n", kernel(), runtime.Version(), r.clientCPU, r.serverCPU, r.rounds)
	wanted := strings.Split(*only, ",")
	for _, p := range parts {
		if *only != "" && !slices.Contains(wanted, p.name) {
			continue
		}
		if err := p.run(r); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	fmt.Print(r.figures.table())
	return nil
}

// build makes the three C programs and the venue's binary.
func (r *rig) build() error {
	source, err := goList("list", "-f", "{{.Dir}}", "matcher/tests/peers/gateway")
	if err != nil {
		return err
	}
	root, err := goList("list", "-m", "-f", "{{.Dir}}", "matcher")
	if err != nil {
		return err
	}
	for _, name := range []string{"floor", "load", "disk"} {
		out, err := exec.Command("gcc", "-O2", "-Wall", "-o", r.program(name), filepath.Join(source, "native", name+".c")).CombinedOutput()
		if err != nil {
			return fmt.Errorf("gcc: %w\n%s", err, out)
		}
	}
	r.binary = r.program("matcher")
	cmd := exec.Command("go", "build", "-o", r.binary, "./cmd/matcher")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}

func goList(args ...string) (string, error) {
	out, err := exec.Command("go", args...).Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w (run it in tests/peers)", strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out)), nil
}

func (r *rig) program(name string) string { return filepath.Join(r.dir, name) }

func kernel() string {
	data, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return "Linux"
	}
	return "Linux " + strings.TrimSpace(string(data))
}
