package core

import (
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"matcher/ring"
)

// badDisk is a kernel whose journal write fails once when it is told so, and succeeds ever after, as a disk may that has
// forgotten what it could not keep.
type badDisk struct {
	Kernel
	fail   atomic.Int32 // result of the next write of a block, 0: as it is
	failed atomic.Int32 // how many failed
	later  atomic.Int32 // writes to the journal that were asked for afterwards
}

func (k *badDisk) Turn(ops []ring.Op, done []ring.Completion, w ring.Wait) ([]ring.Completion, error) {
	if k.failed.Load() != 0 {
		for i := range ops {
			if kind := kindOf(ops[i].Tag); kind == tagBlock || kind == tagHeader {
				k.later.Add(1)
			}
		}
	}
	before := len(done)
	done, err := k.Kernel.Turn(ops, done, w)
	for i := before; i < len(done); i++ {
		if c := &done[i]; kindOf(c.Tag) == tagBlock && k.failed.Load() == 0 {
			if res := k.fail.Load(); res != 0 {
				c.Res = res
				k.failed.Add(1)
			}
		}
	}
	return done, err
}

// TestFailStop: a journal write that fails, or is cut short, ends the venue at once: nothing that was not durable is answered,
// nothing is written any more, and the next start has what was acknowledged.
func TestFailStop(t *testing.T) { onEach(t, testFailStop) }

func testFailStop(t *testing.T, backend Backend) {
	for _, durability := range []Durability{Sync, Written} {
		for _, result := range []int32{-int32(syscall.EIO), -int32(syscall.ENOSPC), 512} {
			t.Run(fmt.Sprint(durability, result), func(t *testing.T) {
				c := configOn(t, backend)
				c.Durability = durability
				disk := &badDisk{}
				c.kernel = func(arena uint64) (_ Kernel, err error) {
					m := newMachine(&Config{Backend: backend})
					disk.Kernel, err = m.Kernel(arena)
					return disk, err
				}
				s := open(t, c)
				a := dial(t, s, "U0", 1)
				a.order('S', 1, 1_000_000, '0')
				a.settle()
				disk.fail.Store(result)
				for range 3 {
					a.order('S', 1, 1_000_000, '0')
					if a.Flush() != nil {
						break
					}
				}
				ended := make(chan error, 1)
				go func() { _, err := s.Run(); ended <- err }()
				var err error
				select {
				case err = <-ended:
				case <-time.After(20 * time.Second):
					t.Fatal("the venue goes on")
				}
				var failed *JournalError
				if !errors.As(err, &failed) || failed.Wrote != result {
					t.Fatalf("the venue ended with %v", err)
				}
				if result < 0 && !errors.Is(err, syscall.Errno(-result)) {
					t.Fatalf("%v does not say why", err)
				}
				if m, err := a.Recv(); err == nil {
					t.Fatalf("an answer of type %c left after the failure", m.Payload[0])
				}
				if disk.later.Load() != 0 {
					t.Fatalf("%d writes after the failure", disk.later.Load())
				}
				c.kernel = nil
				s = open(t, c)
				b := dial(t, s, "U0", 1)
				b.settle()
				if durability == Sync && b.types()[:3] != a.types() {
					t.Fatalf("was told %s, and the day says %s", a.types(), b.types())
				}
				stop(t, s)
				verify(t, c.Journal)
			})
		}
	}
}
