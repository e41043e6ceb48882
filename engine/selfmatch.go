package engine

import "matcher/book"

// preventionLetter says whether tag 29 may have a letter.
func preventionLetter(letter uint8) bool {
	switch letter {
	case 'O', 'W', 'D', 'Y', 'B', 'N', 'o', 'w', 'd', 'y', 'b', 'n':
		return true
	}
	return false
}

// prevention returns the letter of an account's orders that name none, 0 for no prevention. A letter that is none (in a
// journal made by hand) is no prevention.
func (u *user) prevention() uint8 {
	if u.def.SelfMatch == 'N' || !preventionLetter(u.def.SelfMatch) {
		return 0
	}
	return u.def.SelfMatch
}

// owner is whom an aggressor must not trade with, and what is done instead (rule 8.1).
type owner struct {
	letter uint8 // upper case; 0: nobody
	given  uint8 // as it came
	level  uint8
	user   uint16
	group  [2]byte // tag 30, zero if not given
}

// ownerOf returns what an aggressor's instructions say (rule 8.2).
func (e *Engine) ownerOf(o *order, t *terms) owner {
	letter := t.aiq &^ 0x20
	if t.aiq == 0 || letter == 'N' {
		return owner{}
	}
	w := owner{letter: letter, given: t.aiq, level: e.users[o.user].def.SelfLevel, user: o.user, group: t.aiqGroup}
	if t.aiq != letter {
		w.level = LevelFirm
	}
	return w
}

// owns says whether a maker belongs to the aggressor.
func (w *owner) owns(e *Engine, m *order, slot book.Slot) bool {
	if w.letter == 0 {
		return false
	}
	if m.user != w.user {
		a, b := &e.users[w.user].def, &e.users[m.user].def
		switch w.level {
		case LevelFirm:
			if a.Firm != b.Firm || a.Firm == [4]byte{' ', ' ', ' ', ' '} {
				return false
			}
		case LevelGroup:
			if a.SelfGroup != b.SelfGroup || a.SelfGroup == 0 {
				return false
			}
		default:
			return false
		}
	}
	return w.group == [2]byte{} || e.coldOf(m, slot).aiqGroup == w.group
}

// prevent does what rule 8.3 says when the walk reaches an own maker.
func (w *walker) prevent(o *order, x slice, price uint64) {
	switch w.own.letter {
	case 'O', 'B':
		w.steps = append(w.steps, step{slot: x.slot, kind: stepCancel})
	case 'D', 'Y':
		n := min(w.left, x.shown)
		w.steps = append(w.steps, step{x.slot, stepDecrement, n, price})
		w.left -= n
		if n == x.shown && x.reserve != 0 {
			w.refresh(x)
		}
	}
	if w.own.letter == 'W' || w.own.letter == 'B' {
		w.stopped = 'Q'
	}
}
