package webhook

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sersync/sersync/pkg/plugins"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestSend: what each answer means, and that no error shows the secrets of an address.
func TestSend(t *testing.T) {
	c := New(Options{Timeout: 10 * time.Second, Parallel: 1})
	defer c.Close()
	send := func(url string) (string, error) {
		got, err := c.Send(t.Context(), Request{Method: http.MethodPost, URL: url, Body: []byte("x"), Done: []int{http.StatusNotFound}})
		return string(got), err
	}
	for name, tt := range map[string]struct {
		answer         http.HandlerFunc
		fails, rejects bool
		delay          time.Duration
	}{
		"taken":          {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "yes") }, false, false, 0},
		"nothing left":   {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) }, false, false, 0},
		"rejected":       {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(400) }, true, true, 0},
		"no access":      {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(403) }, true, false, 0},
		"down":           {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(502) }, true, false, 0},
		"asks for pause": {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Retry-After", "7"); w.WriteHeader(429) }, true, false, 7 * time.Second},
		"elsewhere": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "https://other.example/secret4?secret5")
			w.WriteHeader(302)
		}, true, true, 0},
		"breaks off": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, true, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(tt.answer)
			defer server.Close()
			got, err := send(strings.Replace(server.URL, "://", "://user:secret1@", 1) + "/services/secret2?token=secret3")
			var rejected *RejectedError
			if (err != nil) != tt.fails || errors.As(err, &rejected) != tt.rejects || plugins.RetryDelay(err) != tt.delay {
				t.Errorf("%q, %v, delay %v", got, err, plugins.RetryDelay(err))
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("a secret stands in %v", err)
			}
		})
	}
	if _, err := send("http://127.0.0.1:1/secret"); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("no server listens: %v", err)
	}
	if _, err := send("http://\x7f/secret"); !plugins.IsPermanent(err) || strings.Contains(err.Error(), "secret") {
		t.Errorf("no address: %v", err)
	}
}

func TestParseURL(t *testing.T) {
	for _, good := range []string{"http://h/x", "https://h:8443/x?y", "http://[::1]:80/"} {
		if _, err := ParseURL(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"", "h/x", "ftp://h/x", "http:///x", "http://h/x#y", "http://h:0/", "http://h:99999/", "http://h:x/secret"} {
		if _, err := ParseURL(bad); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
