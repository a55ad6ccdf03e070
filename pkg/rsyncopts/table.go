package rsyncopts

import "strings"

// table holds the options of rsync 3.5.0, and those of older releases, that its
// client accepts.
var table = concat(generalOptions, selectionOptions, deletionOptions, connectionOptions, outputOptions, otherModes)

func concat(parts ...[]Option) (all []Option) {
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

const whatIsBehindALink = "what changes behind a link that leads out of the watch root is not noticed until a full sync; " +
	"give the directory behind it a <localpath> of its own, or switch <crontab> on"

// generalOptions decide what of a file is brought over, and how.
var generalOptions = []Option{
	{Name: "archive", Letter: 'a'}, {Name: "recursive", Letter: 'r'}, {Name: "inc-recursive"}, {Name: "relative", Letter: 'R'},
	{Name: "implied-dirs"}, {Name: "dirs", Letter: 'd'}, {Name: "old-dirs"}, {Name: "mkpath"},
	{Name: "links", Letter: 'l'}, {Name: "safe-links"}, {Name: "insecure-links"}, {Name: "munge-links"},
	{Name: "copy-links", Letter: 'L', Use: Hides, Why: whatIsBehindALink},
	{Name: "copy-unsafe-links", Use: Hides, Why: whatIsBehindALink},
	{Name: "copy-dirlinks", Letter: 'k', Use: Hides, Why: whatIsBehindALink},
	{Name: "keep-dirlinks", Letter: 'K'}, {Name: "hard-links", Letter: 'H'},
	{Name: "perms", Letter: 'p'}, {Name: "executability", Letter: 'E'}, {Name: "chmod", Value: true}, {Name: "acls", Letter: 'A'},
	{Name: "xattrs", Letter: 'X'}, {Name: "owner", Letter: 'o'}, {Name: "group", Letter: 'g'}, {Name: "devices"},
	{Name: "copy-devices"}, {Name: "write-devices"}, {Name: "specials"}, {Name: "drop-D"}, {Name: "D", Letter: 'D'},
	{Name: "times", Letter: 't'}, {Name: "atimes", Letter: 'U'}, {Name: "open-noatime"}, {Name: "crtimes", Letter: 'N'},
	{Name: "omit-dir-times", Letter: 'O'}, {Name: "omit-link-times", Letter: 'J'}, {Name: "super"}, {Name: "fake-super"},
	{Name: "numeric-ids"}, {Name: "usermap", Value: true}, {Name: "groupmap", Value: true}, {Name: "chown", Value: true},
	{Name: "sparse", Letter: 'S'}, {Name: "preallocate"}, {Name: "inplace"}, {Name: "whole-file", Letter: 'W'},
	{Name: "backup", Letter: 'b'}, {Name: "backup-dir", Value: true}, {Name: "suffix", Value: true},
	{Name: "append", Use: Hides, Why: "a file that was rewritten, and not only grew, stays wrong on the remote; use --append-verify, or --inplace"},
	{Name: "append-verify"}, {Name: "partial"}, {Name: "P", Letter: 'P'}, {Name: "partial-dir", Value: true}, {Name: "delay-updates"},
	{Name: "temp-dir", Letter: 'T', Value: true}, {Name: "fuzzy", Letter: 'y'}, {Name: "compare-dest", Value: true},
	{Name: "copy-dest", Value: true}, {Name: "link-dest", Value: true}, {Name: "clone-dest", Value: true},
	{Name: "compress", Letter: 'z'}, {Name: "old-compress"}, {Name: "new-compress"}, {Name: "compress-choice", Value: true},
	{Name: "compress-level", Value: true}, {Name: "compress-threads", Value: true}, {Name: "skip-compress", Value: true},
	{Name: "block-size", Letter: 'B', Value: true}, {Name: "checksum-choice", Value: true}, {Name: "checksum-seed", Value: true},
	{Name: "max-alloc", Value: true}, {Name: "fsync"}, {Name: "qsort"}, {Name: "iconv", Value: true}, {Name: "copy-as", Value: true},
}

// selectionOptions decide what is brought over.
var selectionOptions = []Option{
	{Name: "update", Letter: 'u'}, {Name: "checksum", Letter: 'c'}, {Name: "ignore-times", Letter: 'I'},
	{Name: "modify-window", Letter: '@', Value: true}, {Name: "one-file-system", Letter: 'x'},
	{Name: "max-size", Value: true}, {Name: "min-size", Value: true}, {Name: "prune-empty-dirs", Letter: 'm'},
	{Name: "size-only", Use: Hides, Why: "a file that changed and kept its size is not sent; remove the option"},
	{Name: "ignore-existing", Use: Hides, Why: "a file that the remote has is never brought up to date; remove the option"},
	{Name: "existing", Use: Hides, Why: "a new file is never sent; remove the option"},
	{Name: "ignore-missing-args"},
	{Name: "cvs-exclude", Letter: 'C'}, {Name: "filter", Letter: 'f', Value: true}, {Name: "F", Letter: 'F'},
	{Name: "exclude", Value: true}, {Name: "include", Value: true},
	{Name: "exclude-from", Value: true, File: Patterns}, {Name: "include-from", Value: true, File: Patterns},
	{Name: "from0", Letter: '0', Use: Fixed},
	{Name: "files-from", Value: true, Use: Impossible, Why: "it sends only what a list names, which makes no mirror; remove it, and say with <filter> what is left out"},
}

// deletionOptions decide what is deleted, here or on the remote.
var deletionOptions = []Option{
	{Name: "delete", Use: Deletes}, {Name: "delete-before", Use: Deletes}, {Name: "delete-during", Use: Deletes},
	{Name: "delete-delay", Use: Deletes}, {Name: "delete-after", Use: Deletes}, {Name: "delete-missing-args", Use: Deletes},
	{Name: "delete-excluded", Use: LeftOut, Why: "it is not used: what is excluded is never deleted on the remote; remove it there by hand"},
	{Name: "ignore-errors", Use: LeftOut, Why: "it is not used: what cannot be read here is never taken for deleted; remove the option"},
	{Name: "force"}, {Name: "max-delete", Value: true},
	{Name: "remove-source-files", Use: Moves},
}

// connectionOptions decide how the remote is reached.
var connectionOptions = []Option{
	{Name: "rsh", Letter: 'e', Value: true}, {Name: "rsync-path", Value: true}, {Name: "remote-option", Letter: 'M', Value: true},
	{Name: "blocking-io"}, {Name: "address", Value: true}, {Name: "port", Value: true}, {Name: "sockopts", Value: true},
	{Name: "ipv4", Letter: '4'}, {Name: "ipv6", Letter: '6'}, {Name: "protocol", Value: true},
	{Name: "timeout", Value: true}, {Name: "contimeout", Value: true}, {Name: "bwlimit", Value: true},
	{Name: "password-file", Value: true, File: Read}, {Name: "early-input", Value: true, File: Read},
	{Name: "old-args", Use: Fixed}, {Name: "secluded-args", Letter: 's'}, {Name: "trust-sender"}, {Name: "confine-root", Value: true},
	{Name: "stop-after", Value: true, Use: Hides, Why: "it ends a run that is not finished, so that a full sync that takes longer never completes; remove it, or use --bwlimit"},
	{Name: "stop-at", Value: true, Use: Hides, Why: "after that moment every run ends before it has sent anything; remove it"},
}

// outputOptions decide what rsync prints.
var outputOptions = []Option{
	{Name: "verbose", Letter: 'v', Use: Output}, {Name: "quiet", Letter: 'q', Use: Output}, {Name: "info", Value: true, Use: Output},
	{Name: "debug", Value: true, Use: Output}, {Name: "stderr", Value: true, Use: Output}, {Name: "msgs2stderr", Use: Output},
	{Name: "motd", Use: Output}, {Name: "stats", Use: Output}, {Name: "progress", Use: Output},
	{Name: "itemize-changes", Letter: 'i', Use: Output}, {Name: "human-readable", Letter: 'h', Use: Output},
	{Name: "8-bit-output", Letter: '8', Use: Output}, {Name: "outbuf", Value: true, Use: Output}, {Name: "out-format", Value: true, Use: Output},
	{Name: "log-file", Value: true, File: Written}, {Name: "log-file-format", Value: true},
}

const printsOnly = "with it rsync only prints something about itself; it is not used here, remove it"

// otherModes make rsync something else than the sender of a mirror.
var otherModes = []Option{
	{Name: "dry-run", Letter: 'n', Use: Impossible, Why: "with it nothing is ever sent; remove it"},
	{Name: "list-only", Use: Impossible, Why: "with it nothing is ever sent; remove it"},
	{Name: "only-write-batch", Value: true, File: Written, Use: Impossible, Why: "with it nothing is ever sent; remove it"},
	{Name: "read-batch", Value: true, File: Read, Use: Impossible, Why: "it sends what was recorded once, and not what is here; remove it"},
	{Name: "write-batch", Value: true, File: Written, Use: Hides, Why: "every run overwrites the file; remove the option"},
	{Name: "daemon", Use: Impossible, Why: "it makes rsync a server; remove it, the daemon runs on the remote"},
	{Name: "server", Use: Impossible, Why: "it is rsync's own, for the far end; remove it"},
	{Name: "sender", Use: Impossible, Why: "it is rsync's own, for the far end; remove it"},
	{Name: "version", Letter: 'V', Use: LeftOut, Why: printsOnly},
	{Name: "help", Use: LeftOut, Why: printsOnly},
}

// aliases are other names of options.
var aliases = map[string]string{
	"i-r": "inc-recursive", "i-d": "implied-dirs", "old-d": "old-dirs", "ignore-non-existing": "existing",
	"remove-sent-files": "remove-source-files", "del": "delete", "zc": "compress-choice", "zl": "compress-level", "zt": "compress-threads",
	"cc": "checksum-choice", "protect-args": "secluded-args", "time-limit": "stop-after", "log-format": "out-format",
}

// negatable are the names that may follow --no-.
var negatable = set(`8 8-bit-output A D H J N O R S U X acls append atimes backup blocking-io bwlimit c checksum compress contimeout
	crtimes d delay-updates devices dirs drop-D force from0 fuzzy g group h hard-links human-readable i i-d i-r iconv ignore-errors
	implied-dirs inc-recursive inplace insecure-links itemize-changes l links m mkpath motd msgs2stderr munge-links numeric-ids o
	old-args omit-dir-times omit-link-times one-file-system open-noatime owner p partial perms progress protect-args
	prune-empty-dirs r recursive relative s secluded-args sparse specials super t timeout times v verbose W whole-file write-devices
	x xattrs y z`)

func set(words string) map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(words) {
		m[w] = true
	}
	return m
}
