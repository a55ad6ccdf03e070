// Command socket receives what the socket plugin sends and prints each path on
// a line of its own, quoted.
//
// In the default form one connection is one path and nothing else: read to
// the end, act, close. With -lines it is the receiver for
// <deshost keepalive="true" ack="true">: one path per line, each answered with
// "ok" once it has been dealt with.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"
)

const (
	maxPath  = 64 << 10         // bytes; a longer message is no path
	patience = 30 * time.Second // how long a silent sender is waited for
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8009", "address to listen on")
	lines := flag.Bool("lines", false, "one path per line over a kept connection, each acknowledged")
	flag.Parse()
	if err := run(*listen, *lines); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(listen string, lines bool) error {
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "listening on", l.Addr())
	for {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		if lines {
			go serveLines(conn)
		} else {
			go serveOne(conn)
		}
	}
}

// handle is the place where a receiver does its work.
func handle(path string) {
	fmt.Printf("%q\n", path)
}

func serveOne(conn net.Conn) {
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return
	}
	path, err := io.ReadAll(io.LimitReader(conn, maxPath))
	if err != nil {
		// The sender has not closed the connection: it will send the path again.
		return
	}
	handle(string(path))
}

func serveLines(conn net.Conn) {
	defer conn.Close()
	lines := bufio.NewScanner(conn)
	lines.Buffer(nil, maxPath)
	// In a line, \n stands for a newline of the name, and \\ for a backslash.
	unescape := strings.NewReplacer(`\\`, `\`, `\n`, "\n")
	for lines.Scan() {
		handle(unescape.Replace(lines.Text()))
		if _, err := io.WriteString(conn, "ok\n"); err != nil {
			return
		}
	}
}
