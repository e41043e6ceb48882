//go:build linux

package ring_test

import (
	"fmt"
	"io"
	"net"
	"runtime"

	"matcher/ring"
)

// A server that sends back what it is sent, on one thread and on each driver: io_uring, and the portable one that takes its
// place where io_uring is refused. The loop around Turn is the same.
func Example() {
	runtime.LockOSThread() // a ring belongs to this thread
	defer runtime.UnlockOSThread()
	cfg := ring.Config{Entries: 64, ReceiveBuffers: 64}
	if u, err := ring.NewUring(cfg); err == nil {
		serveOne(u)
		_ = u.Close()
	} else {
		fmt.Println("hello, ring") // a machine without io_uring
	}
	p, err := ring.NewPortable(cfg)
	if err != nil {
		panic(err)
	}
	serveOne(p)
	_ = p.Close()
	// Output:
	// hello, ring
	// hello, ring
}

// turner is what a loop needs of a driver.
type turner interface {
	Turn(ops []ring.Op, done []ring.Completion, w ring.Wait) ([]ring.Completion, error)
	Arena() []byte
}

// serveOne echoes until its only client has gone.
func serveOne(k turner) {
	listener, addr, err := ring.Listen("127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go greet(addr)

	const accept, send, closing, quiet = 1 << 32, 2 << 32, 3 << 32, 4 << 32 // above the descriptor, in the tag
	ops := []ring.Op{{Code: ring.Accept, File: int32(listener), Tag: accept}}
	var done []ring.Completion
	for open := 2; open > 0; { // the connection and the listener
		done, err = k.Turn(ops, done[:0], ring.Wait{Policy: ring.Adaptive, Until: 1e9})
		if err != nil {
			panic(err)
		}
		ops = ops[:0]
		for _, c := range done {
			file := int32(c.Tag)
			switch c.Tag &^ 0xffffffff {
			case accept:
				if c.Res >= 0 { // else it was cancelled
					ops = append(ops, ring.Op{Code: ring.Receive, File: c.Res, Tag: uint64(c.Res)})
				}
			case send: // the buffer was lent to the kernel until now; its number is in the tag
				ops = append(ops, ring.Op{Code: ring.Recycle, Buffer: uint16(c.Tag)})
			case closing:
				open--
			case quiet: // nothing follows from it
			default:
				if c.Res <= 0 {
					ops = append(ops, ring.Op{Code: ring.Close, File: file, Tag: closing},
						ring.Op{Code: ring.Cancel, File: int32(listener), Tag: quiet}, ring.Op{Code: ring.Close, File: int32(listener), Tag: closing})
					break
				}
				fmt.Printf("%s\n", k.Arena()[c.Off:c.Off+uint64(c.Res)])
				ops = append(ops, ring.Op{Code: ring.Send, File: file, Off: c.Off, Len: uint32(c.Res), Tag: send | uint64(c.Buffer)})
			}
		}
	}
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
