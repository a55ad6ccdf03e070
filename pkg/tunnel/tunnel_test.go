package tunnel

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/internal/testkit"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == Option {
		os.Exit(Connect())
	}
	testkit.Main(m)
}

// serve answers each connection with the line it gets, in upper case.
func serve(t *testing.T, conf *tls.Config) (address string) {
	t.Helper()
	raw, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener := raw
	if conf != nil {
		listener = tls.NewListener(raw, conf)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				if conf == nil {
					_, _ = io.WriteString(conn, "@RSYNCD: 31.0\n")
				}
				in := bufio.NewReader(conn)
				for {
					line, err := in.ReadString('\n')
					if err != nil {
						return
					}
					_, _ = io.WriteString(conn, strings.ToUpper(line))
				}
			}()
		}
	}()
	t.Cleanup(func() {
		_ = raw.Close()
		<-ended
	})
	return raw.Addr().String()
}

// server is a TLS configuration with a certificate.
func server(t *testing.T, c testkit.Certificate) *tls.Config {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(c.File, c.Key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}}
}

// say sends a line and returns the answer.
func say(ctx context.Context, w Way, address, line string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	conn, err := w.Dial(ctx, address)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, line+"\n")
	answer, err := bufio.NewReader(conn).ReadString('\n')
	return strings.TrimSpace(answer), err
}

func TestDial(t *testing.T) {
	ca, other := testkit.NewAuthority(t, "CA of the test"), testkit.NewAuthority(t, "other CA")
	good := ca.Good("server.example", "127.0.0.1")
	client := ca.Good("client")
	foreign := other.Good("client")
	open := filepath.Join(t.TempDir(), "open")
	text, err := os.ReadFile(client.Key)
	if err == nil {
		err = os.WriteFile(open, text, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	mutual := server(t, good)
	mutual.ClientAuth, mutual.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
	pem, err := os.ReadFile(ca.File)
	if err != nil || !mutual.ClientCAs.AppendCertsFromPEM(pem) {
		t.Fatal(err)
	}
	mutual12 := mutual.Clone()
	mutual12.MaxVersion = tls.VersionTLS12
	old := server(t, good)
	old.MaxVersion = tls.VersionTLS11

	way := Way{ServerName: "server.example", CA: ca.File}
	own := Way{ServerName: "server.example", CA: ca.File, Certificate: client.File, Key: client.Key}
	tests := []struct {
		name   string
		way    Way
		server *tls.Config
		want   string // a part of the error; empty: the connection works
	}{
		{"good", way, server(t, good), ""},
		{"address", Way{ServerName: "127.0.0.1", CA: ca.File}, server(t, good), ""},
		{"own certificate", own, mutual, ""},
		{"own certificate, TLS 1.2", own, mutual12, ""},
		{"another name", Way{ServerName: "other.example", CA: ca.File}, server(t, good), `certificate is for "server.example", "127.0.0.1" and not for other.example`},
		{"another authority", Way{ServerName: "server.example", CA: other.File}, server(t, good), `certificate signed by an unknown authority: "CN=CA of the test"`},
		{"the system's authorities", Way{ServerName: "server.example"}, server(t, good), "certificate signed by an unknown authority"},
		{"expired", way, server(t, ca.Issue(-2*time.Hour, -time.Hour, "server.example")), "certificate expired on 20"},
		{"not valid yet", way, server(t, ca.Issue(time.Hour, 2*time.Hour, "server.example")), "certificate not valid before 20"},
		{"no own certificate", way, mutual, "the remote refuses: tls: certificate required"},
		{"no own certificate, TLS 1.2", way, mutual12, "the remote refuses: tls: "},
		{"own certificate of another authority", Way{ServerName: "server.example", CA: ca.File, Certificate: foreign.File, Key: foreign.Key}, mutual, "the remote refuses: tls: "},
		{"an old TLS", way, old, "the remote refuses: tls: protocol version not supported"},
		{"no TLS at all", way, nil, "no TLS is spoken there"},
		{"no authority's file", Way{ServerName: "x", CA: "/nonexistent/ca"}, nil, "file /nonexistent/ca cannot be read: no such file or directory"},
		{"an authority's file without one", Way{ServerName: "x", CA: good.Key}, nil, "holds no certificate"},
		{"no key", Way{ServerName: "x", CA: ca.File, Certificate: client.File}, nil, "holds no key"},
		{"another key", Way{ServerName: "x", CA: ca.File, Certificate: client.File, Key: good.Key}, nil, "does not fit"},
		{"an open key", Way{ServerName: "x", CA: ca.File, Certificate: client.File, Key: open}, nil, "can be read by others"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := say(t.Context(), tt.way, serve(t, tt.server), "hello")
			switch {
			case tt.want == "" && (err != nil || got != "HELLO"):
				t.Errorf("%q, %v", got, err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), prefix) || strings.Contains(err.Error(), "\n")):
				t.Errorf("%q, %v; want %q", got, err, tt.want)
			}
		})
	}
}

// TestConnect runs the connect program as rsync does: by a shell, with a socket as standard input
// and output. A path of the program that a shell would execute is harmless.
func TestConnect(t *testing.T) {
	ca := testkit.NewAuthority(t, "CA")
	address := serve(t, server(t, ca.Good("server.example")))
	program := filepath.Join(t.TempDir(), "a '\"$(touch planted)`touch planted`; b")
	self, err := os.Executable()
	if err == nil {
		err = os.Symlink(self, program)
	}
	if err != nil {
		t.Fatal(err)
	}
	run := func(w Way, line string) (string, string) {
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		ours, theirs := os.NewFile(uintptr(pair[0]), "ours"), os.NewFile(uintptr(pair[1]), "theirs")
		defer ours.Close()
		env := w.Environment(program, address)
		text, _ := strings.CutPrefix(env[0], "RSYNC_CONNECT_PROG=")
		cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", text)
		cmd.Dir = t.TempDir()
		cmd.Env = append(os.Environ(), env...)
		var stderr strings.Builder
		cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs, theirs, &stderr
		err = cmd.Start()
		_ = theirs.Close()
		if err != nil {
			t.Fatal(err)
		}
		answer := ""
		if line != "" {
			_, _ = io.WriteString(ours, line)
			answer, _ = bufio.NewReader(ours).ReadString('\n')
		}
		_ = ours.Close()
		_ = cmd.Wait()
		if testkit.Exists(cmd.Dir + "/planted") {
			t.Error("a shell has executed a part of the program's path")
		}
		return answer, stderr.String()
	}
	if got, said := run(Way{ServerName: "server.example", CA: ca.File}, "hello\n"); got != "HELLO\n" || said != "" {
		t.Errorf("%q, %s", got, said)
	}
	// rsync is killed while the remote is silent: the connect program ends without waiting for the
	// remote.
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	served := address
	address = silent.Addr().String()
	if _, said := run(Way{ServerName: "server.example", CA: ca.File}, ""); !strings.Contains(said, "canceled") {
		t.Errorf("the connect program has waited for a silent remote: %s", said)
	}
	address = served
	got, said := run(Way{ServerName: "$(touch planted)", CA: ca.File}, "hello\n")
	if got != "" || !strings.HasPrefix(said, "sersync tls: certificate is for") || strings.Count(said, "\n") != 1 {
		t.Errorf("%q, %s", got, said)
	}
}

// TestShellText: the text that the shell sees contains nothing that a user has chosen.
func TestShellText(t *testing.T) {
	a := Way{ServerName: "a", CA: "/ca"}.Environment("/usr/bin/sersync", "a:874")
	b := Way{ServerName: "$(b)", Key: "%H"}.Environment("/opt/`x`", "b:1")
	if a[0] != b[0] || strings.ContainsAny(a[0], "%`(;|&") {
		t.Errorf("%q and %q", a[0], b[0])
	}
}
