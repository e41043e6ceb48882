//go:build linux

package ring

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// DirectAlign is what memory, offset and length of a direct read or write are multiples of. Every file for which OpenDirect
// says direct takes this, and most take less.
const DirectAlign = 4096

// OpenDirect opens a file to read and write. With create it must not exist yet, and size bytes are reserved for it where
// the file system can (else it is only made that long); without create, size is ignored. direct says that the file
// bypasses the page cache (O_DIRECT): statx(2) is asked for its alignment, because some file systems accept O_DIRECT and
// do not honour it. Otherwise the file is buffered. The entry in the directory is durable only after FsyncDir.
func OpenDirect(path string, create bool, size int64) (fd int, direct bool, err error) {
	flags := unix.O_RDWR | unix.O_CLOEXEC
	if create {
		flags |= unix.O_CREAT | unix.O_EXCL
	}
	fd, err = openRetry(path, flags)
	if err != nil {
		return -1, false, fmt.Errorf("ring: open %s: %w", path, err)
	}
	if create && size > 0 {
		if err := reserve(fd, 0, size); err != nil {
			_ = unix.Close(fd)
			_ = unix.Unlink(path)
			return -1, false, fmt.Errorf("ring: reserve %d bytes for %s: %w", size, path, err)
		}
	}
	return fd, setDirect(fd), nil
}

func openRetry(path string, flags int) (int, error) {
	for {
		fd, err := unix.Open(path, flags, 0o640)
		if !errors.Is(err, unix.EINTR) {
			return fd, err
		}
	}
}

// setDirect makes the descriptor bypass the page cache if statx says how and DirectAlign suffices. A kernel or file system
// that does not answer leaves zeros.
func setDirect(fd int) bool {
	var st unix.Statx_t
	err := unix.Statx(fd, "", unix.AT_EMPTY_PATH, unix.STATX_DIOALIGN, &st)
	fits := func(align uint32) bool { return align > 0 && DirectAlign%align == 0 }
	if err != nil || !fits(st.Dio_mem_align) || !fits(st.Dio_offset_align) {
		return false
	}
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	if err != nil {
		return false
	}
	_, err = unix.FcntlInt(uintptr(fd), unix.F_SETFL, flags|unix.O_DIRECT)
	return err == nil
}

// reserve makes sure that the bytes from, to exist in the file and, where the file system can, on the disk.
func reserve(fd int, from, to int64) error {
	for {
		err := unix.Fallocate(fd, 0, from, to-from)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case !errors.Is(err, unix.EOPNOTSUPP):
			return err
		}
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil || st.Size >= to {
			return err
		}
		return unix.Ftruncate(fd, to)
	}
}

// zeroPiece is what Zero writes, and nobody else writes to.
var zeroPiece = sync.OnceValue(func() []byte { return AlignedBuffer(1 << 20) })

// Zero writes zeros over the bytes from (included) to (excluded) of a file in 1 MiB pieces, having reserved its blocks
// first: what is written there later changes no metadata of the file, which is what makes a durable write one write. direct
// is what OpenDirect said; then from and to must be multiples of DirectAlign. It does not sync. It blocks for long: call it
// off the core.
func Zero(fd int, direct bool, from, to int64) error {
	if from < 0 || to < from || direct && (from|to)%DirectAlign != 0 {
		panic(fmt.Sprintf("ring: Zero of bytes %d to %d, direct %t", from, to, direct))
	}
	if from == to {
		return nil
	}
	if err := reserve(fd, from, to); err != nil {
		return fmt.Errorf("ring: reserve bytes %d to %d: %w", from, to, err)
	}
	zeros := zeroPiece()
	for at := from; at < to; at += int64(len(zeros)) {
		if err := WriteAt(fd, zeros[:min(int64(len(zeros)), to-at)], at); err != nil {
			return err
		}
	}
	return nil
}

// AlignedBuffer returns n zero bytes of the Go heap that begin at a multiple of DirectAlign. They serve WriteAt and ReadAt
// on a direct file; operations of the ring take memory of the arena only.
func AlignedBuffer(n int) []byte {
	raw := make([]byte, n+DirectAlign-1)
	skip := -int(uintptr(unsafe.Pointer(&raw[0]))) & (DirectAlign - 1)
	return raw[skip : skip+n : skip+n]
}

// WriteAt writes all of b at an offset of the file (pwrite(2)). It blocks: call it off the core.
func WriteAt(fd int, b []byte, at int64) error {
	for len(b) > 0 {
		n, err := unix.Pwrite(fd, b, at)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err == nil && n == 0 {
			err = io.ErrShortWrite
		}
		if err != nil {
			return fmt.Errorf("ring: write %d bytes at %d: %w", len(b), at, err)
		}
		b, at = b[n:], at+int64(n)
	}
	return nil
}

// ReadAt fills b from an offset of the file (pread(2)). A file that ends before is an error wrapping io.ErrUnexpectedEOF.
// It blocks: call it off the core.
func ReadAt(fd int, b []byte, at int64) error {
	for len(b) > 0 {
		n, err := unix.Pread(fd, b, at)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err == nil && n == 0 {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return fmt.Errorf("ring: read %d bytes at %d: %w", len(b), at, err)
		}
		b, at = b[n:], at+int64(n)
	}
	return nil
}

// Fsync makes all of a file durable, its length included. It blocks: call it off the core. After an error the state of the
// file on disk is unknown and a second call proves nothing.
func Fsync(fd int) error {
	for {
		err := unix.Fsync(fd)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return fmt.Errorf("ring: fsync: %w", err)
		}
		return nil
	}
}

// FsyncDir makes the entries of a directory durable: files made, renamed or removed in it.
func FsyncDir(path string) error {
	fd, err := openRetry(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC)
	if err != nil {
		return fmt.Errorf("ring: open directory %s: %w", path, err)
	}
	err = Fsync(fd)
	if e := unix.Close(fd); err == nil && e != nil {
		err = fmt.Errorf("ring: close directory %s: %w", path, e)
	}
	return err
}

// lockPatience is how long LockDir tries: after a process is killed, the kernel ends its io_uring a moment later, and until
// then its files, the lock among them, stay open.
const lockPatience = 250 * time.Millisecond

// ErrLocked is what LockDir's error wraps when another process holds the lock.
var ErrLocked = errors.New("another process holds the lock")

// LockDir takes the directory for this process: an exclusive flock(2) on the file "lock" in it, held until the descriptor
// is closed or the process ends. It tries for 250 ms, then the error wraps ErrLocked.
func LockDir(path string) (fd int, err error) {
	file := filepath.Join(path, "lock")
	fd, err = openRetry(file, unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC)
	if err != nil {
		return -1, fmt.Errorf("ring: open %s: %w", file, err)
	}
	for start := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		err = unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return fd, nil
		}
		waiting := errors.Is(err, unix.EWOULDBLOCK) || errors.Is(err, unix.EINTR)
		if !waiting || time.Since(start) > lockPatience {
			break
		}
	}
	_ = unix.Close(fd)
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = ErrLocked
	}
	return -1, fmt.Errorf("ring: lock %s: %w", file, err)
}
