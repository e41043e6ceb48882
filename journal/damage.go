package journal

import "strconv"

// Kind is a kind of damage.
type Kind uint8

// Kinds of damage.
const (
	NoJournal     Kind = iota + 1 // there is no segment in use; File is empty unless the first one holds bytes that are no segment
	Missing                       // a segment is not there
	Foreign                       // a segment belongs to another journal
	Duplicate                     // two files hold the same segment
	Misnamed                      // a file's name is not its segment's
	Unsupported                   // of another version of the format
	Short                         // a file ends before its segment
	BadHeader                     // the header of a segment is broken, or does not fit its neighbours
	Corrupt                       // what was durable is not there any more: the disk returned other bytes than were written
	Contradiction                 // a block is whole and yet not what can stand in its place: no crash explains it
)

// Damage says why a journal, or the rest of it, cannot be trusted. It is the only error about contents: an error of the
// file system is wrapped and returned as it is.
type Damage struct {
	Kind   Kind
	File   string // name of the segment file
	Offset int64  // in the file
	Seq    uint64 // that should have come there; 0 if none is known
	Later  uint64 // records in intact blocks behind the damage, in the same file
	Spoilt Spoilt // of Corrupt: the byte that is wrong, if it is one
	What   string // what happened: a clause that begins with the file's name, if there is one
}

// Error implements error.
func (d *Damage) Error() string { return "journal: " + d.What }

// commas writes n with a comma between groups of three digits.
func commas(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
