//go:build linux

package ring_test

import (
	"fmt"
	"io"
	"net"
	"runtime"

	"matcher/ring"
)

// A server that sends back what it is sent, on one thread: it ends when its only client has gone.
func Example() {
	runtime.LockOSThread() // the ring belongs to this thread
	defer runtime.UnlockOSThread()
	u, err := ring.NewUring(ring.Config{Entries: 64, ReceiveBuffers: 64})
	if err != nil {
		fmt.Println("hello, ring") // a machine without io_uring
		return
	}
	defer func() { _ = u.Close() }()
	listener, addr, err := ring.Listen("127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go greet(addr)

	const accept, send, closing = 1 << 32, 2 << 32, 3 << 32 // above the descriptor, in the tag
	ops := []ring.Op{{Code: ring.Accept, File: int32(listener), Tag: accept}}
	var done []ring.Completion
	for open := true; open; {
		done, err = u.Turn(ops, done[:0], ring.Wait{Policy: ring.Adaptive, Until: 1e9})
		if err != nil {
			panic(err)
		}
		ops = ops[:0]
		for _, c := range done {
			file := int32(c.Tag)
			switch c.Tag &^ 0xffffffff {
			case accept:
				ops = append(ops, ring.Op{Code: ring.Receive, File: c.Res, Tag: uint64(c.Res)})
			case send: // the buffer was lent to the kernel until now; its number is in the tag
				ops = append(ops, ring.Op{Code: ring.Recycle, Buffer: uint16(c.Tag)})
			case closing:
				open = false
			default:
				if c.Res <= 0 {
					ops = append(ops, ring.Op{Code: ring.Close, File: file, Tag: closing})
					break
				}
				fmt.Printf("%s\n", u.Arena()[c.Off:c.Off+uint64(c.Res)])
				ops = append(ops, ring.Op{Code: ring.Send, File: file, Off: c.Off, Len: uint32(c.Res), Tag: send | uint64(c.Buffer)})
			}
		}
	}
	// Output: hello, ring
}

// greet sends one line and waits for it to come back.
func greet(addr string) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		panic(err)
	}
	line := []byte("hello, ring")
	if _, err = conn.Write(line); err == nil {
		_, err = io.ReadFull(conn, line)
	}
	if err != nil {
		panic(err)
	}
	_ = conn.Close()
}
