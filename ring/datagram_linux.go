//go:build linux

package ring

import (
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// datagramBuffer is how many bytes of datagrams wait in the kernel for a slow device, as far as net.core.wmem_max allows.
const datagramBuffer = 4 << 20

// Datagrams opens a UDP socket that sends to one "host:port", a unicast or a multicast address, and returns its descriptor.
// device names the network device that multicast leaves by, "" for the one of the routing table; hops is how many routers
// multicast may pass plus one (its TTL).
//
// SendNow sends one datagram, whole or not at all, and several of a turn leave in their order. It completes with -EAGAIN
// where the kernel has no room, and now and then with -ECONNREFUSED where nobody listened to one before: both are no reason
// to stop.
func Datagrams(to, device string, hops int) (int, error) {
	at, err := net.ResolveUDPAddr("udp", to)
	if err != nil {
		return -1, fmt.Errorf("ring: datagrams to %q: %w", to, err)
	}
	fd, err := datagrams(at, device, hops)
	if err != nil {
		return -1, fmt.Errorf("ring: datagrams to %q: %w", to, err)
	}
	return fd, nil
}

func datagrams(to *net.UDPAddr, device string, hops int) (int, error) {
	ip := to.AddrPort().Addr().Unmap()
	if !ip.IsValid() || ip.IsUnspecified() || to.Port == 0 || to.Zone != "" {
		return -1, unix.EDESTADDRREQ
	}
	index := 0
	if device != "" {
		found, err := net.InterfaceByName(device)
		if err != nil {
			return -1, fmt.Errorf("device %s: %w", device, err)
		}
		index = found.Index
	}
	family, name := unix.AF_INET6, unix.Sockaddr(&unix.SockaddrInet6{Port: to.Port, Addr: ip.As16()})
	if ip.Is4() {
		family, name = unix.AF_INET, &unix.SockaddrInet4{Port: to.Port, Addr: ip.As4()}
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("socket: %w", err)
	}
	if err := aim(fd, family, index, hops, name); err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// aim sets what multicast needs, which does no harm to unicast, and connects.
func aim(fd, family, index, hops int, to unix.Sockaddr) error {
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, datagramBuffer) // a wish: the kernel takes what it allows
	var err error
	if family == unix.AF_INET {
		err = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_TTL, hops)
		if err == nil && index != 0 {
			err = unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_IF, &unix.IPMreqn{Ifindex: int32(index)})
		}
	} else {
		err = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_HOPS, hops)
		if err == nil && index != 0 {
			err = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_IF, index)
		}
	}
	if err != nil {
		return fmt.Errorf("setsockopt: %w", err)
	}
	if err := unix.Connect(fd, to); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	return nil
}
