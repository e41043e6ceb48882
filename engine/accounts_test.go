package engine

import (
	"fmt"
	"slices"
	"testing"
)

// TestMostAccounts: a venue has as many accounts as it may have, each is found by its name, the last one trades, and one more is
// ignored; so it is after a snapshot.
func TestMostAccounts(t *testing.T) {
	if testing.Short() {
		t.Skip("an account is a kilobyte")
	}
	v := &venue{Engine: New(), time: dayStart}
	c := &Command{}
	*c.Rules() = Rules{Header: Header{Kind: KindRules}, Version: 1, MaxOrders: 100, MaxUsers: MaxUsers}
	v.do(c)
	*c.AsInstrument() = Instrument{Header: Header{Kind: KindInstrument}, Symbol: [8]byte{'A'}, Tick: 100, MaxQty: 1000, MaxPrice: 1_999_999_900}
	v.do(c)
	define := func(n int, firm byte) {
		*c.AsUser() = User{Header: Header{Kind: KindUser}, Firm: [4]byte{firm}}
		copy(c.AsUser().Name[:], fmt.Sprintf("%06d", n))
		v.do(c)
	}
	for n := range MaxUsers + 1 {
		define(n+1, 'F')
	}
	v.day('S', "2311150001")
	define(MaxUsers, 'G')
	define(MaxUsers+1, 'G')
	if v.Accounts() != MaxUsers || v.Firm(MaxUsers)[0] != 'G' || v.Firm(MaxUsers - 1)[0] != 'F' {
		t.Fatalf("%d accounts, the last of firm %c", v.Accounts(), v.Firm(MaxUsers)[0])
	}
	v.do(enter(MaxUsers, 1, 'S', 10, 1_000_000))
	if ev := v.do(enter(1, 1, 'B', 4, 1_000_000)); len(ev) != 3 || ev[1].User != MaxUsers || ev[1].Leaves != 6 {
		t.Fatalf("the last account's order trades: %+v", ev)
	}
	var cells [][CellSize]byte
	if err := v.Snapshot(func(cell *[CellSize]byte) error { cells = append(cells, *cell); return nil }); err != nil {
		t.Fatal(err)
	}
	restore := func(cells [][CellSize]byte) (*Engine, error) {
		e, at := New(), -1
		return e, e.Restore(func() (*[CellSize]byte, error) { at++; return &cells[at], nil })
	}
	heir, err := restore(cells)
	if err != nil {
		t.Fatal(err)
	}
	v.Engine = heir
	define(MaxUsers, 'H')
	if v.Accounts() != MaxUsers || v.Firm(MaxUsers)[0] != 'H' {
		t.Fatalf("after a snapshot: %d accounts, the last of firm %c", v.Accounts(), v.Firm(MaxUsers)[0])
	}
	if err := v.Audit(); err != nil {
		t.Fatal(err)
	}
	named := func(n int) int {
		return slices.IndexFunc(cells, func(cell [CellSize]byte) bool {
			return Kind(cell[0]) == KindUser && string(cell[24:30]) == fmt.Sprintf("%06d", n)
		})
	}
	cells[named(7)] = cells[named(6)]
	if _, err := restore(cells); err == nil {
		t.Error("a snapshot with two accounts of one name was taken")
	}
}
