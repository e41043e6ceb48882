package engine

import (
	"reflect"
	"strings"
	"testing"
)

// TestSnapshotFields holds that of every field of the state somebody has decided what a snapshot does with it: kept, worked
// out anew (derived), or of no meaning between two commands (idle). A new field fails here until it is in a snapshot, or
// stands here with the reason why it need not be. Then Snapshot and Restore, and journal/FORMAT.md, are to be looked at.
func TestSnapshotFields(t *testing.T) {
	for _, x := range []struct {
		of                  any
		kept, derived, idle string
	}{
		{
			Engine{},
			"seq time reference match priority fillCount users instruments rules definitions day open gate epoch mode dayMatch busted bustTerm",
			"due slices closed plain orders first names cold refs expiries triggers symbols accounts hashes salt",
			"turn out plan unsettled stopQueue scratch settling throttled soon", // throttled is a figure for people
		},
		{
			instrument{},
			"state last top watch def given next",
			"book tick inverse maxPrice maxQty plain careful watching tops reserves hashed terms", "unsettled anchor anchorTurn",
		},
		{user{}, "last0 disabled sent last def paid", "base plain hashed first tail lastTerm open most interval stops mostStops", ""},
		{order{}, "reference ref used flags instrument user idx side", "next prev", ""},
		{name{}, "clOrdID capacity tif", "", ""},
		{
			cold{},
			"entry expire limit stop trail offset reserve floor random refreshes slices minimum group aiqGroup aiq trigger priceType",
			"next prev", "_",
		},
		{watch{}, "bid ask mid", "pegs mids pegCount stopCount pending moves", "leads"},
		{redefinition{}, "def terms", "", ""},
	} {
		known := map[string]bool{}
		for _, name := range strings.Fields(x.kept + " " + x.derived + " " + x.idle) {
			known[name] = true
		}
		typ := reflect.TypeOf(x.of)
		for i := range typ.NumField() {
			if name := typ.Field(i).Name; !known[name] {
				t.Errorf("%s.%s: does a snapshot keep it?", typ.Name(), name)
			} else {
				delete(known, name)
			}
		}
		for name := range known {
			t.Errorf("%s has no field %s any more", typ.Name(), name)
		}
	}
}
