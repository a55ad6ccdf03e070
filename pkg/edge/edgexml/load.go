package edgexml

import (
	"cmp"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/safefile"
)

// maxFile is larger than any configuration.
const maxFile = 1 << 20

// Load reads the file. The error says that it could not be read at all; mistakes in it are among
// the problems.
func Load(file string) (Config, Problems, error) {
	data, _, err := safefile.ReadInput(file, maxFile)
	if err != nil {
		return Config{}, nil, fmt.Errorf("read the configuration %s: %w; name it with -o FILE", file, err)
	}
	conf, problems := Parse(file, data)
	return conf, problems, nil
}

// Parse reads the bytes of a file of that name.
func Parse(file string, data []byte) (Config, Problems) {
	r := &reader{file: file, conf: Config{File: file}}
	root, line, err := parse(data)
	if err != nil {
		r.fail(line, "", "it is not XML: "+err.Error(), "correct the line, or begin with the example in docs/edge.md")
		return r.conf, r.problems
	}
	if root.name != "edge" {
		r.fail(root.line, "", fmt.Sprintf("it begins with <%s>", root.name), "begin it with <edge name=\"...\">")
		return r.conf, r.problems
	}
	r.edge(root)
	slices.SortStableFunc(r.problems, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
	return r.conf, r.problems
}

// reader collects a Config and what is wrong with it.
type reader struct {
	file     string
	conf     Config
	problems Problems
}

func (r *reader) fail(line int, element, message, remedy string) {
	r.problems = append(r.problems, Problem{File: r.file, Line: line, Element: element, Message: message, Remedy: remedy})
}

func (r *reader) warn(line int, element, message, remedy string) {
	r.problems = append(r.problems, Problem{File: r.file, Line: line, Element: element, Message: message, Remedy: remedy, Warning: true})
}

// values are the attributes of one element, with their defaults.
type values map[string]string

// read checks the attributes of a node against the table and gives their values. A nil
// node has the defaults alone.
func (r *reader) read(n *node, path string) values {
	e := find(path)
	v := values{}
	for _, a := range e.attributes {
		v[a.name] = a.fallback
		if n == nil {
			continue
		}
		text, given := n.attributes[a.name]
		switch {
		case a.required && strings.TrimSpace(text) == "":
			r.fail(n.line, path+"@"+a.name, "it is missing or empty", fmt.Sprintf("write %s=\"...\"", a.name))
		case given && len(a.choices) > 0 && !slices.Contains(a.choices, text):
			r.fail(n.line, path+"@"+a.name, fmt.Sprintf("%q is unknown", text), "write one of: "+strings.Join(a.choices, ", "))
		case given && text != "":
			v[a.name] = text
		}
	}
	if n == nil {
		return v
	}
	for _, name := range slices.Sorted(maps.Keys(n.attributes)) {
		if _, known := v[name]; !known {
			r.warn(n.line, path+"@"+name, "it has no meaning", "remove it, or write one of: "+e.names())
		}
	}
	return v
}

// children sorts the elements below a node by name, and reports those that are unknown or there
// once too often.
func (r *reader) children(n *node, path string) map[string][]*node {
	all := map[string][]*node{}
	for _, c := range n.children {
		at := c.name
		if path != "edge" {
			at = path + "/" + c.name
		}
		e := find(at)
		switch {
		case e == nil && at == "plugin":
		case e == nil:
			r.warn(c.line, at, "it has no meaning here", "remove it, or write one of: "+below(path))
			continue
		case !e.repeated && len(all[c.name]) > 0:
			r.fail(c.line, at, "it is there twice", fmt.Sprintf("remove one of the lines %d and %d", all[c.name][0].line, c.line))
			continue
		}
		all[c.name] = append(all[c.name], c)
	}
	return all
}

// first is the only node of a name; nil when it is not there.
func first(all []*node) *node {
	if len(all) == 0 {
		return nil
	}
	return all[0]
}

func (r *reader) edge(root *node) {
	c := &r.conf
	c.Name = r.read(root, "edge")["name"]
	if c.Name != "" && !Word(c.Name) {
		r.fail(root.line, "edge@name", fmt.Sprintf("%q holds something else than letters, digits, - and _", c.Name), "write for example name=\"web-1\"")
	}
	below := r.children(root, "edge")
	if len(below["stream"]) == 0 {
		r.fail(root.line, "stream", "it is missing", "add <stream url=\"tls://HUB:4222\" creds=\"FILE\"/>, as sersync-hub add-edge prints it")
	} else {
		r.stream(below["stream"][0])
	}
	c.State = r.read(first(below["state"]), "state")["dir"]
	r.absolute(first(below["state"]), "state@dir", c.State)
	status := r.read(first(below["status"]), "status")
	c.Status = Status{Socket: status["socket"], Listen: status["listen"]}
	log := r.read(first(below["log"]), "log")
	c.Log = confxml.Log{File: log["file"], Level: log["level"], Format: log["format"]}
	for _, n := range below["plugin"] {
		c.Plugins = append(c.Plugins, r.plugin(n))
	}
	for _, n := range below["tree"] {
		r.tree(n)
	}
	if len(below["tree"]) == 0 {
		r.fail(root.line, "tree", "there is none: nothing would be followed", "add <tree name=\"...\" dir=\"...\"> with an <upstream> in it")
	}
	r.apart()
}

func (r *reader) stream(n *node) {
	v := r.read(n, "stream")
	r.conf.Stream = Stream{URL: v["url"], Creds: v["creds"], CA: v["ca"], Line: n.line}
	for one := range strings.SplitSeq(v["url"], ",") {
		scheme, host, ok := strings.Cut(strings.TrimSpace(one), "://")
		if v["url"] != "" && (!ok || host == "" || !slices.Contains([]string{"nats", "tls", "ws", "wss"}, scheme)) {
			r.fail(n.line, "stream@url", fmt.Sprintf("%q is no address of a hub", one), "write for example url=\"tls://hub.example.com:4222\"")
		}
	}
}

func (r *reader) tree(n *node) {
	v := r.read(n, "tree")
	t := Tree{
		Name: v["name"], Dir: v["dir"], Deletions: Deletions(v["deletions"]),
		Adopt: v["adopt"] == "true", Serves: v["serves"] == "true", Line: n.line,
	}
	if t.Name != "" && !Word(t.Name) {
		r.fail(n.line, "tree@name", fmt.Sprintf("%q holds something else than letters, digits, - and _", t.Name), "write the name of <stream name> at the source")
	}
	r.absolute(n, "tree@dir", t.Dir)
	below := r.children(n, "tree")
	for _, u := range below["upstream"] {
		t.Upstreams = append(t.Upstreams, r.upstream(u))
	}
	if len(t.Upstreams) == 0 {
		r.fail(n.line, "tree/upstream", "there is none: larger files could not be fetched, and a new edge would get nothing",
			"add <upstream host=\"SOURCE\" module=\"MODULE\"/> for the source's rsync daemon")
	}
	for _, p := range below["plugin"] {
		name := r.read(p, "tree/plugin")["name"]
		if name != "" && !slices.ContainsFunc(r.conf.Plugins, func(c confxml.Plugin) bool { return c.Name == name }) {
			r.fail(p.line, "tree/plugin@name", fmt.Sprintf("there is no <plugin name=%q> in <edge>", name), "add that element, or remove this one")
			continue
		}
		t.Plugins = append(t.Plugins, name)
	}
	r.conf.Trees = append(r.conf.Trees, t)
}

func (r *reader) upstream(n *node) Upstream {
	v := r.read(n, "tree/upstream")
	u := Upstream{Host: v["host"], Module: v["module"], User: v["user"], PasswordFile: v["passwordfile"], Mirror: v["mirror"], Line: n.line}
	port, err := strconv.Atoi(v["port"])
	if err != nil || port < 1 || port > 65535 {
		r.fail(n.line, "tree/upstream@port", fmt.Sprintf("%q is no port", v["port"]), "write a number from 1 to 65535")
	}
	if v["port"] != "873" {
		u.Port = port
	}
	if strings.HasPrefix(u.Host, "-") || strings.ContainsAny(u.Host, "/@ ") {
		r.fail(n.line, "tree/upstream@host", fmt.Sprintf("%q is no host", u.Host), "write a name or an address alone")
	}
	if u.User != "" && u.PasswordFile == "" {
		r.fail(n.line, "tree/upstream@passwordfile", "a user without a password file: rsync would ask a terminal", "write passwordfile=\"FILE\", or remove user=")
	}
	if u.Mirror == r.conf.Name && u.Mirror != "" {
		r.fail(n.line, "tree/upstream@mirror", "the edge would fetch from itself", "remove the element")
	}
	return u
}

// plugin is a <plugin> with the elements that it has in confxml.xml.
func (r *reader) plugin(n *node) confxml.Plugin {
	p := confxml.Plugin{Name: n.attributes["name"], Line: n.line, Attributes: map[string]confxml.Attribute{}}
	if p.Name != "command" && p.Name != "http" {
		r.fail(n.line, "plugin@name", fmt.Sprintf("%q is unknown", p.Name), "write one of: command, http")
	}
	for _, c := range n.children {
		key := strings.ToLower(c.name)
		if key == "filter" {
			p.FilterOn = c.attributes["start"] == "true"
			for _, include := range c.children {
				p.Include = append(p.Include, confxml.Expression{Text: include.attributes["expression"], Line: include.line})
			}
			continue
		}
		for name, value := range c.attributes {
			p.Attributes[key+"/"+strings.ToLower(name)] = confxml.Attribute{Value: value, Line: c.line}
		}
	}
	return p
}

func (r *reader) absolute(n *node, element, path string) {
	if n == nil || path == "" {
		return
	}
	if !filepath.IsAbs(path) || strings.ContainsRune(path, 0) {
		r.fail(n.line, element, fmt.Sprintf("%q is not absolute", path), "write the path from / on")
	}
}

// apart reports two trees that have the same name, or of which one directory is inside the other.
func (r *reader) apart() {
	for i, a := range r.conf.Trees {
		for _, b := range r.conf.Trees[:i] {
			if a.Name == b.Name && a.Name != "" {
				r.fail(a.Line, "tree@name", fmt.Sprintf("line %d follows the tree %q, too", b.Line, b.Name), "let one <tree> follow it; make copies from there")
			}
			x, y := filepath.Clean(a.Dir)+"/", filepath.Clean(b.Dir)+"/"
			if a.Dir != "" && b.Dir != "" && (strings.HasPrefix(x, y) || strings.HasPrefix(y, x)) {
				r.fail(a.Line, "tree@dir", fmt.Sprintf("%s and %s of line %d are the same, or one is inside the other", a.Dir, b.Dir, b.Line), "give each tree a directory of its own")
			}
		}
	}
}

// Word tells whether a name can be part of a subject of the stream.
func Word(name string) bool {
	if name == "" || len(name) > 64 {
		return false
	}
	for _, c := range []byte(name) {
		if c != '-' && c != '_' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}
