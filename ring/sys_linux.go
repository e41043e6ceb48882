//go:build linux

package ring

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// backlog is how many connections may wait to be accepted; net.core.somaxconn lowers it.
const backlog = 4096

// Listen opens a TCP listener on "host:port" (an empty host: every address, IPv6 and IPv4; port 0: any free one) and
// returns its descriptor and the address it really has. The address may be used again at once after a restart.
func Listen(addr string) (fd int, actual string, err error) {
	if _, _, err := net.SplitHostPort(addr); err != nil {
		return -1, "", fmt.Errorf("ring: listen on %q: %w", addr, err)
	}
	at, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		return -1, "", fmt.Errorf("ring: listen on %q: %w", addr, err)
	}
	fd, err = listen(at.AddrPort())
	if errors.Is(err, unix.EAFNOSUPPORT) && at.IP == nil { // a host without IPv6
		fd, err = listen(netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(at.Port)))
	}
	if err != nil {
		return -1, "", fmt.Errorf("ring: listen on %q: %w", addr, err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		_ = unix.Close(fd)
		return -1, "", fmt.Errorf("ring: listen on %q: getsockname: %w", addr, err)
	}
	return fd, address(name), nil
}

func listen(at netip.AddrPort) (int, error) {
	family, name := unix.AF_INET6, unix.Sockaddr(nil)
	switch ip := at.Addr().Unmap(); {
	case ip.Is4():
		family, name = unix.AF_INET, &unix.SockaddrInet4{Port: int(at.Port()), Addr: ip.As4()}
	case ip.Zone() != "":
		return -1, fmt.Errorf("an address with a zone is not supported: %w", unix.EINVAL)
	case ip.IsValid():
		name = &unix.SockaddrInet6{Port: int(at.Port()), Addr: ip.As16()}
	default:
		name = &unix.SockaddrInet6{Port: int(at.Port())}
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("socket: %w", err)
	}
	steps := []struct {
		call string
		do   func() error
	}{
		{"setsockopt SO_REUSEADDR", func() error { return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1) }},
		{"setsockopt IPV6_V6ONLY", func() error {
			if family != unix.AF_INET6 || at.Addr().IsValid() && !at.Addr().IsUnspecified() {
				return nil
			}
			return unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 0)
		}},
		{"bind", func() error { return unix.Bind(fd, name) }},
		{"listen", func() error { return unix.Listen(fd, backlog) }},
	}
	for _, step := range steps {
		if err := step.do(); err != nil {
			_ = unix.Close(fd)
			return -1, fmt.Errorf("%s: %w", step.call, err)
		}
	}
	return fd, nil
}

// address prints a socket address as "host:port".
func address(name unix.Sockaddr) string {
	switch name := name.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(name.Addr), uint16(name.Port)).String()
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(name.Addr).Unmap(), uint16(name.Port)).String()
	}
	return ""
}

// Peer returns the other end of a connection as "host:port", empty if it is gone. It allocates: call it once per connection.
func Peer(fd int) string {
	name, err := unix.Getpeername(fd)
	if err != nil {
		return ""
	}
	return address(name)
}

// PeerIP returns the address of the other end of a connection without its port, an IPv4 one as such also where the listener
// takes both; the zero Addr if it is gone.
func PeerIP(fd int) netip.Addr {
	at, err := netip.ParseAddrPort(Peer(fd))
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr()
}

// NoDelay lets a connection send small segments at once (TCP_NODELAY).
func NoDelay(fd int) error {
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return fmt.Errorf("ring: setsockopt TCP_NODELAY: %w", err)
	}
	return nil
}

// SetSendBuffer sets how many bytes a connection keeps for a slow peer (SO_SNDBUF); the kernel doubles the figure and has a
// least value. Tests use it to fill a connection.
func SetSendBuffer(fd, size int) error {
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, size); err != nil {
		return fmt.Errorf("ring: setsockopt SO_SNDBUF: %w", err)
	}
	return nil
}

// Pipe returns a pipe of blocking descriptors, close-on-exec. Writes of up to 4096 bytes are atomic, whoever writes; they
// wait while the pipe (64 KiB) is full. Read the read end through the ring.
func Pipe() (r, w int, err error) {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		return -1, -1, fmt.Errorf("ring: pipe2: %w", err)
	}
	return p[0], p[1], nil
}

// Pin keeps the calling thread on one cpu. The goroutine must be locked to its thread, or it moves on without the pin. Call
// MoveOthers first: a thread made by a pinned one is pinned too.
func Pin(cpu int) error {
	var set unix.CPUSet
	set.Set(cpu)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("ring: sched_setaffinity of this thread to cpu %d: %w", cpu, err)
	}
	return nil
}

// CPUs returns the cpus that the calling thread may run on, in order.
func CPUs() []int {
	var set unix.CPUSet
	if unix.SchedGetaffinity(0, &set) != nil {
		return nil
	}
	var cpus []int
	for cpu := range len(set) * strconv.IntSize {
		if set.IsSet(cpu) {
			cpus = append(cpus, cpu)
		}
	}
	return cpus
}

// MoveOthers takes cpu away from every thread of the process but the calling one. Threads made later inherit from the one
// that makes them. It is an error if a thread would be left without a cpu.
func MoveOthers(cpu int) error {
	self := unix.Gettid()
	moved := map[int]bool{self: true}
	for again := true; again; { // until a reading of the list shows no new thread
		again = false
		tasks, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return fmt.Errorf("ring: list the threads: %w", err)
		}
		for _, task := range tasks {
			tid, err := strconv.Atoi(task.Name())
			if err != nil || moved[tid] {
				continue
			}
			if err := moveOff(tid, cpu); err != nil {
				return fmt.Errorf("ring: move thread %d off cpu %d: %w", tid, cpu, err)
			}
			moved[tid], again = true, true
		}
	}
	return nil
}

func moveOff(tid, cpu int) error {
	var set unix.CPUSet
	err := unix.SchedGetaffinity(tid, &set)
	if err == nil && set.IsSet(cpu) {
		set.Clear(cpu)
		if set.Count() == 0 {
			return errors.New("it may run on no other")
		}
		err = unix.SchedSetaffinity(tid, &set)
	}
	if errors.Is(err, unix.ESRCH) { // it has ended
		return nil
	}
	return err
}

// MemoryLock returns the limits on locked memory in bytes (RLIMIT_MEMLOCK); the largest uint64 means no limit.
func MemoryLock() (soft, hard uint64, err error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &limit); err != nil {
		return 0, 0, fmt.Errorf("ring: getrlimit RLIMIT_MEMLOCK: %w", err)
	}
	return limit.Cur, limit.Max, nil
}

// collapse is MADV_COLLAPSE of madvise(2), which golang.org/x/sys does not name.
const collapse = 25

// Prefault puts memory in place, in huge pages where the kernel has them, so that nobody waits for a page later. It is a
// wish: memory for which the kernel does not grant it is as good as before.
func Prefault(address, size uintptr) {
	first := (address + pageSize - 1) &^ (pageSize - 1)
	if address+size < first+pageSize {
		return
	}
	n := (address + size - first) &^ (pageSize - 1)
	for _, advice := range [...]uintptr{unix.MADV_HUGEPAGE, unix.MADV_POPULATE_WRITE, collapse} {
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, first, n, advice)
	}
}
