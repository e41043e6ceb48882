package gateway

import (
	"matcher/engine"
	"matcher/wire/soupbin"
)

// Encoder writes what a venue says to its users as it is sent to them, for whoever keeps streams elsewhere: the same bytes
// as a Gateway's. It is for one goroutine.
type Encoder struct{ g *Gateway }

// NewEncoder returns an encoder for a venue as it is now.
func NewEncoder(e *engine.Engine) *Encoder {
	x := &Encoder{New(Config{Engine: e})}
	x.g.begin()
	return x
}

// Command takes note of a command that the engine has carried out. True: its first event is the first of a new session.
func (x *Encoder) Command(cmd *engine.Command) bool {
	if cmd.Kind != engine.KindDay && cmd.Kind != engine.KindRestart {
		return false
	}
	before := x.g.session
	x.g.begin()
	return x.g.session != before
}

// Packet appends the packet of an event of the last command.
func (x *Encoder) Packet(dst []byte, cmd *engine.Command, ev *engine.Event) []byte {
	at := len(dst)
	dst = append(dst, make([]byte, soupbin.HeaderSize)...)
	dst = x.g.encode(dst, cmd, ev, cmd.Time-x.g.zero)
	soupbin.PutHeader(dst[at:], soupbin.SequencedData, len(dst)-at-soupbin.HeaderSize)
	return dst
}
