package feed

import (
	"matcher/engine"
	"matcher/wire/itch"
)

// Before appends what comes before a command, and must see it before the engine does: a session that begins finds the book as
// it was left, so that what the command itself does to it can follow.
func (p *Public) Before(dst []byte, cmd *engine.Command) []byte {
	switch cmd.Kind {
	case engine.KindDay:
		d := cmd.Day()
		_, open := p.engine.Today()
		switch {
		case d.Event == 'S' && !open:
			p.midnight = d.Midnight
			if p.started && d.Session == p.session { // a day that opens again goes on with its numbers
				p.over, p.time = false, min(cmd.Time-min(cmd.Time, p.midnight), 1<<48-1)
				return p.system(dst, itch.EventStartOfMarket)
			}
			dst = p.start(dst, cmd, d.Session)
		case d.Event == 'E' && open:
			p.closing = true
			p.time = min(cmd.Time-p.midnight, 1<<48-1)
			dst = p.system(dst, itch.EventEndOfMarket)
		}
	case engine.KindRestart:
		if r := cmd.Restart(); r.Session != p.session && p.started {
			dst = p.start(dst, cmd, r.Session)
		}
	}
	return dst
}

// after appends what a command of the venue does beside its events.
func (p *Public) after(dst []byte, cmd *engine.Command) []byte {
	switch cmd.Kind {
	case engine.KindInstrument:
		if p.started && !p.over {
			dst = p.directory(dst)
		}
	case engine.KindTrading:
		t := cmd.Trading()
		if t.Instrument != 0 && int(t.Instrument) <= p.told && (t.State == itch.StateHalted || t.State == itch.StateTrading) {
			dst = p.trading(dst, t.Instrument, t.State, t.Reason)
		}
	case engine.KindDay:
		if p.closing {
			p.closing, p.over = false, true
			dst = p.system(dst, itch.EventEndOfSystem)
			dst = p.system(dst, itch.EventEndOfMessages)
		}
	}
	return dst
}

// start appends what a session begins with. Its first message is number 1.
func (p *Public) start(dst []byte, cmd *engine.Command, session [10]byte) []byte {
	p.session, p.sequence, p.told, p.over, p.started = session, 0, 0, false, true
	p.time = min(cmd.Time-min(cmd.Time, p.midnight), 1<<48-1)
	dst = p.system(dst, itch.EventStartOfMessages)
	dst = p.directory(dst)
	dst = p.system(dst, itch.EventStartOfSystem)
	dst = p.displayed(dst)
	return p.system(dst, itch.EventStartOfMarket)
}

// directory appends the instruments that were not told yet, each with its state.
func (p *Public) directory(dst []byte) []byte {
	n := p.engine.InstrumentCount()
	first := p.told + 1
	for i := first; i <= n; i++ {
		m := itch.StockDirectory{
			Header: p.header(uint16(i)), Symbol: p.engine.Symbol(uint16(i)), MarketCategory: ' ', FinancialStatus: ' ',
			RoundLotSize: 1, RoundLotsOnly: 'N', IssueClassification: ' ', IssueSubtype: [2]byte{'Z', ' '}, Authenticity: 'P',
			ShortSaleThreshold: ' ', IPO: ' ', LULDTier: ' ', ETP: ' ', Inverse: 'N',
		}
		dst = p.frame(m.Append(p.open(dst)), itch.StockDirectorySize)
	}
	p.told = n
	for i := first; i <= n; i++ {
		state := itch.StateTrading
		if p.engine.Halted(uint16(i)) {
			state = itch.StateHalted
		}
		dst = p.trading(dst, uint16(i), state, [4]byte{' ', ' ', ' ', ' '})
	}
	return dst
}

// displayed appends an add for each displayed order, in a level in order of the queue.
func (p *Public) displayed(dst []byte) []byte {
	for i := 1; i <= p.engine.InstrumentCount(); i++ {
		p.engine.Displayed(uint16(i), func(d *engine.Displayed) {
			dst = p.add(dst, uint16(i), d.Side, d.User, d.Public, d.Order, d.Qty, d.Price)
		})
	}
	return dst
}

func (p *Public) trading(dst []byte, locate uint16, state byte, reason [4]byte) []byte {
	for i, c := range reason {
		if c == 0 {
			reason[i] = ' '
		}
	}
	m := itch.TradingAction{Header: p.header(locate), Symbol: p.engine.Symbol(locate), State: state, Reason: reason}
	return p.frame(m.Append(p.open(dst)), itch.TradingActionSize)
}

func (p *Public) system(dst []byte, event byte) []byte {
	m := itch.SystemEvent{Header: p.header(0), Event: event}
	return p.frame(m.Append(p.open(dst)), itch.SystemEventSize)
}

// Snapshot appends the messages of a GLIMPSE 5.0 snapshot, each behind its length: the venue as it is after the last message,
// and the number of the next. It is to be called between two commands.
func (p *Public) Snapshot(dst []byte) []byte {
	s := *p // what is counted here are no messages of the session
	s.told = 0
	dst = s.directory(dst)
	event := itch.EventStartOfMarket
	if p.over {
		event = itch.EventEndOfMessages
	}
	dst = s.system(dst, event)
	dst = s.displayed(dst)
	m := itch.EndOfSnapshot{Sequence: p.sequence + 1}
	return s.frame(m.Append(s.open(dst)), itch.EndOfSnapshotSize)
}

// State is where the messages stand between two commands: what a public view of a venue that was restored goes on from.
type State struct {
	Session  [10]byte
	Midnight uint64
	Sequence uint64
	Told     int // instruments
	Started  bool
	Over     bool
}

// State returns where the messages stand. It is to be called between two commands.
func (p *Public) State() State {
	return State{Session: p.session, Midnight: p.midnight, Sequence: p.sequence, Told: p.told, Started: p.started, Over: p.over}
}

// Resume goes on from where the messages stood. The engine is as it was then.
func (p *Public) Resume(s State) {
	p.time = min(p.engine.Time()-min(p.engine.Time(), s.Midnight), 1<<48-1) // of the last command
	p.session, p.midnight, p.sequence, p.told, p.started, p.over = s.Session, s.Midnight, s.Sequence, s.Told, s.Started, s.Over
}
