package engine

// What would have been: an order beside, or without, a recorded flow. All other orders keep the numbers they had, so that
// what happens to them can be held against the record, and so that nothing drawn from a reference changes (rule 5.4).

// besides is where the references of inserted orders begin: no venue comes there.
const besides uint64 = 1 << 62

// Insert carries out an Enter that was never sequenced. It takes no sequence number and no order reference of the others.
// What becomes of the order later (a slice of an iceberg, a move of a peg) does take one. Time may not go back.
func (e *Engine) Insert(events []Event, cmd *Command) []Event {
	seq, reference := e.seq, e.reference
	cmd.Seq = seq + 1
	if cmd.Time >= e.due && e.open { // who expires by then is not beside anything
		e.time = cmd.Time
		e.out = events
		e.expire()
		events = e.out
		reference = e.reference
	}
	e.reference = besides + e.turn
	events = e.Apply(events, cmd)
	e.seq, e.reference = seq, reference
	return events
}

// Skip passes over a recorded Enter as if it had never come, but for the numbers that it used up. What came due before it does so
// all the same, and is appended to events.
func (e *Engine) Skip(events []Event, cmd *Command) []Event {
	c := cmd.Enter()
	e.seq, e.time = cmd.Seq, cmd.Time
	e.turn++
	e.out = events
	if e.due <= e.time && e.open {
		e.expire()
	}
	e.use(&e.users[cmd.User], cmd.User, cmd.Idx, c.Ref)
	e.reference++
	return e.out
}
