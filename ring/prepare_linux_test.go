//go:build linux

package ring

import (
	"testing"

	"golang.org/x/sys/unix"
)

// What the kernel is asked, bit by bit: some of it (durability above all) shows in no test of behaviour.
func TestPrepare(t *testing.T) {
	const base, file, tag = 1 << 30, 7, 1<<56 - 1
	tests := []struct {
		name string
		op   Op
		want sqe
	}{
		{"accept", Op{Code: Accept}, sqe{opcode: 13, ioprio: 1, opFlags: unix.SOCK_CLOEXEC}},
		{"receive", Op{Code: Receive}, sqe{opcode: 27, ioprio: 2, flags: 32}},
		{"receive once", Op{Code: ReceiveOnce}, sqe{opcode: 27, flags: 32}},
		{"send", Op{Code: Send}, sqe{opcode: 26, opFlags: unix.MSG_WAITALL | unix.MSG_NOSIGNAL}},
		{"send now", Op{Code: SendNow}, sqe{opcode: 26, flags: 64, opFlags: unix.MSG_WAITALL | unix.MSG_NOSIGNAL | unix.MSG_DONTWAIT}},
		{"write", Op{Code: Write, At: 512}, sqe{opcode: 23, off: 512, opFlags: unix.RWF_DSYNC}},
		{"write lazy", Op{Code: WriteLazy, At: 512}, sqe{opcode: 23, off: 512}},
		{"flush", Op{Code: Flush}, sqe{opcode: 3, opFlags: 1}},
		{"read", Op{Code: Read, At: 512}, sqe{opcode: 22, off: 512}},
		{"shutdown", Op{Code: Shutdown}, sqe{opcode: 34}},
		{"close", Op{Code: Close}, sqe{opcode: 19}},
		{"cancel", Op{Code: Cancel}, sqe{opcode: 14, opFlags: 3}},
	}
	u := &Uring{sqes: make([]sqe, 1), arena: make([]byte, 256), arenaAddr: base}
	for _, test := range tests {
		test.op.File, test.op.Tag = file, tag
		test.want.fd, test.want.userData = file, tag
		switch test.op.Code {
		case Send, SendNow, Write, WriteLazy, Read:
			test.op.Off, test.op.Len = 128, 128
			test.want.addr, test.want.length = base+128, 128
		case Shutdown:
			test.op.Len, test.want.length = 2, 2
		}
		u.prepare(&test.op) // into the entry of the test before
		if u.sqes[0] != test.want {
			t.Errorf("%s: %+v, want %+v", test.name, u.sqes[0], test.want)
		}
	}
}
