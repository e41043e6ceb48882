package twin

// Mix is what a flow has most of: one order in so many is an iceberg, and so on; 0 none.
type Mix struct {
	Name       string
	symbols    []string
	icebergs   int
	minimums   int
	pegs       int
	midpoints  int
	stops      int
	prevention int
	operator   int // one command in so many is an operator's
	limits     int // one account that changes in so many gets limits
	days       int // one order in so many is good till cancelled, one operator's command ends a day, one day an instrument changes
}

// Mixes returns all mixes.
func Mixes() []Mix {
	return []Mix{
		{Name: "plain", symbols: []string{"AAPL", "MSFT", "TINY"}},
		{Name: "icebergs", symbols: []string{"AAPL", "COLLAR"}, icebergs: 2},
		{Name: "minimums", symbols: []string{"AAPL", "TINY"}, minimums: 3},
		{Name: "pegs", symbols: []string{"AAPL", "TINY", "FINE", "COLLAR"}, pegs: 4, midpoints: 5, icebergs: 10, prevention: 20},
		{Name: "stops", symbols: []string{"AAPL", "FINE", "COLLAR"}, stops: 2, icebergs: 20, minimums: 20},
		{Name: "cascades", symbols: []string{"AAPL", "FINE"}, stops: 2, pegs: 6, midpoints: 8},
		{Name: "prevention", symbols: []string{"AAPL", "MSFT", "PRORATA"}, prevention: 1, icebergs: 6, minimums: 10},
		{Name: "policies", symbols: []string{"PRORATA", "MIXED"}, icebergs: 5, minimums: 15, pegs: 15, prevention: 10},
		{Name: "operator", symbols: []string{"AAPL", "COLLAR"}, operator: 12, stops: 6, pegs: 8, midpoints: 12, icebergs: 10},
		{Name: "limits", symbols: []string{"AAPL", "COLLAR"}, limits: 1, stops: 4, icebergs: 12, pegs: 20},
		{
			Name: "days", symbols: []string{"AAPL", "TINY", "MIXED", "COLLAR"}, days: 2, operator: 50,
			icebergs: 8, minimums: 12, pegs: 8, midpoints: 12, stops: 5,
		},
		{
			Name: "everything", symbols: symbols()[1:],
			icebergs: 8, minimums: 10, pegs: 8, midpoints: 10, stops: 6, prevention: 4, operator: 60, limits: 3,
		},
	}
}
