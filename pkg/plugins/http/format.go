package http

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/fsevent"
	"github.com/sersync/sersync/pkg/plugins"
)

const (
	jsonBatch = 100
	// urlsBatch is what the strictest of the CDN interfaces that take a list
	// of urls accept in one request.
	urlsBatch = 30
)

func formats() map[string]format {
	return map[string]format{
		"form": {batch: 1, method: http.MethodPost, contentType: "application/x-www-form-urlencoded", encode: encodeForm},
		"json": {batch: jsonBatch, method: http.MethodPost, contentType: "application/json", encode: encodeJSON},
		"urls": {batch: urlsBatch, method: http.MethodPost, contentType: "application/json", encode: encodeURLs},
		// Caches answer 404 (nginx: 412) when they do not hold the page.
		"purge": {
			batch: 1, method: "PURGE", encode: encodePurge,
			done: []int{http.StatusNotFound, http.StatusPreconditionFailed},
		},
	}
}

// encodeForm is the form of the manual, its fields in that order.
func encodeForm(p *poster, batch []plugins.Event) (string, []byte, error) {
	ev := batch[0]
	var b strings.Builder
	b.WriteString("watchroot=")
	b.WriteString(url.QueryEscape(p.absolute(plugins.TrimRoot(ev.Root))))
	b.WriteString("&isdir=")
	if ev.Dir {
		b.WriteByte('1')
	} else {
		b.WriteByte('0')
	}
	b.WriteString("&inotifyPath=")
	b.WriteString(url.QueryEscape(p.absolute(ev.CleanPath())))
	b.WriteString("&mask=")
	b.WriteString(strconv.FormatUint(uint64(mask(ev)), 10))
	return p.target, []byte(b.String()), nil
}

// mask is the number of an event in 2.5.4's form, which is inotify(7)'s. An event
// of unknown kind gets the one that fits what happened.
func mask(ev plugins.Event) uint32 {
	kind := ev.Kind
	switch {
	case kind != 0:
	case ev.Op == plugins.Deleted:
		kind = fsevent.Delete
	case ev.Dir:
		kind = fsevent.Create
	default:
		kind = fsevent.CloseWrite
	}
	m := [...]uint32{
		fsevent.Create:     unix.IN_CREATE,
		fsevent.CloseWrite: unix.IN_CLOSE_WRITE,
		fsevent.Modify:     unix.IN_MODIFY,
		fsevent.Attrib:     unix.IN_ATTRIB,
		fsevent.Delete:     unix.IN_DELETE,
		fsevent.MovedFrom:  unix.IN_MOVED_FROM,
		fsevent.MovedTo:    unix.IN_MOVED_TO,
	}[kind]
	if ev.Dir {
		m |= unix.IN_ISDIR
	}
	return m
}

// message is the body of format json.
type message struct {
	Events []jsonEvent `json:"events"`
}

// jsonEvent is one path. A name that is not UTF-8 is in path with replacement
// characters, for people, and exactly in path_base64.
type jsonEvent struct {
	Seq             uint64     `json:"seq"`
	Operation       string     `json:"operation"` // change, delete
	Path            string     `json:"path"`
	PathBase64      string     `json:"path_base64,omitempty"`
	LocalPath       string     `json:"localpath"`
	LocalPathBase64 string     `json:"localpath_base64,omitempty"`
	Dir             bool       `json:"dir"`
	Size            *int64     `json:"size,omitempty"`  // bytes; files that exist
	MTime           *time.Time `json:"mtime,omitempty"` // what exists
}

func encodeJSON(p *poster, batch []plugins.Event) (string, []byte, error) {
	m := message{Events: make([]jsonEvent, 0, len(batch))}
	for _, ev := range batch {
		path, root := p.absolute(ev.CleanPath()), p.absolute(plugins.TrimRoot(ev.Root))
		e := jsonEvent{
			Seq: ev.Seq, Operation: ev.Op.String(), Dir: ev.Dir,
			Path: path, PathBase64: exact(path), LocalPath: root, LocalPathBase64: exact(root),
		}
		if ev.Op != plugins.Deleted {
			e.stat(path)
		}
		m.Events = append(m.Events, e)
	}
	body, err := json.Marshal(m)
	return p.target, body, err
}

// exact is the base64 form of what JSON cannot hold.
func exact(s string) string {
	if utf8.ValidString(s) {
		return ""
	}
	return base64.StdEncoding.EncodeToString([]byte(s))
}

// stat fills in what the disk says now; a path that has gone meanwhile gets an
// event of its own.
func (e *jsonEvent) stat(path string) {
	info, err := os.Lstat(path)
	if err != nil {
		return
	}
	mtime := info.ModTime().UTC()
	e.MTime = &mtime
	if info.Mode().IsRegular() {
		size := info.Size()
		e.Size = &size
	}
}

// encodeURLs is the list of public addresses that CDN interfaces take.
func encodeURLs(p *poster, batch []plugins.Event) (string, []byte, error) {
	urls := make([]string, 0, len(batch))
	for _, ev := range batch {
		urls = append(urls, p.public(ev))
	}
	body, err := json.Marshal(map[string][]string{p.key: urls})
	return p.target, body, err
}

// encodePurge asks for the public address itself, with the method PURGE.
func encodePurge(p *poster, batch []plugins.Event) (string, []byte, error) {
	return p.public(batch[0]), nil, nil
}

// public is the address under which a path is served; a directory's ends in a
// slash.
func (p *poster) public(ev plugins.Event) string {
	var b strings.Builder
	b.WriteString(p.base)
	for name := range strings.SplitSeq(ev.Path, "/") {
		b.WriteByte('/')
		b.WriteString(url.PathEscape(name))
	}
	if ev.Dir && ev.Path != "" {
		b.WriteByte('/')
	}
	return b.String()
}

// absolute completes a path below a relative watch path.
func (p *poster) absolute(path string) string {
	if strings.HasPrefix(path, "/") || (path == "" && p.dir == "") {
		return path
	}
	if path == "" {
		// The watch path was "/" and lost its slash.
		return "/"
	}
	return strings.TrimSuffix(p.dir, "/") + "/" + path
}
