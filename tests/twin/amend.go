package twin

import (
	"slices"

	"matcher/engine"
)

// cancel is OUCH 5.0 Cancel Order (rule 9.1). What the chain has used counts, as it does for Replace.
func (t *Twin) cancel(cmd *engine.Command) {
	m := cmd.Cancel()
	o := t.find(cmd.User, cmd.Idx, m.Ref)
	if o == nil {
		return
	}
	if n := o.leaves - max(0, int64(m.Qty)-o.used); n > 0 {
		t.decrement(o, n, 'U')
	}
}

// modify is OUCH 5.0 Modify Order (rule 9.3). The new side comes first, so that all its messages bear it. Growth adds
// risk as a new order does: where that is refused it is ignored, as rule 12.1 has it for halts (rule 9.8 names only new
// orders and replaces; Modify has no reject).
func (t *Twin) modify(cmd *engine.Command) {
	m := cmd.Cancel()
	o := t.find(cmd.User, cmd.Idx, m.Ref)
	if o == nil || m.Qty > t.instruments[o.instrument].MaxQty || !slices.Contains([]byte("BSTE"), cmd.Side) ||
		buys(cmd.Side) != buys(o.side) {
		return
	}
	leaves := int64(m.Qty) - o.used
	if leaves <= 0 { // as a full cancel: the side it asked for is void
		t.decrement(o, o.leaves, 'U')
		return
	}
	grows := leaves > o.leaves
	if grows && !t.growable(o, leaves, int64(m.Qty)) {
		return
	}
	o.side = cmd.Side
	if !grows {
		was := o.shown()
		o.reduce(o.leaves - leaves)
		t.modified(o).Link = uint64(was - o.shown())
		return
	}
	o.leaves, o.extra, o.top = leaves, o.slices(leaves), false
	t.modified(o)
	before := o.reference
	t.reference++
	o.reference = t.reference
	if !o.midpoint() { // that keeps the time of its entry (rule 6.6)
		t.clock++
		o.time = t.clock
	}
	ev := t.moved(o, before)
	if !o.pending {
		ev.Flags |= engine.EventRests
	}
	ev.Flags |= o.wasShown()
}

func (t *Twin) modified(o *order) *engine.Event {
	ev := t.tell(o, 'M')
	ev.Qty = uint32(o.leaves)
	return ev
}

// growable says whether an order may grow: where a new order would be refused, or would find no room for its slices, it may
// not.
func (t *Twin) growable(o *order, leaves, size int64) bool {
	in := &t.instruments[o.instrument]
	switch {
	case t.accounts[o.user].disabled, in.halted, t.gated, !t.today:
		return false
	case o.floor > 0 && size > o.floor*in.maxSlices():
		return false
	}
	return t.room(o.slices(leaves) - o.extra - 1) // it is there already
}

// massMessage is OUCH 5.0 Mass Cancel, Disable and Enable Order Entry (rules 9.7, 9.8). A firm that is not the account's
// own has nothing in scope; the answer comes all the same.
func (t *Twin) massMessage(cmd *engine.Command) {
	m := cmd.MassCancel()
	if !t.use(cmd, m.Ref) {
		return
	}
	a := t.accounts[cmd.User]
	own := m.Firm == [4]byte{' ', ' ', ' ', ' '} || m.Firm == a.Firm
	switch cmd.Kind {
	case engine.KindDisable:
		t.answer(cmd, 'G', m.Ref)
		a.disabled = a.disabled || own
	case engine.KindEnable:
		t.answer(cmd, 'K', m.Ref)
		a.disabled = a.disabled && !own
	default:
		t.answer(cmd, 'X', m.Ref)
		for _, o := range t.inReference() {
			if own && o.user == cmd.User && t.inScope(cmd, o) {
				t.decrement(o, o.leaves, 'U')
			}
		}
	}
}

// inScope says whether an order passes all filters of a Mass Cancel. Tag 27 `S` is the sell side; `T` and `E` are
// themselves alone. An order without a group is of group 0.
func (t *Twin) inScope(cmd *engine.Command, o *order) bool {
	m := cmd.MassCancel()
	symbol := m.Symbol == [8]byte{' ', ' ', ' ', ' ', ' ', ' ', ' ', ' '} || m.Symbol == t.instruments[o.instrument].Symbol
	side := cmd.Side == 0 || slices.Contains([]byte("BSTE"), cmd.Side) && buys(cmd.Side) == buys(o.side)
	group := cmd.Flags&engine.FlagMinQty == 0 || m.Group == o.group
	return symbol && side && group
}
