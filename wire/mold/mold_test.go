package mold

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"
)

// Packets written out by hand from the layout of MoldUDP64 1.00.
func TestPackets(t *testing.T) {
	session := [10]byte{'2', '6', '1', '1', '2', '5', '0', '0', '0', '1'}
	for _, c := range []struct {
		name     string
		hex      string
		header   Header
		messages []string
	}{
		{"two messages", "32363131323530303031 0000000000000007 0002 0003 616263 0001 64", Header{session, 7, 2}, []string{"abc", "d"}},
		{"an empty message", "32363131323530303031 0000000000000007 0001 0000", Header{session, 7, 1}, []string{""}},
		{"heartbeat", "32363131323530303031 00000000000000ff 0000", Header{session, 255, Heartbeat}, nil},
		{"end of session", "32363131323530303031 0000000100000000 ffff", Header{session, 1 << 32, EndOfSession}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := unhex(t, c.hex)
			b := c.header.Append(nil)
			for _, m := range c.messages {
				b = AppendBlock(b, []byte(m))
			}
			if !bytes.Equal(b, want) {
				t.Fatalf("written %x\nwant    %x", b, want)
			}
			put := make([]byte, HeaderSize)
			c.header.Put(put)
			if !bytes.Equal(put, want[:HeaderSize]) {
				t.Errorf("Put wrote %x", put)
			}
			var p Packet
			if err := p.Decode(want); err != nil {
				t.Fatal(err)
			}
			if p.Header != c.header || p.Messages() != len(c.messages) {
				t.Errorf("read %+v, %d messages", p.Header, p.Messages())
			}
			rest := p.Blocks
			for i, m := range c.messages {
				var message []byte
				var ok bool
				if message, rest, ok = Next(rest); !ok || string(message) != m {
					t.Errorf("message %d: %q, %v", i, message, ok)
				}
			}
			for n := range want {
				if err := p.Decode(want[:n]); !errors.Is(err, ErrLength) {
					t.Errorf("cut to %d bytes: %v", n, err)
				}
			}
			if err := p.Decode(append(want, 0)); !errors.Is(err, ErrLength) {
				t.Errorf("one byte too many: %v", err)
			}
		})
	}
}

func TestRequest(t *testing.T) {
	want := Header{[10]byte{'S', 'E', 'S', 'S', 'I', 'O', 'N', ' ', ' ', ' '}, 9, 500}
	b := want.Append(nil)
	if len(b) != RequestSize {
		t.Fatalf("%d bytes", len(b))
	}
	var h Header
	if err := h.DecodeRequest(b); err != nil || h != want {
		t.Errorf("%+v, %v", h, err)
	}
	for _, b := range [][]byte{nil, b[:19], append(b, 0)} {
		if err := h.DecodeRequest(b); !errors.Is(err, ErrLength) {
			t.Errorf("%d bytes: %v", len(b), err)
		}
	}
}

func FuzzPacket(f *testing.F) {
	f.Add([]byte("2611250001\x00\x00\x00\x00\x00\x00\x00\x07\x00\x02\x00\x03abc\x00\x01d"))
	f.Add([]byte("2611250001\x00\x00\x00\x00\x00\x00\x00\x07\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var p Packet
		if p.Decode(b) != nil {
			return
		}
		again := p.Append(nil)
		rest := p.Blocks
		for range p.Messages() {
			var message []byte
			message, rest, _ = Next(rest)
			again = AppendBlock(again, message)
		}
		if !bytes.Equal(again, b) {
			t.Fatalf("%x became %x", b, again)
		}
	})
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(string(bytes.ReplaceAll([]byte(s), []byte(" "), nil)))
	if err != nil {
		t.Fatal(err)
	}
	return b
}
