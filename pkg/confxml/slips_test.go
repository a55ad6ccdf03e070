package confxml_test

import (
	"strings"
	"testing"

	"github.com/sersync/sersync/pkg/confxml"
)

// slip is a mistake in a configuration that is sound otherwise.
type slip struct {
	// edit are pairs of an old and a new text in slipBase.
	edit     []string
	severity confxml.Severity
	line     int
	says     []string // parts of the text of the only problem; empty: there is none
}

// slipBase is a configuration with the remote on line 4 and commonParams on line 7.
const slipBase = `<head><host hostip="localhost" port="8008"/><debug start="false"/><fileSystem xfs="false"/><filter start="false"/>
<inotify><delete start="true"/><createFolder start="true"/><createFile start="false"/><closeWrite start="true"/><moveFrom start="true"/><moveTo start="true"/><attrib start="false"/><modify start="false"/></inotify>
<sersync><localpath watch="@ROOT@">
<remote ip="10.0.0.1" name="www"/>
</localpath>
<rsync>
<commonParams params="-artuz"/>
<auth start="false" users="root" passwordfile="/etc/rsync.pas"/><userDefinedPort start="false" port="874"/><timeout start="false" time="100"/><ssh start="false"/></rsync>
<failLog path="/tmp/rsync_fail_log.sh" timeToExecute="60"/><crontab start="false" schedule="600"><crontabfilter start="false"/></crontab><plugin start="false" name="command"/></sersync></head>`

// problems parses slipBase with an edit, and returns every problem that is found.
func (s slip) problems(t *testing.T) (confxml.Config, []confxml.Problem) {
	t.Helper()
	text := strings.Replace(slipBase, "@ROOT@", t.TempDir(), 1)
	for i := 0; i < len(s.edit); i += 2 {
		if !strings.Contains(text, s.edit[i]) {
			t.Fatalf("%q is not in the configuration", s.edit[i])
		}
		text = strings.Replace(text, s.edit[i], s.edit[i+1], 1)
	}
	c := parse(t, []byte(text))
	return c, c.Problems()
}

func (s slip) check(t *testing.T) confxml.Remote {
	t.Helper()
	c, got := s.problems(t)
	switch {
	case len(s.says) == 0:
		if len(got) > 0 {
			t.Errorf("problems: %v", got)
		}
	case len(got) != 1 || !said(got, s.says...):
		t.Fatalf("want one problem with %q: %v", s.says, got)
	case got[0].Severity != s.severity || got[0].Line != s.line || got[0].Remedy == "":
		t.Errorf("severity %v, line %d, remedy %q: %v; want severity %v, line %d", got[0].Severity, got[0].Line, got[0].Remedy, got[0], s.severity, s.line)
	}
	return c.LocalPaths[0].Remotes[0]
}

// TestSlipsInParams: package rsyncopts tests which options are judged how. This test is about the
// line and the element of a problem, and about the parts of the configuration on which it depends.
func TestSlipsInParams(t *testing.T) {
	params := func(p string) []string { return []string{`params="-artuz"`, `params="` + p + `"`} }
	off := []string{`<delete start="true"/>`, `<delete start="false"/>`}
	own := []string{`name="www"`, `name="www" params="-artuzn"`}
	second := []string{`<remote ip="10.0.0.1"`, `<remote ip="10.0.0.2" name="www"/><remote ip="10.0.0.1"`}
	for name, s := range map[string]slip{
		"sound":                    {},
		"empty":                    {edit: params("")},
		"blanks":                   {edit: params(" -auz --partial ")},
		"output":                   {params("-avz"), confxml.Note, 7, []string{"-v: left out"}},
		"dry run":                  {params("-artuzn"), confxml.Refusal, 7, []string{"commonParams@params: -n: ", "nothing is ever sent; remove it"}},
		"own dry run":              {own, confxml.Refusal, 4, []string{"remote@params: -n: "}},
		"erases":                   {params("-a --remove-source-files"), confxml.Fault, 7, []string{"both copies would be gone"}},
		"moves":                    {append(off, params("-a --remove-source-files")...), confxml.Note, 7, []string{"is removed here"}},
		"moves to two":             {append(append(off, second...), params("-a --remove-source-files")...), confxml.Fault, 7, []string{"never gets to the others"}},
		"deletes what is excluded": {params("-a --delete-excluded --exclude=*.log"), confxml.Warning, 7, []string{"--delete-excluded: it is not used"}},
		"deletes with delete off":  {append(off, params("-a --delete")...), confxml.Warning, 7, []string{"--delete: it is not used"}},
		"links are followed":       {params("-aL"), confxml.Warning, 7, []string{"-L: what changes behind a link"}},
		"misspelt":                 {params("-artuz --excldue=x"), confxml.Fault, 7, []string{"--excldue: ", "did you mean --exclude?"}},
		"no file of patterns":      {params("-artuz --exclude-from=/nonexist"), confxml.Fault, 7, []string{"/nonexist cannot be read"}},
		"log in the tree":          {params("-artuz --log-file=rsync.log"), confxml.Refusal, 7, []string{"without end"}},
		"daemon":                   {params("-artuz --daemon"), confxml.Refusal, 7, []string{"--daemon: "}},
		"server":                   {params("-artuz --server"), confxml.Refusal, 7, []string{"--server: "}},
		"a list of names":          {params("-artuz --files-from=/x"), confxml.Refusal, 7, []string{"--files-from: "}},
		"typographic dash":         {params("–artuz"), confxml.Refusal, 7, []string{"write the minus sign"}},
		"a command":                {params("-artuz --exclude=$(id)"), confxml.Refusal, 7, []string{"cannot be split"}},
		"said once for two":        {append(second, params("-artuz --excldue=x")...), confxml.Fault, 7, []string{"--excldue: "}},
	} {
		t.Run(name, func(t *testing.T) { s.check(t) })
	}
}

// TestSlipsInRemotes has what people write into ip=, name= and users= although it is no host, no
// module or no user. want is the remote that is read; a zero value means that it does not matter.
func TestSlipsInRemotes(t *testing.T) {
	t.Setenv("SERSYNC_TEST_HOST", "10.9.9.9")
	t.Setenv("SERSYNC_TEST_MODULE", "data")
	t.Setenv("SERSYNC_TEST_USER", "bob")
	remote := func(attributes string) []string { return []string{`ip="10.0.0.1" name="www"`, attributes} }
	ip := func(v string) []string { return []string{`ip="10.0.0.1"`, `ip="` + v + `"`} }
	name := func(v string) []string { return []string{`name="www"`, `name="` + v + `"`} }
	ssh := []string{`<ssh start="false"/>`, `<ssh start="true"/>`}
	auth := []string{`<auth start="false" users="root" passwordfile="/etc/rsync.pas"/>`, `<auth start="true" users="root" passwordfile=""/>`}
	with := func(lists ...[]string) (all []string) {
		for _, l := range lists {
			all = append(all, l...)
		}
		return all
	}
	type want struct {
		ip, name, user string
		port           int
	}
	const warning, fault, refusal = confxml.Warning, confxml.Fault, confxml.Refusal
	for what, c := range map[string]struct {
		slip
		want want
	}{
		"user with a password":       {slip{remote(`ip="10.0.0.1" name="www" user="bob:secret"`), fault, 4, []string{"remote@user", `the user "bob:secret" has ':' in it`}}, want{}},
		"user before the host":       {slip{ip("bob:secret@10.0.0.1"), fault, 4, []string{"remote@ip", "the password alone into the file"}}, want{}},
		"user of all remotes":        {slip{[]string{`<auth start="false" users="root" passwordfile="/etc/rsync.pas"/>`, `<auth start="true" users="a/b" passwordfile=""/>`}, fault, 8, []string{"auth@users", `has '/' in it`}}, want{}},
		"module in brackets":         {slip{name("[www]"), fault, 4, []string{"remote@name", "brackets of rsyncd.conf", `write name="www"`}}, want{}},
		"IPv4":                       {slip{edit: ip("10.0.0.1")}, want{ip: "10.0.0.1", name: "www"}},
		"host name":                  {slip{edit: ip("web-1.Example.com")}, want{ip: "web-1.Example.com"}},
		"underscore":                 {slip{edit: ip("web_1")}, want{ip: "web_1"}},
		"Chinese name":               {slip{edit: ip("备份服务器")}, want{ip: "备份服务器"}},
		"GBK name":                   {slip{edit: ip("\xb1\xb8")}, want{ip: "\xb1\xb8"}},
		"IPv6":                       {slip{edit: ip("2001:db8::1")}, want{ip: "2001:db8::1"}},
		"IPv6 in brackets":           {slip{edit: ip("[::1]")}, want{ip: "[::1]"}},
		"IPv6 with a zone":           {slip{edit: ip("fe80::1%eth0")}, want{ip: "fe80::1%eth0"}},
		"IPv6 with a port":           {slip{ip("[::1]:8873"), warning, 4, []string{`the host "[::1]" with the port 8873`}}, want{ip: "[::1]", port: 8873}},
		"port":                       {slip{ip("10.0.0.1:8873"), warning, 4, []string{"remote@ip", `the host "10.0.0.1" with the port 8873`}}, want{ip: "10.0.0.1", port: 8873}},
		"port of ssh":                {slip{with(ssh, ip("host:2222")), warning, 4, []string{`write ip="host" port="2222"`}}, want{ip: "host", port: 2222}},
		"port and port":              {slip{remote(`ip="h:1" name="www" port="2"`), warning, 4, []string{"with the port 2"}}, want{ip: "h", port: 2}},
		"port of letters":            {slip{ip("h:abc"), fault, 4, []string{"neither a host nor an address with a port"}}, want{}},
		"port 0":                     {slip{ip("h:0"), fault, 4, []string{"neither a host"}}, want{}},
		"bracket":                    {slip{ip("[::1"), fault, 4, []string{`"[::1"`}}, want{}},
		"URL":                        {slip{ip("rsync://10.0.0.2"), warning, 4, []string{`is read as the host "10.0.0.2"`}}, want{ip: "10.0.0.2", name: "www"}},
		"URL with a slash":           {slip{ip("rsync://10.0.0.2/"), warning, 4, []string{"write the host alone"}}, want{ip: "10.0.0.2", name: "www"}},
		"URL with the module":        {slip{ip("RSYNC://10.0.0.2/www/"), warning, 4, []string{"write the host alone"}}, want{ip: "10.0.0.2", name: "www"}},
		"URL instead of a module":    {slip{remote(`ip="rsync://h/data/x" name=""`), warning, 4, []string{"write the host alone"}}, want{ip: "h", name: "data/x"}},
		"URL with another module":    {slip{ip("rsync://h/data"), refusal, 4, []string{"has a slash in it"}}, want{}},
		"another URL":                {slip{ip("ssh://h"), refusal, 4, []string{"has a slash in it"}}, want{}},
		"host and path":              {slip{ip("h/www"), refusal, 4, []string{"has a slash in it"}}, want{}},
		"user":                       {slip{edit: ip("bob@h")}, want{ip: "h", user: "bob"}},
		"user twice":                 {slip{with(auth, ip("bob@h")), warning, 4, []string{`as "bob" and as "root": "bob" is used`}}, want{ip: "h", user: "bob"}},
		"same user twice":            {slip{edit: with(auth, ip("root@h"))}, want{ip: "h", user: "root"}},
		"user of its own":            {slip{remote(`ip="bob@h" user="eve" name="www"`), warning, 4, []string{`"eve" is used`}}, want{ip: "h", user: "eve"}},
		"colons and module":          {slip{ip("h::www"), fault, 4, []string{"sersync writes the colons"}}, want{}},
		"two hosts":                  {slip{ip("10.0.0.1,10.0.0.2"), fault, 4, []string{"is not one host; give each host"}}, want{}},
		"two hosts, full width":      {slip{ip("10.0.0.1，10.0.0.2"), fault, 4, []string{"is not one host"}}, want{}},
		"two hosts, blank":           {slip{ip("10.0.0.1 10.0.0.2"), fault, 4, []string{"is not one host"}}, want{}},
		"full-width colon":           {slip{ip("10.0.0.1：873"), fault, 4, []string{"which no host has"}}, want{}},
		"typographic quotes":         {slip{remote(`ip=“10.0.0.1” name="www"`), fault, 4, []string{"remote@ip", "typographic quotation mark"}}, want{}},
		"typographic quotes, module": {slip{remote(`ip="10.0.0.1" name=“www”`), fault, 4, []string{"remote@name", "typographic quotation mark"}}, want{}},
		"typographic quotes, user":   {slip{with(auth, []string{`users="root"`, `users=“root”`}), fault, 8, []string{"auth@users", "typographic quotation mark"}}, want{}},
		"template":                   {slip{ip("{{host}}"), fault, 4, []string{`has '{' in it`}}, want{}},
		"dash":                       {slip{ip("-e"), refusal, 4, []string{"begins with a dash"}}, want{}},
		"module with a path":         {slip{edit: name("data/www")}, want{name: "data/www"}},
		"module with a blank":        {slip{edit: name("my data")}, want{name: "my data"}},
		"slash behind":               {slip{edit: name("www/")}, want{name: "www/"}},
		"slash before":               {slip{name("/www"), fault, 4, []string{"remote@name", "is a path", `<ssh start="true"/>`}}, want{}},
		"path":                       {slip{name("/data/www"), fault, 4, []string{"is a path", `<ssh start="true"/>`}}, want{}},
		"home":                       {slip{name("~/www"), fault, 4, []string{"is a path"}}, want{}},
		"path with ssh":              {slip{edit: with(ssh, name("/data/www"))}, want{name: "/data/www"}},
		"dots":                       {slip{name("www/../x"), fault, 4, []string{"has .. in it"}}, want{}},
		"dots with ssh":              {slip{edit: with(ssh, name("/data/../x"))}, want{name: "/data/../x"}},
		"dots in a name":             {slip{edit: name("www..x")}, want{name: "www..x"}},
		"host in the module":         {slip{name("10.0.0.1::www"), fault, 4, []string{"more than a module"}}, want{}},
		"URL in the module":          {slip{name("rsync://h/www"), fault, 4, []string{"more than a module"}}, want{}},
		"host in the path":           {slip{with(ssh, name("10.0.0.1:/www")), fault, 4, []string{"more than a module"}}, want{}},
		"variables": {slip{edit: with(auth, []string{`users="root"`, `users="$SERSYNC_TEST_USER"`}, ip("$SERSYNC_TEST_HOST"), name("${SERSYNC_TEST_MODULE}/x"))},
			want{ip: "10.9.9.9", name: "data/x", user: "bob"}},
		"variable not set":          {slip{name("www$SERSYNC_TEST_NONE"), fault, 4, []string{"$SERSYNC_TEST_NONE is empty", "set it where sersync is started"}}, want{name: "www"}},
		"quotes of a shell":         {slip{edit: name(`'my data'`)}, want{name: "my data"}},
		"quote of a path":           {slip{edit: with(ssh, name(`/data/c's $HOME`))}, want{name: "/data/c's $HOME"}},
		"command":                   {slip{name("$(hostname)"), refusal, 4, []string{"remote@name", "is for a shell"}}, want{}},
		"command, old form":         {slip{name("`hostname`"), refusal, 4, []string{"is for a shell"}}, want{}},
		"variable of another shell": {slip{edit: ip("$SERSYNC_TEST_HOST:873"), severity: warning, line: 4, says: []string{"with the port 873"}}, want{ip: "10.9.9.9", port: 873}},
	} {
		t.Run(what, func(t *testing.T) {
			m := c.check(t)
			got := want{m.IP, m.Name, m.User, m.Port}
			for _, pair := range [][2]any{{c.want.ip, got.ip}, {c.want.name, got.name}, {c.want.user, got.user}, {c.want.port, got.port}} {
				if zero := pair[0] == "" || pair[0] == 0; !zero && pair[0] != pair[1] {
					t.Errorf("got %+v, want %+v", got, c.want)
				}
			}
		})
	}
}
