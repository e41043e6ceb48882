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

int main(int argc, char **argv) {
	library = argc > 1 ? dlopen(argv[1], RTLD_NOW) : NULL;
	if (library == NULL) {
		fprintf(stderr, "%s\n", argc > 1 ? dlerror() : "usage: drive LIBRARY");
		return 1;
	}
	const struct transport *t = ((const struct transport *(*)(void))symbol("engine_get_transport"))();
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
	((void (*)(const struct message *, uint32_t))symbol("engine_on_batch"))(run, sizeof run / sizeof *run);
	((void (*)(const uint64_t *))symbol("engine_on_cancel"))((uint64_t[]){77, 12});
	((void (*)(void))symbol("engine_flush"))();
	t->flush(sink);

	struct report r;
	while (t->drain(sink, &r, 1) == 1) {
		printf("type %d side %d seq %d order %lld price %d qty %d maker %d taker %d\n", (int)(r.type_side & 255), (int)(r.type_side >> 8),
			(int)r.sequence, (long long)r.order, (int)r.price, (int)r.quantity, (int)r.maker, (int)r.taker);
	}
	printf("bid %d ask-empty %d depth %d %d\n", (int)bid(), ask() == INT64_MAX, (int)depth(101, 0), (int)depth(100, 1));
	((void (*)(void))symbol("engine_shutdown"))();
	return 0;
}
