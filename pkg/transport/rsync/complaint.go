package rsync

import (
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// said is one line of standard error about one path, split into its parts.
type said struct {
	role  string // sender, receiver, generator, ...; empty before 3.1
	what  string // rsync's own words before the name
	name  string // as printed: escaped, and for a file being written its temporary name
	errno syscall.Errno
	// inside: the name is below the target's directory, whatever that is.
	inside bool
}

// A complaint is "rsync: [role] what "name" (in module) failed: text (errno)". Names are chosen by
// strangers and may contain anything but control characters, which rsync escapes. rsync's own words
// come first and last and contain no quote, so a line is matched from both ends.
var (
	complaint = regexp.MustCompile(`^rsync: (?:\[([A-Za-z]+)\] )?(.*): ([^":()]*) \((\d+)\)$`)
	quoted    = regexp.MustCompile(`^([a-zA-Z_][a-zA-Z_0-9 :#]*?)[ (]"(.*)"(?: \(in [^"]*\))?\)?(?: failed)?(?:, continuing)?$`)
	inParens  = regexp.MustCompile(`^(delete_file: [a-z_]+)\((.*)\) failed$`)
	forward   = regexp.MustCompile(`^\[(sender|receiver|generator)\] (.*)$`)
	finish    = regexp.MustCompile(`^rsync (?:error|warning): .* \(code (\d+)\) at `)
	refusal   = regexp.MustCompile(`(?m)^(?:rsync: )?The server is configured to refuse (--?[a-z-]+)`)
	// restricted is how rrsync, which sshd may run in place of rsync, refuses what a Reuse needs.
	restricted = regexp.MustCompile(`(?mi)(?:do not use \.\. in --link-dest|option (?:-[sy]|--link-dest) has been disabled on this server)`)
	unproven   = regexp.MustCompile(`^(?:\[[a-z]+\] )?(?:ERROR|WARNING): (.*) failed verification -- update (?:discarded|retained|put into partial-dir)(?: \(will try again\))?\.$`)
	overlong   = regexp.MustCompile(`^(?:\[[a-z]+\] )?(?:filename overflows max-path len by \d+|skipping overly long name): (.*)$`)
)

// twoNames are the operations whose complaints hold two names; the first is the
// one that matters, but for a rename of a finished temporary file.
var twoNames = []string{"symlink", "rename", "link", "copy", "rename failed for", "backup"}

// takeApart reads a complaint; ok is false when no path can be found in the line.
func takeApart(line string) (s said, ok bool) {
	m := complaint.FindStringSubmatch(line)
	if m == nil {
		return s, false
	}
	n, err := strconv.Atoi(m[4])
	if err != nil {
		return s, false
	}
	s.role, s.errno = m[1], syscall.Errno(n)
	if d := inParens.FindStringSubmatch(m[2]); d != nil {
		s.what, s.name, s.inside = d[1], d[2], true
		return s, true
	}
	q := quoted.FindStringSubmatch(m[2])
	if q == nil {
		// Complaints about attributes contain more than the path.
		s.what = m[2]
		return s, startsWith(s.what, harmless)
	}
	s.what, s.name = q[1], q[2]
	if slices.Contains(twoNames, s.what) {
		s.name, ok = firstName(s.name)
		return s, ok
	}
	return s, true
}

// firstName takes the first of two names. It fails where a name itself contains the text between
// the two.
func firstName(text string) (name string, ok bool) {
	if strings.Count(text, ` -> "`)+strings.Count(text, ` (from "`) != 1 {
		return "", false
	}
	for _, border := range []string{`" -> "`, `" (from "`, `" (in `} {
		if strings.Count(text, border) == 1 {
			name, _, _ = strings.Cut(text, border)
			return name, true
		}
	}
	return "", false
}

// harmless are complaints about attributes that a target may be unable to store; for these the rule
// of 2.5.4, that exit status 23 is success, still holds.
var harmless = []string{
	"failed to set times on", "failed to set permissions on", "failed to modify permissions on", "chown", "chgrp", "lchown",
	"failed to set attributes", "set_acl", "rsync_xal_set", "failed to set xattr", "sys_acl_set_file", "unpack_smb_acl",
}

// cannotHold tells whether the errno says so; a full or read-only disk is
// another matter.
func cannotHold(e syscall.Errno) bool {
	switch e {
	case syscall.EPERM, syscall.EACCES, syscall.EINVAL, syscall.ENOTSUP, syscall.ENOSYS, syscall.ENOENT:
		return true
	default:
		return false
	}
}

// vanished begins the sender's message about a file that was removed after it was listed.
const vanished = "file has vanished: "

// notOpened are the sender's words about a file that it could not open.
const notOpened = "send_files failed to open "

// chatter are lines that add nothing to the complaints about paths.
var chatter = []string{
	"WARNING: parent dir is absent in the file list: ",
	"IO error encountered -- skipping file deletion", "directory has vanished: ",
	"sent ", "total size is", "Transfer starting", "rsync: connection unexpectedly closed", "rsync: [sender] write error: ",
	"rsync: [Receiver] read error: ", // of a client that asks, when the remote has said all and hangs up first
	"*** Skipping any contents from this failed directory ***",
}

// noReferent begins the sender's message about a link that leads nowhere.
const noReferent = "symlink has no referent: "

// ownWords begin the lines that are rsync's own. With exit status 0 other lines come from programs
// around it: a banner, a greeting of the shell, an ssh master without room for another session.
var ownWords = []string{"rsync", "ERROR", "discarding over-long filter"}

// startsWith tells whether s begins with one of the texts.
func startsWith(s string, texts []string) bool {
	for _, t := range texts {
		if strings.HasPrefix(s, t) {
			return true
		}
	}
	return false
}

// raced are the errors of a file that changed here while it was being sent.
// ENODATA is what rsync makes of a file that became shorter meanwhile, EINTR of
// one that it waited for in vain (see Command.OpenPatience).
func raced(e syscall.Errno) bool {
	switch e {
	case syscall.ENOENT, syscall.ENOTDIR, syscall.EISDIR, syscall.ESTALE, syscall.ELOOP, syscall.ENODATA, syscall.EINTR:
		return true
	default:
		return false
	}
}

// place turns the name in a complaint into a path below the watch root. The sender's side names
// files from the root of its file system, where root is the watch root; a receiver by its module,
// or over ssh from the root of its own; and files that are being written by their temporary name
// (.NAME.XXXXXX). elsewhere: the name begins with an unknown prefix.
func place(s said, t Target, root string, remote bool) (rel string, elsewhere bool) {
	name := unescape(s.name)
	if !remote {
		rel, elsewhere = under(name, root)
		return here(strings.TrimPrefix(rel, "./")), elsewhere
	}
	base := strings.LastIndexByte(name, '/') + 1
	name = name[:base] + finalName(s.what, name[base:])
	switch top := t.top(); {
	case s.inside:
		rel = name
	case !t.SSH:
		rel, elsewhere = under("/"+strings.TrimPrefix(name, "/"), "/"+top)
	case strings.HasPrefix(top, "/"):
		rel, elsewhere = under(name, top)
	default:
		_, rest, found := strings.Cut(name+"/", "/"+top+"/")
		if rel = strings.TrimSuffix(rest, "/"); !found || top == "" {
			rel, elsewhere = strings.TrimPrefix(name, "/"), true
		}
	}
	return here(rel), elsewhere
}

// here is the name of the directory itself, which rsync calls ".".
func here(rel string) string {
	if rel == "." {
		return ""
	}
	return rel
}

// under removes dir from the beginning of an absolute name.
func under(name, dir string) (rel string, elsewhere bool) {
	rest, found := strings.CutPrefix(name, dir)
	if found && (rest == "" || rest[0] == '/' || dir == "/") {
		return strings.TrimPrefix(rest, "/"), false
	}
	return strings.TrimPrefix(name, "/"), strings.HasPrefix(name, "/")
}

// top is the prefix with which receivers name files: the path inside the module, or over ssh the
// configured path; a relative one is below a home directory.
func (t Target) top() string {
	if !t.SSH {
		_, inside, _ := strings.Cut(t.Name, "/")
		return strings.Trim(path.Clean("/"+inside), "/")
	}
	if strings.HasPrefix(t.Name, "/") {
		return path.Clean(t.Name)
	}
	return strings.Trim(path.Clean("/"+strings.TrimPrefix(t.Name, "~/")), "/")
}

// finalName is the name that a file being written is to get.
func finalName(what, base string) string {
	switch what {
	case "mkstemp", "rename", "rename failed for", "write failed on", "close failed on", "ftruncate failed on", "fsync failed on", "do_fallocate":
	default:
		return base
	}
	if i := len(base) - 7; i > 1 && base[0] == '.' && base[i] == '.' {
		return base[1:i]
	}
	return base
}
