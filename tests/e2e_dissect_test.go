package tests

import (
	"bytes"
	"context"
	wire "encoding/binary"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// wireshark lets tshark's own dissector judge the datagrams that came. It reads them from a file: no right to capture is needed.
func (b *broadcaster) wireshark(t testing.TB) {
	t.Helper()
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		t.Log("no tshark here: the datagrams are not judged by it")
		return
	}
	datagrams := b.recorded()
	file := b.path("feed.pcap")
	if err := os.WriteFile(file, capture(datagrams), 0o600); err != nil {
		t.Fatal(err)
	}
	ask := func(more ...string) string {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		cmd := exec.CommandContext(ctx, tshark, append([]string{"-n", "-r", file, "-d", "udp.port==9010,moldudp64"}, more...)...)
		var out, said bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &said
		if err := cmd.Run(); err != nil {
			t.Fatalf("tshark: %v\n%s", err, said.String())
		}
		return out.String()
	}
	if bad := ask("-Y", "_ws.malformed || _ws.expert.severity == error || !moldudp64"); bad != "" {
		t.Errorf("malformed:\n%.2000s", bad)
	}
	n := 0
	for row := range strings.Lines(ask("-T", "fields", "-e", "moldudp64.count")) {
		count, err := strconv.ParseUint(strings.TrimSpace(row), 0, 16)
		if want := uint64(wire.BigEndian.Uint16(datagrams[n][18:])); err != nil || count != want {
			t.Fatalf("datagram %d has %d messages, tshark sees %q", n, want, row)
		}
		n++
	}
	if n != len(datagrams) {
		t.Errorf("tshark sees %d of %d datagrams", n, len(datagrams))
	}
}

// capture writes datagrams as a capture file of raw IPv4 packets to port 9010.
func capture(datagrams [][]byte) []byte {
	b := wire.LittleEndian.AppendUint32(nil, 0xa1b2c3d4)
	b = append(b, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	b = wire.LittleEndian.AppendUint32(b, 65535)
	b = wire.LittleEndian.AppendUint32(b, 101) // raw IP
	for i, d := range datagrams {
		for _, n := range []int{i, 0, 28 + len(d), 28 + len(d)} {
			b = wire.LittleEndian.AppendUint32(b, uint32(n))
		}
		b = append(b, 0x45, 0)
		b = wire.BigEndian.AppendUint16(b, uint16(28+len(d)))
		b = append(b, 0, 0, 0, 0, 64, 17, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1)
		b = append(b, 0x23, 0x28, 0x23, 0x32) // from port 9000 to 9010
		b = wire.BigEndian.AppendUint16(b, uint16(8+len(d)))
		b = append(b, 0, 0)
		b = append(b, d...)
	}
	return b
}
