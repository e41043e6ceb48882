package ouch

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
)

func FuzzOuchIn(f *testing.F) {
	for _, r := range vectors(f, "inbound.tsv") {
		f.Add(r.b)
		f.Add(append(r.b[:len(r.b):len(r.b)], 0, 0))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := DecodeInbound(b)
		if err != nil {
			if m == nil && !errors.Is(err, ErrType) && len(b) != 0 {
				t.Fatalf("%x: %v", b, err)
			}
			return
		}
		again := m.Append(nil)
		// An inbound message says all of its bytes, but for an empty appendage that need not be written.
		if !bytes.Equal(again, b) && !bytes.Equal(append(again, 0, 0), b) {
			t.Fatalf("%x became %x", b, again)
		}
		if m2, err := DecodeInbound(m.Append(nil)); err != nil || !reflect.DeepEqual(m, m2) {
			t.Fatalf("%+v became %+v, %v", m, m2, err)
		}
	})
}

func FuzzOuchOut(f *testing.F) {
	for _, r := range vectors(f, "outbound.tsv") {
		f.Add(r.b)
		f.Add(append(r.b[:len(r.b):len(r.b)], 0, 3, 2, 28, 5, 'x'))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := DecodeOutbound(b)
		if err != nil {
			return
		}
		again := m.Append(nil)
		if !bytes.HasPrefix(b, again) {
			t.Fatalf("%x became %x", b, again)
		}
		if m2, err := DecodeOutbound(again); err != nil || !reflect.DeepEqual(m, m2) {
			t.Fatalf("%+v became %+v, %v", m, m2, err)
		}
	})
}

func FuzzOptions(f *testing.F) {
	var all []byte
	for _, c := range every {
		f.Add([]byte(c.element))
		all = append(all, c.element...)
	}
	f.Add(all)
	for _, r := range vectors(f, "inbound.tsv") {
		if m, ok := inboundVectors[r.name].(*EnterOrder); ok {
			f.Add(m.Appendage)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var o, o2 Options
		err := o.Decode(b)
		if err != nil && !errors.Is(err, ErrAppendage) {
			t.Fatalf("%x: %v", b, err)
		}
		if whole(b) != (err == nil || errors.Is(err, ErrTagSize) || errors.Is(err, ErrTagTwice)) && whole(b) {
			t.Fatalf("%x is whole: %v", b, err)
		}
		if err := o2.Decode(o.Append(nil)); err != nil || o2 != o {
			t.Fatalf("%+v became %+v, %v", o, o2, err)
		}
	})
}
