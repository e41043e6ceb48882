"""A client of an exchange that speaks OUCH 5.0 over SoupBinTCP and publishes ITCH 5.0, on the standard library alone.

    import matcher
    s = matcher.Session("127.0.0.1", 9001, "ALICE", key)
    ref = s.enter("B", 100, "AAPL", 1872500)        # prices are integers in wire units, here of 1/10,000
    while not s.orders[ref].over:
        print(s.recv())
    print(s.orders[ref].average)                    # exact, a Fraction

Session     orders and executions; resume() comes back after a lost connection without a gap and without a repeat
Feed        ITCH over MoldUDP64: datagrams in order, gaps filled by the request server
ItchStream  the same messages over SoupBinTCP
snapshot    GLIMPSE 5.0: the displayed orders of all books, and the number to go on with
Market      the books: every displayed order in the order of its queue, and the levels

Everything is pulled: nothing happens but inside of a call, there are no threads. Heartbeats are sent by recv(), so call it at
least every few seconds. Copy this file to where you need it.
"""

import bisect
import collections
import fractions
import select
import socket
import struct
import time

MARKET = 0xFFFFFFFFFFFFFFFF  # the price of an order without a limit
DAY, GTC, IOC, FOK = "0", "1", "3", "4"  # times in force
HEARTBEAT = 1.0  # seconds of our silence
SILENCE = 15.0  # seconds of theirs


class Refused(Exception):
    """The venue refused the login: reason "A" is the user or the key, "S" the session."""

    def __init__(self, reason):
        super().__init__("login refused: " + {"A": "not authorized", "S": "session not available"}.get(reason, reason))
        self.reason = reason


class Lost(ConnectionError):
    """The connection is lost: resume()."""


class EndOfSession(Exception):
    """The venue has ended the session: no message will follow."""


class Gap(Exception):
    """Messages first to last are lost for good. recv() goes on behind them; books need a new snapshot."""

    def __init__(self, first, last):
        super().__init__("messages %d to %d are missing" % (first, last))
        self.first, self.last = first, last


def _text(raw):
    return raw.decode("ascii", "replace").strip()


def _pad(text, size):
    raw = text.encode("ascii")
    if len(raw) > size:
        raise ValueError("%r is longer than %d characters" % (text, size))
    return raw.ljust(size)


class SoupBin:
    """A connection of SoupBinTCP 3.00 that is logged in. session and next say where its messages are."""

    def __init__(self, host, port, user, key, session="", sequence=1, timeout=10.0):
        """sequence: the next message wanted; 1 is all of the session, 0 only what is yet to come. Raises Refused."""
        self._where, self._user, self._key, self._timeout = (host, port), user, key, timeout
        self._login(session, sequence)

    def _login(self, session, sequence):
        self._buffer = b""
        self._debug = ""
        self._socket = socket.create_connection(self._where, self._timeout)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._heard = self._spoke = time.monotonic()
        login = _pad(self._user, 6) + _pad(self._key, 10) + session.rjust(10).encode() + str(sequence).rjust(20).encode()
        self._write("L", login)
        while True:
            packet = self._packet(self._timeout)
            if packet is None:
                self.close()
                raise Lost("no answer to the login")
            kind, payload = packet
            if kind == "J":
                self.close()
                raise Refused(_text(payload[:1]))
            if kind == "A":
                self.session, self.next = _text(payload[:10]), int(payload[10:30])
                return

    def resume(self):
        """Logs in again with the number of the next message: what was missed comes first."""
        self.close()
        session, number = self.session, self.next
        self._login(session, number)
        if self.next != number:
            raise Lost("the venue went on at message %d, not at %d" % (self.next, number))

    def _write(self, kind, payload=b""):
        try:
            self._socket.sendall(struct.pack(">HB", len(payload) + 1, ord(kind)) + payload)
        except OSError as e:
            raise Lost(str(e)) from e
        self._spoke = time.monotonic()

    def _packet(self, timeout):
        """Returns (type, payload) of the next packet; None when none came in time."""
        limit = None if timeout is None else time.monotonic() + timeout
        while True:
            if len(self._buffer) >= 2:
                size = 2 + struct.unpack_from(">H", self._buffer)[0]
                if size == 2:
                    raise Lost("a packet of length 0")
                if len(self._buffer) >= size:
                    packet, self._buffer = self._buffer[2:size], self._buffer[size:]
                    return chr(packet[0]), packet[1:]
            now = time.monotonic()
            if now - self._spoke >= HEARTBEAT:
                self._write("R")
            if now - self._heard >= SILENCE:
                raise Lost("nothing received for %d seconds" % SILENCE)
            if limit is not None and now >= limit:
                return None
            wait = HEARTBEAT if limit is None else min(HEARTBEAT, limit - now)
            try:
                if not select.select([self._socket], [], [], wait)[0]:
                    continue
                data = self._socket.recv(1 << 16)
            except OSError as e:
                raise Lost(str(e)) from e
            if not data:
                raise Lost(self._debug or "the venue closed the connection")
            self._heard = time.monotonic()
            self._buffer += data

    def message(self, timeout=None):
        """Returns (number, message) of the next sequenced message; None when none came within timeout seconds."""
        limit = None if timeout is None else time.monotonic() + timeout
        while True:
            packet = self._packet(None if limit is None else max(0.0, limit - time.monotonic()))
            if packet is None:
                return None
            kind, payload = packet
            if kind == "S":
                self.next += 1
                return self.next - 1, payload
            if kind == "Z":
                raise EndOfSession()
            if kind == "+":
                self._debug = _text(payload)

    def close(self):
        """Closes the connection. Orders stay in the book unless the account says otherwise."""
        try:
            self._socket.sendall(b"\x00\x01O")
        except OSError:
            pass
        self._socket.close()


class Order:
    """One of our orders: ref, side, symbol, price, quantity entered, leaves, executed, state, average."""

    def __init__(self, ref, side, quantity, symbol, price):
        self.ref, self.side, self.symbol, self.price = ref, side, symbol, price
        self.quantity = self.leaves = quantity
        self.executed = self.broken = self.cost = self.order_ref = 0
        self.state = "sent"  # live, filled, canceled, replaced, rejected, ignored, lost
        self.orig = None  # the UserRefNum that it replaces
        self.fills = {}  # match number: (quantity, price), of executions that stand

    @property
    def over(self):
        """Nothing more will happen to it."""
        return self.state not in ("sent", "live")

    @property
    def average(self):
        """The average price of the chain's executions that were not broken, exact; None if there is none."""
        standing = self.executed - self.broken
        return fractions.Fraction(self.cost, standing) if standing else None

    def __repr__(self):
        return "Order(%d, %s %d %s @ %d, %s, leaves %d, executed %d)" % (
            self.ref, self.side, self.quantity, self.symbol, self.price, self.state, self.leaves, self.executed)


_OUCH = {  # type: (name, format behind the type, fields)
    "S": ("system", ">Qc", "time system"),
    "A": ("accepted", ">QIcI8sQccQcccc14s", "time ref side quantity symbol price tif display order_ref capacity sweep cross state clordid"),
    "U": ("replaced", ">QIIcI8sQccQcccc14s", "time orig_ref ref side quantity symbol price tif display order_ref capacity sweep cross state clordid"),
    "E": ("executed", ">QIIQcQ", "time ref quantity price liquidity match"),
    "C": ("canceled", ">QIIc", "time ref quantity reason"),
    "D": ("prevented", ">QIIcIQcc", "time ref quantity reason kept price liquidity strategy"),
    "J": ("rejected", ">QIH14s", "time ref code clordid"),
    "M": ("modified", ">QIcI", "time ref side quantity"),
    "R": ("restated", ">QIc", "time ref reason"),
    "B": ("broken", ">QIQc14s", "time ref match reason clordid"),
    "T": ("requeued", ">QIQcQ", "time ref price display order_ref"),
    "Q": ("query", ">QI", "time next_ref"),
    "X": ("mass cancel", ">QI4s8s", "time ref firm symbol"),
    "G": ("entry disabled", ">QI4s", "time ref firm"),
    "K": ("entry enabled", ">QI4s", "time ref firm"),
}


def _fields(table, raw, at=1):
    """Reads a message by its table: a dict with its name under "event"."""
    entry = table.get(chr(raw[0]))
    if entry is None:
        return {"event": "unknown", "raw": raw}
    name, layout, words = entry
    out = {"event": name}
    for word, value in zip(words.split(), struct.unpack_from(layout, raw, at)):
        out[word] = _text(value) if isinstance(value, bytes) else value
    return out


class Session(SoupBin):
    """Order entry. orders holds every order by its UserRefNum; sent ones too. See PROTOCOL.md for letters, tags and rules."""

    def __init__(self, host, port, user, key, session="", sequence=1, timeout=10.0):
        """Logs in, and takes in the day so far (with sequence 1), so that orders and ref are known. Raises Refused."""
        self.orders = {}
        self.ref = 0  # the last UserRefNum used
        super().__init__(host, port, user, key, session, sequence, timeout)
        self._settle()

    def _login(self, session, sequence):
        """Two logins: the first asks where the live point is, since older answers to queries stand in the stream; the second
        takes its place before it ends, so that the user is never seen to have gone."""
        probe = SoupBin(*self._where, self._user, self._key, session, 0, self._timeout)
        self._live = probe.next
        try:
            super()._login(probe.session, sequence)
        finally:
            probe._socket.close()

    def _settle(self):
        """Asks for the next UserRefNum: all answers to what was sent before stand in front of the answer."""
        self._unread = collections.deque()
        self._write("U", b"Q")
        while True:
            message = self._next(self._timeout)
            if message is None:
                raise Lost("no answer to a query")
            if message["event"] == "query" and message["number"] >= self._live:
                self.ref = max(self.ref, message["next_ref"] - 1)
                return
            self._unread.append(message)

    def resume(self):
        """Comes back after Lost. What was missed is returned by recv(). Returns the numbers of orders that never arrived,
        oldest first: enter them anew if they are still wanted."""
        unread = self._unread
        super().resume()
        sent = [r for r, o in self.orders.items() if o.state == "sent"]
        self._settle()
        self._unread = unread + self._unread
        lost = [r for r in sorted(sent) if self.orders[r].state == "sent"]
        for ref in lost:
            self.orders[ref].state = "lost"
        return lost

    def enter(self, side, quantity, symbol, price, tif=DAY, display="Y", clordid="", tags=b""):
        """Sends Enter Order and returns its UserRefNum. side: B, S, T, E. tags: elements of the appendage, see tag()."""
        ref = self.ref + 1
        raw = struct.pack(">cIcI8sQccccc14sH", b"O", ref, side.encode(), quantity, _pad(symbol, 8), price, tif.encode(),
                          display.encode(), b"P", b"N", b"N", _pad(clordid, 14), len(tags)) + tags
        self.ref = ref
        self.orders[ref] = Order(ref, side, quantity, symbol, price)
        self._write("U", raw)
        return ref

    def replace(self, orig, total, price, tif=DAY, display="Y", clordid="", tags=b""):
        """Sends Replace Order and returns the new UserRefNum. total counts what is executed."""
        old, ref = self.orders[orig], self.ref + 1
        raw = struct.pack(">cIIIQccc14sH", b"U", orig, ref, total, price, tif.encode(), display.encode(), b"N",
                          _pad(clordid, 14), len(tags)) + tags
        self.ref = ref
        self.orders[ref] = Order(ref, old.side, total, old.symbol, price)
        self.orders[ref].orig = orig
        self._write("U", raw)
        return ref

    def cancel(self, ref, size=0):
        """Takes an order down to size, what is executed included; 0 cancels all that is open."""
        self._write("U", struct.pack(">cII", b"X", ref, size))

    def modify(self, ref, size):
        """Sets the intended size of an order."""
        self._write("U", struct.pack(">cIcI", b"M", ref, self.orders[ref].side.encode(), size))

    def mass_cancel(self, symbol="", firm=""):
        """Cancels all own orders, or those of a symbol."""
        self.ref += 1
        self._write("U", struct.pack(">cI4s8sH", b"C", self.ref, _pad(firm, 4), _pad(symbol, 8), 0))
        return self.ref

    def recv(self, timeout=None):
        """Returns the next message as a dict with "event" and its fields; None when none came within timeout seconds.
        Raises Lost (resume), EndOfSession. What the session has told before (with sequence 1 the day so far) comes first.

        event: system, accepted, replaced, executed, canceled, prevented, rejected, modified, restated, broken, requeued, mass
        cancel, entry disabled, entry enabled; each has ref (but system), time (ns since midnight) and number; prices are wire
        units, quantities lots, letters and codes those of PROTOCOL.md, section 5."""
        while True:
            message = self._unread.popleft() if self._unread else self._next(timeout)
            if message is None or message["event"] != "query":
                return message

    def _next(self, timeout):
        got = self.message(timeout)
        if got is None:
            return None
        number, raw = got
        message = _fields(_OUCH, raw)
        message["number"] = number
        self._keep(message)
        return message

    def _keep(self, m):
        """Does to the orders what a message says."""
        event, ref = m["event"], m.get("ref")
        if event in ("accepted", "replaced"):
            o = self.orders.get(ref)
            if o is None:
                o = self.orders[ref] = Order(ref, m["side"], m["quantity"], m["symbol"], m["price"])
            o.state, o.leaves, o.price, o.order_ref = "live", m["quantity"], m["price"], m["order_ref"]
            old = self.orders.get(m.get("orig_ref"))
            if old is not None:
                old.state, old.leaves = "replaced", 0
                o.executed, o.broken, o.cost, o.fills = old.executed, old.broken, old.cost, old.fills
        o = self.orders.get(ref)
        if o is None:
            return
        if event == "executed":
            o.leaves -= m["quantity"]
            o.executed += m["quantity"]
            o.cost += m["quantity"] * m["price"]
            o.fills[m["match"]] = (m["quantity"], m["price"])
        elif event in ("canceled", "prevented"):
            o.leaves -= m["quantity"]
        elif event == "modified":
            o.leaves = m["quantity"]
        elif event == "rejected":
            o.state, o.leaves = "rejected", 0
        elif event == "requeued":
            o.price, o.order_ref = m["price"], m["order_ref"]
        elif event == "broken" and m["match"] in o.fills:
            quantity, price = o.fills.pop(m["match"])
            o.broken += quantity
            o.cost -= quantity * price
        if o.leaves == 0 and o.state == "live":
            o.state = "filled" if event == "executed" else "canceled"
        if o.over:  # the venue passes over what was to replace it, without a word
            for other in self.orders.values():
                if other.orig == ref and other.state == "sent":
                    other.state, ref = "ignored", other.ref


def tag(number, value):
    """An element of an appendage: tag(5, struct.pack(">I", 100)) is MaxFloor 100."""
    return struct.pack("BB", len(value) + 1, number) + value


class ItchStream(SoupBin):
    """The ITCH stream over SoupBinTCP."""

    def recv(self, timeout=None):
        """Returns (number, message), or None when none came in time. Raises Lost (resume), EndOfSession."""
        return self.message(timeout)


def snapshot(host, port, user, key, market, timeout=10.0):
    """Fills a Market from GLIMPSE 5.0. Returns (session, number): go on with that message."""
    connection = SoupBin(host, port, user, key, "", 1, timeout)
    try:
        while True:
            got = connection.message(timeout)
            if got is None:
                raise Lost("the snapshot has no end")
            if got[1][:1] == b"G":
                return connection.session, int(got[1][1:21])
            market.apply(got[1])
    finally:
        connection.close()


class Feed:
    """MoldUDP64: every message once, in order. What is missing is asked of the request server."""

    WAIT, AGAIN, PATIENCE, HELD = 0.002, 0.05, 10.0, 1024

    def __init__(self, addr, requests=None, session="", sequence=0, interface="0.0.0.0"):
        """addr: (host or multicast group, port) to receive at; requests: (host, port) of the request server, None: there is
        none; sequence: the first message wanted, 0: the first that comes."""
        self.session, self.next = session, sequence
        self.requests = 0  # sent
        self._held = {}  # number of the first message: messages
        self._ready = collections.deque()
        self._high, self._ended, self._since = sequence, False, None
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        first = int(addr[0].split(".")[0]) if addr[0][:1].isdigit() else 0
        self._socket.bind(addr)
        if 224 <= first <= 239:
            member = socket.inet_aton(addr[0]) + socket.inet_aton(interface)
            self._socket.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
        self.addr = self._socket.getsockname()
        self._ask = None
        if requests is not None:
            self._ask = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._ask.connect(requests)

    def recv(self, timeout=None):
        """Returns (number, message); None when none came within timeout seconds. Raises Gap, EndOfSession."""
        limit = None if timeout is None else time.monotonic() + timeout
        while True:
            if self._ready:
                self.next += 1
                return self.next - 1, self._ready.popleft()
            if self._ended and self.next >= self._high:
                raise EndOfSession()
            now = time.monotonic()
            if limit is not None and now >= limit:
                return None
            wait = self._mind(now)
            if limit is not None:
                wait = min(wait, limit - now)
            sockets = [self._socket] + ([self._ask] if self._ask else [])
            for s in select.select(sockets, [], [], max(0.0, wait))[0]:
                try:
                    self._take(s.recv(1 << 16))
                except OSError:
                    pass  # a request server that is not there: it is asked again

    def _mind(self, now):
        """Looks after the gap at hand and returns how long may be waited."""
        if not self.next or self.next >= self._high:
            self._since = None
            return 1.0
        if self._since is None or self._since[0] != self.next:
            progress = self._since is not None  # the rest of a gap that is being filled
            self._since = [self.next, now, now if progress else now + self.WAIT, self.AGAIN]
        first = min(self._held, default=self._high)
        _, since, due, again = self._since
        if now - since >= (self.PATIENCE if self._ask else self.WAIT):
            gap = Gap(self.next, first - 1)
            self.next = first
            self._release()
            raise gap
        if now >= due and self._ask:
            request = self.session.encode().ljust(10) + struct.pack(">QH", self.next, min(first - self.next, 0xFFFE))
            self.requests += 1
            try:
                self._ask.send(request)
            except OSError:
                pass
            self._since[2:] = [now + again, min(2 * again, 1.0)]
        return max(0.0005, min(self._since[2], since + self.PATIENCE) - now) if self._ask else self.WAIT

    def _take(self, raw):
        """Takes in a datagram."""
        if len(raw) < 20:
            return
        session, number, count = _text(raw[:10]), *struct.unpack_from(">QH", raw, 10)
        if self.session not in ("", session):
            return  # of another session
        self.session = session
        if not self.next:
            self.next = self._high = number
        if count == 0xFFFF:
            self._ended, count = True, 0
        messages, at = [], 20
        for _ in range(count):
            size = struct.unpack_from(">H", raw, at)[0] if at + 2 <= len(raw) else len(raw)
            if at + 2 + size > len(raw):
                return  # cut
            messages.append(raw[at + 2:at + 2 + size])
            at += 2 + size
        self._high = max(self._high, number + count)
        if number + count <= self.next + len(self._ready) or len(messages) <= len(self._held.get(number, ())):
            return
        if number > self.next and len(self._held) >= self.HELD:
            farthest = max(self._held)
            if number > farthest:
                return  # asked for again when it is its turn
            del self._held[farthest]
        self._held[number] = messages
        self._release()

    def _release(self):
        """Makes what is next ready."""
        while self._held:
            first = min(self._held)
            end = self.next + len(self._ready)
            if first > end:
                return
            self._ready.extend(self._held.pop(first)[end - first:])

    def close(self):
        """Stops receiving."""
        self._socket.close()
        if self._ask:
            self._ask.close()


_ITCH = {  # type: (name, format behind the type, fields); the time is two parts
    "S": ("system", ">HHHIc", "locate tracking high low system"),
    "R": ("directory", ">HHHI8sccIcc2scccccIc", "locate tracking high low symbol category status lot lots_only class subtype authenticity threshold ipo luld etp leverage inverse"),
    "H": ("trading", ">HHHI8scc4s", "locate tracking high low symbol state reserved reason"),
    "A": ("add", ">HHHIQcI8sI", "locate tracking high low order_ref side quantity symbol price"),
    "F": ("add", ">HHHIQcI8sI4s", "locate tracking high low order_ref side quantity symbol price attribution"),
    "E": ("executed", ">HHHIQIQ", "locate tracking high low order_ref quantity match"),
    "C": ("executed", ">HHHIQIQcI", "locate tracking high low order_ref quantity match printable price"),
    "X": ("cancel", ">HHHIQI", "locate tracking high low order_ref quantity"),
    "D": ("delete", ">HHHIQ", "locate tracking high low order_ref"),
    "U": ("replace", ">HHHIQQII", "locate tracking high low orig_ref order_ref quantity price"),
    "P": ("trade", ">HHHIQcI8sIQ", "locate tracking high low order_ref side quantity symbol price match"),
    "B": ("broken", ">HHHIQ", "locate tracking high low match"),
}


def itch(raw):
    """Reads an ITCH 5.0 message: a dict with "event" and its fields; time is ns since midnight."""
    message = _fields(_ITCH, raw)
    if "high" in message:
        message["time"] = message.pop("high") << 32 | message.pop("low")
    return message


class Book:
    """The displayed orders of one instrument."""

    def __init__(self, symbol):
        self.symbol, self.state = symbol, ""
        self._queues = {"B": {}, "S": {}}  # price: {reference: quantity}, in the order of the queue
        self._prices = {"B": [], "S": []}  # sorted; of B negated, so that the best is first

    def _sign(self, side):
        return -1 if side == "B" else 1

    def _add(self, side, price, ref, quantity):
        queue = self._queues[side].get(price)
        if queue is None:
            queue = self._queues[side][price] = {}
            bisect.insort(self._prices[side], self._sign(side) * price)
        queue[ref] = quantity

    def _take(self, side, price, ref, quantity):
        queue = self._queues[side][price]
        queue[ref] -= quantity
        if queue[ref] > 0:
            return False
        del queue[ref]
        if not queue:
            del self._queues[side][price]
            prices = self._prices[side]
            del prices[bisect.bisect_left(prices, self._sign(side) * price)]
        return True

    def levels(self, side, depth=10):
        """The best levels of a side: (price, quantity, number of orders), the best first."""
        best = [abs(p) for p in self._prices[side][:depth]]
        return [(p, sum(self._queues[side][p].values()), len(self._queues[side][p])) for p in best]

    def queue(self, side):
        """All orders of a side: (price, reference, quantity), the best price first, in the order of each queue."""
        return [(abs(p), ref, q) for p in self._prices[side] for ref, q in self._queues[side][abs(p)].items()]


class Market:
    """All books of a feed. apply() does what a message says."""

    def __init__(self):
        self.books = {}  # by stock locate
        self._orders = {}  # reference: (book, side, price)

    def book(self, symbol):
        """The book of a symbol; None if no message has named it."""
        return next((b for b in self.books.values() if b.symbol == symbol), None)

    def _at(self, message):
        book = self.books.get(message["locate"])
        if book is None:
            book = self.books[message["locate"]] = Book(message["symbol"])
        return book

    def apply(self, raw):
        """Does what an ITCH message says and returns it as a dict; an execution gets its symbol, side and price. KeyError: it
        is about an order that is not there, so a message was missed."""
        m = itch(raw)
        event = m["event"]
        if event in ("directory", "trading", "trade"):
            book = self._at(m)
            if event == "trading":
                book.state = m["state"]
        elif event == "add":
            self._rest(self._at(m), m["side"], m["price"], m["order_ref"], m["quantity"])
        elif event in ("executed", "cancel"):
            book, side, price = self._orders[m["order_ref"]]
            m.update(symbol=book.symbol, side=side)
            m.setdefault("price", price)
            if book._take(side, price, m["order_ref"], m["quantity"]):
                del self._orders[m["order_ref"]]
        elif event in ("delete", "replace"):
            old = m["order_ref" if event == "delete" else "orig_ref"]
            book, side, price = self._orders.pop(old)
            m.update(symbol=book.symbol, side=side)
            book._take(side, price, old, book._queues[side][price][old])
            if event == "replace":
                self._rest(book, side, m["price"], m["order_ref"], m["quantity"])
        return m

    def _rest(self, book, side, price, ref, quantity):
        book._add(side, price, ref, quantity)
        self._orders[ref] = (book, side, price)
