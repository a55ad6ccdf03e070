// Command http is a receiver for the http plugin: it prints each path on a line of its own, quoted.
// It understands the default form (one path per request) and format="json" (many paths). Answer 2xx
// only for paths that have been dealt with: after any other answer sersync sends the paths again.
package main

import (
	"crypto/subtle"
	"encoding/json"
	"flag"
	"fmt"
	"mime"
	"net"
	"net/http"
	"os"
	"time"
)

const maxBody = 8 << 20 // bytes

// event is one path of a JSON request.
type event struct {
	Seq        uint64 `json:"seq"`
	Operation  string `json:"operation"` // change or delete
	Path       string `json:"path"`
	PathBase64 []byte `json:"path_base64"` // the exact bytes of a path that is not UTF-8
	LocalPath  string `json:"localpath"`
	Dir        bool   `json:"dir"`
	Size       int64  `json:"size"`
	MTime      string `json:"mtime"`
}

func main() {
	listen := flag.String("listen", "127.0.0.1:8080", "address to listen on")
	token := flag.String("token", os.Getenv("TOKEN"), "bearer token that senders must show; none if empty")
	flag.Parse()
	if err := run(*listen, *token); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(listen, token string) error {
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "listening on", l.Addr())
	server := &http.Server{Handler: receiver(token), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute}
	return server.Serve(l)
}

// handle is the place where a receiver does its work.
func handle(path, operation string) {
	fmt.Printf("%s %q\n", operation, path)
}

func receiver(token string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		want := "Bearer " + token
		if token != "" && subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), []byte(want)) != 1 {
			http.Error(w, "wrong token", http.StatusUnauthorized)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if err == nil && kind == "application/json" {
			err = receiveJSON(r)
		} else {
			err = receiveForm(r)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
}

func receiveForm(r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return err
	}
	path := r.PostForm.Get("inotifyPath")
	if path == "" {
		return fmt.Errorf("no field inotifyPath")
	}
	handle(path, "mask "+r.PostForm.Get("mask"))
	return nil
}

func receiveJSON(r *http.Request) error {
	var body struct {
		Events []event `json:"events"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return err
	}
	for _, e := range body.Events {
		if e.PathBase64 != nil {
			e.Path = string(e.PathBase64)
		}
		handle(e.Path, e.Operation)
	}
	return nil
}
