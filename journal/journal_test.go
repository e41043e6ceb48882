package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
)

// golden is a segment of fixed bytes: two plain blocks, a run of two, a block of two pages.
func golden() []byte {
	r := newRig(0, 1, 8*BlockUnit, 2, 2)
	for i, fills := range []int{0, 5, 126, 70} {
		seq := uint64(i + 1)
		r.w.Command(append(cell(16, seq, 1000*seq), cell(KindContinue, ^seq, ^seq)...), seq, 1000*seq)
		for n := range fills {
			c := cellOf(64, seq, 1000*seq)
			binary.LittleEndian.PutUint64(c[24:], uint64(n))
			r.w.Fill(&c)
		}
		r.seal()
		r.settle()
	}
	return r.files[SegmentName(1)].Data
}

// A change of the format must be one on purpose: with a new Version, and journals of the old one still refused clearly.
func TestGoldenSegment(t *testing.T) {
	const want = "5aa6c86ff79eb3986fcca3283099daf08c1ab7659a89215be808b36e86a06eec"
	sum := sha256.Sum256(golden())
	if got := hex.EncodeToString(sum[:]); got != want {
		t.Errorf("the format has changed: sha256 %s, want %s", got, want)
	}
}

// The layouts as FORMAT.md draws them, each field found by its own value.
func TestLayout(t *testing.T) {
	le := binary.LittleEndian
	id := ID{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
	b := make([]byte, SegmentHeaderSize)
	s := SegmentHeader{
		ID: id, Segment: 0x0a0b, Epoch: 0x11, First: 0x12000, FirstSeq: 0x13, Size: 0x14000,
		Chain: 0x15, LastSeq: 0x12, Created: 0x17,
	}
	s.Encode(b)
	want := make([]byte, SegmentHeaderSize)
	copy(want, "\x03MJS")
	le.PutUint32(want[4:], checksum(b))
	want[8], want[12], want[13], want[32], want[41], want[42], want[48], want[57], want[58] = 1, 0x0b, 0x0a, 0x11, 0x20, 1, 0x13, 0x40, 1
	copy(want[16:], id[:])
	want[64], want[73], want[74], want[80], want[88], want[96] = 4, 0x20, 1, 0x15, 0x12, 0x17
	if !bytes.Equal(b, want) {
		t.Errorf("segment header\n%x, want\n%x", b[:128], want[:128])
	}
	var s2 SegmentHeader
	if err := s2.Decode(b); err != nil || s2 != s {
		t.Errorf("%v: %+v, want %+v", err, s2, s)
	}

	b = make([]byte, BlockUnit)
	h := BlockHeader{
		Length: 0x1000, Count: 0x21, Flags: 0x5, ID: id, Epoch: 0x22, Position: 0x23, FirstSeq: 0x24, LastSeq: 0x25,
		Time: 0x26, Promise: 0x27, Chain: 0x28, StateHash: 0x29, OutputHash: 0x2a,
	}
	h.encode(b, 0, 0)
	want = make([]byte, BlockUnit)
	copy(want, "\x01MJB")
	le.PutUint32(want[4:], h.CRC)
	want[9], want[12], want[16], want[18], want[40], want[48], want[56] = 0x10, 0x21, 1, 5, 0x22, 0x23, 0x24
	copy(want[24:], id[:])
	want[64], want[72], want[80], want[88], want[96], want[104], want[112] = 2, 0x26, 0x27, 0x28, 0x29, 0x2a, 0x25
	if !bytes.Equal(b, want) {
		t.Errorf("block header\n%x, want\n%x", b[:128], want[:128])
	}
	var h2 BlockHeader
	if h2.decode(b); h2 != h {
		t.Errorf("%+v, want %+v", h2, h)
	}
}

func TestChain(t *testing.T) {
	seen := map[uint64]bool{}
	for prev := range uint64(64) {
		for crc := range uint32(64) {
			seen[Chain(Chain(prev, crc), crc)] = true
		}
	}
	if len(seen) != 64*64 || Chain(0, 0) == 0 {
		t.Errorf("%d chains of %d", len(seen), 64*64)
	}
	if got := Chain(1, 2); got != 0x11ae01006bb62ce3 { // as FORMAT.md computes it
		t.Errorf("Chain(1, 2) = %#x", got)
	}
}

func TestReaderMemoryIsBounded(t *testing.T) {
	r := newRig(1, 1, 64<<20, 16, 16)
	for range 400 {
		r.turn(40, 50)
	}
	r.seal()
	r.settle()
	reader, err := Open(r.files)
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = reader.Next()
	}
	if !errors.Is(err, io.EOF) || cap(reader.window) > readAhead {
		t.Errorf("%v, window of %d bytes", err, cap(reader.window))
	}
	// A length beyond MaxBlock is no block, whatever its checksum.
	data := r.files[SegmentName(1)].Data[SegmentHeaderSize:]
	binary.LittleEndian.PutUint32(data[8:], MaxBlock+BlockUnit)
	if d := readAll(r.files).damage(t); d.Kind != Corrupt || !strings.Contains(d.What, "no block") {
		t.Error(d)
	}
}

func TestErrorStays(t *testing.T) {
	reader, err := Open(fstest.MapFS{SegmentName(1): &fstest.MapFile{Data: golden()}})
	if err != nil {
		t.Fatal(err)
	}
	for range 6 {
		_, err = reader.Next()
	}
	for range 3 {
		if !errors.Is(err, io.EOF) || reader.Close() != nil {
			t.Errorf("%v at the end, want io.EOF", err)
		}
		_, err = reader.Next()
	}
}

func FuzzDecodeSegmentHeader(f *testing.F) {
	f.Add(golden()[:128])
	f.Fuzz(func(t *testing.T, b []byte) {
		page := make([]byte, SegmentHeaderSize)
		copy(page, b)
		for range 2 {
			var h SegmentHeader
			if h.Decode(page) == nil {
				again := make([]byte, SegmentHeaderSize)
				if h.Encode(again); !bytes.Equal(again, page) {
					t.Error("decoded and encoded again: other bytes")
				}
			}
			le32(page[4:], checksum(page)) // and with a good checksum
		}
	})
}

// Arbitrary files, each 192 bytes the start of a page, with checksums made good or not: no panic, and an end.
func FuzzRead(f *testing.F) {
	shrink := func(pages []byte) (b []byte) {
		for i := 0; i < len(pages); i += BlockUnit {
			b = append(b, pages[i:i+192]...)
		}
		return b
	}
	whole := shrink(golden())
	f.Add(whole, []byte{}, true)
	f.Add(whole, whole, true)
	f.Add(whole[:5*192], whole[3*192:], false)
	f.Add([]byte{}, whole[:1], false)
	f.Fuzz(func(t *testing.T, a, b []byte, mend bool) {
		files := fstest.MapFS{}
		for i, part := range [][]byte{a, b} {
			var data []byte
			for len(part) > 0 && len(data) < 1<<20 {
				page := make([]byte, BlockUnit)
				part = part[copy(page, part[:min(192, len(part))]):]
				data = append(data, page...)
			}
			if mend {
				mendChecksums(data)
			}
			files[SegmentName(uint32(i)+1)] = &fstest.MapFile{Data: data}
		}
		readAll(files)
		delete(files, SegmentName(2))
		readAll(files)
	})
}

// mendChecksums makes the checksums of a segment good again.
func mendChecksums(data []byte) {
	for i := 0; i < len(data); i += BlockUnit {
		n := int(blockLength(data[i:]))
		if i == 0 {
			n = SegmentHeaderSize
		}
		if n > 0 && i+n <= len(data) {
			le32(data[i+4:], checksum(data[i:i+n]))
		}
	}
}

// A valid journal with bytes changed, and if asked the checksums made good again: never a panic, never another cell.
func FuzzMutate(f *testing.F) {
	for _, n := range []uint16{0, 4096, 4096 + 18, 8192 + 8, 12288 + 12, 16384 + 200} {
		f.Add(n, byte(1), n+1, byte(0xff), false)
		f.Add(n, byte(1), n, byte(8), true)
	}
	whole := golden()
	cells := readAll(fstest.MapFS{SegmentName(1): &fstest.MapFile{Data: whole}}).cells
	f.Fuzz(func(t *testing.T, at1 uint16, x1 byte, at2 uint16, x2 byte, mend bool) {
		data := bytes.Clone(whole)
		data[int(at1)%len(data)] ^= x1
		data[int(at2)%len(data)] ^= x2
		if mend {
			mendChecksums(data)
		}
		got := readAll(fstest.MapFS{SegmentName(1): &fstest.MapFile{Data: data}})
		if !mend && !bytes.HasPrefix(cells, got.cells) {
			t.Error("other cells were read")
		}
	})
}

func Example() {
	// The caller's memory; in production off the heap and aligned for O_DIRECT.
	slots := [][]byte{make([]byte, 4096), make([]byte, 4096)}
	w := NewWriter(Config{ID: ID{0: 7}, State: State{Epoch: 1}, Slots: slots})
	file := make([]byte, 16384) // a segment file, zeros
	header := w.Begin(uint64(len(file)))
	header.Encode(file[:SegmentHeaderSize])

	order := make([]byte, CellSize)
	order[0] = 16                               // kind
	binary.LittleEndian.PutUint64(order[8:], 1) // seq
	binary.LittleEndian.PutUint64(order[16:], 1700000000000000000)
	w.Command(order, 1, 1700000000000000000)
	w.Seal(0xabc, 0xdef, 0)
	block, _ := w.Next()
	copy(file[header.Offset(block.Position):], block.Bytes)
	fmt.Println("durable", w.Written(block.Slot))

	r, err := Open(fstest.MapFS{SegmentName(1): {Data: file}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for {
		b, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("block at %d: %d cell, seq %d to %d, state %#x\n", b.Position, b.Count, b.FirstSeq, b.LastSeq, b.StateHash)
	}
	fmt.Println("end", r.End().Position, "seq", r.End().Seq)
	// Output:
	// durable 4096
	// block at 0: 1 cell, seq 1 to 1, state 0xabc
	// end 4096 seq 1
}

func BenchmarkReader(b *testing.B) {
	for _, fills := range []int{0, 60000} {
		b.Run(fmt.Sprintf("%d cells a block", fills+1), func(b *testing.B) {
			r := newRig(1, 1, 64<<20, 1024, 1024)
			for r.w.Appended() < 48<<20 {
				r.command()
				for range fills {
					r.fill()
				}
				r.seal()
				r.settle()
				r.blocks = nil
			}
			b.SetBytes(int64(r.w.Appended()))
			for b.Loop() {
				reader, err := Open(r.files)
				for err == nil {
					_, err = reader.Next()
				}
				if !errors.Is(err, io.EOF) {
					b.Fatal(err)
				}
			}
		})
	}
}

// Every field of the two headers is written and read: none can be added and forgotten.
func TestHeadersAreComplete(t *testing.T) {
	if n := reflect.TypeFor[BlockHeader]().NumField(); n != 14 {
		t.Errorf("BlockHeader has %d fields: add the new one to TestLayout", n)
	}
	if n := reflect.TypeFor[SegmentHeader]().NumField(); n != 9 {
		t.Errorf("SegmentHeader has %d fields: add the new one to TestLayout", n)
	}
}
