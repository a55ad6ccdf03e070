package preflight

import (
	"strings"

	"github.com/sersync/sersync/pkg/transport/rsync"
)

// secretsFile is the name that is proposed for a daemon's secrets.
const secretsFile = "/etc/rsyncd.secrets"

// cause says about which topic a reason of package rsync is, and which lines would repair it; nil: none.
type cause struct {
	topic Topic
	mend  func(t rsync.Target, watch, seenAs string) []Mend
}

// causes are the reasons that package rsync finds; a reason that is not listed is about the step that was
// being tried.
var causes = map[string]cause{
	"the remote has no such module":                                           {TopicModule, wholeModule},
	"name= is a path, and the remote's daemon wants a module":                 {TopicModule, wholeModule},
	"the remote does not let this host in":                                    {TopicAccess, allowHost},
	"the remote's max connections is reached":                                 {TopicAccess, inModule("max connections = 0")},
	"the remote refused the user or password":                                 {TopicLogin, user},
	"the password file can be read by others":                                 {TopicLogin, nil},
	"the password file is not owned by root":                                  {TopicLogin, nil},
	"the password file cannot be read":                                        {TopicLogin, password},
	"the module is read only":                                                 {TopicWrite, inModule("read only = no")},
	"the module is write only":                                                {TopicWrite, inModule("write only = no")},
	"the remote cannot enter the module's path":                               {TopicDirectory, nil},
	"the remote's directory does not exist":                                   {TopicDirectory, nil},
	"the remote's directory is a file":                                        {TopicDirectory, nil},
	"the remote's directory cannot be made":                                   {TopicDirectory, nil},
	"the directory does not exist":                                            {TopicDirectory, nil},
	"the remote's rsyncd.conf names an unknown uid":                           {TopicDirectory, inModule("uid = root")},
	"the remote's rsyncd.conf names an unknown gid":                           {TopicDirectory, inModule("gid = root")},
	"the ssh key file does not exist":                                         {TopicKey, nil},
	"ssh refused the key":                                                     {TopicKey, nil},
	"ssh does not know the remote's host key":                                 {TopicHostKey, nil},
	"the remote's name cannot be resolved":                                    {TopicName, nil},
	"the remote refuses the connection":                                       {TopicPort, nil},
	"the remote does not answer":                                              {TopicPort, nil},
	"no route to the remote":                                                  {TopicPort, nil},
	"the remote closes the connection without a word":                         {TopicPort, nil},
	"what answers there is no rsync daemon":                                   {TopicPort, nil},
	"the remote's certificate has expired":                                    {TopicPort, nil},
	"the remote's certificate is not valid yet":                               {TopicPort, nil},
	"the remote's certificate is for another name":                            {TopicPort, nil},
	"the remote's certificate is signed by an authority that is unknown here": {TopicPort, nil},
	"the remote's certificate cannot be used":                                 {TopicPort, nil},
	"the remote speaks no TLS":                                                {TopicPort, nil},
	"the remote refuses this host's certificate":                              {TopicPort, nil},
	"the remote refuses the TLS of this host":                                 {TopicPort, nil},
	"the key for TLS can be read by others":                                   {TopicPort, nil},
	"a file for TLS cannot be used":                                           {TopicPort, nil},
	"the remote closes the connection before TLS is agreed":                   {TopicPort, nil},
	"the remote does not answer the TLS handshake":                            {TopicPort, nil},
	"the TLS handshake with the remote fails":                                 {TopicPort, nil},
	"the remote has no rsync":                                                 {TopicRelease, nil},
	"the remote does not let its rsync be run":                                {TopicRelease, nil},
	"the remote's rsync is too old":                                           {TopicOptions, nil},
	"the remote has no such --temp-dir":                                       {TopicOptions, nil},
	"the remote shell cannot be started":                                      {TopicPort, nil},
	"the remote's daemon refused":                                             {TopicModule, nil},
	"the remote's pre-xfer exec failed":                                       {TopicModule, nil},
	"the remote closes the connection before it answers":                      {TopicOptions, nil},
}

func module(t rsync.Target) string {
	name, _, _ := strings.Cut(t.Name, "/")
	return name
}

func host(t rsync.Target) string {
	name, _ := t.Address()
	return name
}

// section are lines for the module's section of rsyncd.conf.
func section(t rsync.Target, lines ...string) Mend {
	m := Mend{Where: intoConf.of(host(t)), Lines: []string{"[" + module(t) + "]"}}
	for _, l := range lines {
		m.Lines = append(m.Lines, "    "+l)
	}
	return m
}

func inModule(line string) func(rsync.Target, string, string) []Mend {
	return func(t rsync.Target, _, _ string) []Mend {
		if t.SSH {
			return nil
		}
		return []Mend{section(t, line)}
	}
}

// wholeModule is a module into which the watch root can be mirrored.
func wholeModule(t rsync.Target, watch, seenAs string) []Mend {
	lines := []string{"path = " + watch, "read only = no", "uid = root", "gid = root"}
	if seenAs != "" {
		lines = append(lines, "hosts allow = "+seenAs)
	}
	if t.User == "" {
		return []Mend{section(t, lines...)}
	}
	lines = append(lines, "auth users = "+t.User, "secrets file = "+secretsFile)
	return append([]Mend{section(t, lines...)}, secrets(t)...)
}

func allowHost(t rsync.Target, _, seenAs string) []Mend {
	if seenAs == "" {
		return nil
	}
	return []Mend{section(t, "hosts allow = "+seenAs)}
}

func user(t rsync.Target, _, _ string) []Mend {
	if t.User == "" || t.SSH {
		return nil
	}
	return append([]Mend{section(t, "auth users = "+t.User, "secrets file = "+secretsFile)}, secrets(t)...)
}

// secrets is the line for the daemon's secrets. The password itself is never shown.
func secrets(t rsync.Target) []Mend {
	file := t.PasswordFile
	if file == "" {
		file = "passwordfile="
	}
	return []Mend{{Where: intoSecrets.of(secretsFile, host(t), file), Lines: []string{t.User + ":PASSWORD"}}}
}

func password(t rsync.Target, _, _ string) []Mend {
	if t.PasswordFile == "" {
		return nil
	}
	return []Mend{{Where: intoPassword.of(t.PasswordFile), Lines: []string{"PASSWORD"}}}
}

// permissions are lines for a daemon whose user may not write.
func permissions(t rsync.Target) []Mend {
	if t.SSH {
		return nil
	}
	return []Mend{section(t, "uid = root", "gid = root")}
}
