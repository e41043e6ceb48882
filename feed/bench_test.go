package feed_test

import (
	"testing"

	"matcher/engine"
	"matcher/feed"
	"matcher/tests/twin"
)

// BenchmarkOrder is what the public view of an order and its cancel costs: two events become two messages, packed.
func BenchmarkOrder(b *testing.B) {
	v := newVenue()
	for _, c := range twin.Setup(200) {
		v.apply(&c)
	}
	q := feed.NewPackets(make([]byte, 8<<20), 0)
	q.Go(v.public.Session(), v.public.Sequence()+1, false)
	enter := engine.Event{
		Kind: 'A', Flags: engine.EventRests, Instrument: 1, User: 1, Side: 'B', Qty: 100, Leaves: 100, Shown: 100, Price: 100_000,
		Display: 'Y',
	}
	cancel := engine.Event{Kind: 'C', Instrument: 1, User: 1, Side: 'B', Qty: 100, Link: 100, Reason: 'U'}
	enterOf, cancelOf := engine.Command{Header: engine.Header{Kind: engine.KindEnter}}, engine.Command{Header: engine.Header{Kind: engine.KindCancel}}
	enterOf.Time, cancelOf.Time = v.public.Midnight()+1, v.public.Midnight()+2
	out := make([]byte, 0, 1<<10)
	one, two := []engine.Event{enter}, []engine.Event{cancel}
	b.ReportAllocs()
	for n := uint64(1); b.Loop(); n++ {
		one[0].Order, two[0].Order = n, n
		out = v.public.Append(out[:0], &enterOf, one, true)
		q.Put(out)
		out = v.public.Append(out[:0], &cancelOf, two, true)
		q.Put(out)
		if n%64 == 0 {
			q.Release(q.Mark())
			for _, size := q.Next(); size != 0; _, size = q.Next() {
			}
		}
	}
}
