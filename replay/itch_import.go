package replay

import (
	"io"

	"matcher/wire/itch"
)

// ITCH writes the flow of an ITCH 5.0 file: A and F become an Enter of MAKER, X and D a Cancel, U a Replace; E and C
// become an immediate-or-cancel order of TAKER at the displayed price of the order that was hit. P (the execution of an
// order that was never shown) and everything that is about no order give no command.
// Errors name the message; lines written before stay written.
func (o Import) ITCH(r io.Reader, w io.Writer) (Stats, error) {
	m := newImporter(w)
	f := newITCHFile(r)
	for {
		msg, err := f.next()
		if err == nil {
			m.stats.Records++
			if o.Times && len(msg) >= itch.HeaderSize {
				m.time = stamp(msg)
			}
			if err = m.message(msg); err != nil {
				err = f.wrong(err)
			}
		}
		if err != nil {
			return m.end(err)
		}
	}
}

// message writes what one message means.
func (m *importer) message(msg []byte) error {
	var o itchOrder
	about, err := o.decode(msg)
	switch {
	case err != nil:
		return err
	case !about && o.kind == itch.TypeTrade:
		m.stats.Hidden++
		return nil
	case !about:
		m.stats.Other++
		return nil
	}
	switch o.kind {
	case itch.TypeAddOrder:
		return m.add(added{id: o.id, symbol: o.symbol, price: o.price, qty: o.qty, side: o.side, display: 'Y'})
	case itch.TypeAddOrderMPID:
		return m.add(added{id: o.id, symbol: o.symbol, price: o.price, qty: o.qty, side: o.side, display: 'A'})
	case itch.TypeOrderCancel:
		if o.qty == 0 {
			return errQty
		}
		return m.reduce(o.id, o.qty)
	case itch.TypeOrderDelete:
		return m.reduce(o.id, 0)
	case itch.TypeOrderReplace:
		return m.replace(replaced{old: o.id, id: o.newID, price: o.price, qty: o.qty})
	}
	return m.execute(o.id, o.qty)
}
