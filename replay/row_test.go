package replay

import (
	"fmt"

	"matcher/book"
)

func ExampleRow() {
	r := Row{
		Index: 61,
		Asks:  []book.Level{{Price: 1633400, Qty: 85, Orders: 2}, {Price: 1633800, Qty: 100, Orders: 1}},
		Bids:  []book.Level{{Price: 1632400, Qty: 1849, Orders: 9}},
	}
	fmt.Printf("%q\n%q\n", AppendTSVHeader(nil, "message_index", 2), r.AppendTSV(nil, 2))
	fmt.Printf("%s", r.AppendJSON(nil, "message_index"))
	// Output:
	// "message_index\tap1\taq1\tbp1\tbq1\tap2\taq2\tbp2\tbq2\n"
	// "61\t1633400\t85\t1632400\t1849\t1633800\t100\t0\t0\n"
	// {"message_index":61,"asks":[[1633400,85,2],[1633800,100,1]],"bids":[[1632400,1849,9]]}
}
