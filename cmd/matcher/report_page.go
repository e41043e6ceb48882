package main

import (
	"fmt"
	"html"
	"io"
	"math"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// The page: HTML with SVG inside, drawn here. No script, no font, no image, no link to anywhere.

const (
	plotWidth  = 1000.0
	plotLeft   = 78.0
	plotRight  = 8.0
	inner      = plotWidth - plotLeft - plotRight
	reportHead = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>%s</title>
<style>
:root{--bg:#fbfaf7;--card:#fff;--ink:#1d2329;--soft:#68727c;--line:#e4e1da;--bid:#0b7a75;--ask:#c2452d;--accent:#2f5bd0}
@media (prefers-color-scheme:dark){:root{--bg:#14171a;--card:#1c2024;--ink:#e8e6e1;--soft:#98a1aa;--line:#30363c;--bid:#3fbfb4;--ask:#ef7b60;--accent:#86a5ff}}
*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,"Segoe UI","Helvetica Neue","DejaVu Sans",sans-serif}
main{max-width:1080px;margin:0 auto;padding:36px 20px 60px}h1{font-size:27px;margin:0 0 2px;letter-spacing:-.01em}h2{font-size:20px;margin:40px 0 10px}
h3{font-size:14px;margin:18px 0 2px;font-weight:600}p{margin:0 0 8px;color:var(--soft)}.card{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:14px 18px 12px;margin:12px 0}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:10px;margin:20px 0}.tile{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:10px 14px}
.tile b{display:block;font-size:21px;font-variant-numeric:tabular-nums}.tile span{color:var(--soft);font-size:13px}
svg{display:block;width:100%%;height:auto}svg text{font:11.5px system-ui,"DejaVu Sans",sans-serif;fill:var(--soft)}.grid{stroke:var(--line);stroke-width:1}
.bid{stroke:var(--bid)}.ask{stroke:var(--ask)}.acc{stroke:var(--accent)}path,polyline{fill:none;stroke-width:1.5;stroke-linejoin:round}
table{border-collapse:collapse;width:100%%;font-variant-numeric:tabular-nums}th,td{text-align:right;padding:5px 10px;border-bottom:1px solid var(--line)}th{color:var(--soft);font-weight:500;font-size:13px}
th:first-child,td:first-child{text-align:left}.bar{display:inline-block;height:9px;border-radius:2px;background:var(--bid);vertical-align:middle;margin-right:8px}.bar+i{font-style:normal}.key i{display:inline-block;width:18px;height:3px;vertical-align:middle;margin:0 6px 0 14px}
code{font:13px ui-monospace,"DejaVu Sans Mono",monospace}
</style></head><body><main>
`
)

// page writes the whole of it.
func (r *report) page(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, reportHead, html.EscapeString("matcher: "+r.dir))
	length := time.Duration(r.to - r.from)
	fmt.Fprintf(&b, "<h1>Journal %s</h1><p>%s to %s UTC, %s. Every command was executed again and every fill and hash compared: identical, state hash <code>%s</code>.</p>\n",
		html.EscapeString(r.dir), time.Unix(0, int64(r.from)).UTC().Format("2006-01-02 15:04:05.000"), time.Unix(0, int64(r.to)).UTC().Format("2006-01-02 15:04:05.000"), length.Round(time.Millisecond), r.state)
	if r.torn != "" {
		fmt.Fprintf(&b, "<p><b>%s</b></p>\n", html.EscapeString(r.torn))
	}
	tile := func(value, label string) {
		fmt.Fprintf(&b, `<div class="tile"><b>%s</b><span>%s</span></div>`, value, label)
	}
	b.WriteString(`<div class="tiles">`)
	ratio := "none"
	if r.counts.Fills > 0 {
		ratio = fmt.Sprintf("%.1f", float64(r.counts.Commands)/float64(r.counts.Fills))
	}
	tile(grouped(r.counts.Commands), "commands")
	tile(grouped(r.counts.Fills), "fills")
	tile(ratio, "commands for each fill")
	tile(grouped(r.counts.Blocks), "blocks written")
	tile(fmt.Sprintf("%.0f", float64(r.counts.Commands)/max(length.Seconds(), 1e-9)), "commands/s on average")
	b.WriteString("</div>\n")
	for _, m := range r.markets {
		r.market(&b, m)
	}
	b.WriteString("<h2>The venue</h2><div class=\"card\">")
	seconds := length.Seconds() / reportBins
	b.WriteString(`<h3>Rates</h3><p class="key">a second <i style="background:var(--accent)"></i>commands <i style="background:var(--ask)"></i>fills</p>`)
	r.rates(&b, seconds)
	b.WriteString("</div>\n<div class=\"card\"><h3>Times</h3><p>What a journal knows: it stamps each turn of the core once. The stages inside of a turn are not in it; " +
		"<code>matcher bench</code> measures those from a client's side.</p><table><tr><th></th><th>count</th><th>p50</th><th>p90</th><th>p99</th><th>p99.9</th><th>longest</th></tr>")
	duration := func(v int64) string { return shortDuration(time.Duration(v)) }
	for _, row := range []struct {
		name  string
		h     *hdrhistogram.Histogram
		write func(int64) string
	}{
		{"from entry to the first fill, of an order that rested", r.toFill, duration},
		{"from entry to the cancel of an order without a fill", r.toCancel, duration},
		{"between two commands", r.between, duration},
		{"commands that shared one write", r.perBlock, func(v int64) string { return grouped(uint64(v)) }},
	} {
		fmt.Fprintf(&b, "<tr><td>%s</td><td>%s</td>", row.name, grouped(uint64(row.h.TotalCount())))
		for _, p := range []float64{50, 90, 99, 99.9, 100} {
			text := "&ndash;"
			if row.h.TotalCount() > 0 {
				text = row.write(row.h.ValueAtQuantile(p))
			}
			fmt.Fprintf(&b, "<td>%s</td>", text)
		}
		b.WriteString("</tr>")
	}
	b.WriteString("</table></div>\n<div class=\"card\"><h3>Accounts</h3><p>The share of orders that had a fill, the accounts with most orders first.</p>" +
		"<table><tr><th>account</th><th>orders</th><th>with a fill</th><th>cancelled</th><th>rejected</th><th>lots traded</th><th style=\"width:34%\">fill ratio</th></tr>")
	for _, u := range r.users {
		share := 0.0
		if u.orders > 0 {
			share = 100 * float64(u.filled) / float64(u.orders)
		}
		fmt.Fprintf(&b, `<tr><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td style="text-align:left"><span class="bar" style="width:%.1f%%"></span><i>%.1f %%</i></td></tr>`,
			html.EscapeString(u.name), grouped(u.orders), grouped(u.filled), grouped(u.cancels), grouped(u.reject), grouped(u.lots), share*0.75, share)
	}
	b.WriteString("</table></div>\n</main></body></html>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// shortDuration writes three digits or so.
func shortDuration(d time.Duration) string {
	for _, u := range []struct {
		unit time.Duration
		name string
	}{{time.Hour, "h"}, {time.Minute, "min"}, {time.Second, "s"}, {time.Millisecond, "ms"}, {time.Microsecond, "us"}} {
		if d >= u.unit {
			return fmt.Sprintf("%.3g %s", float64(d)/float64(u.unit), u.name)
		}
	}
	return fmt.Sprintf("%d ns", d.Nanoseconds())
}

// plot is one SVG with axes.
type plot struct {
	b           *strings.Builder
	height      float64
	low, high   float64
	top, bottom float64
}

// begin opens a plot whose values run from low to high, with labels of the value axis.
func (r *report) begin(b *strings.Builder, height, low, high float64, label func(float64) string) *plot {
	p := &plot{b: b, height: height, low: low, high: high, top: 8, bottom: height - 24}
	if !(p.high > p.low) {
		p.high = p.low + 1
	}
	fmt.Fprintf(b, `<svg viewBox="0 0 %.0f %.0f" role="img">`, plotWidth, height)
	step := math.Pow(10, math.Floor(math.Log10((p.high-p.low)/4))) // 1, 2 or 5 times a power of ten
	for _, times := range []float64{2, 2.5, 2} {
		if (p.high-p.low)/step > 6 {
			step *= times
		}
	}
	for v := math.Ceil(p.low/step) * step; v <= p.high; v += step {
		fmt.Fprintf(b, `<line class="grid" x1="%.0f" x2="%.0f" y1="%.1f" y2="%.1f"/><text x="%.0f" y="%.1f" text-anchor="end">%s</text>`,
			plotLeft, plotWidth-plotRight, p.y(v), p.y(v), plotLeft-8, p.y(v)+4, label(v))
	}
	form := "15:04:05"
	if r.to-r.from < uint64(20*time.Second) {
		form = "15:04:05.000"
	}
	for i := range 6 {
		x := plotLeft + inner*float64(i)/5
		anchor := [...]string{"start", "middle", "end"}[min(i, 1)+max(0, i-4)]
		at := time.Unix(0, int64(r.from)+int64(float64(r.to-r.from)*float64(i)/5)).UTC()
		fmt.Fprintf(b, `<text x="%.1f" y="%.0f" text-anchor="%s">%s</text>`, x, height-6, anchor, at.Format(form))
	}
	return p
}

func (p *plot) y(v float64) float64 {
	return p.bottom - (v-p.low)/(p.high-p.low)*(p.bottom-p.top)
}

// binX is the left edge of a bin.
func binX(i int) float64 { return plotLeft + inner*float64(i)/reportBins }

// line draws the values of the bins, with gaps where there are none (NaN).
func (p *plot) line(class string, value func(int) float64) {
	var d strings.Builder
	up := true
	for i := range reportBins {
		v := value(i)
		if math.IsNaN(v) {
			up = true
			continue
		}
		verb := "L"
		if up {
			verb = "M"
		}
		up = false
		v = min(max(v, p.low), p.high)
		fmt.Fprintf(&d, "%s%.1f %.1f", verb, binX(i)+inner/reportBins/2, p.y(v))
	}
	fmt.Fprintf(p.b, `<path class="%s" d="%s"/>`, class, d.String())
}

func (p *plot) end() { p.b.WriteString("</svg>") }

func orGap(v uint64) float64 {
	if v == 0 {
		return math.NaN()
	}
	return float64(v)
}

// market draws one instrument.
func (r *report) market(b *strings.Builder, m *marketReport) {
	places := max(int32(m.decimals)-int32(math.Log10(max(float64(m.high-m.low)/10, 1))), min(int32(m.decimals), 2))
	price := func(v float64) string { return trimmed(uint64(max(v, 0)+.5), m.decimals, places) }
	top := float64(m.bottom + m.step*heatRows)
	fmt.Fprintf(b, "<h2>%s</h2><p>%s, %s lots, from %s to %s</p>\n", html.EscapeString(m.name), grouped(m.fills)+" fills", grouped(m.lots), decimalText(m.low, m.decimals), decimalText(m.high, m.decimals))
	b.WriteString(`<div class="card"><h3>Price and trades</h3><p class="key">trades by their range in each of 240 spans, volume below <i style="background:var(--bid)"></i>bid <i style="background:var(--ask)"></i>ask</p>`)
	margin := float64(m.high-m.low)*0.08 + float64(m.step)
	p := r.begin(b, 300, max(float64(m.low)-margin*4, 0), float64(m.high)+margin, price)
	most := 1.0
	for _, v := range m.volume {
		most = max(most, v)
	}
	for i, s := range m.trade {
		if s.last == 0 {
			continue
		}
		h := m.volume[i] / most * 46
		fmt.Fprintf(b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="var(--accent)" opacity=".35"/>`, binX(i), p.bottom-h, inner/reportBins-.6, h)
		fmt.Fprintf(b, `<rect x="%.1f" y="%.1f" width="2.4" height="%.1f" rx="1" fill="var(--ink)" opacity=".55"/>`, binX(i)+inner/reportBins/2-1.2, p.y(float64(s.high))-1, p.y(float64(s.low))-p.y(float64(s.high))+2)
	}
	p.line("bid", func(i int) float64 { return orGap(m.bid[i]) })
	p.line("ask", func(i int) float64 { return orGap(m.ask[i]) })
	p.end()
	b.WriteString(`<h3>Spread</h3>`)
	spread := func(i int) float64 {
		if m.bid[i] == 0 || m.ask[i] == 0 {
			return math.NaN()
		}
		return float64(m.ask[i]) - float64(m.bid[i])
	}
	widest := 1.0
	for i := range reportBins {
		if v := spread(i); !math.IsNaN(v) {
			widest = max(widest, v)
		}
	}
	p = r.begin(b, 130, 0, widest, price)
	p.line("acc", spread)
	p.end()
	b.WriteString(`<h3>Depth</h3><p class="key">lots shown at each price, darker is more <i style="background:var(--bid);height:9px"></i>bids <i style="background:var(--ask);height:9px"></i>asks</p>`)
	p = r.begin(b, 320, float64(m.bottom), top, price)
	row := (p.bottom - p.top) / heatRows
	for i := range m.heat {
		for k, v := range m.heat[i] {
			if v == 0 {
				continue
			}
			color := "var(--ask)"
			if v < 0 {
				color = "var(--bid)"
			}
			strength := 0.08 + 0.92*math.Sqrt(math.Abs(float64(v))/m.heatHigher)
			fmt.Fprintf(b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s" opacity="%.2f"/>`, binX(i), p.bottom-row*float64(k+1), inner/reportBins+.3, row+.2, color, strength)
		}
	}
	p.end()
	b.WriteString("</div>\n")
}

// rates draws commands and fills a second.
func (r *report) rates(b *strings.Builder, seconds float64) {
	most := 0.0
	for _, n := range r.commands {
		most = max(most, n/seconds)
	}
	p := r.begin(b, 180, 0, max(most, 1), func(v float64) string {
		if v >= 10_000 {
			return fmt.Sprintf("%.0f k", v/1000)
		}
		return fmt.Sprintf("%.0f", v)
	})
	p.line("acc", func(i int) float64 { return r.commands[i] / seconds })
	p.line("ask", func(i int) float64 { return r.fills[i] / seconds })
	p.end()
}
