package tests

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What README.md and JOURNALS.md may promise, they must keep. Their blocks fenced as ```sh are run if their first command is
// `matcher ...` or `go run ./cmd/matcher ...`: in order, by one shell, in one empty directory, so that a later block may use
// what an earlier one made. A command that fails ends the test. A line that ends with ` &` is a server: the next line waits until it is
// ready. A block that shows output, or that should not be run, is fenced as ```console or ```text.
//
// So that it may run anywhere: the port 9001 becomes a free one, a demo without --for lasts a second, and `matcher` is the
// binary built from these sources.

var (
	fenced  = regexp.MustCompile("(?ms)^```sh\n(.*?)^```")
	command = regexp.MustCompile(`(^|[|(;&]\s*)(go run \./cmd/matcher|matcher) `)
)

// runnable returns the blocks of a text that are to be run, and how many ```sh blocks are not.
func runnable(text string) (blocks []string, others int) {
	for _, m := range fenced.FindAllStringSubmatch(text, -1) {
		first := ""
		for line := range strings.Lines(m[1]) {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
				first = line
				break
			}
		}
		if strings.HasPrefix(first, "matcher ") || strings.HasPrefix(first, "go run ./cmd/matcher ") {
			blocks = append(blocks, m[1])
		} else {
			others++
		}
	}
	return blocks, others
}

// script makes one shell script of blocks.
func script(blocks []string, port string) string {
	var b strings.Builder
	b.WriteString("set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true; wait || true' EXIT\n")
	b.WriteString("ready() { for i in $(seq 200); do grep -q '^ready:' \"$1\" && return 0; sleep 0.05; done; cat \"$1\" >&2; return 1; }\n")
	servers := 0
	for _, block := range blocks {
		for line := range strings.Lines(strings.ReplaceAll(block, "\\\n", " ")) {
			line = strings.TrimRight(strings.ReplaceAll(line, "9001", port), " \n")
			line = command.ReplaceAllString(line, `${1}"$$MATCHER" `)
			if strings.Contains(line, `"$MATCHER" demo`) && !strings.Contains(line, "--for") {
				line = strings.Replace(line, " demo", " demo --for 1s", 1)
			}
			if server, ok := strings.CutSuffix(line, " &"); ok {
				servers++
				line = fmt.Sprintf("%s 2> server%d.log &\nready server%d.log", server, servers, servers)
			}
			b.WriteString(line + "\n")
		}
	}
	return b.String()
}

func TestReadme(t *testing.T) {
	var all []string
	for _, name := range []string{"README.md", "JOURNALS.md"} { // the second goes on where the first ends
		blocks, others := runnable(document(t, name))
		t.Logf("%s: %d blocks are run, %d other sh blocks are not", name, len(blocks), others)
		if len(blocks) == 0 {
			t.Fatalf("%s has no block that can be run", name)
		}
		all = append(all, blocks...)
	}
	runScript(t, all)
}

// runScript runs blocks in a fresh directory and fails with everything they said.
func runScript(t *testing.T, blocks []string) string {
	t.Helper()
	v := newVenue(t, "0.01") // for its settings
	v.serve().stop(patience) // skips where there can be no server
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	port := freePort(t)
	cmd := v.child(ctx)
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("no bash here")
	}
	cmd.Path, cmd.Args, cmd.Dir = bash, []string{"bash", "-c", script(blocks, port)}, t.TempDir()
	cmd.Env = append(cmd.Env, "MATCHER="+binary(t), "MATCHER_LISTEN=127.0.0.1:"+port)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) } // the shell and all its children
	cmd.WaitDelay = time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	return out.String()
}

// freePort finds a port that nobody listens on now.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return port
}

// TestReadmeConvention holds that a text of the form above is run as it says.
func TestReadmeConvention(t *testing.T) {
	text := "# x\n```sh\nmatcher init venue   # makes it\nmatcher user add ALICE -c venue/matcher.toml > alice.key\n" +
		"matcher serve -c venue/matcher.toml &\n```\ntext\n```console\n$ matcher nonsense\n```\n```sh\nmake check\n```\n" +
		"```sh\n# then\ngo run ./cmd/matcher send sell 100 AAPL 187.25 \\\n  --user ALICE --key-file alice.key --to 127.0.0.1:9001 | tee answer\n```\n"
	blocks, others := runnable(text)
	if len(blocks) != 2 || others != 1 {
		t.Fatalf("%d blocks and %d others", len(blocks), others)
	}
	if out := runScript(t, blocks); !strings.Contains(out, "ALICE  accepted  ref=1 side=sell qty=100 symbol=AAPL price=187.2500") {
		t.Error(out)
	}
	failing := exec.Command("bash", "-c", script([]string{"matcher nonsense\ntrue\n"}, "1"))
	failing.Env = append(os.Environ(), "MATCHER="+binary(t))
	if failing.Run() == nil {
		t.Error("a command that fails was passed over")
	}
}
