package confxml

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/beevik/etree"
	"github.com/robfig/cron/v3"
)

const (
	emptyFailLogInterval = 7200 * time.Second  // 2.5.4: timeToExecute=""
	failLogTick          = time.Minute         // 2.5.4: the timer's resolution
	maxMinutes           = 100 * 366 * 24 * 60 // keeps a duration within int64
	maxPort              = math.MaxUint16      // TCP
	cronExample          = `cron="0 3 * * *" is every day at three`
)

// config reads everything below head.
func (r *reader) config(head *etree.Element) Config {
	c := Config{File: r.file}
	c.Host = r.host(r.child(head, "host", false))
	c.Debug = r.flag(r.child(head, "debug", false), "debug", "start")
	c.XFS = r.flag(r.child(head, "fileSystem", false), "fileSystem", "xfs")
	filter := r.child(head, "filter", false)
	c.Filter = Filter{
		On:      r.flag(filter, "filter", "start"),
		Exclude: r.expressions(filter, "filter/exclude"),
	}
	c.Inotify = r.switches(r.child(head, "inotify", false))
	sersync := r.child(head, "sersync", false)
	rsync := r.child(sersync, "sersync/rsync", false)
	base := r.base(rsync)
	for _, el := range r.children(sersync, "sersync/localpath") {
		c.LocalPaths = append(c.LocalPaths, r.localPath(el, base))
	}
	c.Rsync = r.rsyncRun(rsync)
	c.FailLog = r.failLog(r.child(sersync, "sersync/failLog", false))
	c.Crontab = r.crontab(r.child(sersync, "sersync/crontab", false))
	c.Verify = r.verify(r.child(sersync, "sersync/verify", false))
	c.PluginRefs = r.pluginRefs(sersync)
	for _, el := range r.children(head, "plugin") {
		c.Plugins = append(c.Plugins, r.plugin(el))
	}
	c.Notify = r.notifies(head)
	c.Log = r.log(r.child(head, "log", false))
	state := r.child(head, "state", false)
	c.State = State{
		Dir:     r.value(state, "state", "dir", false).text,
		PIDFile: r.value(state, "state", "pidfile", false).text,
	}
	return c
}

func (r *reader) host(el *etree.Element) Host {
	h := Host{
		IP:        r.value(el, "host", "hostip", false).text,
		Port:      atoi(r.value(el, "host", "port", false).text),
		Page:      r.flag(el, "host", "page"),
		TokenFile: r.value(el, "host", "tokenfile", false).text,
		Socket:    r.value(el, "host", "socket", false).text,
	}
	listen := r.value(el, "host", "listen", false)
	h.Listen = listen.text
	if h.Listen != "" && h.TokenFile == "" {
		r.fault(listen.line, listen.element, "needs a token: the page stays on loopback", "add tokenfile=\"FILE\"")
		h.Listen = ""
	}
	return h
}

func (r *reader) switches(el *etree.Element) Switches {
	on := func(name string) bool {
		path := "inotify/" + name
		return r.flag(r.child(el, path, false), path, "start")
	}
	if el == nil { // flag(nil) gives the defaults of the table
		on = func(name string) bool { return r.flag(nil, "inotify/"+name, "start") }
	}
	return Switches{
		Delete:       on("delete"),
		CreateFolder: on("createFolder"),
		CreateFile:   on("createFile"),
		CloseWrite:   on("closeWrite"),
		MoveFrom:     on("moveFrom"),
		MoveTo:       on("moveTo"),
		Attrib:       on("attrib"),
		Modify:       on("modify"),
		SelfCheck:    r.selfCheck(el),
	}
}

func (r *reader) selfCheck(el *etree.Element) time.Duration {
	v := r.value(el, "inotify", "selfcheck", false)
	d, err := time.ParseDuration(v.text)
	if err == nil && d >= 0 {
		return d
	}
	def := r.defs.must("inotify", "selfcheck").def
	r.fault(v.line, v.element, fmt.Sprintf("%q is no duration: %s is used", v.text, def), "write it like 24h or 30m, 0 turns the check off")
	d, _ = time.ParseDuration(def)
	return d
}

// base reads what <rsync> sets for every remote.
func (r *reader) base(el *etree.Element) Remote {
	var b Remote
	params := r.child(el, "sersync/rsync/commonParams", false)
	v := r.value(params, "sersync/rsync/commonParams", "params", false)
	b.Params, b.ParamsLine = v.text, v.line
	auth := r.child(el, "sersync/rsync/auth", false)
	if r.flag(auth, "sersync/rsync/auth", "start") {
		users := r.text(auth, "sersync/rsync/auth", "users", true)
		b.User = users.text
		r.userName(users)
		b.PasswordFile = r.text(auth, "sersync/rsync/auth", "passwordfile", true).text
	}
	port := r.child(el, "sersync/rsync/userDefinedPort", false)
	if r.flag(port, "sersync/rsync/userDefinedPort", "start") {
		b.PortText, b.Port = r.port(r.text(port, "sersync/rsync/userDefinedPort", "port", true))
	}
	timeout := r.child(el, "sersync/rsync/timeout", false)
	if r.flag(timeout, "sersync/rsync/timeout", "start") {
		b.Timeout = r.seconds(r.text(timeout, "sersync/rsync/timeout", "time", true))
	}
	ssh := r.child(el, "sersync/rsync/ssh", false)
	b.SSH = r.flag(ssh, "sersync/rsync/ssh", "start")
	return b
}

// port accepts 1 to 65535. 2.5.4 passed any text on to rsync, which then refused every run.
func (r *reader) port(v value) (text string, port int) {
	n, err := strconv.Atoi(v.text)
	if err != nil || n < 1 || n > maxPort {
		r.fault(v.line, v.element, fmt.Sprintf("%q is no port: the default is used", v.text), fmt.Sprintf("write a number from 1 to %d", maxPort))
		return v.text, 0
	}
	return v.text, n
}

func (r *reader) seconds(v value) int {
	n, err := strconv.Atoi(v.text)
	if err != nil || n < 0 || n > math.MaxInt32 {
		r.fault(v.line, v.element, fmt.Sprintf("%q is no number of seconds: no timeout is used", v.text), "write one like 100")
		return 0
	}
	return n
}

func (r *reader) localPath(el *etree.Element, base Remote) LocalPath {
	const path = "sersync/localpath"
	l := LocalPath{
		Watch:     r.value(el, path, "watch", false).text,
		Line:      r.line(el),
		DotFiles:  r.flag(el, path, "dotfiles"),
		AllowRoot: r.flag(el, path, "allowroot"),
		Recreated: r.flag(el, path, "recreated"),
		Backend:   r.oneOf(el, path, "backend"),
	}
	base.Busy = readBusy(r, el, path)
	for _, remote := range r.children(el, path+"/remote") {
		l.Remotes = append(l.Remotes, r.remote(remote, base))
	}
	for _, el := range r.children(el, path+"/stream") {
		l.Streams = append(l.Streams, readStream(r, el))
	}
	if len(l.Remotes) == 0 && len(l.Streams) > 0 && base.Busy != nil {
		r.warn(r.line(r.children(el, path+"/busy")[0]), path+"/busy", "there is no <remote> here that could wait: a <stream> publishes names at any hour, and edges fetch large files when they have them",
			"take <busy> out; --bwlimit of the rsync daemon from which edges fetch limits them")
	}
	return l
}

// remote is base with what the remote's own attributes say.
func (r *reader) remote(el *etree.Element, base Remote) Remote {
	const path = "sersync/localpath/remote"
	m := base
	ip, name := r.text(el, path, "ip", false), r.text(el, path, "name", false)
	m.IP, m.Name, m.Line = ip.text, name.text, r.line(el)
	user := r.text(el, path, "user", false)
	if user.given {
		m.User = user.text
		r.userName(user)
	}
	if v := r.text(el, path, "passwordfile", false); v.given {
		m.PasswordFile = v.text
	}
	if v := r.value(el, path, "params", false); v.given {
		m.Params, m.ParamsLine, m.OwnParams = v.text, v.line, true
	}
	if v := r.text(el, path, "port", false); v.given {
		m.PortText, m.Port = r.port(v)
		m.OwnPort = true
	}
	if v := r.text(el, path, "timeout", false); v.given {
		m.Timeout = r.seconds(v)
	}
	if r.value(el, path, "ssh", false).given {
		m.SSH = r.flag(el, path, "ssh")
	}
	destination{r: r, m: &m, ip: ip, name: name, ownUser: user.given}.read()
	m.TLS = r.tls(el, m.SSH)
	m.Backup = readBackup(r, r.child(el, path+"/backup", false))
	if own := readBusy(r, el, path); own != nil {
		m.Busy = own
	}
	return m
}

func (r *reader) rsyncRun(el *etree.Element) RsyncRun {
	run := RsyncRun{
		Program:  r.value(el, "sersync/rsync", "path", false).text,
		Standby:  r.flag(el, "sersync/rsync", "standby"),
		MaxTotal: r.count(el, "sersync/rsync", "total", 1),
	}
	if run.Program == "" {
		run.Program = r.defs.must("sersync/rsync", "path").def
	}
	return run
}

// count reads a number of at least least; anything else is the default.
func (r *reader) count(el *etree.Element, path, attr string, least int) int {
	v := r.value(el, path, attr, false)
	n, err := strconv.Atoi(strings.TrimSpace(v.text))
	if err == nil && n >= least && n <= math.MaxInt32 {
		return n
	}
	def := r.defs.must(path, attr).def
	r.fault(v.line, v.element, fmt.Sprintf("%q is not a number of at least %d: %s is used", v.text, least, def), "write such a number")
	return atoi(def)
}

func (r *reader) failLog(el *etree.Element) FailLog {
	const path = "sersync/failLog"
	name := r.value(el, path, "path", false)
	if name.text == "" {
		r.warn(name.line, name.element, "empty: no fail script is written", "name a file")
	}
	f := FailLog{Path: name.text, Line: r.line(el)}
	after := r.value(el, path, "timeToExecute", false).text
	switch minutes := atoi(after); {
	case after == "":
		f.Interval = emptyFailLogInterval
	case minutes <= 0:
		f.Interval = failLogTick
	default:
		f.Interval = time.Duration(min(minutes, maxMinutes)) * time.Minute
	}
	return f
}

func (r *reader) crontab(el *etree.Element) Crontab {
	const path = "sersync/crontab"
	c := Crontab{On: r.flag(el, path, "start")}
	c.Interval, c.Cron = r.schedule(el, path, c.On)
	filter := r.child(el, path+"/crontabfilter", c.On)
	c.FilterOn = r.flag(filter, path+"/crontabfilter", "start")
	c.Exclude = r.expressions(filter, path+"/crontabfilter/exclude")
	return c
}

// verify reads <verify>; it is off where the element is missing.
func (r *reader) verify(el *etree.Element) Verify {
	const path = "sersync/verify"
	if el == nil {
		return Verify{}
	}
	v := Verify{On: r.flag(el, path, "start")}
	v.Interval, v.Cron = r.schedule(el, path, v.On)
	v.Repair, v.Contents = r.flag(el, path, "repair"), r.flag(el, path, "contents")
	v.BWLimit = r.count(el, path, "bwlimit", 0)
	return v
}

// schedule reads how often something runs: every interval, or by a cron expression
// where one is given.
func (r *reader) schedule(el *etree.Element, path string, on bool) (interval time.Duration, spec string) {
	schedule := r.value(el, path, "schedule", on)
	minutes := atoi(schedule.text)
	if minutes <= 0 {
		def := r.defs.must(path, "schedule").def
		minutes = atoi(def)
		if on {
			r.warn(schedule.line, schedule.element, fmt.Sprintf("%q is no number of minutes: %s is used", schedule.text, def), "write one like 600")
		}
	}
	interval = time.Duration(min(minutes, maxMinutes)) * time.Minute
	v := r.value(el, path, "cron", false)
	if v.text == "" {
		return interval, ""
	}
	if err := checkCron(v.text); err != nil {
		r.fault(v.line, v.element, fmt.Sprintf("%q: %v: schedule is used instead", v.text, err), "correct it: "+cronExample)
		return interval, ""
	}
	return interval, v.text
}

// checkCron tells what is wrong with a five-field expression. A time zone with nothing after it
// makes cron v3.0.1 panic.
func checkCron(spec string) error {
	for _, zone := range []string{"TZ=", "CRON_TZ="} {
		if strings.HasPrefix(spec, zone) && !strings.Contains(spec, " ") {
			return fmt.Errorf("a time zone without fields")
		}
	}
	_, err := cron.ParseStandard(spec)
	return err
}

func (r *reader) log(el *etree.Element) Log {
	return Log{
		File:       r.value(el, "log", "file", false).text,
		Level:      r.oneOf(el, "log", "level"),
		Format:     r.oneOf(el, "log", "format"),
		MaxSizeMB:  r.count(el, "log", "maxsize", 1),
		MaxBackups: r.count(el, "log", "maxbackups", 0),
		MaxAgeDays: r.count(el, "log", "maxage", 0),
	}
}

// oneOf reads one of the attribute's choices; anything else is the default.
func (r *reader) oneOf(el *etree.Element, path, attr string) string {
	v := r.value(el, path, attr, false)
	words := choices[v.element]
	for _, w := range words {
		if v.text == w {
			return w
		}
	}
	def := r.defs.must(path, attr).def
	r.fault(v.line, v.element, fmt.Sprintf("%q is unknown: %s is used", v.text, def), "write one of "+strings.Join(words, ", "))
	return def
}
