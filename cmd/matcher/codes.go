package main

// code is one row of the table behind `matcher explain`: its exit code, a title, and what to know and do.
type code struct {
	code  string
	exit  int
	title string
	text  string
}

// lookup finds a code's row.
func lookup(name string) (code, bool) {
	for _, c := range codes() {
		if c.code == name {
			return c, true
		}
	}
	return code{}, false
}

// codes lists every code there is. A code once released keeps its meaning for ever; one no longer used keeps its row.
//
//	E1xxx environment   E2xxx orders   E3xxx data   E40xx usage   E41xx configuration   E5xxx connection
func codes() []code {
	return []code{
		{"E1000", exitFailed, "failed for a reason that has no code of its own", `The text behind the code is all that is known, mostly the operating system's own words.
If it is not clear, that is a fault of matcher's: please report it with the command that led to it.`},
		{"E1001", exitEnvironment, "this system refuses io_uring", `The server was told to use io_uring or nothing (--backend uring). Containers (their seccomp profile) and hardened hosts
forbid it:
  sysctl kernel.io_uring_disabled         2: nobody may, 1: only members of kernel.io_uring_group, 0: all may
  docker run --security-opt seccomp=...   the default profile of Docker forbids it
Without --backend the server falls back by itself, and this is a warning: --backend portable uses epoll(7) and plain system
calls. It behaves the same and is slower; in sync mode a write to the disk holds up everything else while it lasts.`},
		{"E1002", exitEnvironment, "the address to listen on is in use", `Another process listens there: often a server that was not stopped.
  ss -ltnp 'sport = :9001'   shows who
Give another address with --listen, or port 0 and the kernel chooses one.`},
		{"E1003", exitEnvironment, "the journal is in use by another server", `One journal has one writer. The lock is the kernel's and ends with the process that holds it: there is no file to delete.
'matcher replay' and 'matcher journal' only read and work beside a running server.`},
		{"E1004", exitEnvironment, "no space left", `The journal's segments are laid out in full before they are used, so this is found at the start rather than in the middle
of a day. Make room, or give a smaller journal.segment. A limit on the size of files (ulimit -f) is met in the same place.`},
		{"E1005", exitEnvironment, "not permitted", `The user that runs matcher lacks a right: to the file or directory named, or to a port below 1024.
matcher needs no root; give it directories of its own and a port above 1023.`},
		{"E1006", exitEnvironment, "a file cannot be read or written", `The operating system's own words follow the name of the file.
  no such file or directory   the name is wrong, or a directory above it is missing: ls -ld DIRECTORY
  no space left on device     df -h FILE; what was there before is as it was, unless the message says otherwise
  read-only file system       mount | grep PLACE; name a place that may be written`},
		{"E1007", exitEnvironment, "not enough memory may be reserved or locked", `Everything is allocated at the start, so that nothing has to be during the day. The memory a server takes follows from
core.max_orders, core.max_users, core.max_sessions and core.stream_memory.
  ulimit -l unlimited   lets io_uring lock its buffers on kernels that count them
Lower one of these limits, or allow more.`},
		{"E1008", exitEnvironment, "the server's thread cannot be pinned to that cpu", `The cpu does not exist, or this process may not use it (taskset, cgroup cpuset).
  taskset -p $$   shows the mask; core.cpu = "auto" chooses one of it, "none" pins nothing`},
		{"E1009", exitEnvironment, "the address to listen on is not one of this machine's", `Use an address of a local interface ('ip address'), 127.0.0.1 for this machine only, or 0.0.0.0 for all of them.`},
		{"E1010", exitEnvironment, "this platform cannot run the server", `The server needs Linux on amd64 or arm64, and only for these is the binary built, tools and all; --backend uring needs
Linux 6.1, and on an older one the server falls back to the portable backend unless it was told not to. The packages
engine, book, journal, replay, wire and client build elsewhere too.`},
		{"E1011", exitEnvironment, "the journal cannot be written", `The disk or the file system refused a write or a sync, or did not end one for five seconds while the server was told to stop.
After a failed sync nobody knows what the disk holds, so the server stops, and answers nothing that is not safe. Find the cause
(dmesg), then start again: the journal is checked in full.`},
		{"E1012", exitEnvironment, "too many open files", `Each connection is an open file, and the journal and io_uring need a few.
  ulimit -n 65536   in the shell that starts the server, LimitNOFILE=65536 in a systemd unit`},
		{"E1013", exitEnvironment, "the operators' socket cannot be made", `The server makes a socket admin.sock in the directory of its journal, readable by its own user only; matcher admin talks to
it. Something else of that name is in the way, or the file system knows no sockets.`},
		{"E1014", exitEnvironment, "this machine is not fit for a server", `matcher doctor found something that keeps a server from working at all: the lines marked fail say what, and which command
mends it. Lines marked warn cost speed only.`},
		{"E1020", exitEnvironment, "another snapshot is being taken", `One at a time: the server takes them by itself (journal.snapshot_every), and so may 'matcher snapshot create'. The lock is the
kernel's and ends with the process that holds it.`},

		{"E2001", exitUsage, "the price is not on the tick", `An instrument trades in steps of its tick. The nearest prices that are on it are given as the fix.`},
		{"E2002", exitUsage, "not an exact decimal number", `Prices and quantities are plain decimals: digits, with a point and more digits if need be. No sign, no exponent, no commas.
A number with more decimals than the instrument has is refused rather than rounded.`},
		{"E2003", exitUsage, "the price is out of range", `A limit price is above zero and at most 1,999,999,900 units of the wire (199,999.9900 with four decimals), the largest
limit price of OUCH; an instrument may set a lower maximum. For a market order write the word market.`},
		{"E2004", exitUsage, "the quantity is out of range or not a whole number of lots", `A quantity is above zero, a multiple of the instrument's lot, and at most its max_qty (999,999 lots unless set).`},
		{"E2005", exitUsage, "not a symbol", `A symbol has 1 to 8 characters out of A-Z, 0-9 and . - _ / + = and stands in the configuration as [[instrument]].`},
		{"E2006", exitRefused, "the engine rejected an order", `The answer was an OUCH Rejected; its code and what is meant by it are printed. The number of the order is used up. All codes
are in PROTOCOL.md, section 5; in which order the venue checks, and which instructions exclude each other, in its rules 3 and 3.2.`},
		{"E2007", exitRefused, "nothing came back for an order", `OUCH ignores without an answer: a cancel or replace of an order that is not live, and a message whose UserRefNum is not above
the last one used (it counts as sent twice).`},
		{"E2008", exitUsage, "not a time in force", `day, ioc, fok or gtc.`},
		{"E2009", exitRefused, "the server has no memory for what an operator asks", `All answers since the last snapshot are kept in core.stream_memory. When it is nearly used up nothing more is carried out, so that
no answer is lost. The next snapshot frees some (journal.snapshot_every); without snapshots raise it and start again: the
journal is read anew.`},
		{"E2010", exitRefused, "the venue has no such instrument", `Instruments are those of the journal: the [[instrument]] blocks that the server has started with.`},
		{"E2011", exitRefused, "the venue has no such user", `Users are those that the server knew when it started. 'matcher user list' shows the file's.`},
		{"E2012", exitRefused, "there is no such trade", `A trade is named by its match number, which both executed lines and the fills of the journal carry.`},
		{"E2013", exitRefused, "the trade is broken already", `A trade is broken once, and stays broken: there is no message that mends it. Trade again.`},
		{"E2014", exitRefused, "the trade is of another day", `Only trades of the current day can be broken.`},
		{"E2015", exitRefused, "the instrument is halted already, or is not halted", `'matcher admin status' names the instruments that are halted.`},
		{"E2016", exitUsage, "not an instruction that send knows", `The words that are possible are given with the error; 'matcher send --help' lists them all.`},
		{"E2021", exitRefused, "the user is not logged in", `Who has no session cannot be disconnected. A user may log in again right after 'matcher admin kick'; to keep one out, revoke
it and start the server again.`},
		{"E2022", exitRefused, "the journal is full", `There is no space for another segment and the last one is used up: nothing that an operator asks for is carried out until
there is space, which the server finds by itself. 'matcher admin status' is answered. Told to stop by a signal it ends with E1004.`},

		{"E3001", exitData, "not a journal", `A journal is a directory with segment files named 000001.mj, 000002.mj and so on.`},
		{"E3002", exitData, "a segment of the journal is missing", `Segments are numbered without gaps from the first that is kept. Put the missing file back; nothing was changed.`},
		{"E3003", exitData, "bad checksum in the journal", `Bytes that were once durable are not what was written: a fault of the disk or a change from outside, no crash tail (a torn
tail at the very end is normal after a crash, and is dropped). Restore the segment from a copy. Nothing was changed. Where the
message says what a single byte was, 'matcher journal repair DIR --restore-byte' can put it back; ask first why the disk lost it.`},
		{"E3004", exitData, "replaying gave another result than the journal holds", `The journal holds commands and what came of them. Executing a command once more gave another fill or another state: the
journal was written by other rules (another version), its bytes were changed in a way that kept the checksums, or the engine
is not deterministic, which would be the worst fault it can have. Keep the journal and report the first difference.`},
		{"E3005", exitData, "the journal has another format version", `This version reads only the format it knows. Use the version that wrote the journal; 'matcher version' prints this one's.`},
		{"E3006", exitData, "a segment belongs to another journal", `Every segment carries the random id of its journal, and one of the files carries another. Files of two journals have been
mixed; move the foreign one out. Nothing was changed.`},
		{"E3007", exitData, "a segment is there twice", `Two files claim the same number. Keep the original. Nothing was changed.`},
		{"E3008", exitData, "a segment is shorter than it says", `The file was cut or not copied in full. Copy it again. Nothing was changed.`},
		{"E3009", exitData, "a segment's header is damaged", `The first 4096 bytes of the file are not a valid header. Restore the file from a copy. Nothing was changed.`},
		{"E3010", exitData, "a line of an order flow cannot be read", `The format of order flow, one command per line, is described in PROTOCOL.md, section 8. Line and column of the fault are given.`},
		{"E3011", exitData, "the input is not what it was said to be", `The file has another format than the verb reads: an ITCH 5.0 file is a sequence of messages behind two bytes of length each,
a LOBSTER file has six columns between commas.`},
		{"E3020", exitData, "a snapshot cannot be used", `A snapshot is a copy of the venue's state at a place in the journal: the journal alone holds everything. A start takes the
newest one that is whole and belongs to the journal, else an older one, else the journal from its birth, and says so.
Take a new one; segments that were archived have to be put back if no snapshot is left.`},

		{"E4001", exitUsage, "no such verb", `'matcher help' lists the verbs.`},
		{"E4002", exitUsage, "no such flag, or a flag without its value", `'matcher VERB --help' lists the flags of a verb.`},
		{"E4003", exitUsage, "too few or too many arguments", `'matcher VERB --help' shows the arguments of a verb.`},
		{"E4004", exitUsage, "a flag's value cannot be read", `Durations are like 10s or 250ms, sizes like 256MiB, counts are plain numbers.`},
		{"E4005", exitUsage, "an argument is not one of the words that are possible", `The possible words are given with the error.`},
		{"E4006", exitUsage, "no key given", `The key of a user comes from a file (--key-file FILE, or - for standard input) or from the environment (MATCHER_KEY); never
from an argument, which every process on the machine can read.`},
		{"E4007", exitUsage, "this would overwrite a file", `matcher writes only where nothing is lost: init and demo --keep not over what is there, import not over its own input.`},
		{"E4101", exitConfig, "the configuration cannot be read", `The file is missing or not readable. 'matcher init DIR' writes one to begin with.`},
		{"E4102", exitConfig, "the configuration is not valid TOML", `Line and column of the first fault are given. The language is described at https://toml.io.`},
		{"E4103", exitConfig, "the configuration has an unknown key", `A key that has no effect is most often a misspelt one, so it is refused. 'matcher init DIR' writes a file with every key.`},
		{"E4104", exitConfig, "a value in the configuration cannot be used", `The key, the value and what would be right are given. Values come from the file, then from the environment (MATCHER_CORE_WAIT
for core.wait), then from flags; the error says which one it was.`},
		{"E4105", exitConfig, "a value in the configuration is out of range", `The key, the value and its limits are given.`},
		{"E4107", exitConfig, "something is defined twice in the configuration", `Symbols and user names are unique.`},
		{"E4108", exitConfig, "the file of users cannot be used", `It is TOML with a [[user]] block per user: name, firm, hash. 'matcher user add NAME' writes it.`},
		{"E4109", exitConfig, "the file with the secret cannot be used", `It holds 32 random bytes and must be readable by its owner only (mode 0600): with it and the file of users, keys could be
searched for. If it is lost, every user needs a new key.`},
		{"E4110", exitConfig, "an instrument cannot be represented", `Prices go over the wire as whole numbers of 1/10^price_decimals, quantities as whole lots. Tick, lot and the maxima must be
such numbers.`},
		{"E4111", exitConfig, "no such user, or the user is there already", `'matcher user list' shows who may log in.`},
		{"E4112", exitConfig, "not a user name, a firm or a key", `A name has 1 to 6 characters out of A-Z and 0-9, a firm up to 4, a key 1 to 10 visible characters: the widths of SoupBinTCP
and OUCH. Case does not matter.`},
		{"E4113", exitConfig, "the server cannot run with this configuration", `Either two values do not fit each other, or one does not fit what the journal began with: an instrument's scale, tick, lot, terms,
and the sizes of the engine, stay as long as the journal does. Use the configuration that the journal was made with, or begin
a new journal in an empty directory.`},

		{"E5001", exitConnection, "the server cannot be reached", `Nothing listens at that address, or something between forbids it. The server prints its address when it is ready;
send tries for two seconds, so that a server started just before is found.`},
		{"E5002", exitConnection, "the login was refused", `Unknown user or wrong key: the server does not say which. 'matcher user list' shows the users, 'matcher user add' makes one;
the server reads the file of users when it starts.`},
		{"E5003", exitConnection, "the session is not available", `A login may name a session; the server has no such one today.`},
		{"E5004", exitConnection, "the connection was lost", `The server closed the connection or went away: it closes the older of two connections of one user, and one that sends what is
no OUCH message. Or the address is no order entry port: the services of a relay hang up on who sends orders. What was sent
before may have been executed; sending it again with the same numbers is harmless.`},
		{"E5005", exitConnection, "no answer came in time", `The server took the connection, but did not answer. It may be overloaded, or the address may be of something else.`},
		{"E5006", exitConnection, "what came back is not OUCH 5.0 over SoupBinTCP", `The address is of something else than an order entry port, or of a venue with another version of the protocol.`},
		{"E5007", exitConnection, "no server is at work on that journal", `matcher admin reaches a server through the socket admin.sock in the directory of its journal, which a server takes away when
it stops. Name the server's configuration with -c, or the directory with --journal.`},
		{"E5008", exitConnection, "the feed cannot be followed", `A message of the feed is about an order that the books do not have, or takes more from one than there is. That is a fault of
the venue or of matcher: please report it, with the number of the message and the stream ('matcher watch trades --json').`},
	}
}
