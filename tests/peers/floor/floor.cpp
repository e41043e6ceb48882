// The floor of a matching loop: the leanest book we can write, so that an engine can be judged by its ratio to it. One
// instrument, price-time priority, ids that are small and dense, prices that index an array. It checks nothing, knows no
// owner and keeps no number or hash; it writes a 32-byte event for each acknowledgement, cancel and trade into a ring.
//
//   floor RUNS FILE...    prints one line for each run: ns per operation, trades, hash of (maker, quantity)
//
// The file is that of package workload. Its hash of the trades is counted as they happen, as every engine's is.

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>
#include <vector>

namespace {

using u8 = uint8_t;
using u32 = uint32_t;
using i32 = int32_t;
using u64 = uint64_t;

constexpr i32 ticks = 1 << 18;

// zeroed returns memory that is zero, in huge pages where there are any.
template <class T>
T *zeroed(size_t n) {
	void *p = mmap(nullptr, n * sizeof(T), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	madvise(p, n * sizeof(T), MADV_HUGEPAGE);
	return static_cast<T *>(p);
}

struct Op {
	u32 id, qty;
	i32 price;
	u8 kind, side;
	uint16_t unused;
};
static_assert(sizeof(Op) == 16);
enum : u8 { add, cancel, reprice };

struct Event {
	u64 number;
	u32 order, other;
	i32 price;
	u32 qty, kind, rest;
};
static_assert(sizeof(Event) == 32);
enum : u32 { trade = 1, accepted, unknown, canceled };

struct Order {
	u32 next, prev; // in the queue; next: in the list of free ones
	u32 id, qty;
	i32 price;
	u32 side;
	u32 unused[2];
};
static_assert(sizeof(Order) == 32);

struct Level {
	u32 head, tail;
	u64 qty;
};

// Marks has a bit per price that is in use, a bit per word of those, a bit per word of these.
struct Marks {
	u64 *prices = zeroed<u64>(ticks / 64), *words = zeroed<u64>(ticks / 4096);
	u64 top = 0;

	void set(u32 i) {
		prices[i >> 6] |= 1ull << (i & 63);
		words[i >> 12] |= 1ull << (i >> 6 & 63);
		top |= 1ull << (i >> 12);
	}
	void clear(u32 i) {
		if ((prices[i >> 6] &= ~(1ull << (i & 63))) == 0 && (words[i >> 12] &= ~(1ull << (i >> 6 & 63))) == 0) {
			top &= ~(1ull << (i >> 12));
		}
	}
	static u64 above_bit(u64 w, u32 bit) { return w & ~((2ull << bit) - 1); }
	static u64 below_bit(u64 w, u32 bit) { return w & ((1ull << bit) - 1); }
	static u32 low(u64 w) { return __builtin_ctzll(w); }
	static u32 high(u64 w) { return 63 - __builtin_clzll(w); }

	i32 above(u32 i) const {
		if (u64 w = above_bit(prices[i >> 6], i & 63)) {
			return (i & ~63u) + low(w);
		}
		if (u64 w = above_bit(words[i >> 12], i >> 6 & 63)) {
			u32 k = (i >> 12 << 6) + low(w);
			return (k << 6) + low(prices[k]);
		}
		if (u64 w = above_bit(top, i >> 12)) {
			u32 k = low(w);
			k = (k << 6) + low(words[k]);
			return (k << 6) + low(prices[k]);
		}
		return ticks;
	}
	i32 below(u32 i) const {
		if (u64 w = below_bit(prices[i >> 6], i & 63)) {
			return (i & ~63u) + high(w);
		}
		if (u64 w = below_bit(words[i >> 12], i >> 6 & 63)) {
			u32 k = (i >> 12 << 6) + high(w);
			return (k << 6) + high(prices[k]);
		}
		if (u64 w = below_bit(top, i >> 12)) {
			u32 k = high(w);
			k = (k << 6) + high(words[k]);
			return (k << 6) + high(prices[k]);
		}
		return -1;
	}
};

struct Book {
	Level *levels[2] = {zeroed<Level>(ticks), zeroed<Level>(ticks)};
	Marks marks[2];
	i32 best[2] = {-1, ticks};
	Order *orders;
	u32 *places; // by id: index into orders, 0 not live
	u32 free = 0, used = 0;
	size_t capacity;

	static constexpr u32 ring_size = 1 << 16;
	Event *ring = zeroed<Event>(ring_size);
	u64 number = 0;

	u64 trades = 0, hash = 1469598103934665603ull;

	explicit Book(u32 max_id) : orders(zeroed<Order>(max_id + 2)), places(zeroed<u32>(max_id + 2)), capacity(max_id + 2) {}
	Book(const Book &) = delete;
	Book &operator=(const Book &) = delete;
	~Book() {
		for (int s = 0; s < 2; s++) {
			munmap(levels[s], ticks * sizeof(Level));
			munmap(marks[s].prices, ticks / 8);
			munmap(marks[s].words, ticks / 512);
		}
		munmap(orders, capacity * sizeof(Order));
		munmap(places, capacity * sizeof(u32));
		munmap(ring, ring_size * sizeof(Event));
	}

	Event &event(u32 kind, u32 order, u32 qty) {
		Event &e = ring[number & (ring_size - 1)];
		e.number = number++;
		e.order = order;
		e.qty = qty;
		e.kind = kind;
		return e;
	}

	void release(u32 x) {
		places[orders[x].id] = 0;
		orders[x].next = free;
		free = x;
	}

	void empty(u32 side, i32 price) {
		marks[side].clear(price);
		if (price == best[side]) {
			best[side] = side == 0 ? marks[0].below(price) : marks[1].above(price);
		}
	}

	void queue(u32 x) {
		Order &o = orders[x];
		Level &l = levels[o.side][o.price];
		o.next = 0;
		o.prev = l.tail;
		if (l.tail != 0) {
			orders[l.tail].next = x;
		} else {
			l.head = x;
			marks[o.side].set(o.price);
			if (o.side == 0 ? o.price > best[0] : o.price < best[1]) {
				best[o.side] = o.price;
			}
		}
		l.tail = x;
		l.qty += o.qty;
	}

	void unqueue(u32 x) {
		Order &o = orders[x];
		Level &l = levels[o.side][o.price];
		(o.prev != 0 ? orders[o.prev].next : l.head) = o.next;
		(o.next != 0 ? orders[o.next].prev : l.tail) = o.prev;
		l.qty -= o.qty;
		if (l.head == 0) {
			empty(o.side, o.price);
		}
	}

	// eat trades against the best level of a side and returns what is left.
	u32 eat(u32 taker, u32 side, u32 qty) {
		i32 price = best[side];
		Level &l = levels[side][price];
		for (u32 x = l.head; x != 0;) {
			Order &o = orders[x];
			u32 n = o.qty < qty ? o.qty : qty;
			o.qty -= n;
			qty -= n;
			l.qty -= n;
			Event &e = event(trade, o.id, n);
			e.other = taker;
			e.price = price;
			e.rest = o.qty;
			trades++;
			hash = (hash ^ (u64(o.id) * 31 + n)) * 1099511628211ull;
			if (o.qty != 0) {
				l.head = x;
				o.prev = 0;
				return 0;
			}
			u32 next = o.next;
			release(x);
			x = next;
			if (qty == 0 && x != 0) {
				l.head = x;
				orders[x].prev = 0;
				return 0;
			}
		}
		l.head = l.tail = 0;
		empty(side, price);
		return qty;
	}

	u32 match(u32 taker, u32 side, i32 limit, u32 qty) {
		if (side == 0) {
			while (best[1] <= limit && qty != 0) {
				qty = eat(taker, 1, qty);
			}
		} else {
			while (best[0] >= limit && qty != 0) {
				qty = eat(taker, 0, qty);
			}
		}
		return qty;
	}

	void ack(const Op &op, u32 side) {
		Event &e = event(accepted, op.id, op.qty);
		e.other = 0;
		e.price = op.price;
		e.rest = side;
	}

	void run(const Op &op) {
		if (op.kind == add) {
			ack(op, op.side);
			u32 left = match(op.id, op.side, op.price, op.qty);
			if (left == 0) {
				return;
			}
			u32 x = free;
			if (x != 0) {
				free = orders[x].next;
			} else {
				x = ++used;
			}
			Order &o = orders[x];
			o.id = op.id;
			o.qty = left;
			o.price = op.price;
			o.side = op.side;
			places[op.id] = x;
			queue(x);
			return;
		}
		u32 x = places[op.id];
		if (x == 0) {
			event(unknown, op.id, 0);
			return;
		}
		unqueue(x);
		Order &o = orders[x];
		if (op.kind == cancel) {
			event(canceled, op.id, o.qty);
			release(x);
			return;
		}
		ack(op, o.side);
		u32 left = match(op.id, o.side, op.price, op.qty);
		if (left == 0) {
			release(x);
			return;
		}
		o.price = op.price;
		o.qty = left;
		queue(x);
	}
};

struct Workload {
	const char *name;
	u32 before, max_id;
	std::vector<Op> ops;
};

Workload read(const char *path) {
	FILE *f = fopen(path, "rb");
	char magic[8];
	u32 header[14];
	if (f == nullptr || fread(magic, 8, 1, f) != 1 || fread(header, sizeof header, 1, f) != 1 || memcmp(magic, "MEBENCH1", 8) != 0 ||
		header[3] != u32(ticks)) {
		fprintf(stderr, "%s is no workload\n", path);
		exit(1);
	}
	const char *slash = strrchr(path, '/');
	Workload w{slash != nullptr ? slash + 1 : path, header[0], header[2], std::vector<Op>(size_t(header[0]) + header[1])};
	if (fread(w.ops.data(), sizeof(Op), w.ops.size(), f) != w.ops.size()) {
		fprintf(stderr, "%s is too short\n", path);
		exit(1);
	}
	fclose(f);
	return w;
}

} // namespace

int main(int argc, char **argv) {
	if (argc < 3) {
		fprintf(stderr, "usage: floor RUNS FILE...\n");
		return 2;
	}
	for (int k = 2; k < argc; k++) {
		Workload w = read(argv[k]);
		for (int run = atoi(argv[1]); run > 0; run--) {
			Book b(w.max_id);
			const Op *op = w.ops.data(), *end = op + w.before;
			for (; op != end; op++) {
				b.run(*op);
			}
			b.trades = 0;
			b.hash = 1469598103934665603ull;
			auto start = std::chrono::steady_clock::now();
			for (end = w.ops.data() + w.ops.size(); op != end; op++) {
				b.run(*op);
			}
			double ns = std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start).count();
			printf("floor %s ns/op %.1f trades %llu hash %016llx\n", w.name, ns / double(w.ops.size() - w.before),
				(unsigned long long)b.trades, (unsigned long long)b.hash);
			fflush(stdout);
		}
	}
}
