// The load: sessions on one thread that polls and never sleeps. Every order is a displayed limit buy that rests, and is
// cancelled as soon as it is accepted. A message in flight is an order until its Accepted, then its cancel until the Canceled,
// then the next order: a session always has as many in flight. Answers must come in the order of the UserRefNums, each once.
//
//   load rtt  PORT CPU PREFIX KEY ORDERS IDLE             one order in flight on one session
//   load tput PORT CPU PREFIX KEY SESSIONS WINDOW MS IDLE
//   load flood PORT CPU PREFIX KEY ORDERS FLOODS          the same as rtt, while others send all that their sockets take
//
// Users are PREFIX00000, ...; IDLE more of them log in and stay silent. One line of figures goes to stdout: microseconds from
// an order's write to its Accepted, orders and seconds.
#include "common.h"
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

enum { IN = 1 << 16, PATIENCE = 10 };

typedef struct {
  int fd;
  uint32_t first, next, accepted, canceled, mask; // next UserRefNum; last ones accepted and canceled
  int64_t *sent;                                  // by number
  unsigned out, have;
  uint8_t *packets;                               // out bytes to be sent
  uint8_t in[IN];
} session;

static session **all;
static hist trips;
static int counting, closing;
static uint64_t gone;
static uint8_t order[SOUP + ENTER], cancel[SOUP + CANCEL];

static void wrong(const char *what, uint32_t ref) {
  fprintf(stderr, "load: %s, order %u\n", what, ref);
  exit(1);
}

static void put(session *s, const uint8_t *p, unsigned n) { memcpy(s->packets + s->out, p, n), s->out += n; }

static void enter(session *s, int64_t now) {
  put32(order + SOUP + 1, s->next), put64(order + SOUP + 18, 1000000 - s->next % 5 * 100);
  s->sent[s->next++ & s->mask] = now;
  put(s, order, sizeof order);
}

static void flush(session *s) {
  unsigned at = 0;
  while (at < s->out) {
    ssize_t n = send(s->fd, s->packets + at, s->out - at, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n > 0) at += (unsigned)n;
    else if (errno != EAGAIN && errno != EINTR) die("send");
  }
  s->out = 0;
}

// receive takes what there is and makes what follows from it.
static int receive(session *s) {
  ssize_t n = recv(s->fd, s->in + s->have, IN - s->have, MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
  if (n <= 0) wrong("the connection was closed", s->next);
  int64_t now = now_ns();
  unsigned at = 0, have = s->have + (unsigned)n;
  while (have - at >= 2 && have - at >= 2u + get16(s->in + at)) {
    uint8_t *p = s->in + at, *m = p + SOUP;
    at += 2u + get16(p);
    if (p[2] != 'S') {
      if (p[2] == 'H' || p[2] == '+') continue;
      wrong("an unexpected packet", s->next);
    }
    uint32_t ref = get32(m + 9);
    if (m[0] == 'A' && ref == s->accepted + 1) {
      s->accepted = ref;
      if (counting) hist_add(&trips, now - s->sent[ref & s->mask]);
      put32(cancel + SOUP + 1, ref);
      put(s, cancel, sizeof cancel);
    } else if (m[0] == 'C' && ref == s->canceled + 1) {
      s->canceled = ref, gone++;
      if (!closing) enter(s, now);
    } else {
      wrong(m[0] == 'J' ? "rejected" : "an answer lost, doubled or wrong", ref);
    }
  }
  memmove(s->in, s->in + at, have - at), s->have = have - at;
  return 1;
}

// reply reads one packet of a session that is not at work yet.
static uint8_t *reply(session *s, char type) {
  for (;;) {
    for (unsigned need = SOUP, have = 0; have < need;) {
      ssize_t n = recv(s->fd, s->in + have, need - have, 0);
      if (n <= 0) wrong("no login", 0);
      have += (unsigned)n;
      if (have >= 2) need = 2u + get16(s->in);
    }
    if (s->in[2] == (uint8_t)type && (type != 'S' || s->in[SOUP] == 'Q')) return s->in + SOUP;
    if (s->in[2] == 'J') wrong("login refused", 0);
  }
}

static session *login(int port, const char *prefix, const char *key, int number, unsigned window) {
  session *s = calloc(1, sizeof *s);
  uint8_t b[SOUP + LOGIN], *p = packet(b, 'L', LOGIN);
  char user[16];
  int one = 1;
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  if (!s) die("memory");
  s->fd = socket(AF_INET, SOCK_STREAM, 0);
  if (s->fd < 0 || connect(s->fd, (struct sockaddr *)&at, sizeof at)) die("connect");
  struct timeval patience = {.tv_sec = PATIENCE}; // of what is waited for, up to the first order
  setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  setsockopt(s->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  snprintf(user, sizeof user, "%s%05d", prefix, number);
  memset(p, ' ', LOGIN), memcpy(p, user, strlen(user)), memcpy(p + 6, key, strlen(key)), p[LOGIN - 1] = '0';
  if (send(s->fd, b, sizeof b, MSG_NOSIGNAL) != sizeof b) die("send");
  reply(s, 'A');
  if (!window) return s;
  packet(b, 'U', 1)[0] = 'Q';
  if (send(s->fd, b, SOUP + 1, MSG_NOSIGNAL) != SOUP + 1) die("send");
  s->first = s->next = get32(reply(s, 'S') + 9), s->accepted = s->canceled = s->next - 1;
  for (s->mask = 1; s->mask < 2 * window; s->mask = s->mask * 2 + 1) {
  }
  s->sent = calloc(s->mask + 1, sizeof *s->sent), s->packets = malloc((size_t)window * sizeof order + 64);
  if (!s->sent || !s->packets) die("memory");
  return s;
}

static void report(int64_t ns) {
  printf("orders %lu seconds %.6f p50 %.3f p99 %.3f p99.9 %.3f\n", (unsigned long)trips.n, (double)ns / 1e9, hist_us(&trips, .5), hist_us(&trips, .99),
         hist_us(&trips, .999));
}

// harm gives each flooding session's socket as much as it takes: cancels of an order that never was, which nobody answers. It is
// done right before each order, so an order always finds what a flood has sent before it, and the load's own cpu is no part of
// the figure.
static void harm(int floods) {
  static uint8_t bytes[4096 * (SOUP + CANCEL)];
  if (!bytes[1]) {
    put32(cancel + SOUP + 1, ~0u); // not 1: a server may come to it after the session's next login, with an order 1
    for (unsigned i = 0; i < sizeof bytes; i += sizeof cancel) memcpy(bytes + i, cancel, sizeof cancel);
  }
  for (int i = 1; i <= floods; i++) {
    session *s = all[i];
    ssize_t n = send(s->fd, bytes + s->out, sizeof bytes - s->out, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != EINTR) die("send");
    s->out = (unsigned)((s->out + (n > 0 ? (size_t)n : 0)) % sizeof bytes);
  }
}

static void rtt(uint64_t orders, int floods) {
  session *s = all[0];
  uint64_t warm = orders / 10 + 500;
  int64_t start = 0, begun;
  closing = 1; // one at a time
  for (uint64_t i = 0; i < orders + warm; i++) {
    if (i == warm) counting = 1, start = now_ns();
    harm(floods);
    enter(s, begun = now_ns());
    flush(s);
    for (uint64_t polls = 0; s->accepted != s->next - 1; polls++)
      if (!receive(s) && polls % 4096 == 4095 && now_ns() - begun > PATIENCE * 1000000000ll) wrong("no answer", s->next);
    flush(s);
    for (uint64_t polls = 0; s->canceled != s->next - 1; polls++)
      if (!receive(s) && polls % 4096 == 4095 && now_ns() - begun > PATIENCE * 1000000000ll) wrong("no answer", s->next);
  }
  report(now_ns() - start);
}

static void tput(int sessions, unsigned window, int64_t ms) {
  int poll = epoll_create1(0);
  struct epoll_event ready[256];
  for (int i = 0; i < sessions; i++) {
    struct epoll_event e = {.events = EPOLLIN, .data.u32 = (uint32_t)i};
    if (epoll_ctl(poll, EPOLL_CTL_ADD, all[i]->fd, &e)) die("epoll_ctl");
  }
  int64_t from = now_ns() + ms * 200000, to = from + ms * 1000000, ended = 0, heard = now_ns();
  for (int i = 0; i < sessions; i++) {
    for (unsigned k = 0; k < window; k++) enter(all[i], heard);
    flush(all[i]);
  }
  uint64_t total = 0;
  for (;;) {
    int n = epoll_wait(poll, ready, 256, 0);
    for (int i = 0; i < n; i++) {
      session *s = all[ready[i].data.u32];
      if (receive(s)) flush(s);
    }
    int64_t now = now_ns();
    if (n > 0) heard = now;
    if (now - heard > PATIENCE * 1000000000ll) wrong("no answer", 0);
    if (!counting && !closing && now >= from) counting = 1, from = now;
    if (counting && now >= to) {
      counting = 0, closing = 1, ended = now;
      for (int i = 0; i < sessions; i++) total += all[i]->next - all[i]->first;
    }
    if (closing && gone == total) break;
  }
  report(ended - from);
}

int main(int argc, char **argv) {
  int is_flood = argc == 8 && !strcmp(argv[1], "flood"), is_rtt = is_flood || (argc == 8 && !strcmp(argv[1], "rtt")), is_tput = argc == 10 && !strcmp(argv[1], "tput");
  if (!is_rtt && !is_tput) return fprintf(stderr, "usage: see load.c\n"), 2;
  int sessions = is_rtt ? 1 : atoi(argv[6]), idle = atoi(argv[is_rtt ? 7 : 9]);
  unsigned window = is_rtt ? 1 : (unsigned)atoi(argv[7]);
  struct rlimit files;
  if (!getrlimit(RLIMIT_NOFILE, &files)) files.rlim_cur = files.rlim_max, setrlimit(RLIMIT_NOFILE, &files);
  uint8_t *m = packet(order, 'U', ENTER);
  memset(m, ' ', ENTER), m[0] = 'O', m[5] = 'B', put32(m + 6, 100), memcpy(m + 10, "AAPL", 4), memcpy(m + 26, "0YPNN", 5), put16(m + 45, 0);
  m = packet(cancel, 'U', CANCEL), m[0] = 'X', put32(m + 5, 0);
  pin(atoi(argv[3]));
  if (!(all = calloc((size_t)(sessions + idle), sizeof *all))) die("memory");
  for (int i = 0; i < sessions + idle; i++) all[i] = login(atoi(argv[2]), argv[4], argv[5], i, i < sessions ? window : 0);
  if (is_rtt) rtt(strtoul(argv[6], 0, 10), is_flood ? idle : 0);
  else tput(sessions, window, atol(argv[8]));
  return 0;
}
