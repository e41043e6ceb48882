package ouch

// An appendage is a length field of two bytes and as many bytes of elements; an element is a length byte (counting the tag
// and the value), a tag and a value. Some messages always have the length field, the others only if there is something
// behind it.

// direction says how strict to be.
type direction bool

// The venue insists that a message ends with its appendage. A client passes over what later revisions may add there.
const (
	inbound  direction = true
	outbound direction = false
)

// elements returns the elements behind the length field at the start of b; an empty b has neither. With ErrAppendage it
// returns those bytes of them that are there, for Options to read as far as they go.
func elements(b []byte, d direction) ([]byte, error) {
	if len(b) < 2 {
		if len(b) == 0 {
			return nil, nil
		}
		return nil, ErrAppendage
	}
	n := int(u16(b))
	b = b[2:]
	if n == len(b) && n == 0 {
		return nil, nil // by far the most common
	}
	if n > len(b) {
		return b, ErrAppendage
	}
	app := b[:n:n]
	if d == inbound && n < len(b) || !whole(app) {
		return app, ErrAppendage
	}
	if n == 0 {
		return nil, nil
	}
	return app, nil
}

// whole says whether elements follow each other to the end of the appendage.
func whole(app []byte) bool {
	for len(app) > 0 {
		n := int(app[0])
		if n == 0 || n >= len(app) {
			return false
		}
		app = app[1+n:]
	}
	return true
}

// appendOptional appends an appendage to a message that has the length field only if there are elements.
func appendOptional(dst, app []byte) []byte {
	if len(app) == 0 {
		return dst
	}
	n := len(dst)
	dst = extend(dst, 2)
	put16(dst[n:], sizeOf(app))
	return append(dst, app...)
}

// sizeOf returns the length field of an appendage.
func sizeOf(app []byte) uint16 {
	if len(app) > 1<<16-1 {
		panic("ouch: appendage too long")
	}
	return uint16(len(app))
}
