package edgexml

import (
	"fmt"
	"strings"

	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/words"
)

// Config is one edge.xml.
type Config struct {
	File string // as it was given
	// Name is the edge's own: it reports under this name, and others name it so as a mirror.
	Name    string
	Stream  Stream
	State   string // the directory that remembers what has been applied; absolute
	Status  Status
	Log     confxml.Log
	Trees   []Tree
	Plugins []confxml.Plugin
}

// Stream is the hub from which the messages come.
type Stream struct {
	URL   string // one server or several, separated by commas
	Creds string // file with the edge's key; empty: none
	CA    string // file with the authority of the server's certificate; empty: the system's
	Line  int
}

// Status is where the edge shows its state.
type Status struct {
	Socket string // Unix socket; empty: none
	Listen string // address of /metrics, /healthz and /status; empty: none
}

// Tree is one directory that follows one tree of the stream.
type Tree struct {
	Name string // of the tree, as the source publishes it
	Dir  string // absolute
	// Deletions is what may be deleted here.
	Deletions Deletions
	// Adopt lets a directory that holds something already become the tree.
	Adopt bool
	// Serves says that the reports tell others that they may fetch from here.
	Serves    bool
	Upstreams []Upstream
	Plugins   []string // names of the plugins that are told of changes
	Line      int
}

// Upstream is a place to fetch from with rsync: the source, or an edge that serves.
type Upstream struct {
	Host         string
	Port         int // 0: rsync's
	Module       string
	User         string // empty: the module asks for none
	PasswordFile string
	// Mirror is the name of the edge that serves there; empty: the source itself.
	Mirror string
	Line   int
}

// Name tells upstreams apart, for people and for the order in which they are tried.
func (u Upstream) Name() string {
	if u.Port != 0 {
		return fmt.Sprintf("%s:%d/%s", u.Host, u.Port, u.Module)
	}
	return u.Host + "/" + u.Module
}

// Deletions is what may be deleted in a tree.
type Deletions string

// The deletion policies.
const (
	// DeleteAll: what the source has deleted, and what a comparison with the source
	// finds only here.
	DeleteAll Deletions = "all"
	// DeleteSaid: only what the source says it has deleted.
	DeleteSaid Deletions = "said"
	// DeleteNone: nothing.
	DeleteNone Deletions = "none"
)

// Problem is one mistake in the file, or a warning about it.
type Problem struct {
	File    string
	Line    int // 0: the file as a whole
	Element string
	// Message is the cause, and Remedy what to do.
	Message, Remedy string
	// Warning says that the edge works all the same.
	Warning bool
}

// String is the problem on one line.
func (p Problem) String() string { return p.at() + ": " + p.Message + "; " + p.Remedy }

// Chinese is String in Chinese.
func (p Problem) Chinese() string {
	return p.at() + ": " + inChinese(p.Message) + "; " + inChinese(p.Remedy)
}

// inChinese is a text in Chinese; that of a plugin may be a cause and a remedy.
func inChinese(text string) string {
	if said := words.Chinese(text); said != text {
		return said
	}
	cause, remedy, both := strings.Cut(text, "; ")
	if !both {
		return text
	}
	return words.Chinese(cause) + "; " + words.Chinese(remedy)
}

// at is the place of the problem: file, line and element.
func (p Problem) at() string {
	at := p.File
	if p.Line > 0 {
		at = fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	if p.Element != "" {
		at += ": <" + strings.Replace(p.Element, "@", "> ", 1)
		if !strings.Contains(p.Element, "@") {
			at += ">"
		}
	}
	return at
}

// Problems are all the problems of a file.
type Problems []Problem

// Fatal are those with which the edge cannot work.
func (p Problems) Fatal() (fatal Problems) {
	for _, one := range p {
		if !one.Warning {
			fatal = append(fatal, one)
		}
	}
	return fatal
}
