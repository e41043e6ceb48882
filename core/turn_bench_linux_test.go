//go:build linux

package core

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"net/netip"
	"runtime"
	"testing"

	"matcher/engine"
	"matcher/gateway"
	"matcher/ring"
	"matcher/wire/ouch"
	"matcher/wire/soupbin"
)

// BenchmarkTurn is what a message costs the loop without the kernel: sessions that always have a window of orders, or of the
// cancels of those, received, and writes and sends that end at once. The rest of a venue's time is the kernel's.
func BenchmarkTurn(b *testing.B) {
	b.Run("async", func(b *testing.B) { benchmarkTurn(b, Async, 64, 128) })
	b.Run("sync", func(b *testing.B) { benchmarkTurn(b, Sync, 64, 128) })
}

func benchmarkTurn(b *testing.B, durability Durability, sessions, window int) {
	runtime.LockOSThread() // for good: the ring is this thread's
	var v *Stepped
	var crowd *crowd
	end := func() {
		if v != nil {
			v.loop.shutdown()
			v.server.pipe.close()
		}
	}
	defer func() { end() }()
	begin := func() {
		end()
		c := config(b)
		c.Durability, c.MaxUsers, c.MaxSessions, c.Wait = durability, uint32(sessions+8), sessions+8, ring.Spin
		c.StreamMemory, c.Prefault, c.Log = 384<<20, 384<<20, nil
		for i := len(c.Users); i < sessions; i++ {
			name := fmt.Sprintf("U%d", i)
			mac := hmac.New(sha256.New, c.Secret[:])
			mac.Write([]byte(name + ":KEY"))
			c.Users = append(c.Users, User{Name: name, Firm: "ALFA", Hash: [32]byte(mac.Sum(nil))})
		}
		c.kernel = func(arena uint64) (_ Kernel, err error) {
			crowd = newCrowd(sessions, window)
			crowd.Kernel, err = newMachine(&Config{Backend: PortableBackend}).Kernel(arena)
			return crowd, err
		}
		c.World = newMachine(&c)
		var err error
		if v, err = OpenStepped(c); err != nil {
			b.Fatal(err)
		}
		l := v.loop
		var cmd engine.Command
		for n := range int32(sessions) {
			l.gateway.Open(n, netip.Addr{}, l.mono)
			login := soupbin.Login{Password: [10]byte([]byte("KEY       "))}
			copy(login.Username[:], fmt.Sprintf("%-6s", c.Users[n].Name))
			if l.gateway.Receive(n, soupbin.AppendLogin(nil, &login, soupbin.Right), l.mono, &cmd); l.gateway.Unknown(n) {
				b.Fatal("no login")
			}
			l.conns.all[n] = conn{fd: crowdFD + n, used: true, armed: true}
		}
		l.files.current.size = 1 << 40 // nothing is written
		crowd.open = true
	}
	begin()
	sent := uint64(0)
	b.ResetTimer()
	for done := uint64(0); done < uint64(b.N); {
		if v.loop.gateway.Free() < 16*uint64(sessions)*gateway.ChunkSize {
			b.StopTimer()
			begin()
			b.StartTimer()
		}
		before := v.loop.commands
		if !v.Turn() {
			b.Fatal(v.Err())
		}
		done += v.loop.commands - before
		sent += uint64(len(v.loop.sends))
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/float64(sent), "messages/send")
}

// crowd is a kernel above another whose connections always have more: each gets its next window once it holds none.
type crowd struct {
	Kernel
	open     bool
	sessions []speaker
}

type speaker struct {
	ref     uint32
	cancels bool
	busy    bool
	packets [2][]byte // a window of orders, of cancels
}

const crowdFD = 1 << 20

func newCrowd(sessions, window int) *crowd {
	k := &crowd{sessions: make([]speaker, sessions)}
	for i := range k.sessions {
		s := &k.sessions[i]
		s.ref = 1
		for range window {
			s.packets[0] = soupbin.AppendUnsequenced(s.packets[0], (&ouch.EnterOrder{
				Side: 'B', Quantity: 100, Symbol: ouch.Symbol("AAPL"), TimeInForce: '0', Display: 'Y', Capacity: 'P', Sweep: 'N', CrossType: 'N',
				ClOrdID: ouch.ClOrdID("ORDER"),
			}).Append(nil))
			s.packets[1] = soupbin.AppendUnsequenced(s.packets[1], (&ouch.CancelOrder{}).Append(nil))
		}
	}
	return k
}

func (k *crowd) Turn(ops []ring.Op, done []ring.Completion, w ring.Wait) ([]ring.Completion, error) {
	if !k.open {
		return k.Kernel.Turn(ops, done, w)
	}
	rest := ops[:0:0]
	for i := range ops {
		switch op := &ops[i]; op.Code {
		case ring.Recycle:
			k.sessions[op.Buffer].busy = false
		case ring.Write, ring.WriteLazy:
			done = append(done, ring.Completion{Tag: op.Tag, Res: int32(op.Len)})
		case ring.SendNow:
		default:
			rest = append(rest, *op)
		}
	}
	if len(rest) != 0 {
		var err error
		if done, err = k.Kernel.Turn(rest, done, ring.Wait{}); err != nil {
			return done, err
		}
	}
	for n := range k.sessions {
		if s := &k.sessions[n]; !s.busy {
			s.busy = true
			done = append(done, ring.Completion{
				Tag: tag(tagReceive, int32(n)), Res: int32(s.speak(k.Arena()[n*receiveSize:])), More: true, Filled: true, Buffer: uint16(n), Off: uint64(n * receiveSize),
			})
		}
	}
	return done, nil
}

// speak writes a session's next window to a receive buffer.
func (s *speaker) speak(buffer []byte) int {
	kind, size, ref := 0, soupbin.HeaderSize+ouch.EnterOrderSize, s.ref
	if s.cancels {
		kind, size = 1, soupbin.HeaderSize+ouch.CancelOrderSize
	}
	n := copy(buffer, s.packets[kind])
	for at := 0; at < n; at += size {
		binary.BigEndian.PutUint32(buffer[at+soupbin.HeaderSize+1:], ref)
		if kind == 0 {
			binary.BigEndian.PutUint64(buffer[at+soupbin.HeaderSize+18:], 1_000_000-uint64(ref%5)*100)
		}
		ref++
	}
	if s.cancels {
		s.ref = ref
	}
	s.cancels = !s.cancels
	return n
}
