package replay

import (
	"errors"
	"fmt"
	"io"

	"matcher/engine"
	"matcher/journal"
)

// Recording is a venue without a server: it executes commands, or lines of a flow, and may write the journal of them. Equal
// flows give equal journals. It is for one goroutine.
type Recording struct {
	config  RecordConfig
	engine  *engine.Engine
	w       *journal.Writer // nil: no journal
	file    Segment
	head    journal.SegmentHeader
	output  uint64
	events  []engine.Event
	cmd     engine.Command
	time    uint64
	users   map[[6]byte]uint16
	symbols map[[8]byte]uint16
}

// RecordConfig says what a Recording is like.
type RecordConfig struct {
	MaxOrders, MaxUsers uint32
	Midnight            uint64 // of its one day, ns since 1970
	Interval            uint64 // ns between two lines that name no time; 0: 1,000
	// Create makes the file of a segment, of this size and full of zeros; nil: there is no journal.
	Create func(name string, size int64) (Segment, error)
	ID     journal.ID
	Size   int64 // of a segment; 0: 64 MiB
}

// Segment is the file of a segment.
type Segment interface {
	io.WriterAt
	io.Closer
}

const (
	recordSlot  = 256 << 10 // of a block
	recordBlock = 64 << 10  // at this size a block is sealed
)

// Record returns an open venue without instruments and users: its first commands are Rules and Day.
func Record(c RecordConfig) (*Recording, error) {
	if c.Interval == 0 {
		c.Interval = 1000
	}
	if c.Size == 0 {
		c.Size = 64 << 20
	}
	r := &Recording{
		config: c, engine: engine.New(), time: c.Midnight,
		users: map[[6]byte]uint16{}, symbols: map[[8]byte]uint16{},
	}
	if c.Create != nil {
		r.w = journal.NewWriter(journal.Config{
			ID: c.ID, State: journal.State{Epoch: 1}, Slots: [][]byte{make([]byte, recordSlot), make([]byte, recordSlot)},
		})
		if err := r.segment(); err != nil {
			return nil, err
		}
	}
	rules := r.cmd.Rules()
	rules.Kind, rules.Version, rules.MaxOrders, rules.MaxUsers = engine.KindRules, 1, c.MaxOrders, c.MaxUsers
	if _, err := r.Apply(&r.cmd); err != nil {
		return nil, err
	}
	r.cmd = engine.Command{}
	day := r.cmd.Day()
	day.Kind, day.Event, day.Midnight, day.Session = engine.KindDay, 'S', c.Midnight, [10]byte([]byte("RECORDED01"))
	_, err := r.Apply(&r.cmd)
	return r, err
}

// Engine returns the venue's engine.
func (r *Recording) Engine() *engine.Engine { return r.engine }

// OutputHash returns the hash of every event so far.
func (r *Recording) OutputHash() uint64 { return r.output }

// At lets the next commands happen at this time, unless it is past.
func (r *Recording) At(time uint64) { r.time = max(r.time, time) }

// Apply stamps a command, executes and journals it. The events are valid until the next call.
func (r *Recording) Apply(cmd *engine.Command) ([]engine.Event, error) {
	cmd.Seq, cmd.Time = r.engine.Seq()+1, r.time
	r.events = r.engine.Apply(r.events[:0], cmd)
	r.output = engine.FoldOutput(r.output, r.events)
	if r.w == nil {
		return r.events, nil
	}
	if !r.w.Room() {
		if err := r.submit(); err != nil {
			return nil, err
		}
	}
	r.w.Command(cmd.Cells(), cmd.Seq, cmd.Time)
	var f engine.Fill
	for i := 1; i < len(r.events); i++ {
		if ev := &r.events[i]; ev.Kind == 'E' && ev.Flags&engine.EventTaker != 0 {
			engine.FillOf(&f, cmd, &r.events[i-1], ev)
			for !r.w.Fill(f.Cell()) {
				if err := r.submit(); err != nil {
					return nil, err
				}
			}
		}
	}
	if r.w.Size() >= recordBlock {
		r.w.Seal(r.engine.Hash(), r.output, 0)
		return r.events, r.submit()
	}
	return r.events, nil
}

// Instrument defines one.
func (r *Recording) Instrument(in engine.Instrument) error {
	r.cmd = engine.Command{}
	*r.cmd.AsInstrument() = in
	r.cmd.Kind = engine.KindInstrument
	if _, err := r.Apply(&r.cmd); err != nil {
		return err
	}
	if r.symbols[in.Symbol] = r.engine.Lookup(in.Symbol); r.symbols[in.Symbol] == 0 {
		return fmt.Errorf("replay: %q is no instrument: %s", trim(in.Symbol[:]), engine.CheckInstrument(&in))
	}
	return nil
}

// Line executes a line of a flow. A user and an instrument are defined when they are first named: prices have four decimals
// and any wire price is on the tick.
func (r *Recording) Line(l *Line) (*engine.Command, []engine.Event, error) {
	user, known := r.users[l.User]
	if !known {
		r.cmd = engine.Command{}
		u := r.cmd.AsUser()
		u.Kind, u.Name, u.Firm = engine.KindUser, l.User, [4]byte([]byte("    "))
		if _, err := r.Apply(&r.cmd); err != nil {
			return nil, nil, err
		}
		user = uint16(len(r.users) + 1)
		r.users[l.User] = user
	}
	if _, known := r.symbols[l.Symbol]; !known && len(trim(l.Symbol[:])) > 0 {
		err := r.Instrument(engine.Instrument{
			Symbol: l.Symbol, Tick: 1, Lot: 1, MaxQty: 1<<32 - 1, PriceDecimals: 4, MaxPrice: engine.MaxLimitPrice,
		})
		if err != nil {
			return nil, nil, err
		}
	}
	if r.time += r.config.Interval; l.Time != 0 {
		r.time -= r.config.Interval
		r.At(r.config.Midnight + l.Time)
	}
	l.Command(&r.cmd, Names{User: user, Instrument: r.symbols[l.Symbol], Firm: [4]byte([]byte("    "))})
	events, err := r.Apply(&r.cmd)
	return &r.cmd, events, err
}

// Close ends the journal in good order.
func (r *Recording) Close() error {
	if r.w == nil {
		return nil
	}
	r.w.Seal(r.engine.Hash(), r.output, journal.FlagSeal)
	return errors.Join(r.submit(), r.file.Close())
}

// submit writes what is closed, and closes what is open if nothing is: then a command is larger than a block.
func (r *Recording) submit() error {
	for r.w.Pending() > 0 {
		if r.head.Offset(r.w.State().Position)+int64(r.w.Pending()) > r.config.Size {
			if err := r.segment(); err != nil {
				return err
			}
		}
		b, _ := r.w.Next()
		if _, err := r.file.WriteAt(b.Bytes, r.head.Offset(b.Position)); err != nil {
			return err
		}
		r.w.Written(b.Slot)
	}
	return nil
}

// segment begins the next segment.
func (r *Recording) segment() error {
	if r.file != nil {
		if err := r.file.Close(); err != nil {
			return err
		}
	}
	r.head = r.w.Begin(uint64(r.config.Size))
	file, err := r.config.Create(journal.SegmentName(r.head.Segment), r.config.Size)
	if err != nil {
		return err
	}
	r.file = file
	var head [journal.SegmentHeaderSize]byte
	r.head.Encode(head[:])
	_, err = file.WriteAt(head[:], 0)
	return err
}
