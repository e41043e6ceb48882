package tests

import (
	"context"
	"os/exec"
	"testing"
)

// pythonOrders trades with the client in Python and checks what comes back: a seller and a buyer, a replacement, a partial
// cancel, a lost connection with an execution meanwhile, a second process that takes over a day, a login that is refused.
const pythonOrders = `
import socket, sys
sys.path.insert(0, sys.argv[1])
import matcher
host, port = sys.argv[2].rsplit(":", 1)
port = int(port)

def until(s, event, **want):
    while True:
        m = s.recv(20)
        assert m is not None, event
        if m["event"] == event:
            for k, v in want.items():
                assert m[k] == v, (k, m)
            return m

ann = matcher.Session(host, port, "ANN", "KEYANN")
ben = matcher.Session(host, port, "BEN", "KEYBEN")
assert until(ann, "system")["number"] == 1
one = ann.enter("S", 100, "AAPL", 1872500, clordid="first")
until(ann, "accepted", ref=1, quantity=100, symbol="AAPL", price=1872500, side="S", clordid="first", state="L")
ben.enter("B", 30, "AAPL", 1872500, tif=matcher.IOC)
until(ben, "executed", quantity=30, price=1872500)
sold = until(ann, "executed", ref=1, quantity=30, price=1872500, liquidity="A")
assert ann.orders[one].leaves == 70 and ann.orders[one].average == 1872500

two = ann.replace(one, 100, 1872400)
until(ann, "replaced", ref=2, orig_ref=1, quantity=70, price=1872400)
assert ann.orders[one].state == "replaced" and ann.orders[one].over
ann.cancel(two, 90)
until(ann, "canceled", ref=2, quantity=10, reason="U")
assert ann.orders[two].leaves == 60 and ann.orders[two].executed == 30

ann._socket.shutdown(socket.SHUT_RDWR)  # the connection is lost, and a trade happens
ben.enter("B", 20, "AAPL", 1872400)
until(ben, "executed", quantity=20)
try:
    ann.recv(20)
    raise AssertionError("the loss was not noticed")
except matcher.Lost:
    pass
assert ann.resume() == []
bought = until(ann, "executed", ref=2, quantity=20, price=1872400)
assert bought["number"] == ann.next - 2, (bought, ann.next)  # behind it only the answer to the query
o = ann.orders[two]
assert (o.leaves, o.executed, o.state) == (40, 50, "live"), o
assert o.average == matcher.fractions.Fraction(30 * 1872500 + 20 * 1872400, 50), o.average

# Orders whose fate is open: the connection is lost before the venue sees one.
ann._write = lambda kind, payload=b"": None
never = ann.enter("S", 5, "AAPL", 1900000)
del ann._write
ann._socket.shutdown(socket.SHUT_RDWR)
assert ann.resume() == [never] and ann.orders[never].state == "lost"
iceberg = ann.enter("S", 50, "AAPL", 1900000, tags=matcher.tag(5, b"\x00\x00\x00\x0a"))
until(ann, "accepted", ref=iceberg, quantity=50)
bad = ann.enter("S", 50, "NONE", 1900000)
until(ann, "rejected", ref=bad, code=0x17)
assert ann.orders[bad].over
ann.mass_cancel("AAPL")
until(ann, "mass cancel")
until(ann, "canceled", ref=2, quantity=40)
until(ann, "canceled", ref=iceberg)
assert all(o.over for o in ann.orders.values()), ann.orders

# A process that knows nothing reads the day from its beginning.
again = matcher.Session(host, port, "ANN", "KEYANN")
assert again.ref == ann.ref, (again.ref, ann.ref)
assert {r: (o.leaves, o.executed, o.state) for r, o in again.orders.items()} == \
    {r: (o.leaves, o.executed, o.state) for r, o in ann.orders.items() if o.state != "lost" and r != bad}, (again.orders, ann.orders)
while True:
    try:
        ann.recv(20)
    except matcher.Lost as e:
        assert "elsewhere" in str(e), e
        break
try:
    matcher.Session(host, port, "ANN", "WRONG")
    raise AssertionError("let in")
except matcher.Refused as e:
    assert e.reason == "A"
again.close(), ben.close()
print("done")
`

// TestPython trades on the real server with the client in Python.
func TestPython(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3 here")
	}
	v := newVenue(t, "0.01", "ANN", "BEN")
	s := v.serve()
	ctx, cancel := context.WithTimeout(context.Background(), 3*patience)
	defer cancel()
	o := v.finish(ctx, exec.CommandContext(ctx, python, "-B", "-c", pythonOrders, "../clients/python", s.addr))
	if o.code != 0 || o.stdout != "done\n" {
		t.Errorf("exit %d\n%s%s", o.code, o.stdout, o.stderr)
	}
	s.stop(patience)
}
