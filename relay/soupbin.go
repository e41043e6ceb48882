package relay

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"time"

	"matcher/wire/soupbin"
)

const (
	loginTime  = 5 * time.Second  // from the connection to the login
	silentTime = 15 * time.Second // silence after which a client counts as gone
	slowTime   = 10 * time.Second // that a client may take to receive a piece
	beatEvery  = time.Second      // our own silence before a heartbeat
	piece      = 32 << 10         // bytes of messages that are sent at once
)

func (r *Relay) serveITCH(ctx context.Context, conn net.Conn) {
	l, _ := r.login(conn)
	if l == nil {
		return
	}
	r.mu.Lock()
	t := r.itch.find(l.Session)
	r.mu.Unlock()
	stream(ctx, conn, t, l.Sequence)
}

func (r *Relay) serveDropCopy(ctx context.Context, conn net.Conn) {
	l, u := r.login(conn)
	if l == nil {
		return
	}
	if !u.DropCopy {
		reject(conn, soupbin.NotAuthorized)
		return
	}
	r.mu.Lock()
	t := r.firms[firm(u.Firm)].find(l.Session)
	r.mu.Unlock()
	stream(ctx, conn, t, l.Sequence)
}

// login reads a Login Request and checks it. Nil: it was refused, and the connection is to be closed.
func (r *Relay) login(conn net.Conn) (*soupbin.Login, *User) {
	_ = conn.SetReadDeadline(time.Now().Add(loginTime))
	for {
		p, err := packet(conn)
		if err != nil {
			return nil, nil
		}
		if p.Type == soupbin.Debug {
			continue
		}
		var l soupbin.Login
		if p.Type != soupbin.LoginRequest {
			return nil, nil
		}
		if l.Decode(p.Payload) != nil {
			reject(conn, soupbin.NotAuthorized)
			return nil, nil
		}
		u := r.user(&l)
		if u == nil {
			reject(conn, soupbin.NotAuthorized)
			return nil, nil
		}
		return &l, u
	}
}

// user returns who has the name and the key of a login.
func (r *Relay) user(l *soupbin.Login) *User {
	name, key := strings.TrimRight(string(l.Username[:]), " "), strings.TrimRight(string(l.Password[:]), " ")
	mac := hmac.New(sha256.New, r.cfg.Secret[:])
	_, _ = io.WriteString(mac, name+":"+key)
	sum := mac.Sum(nil)
	for i := range r.cfg.Users {
		if u := &r.cfg.Users[i]; u.Name == name && hmac.Equal(sum, u.Hash[:]) {
			return u
		}
	}
	return nil
}

// maxInbound is the longest packet that is read: text that is ignored may be longer than a login, but not endless.
const maxInbound = 1024

// packet reads one packet.
func packet(conn io.Reader) (p soupbin.Packet, err error) {
	var head [soupbin.HeaderSize]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return p, err
	}
	n := soupbin.PacketSize(head[:])
	if n < soupbin.HeaderSize || n > maxInbound {
		return p, soupbin.ErrLength
	}
	p.Type, p.Payload = head[2], make([]byte, n-soupbin.HeaderSize)
	_, err = io.ReadFull(conn, p.Payload)
	return p, err
}

func reject(conn net.Conn, reason byte) { _ = send(conn, soupbin.AppendLoginRejected(nil, reason)) }

// send writes bytes that a client must take in time.
func send(conn net.Conn, b []byte) error {
	_ = conn.SetWriteDeadline(time.Now().Add(slowTime))
	_, err := conn.Write(b)
	return err
}

// listen reads what a client that is logged in sends, heartbeats, until it says that it goes, is gone or sends what it may not.
// What is returned is closed then.
func listen(conn net.Conn) <-chan struct{} {
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		for {
			_ = conn.SetReadDeadline(time.Now().Add(silentTime))
			if p, err := packet(conn); err != nil || p.Type != soupbin.ClientHeartbeat && p.Type != soupbin.Debug {
				return
			}
		}
	}()
	return gone
}

// stream serves the messages of a tape, from a number on and then as they come, until the session is over or the client goes.
func stream(ctx context.Context, conn net.Conn, t *tape, from uint64) {
	if t == nil {
		reject(conn, soupbin.SessionNotAvailable)
		return
	}
	count, _, _ := t.state()
	if from == 0 || from > count+1 {
		from = count + 1
	}
	if send(conn, soupbin.AppendLoginAccepted(nil, &soupbin.Accepted{Session: t.session, Sequence: from})) != nil {
		return
	}
	gone := listen(conn)
	beat := time.NewTimer(beatEvery)
	defer beat.Stop()
	buf, out := make([]byte, piece+skipSize), []byte(nil)
	for {
		_, over, changed := t.state()
		framed, n, err := t.read(buf, from, piece)
		if err != nil {
			return
		}
		if n != 0 {
			out = appendSequenced(out[:0], framed)
			if send(conn, out) != nil {
				return
			}
			from += uint64(n)
			beat.Reset(beatEvery)
			continue
		}
		if over {
			finish(conn, gone)
			return
		}
		select {
		case <-changed:
		case <-beat.C:
			if send(conn, soupbin.AppendServerHeartbeat(nil)) != nil {
				return
			}
			beat.Reset(beatEvery)
		case <-gone:
			return
		case <-ctx.Done():
			return
		}
	}
}

// finish says that a session is over and lets the client read that before the connection goes.
func finish(conn net.Conn, gone <-chan struct{}) {
	if send(conn, soupbin.AppendEndOfSession(nil)) != nil {
		return
	}
	if half, ok := conn.(interface{ CloseWrite() error }); ok && errors.Is(half.CloseWrite(), nil) {
		select {
		case <-gone:
		case <-time.After(beatEvery):
		}
	}
}

// appendSequenced appends a packet for each message that stands behind its length.
func appendSequenced(dst, framed []byte) []byte {
	for len(framed) != 0 {
		n := 2 + int(binary.BigEndian.Uint16(framed))
		dst = soupbin.AppendSequenced(dst, framed[2:n])
		framed = framed[n:]
	}
	return dst
}
