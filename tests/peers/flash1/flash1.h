// The memory that flash1.go and flash1.c share, and the two shapes that the harness fixes: a message (40 bytes) and a report
// (64 bytes). Prices are ticks.
#ifndef MATCHER_FLASH1_H
#define MATCHER_FLASH1_H

#include <stdint.h>

enum { MESSAGE_NEW, MESSAGE_CANCEL, MESSAGE_MODIFY };

struct message {
	uint64_t type; // the first byte; the others are unused
	uint64_t order, sequence;
	int64_t price; // new, modify
	uint32_t quantity;
	uint8_t side, ioc;
	uint8_t unused[2];
};

enum { REPORT_ACCEPTED, REPORT_TRADE, REPORT_CANCELED, REPORT_MODIFIED, REPORT_NO_CANCEL, REPORT_NO_MODIFY };

struct report {
	uint64_t type_side; // type in the first byte, side in the second
	uint64_t sequence, order;
	int64_t price;
	uint64_t quantity; // the upper half is unused
	uint64_t maker, taker;
	uint64_t unused; // stays 0
};

// The reports' ring: the engine writes at tail, the harness's thread reads at head. Each side has a cache line of its own.
struct ring {
	_Alignas(64) uint64_t tail;
	_Alignas(64) uint64_t head;
	_Alignas(64) uint64_t mask;
	_Alignas(64) struct report reports[];
};

// What carries reports from one thread to another, as the harness knows it.
struct transport {
	void *(*create)(uint32_t capacity);
	int (*push)(void *handle, const struct report *);
	uint32_t (*drain)(void *handle, struct report *to, uint32_t most);
	void (*flush)(void *handle);
	void (*destroy)(void *handle);
};

const struct transport *engine_get_transport(void);

// create_ring makes a ring for at least so many reports.
void *create_ring(uint32_t capacity);
void free_ring(void *ring);

// push_to sends a report by a transport that is not ours, and waits while it is full.
void push_to(const struct transport *, void *handle, const struct report *);

#endif
