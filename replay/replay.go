// Package replay turns recorded order flow into commands again: a journal, public market data, or lines of text.
//
// It owns the flow format below, the importers that write it (ITCH 5.0, LOBSTER), the rebuilding of books from ITCH
// messages, and the executor that runs a journal through an engine and holds every fill and hash against what was
// recorded. It never writes to a journal, opens no file and no connection by itself (it is given readers and file
// systems), and knows nothing of the venue's rules: the engine alone decides what a command does.
//
//	replay.go        this page
//	journal.go       Journal: a journal executed once more, and Divergence
//	flow.go          Line, and Flow, which reads lines
//	scan.go          its words, and how numbers and letters are read
//	option.go        the optional fields of a line; a line as an engine.Command
//	option_value.go  their values
//	import.go        what the importers share
//	itch_file.go     the messages of an ITCH 5.0 file
//	itch_order.go    what they say of orders
//	itch_import.go   Import.ITCH
//	itch_rebuild.go  RebuildITCH: books after each message
//	row.go           a book as a line of text
//	lobster.go       Import.LOBSTER
//	csv.go           Import.CSV
//	record.go        Recording: a venue without a server, which executes a flow and writes its journal
//	rows.go          cells and events as rows of a table (package npy)
//	tape.go          market data in the forms of LOBSTER and hftbacktest
//
// # Flow
//
// A flow is text: one command a line, in the order in which they reach the venue. Words are parted by spaces or tabs; a
// word that begins with # ends its line; empty lines are skipped. Numbers are wire integers: prices in units of the
// instrument's last decimal, quantities in lots. Letters are those of OUCH 5.0 and go to the venue as they are.
//
//	USER enter REF SIDE QTY SYMBOL PRICE TIF DISPLAY [option=value ...]
//	USER cancel REF SIZE
//	USER modify REF SIDE SIZE
//	USER replace ORIG REF TOTAL PRICE TIF DISPLAY [option=value ...]
//	USER masscancel REF [symbol=S] [firm=F] [side=B|S] [group=N]
//	USER disable REF [firm=F]
//	USER enable REF [firm=F]
//	USER query
//
// Before USER a line may say @TIME: ns since midnight at which it reached the venue, never going back. Clients send it as soon
// as they can; a replay takes it for the time.
//
// USER is 1 to 6 letters and digits. REF and ORIG are UserRefNums: each user's own must grow from line to line. SIDE is B,
// S, T or E; TIF 0 (day), 1 (GTC), 3 (IOC), 4 (FOK) or 6 (GTT); DISPLAY Y, N or A. SIZE is the intended size of the order,
// what has executed included (0: all that is open); TOTAL likewise for the whole chain of replaces. A PRICE of
// 2,000,000,000 and above is the market price. Options follow in any order, each once:
//
//	enter                    capacity= cross= firm= route=
//	enter, replace           clordid= sweep= minqty= postonly= ttl= expire= pricetype= group= aiq= aiqgroup= customer=
//	                         exempt= tradenow= handling= maxfloor= random= pegoffset= stop= trigger= trail=
//	                         discretion= discretiontype= discretionoffset=
//	enter, replace, modify   located= locate=
//	replace                  side=
//	all                      idx= (UserRefIdx: the channel of the UserRefNum)
//
// They are the tags of OUCH 5.0 by name and the private ones of this venue (ttl: seconds to live, expire: ns since 1970).
// Capacity is P, cross and sweep are N unless given.
package replay
