package twin

import (
	"fmt"

	"matcher/engine"
)

// Seen returns how often things happened, by name, for those who make up flows: a flow that never meets what it is meant
// to meet shows nothing. Events are counted by letter, and reason where there is one; other names say what the events do
// not tell.
func (t *Twin) Seen() map[string]int { return t.seen }

// see counts something that happened, not something that was only tried on a copy.
func (t *Twin) see(what string) {
	if t.seen != nil {
		t.seen[what]++
	}
}

func (t *Twin) seeEvents() {
	for i := range t.events {
		switch ev := &t.events[i]; ev.Kind {
		case 'J':
			t.see(fmt.Sprintf("J %02X", ev.Reason))
		case 'E', 'C', 'R', 'B':
			t.see(fmt.Sprintf("%c %c", ev.Kind, ev.Reason))
		case 'D':
			t.see(fmt.Sprintf("D %c", ev.TIF))
		default:
			t.see(string(rune(ev.Kind)))
		}
		if ev := &t.events[i]; ev.Flags&engine.EventPending != 0 {
			t.see("pending " + string(rune(ev.Kind)))
		}
	}
}
