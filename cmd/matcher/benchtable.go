package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// found is what a thread has measured. Only messages that were due between from and to count.
type found struct {
	from, to int64
	latency  [benchKinds]*hdrhistogram.Histogram // ns from due to answered
	sending  *hdrhistogram.Histogram             // ns from sent to answered
	lag      *hdrhistogram.Histogram             // ns that the generator itself was late
	sent     [benchKinds]uint64
	rejected [256]uint64 // by code; the last one stands for all above
	refused  uint64      // all of them
	all      uint64      // sent, those that do not count included
	settled  uint64      // of these: answered, or known never to be
	worst    int64       // latency since the last line
	last     int64       // when the last answer that counts came

	crossed    uint64 // messages about orders that were gone when they arrived
	unmeasured uint64 // of a flow: messages about orders that had another one unanswered, or were gone
	unanswered uint64
	unsent     uint64
	stalls     uint64 // times a socket took no more
}

const longest = int64(3600e9) // ns that a histogram can hold

func newFound(from, to int64) found {
	f := found{from: from, to: to, sending: newLatencies(), lag: newLatencies()}
	for k := range f.latency {
		f.latency[k] = newLatencies()
	}
	return f
}

func newLatencies() *hdrhistogram.Histogram { return hdrhistogram.New(1, longest, 3) }

func (f *found) counts(due int64) bool { return due >= f.from && due < f.to }

// send counts a message.
func (f *found) send(kind benchKind, due int64) {
	f.all++
	if f.counts(due) {
		f.sent[kind]++
	}
}

// late counts how late a message was made although it could have been sent.
func (f *found) late(due, ns int64) {
	if f.counts(due) {
		_ = f.lag.RecordValue(min(max(ns, 0), longest)) // always within its range
	}
}

// answer counts an answer.
func (f *found) answer(kind benchKind, due, sent, now int64) {
	f.settled++
	f.worst = max(f.worst, now-due)
	if f.counts(due) {
		f.last = now
		_ = f.latency[kind].RecordValue(min(max(now-due, 0), longest))
		_ = f.sending.RecordValue(min(max(now-sent, 0), longest))
	}
}

// abandon gives up every answer.
func (o *benchOrders) abandon() {
	o.found.unanswered += uint64(o.inFlight)
	o.inFlight = 0
	clear(o.table)
}

// progress is what a thread lets others see.
type progress struct{ sent, answered, rejected, worst uint64 }

func (p *progress) publish(f *found) {
	atomic.StoreUint64(&p.sent, f.all)
	atomic.StoreUint64(&p.answered, f.settled)
	atomic.StoreUint64(&p.rejected, f.refused)
	if f.worst > int64(atomic.LoadUint64(&p.worst)) {
		atomic.StoreUint64(&p.worst, uint64(f.worst))
	}
	f.worst = 0
}

// add takes what a thread shows; its worst latency begins anew.
func (p *progress) add(of *progress) {
	p.sent += atomic.LoadUint64(&of.sent)
	p.answered += atomic.LoadUint64(&of.answered)
	p.rejected += atomic.LoadUint64(&of.rejected)
	p.worst = max(p.worst, atomic.SwapUint64(&of.worst, 0))
}

// gather adds up what all threads have found.
func gather(b *bench, workers []*benchWorker) *found {
	all := newFound(int64(b.warmup), int64(b.warmup+b.length))
	for _, w := range workers {
		f := &w.found
		for k := range f.latency {
			all.latency[k].Merge(f.latency[k])
			all.sent[k] += f.sent[k]
		}
		all.sending.Merge(f.sending)
		all.lag.Merge(f.lag)
		for code, n := range f.rejected {
			all.rejected[code] += n
		}
		all.refused += f.refused
		all.all += f.all
		all.crossed += f.crossed
		all.unmeasured += f.unmeasured
		all.unanswered += f.unanswered
		all.unsent += f.unsent
		all.stalls += f.stalls
		all.last = max(all.last, f.last)
	}
	return &all
}

// benchRow is a line of the table. Times are microseconds.
type benchRow struct {
	Name     string  `json:"name"`
	Sent     uint64  `json:"sent,omitempty"`
	Answered uint64  `json:"answered"`
	P50      float64 `json:"p50_us"`
	P90      float64 `json:"p90_us"`
	P99      float64 `json:"p99_us"`
	P999     float64 `json:"p99_9_us"`
	P9999    float64 `json:"p99_99_us"`
	Max      float64 `json:"max_us"`
}

func newBenchRow(name string, sent uint64, h *hdrhistogram.Histogram) benchRow {
	us := func(q float64) float64 { return float64(h.ValueAtQuantile(q)) / 1000 }
	return benchRow{name, sent, uint64(h.TotalCount()), us(50), us(90), us(99), us(99.9), us(99.99), float64(h.Max()) / 1000}
}

// benchReport is what --json prints.
type benchReport struct {
	Venue       string            `json:"venue"`
	Durability  string            `json:"durability"`
	Loop        string            `json:"loop"` // open or closed
	Due         float64           `json:"due_per_second,omitempty"`
	PerSecond   float64           `json:"answered_per_second"`
	Seconds     float64           `json:"seconds"`
	Warmup      float64           `json:"warmup_seconds"`
	Short       string            `json:"short,omitempty"` // why less was measured than was asked for
	Clients     int               `json:"clients"`
	Window      int               `json:"window"`
	Mix         string            `json:"mix"`
	Threads     int               `json:"threads"`
	Kinds       []benchRow        `json:"kinds"`
	All         benchRow          `json:"all"`
	Sending     benchRow          `json:"from_sending"`
	Lag         benchRow          `json:"schedule_lag"`
	Rejected    uint64            `json:"rejected"`
	RejectCodes map[string]uint64 `json:"reject_codes,omitempty"`
	Crossed     uint64            `json:"crossed"`
	Unmeasured  uint64            `json:"unmeasured"`
	Unanswered  uint64            `json:"unanswered"`
	Unsent      uint64            `json:"unsent"`
	Stalls      uint64            `json:"send_stalls"`
}

// report prints what was found and writes the percentiles.
func (b *bench) report(f *found) error {
	if b.lines != nil && f.all == uint64(len(b.lines.owners)) && f.last < int64(b.warmup+b.length) {
		b.length, b.short = max(0, time.Duration(f.last)-b.warmup), "the flow has no more messages"
		if f.last == 0 {
			return &fault{
				Code: "E4004", What: "--mix: " + b.flow + " ended before anything was measured", Why: fmt.Sprintf("the warm-up of %s took all of its %s", b.warmup, count(len(b.lines.owners), "message")),
				Fix: "--warmup 0s", Or: "a longer flow",
			}
		}
	}
	r := benchReport{
		Venue: b.venue, Durability: b.durable, Loop: "open", Due: b.rate, Seconds: b.length.Seconds(), Warmup: b.warmup.Seconds(),
		Clients: len(b.logins), Window: b.window, Mix: b.mixText, Threads: min(b.threads, len(b.logins)),
		Short: b.short, Crossed: f.crossed, Unmeasured: f.unmeasured, Unanswered: f.unanswered, Unsent: f.unsent, Stalls: f.stalls,
		Rejected: f.refused, RejectCodes: map[string]uint64{},
	}
	if b.rate == 0 {
		r.Loop = "closed"
	}
	all, sent := newLatencies(), uint64(0)
	for k, h := range f.latency {
		if f.sent[k] != 0 {
			r.Kinds = append(r.Kinds, newBenchRow(benchKind(k).String(), f.sent[k], h))
		}
		all.Merge(h)
		sent += f.sent[k]
	}
	for code, n := range f.rejected {
		if n != 0 {
			r.RejectCodes[rejectCode(uint16(code))] += n
		}
	}
	r.All, r.Sending, r.Lag = newBenchRow("all", sent, all), newBenchRow("all, from sending", 0, f.sending), newBenchRow("schedule lag", 0, f.lag)
	// Answers that come when nothing is due any more were late: the time until the last of them counts.
	r.PerSecond = float64(all.TotalCount()) / max(b.length, time.Duration(f.last)-b.warmup).Seconds()
	if b.hgrm != "" {
		if err := writePercentiles(b.hgrm, all); err != nil {
			return err
		}
	}
	if b.asJSON {
		return json.NewEncoder(b.e.Stdout).Encode(r)
	}
	_, err := fmt.Fprint(b.e.Stdout, r.text())
	return err
}

// text is the table, and what is in its figures.
func (r *benchReport) text() string {
	to := &strings.Builder{}
	line := func(format string, args ...any) { fmt.Fprintf(to, format+"\n", args...) }
	line("venue       %s", r.Venue)
	line("durability  %s", r.Durability)
	line("load        %s messages of %s, at most %s unanswered on each; mix %s", r.rate(), count(r.Clients, "client"), grouped(uint64(r.Window)), r.Mix)
	short := ""
	if r.Short != "" {
		short = " (" + r.Short + ")"
	}
	line("measured    %.4g s%s behind a warm-up of %g s, which does not count; %s on %s", r.Seconds, short, r.Warmup, count(r.Threads, "thread"), cpuText())
	line("")
	line("%-18s %11s %11s %9s %9s %9s %9s %9s %9s", "us", "sent", "answered", "p50", "p90", "p99", "p99.9", "p99.99", "max")
	row := func(k *benchRow) {
		sent := ""
		if k.Sent != 0 {
			sent = grouped(k.Sent)
		}
		if k.Answered == 0 {
			line("%-18s %11s %11s %9s %9s %9s %9s %9s %9s", k.Name, sent, "0", "-", "-", "-", "-", "-", "-")
			return
		}
		line("%-18s %11s %11s %9.1f %9.1f %9.1f %9.1f %9.1f %9.1f", k.Name, sent, grouped(k.Answered), k.P50, k.P90, k.P99, k.P999, k.P9999, k.Max)
	}
	for i := range r.Kinds {
		row(&r.Kinds[i])
	}
	row(&r.All)
	if r.Loop == "open" {
		row(&r.Sending)
		row(&r.Lag)
	}
	line("")
	line("answered    %s messages/s", grouped(uint64(r.PerSecond+0.5)))
	var codes []string
	for code := range uint16(256) {
		if n := r.RejectCodes[rejectCode(code)]; n != 0 {
			codes = append(codes, strings.TrimSpace(fmt.Sprintf("%s x %s %s", grouped(n), rejectCode(code), rejectReason(code))))
		}
	}
	if len(codes) != 0 {
		codes = []string{" (" + strings.Join(codes, ", ") + ")"}
	}
	line("whole run   %s rejected%s; %s crossed a fill and had no answer; %s unanswered; %s due and never sent; sockets were full %s",
		grouped(r.Rejected), strings.Join(codes, ""), grouped(r.Crossed), grouped(r.Unanswered), grouped(r.Unsent), count(int(r.Stalls), "time"))
	if r.Unmeasured != 0 {
		line("            %s of the flow were about orders that were gone or had another message under way: sent, not measured", grouped(r.Unmeasured))
	}
	if r.Loop == "open" {
		line("clock       CLOCK_MONOTONIC of this machine, from when a message was due by the schedule, sent or not, to behind the read(2)")
		line("            that brought its first answer (Accepted, Canceled, Replaced): waiting for the window, for a full socket and for")
		line("            this generator counts (no coordinated omission). \"from sending\" leaves that out. \"schedule lag\" is how late")
		line("            the generator itself was. Fills, refusals and the warm-up are not in the latencies.")
	} else {
		line("clock       CLOCK_MONOTONIC of this machine, from when a message was made to behind the read(2) that brought its first answer")
		line("            (Accepted, Canceled, Replaced). The next one waits for it: a stall is seen by one window only. For latencies")
		line("            give --rate.")
	}
	return to.String()
}

func (r *benchReport) rate() string {
	if r.Loop == "closed" {
		return "closed loop:"
	}
	return grouped(uint64(r.Due+0.5)) + "/s due,"
}

// writePercentiles writes a histogram of ns as microseconds, in the text format of HdrHistogram.
func writePercentiles(file string, h *hdrhistogram.Histogram) error {
	f, err := os.Create(file)
	if err == nil {
		_, err = h.PercentilesPrint(f, 5, 1000)
		if closed := f.Close(); err == nil {
			err = closed
		}
	}
	if err != nil {
		return writeFault(file, err)
	}
	return nil
}
