package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"matcher/core"
	"matcher/journal"
	"matcher/replay"
	"matcher/ring"
	"matcher/snapshot"
)

// serverFault explains why the server could not start, or stopped by itself. The first row that fits explains.
func serverFault(cfg *core.Config, err error) error {
	for _, explain := range [...]func(*core.Config, error) *fault{
		filesFault, ringFault, feedFault, listenFault, diskFault, limitsFault,
		func(cfg *core.Config, err error) *fault { return archivedFault(cfg.Journal, dataFault(err)) },
		permissionFault,
	} {
		if f := explain(cfg, err); f != nil {
			f.cause = err
			return f
		}
	}
	return err
}

// filesFault: no more files may be open, whatever the file was for.
func filesFault(_ *core.Config, err error) *fault {
	if !errors.Is(err, syscall.EMFILE) && !errors.Is(err, syscall.ENFILE) {
		return nil
	}
	return &fault{
		Code: "E1012", What: "the server may not open enough files: " + last(err), Why: "each connection is one, and the journal and io_uring need a few",
		Fix: "ulimit -n 65536",
	}
}

// ringFault: the kernel gives no io_uring.
func ringFault(_ *core.Config, err error) *fault {
	var setup *ring.SetupError
	if !errors.As(err, &setup) {
		return nil
	}
	said := fmt.Sprintf("%s: %v", setup.Call, setup.Errno)
	switch setup.Kind {
	case ring.SetupRefused, ring.SetupMissing:
		f := &fault{Code: "E1001", What: "this system refuses io_uring (" + said + ")"}
		if level := disabled(); level != "" && level != "0" {
			f.Why = "kernel.io_uring_disabled = " + level
			f.Fix = "sudo sysctl -w kernel.io_uring_disabled=0"
		} else {
			f.Why = "a container's seccomp profile forbids it, or the kernel was built without it"
			f.Fix = "docker run --security-opt seccomp=unconfined ...   or a profile that allows io_uring_setup, io_uring_enter, io_uring_register"
		}
		f.Or = usePortable
		return f
	case ring.SetupTooOld:
		return &fault{Code: "E1010", What: "this kernel is too old (" + said + ")", Why: setup.Hint(), Fix: "uname -r", Or: usePortable}
	case ring.SetupMemlock:
		return &fault{Code: "E1007", What: "the kernel gives no memory for io_uring (" + said + ")", Why: setup.Hint(), Fix: "ulimit -l unlimited", Or: usePortable}
	}
	return &fault{Code: "E1007", What: "the server's memory cannot be had (" + said + ")", Why: "everything is allocated at the start", Fix: "lower core.stream_memory or core.max_sessions"}
}

// usePortable is the way out for whoever cannot change what the kernel allows.
const usePortable = "matcher serve --backend portable   same behaviour, slower; right for laptops and containers"

// fallback is the line that tells of a server that was to choose its backend and did not get io_uring: why, and how to mend
// it.
func fallback(cfg *core.Config, err error) string {
	var f *fault
	if !errors.As(serverFault(cfg, err), &f) {
		return "warning: the portable backend serves, because io_uring cannot be had: " + err.Error()
	}
	return fmt.Sprintf("warning %s: %s; why: %s; the portable backend serves instead, slower, and a durable write holds up everything else; fix: %s",
		f.Code, f.What, f.Why, f.Fix)
}

// disabled reads the switch that forbids io_uring; empty where there is none.
func disabled() string {
	text, err := os.ReadFile("/proc/sys/kernel/io_uring_disabled")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// listenFault: the address cannot be had.
func listenFault(cfg *core.Config, err error) *fault {
	if !errors.Is(err, core.ErrListen) {
		return nil
	}
	_, port, _ := net.SplitHostPort(cfg.Listen)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return &fault{
			Code: "E1002", What: cfg.Listen + " is in use", Why: "another process listens there",
			Fix: "ss -ltnp 'sport = :" + port + "'   shows which", Or: "matcher serve --listen 127.0.0.1:0   lets the kernel choose a port",
		}
	case errors.Is(err, syscall.EACCES):
		return &fault{Code: "E1005", What: cfg.Listen + " may not be listened on", Why: "ports below 1024 need a right that this user lacks", Fix: "matcher serve --listen 127.0.0.1:9001"}
	}
	return &fault{Code: "E1009", What: cfg.Listen + " cannot be listened on: " + last(err), Fix: "ip address   shows the addresses of this machine"}
}

// feedFault: nothing can be sent to a destination of the feed.
func feedFault(cfg *core.Config, err error) *fault {
	if !errors.Is(err, core.ErrFeed) {
		return nil
	}
	return &fault{
		Code: "E1009", What: "the feed cannot be sent to " + strings.Join(cfg.Feed.To, ", ") + ": " + last(err),
		Why: "multicast needs a route, or feed.device",
		Fix: "ip route   shows the routes of this machine", Or: "feed.device = \"lo\"   keeps multicast on this machine",
	}
}

// diskFault: the journal's place is taken, full or broken.
func diskFault(cfg *core.Config, err error) *fault {
	var write *core.JournalError
	switch {
	case errors.Is(err, ring.ErrLocked):
		return &fault{Code: "E1003", What: "the journal " + cfg.Journal + " is in use by another server", Fix: "fuser -v " + shellWord(cfg.Journal+"/lock") + "   shows which"}
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return &fault{
			Code: "E1004", What: "no space for the journal " + cfg.Journal, Why: "a segment of " + sizeText(uint64(cfg.Segment)) + " is laid out before it is used",
			Fix: "df -h " + shellWord(cfg.Journal), Or: "a smaller journal.segment",
		}
	case errors.Is(err, syscall.EFBIG):
		return &fault{
			Code: "E1004", What: "a segment of the journal " + cfg.Journal + " may not be as large as " + sizeText(uint64(cfg.Segment)),
			Why: "the file system, or the limit on the size of files, forbids it", Fix: "ulimit -f unlimited", Or: "a smaller journal.segment",
		}
	case errors.As(err, &write):
		return &fault{
			Code: "E1011", What: "the journal " + cfg.Journal + " cannot be written: " + last(err), Why: "nothing that was not safe was answered; the server has stopped",
			Fix: "dmesg | tail",
		}
	}
	return nil
}

// limitsFault: the configuration does not fit the journal, or the memory.
func limitsFault(cfg *core.Config, err error) *fault {
	switch {
	case errors.Is(err, core.ErrConfig):
		return configFault(cfg, err)
	case errors.Is(err, core.ErrMemory):
		return &fault{Code: "E1007", What: "the answers since the last snapshot do not fit into " + sizeText(cfg.StreamMemory), Or: "matcher snapshot create " + shellWord(cfg.Journal), Fix: fmt.Sprintf("core.stream_memory = \"%dMiB\"", max(1, cfg.StreamMemory>>19))}
	case errors.Is(err, syscall.ENOMEM):
		return &fault{Code: "E1007", What: "the server's memory cannot be had: " + last(err), Fix: "lower core.stream_memory or core.max_orders"}
	}
	return nil
}

// configFault: the server refuses the configuration. The keys that it speaks of get their section.
func configFault(cfg *core.Config, err error) *fault {
	f := &fault{Code: "E4113", What: err.Error(), Why: "two values of the configuration do not fit each other"}
	if _, said, ok := strings.Cut(f.What, core.ErrConfig.Error()+": "); ok {
		f.What = said
	}
	if there, _ := filepath.Glob(filepath.Join(cfg.Journal, "*.mj")); len(there) > 0 {
		f.Why = "it does not fit the journal " + cfg.Journal + ", or the rest of the configuration"
		f.Fix = "use the configuration that the journal was made with"
	}
	if strings.Contains(f.What, "stream_memory") {
		f.Fix = fmt.Sprintf("core.stream_memory = %q", sizeText(neededMemory(f.What, 2*cfg.StreamMemory)))
	}
	for _, key := range [...]string{"stream_memory", "max_orders", "max_users", "max_sessions"} {
		f.What = strings.ReplaceAll(strings.ReplaceAll(f.What, "core."+key, key), key, "core."+key)
	}
	return f
}

// neededMemory finds what the server says it needs at least, in whole MiB; otherwise is for when it says nothing.
func neededMemory(said string, otherwise uint64) uint64 {
	_, number, _ := strings.Cut(said, "at least ")
	need, err := strconv.ParseUint(number, 10, 63)
	if err != nil {
		return otherwise
	}
	return (need + 1<<20 - 1) >> 20 << 20
}

func permissionFault(cfg *core.Config, err error) *fault {
	if p := (*fs.PathError)(nil); errors.As(err, &p) && p.Op == "mkdir" && errors.Is(err, os.ErrNotExist) {
		return &fault{Code: "E1006", What: "the directory of the journal " + cfg.Journal + " cannot be made: " + last(err), Fix: "mkdir -p " + shellWord(filepath.Dir(cfg.Journal))}
	}
	if errors.Is(err, os.ErrPermission) || errors.Is(err, syscall.EROFS) {
		return &fault{Code: "E1005", What: "the journal " + cfg.Journal + " may not be written: " + last(err), Fix: "ls -ld " + shellWord(cfg.Journal)}
	}
	return nil
}

// dataFault explains what is wrong with a journal's bytes, or with what they say. Nil: the error is of another kind.
func dataFault(err error) *fault {
	var damage *journal.Damage
	var divergence *replay.Divergence
	switch {
	case errors.As(err, &damage):
		return damageFault(damage)
	case errors.As(err, &divergence):
		field, holder, ok := strings.Cut(divergence.Field, " of ") // a file of hashes, of another build
		if !ok {
			holder = "the journal"
		}
		return &fault{
			Code: "E3004", What: fmt.Sprintf("replaying seq %s gives another %s than %s holds", grouped(divergence.Seq), field, holder),
			Why: fmt.Sprintf("%s has %v, replaying gave %v", holder, divergence.Expected, divergence.Got), Fix: "keep the journal, and report this line with `matcher version`", cause: err,
		}
	}
	return nil
}

// damageFault gives a journal's damage its code.
func damageFault(d *journal.Damage) *fault {
	f := &fault{What: d.What, cause: d}
	restore := "restore the segment from a backup; 'matcher journal verify' shows where. Nothing was changed."
	switch d.Kind {
	case journal.NoJournal:
		f.Code, f.Fix = "E3001", "name the directory that holds 000001.mj"
	case journal.Missing:
		f.Code, f.Fix = "E3002", restore
	case journal.Foreign:
		f.Code, f.Fix = "E3006", "move "+d.File+" out of the directory. Nothing was changed."
	case journal.Duplicate, journal.Misnamed:
		f.Code, f.Fix = "E3007", "keep the original only. Nothing was changed."
	case journal.Unsupported:
		f.Code, f.Fix = "E3005", "use the version of matcher that wrote it"
	case journal.Short:
		f.Code, f.Fix = "E3008", restore
	case journal.BadHeader:
		f.Code, f.Fix = "E3009", restore
	case journal.Corrupt, journal.Contradiction:
		f.Code, f.Fix = "E3003", restore
		f.Why = "the disk returned other bytes than were written; this is no crash tail"
		if d.Spoilt.Known {
			f.Or = "matcher journal repair DIR --restore-byte   if nothing else of the disk is in doubt"
		}
	default:
		f.Code = "E3009"
	}
	return f
}

// archivedFault says of a segment that is missing where it may be: f is nil, or a fault about the journal in dir.
func archivedFault(dir string, f *fault) *fault {
	var d *journal.Damage
	to := snapshot.Archived(dir)
	if f == nil || to == "" || !errors.As(f, &d) || d.Kind != journal.Missing {
		return f
	}
	f.Why = "no snapshot can be used, or none is asked for here; segments of earlier days were archived to " + to + ", and it is not there either"
	f.Fix = fmt.Sprintf("put %s back into %s. Nothing was changed.", d.File, to)
	f.Or = fmt.Sprintf("name the directory that the archive is in now in %s", filepath.Join(dir, "archived"))
	return f
}

// last is what the operating system said at the bottom of an error.
func last(err error) string {
	var errno syscall.Errno
	var addr *net.AddrError
	switch {
	case errors.As(err, &errno):
		return errno.Error()
	case errors.As(err, &addr):
		return addr.Error()
	case errors.As(err, new(*net.DNSError)):
		return "there is no such host"
	}
	return err.Error()
}
