package replay

import (
	"strconv"

	"matcher/book"
)

// Row is a book after a message of a file or a command of a journal: levels of displayed orders, best first. A level that
// a side does not have is not there.
type Row struct {
	Index      uint64 // of the message, from 1; or the sequence number of the command
	Type       byte   // of the message; 0: a command
	Bids, Asks []book.Level
}

// AppendTSVHeader appends the names of the columns that AppendTSV writes, tab-separated: the given one for Index, then ap1
// aq1 bp1 bq1 ap2 ...: price and quantity of the ask and of the bid, level by level.
func AppendTSVHeader(dst []byte, index string, depth int) []byte {
	dst = append(dst, index...)
	for i := 1; i <= depth; i++ {
		for _, column := range [...]string{"\tap", "\taq", "\tbp", "\tbq"} {
			dst = strconv.AppendInt(append(dst, column...), int64(i), 10)
		}
	}
	return append(dst, '\n')
}

// AppendTSV appends the row with depth levels, tab-separated. A level that is not there is 0 0: no order has that price.
func (r *Row) AppendTSV(dst []byte, depth int) []byte {
	dst = strconv.AppendUint(dst, r.Index, 10)
	for i := range depth {
		for _, side := range [...][]book.Level{r.Asks, r.Bids} {
			l := book.Level{}
			if i < len(side) {
				l = side[i]
			}
			dst = strconv.AppendUint(append(dst, '\t'), uint64(l.Price), 10)
			dst = strconv.AppendUint(append(dst, '\t'), l.Qty, 10)
		}
	}
	return append(dst, '\n')
}

// AppendJSON appends the row as an object and a line end: Index under the given name, asks and bids as arrays of [price,
// quantity, orders].
func (r *Row) AppendJSON(dst []byte, index string) []byte {
	dst = append(strconv.AppendQuote(append(dst, '{'), index), ':')
	dst = strconv.AppendUint(dst, r.Index, 10)
	for i, side := range [...][]book.Level{r.Asks, r.Bids} {
		dst = append(dst, [...]string{`,"asks":[`, `,"bids":[`}[i]...)
		for n, l := range side {
			if n > 0 {
				dst = append(dst, ',')
			}
			dst = strconv.AppendUint(append(dst, '['), uint64(l.Price), 10)
			dst = strconv.AppendUint(append(dst, ','), l.Qty, 10)
			dst = append(strconv.AppendInt(append(dst, ','), int64(l.Orders), 10), ']')
		}
		dst = append(dst, ']')
	}
	return append(dst, '}', '\n')
}
