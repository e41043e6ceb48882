// io_uring by its bare system calls: one ring for one thread, entries in order, task work deferred to our own enter.
#pragma once
#include "common.h"
#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/syscall.h>

typedef struct {
  int fd;         // as the kernel knows it
  int enter_fd;   // as enter knows it
  unsigned flags; // of enter
  unsigned *sq_tail, *sq_flags, sq_mask, *cq_head, *cq_tail, cq_mask, tail, pending;
  struct io_uring_sqe *sqes;
  struct io_uring_cqe *cqes;
  uint64_t enters;
} ring;

static int ring_register(ring *r, unsigned op, void *arg, unsigned n) {
  return (int)syscall(SYS_io_uring_register, r->fd, op, arg, n);
}

static void ring_open(ring *r, unsigned entries) {
  struct io_uring_params p;
  memset(&p, 0, sizeof p);
  p.flags = IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG;
  p.cq_entries = 4 * entries;
  memset(r, 0, sizeof *r);
  r->fd = (int)syscall(SYS_io_uring_setup, entries, &p);
  if (r->fd < 0) die("io_uring_setup");
  size_t size = p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe), array = p.sq_off.array + p.sq_entries * 4;
  uint8_t *m = mmap(0, size > array ? size : array, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, r->fd, IORING_OFF_SQ_RING);
  r->sqes = mmap(0, p.sq_entries * sizeof(struct io_uring_sqe), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, r->fd, IORING_OFF_SQES);
  if (m == MAP_FAILED || r->sqes == MAP_FAILED) die("mmap of the ring");
  r->sq_tail = (unsigned *)(m + p.sq_off.tail), r->sq_flags = (unsigned *)(m + p.sq_off.flags), r->sq_mask = p.sq_entries - 1;
  r->cq_head = (unsigned *)(m + p.cq_off.head), r->cq_tail = (unsigned *)(m + p.cq_off.tail), r->cq_mask = p.cq_entries - 1;
  r->cqes = (struct io_uring_cqe *)(m + p.cq_off.cqes);
  for (unsigned i = 0; i < p.sq_entries; i++) ((unsigned *)(m + p.sq_off.array))[i] = i;
  r->enter_fd = r->fd;
  struct io_uring_rsrc_update self = {.offset = -1u, .data = (uint64_t)r->fd};
  if (ring_register(r, IORING_REGISTER_RING_FDS, &self, 1) == 1) r->enter_fd = (int)self.offset, r->flags = IORING_ENTER_REGISTERED_RING;
}

// ring_enter submits what is pending, runs what the kernel deferred, and waits for least completions.
static void ring_enter(ring *r, unsigned least) {
  __atomic_store_n(r->sq_tail, r->tail, __ATOMIC_RELEASE);
  for (;;) {
    long n = syscall(SYS_io_uring_enter, r->enter_fd, r->pending, least, r->flags | IORING_ENTER_GETEVENTS, 0, 0);
    r->enters++;
    if (n >= 0) {
      r->pending -= (unsigned)n;
      if (!r->pending) return;
    } else if (errno != EINTR && errno != EAGAIN && errno != EBUSY) {
      die("io_uring_enter");
    }
  }
}

static struct io_uring_sqe *ring_sqe(ring *r) {
  if (r->pending > r->sq_mask) ring_enter(r, 0);
  struct io_uring_sqe *s = &r->sqes[r->tail++ & r->sq_mask];
  r->pending++;
  memset(s, 0, sizeof *s);
  return s;
}

// ring_ready is how many completions lie in the queue; ring_cqe the i-th of them; ring_seen gives n back.
static unsigned ring_ready(ring *r) { return __atomic_load_n(r->cq_tail, __ATOMIC_ACQUIRE) - *r->cq_head; }
static struct io_uring_cqe *ring_cqe(ring *r, unsigned i) { return &r->cqes[(*r->cq_head + i) & r->cq_mask]; }
static void ring_seen(ring *r, unsigned n) { __atomic_store_n(r->cq_head, *r->cq_head + n, __ATOMIC_RELEASE); }

// ring_idle says whether enter has nothing to do.
static int ring_idle(ring *r) {
  return !r->pending && !(__atomic_load_n(r->sq_flags, __ATOMIC_RELAXED) & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW));
}
