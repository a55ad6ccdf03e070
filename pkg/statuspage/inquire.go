package statuspage

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/sersync/sersync/pkg/status"
	"go.uber.org/zap"
)

// Inquiries answers what an operator looks for. Its methods may be called by
// several goroutines. status.ErrUnknownLane answers an id that is none,
// status.ErrNoRoot a path that no watch root has.
type Inquiries interface {
	// Where asks the remotes for one path, in a time that ctx bounds.
	Where(ctx context.Context, path string) (status.Whereabouts, error)
	// Pending is at most limit of what waits, of one lane or, with an empty id,
	// of all.
	Pending(lane string, limit int) (status.Pending, error)
	// Detail is all about one lane; names tells whether path names are wanted.
	Detail(lane string, names bool) (status.Detail, error)
}

// questionTime is how long the remotes may take to tell where a path is: less than
// a request may.
const questionTime = requestTimeout - 2*time.Second

// inquiries adds the handlers of questions to one listener.
func (s *Server) inquiries(mux *http.ServeMux, a access) {
	mux.HandleFunc("GET /api/lane", func(w http.ResponseWriter, r *http.Request) {
		if names, ok := a.names(w, r); ok && s.answers(w) {
			d, err := s.opts.Inquiries.Detail(r.FormValue("lane"), names)
			if !names {
				d = d.Redacted()
			}
			s.answer(w, d, err)
		}
	})
	mux.HandleFunc("GET /api/pending", func(w http.ResponseWriter, r *http.Request) {
		if s.namesOnly(w, r, a) {
			limit, err := strconv.Atoi(r.FormValue("limit"))
			if err != nil || limit <= 0 {
				limit = status.DefaultPending
			}
			p, err := s.opts.Inquiries.Pending(r.FormValue("lane"), min(limit, status.PendingLimit))
			s.answer(w, p, err)
		}
	})
	mux.HandleFunc("GET /api/where", func(w http.ResponseWriter, r *http.Request) {
		if s.namesOnly(w, r, a) {
			ctx, cancel := context.WithTimeout(r.Context(), questionTime)
			defer cancel()
			found, err := s.opts.Inquiries.Where(ctx, r.FormValue("path"))
			s.answer(w, found, err)
		}
	})
}

// answers tells whether questions are answered, and refuses the request if not.
func (s *Server) answers(w http.ResponseWriter) bool {
	if s.opts.Inquiries == nil {
		fail(w, http.StatusNotImplemented, "this program answers no questions")
	}
	return s.opts.Inquiries != nil
}

// namesOnly tells whether the request may see path names, and refuses it if not: the answer would
// show which paths exist.
func (s *Server) namesOnly(w http.ResponseWriter, r *http.Request, a access) bool {
	names, ok := a.names(w, r)
	if ok && !names {
		w.Header().Set("WWW-Authenticate", `Bearer realm="sersync"`)
		fail(w, http.StatusUnauthorized, "questions about path names need the token from <host tokenfile>: Authorization: Bearer TOKEN")
	}
	return ok && names && s.answers(w)
}

// answer writes what was found, or why nothing was.
func (s *Server) answer(w http.ResponseWriter, found any, err error) {
	switch {
	case errors.Is(err, status.ErrUnknownLane), errors.Is(err, status.ErrNoRoot):
		fail(w, http.StatusNotFound, err.Error())
		return
	case err != nil:
		fail(w, http.StatusConflict, err.Error())
		return
	}
	b, err := json.Marshal(found)
	if err != nil {
		s.log.Error("answer cannot be encoded", zap.Error(err))
		fail(w, http.StatusInternalServerError, "the answer cannot be encoded")
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_, _ = w.Write(append(b, '\n')) // a client that is gone needs no answer
}
