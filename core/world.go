package core

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"matcher/ring"
	"matcher/snapshot"
)

// World is the machine that a venue runs on, as far as the loop's Kernel is not it: clock, chance, files, sockets. All of
// it but the clock is for the start and for the helper, off the hot path. Config.World nil means this machine; a
// simulation (tests/sim) is another one. Descriptors are numbers that World made and that its Kernel knows.
type World interface {
	Kernel(arena uint64) (Kernel, error)
	// Clock returns the time in ns since 1970, which may jump, and the time in ns since some moment, which never goes back.
	Clock() (wall, mono uint64)
	// Chance fills b with bytes that nobody can guess.
	Chance(b []byte)
	// Pin gives the calling thread a cpu of its own, as far as it can, and says what it did.
	Pin(cfg *Config) string
	// Prefault puts memory in place.
	Prefault(address, size uintptr)

	Listen(addr string) (fd int, actual string, err error)
	NoDelay(fd int)
	// Datagrams opens a socket for datagrams to one address. See ring.Datagrams.
	Datagrams(to, device string, hops int) (fd int, err error)
	Pipe() (r, w int, err error)
	// Post writes whole messages to a pipe, at once.
	Post(fd int, messages []byte)
	Close(fd int)

	// Lock takes a directory for this venue until the descriptor is closed; it makes the directory if it is missing.
	Lock(dir string) (fd int, err error)
	// Journal returns the files of a directory.
	Journal(dir string) fs.FS
	// Settle makes the segments in a directory durable, behind the last look at them and before the first write: a decision
	// must not rest on what a power cut could still take away, and writes of a venue that was killed may end meanwhile.
	Settle(dir string) error
	// Word opens the number in a file that readers beside the venue look at.
	Word(path string) (Word, error)
	// Create makes a file that must not exist yet and reserves its bytes. See ring.OpenDirect.
	Create(path string, size uint64) (fd int, direct bool, err error)
	// Reopen opens a file that is there already and has all of its bytes: so many.
	Reopen(path string, size uint64) (fd int, direct bool, err error)
	// Zero fills bytes of a file with zeros. They are durable after Sync.
	Zero(fd int, direct bool, from, to uint64) error
	Sync(fd int) error
	SyncDir(dir string) error
	// Head reads the first bytes of a file, as many as there are.
	Head(path string, b []byte) (int, error)
	Link(path, to string) error
	Rename(path, to string) error
	Remove(path string) error
}

// Word is a number that others read. Storing it costs a store to memory. ring.Word is one.
type Word interface {
	Store(n uint64)
	Close() error
}

// machine is this machine.
type machine struct {
	cfg     *Config
	start   time.Time // of the monotonic clock
	refused error     // why there is no io_uring, if that was left to us
}

// Machine is this machine, for a World that differs from it in something.
func Machine(cfg *Config) World { return newMachine(cfg) }

func newMachine(cfg *Config) *machine { return &machine{cfg: cfg, start: time.Now()} }

// Kernel makes the driver that the configuration asks for, with an arena for the caller.
func (m *machine) Kernel(arena uint64) (Kernel, error) {
	if m.cfg.kernel != nil {
		return m.cfg.kernel(arena)
	}
	if m.cfg.Backend != PortableBackend {
		k, err := ring.NewUring(ring.Config{ReceiveBuffers: receiveBuffers, ReceiveSize: receiveSize, ArenaSize: arena})
		if err == nil {
			return k, nil
		}
		if m.cfg.Backend == UringBackend || !refuses(err) {
			return nil, err
		}
		m.refused = err
	}
	k, err := ring.NewPortable(ring.Config{ReceiveBuffers: receiveBuffers, ReceiveSize: receiveSize, ArenaSize: arena})
	if err != nil {
		return nil, err // a nil *ring.Portable would be a Kernel
	}
	return k, nil
}

// refuses says whether an error is about io_uring itself, and not about what every driver needs.
func refuses(err error) bool {
	var setup *ring.SetupError
	return errors.As(err, &setup) && setup.Kind != ring.SetupOther
}

func (m *machine) Clock() (wall, mono uint64) {
	now := time.Now()
	return uint64(now.UnixNano()), uint64(now.Sub(m.start))
}

func (m *machine) Chance(b []byte)                { _, _ = rand.Read(b) } // it never fails (crypto/rand)
func (m *machine) Pin(cfg *Config) string         { return pin(cfg) }
func (m *machine) Prefault(address, size uintptr) { ring.Prefault(address, size) }

func (m *machine) Listen(addr string) (int, string, error) { return ring.Listen(addr) }
func (m *machine) NoDelay(fd int)                          { _ = ring.NoDelay(fd) } // a socket that cannot is slower, not wrong
func (m *machine) Datagrams(to, device string, hops int) (int, error) {
	return ring.Datagrams(to, device, hops)
}
func (m *machine) Pipe() (r, w int, err error) { return ring.Pipe() }
func (m *machine) Close(fd int)                { _ = syscall.Close(fd) }

// Post can only fail when nobody reads any more.
func (m *machine) Post(fd int, messages []byte) { _, _ = syscall.Write(fd, messages) }

func (m *machine) Lock(dir string) (int, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return -1, err
	}
	return ring.LockDir(dir)
}

func (m *machine) Journal(dir string) fs.FS { return snapshot.Files(dir) }

func (m *machine) Settle(dir string) error {
	names, err := filepath.Glob(filepath.Join(dir, "*.mj"))
	if err != nil {
		return fmt.Errorf("core: journal: %w", err)
	}
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			return fmt.Errorf("core: journal: %w", err)
		}
		err = ring.Fsync(int(f.Fd()))
		_ = f.Close() // it was only read
		if err != nil {
			return fmt.Errorf("core: journal: %w", err)
		}
	}
	return nil
}

func (m *machine) Word(path string) (Word, error) {
	w, err := ring.OpenWord(path)
	if err != nil {
		return nil, err // a nil *ring.Word would be a Word
	}
	return w, nil
}

func (m *machine) Create(path string, size uint64) (int, bool, error) {
	return ring.OpenDirect(path, true, int64(size))
}

func (m *machine) Reopen(path string, size uint64) (int, bool, error) {
	var st syscall.Stat_t
	if err := syscall.Stat(path, &st); err != nil || uint64(st.Size) != size || uint64(st.Blocks)*512 < size { // with holes: a copy
		return -1, false, errors.Join(errUsed, err)
	}
	return ring.OpenDirect(path, false, 0)
}

func (m *machine) Zero(fd int, direct bool, from, to uint64) error {
	return ring.Zero(fd, direct, int64(from), int64(to))
}

func (m *machine) Sync(fd int) error            { return ring.Fsync(fd) }
func (m *machine) SyncDir(dir string) error     { return ring.FsyncDir(dir) }
func (m *machine) Link(path, to string) error   { return os.Link(path, to) }
func (m *machine) Rename(path, to string) error { return os.Rename(path, to) }
func (m *machine) Remove(path string) error     { return os.Remove(path) }

func (m *machine) Head(path string, b []byte) (int, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	n, err := f.ReadAt(b, 0)
	_ = f.Close() // it was only read
	if n < len(b) {
		err = nil // a short file; what cannot be read at all shows when it is replaced
	}
	return n, err
}
