package main

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"matcher/core"
	"matcher/ring"
)

// The values of settings. Each function checks one and puts it into its place, or says why it is unfit.

func setListen(c *config, s string) *unfit { return setAddress(&c.core.Listen, s) }

// setAddress takes an address to listen on.
func setAddress(to *string, s string) *unfit {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return &unfit{code: "E4104", why: "an address is host:port", fix: "127.0.0.1:9001"}
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || strconv.FormatUint(n, 10) != port {
		return &unfit{code: "E4104", why: "a port is a number from 0 (the kernel chooses) to 65535", fix: net.JoinHostPort(host, "9001")}
	}
	if host == "localhost" {
		host = "127.0.0.1"
	}
	if net.ParseIP(host) == nil {
		return &unfit{code: "E4104", why: "the host is an IP address of this machine; 0.0.0.0 means all of them", fix: net.JoinHostPort("0.0.0.0", port)}
	}
	*to = net.JoinHostPort(host, port)
	return nil
}

func setCPU(c *config, s string) *unfit {
	switch s {
	case "auto":
		c.core.CPU = core.AutoCPU
	case "none":
		c.core.CPU = core.NoCPU
	default:
		n, err := strconv.ParseUint(s, 10, 31)
		if err != nil {
			return &unfit{code: "E4104", why: "auto, none, or the number of a cpu", fix: "auto"}
		}
		if n > 4095 {
			return &unfit{code: "E4105", why: "cpus are numbered from 0, at most 4095", fix: "auto"}
		}
		c.core.CPU = int(n)
	}
	return nil
}

func setWait(c *config, s string) *unfit {
	return setWord(&c.core.Wait, s, []string{"spin", "adaptive", "block"}, []ring.Policy{ring.Spin, ring.Adaptive, ring.Block})
}

func setBackend(c *config, s string) *unfit {
	return setWord(&c.core.Backend, s, []string{"auto", "uring", "portable"}, []core.Backend{core.AutoBackend, core.UringBackend, core.PortableBackend})
}

func setDurability(c *config, s string) *unfit {
	return setWord(&c.core.Durability, s, []string{"sync", "written", "async"}, []core.Durability{core.Sync, core.Written, core.Async})
}

// setWord takes what one of the words means.
func setWord[T any](to *T, s string, words []string, mean []T) *unfit {
	i := slices.Index(words, s)
	if i < 0 {
		return oneOf(s, words...)
	}
	*to = mean[i]
	return nil
}

// setRoll takes the time of day at which a trading day ends.
func setRoll(c *config, s string) *unfit {
	at, err := time.Parse("15:04", s)
	if err != nil {
		return &unfit{code: "E4104", why: "a time of day, HH:MM; leave the key out and days end by hand only", fix: "00:00"}
	}
	c.core.Roll.Daily, c.core.Roll.At = true, time.Duration(at.Hour())*time.Hour+time.Duration(at.Minute())*time.Minute
	return nil
}

// setOffset takes how far local time is from UTC.
func setOffset(c *config, s string) *unfit {
	t, err := time.Parse("-07:00", s)
	if err != nil {
		return &unfit{code: "E4104", why: "how far local time is ahead of UTC, +HH:MM or -HH:MM; no daylight saving", fix: "+00:00"}
	}
	_, seconds := t.Zone()
	c.core.Roll.Offset = time.Duration(seconds) * time.Second
	return nil
}

func oneOf(s string, words ...string) *unfit {
	u := &unfit{code: "E4104", why: "it is one of " + strings.Join(words, ", "), fix: words[0]}
	if near := nearest(s, words); near != "" {
		u.fix = near
	}
	return u
}

func setBool(to *bool, s string) *unfit {
	if s != "false" && s != "true" {
		return oneOf(s, "false", "true")
	}
	*to = s == "true"
	return nil
}

// setCount takes a whole number from least to most.
func setCount[T ~int | ~uint32](to *T, s string, least, most uint64) *unfit {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return &unfit{code: "E4104", why: fmt.Sprintf("a whole number from %s to %s", grouped(least), grouped(most))}
	}
	if n < least || n > most {
		return &unfit{code: "E4105", why: limits(least, most)}
	}
	*to = T(n)
	return nil
}

// setSegment takes the size of a journal segment, which is laid out in pages of 4096 bytes.
func setSegment(c *config, s string) *unfit {
	var n uint64
	if u := setSize(&n, s, core.MinSegment, 1<<40); u != nil {
		return u
	}
	if n%4096 != 0 {
		return &unfit{code: "E4105", why: "a multiple of 4096 bytes", fix: fmt.Sprintf("%d", (n+4095)/4096*4096)}
	}
	c.core.Segment = int64(n)
	return nil
}

// setSize takes a number of bytes: plain, or with a unit of powers of 1024.
func setSize(to *uint64, s string, least, most uint64) *unfit {
	unit := uint64(1)
	number := s
	for i, name := range [...]string{"KiB", "MiB", "GiB", "TiB"} {
		if rest, ok := strings.CutSuffix(s, name); ok {
			number, unit = strings.TrimSpace(rest), 1<<(10*(i+1))
		}
	}
	n, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		return &unfit{code: "E4104", why: "a size is a whole number of bytes, or of KiB, MiB, GiB, TiB", fix: "256MiB"}
	}
	if n > most/unit || n*unit < least {
		return &unfit{code: "E4105", why: limits(inBytes(least), inBytes(most))}
	}
	*to = n * unit
	return nil
}

// number is what has a range.
type number interface {
	int | uint8 | uint32 | uint64 | float64 | inBytes | time.Duration
}

// inBytes is a number of them.
type inBytes uint64

// limits says between which two a number must lie.
func limits[T number](least, most T) string {
	return "at least " + spoken(least) + ", at most " + spoken(most)
}

// spoken is a number as people read it.
func spoken[T number](n T) string {
	switch n := any(n).(type) {
	case inBytes:
		return sizeText(uint64(n))
	case time.Duration:
		return n.String()
	}
	if n >= 0 && T(uint64(n)) == n {
		return grouped(uint64(n))
	}
	return fmt.Sprint(n)
}

// within refuses a flag's value outside of its range; a NaN is in none. The nearest that may be is proposed.
func within[T number](flag string, is, least, most T) error {
	if is >= least && is <= most {
		return nil
	}
	near := least
	if is > most {
		near = most
	}
	return outOfRange(flag, is, limits(least, most), strings.ReplaceAll(spoken(near), ",", ""))
}

// outOfRange is the fault of a flag's value, where what may be is no range of two ends.
func outOfRange[T number](flag string, is T, may, fix string) *fault {
	return &fault{Code: "E4004", What: fmt.Sprintf("--%s %v is out of range", flag, is), Why: may, Fix: "--" + flag + " " + fix}
}

func sizeText(n uint64) string {
	for i, name := range [...]string{"TiB", "GiB", "MiB", "KiB"} {
		if unit := uint64(1) << (10 * (4 - i)); n >= unit && n%unit == 0 {
			return fmt.Sprintf("%d%s", n/unit, name)
		}
	}
	return fmt.Sprintf("%d bytes", n)
}

func setDuration(to *time.Duration, s string, least, most time.Duration) *unfit {
	d, err := time.ParseDuration(s)
	if err != nil {
		return &unfit{code: "E4104", why: "a duration is a number with its unit: ms, s, m or h", fix: "10s"}
	}
	if d < least || d > most {
		return &unfit{code: "E4105", why: limits(least, most)}
	}
	*to = d
	return nil
}

// setNetworks takes a list of networks and single addresses.
func setNetworks(to *[]netip.Prefix, s string) *unfit {
	*to = nil
	for word := range strings.SplitSeq(s, ",") {
		if word = strings.TrimSpace(word); word == "" {
			continue
		}
		net, err := netip.ParsePrefix(word)
		if err != nil {
			at, bad := netip.ParseAddr(word)
			if bad != nil {
				return &unfit{code: "E4104", why: fmt.Sprintf("%q is no network and no address", word), fix: "10.0.0.0/8"}
			}
			net = netip.PrefixFrom(at, at.BitLen())
		}
		if net != net.Masked() {
			return &unfit{code: "E4104", why: word + " has bits behind its prefix", fix: net.Masked().String()}
		}
		*to = append(*to, net)
	}
	return nil
}

func setPath(to *string, s string) *unfit {
	if s == "" || strings.ContainsRune(s, 0) {
		return &unfit{code: "E4104", why: "a path is not empty"}
	}
	*to = s
	return nil
}

// grouped writes a number with commas between its thousands.
func grouped(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
