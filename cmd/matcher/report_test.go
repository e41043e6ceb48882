package main

import (
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// generated writes the journal of drawn flow.
func generated(t *testing.T, args ...string) string {
	t.Helper()
	dir := t.TempDir()
	flow := filepath.Join(dir, "flow")
	o := do(t, 0, append([]string{"generate", "-o", flow, "--commands", "20000"}, args...)...)
	in(t, o.stderr, "20000 commands in ", "order to trade", "mean spread", "Poisson")
	do(t, 0, "replay", flow, "--record", filepath.Join(dir, "j"))
	return filepath.Join(dir, "j")
}

// TestReport makes a page and, where there is a browser, looks at it.
func TestReport(t *testing.T) {
	j := generated(t, "--model", "hawkes", "--seed", "3", "--rate", "200")
	page := filepath.Join(t.TempDir(), "report.html")
	do(t, 0, "report", j, "-o", page)
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	in(t, string(text), "<h2>AAPL</h2>", "Price and trades", "Spread", "Depth", "Rates", "from entry to the first fill", "fill ratio", "AG7", "state hash")
	for _, foreign := range []string{"http:", "https:", "<script", "<link", "url(", "src=", "NaN", "Inf"} {
		if strings.Contains(string(text), foreign) {
			t.Errorf("the page has %q in it", foreign)
		}
	}
	browser := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if file, err := exec.LookPath(name); err == nil {
			browser = file
			break
		}
	}
	if browser == "" {
		t.Skip("no Chromium here; Debian: apt-get install chromium")
	}
	shot := filepath.Join(t.TempDir(), "report.png")
	cmd := exec.Command(browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--user-data-dir="+t.TempDir(),
		"--window-size=1100,1900", "--screenshot="+shot, "file://"+page)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	f, err := os.Open(shot)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	picture, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	bids, asks, ink := 0, 0, 0
	for y := range picture.Bounds().Dy() {
		for x := range picture.Bounds().Dx() {
			r, g, b, _ := picture.At(x, y).RGBA()
			switch r, g, b = r>>8, g>>8, b>>8; {
			case g > r+25 && b > r+20:
				bids++
			case r > g+25 && r > b+25:
				asks++
			case r < 80 && g < 80 && b < 80:
				ink++
			}
		}
	}
	if bids < 3000 || asks < 3000 || ink < 2000 {
		t.Errorf("the picture shows %d points of bids, %d of asks, %d of text", bids, asks, ink)
	}
}

func TestReportRefuses(t *testing.T) {
	j := generated(t)
	do(t, exitUsage, "report", j, "--symbol", "IBM", "-o", "-")
	flip(t, j, 4096+300)
	page := filepath.Join(t.TempDir(), "report.html")
	do(t, exitData, "report", j, "-o", page)
	if _, err := os.Stat(page); err == nil {
		t.Error("a page of a damaged journal")
	}
	do(t, exitUsage, "generate", "--model", "gbm")
	do(t, exitUsage, "generate", "--price", "0.5", "--tick", "0.01")
	a, b := do(t, 0, "generate", "--commands", "500", "--seed", "9"), do(t, 0, "generate", "--commands", "500", "--seed", "9")
	if a != b || strings.Count(a.stdout, "\n") != 500 {
		t.Error("a seed does not give one flow")
	}
}
