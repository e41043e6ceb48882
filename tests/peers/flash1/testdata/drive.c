// Drives the library as the challenge's harness does, with a few messages, and prints its reports and answers.
#include "../flash1.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

static void *library;

static void *symbol(const char *name) {
	void *p = dlsym(library, name);
	if (p == NULL) {
		fprintf(stderr, "no %s\n", name);
		exit(1);
	}
	return p;
}

// A transport that is not the library's.
static struct report other[4096];
static uint32_t other_head, other_tail;

static int other_push(void *handle, const struct report *report) {
	(void)handle;
	if (other_tail == sizeof other / sizeof *other) {
		fprintf(stderr, "more reports than there is room for\n");
		exit(1);
	}
	other[other_tail++] = *report;
	return 1;
}

static uint32_t other_drain(void *handle, struct report *to, uint32_t most) {
	(void)handle;
	uint32_t n = 0;
	while (n < most && other_head < other_tail) {
		to[n++] = other[other_head++];
	}
	return n;
}

static void *other_create(uint32_t capacity) { (void)capacity; return other; }
static void nothing(void *handle) { (void)handle; }
static const struct transport foreign = {other_create, other_push, other_drain, nothing, nothing};

static void print(const struct transport *t, void *sink) {
	struct report r;
	while (t->drain(sink, &r, 1) == 1) {
		printf("type %d side %d seq %d order %lld price %d qty %d maker %d taker %d unused %d\n", (int)(r.type_side & 255), (int)(r.type_side >> 8),
			(int)r.sequence, (long long)r.order, (int)r.price, (int)r.quantity, (int)r.maker, (int)r.taker, (int)r.unused);
	}
}

static void drive(const struct transport *t) {
	void *sink = t->create(4);
	((void (*)(uint64_t, const struct transport *, void *))symbol("engine_init"))(1, t, sink);
	int64_t (*bid)(void) = symbol("engine_query_best_bid"), (*ask)(void) = symbol("engine_query_best_ask");
	uint64_t (*depth)(int64_t, uint8_t) = symbol("engine_query_depth_at");
	printf("empty %d\n", bid() == INT64_MIN && ask() == INT64_MAX);

	struct message run[] = {
		{MESSAGE_NEW, 1, 0, 100, 10, 1, 0, {0}},  // rests
		{MESSAGE_NEW, 2, 1, 100, 10, 1, 0, {0}},  // behind it
		{MESSAGE_NEW, 3, 2, 101, 10, 1, 0, {0}},
		{MESSAGE_NEW, 4, 3, -5, 7, 0, 0, {0}},    // a price below zero
		{MESSAGE_MODIFY, 1, 4, 100, 11, 1, 0, {0}}, // to the back
		{MESSAGE_NEW, 5, 5, 100, 15, 0, 0, {0}},  // takes 2, then 1 in part
		{MESSAGE_NEW, 6, 6, 100, 9, 0, 1, {0}},   // takes what is left, the rest is cancelled
		{MESSAGE_CANCEL, 1, 7, 0, 0, 0, 0, {0}},  // too late
		{MESSAGE_MODIFY, 4, 8, 101, 12, 0, 0, {0}}, // crosses, rests
		{MESSAGE_MODIFY, 9, 9, 1, 1, 0, 0, {0}},  // never seen
		{MESSAGE_NEW, 1ull << 40, 10, 99, 5, 0, 0, {0}}, // an id beyond the table
		{MESSAGE_CANCEL, 1ull << 40, 11, 0, 0, 0, 0, {0}},
	};
	void (*batch)(const struct message *, uint32_t) = symbol("engine_on_batch");
	batch(run, sizeof run / sizeof *run);
	((void (*)(const uint64_t *))symbol("engine_on_cancel"))((uint64_t[]){77, 12});
	((void (*)(void))symbol("engine_flush"))();
	t->flush(sink);

	print(t, sink);
	printf("bid %d ask-empty %d depth %d %d\n", (int)bid(), ask() == INT64_MAX, (int)depth(101, 0), (int)depth(100, 1));

	struct message near[] = {
		{MESSAGE_NEW, 3000, 13, 200, 5, 1, 0, {0}},
		{MESSAGE_NEW, 3000 + (1ull << 40), 14, 201, 5, 1, 0, {0}}, // has the place of the one before in the small table
		{MESSAGE_NEW, 4024, 15, 202, 5, 1, 0, {0}},               // and this that of both
		{MESSAGE_NEW, 3001, 16, 200, 5, 0, 0, {0}},               // fills the first
		{MESSAGE_CANCEL, 3000, 17, 0, 0, 0, 0, {0}},              // too late
		{MESSAGE_NEW, 3002, 18, 203, 6, 1, 0, {0}},               // has its memory
		{MESSAGE_CANCEL, 3000, 19, 0, 0, 0, 0, {0}},              // too late all the same
		{MESSAGE_MODIFY, 3000 + (1ull << 40), 20, 203, 4, 1, 0, {0}},
		{MESSAGE_CANCEL, 3002, 21, 0, 0, 0, 0, {0}},
		{MESSAGE_CANCEL, 3002, 22, 0, 0, 0, 0, {0}}, // twice
		{MESSAGE_CANCEL, 3000 + (1ull << 40), 23, 0, 0, 0, 0, {0}},
		{MESSAGE_CANCEL, 4024, 24, 0, 0, 0, 0, {0}},
		{MESSAGE_CANCEL, 3001, 25, 0, 0, 0, 0, {0}}, // never rested
	};
	batch(near, sizeof near / sizeof *near);
	print(t, sink);

	// As many as the ring has cells, more than once: what was there before shows in no report.
	for (int i = 0; i < 100; i++) {
		batch((struct message[]){{MESSAGE_NEW, 5000 + i, 100 + i, 300, 1, 1, 0, {0}}, {MESSAGE_NEW, 6000 + i, 200 + i, 300, 1, 0, 0, {0}}}, 2);
		if (i < 98) {
			struct report r;
			while (t->drain(sink, &r, 1) == 1) {
			}
		}
	}
	print(t, sink);
	((void (*)(void))symbol("engine_shutdown"))();
	t->destroy(sink);
}

int main(int argc, char **argv) {
	library = argc > 1 ? dlopen(argv[1], RTLD_NOW) : NULL;
	if (library == NULL) {
		fprintf(stderr, "%s\n", argc > 1 ? dlerror() : "usage: drive LIBRARY");
		return 1;
	}
	drive(argc > 2 ? &foreign : ((const struct transport *(*)(void))symbol("engine_get_transport"))());
	return 0;
}
