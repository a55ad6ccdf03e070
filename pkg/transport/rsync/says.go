package rsync

import "regexp"

// saying is a text of a daemon, of ssh, or of a client that gives up, with its
// cause and its remedy. See fill for the words in braces.
type saying struct {
	text           *regexp.Regexp
	reason, remedy string
	ssh            string // the remedy over ssh; empty: the same
	anonymous      string // the remedy where no user is configured; empty: the same
}

func says(text, reason, remedy, ssh string) saying {
	return saying{text: regexp.MustCompile("(?m)" + text), reason: reason, remedy: remedy, ssh: ssh}
}

func (s saying) withoutUser(remedy string) saying {
	s.anonymous = remedy
	return s
}

// sayings are in the order in which they are looked for: the first counts.
var sayings = []saying{
	says(`^sersync tls: certificate expired on (\S+)`, "the remote's certificate has expired", "renew the certificate of {host}, which ended on {1}, or correct this host's clock", ""),
	says(`^sersync tls: certificate not valid before (\S+)`, "the remote's certificate is not valid yet", "correct the clock of this host or of {host}: the certificate begins on {1}", ""),
	says(`^sersync tls: certificate is for (.*) and not for `, "the remote's certificate is for another name", "set servername= in <remote> to a name of the certificate of {host}: {1}", ""),
	says(`^sersync tls: certificate signed by an unknown authority: (.*)`, "the remote's certificate is signed by an authority that is unknown here", "name in ca= of <remote> the file with the certificate of the authority {1}", ""),
	says(`^sersync tls: certificate cannot be used: (.*)`, "the remote's certificate cannot be used", "have another certificate made for {host}: {1}", ""),
	says(`^sersync tls: no TLS is spoken there`, "the remote speaks no TLS", "correct port= in <remote>: {host} answers on the port {port} without TLS", ""),
	says(`^sersync tls: the remote refuses: (?:tls: )?(.*(?:certificate|authority).*)`, "the remote refuses this host's certificate", "name in certificate= and key= of <remote> a certificate that {host} trusts; it says: {1}", ""),
	says(`^sersync tls: the remote refuses: (?:tls: )?(.*)`, "the remote refuses the TLS of this host", "let {host} speak TLS 1.2 or newer on the port {port}; it says: {1}", ""),
	says(`^sersync tls: key (.*) can be read by others`, "the key for TLS can be read by others", "chmod 600 {1}", ""),
	says(`^sersync tls: file (.*)`, "a file for TLS cannot be used", "correct ca=, certificate= or key= in <remote>: {1}", ""),
	says(`^sersync tls: the remote closes the connection`, "the remote closes the connection before TLS is agreed", "see the log of the program that speaks TLS on the port {port} of {host}", ""),
	says(`^sersync tls: the remote does not answer the TLS handshake`, "the remote does not answer the TLS handshake", "see whether TLS is spoken on the port {port} of {host}, and its firewall", ""),
	says(`^sersync tls: TLS is not agreed: (.*)`, "the TLS handshake with the remote fails", "see the log of the program that speaks TLS on the port {port} of {host}: {1}", ""),
	says(`Unknown module`, "the remote has no such module", "set name= in <remote> to a module of the rsyncd.conf on {host}, or add [{module}] there", ""),
	says(`must start with a module name`, "name= is a path, and the remote's daemon wants a module", "write in name= instead of {path} a module of the rsyncd.conf on {host}, or switch <ssh> on if the path is meant", ""),
	says(`auth failed on module`, "the remote refused the user or password", "put {user} into auth users of [{module}] on {host}, the line {user}:PASSWORD into its secrets file, mode 600, and the password alone into {file}", "").
		withoutUser("name a user of auth users of [{module}] on {host} in users=, and a file with the password alone in passwordfile="),
	says(`access denied to \S+ from (.*)$`, "the remote does not let this host in", "add this host to hosts allow of [{module}] on {host}, which sees it as {1}", ""),
	says(`max connections`, "the remote's max connections is reached", "set max connections = 0 in the rsyncd.conf on {host}", ""),
	says(`read only`, "the module is read only", "set read only = no for [{module}] on {host}", ""),
	says(`module is write only`, "the module is write only", "", ""),
	says(`chroot failed`, "the remote cannot enter the module's path", "create the path that the rsyncd.conf on {host} names for [{module}]", ""),
	says(`chdir failed`, "the remote's directory does not exist", "create the path that the rsyncd.conf on {host} names for [{module}]", ""),
	says(`(?:mkdir|change_dir\S*) "([^"]*)"(?: \(in [^)]*\))? failed: No such file`, "the remote's directory does not exist",
		"create the directory {1} in the path of [{module}] on {host}", "create the directory {1} on {host}"),
	says(`cannot stat destination "([^"]*)"(?: \(in [^)]*\))?: Not a directory|mkdir "([^"]*)"(?: \(in [^)]*\))? failed: (?:Not a directory|File exists)`, "the remote's directory is a file",
		"remove the file {1} in the path of [{module}] on {host}, or correct name= in <remote>", "remove the file {1} on {host}, or correct name= in <remote>"),
	says(`destination must be a directory`, "the remote's directory is a file", "remove the file {path} on {host}, or correct name= in <remote>", ""),
	says(`mkdir "([^"]*)"(?: \(in [^)]*\))? failed: `, "the remote's directory cannot be made",
		"create the directory {1} in the path of [{module}] on {host}, and let the module's uid write there", "create the directory {1} on {host}, and let {login} write there"),
	says(`change_dir`, "the directory does not exist", "create the path of [{module}] on {host}", "create {path} on {host}"),
	says(`invalid uid`, "the remote's rsyncd.conf names an unknown uid", "set uid = in the rsyncd.conf on {host} to a user that exists there", ""),
	says(`invalid gid`, "the remote's rsyncd.conf names an unknown gid", "set gid = in the rsyncd.conf on {host} to a group that exists there", ""),
	says(`(?s)(?:Identity file (\S+) not accessible|no such identity: (\S+?):).*Permission denied \(`, "the ssh key file does not exist", "create {1} on this host, or correct -i in params= or IdentityFile in the ssh configuration", ""),
	says(`Permission denied \(`, "ssh refused the key", "put the public key of the user that runs sersync into authorized_keys of {login}", ""),
	says(`Host key verification failed`, "ssh does not know the remote's host key", "connect to {host} once by hand as the user that runs sersync, or add its key to known_hosts", ""),
	says(`Could not resolve hostname|getaddrinfo`, "the remote's name cannot be resolved", "check the name {host} in DNS or /etc/hosts", ""),
	says(`Connection refused`, "the remote refuses the connection", "start the rsync daemon on {host}, check the port {port}", "start sshd on {host}, check the port {port}"),
	says(`Connection timed out|timeout waiting for daemon connection`, "the remote does not answer", "check {host}, its firewall and the port {port}", ""),
	says(`No route to host|Network is unreachable`, "no route to the remote", "check the network between this host and {host}", ""),
	says(`password file must not be other-accessible`, "the password file can be read by others", "chmod 600 {file}", ""),
	says(`password file must be owned by root`, "the password file is not owned by root", "chown root {file}", ""),
	says(`could not open password file`, "the password file cannot be read", "create {file}: one line, the password alone, mode 600", ""),
	says(`The temp-dir does not exist`, "the remote has no such --temp-dir", "create it on {host}; with a module the path is counted from the module's directory", ""),
	says(`Failed to exec (.*): No such file`, "the remote shell cannot be started", "install {1} on this host, or correct -e in params=", ""),
	says(`did not see server greeting`, "the remote closes the connection without a word", "see whether a proxy, inetd or hosts.deny on {host} stands before its rsync daemon, and whether the port {port} is the daemon's", ""),
	says(`rather than greeting`, "what answers there is no rsync daemon", "correct ip= or the port: {host} has something else on the port {port}", ""),
	says(`pre-xfer exec returned failure`, "the remote's pre-xfer exec failed", "see what pre-xfer exec of [{module}] in the rsyncd.conf on {host} runs", ""),
	says(`@ERROR`, "the remote's daemon refused", "see the log of the rsync daemon on {host}", ""),
}
