package tests

import (
	"encoding/json"
	"testing"
)

// TestDemo holds the promise of the first minute: no set-up, trades, and a proof at the end.
func TestDemo(t *testing.T) {
	v := newVenue(t, "0.01")
	v.env = nil // a fresh machine
	o := v.run("demo", "--for", "2s", "--json")
	var got struct {
		Orders    uint64 `json:"orders"`
		Fills     uint64 `json:"fills"`
		Live      string `json:"state_hash_live"`
		Replayed  string `json:"state_hash_replay"`
		Identical bool   `json:"identical"`
	}
	if err := json.Unmarshal([]byte(o.stdout), &got); o.code != 0 || err != nil {
		t.Fatalf("exit %d, %v\n%s%s", o.code, err, o.stdout, o.stderr)
	}
	if !got.Identical || got.Fills == 0 || got.Orders == 0 || got.Live != got.Replayed || len(got.Live) != 16 {
		t.Errorf("%s", o.stdout)
	}
	t.Logf("%d orders, %d fills", got.Orders, got.Fills)
}
