package testkit

import (
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Settings are the parts of a configuration that tests vary. The zero value with Watch and Remotes
// gives the file that 2.5.4 ships.
type Settings struct {
	// Watch is the root. Dir is a scratch directory for state, log and fail script: a second start
	// with the same Dir continues the first.
	Watch, Dir string
	// Remotes are the attributes of the <remote> elements; At returns them for a daemon.
	Remotes []string
	// Backup is the directory of old versions on each remote; empty: no versions are kept.
	Backup string
	// Streams are whole <stream> elements.
	Streams []string
	// More are further whole <localpath> elements.
	More []string
	// Params replaces commonParams.
	Params string
	// Set gives switches of <inotify> another value than their default.
	Set map[string]bool
	// SelfCheck is the interval of the self-check; empty: the default.
	SelfCheck string
	// Exclude turns the filter on with these expressions.
	Exclude []string
	// DotFiles has files synced whose names begin with a dot.
	DotFiles bool
	// Backend is the back end that watches the directory; empty: the one that BackendEnv names.
	Backend string
	// Recreated says that the root is removed and made anew again and again.
	Recreated bool
	// Rsync is the program that is run as rsync; empty: the one in PATH.
	Rsync string
	// NoStandby switches standbys off.
	NoStandby bool
}

// At returns the attributes of a remote: the module of a loopback daemon.
func At(port int, module string) string { return Remote("127.0.0.1", port, module) }

// Remote returns the attributes of a remote: the module of a daemon.
func Remote(address string, port int, module string) string {
	return fmt.Sprintf(`ip="%s" name="%s" port="%d"`, address, escape(module), port)
}

// BackendEnv is the environment variable that names the back end for settings that name none.
const BackendEnv = "TEST_BACKEND"

// switches are those of <inotify>, with the values that 2.5.4 ships.
func switches() map[string]bool {
	return map[string]bool{
		"delete": true, "createFolder": true, "createFile": false, "closeWrite": true,
		"moveFrom": true, "moveTo": true, "attrib": false, "modify": false,
	}
}

// Log returns the file to which a program with these settings logs.
func (s Settings) Log() string { return filepath.Join(s.Dir, "sersync.log") }

// FailLog returns the path of the fail script.
func (s Settings) FailLog() string { return filepath.Join(s.Dir, "fail.sh") }

// State returns the state directory.
func (s Settings) State() string { return filepath.Join(s.Dir, "state") }

// LocalPath returns the <localpath> element of these settings, for the More of others.
func (s Settings) LocalPath() string {
	var b strings.Builder
	backend := s.Backend
	if folders, set := s.Set["createFolder"]; backend == "" && (folders || !set) {
		backend = os.Getenv(BackendEnv) // fanotify needs createFolder
	}
	if backend != "" {
		backend = fmt.Sprintf(" backend=%q", backend)
	}
	fmt.Fprintf(&b, "<localpath watch=\"%s\" dotfiles=\"%t\" recreated=\"%t\"%s>\n", escape(s.Watch), s.DotFiles, s.Recreated, backend)
	for _, r := range s.Remotes {
		if s.Backup == "" {
			fmt.Fprintf(&b, "<remote %s/>\n", r)
		} else {
			fmt.Fprintf(&b, "<remote %s><backup dir=\"%s\"/></remote>\n", r, escape(s.Backup))
		}
	}
	b.WriteString(strings.Join(s.Streams, "\n"))
	b.WriteString("</localpath>\n")
	return b.String()
}

// XML returns the whole configuration.
func (s Settings) XML() string {
	var b strings.Builder
	b.WriteString("<head version=\"2.5\">\n<host hostip=\"localhost\" port=\"8008\" page=\"false\"></host>\n<debug start=\"false\"/>\n<fileSystem xfs=\"false\"/>\n")
	fmt.Fprintf(&b, "<log file=\"%s\" level=\"debug\"/>\n<state dir=\"%s\"/>\n", escape(s.Log()), escape(s.State()))
	fmt.Fprintf(&b, "<filter start=\"%t\">\n", len(s.Exclude) > 0)
	for _, e := range s.Exclude {
		fmt.Fprintf(&b, "<exclude expression=\"%s\"></exclude>\n", escape(e))
	}
	b.WriteString("</filter>\n<inotify")
	if s.SelfCheck != "" {
		fmt.Fprintf(&b, " selfcheck=\"%s\"", escape(s.SelfCheck))
	}
	b.WriteString(">\n")
	for name, on := range switches() {
		if set, ok := s.Set[name]; ok {
			on = set
		}
		fmt.Fprintf(&b, "<%s start=\"%t\"/>\n", name, on)
	}
	b.WriteString("</inotify>\n<sersync>\n" + s.LocalPath() + strings.Join(s.More, ""))
	program, params := s.Rsync, s.Params
	if program == "" {
		program = "rsync"
	}
	if params == "" {
		params = "-artuz"
	}
	fmt.Fprintf(&b, "<rsync path=\"%s\" standby=\"%t\">\n<commonParams params=\"%s\"/>\n", escape(program), !s.NoStandby, escape(params))
	b.WriteString(`<auth start="false" users="root" passwordfile="/etc/rsync.pas"/>
<userDefinedPort start="false" port="874"/>
<timeout start="false" time="100"/>
<ssh start="false"/>
</rsync>
`)
	fmt.Fprintf(&b, "<failLog path=\"%s\" timeToExecute=\"60\"/>\n", escape(s.FailLog()))
	b.WriteString(`<crontab start="false" schedule="600"><crontabfilter start="false"></crontabfilter></crontab>
<plugin start="false" name="command"/>
</sersync>
</head>
`)
	return b.String()
}

func escape(s string) string {
	var b strings.Builder
	if err := xml.EscapeText(&b, []byte(s)); err != nil {
		panic(err) // a strings.Builder never returns an error
	}
	return b.String()
}
