/* decode: the floor under a builder of books. Reads a file of ITCH 5.0 messages, each behind its length of two bytes, and
 * loads every field that a book needs from every message, byte order included. It keeps no order and no book: the sum of
 * what it loaded is printed so that the loads cannot be left out and a test can compare them.
 *
 *	decode ROUNDS FILE
 *	messages 2000000 ns/message 3.1 sum 0123456789abcdef
 *
 * The time is that of the fastest round. */
#include <endian.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint16_t u16(const uint8_t *p) { uint16_t v; memcpy(&v, p, sizeof v); return be16toh(v); }
static uint32_t u32(const uint8_t *p) { uint32_t v; memcpy(&v, p, sizeof v); return be32toh(v); }
static uint64_t u64(const uint8_t *p) { uint64_t v; memcpy(&v, p, sizeof v); return be64toh(v); }

/* Every field is mixed in where it stands, so that two that change places change the sum. */
static uint64_t mix(uint64_t sum, uint64_t v) { return (sum ^ v) * 1099511628211u; }

static uint64_t decode(const uint8_t *p, const uint8_t *end, uint64_t *messages) {
	uint64_t sum = 0, n = 0;
	while (end - p >= 2) {
		uint16_t size = u16(p);
		const uint8_t *m = p + 2;
		if (size == 0 || end - m < size) break;
		uint64_t time = (uint64_t)u16(m + 5) << 32 | u32(m + 7);
		switch (m[0]) {
		case 'A': case 'F':
			sum = mix(sum, u64(m + 11) + m[19] + u32(m + 20) + ((uint64_t)u32(m + 32) << 32) + u64(m + 24) + u16(m + 1) + time);
			break;
		case 'E':
			sum = mix(sum, u64(m + 11) + u32(m + 19) + u64(m + 23) + u16(m + 1) + time);
			break;
		case 'C':
			sum = mix(sum, u64(m + 11) + u32(m + 19) + u64(m + 23) + m[31] + ((uint64_t)u32(m + 32) << 32) + u16(m + 1) + time);
			break;
		case 'X':
			sum = mix(sum, u64(m + 11) + u32(m + 19) + u16(m + 1) + time);
			break;
		case 'D':
			sum = mix(sum, u64(m + 11) + u16(m + 1) + time);
			break;
		case 'U':
			sum = mix(sum, u64(m + 11) + u64(m + 19) + u32(m + 27) + ((uint64_t)u32(m + 31) << 32) + u16(m + 1) + time);
			break;
		}
		n++;
		p = m + size;
	}
	*messages = n;
	return sum;
}

static double now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

int main(int argc, char **argv) {
	if (argc != 3) { fprintf(stderr, "decode ROUNDS FILE\n"); return 2; }
	FILE *f = fopen(argv[2], "rb");
	if (!f || fseek(f, 0, SEEK_END)) { perror(argv[2]); return 1; }
	long size = ftell(f);
	uint8_t *b = malloc((size_t)size);
	rewind(f);
	if (!b || fread(b, 1, (size_t)size, f) != (size_t)size) { perror(argv[2]); return 1; }
	uint64_t sum = 0, messages = 0;
	double best = 0;
	for (int i = 0; i < atoi(argv[1]); i++) {
		double start = now();
		sum = decode(b, b + size, &messages);
		double took = now() - start;
		if (best == 0 || took < best) best = took;
	}
	printf("messages %llu ns/message %.3f sum %016llx\n", (unsigned long long)messages, messages ? best / (double)messages : 0, (unsigned long long)sum);
	return 0;
}
