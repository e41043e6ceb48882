package workload

// Generate makes a workload and the trades of its timed part. The flow is deterministic and in integers, but for one
// quotient of two floats that is rounded to whole percent.
//
// First so many orders come to rest. Then, in every hundred operations: ten orders that cross, with a pressure on one side
// that lasts for a while and is pulled back to the middle price; ten reprices; the rest passive orders and cancels, in such
// a proportion that the number of resting orders stays near its target. Most passive prices are near the touch
// (geometrically distributed), some are deep: uniform in an octave drawn from several, each twice as wide as the one
// before. "Wide" workloads draw deep for most orders and from more octaves, so that levels appear and vanish everywhere.
func Generate(s Spec) (*Workload, Sum) {
	maxID := s.Resting + s.Timed + 2
	g := &generator{spec: s, state: s.Seed, book: newLadder(maxID), octaves: octaves(s)}
	g.ops = make([]Op, 0, s.Resting+s.Timed)
	for i := range s.Resting {
		side := uint8(i & 1)
		qty := 1 + g.below(100)
		g.add(side, g.passive(side, g.deepAtFirst()), qty)
	}
	before := len(g.ops)
	g.book.sum = NewSum()
	for len(g.ops) < before+int(s.Timed) {
		switch r := g.below(100); {
		case r < 10:
			g.cross()
		case r < 20:
			g.reprice()
		case int(g.below(100)) < g.share():
			side, qty := uint8(g.below(2)), 1+g.below(100)
			g.add(side, g.passive(side, g.below(10) < g.deepInTen()), qty)
		default:
			g.cancel()
		}
	}
	return &Workload{Name: s.Name, Before: before, MaxID: g.id + 1, Ticks: ticks, Ops: g.ops}, g.book.sum
}

type generator struct {
	spec    Spec
	state   uint64
	book    *ladder
	ops     []Op
	id      uint32
	octaves uint32

	added  []uint32     // ids that came to rest, some of them gone since
	recent [4096]uint32 // the last ids
	at     int          // where the next one goes
	side   uint8        // of the pressure
	left   int          // crossing orders before the pressure may turn
}

func octaves(s Spec) uint32 {
	switch {
	case s.Wide:
		return 13
	case s.Resting >= 500_000:
		return 11
	case s.Resting >= 5_000:
		return 6
	}
	return 4
}

// random is SplitMix64.
func (g *generator) random() uint64 {
	g.state += 0x9E3779B97F4A7C15
	z := g.state
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}

func (g *generator) below(n uint32) uint32 { return uint32((g.random() >> 32) * uint64(n) >> 32) }

// deepAtFirst says whether an order of the first part stands deep.
func (g *generator) deepAtFirst() bool {
	few := uint32(5)
	if g.spec.Wide {
		few = 9
	}
	return g.below(10) < few || g.spec.Resting >= 500_000 && g.below(100) < 95
}

func (g *generator) deepInTen() uint32 {
	if g.spec.Wide {
		return 8
	}
	return 3
}

// passive draws a price that does not cross.
func (g *generator) passive(side uint8, deep bool) int32 {
	away := int32(0)
	if deep {
		base := uint32(8) << g.below(g.octaves)
		away = int32(base + g.below(base))
	} else {
		for away < 400 && g.below(7) != 0 {
			away++
		}
	}
	bid, ask := g.book.best[0], g.book.best[1]
	p := int32(0)
	if side == 0 {
		if p = ask - 1 - away; ask == noAsk {
			p = mid - away
		}
	} else {
		if p = bid + 1 + away; bid == noBid {
			p = mid + away
		}
	}
	p = min(max(p, 16), ticks-16)
	if side == 0 && ask != noAsk {
		p = min(p, ask-1)
	}
	if side == 1 && bid != noBid {
		p = max(p, bid+1)
	}
	return p
}

func (g *generator) add(side uint8, price int32, qty uint32) {
	g.id++
	g.ops = append(g.ops, Op{ID: g.id, Qty: qty, Price: price, Kind: Add, Side: side})
	g.book.add(g.id, side, price, qty)
	if g.book.has(g.id) {
		g.added = append(g.added, g.id)
	}
	g.recent[g.at&4095] = g.id
	g.at++
}

// cross sends an order that trades, with the pressure.
func (g *generator) cross() {
	bid, ask := g.book.best[0], g.book.best[1]
	if g.left--; g.left < 0 {
		g.left = int(g.below(200))
		bias := min(max(((bid+ask)/2-mid)/64, -30), 30)
		g.side = 1
		if int32(g.below(100)) < 50-bias {
			g.side = 0
		}
	}
	through := int32(0)
	if g.below(20) == 0 {
		through = int32(g.below(8))
	}
	qty := uint32(0)
	if g.below(50) == 0 {
		qty = 200 + g.below(1500)
	} else {
		qty = 1 + g.below(120)
	}
	switch {
	case g.side == 0 && ask != noAsk:
		g.add(0, ask+through, qty)
	case g.side == 1 && bid != noBid:
		g.add(1, bid-through, qty)
	}
}

func (g *generator) reprice() {
	id := g.pick()
	if id == 0 {
		return
	}
	o := &g.book.orders[id]
	side := o.side
	p := g.passive(side, g.spec.Wide && g.below(10) < 8)
	if p == o.price {
		p += 2*int32(side) - 1
	}
	qty := 1 + g.below(100)
	g.ops = append(g.ops, Op{ID: id, Qty: qty, Price: p, Kind: Reprice, Side: side})
	g.book.reprice(id, p, qty)
}

func (g *generator) cancel() {
	id := g.pick()
	if id == 0 {
		return
	}
	g.ops = append(g.ops, Op{ID: id, Kind: Cancel, Side: g.book.orders[id].side})
	g.book.cancel(id)
}

// pick draws an order that rests, three times in ten any, else a recent one; 0 if it finds none in 24 tries.
func (g *generator) pick() uint32 {
	any := g.below(10) < 3
	for range 24 {
		if !any {
			if id := g.recent[g.below(4096)]; g.book.has(id) {
				return id
			}
			continue
		}
		if len(g.added) == 0 {
			return 0
		}
		at := g.below(uint32(len(g.added)))
		id := g.added[at]
		if g.book.has(id) {
			return id
		}
		last := len(g.added) - 1
		g.added[at] = g.added[last]
		g.added = g.added[:last]
	}
	return 0
}

// share is how many percent of passive operations are orders, the rest cancels: fifty when the book is as full as it should
// be.
func (g *generator) share() int {
	missing := float64(int64(g.spec.Resting) - int64(g.book.live))
	room := float64(0.05*float64(g.spec.Resting)) + 50
	return min(max(50+int(missing/room*50), 10), 90)
}
