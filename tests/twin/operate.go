package twin

import "matcher/engine"

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

// day opens or ends a trading day: every user is told, in order of index. This version has one day for good: nothing is
// cancelled at its end (rule 5.8), and UserRefNum never starts again (rule 11.6).
func (t *Twin) day(d *engine.Day) {
	t.today = d.Event == 'S'
	if t.today {
		t.session = d.Session
	}
	for user := range t.accounts[1:] {
		t.system(user+1, d.Event)
	}
}

// restart begins new streams if the session is another one than before (rule 11.8): numbers count from 1 again, start of
// day first, then all live orders in order of reference.
func (t *Twin) restart(r *engine.Restart) {
	if t.session == r.Session {
		return
	}
	t.session = r.Session
	for user, a := range t.accounts[1:] {
		a.sent = 0
		if t.today {
			t.system(user+1, 'S')
		}
	}
	for _, o := range t.open {
		ev := t.tell(o, 'A')
		o.echo(ev)
		ev.Flags |= engine.EventCarried
	}
}
