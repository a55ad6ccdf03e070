package statuspage

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"sync"
	"time"

	"github.com/sersync/sersync/pkg/status"
	"github.com/sersync/sersync/pkg/words"
	"go.uber.org/zap"
)

//go:embed page
var page embed.FS

// asset is one embedded file.
type asset struct {
	body []byte
	kind string
	etag string
}

// assets maps URL paths to the embedded files.
func assets() map[string]asset {
	kinds := map[string]string{
		".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8",
		".css": "text/css; charset=utf-8", ".svg": "image/svg+xml",
	}
	out := map[string]asset{}
	entries, err := fs.ReadDir(page, "page")
	if err != nil {
		panic(err) // the directory is compiled in
	}
	add := func(name string, body []byte) {
		sum := sha256.Sum256(body)
		url := "/" + name
		if name == "index.html" {
			url = "/"
		}
		out[url] = asset{body, kinds[path.Ext(name)], `"` + hex.EncodeToString(sum[:8]) + `"`}
	}
	for _, e := range entries {
		body, err := fs.ReadFile(page, "page/"+e.Name())
		if err != nil {
			panic(err) // the file is compiled in
		}
		add(e.Name(), body)
	}
	add("said.js", words.Script)
	return out
}

// cache shares one snapshot, and its JSON forms, among all requests of CacheTime. One request asks
// the source, the others wait for it.
type cache struct {
	source Source

	mu     sync.Mutex
	at     time.Time
	snap   status.Snapshot
	bodies [4][]byte // JSON by form; nil: not yet made
}

func (c *cache) refreshLocked() {
	if !c.at.IsZero() && time.Since(c.at) < CacheTime {
		return
	}
	c.snap = c.source.Snapshot()
	c.snap.Names = true
	c.bodies = [4][]byte{}
	c.at = time.Now()
}

// drop makes the next request ask the source again.
func (c *cache) drop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = time.Time{}
}

func (c *cache) snapshot() status.Snapshot {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refreshLocked()
	return c.snap
}

func (c *cache) json(names, brief bool) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refreshLocked()
	i := 0
	if names {
		i = 1
	}
	if brief {
		i += 2
	}
	if c.bodies[i] != nil {
		return c.bodies[i], nil
	}
	s := c.snap
	if !names {
		s = s.Redacted()
	}
	if brief {
		s = s.Brief()
	}
	b, err := status.Encode(s)
	if err != nil {
		return nil, fmt.Errorf("status: %w", err)
	}
	c.bodies[i] = append(b, '\n')
	return c.bodies[i], nil
}

// handler answers everything for one listener.
func (s *Server) handler(a access) http.Handler {
	mux := http.NewServeMux()
	for url, f := range s.files {
		if url == "/" {
			url = "/{$}"
		}
		mux.HandleFunc("GET "+url, f.serve)
	}
	mux.HandleFunc("GET /healthz", s.health)
	mux.HandleFunc("GET /readyz", s.ready)
	mux.HandleFunc("GET /api/status", func(w http.ResponseWriter, r *http.Request) { s.status(w, r, a) })
	s.inquiries(mux, a)
	metrics := s.metrics()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		if _, ok := a.names(w, r); ok {
			metrics.ServeHTTP(w, r)
		}
	})
	if a.unix {
		for _, v := range status.Verbs() {
			mux.HandleFunc("POST /api/"+string(v), func(w http.ResponseWriter, r *http.Request) { s.act(w, r, v) })
		}
	}
	return a.guard(mux)
}

func (f asset) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("ETag", f.etag)
	h.Set("Cache-Control", "no-cache")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.body))
}

func (s *Server) health(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("ok\n")) // a client that is gone needs no answer
}

func (s *Server) ready(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	text := "ready\n"
	if !s.cache.snapshot().Ready {
		w.WriteHeader(http.StatusServiceUnavailable)
		text = "not ready: watches are still being added\n"
	}
	_, _ = w.Write([]byte(text)) // a client that is gone needs no answer
}

func (s *Server) status(w http.ResponseWriter, r *http.Request, a access) {
	names, ok := a.names(w, r)
	if !ok {
		return
	}
	body, err := s.cache.json(names, r.URL.Query().Has("brief"))
	if err != nil {
		s.log.Error("status cannot be encoded", zap.Error(err))
		fail(w, http.StatusInternalServerError, "status cannot be encoded")
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_, _ = w.Write(body) // a client that is gone needs no answer
}

// act accepts JSON only: a page of another site cannot send that without asking the server first
// (CORS).
func (s *Server) act(w http.ResponseWriter, r *http.Request, v status.Verb) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		fail(w, http.StatusUnsupportedMediaType, "send application/json")
		return
	}
	var req status.Request
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&req); err != nil {
		fail(w, http.StatusBadRequest, `send {"lane": "ID"} with an id from /api/status, or {} for all lanes`)
		return
	}
	if s.opts.Actions == nil {
		fail(w, http.StatusNotImplemented, "this program takes no actions")
		return
	}
	err := s.opts.Actions.Do(r.Context(), v, req.Lane)
	s.cache.drop() // who asks next wants to see what it has done
	s.log.Info("operator action", zap.String("action", string(v)), zap.String("lane", req.Lane), zap.Error(err))
	switch {
	case err == nil:
		reply(w, http.StatusAccepted, map[string]string{"accepted": string(v)})
	case errors.Is(err, status.ErrUnknownLane):
		fail(w, http.StatusNotFound, err.Error())
	case errors.Is(err, context.Canceled):
		fail(w, http.StatusServiceUnavailable, "the program is stopping")
	default:
		fail(w, http.StatusConflict, err.Error())
	}
}

// fail answers with {"error": text}.
func fail(w http.ResponseWriter, code int, text string) {
	reply(w, code, map[string]string{"error": text})
}

func reply(w http.ResponseWriter, code int, v map[string]string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v) // a client that is gone needs no answer
}

// clientLog logs what net/http says about broken clients, at debug level only, because any local
// user can cause that at will.
type clientLog struct{ log *zap.Logger }

func (c clientLog) Write(p []byte) (int, error) {
	c.log.Debug("connection of a client failed", zap.ByteString("said", bytes.TrimSpace(p)))
	return len(p), nil
}
