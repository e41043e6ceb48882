// The floor: SoupBinTCP 3.00 and OUCH 5.0 on io_uring, one thread that spins. A login is accepted whatever it says, every
// Enter Order is answered by Accepted, every Cancel Order by Canceled, an Account Query by the next number. There is no book,
// no matching, no account, no check, no stream to resume from and no journal: what is left is the price of the protocol.
//
//   floor PORT CPU [FILE]
//
// With FILE it makes a durable write of 4 KiB to it, as `disk` does, before it answers what has come: the floor of a venue whose
// answers wait for the disk, with one message in flight (what came while a write is under way would be answered with it).
//
// A line on stdout says when it listens; on SIGTERM one on stderr says what it did.
#include "uring.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>

enum { BUFFERS = 1024, BUFFER = 16384, OUT = 1 << 18, FILES = 1 << 16, KEEP = 1024, ON_ACCEPT = 1, ON_RECV, ON_SEND, ON_WRITE, PIECE = 4096, PIECES = 4096 };

typedef struct {
  int fd, dirty, dead, have;
  unsigned len, sent;     // of out: bytes that wait, bytes given to the kernel this turn
  uint32_t next;          // UserRefNum
  uint32_t lots[KEEP];    // of the last orders, for Canceled
  uint8_t part[1 << 12];  // a packet that has not arrived whole
  uint8_t *out;
} conn;

static ring R;
static conn *all[FILES], *dirty[FILES];
static int dirties;
static uint8_t *memory;
static struct io_uring_buf_ring *provided;
static uint64_t stamp, references, orders, cancels;
static volatile sig_atomic_t ended;

static void stop(int s) { (void)s, ended = 1; }

static void accept_on(int listener) {
  struct io_uring_sqe *s = ring_sqe(&R);
  s->opcode = IORING_OP_ACCEPT, s->fd = listener, s->ioprio = IORING_ACCEPT_MULTISHOT, s->user_data = (uint64_t)listener << 8 | ON_ACCEPT;
}

static void receive_on(int fd) {
  struct io_uring_sqe *s = ring_sqe(&R);
  s->opcode = IORING_OP_RECV, s->fd = fd, s->ioprio = IORING_RECV_MULTISHOT, s->flags = IOSQE_BUFFER_SELECT, s->user_data = (uint64_t)fd << 8 | ON_RECV;
}

static void give(unsigned id) {
  struct io_uring_buf *b = &provided->bufs[provided->tail & (BUFFERS - 1)];
  b->addr = (uint64_t)(memory + (size_t)id * BUFFER), b->len = BUFFER, b->bid = (uint16_t)id;
  __atomic_store_n(&provided->tail, (uint16_t)(provided->tail + 1), __ATOMIC_RELEASE);
}

// answer makes room for a packet and returns its payload; null: the peer does not read.
static uint8_t *answer(conn *c, char type, unsigned payload) {
  if (c->len + SOUP + payload > OUT) return 0;
  uint8_t *p = packet(c->out + c->len, type, payload);
  c->len += SOUP + payload;
  if (!c->dirty) c->dirty = 1, dirty[dirties++] = c;
  return p;
}

// handle answers one packet. Not 0: the connection is of no use.
static int handle(conn *c, const uint8_t *p, unsigned size) {
  const uint8_t *m = p + SOUP;
  unsigned n = size - SOUP;
  uint8_t *o;
  if (p[2] == 'R' || p[2] == '+') return 0;
  if (p[2] == 'L') {
    if (!(o = answer(c, 'A', ADMITTED))) return 1;
    memset(o, ' ', ADMITTED), memcpy(o + 5, "FLOOR", 5), o[ADMITTED - 1] = '1';
    return 0;
  }
  if (p[2] != 'U' || !n) return 1;
  if (!stamp) { // once a turn
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    stamp = (uint64_t)(t.tv_sec % 86400) * 1000000000u + (uint64_t)t.tv_nsec;
  }
  if (m[0] == 'O' && n >= ENTER) {
    if (!(o = answer(c, 'S', ACCEPTED))) return 1;
    uint32_t ref = get32(m + 1);
    o[0] = 'A', put64(o + 1, stamp), memcpy(o + 9, m + 1, 27), put64(o + 36, ++references);
    o[44] = m[28], o[45] = m[29], o[46] = m[30], o[47] = 'L', memcpy(o + 48, m + 31, 14), put16(o + 62, 0);
    c->lots[ref % KEEP] = get32(m + 6), c->next = ref + 1, orders++;
    return 0;
  }
  if (m[0] == 'X' && n >= CANCEL) {
    if (!c->lots[get32(m + 1) % KEEP]) return 0; // no such order: it has no answer
    if (!(o = answer(c, 'S', CANCELED))) return 1;
    o[0] = 'C', put64(o + 1, stamp), memcpy(o + 9, m + 1, 4), put32(o + 13, c->lots[get32(m + 1) % KEEP]), o[17] = 'U', cancels++;
    return 0;
  }
  if (m[0] == 'Q') {
    if (!(o = answer(c, 'S', QUERIED))) return 1;
    o[0] = 'Q', put64(o + 1, stamp), put32(o + 9, c->next);
    return 0;
  }
  return 1;
}

// bytes cuts what came into packets; what is left of the last one is kept.
static int bytes(conn *c, const uint8_t *p, int n) {
  while (c->have && n) {
    int want = c->have < 2 ? 2 : 2 + get16(c->part), m = want - c->have < n ? want - c->have : n;
    if (want > (int)sizeof c->part) return 1;
    memcpy(c->part + c->have, p, (size_t)m), c->have += m, p += m, n -= m;
    if (c->have > 2 && c->have == 2 + get16(c->part)) {
      unsigned size = (unsigned)c->have;
      c->have = 0;
      if (handle(c, c->part, size)) return 1;
    }
  }
  while (n >= 2 && n >= 2 + get16(p)) {
    int size = 2 + get16(p);
    if (size < SOUP || handle(c, p, (unsigned)size)) return 1;
    p += size, n -= size;
  }
  if (n > (int)sizeof c->part) return 1;
  memcpy(c->part, p, (size_t)n), c->have = n;
  return 0;
}

static void opened(int fd) {
  if (fd >= FILES) {
    close(fd);
    return;
  }
  conn *c = all[fd];
  if (!c) {
    if (!(c = all[fd] = calloc(1, sizeof *c)) || !(c->out = malloc(OUT))) die("memory");
  }
  c->fd = fd, c->dead = c->have = 0, c->len = c->sent = 0, c->next = 1, memset(c->lots, 0, sizeof c->lots);
  int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  receive_on(fd);
}

// received deals with a completion of a receive. The buffer goes back at once.
static void received(struct io_uring_cqe *q, int fd) {
  conn *c = all[fd];
  if (q->flags & IORING_CQE_F_BUFFER) {
    unsigned id = q->flags >> IORING_CQE_BUFFER_SHIFT;
    if (q->res > 0 && !c->dead && bytes(c, memory + (size_t)id * BUFFER, q->res)) c->dead = 1, shutdown(fd, SHUT_RDWR);
    give(id);
  }
  if (q->flags & IORING_CQE_F_MORE) return;
  if (q->res > 0 || q->res == -ENOBUFS) {
    receive_on(fd);
    return;
  }
  c->dead = 1, c->len = c->sent = 0;
  close(fd);
}

// send_all gives every answer to the kernel, which takes what fits now. Only a send that fell short completes.
static void send_all(void) {
  for (int i = 0; i < dirties; i++) {
    conn *c = dirty[i];
    c->dirty = 0;
    if (!c->len || c->dead) continue;
    struct io_uring_sqe *s = ring_sqe(&R);
    s->opcode = IORING_OP_SEND, s->fd = c->fd, s->addr = (uint64_t)c->out, s->len = c->len;
    s->msg_flags = MSG_DONTWAIT | MSG_WAITALL | MSG_NOSIGNAL, s->flags = IOSQE_CQE_SKIP_SUCCESS, s->user_data = (uint64_t)c->fd << 8 | ON_SEND;
    c->sent = c->len, c->len = 0;
  }
  dirties = 0;
}

// fell_short puts back what a send did not take, before anything else is answered.
static void fell_short(conn *c, int res) {
  unsigned took = res > 0 ? (unsigned)res : 0;
  if (c->dead || (res < 0 && res != -EAGAIN)) return;
  memmove(c->out, c->out + took, c->sent - took), c->len = c->sent - took;
  if (!c->dirty) c->dirty = 1, dirty[dirties++] = c;
}

static int file = -1;
static char *piece;

// file_open makes a file of zeros: what is written there later changes nothing but its content.
static void file_open(const char *name) {
  file = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
  piece = mmap(0, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (file < 0 || piece == MAP_FAILED) die(name);
  for (int i = 0; i < PIECE * PIECES >> 20; i++)
    if (pwrite(file, piece, 1 << 20, (off_t)i << 20) != 1 << 20) die("write");
  if (fsync(file)) die("fsync");
  fcntl(file, F_SETFL, O_DIRECT); // a file system that cannot: buffered
}

// begin_write makes the durable write that the answers of a turn wait for; its completion is the next turn's.
static void begin_write(void) {
  static uint64_t writes;
  struct io_uring_sqe *s = ring_sqe(&R);
  memcpy(piece, &writes, sizeof writes);
  s->opcode = IORING_OP_WRITE, s->fd = file, s->addr = (uint64_t)piece, s->len = PIECE, s->off = writes++ % PIECES * PIECE, s->rw_flags = RWF_DSYNC;
  s->user_data = ON_WRITE;
}

int main(int argc, char **argv) {
  if (argc != 3 && argc != 4) return fprintf(stderr, "usage: floor PORT CPU [FILE]\n"), 2;
  signal(SIGTERM, stop), signal(SIGPIPE, SIG_IGN);
  int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1])), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listener, (struct sockaddr *)&at, sizeof at) || listen(listener, 4096)) die("listen");
  pin(atoi(argv[2]));
  ring_open(&R, 4096);
  memory = mmap(0, (size_t)BUFFERS * BUFFER, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  provided = mmap(0, BUFFERS * sizeof(struct io_uring_buf), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (memory == MAP_FAILED || provided == MAP_FAILED) die("mmap");
  struct io_uring_buf_reg reg = {.ring_addr = (uint64_t)provided, .ring_entries = BUFFERS};
  if (ring_register(&R, IORING_REGISTER_PBUF_RING, &reg, 1)) die("buffers");
  for (unsigned i = 0; i < BUFFERS; i++) give(i);
  if (argc == 4) file_open(argv[3]);
  accept_on(listener);
  printf("ready\n"), fflush(stdout);
  int writing = 0;
  while (!ended) {
    if (!ring_idle(&R)) ring_enter(&R, 0);
    unsigned n = ring_ready(&R);
    if (!n) {
      if (writing) sched_yield(); // see disk.c
      else relax();
      if (dirties && file < 0) send_all();
      continue;
    }
    stamp = 0;
    for (unsigned i = 0; i < n; i++) { // the shares of sends that were not taken come first: answers go behind them
      struct io_uring_cqe *q = ring_cqe(&R, i);
      if ((q->user_data & 255) == ON_SEND) fell_short(all[q->user_data >> 8], q->res);
    }
    for (unsigned i = 0; i < n; i++) {
      struct io_uring_cqe *q = ring_cqe(&R, i);
      int number = (int)(q->user_data >> 8);
      switch (q->user_data & 255) {
      case ON_ACCEPT:
        if (q->res >= 0) opened(q->res);
        if (!(q->flags & IORING_CQE_F_MORE)) accept_on(number);
        break;
      case ON_RECV: received(q, number); break;
      case ON_WRITE:
        if (q->res != PIECE) errno = -q->res, die("durable write");
        writing = 0, send_all();
      }
    }
    ring_seen(&R, n);
    if (file < 0) send_all();
    else if (dirties && !writing) writing = 1, begin_write();
  }
  fprintf(stderr, "floor: %lu orders, %lu cancels, %lu enters\n", (unsigned long)orders, (unsigned long)cancels, (unsigned long)R.enters);
  return 0;
}
