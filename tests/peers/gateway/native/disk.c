// A bare durable write: 4 KiB at a time into a file of zeros, O_DIRECT, RWF_DSYNC through io_uring, one in flight; while it is,
// the cpu is offered to others, as the kernel worker that ends the write may need it. Beside the whole it tells what the call
// that submits it takes.
//
//   disk FILE CPU WRITES
#include "uring.h"
#include <fcntl.h>
#include <linux/fs.h>

enum { PIECE = 4096, PIECES = 4096 };

int main(int argc, char **argv) {
  static hist h, submit;
  ring r;
  if (argc != 4) return fprintf(stderr, "usage: disk FILE CPU WRITES\n"), 2;
  pin(atoi(argv[2]));
  int fd = open(argv[1], O_RDWR | O_CREAT | O_TRUNC, 0600), direct;
  char *zeros = mmap(0, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (fd < 0 || zeros == MAP_FAILED) die(argv[1]);
  for (int i = 0; i < PIECE * PIECES >> 20; i++)
    if (pwrite(fd, zeros, 1 << 20, (off_t)i << 20) != 1 << 20) die("write");
  if (fsync(fd)) die("fsync");
  direct = fcntl(fd, F_SETFL, O_DIRECT) == 0;
  ring_open(&r, 64);
  long writes = atol(argv[3]), warm = writes / 10 + 50;
  for (long i = 0; i < writes + warm; i++) {
    int64_t start = now_ns();
    struct io_uring_sqe *s = ring_sqe(&r);
    zeros[0] = (char)i;
    s->opcode = IORING_OP_WRITE, s->fd = fd, s->addr = (uint64_t)zeros, s->len = PIECE, s->off = (uint64_t)(i % PIECES) * PIECE, s->rw_flags = RWF_DSYNC;
    ring_enter(&r, 0);
    int64_t submitted = now_ns();
    while (!ring_ready(&r)) {
      sched_yield();
      if (!ring_idle(&r)) ring_enter(&r, 0);
    }
    if (ring_cqe(&r, 0)->res != PIECE) errno = -ring_cqe(&r, 0)->res, die("durable write");
    ring_seen(&r, 1);
    if (i >= warm) hist_add(&h, now_ns() - start), hist_add(&submit, submitted - start);
  }
  printf("writes %lu direct %d p50 %.3f p99 %.3f p99.9 %.3f submit %.3f\n", (unsigned long)h.n, direct, hist_us(&h, .5), hist_us(&h, .99),
         hist_us(&h, .999), hist_us(&submit, .5));
  unlink(argv[1]);
  return 0;
}
