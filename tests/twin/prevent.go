package twin

import "matcher/engine"

// own says whether the aggressor must not trade with a maker, since both are of one owner (rules 8.1, 8.2): its own letter
// says at what level that is judged, the accounts are taken as they are now.
func (t *Twin) own(m, o *order) bool {
	if o.letter == 0 || o.letter == 'N' || o.letter == 'n' {
		return false
	}
	if o.grouped && (!m.grouped || m.letters != o.letters) {
		return false
	}
	a, b := t.accounts[o.user], t.accounts[m.user]
	level := a.SelfLevel
	if upper(o.letter) != o.letter {
		level = engine.LevelFirm
	}
	switch {
	case o.user == m.user:
		return true
	case level == engine.LevelFirm:
		return a.Firm == b.Firm && a.Firm != [4]byte{' ', ' ', ' ', ' '} && a.Firm != [4]byte{}
	case level == engine.LevelGroup:
		return a.SelfGroup == b.SelfGroup && a.SelfGroup != 0
	}
	return false
}

// avoid does what the aggressor asks for on meeting an own order (rule 8.3). Nothing is printed.
func (t *Twin) avoid(m, o *order, price uint64) {
	switch upper(o.letter) {
	case 'O':
		t.decrement(m, m.leaves, 'Q')
	case 'W':
		t.decrement(o, o.leaves, 'Q')
	case 'B':
		t.decrement(m, m.leaves, 'Q')
		t.decrement(o, o.leaves, 'Q')
	default:
		t.offset(m, o, price)
	}
}

// offset takes off both orders what they have in common: `D` with details to both, `Y` as a cancel. It counts as used, not
// as executed (rule 8.4).
func (t *Twin) offset(m, o *order, price uint64) {
	n := min(m.exposed(), o.leaves)
	for _, side := range []*order{m, o} {
		before := side.shown()
		side.take(n)
		if side.leaves == 0 {
			t.remove(side)
		}
		if upper(o.letter) == 'Y' {
			t.canceled(side, n, 'Q').Link = uint64(before - side.shown())
			continue
		}
		ev := t.tell(side, 'D')
		ev.Qty, ev.Price, ev.Reason, ev.TIF = uint32(n), price, side.liquidity(side == o), o.letter
		ev.Link = uint64(before - side.shown())
	}
}

func upper(letter uint8) uint8 {
	if letter >= 'a' && letter <= 'z' {
		return letter - 'a' + 'A'
	}
	return letter
}
