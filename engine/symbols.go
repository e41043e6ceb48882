package engine

// symbolTable maps symbols to instrument indices, or names to those of accounts: open addressing at no more than half load, grown off the hot path.
type symbolTable struct {
	symbols []uint64
	indices []uint16
	used    int
}

func newSymbolTable() symbolTable {
	return symbolTable{symbols: make([]uint64, 16), indices: make([]uint16, 16)}
}

func symbolKey(s [8]byte) uint64 {
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// get returns 0 for a symbol that is not there; an index of 0 marks a free entry.
func (t *symbolTable) get(symbol [8]byte) uint16 {
	key, mask := symbolKey(symbol), uint64(len(t.symbols)-1)
	for i := mum(key^k1, k2); ; i++ {
		if t.indices[i&mask] == 0 || t.symbols[i&mask] == key {
			return t.indices[i&mask]
		}
	}
}

func (t *symbolTable) put(symbol [8]byte, index uint16) {
	if 2*(t.used+1) > len(t.symbols) {
		old := *t
		*t = symbolTable{symbols: make([]uint64, 2*len(old.symbols)), indices: make([]uint16, 2*len(old.symbols))}
		for i, key := range old.symbols {
			if old.indices[i] != 0 {
				t.insert(key, old.indices[i])
			}
		}
	}
	t.insert(symbolKey(symbol), index)
}

func (t *symbolTable) insert(key uint64, index uint16) {
	mask := uint64(len(t.symbols) - 1)
	i := mum(key^k1, k2)
	for t.indices[i&mask] != 0 {
		i++
	}
	t.symbols[i&mask], t.indices[i&mask] = key, index
	t.used++
}
