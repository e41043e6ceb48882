package twin

import (
	"slices"

	"matcher/engine"
)

// operate carries out the venue's own commands. A Tick has done its work by its time (rule 2.2); a lost connection
// changes nothing in this version.
func (t *Twin) operate(cmd *engine.Command) {
	switch cmd.Kind {
	case engine.KindRules:
		t.rules = *cmd.Rules()
	case engine.KindInstrument:
		t.instruments = append(t.instruments, *cmd.AsInstrument())
	case engine.KindUser:
		t.defineUser(cmd.AsUser())
	case engine.KindDay:
		t.day(cmd.Day())
	case engine.KindRestart:
		t.restart(cmd.Restart())
	case engine.KindGate:
		t.gated = cmd.Gate().Closed != 0
	}
}

// defineUser adds an account, or changes one whose name is known. A new one joins the day that is open.
func (t *Twin) defineUser(u *engine.User) {
	for _, a := range t.accounts[1:] {
		if a.Name == u.Name {
			a.User = *u
			return
		}
	}
	t.accounts = append(t.accounts, &account{User: *u, last: map[uint8]uint32{}})
	if t.today {
		t.system(len(t.accounts)-1, 'S')
	}
}

// day opens or ends a trading day: every user is told, in order of index. Its end takes all day and GTT orders first
// (rules 5.8, 11.3); UserRefNum starts again with the next one (rule 11.6).
func (t *Twin) day(d *engine.Day) {
	t.today = d.Event == 'S'
	if t.today {
		t.renumber(d.Session)
		for _, a := range t.accounts[1:] {
			clear(a.last)
		}
	} else {
		for _, o := range slices.Clone(t.open) {
			if o.tif == '0' || o.tif == '6' {
				t.decrement(o, o.leaves, 'E')
			}
		}
	}
	for user := range t.accounts[1:] {
		t.system(user+1, d.Event)
	}
}

// restart begins new streams if the session is another one than before (rule 11.8): start of day, then all live orders
// in order of reference.
func (t *Twin) restart(r *engine.Restart) {
	if !t.renumber(r.Session) {
		return
	}
	if t.today {
		for user := range t.accounts[1:] {
			t.system(user+1, 'S')
		}
	}
	for _, o := range t.open {
		ev := t.tell(o, 'A')
		o.echo(ev)
		ev.Flags |= engine.EventCarried
	}
}

// renumber lets messages count from 1 again if the streams belong to a new session.
func (t *Twin) renumber(session [10]byte) bool {
	if t.session == session {
		return false
	}
	t.session = session
	for _, a := range t.accounts[1:] {
		a.sent = 0
	}
	return true
}
