// What the programs share: time, pinning, a histogram, big-endian fields, SoupBinTCP packets and OUCH sizes.
#pragma once
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { SOUP = 3, ENTER = 47, CANCEL = 9, ACCEPTED = 64, CANCELED = 18, QUERIED = 13, LOGIN = 46, ADMITTED = 30 };

static void die(const char *what) {
  perror(what);
  exit(1);
}

static inline int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static inline void pin(int cpu) {
  cpu_set_t set;
  if (cpu < 0) return;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  if (sched_setaffinity(0, sizeof set, &set)) die("sched_setaffinity");
}

static inline uint16_t get16(const uint8_t *p) { return (uint16_t)(p[0] << 8 | p[1]); }
static inline uint32_t get32(const uint8_t *p) {
  uint32_t v;
  memcpy(&v, p, 4);
  return __builtin_bswap32(v);
}
static inline void put16(uint8_t *p, unsigned v) {
  p[0] = (uint8_t)(v >> 8);
  p[1] = (uint8_t)v;
}
static inline void put32(uint8_t *p, uint32_t v) {
  v = __builtin_bswap32(v);
  memcpy(p, &v, 4);
}
static inline void put64(uint8_t *p, uint64_t v) {
  v = __builtin_bswap64(v);
  memcpy(p, &v, 8);
}

static inline void relax(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

// packet writes the header of a packet and returns where its payload goes.
static inline uint8_t *packet(uint8_t *p, char type, unsigned payload) {
  put16(p, payload + 1);
  p[2] = (uint8_t)type;
  return p + SOUP;
}

// A histogram of nanoseconds: 64 linear buckets up to each power of two, so less than 2 % off.
typedef struct {
  uint64_t n, buckets[64 * 40];
} hist;

static inline void hist_add(hist *h, int64_t ns) {
  uint64_t v = ns < 0 ? 0 : (uint64_t)ns;
  int shift = v < 128 ? 0 : 63 - __builtin_clzll(v) - 6;
  uint64_t at = (uint64_t)shift * 64 + (v >> shift);
  h->buckets[at < 64 * 40 ? at : 64 * 40 - 1]++;
  h->n++;
}

static inline double hist_us(const hist *h, double q) {
  uint64_t left = (uint64_t)(q * (double)h->n + 0.5);
  if (!left) left = 1;
  for (int i = 0; i < 64 * 40; i++) {
    if (h->buckets[i] >= left) {
      int shift = i < 128 ? 0 : i / 64 - 1;
      uint64_t linear = (uint64_t)i - (uint64_t)shift * 64;
      return (double)(((linear + 1) << shift) - 1) / 1000;
    }
    left -= h->buckets[i];
  }
  return 0;
}
