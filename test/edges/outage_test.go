package edges

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/hub/identity"
	"github.com/sersync/sersync/pkg/stream"
	"github.com/sersync/sersync/pkg/stream/dial"
	"github.com/sersync/sersync/pkg/transport"
)

// noise is a content that cannot be compressed.
func noise(size int) string {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	return string(b)
}

// tries publishes paths once and returns the result.
func (s *scene) tries(names ...string) transport.Result {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), patience)
	defer cancel()
	trip, err := s.pub.Do(ctx, transport.Call{Batch: transport.Batch{Kind: transport.Send}, Names: names})
	if err != nil {
		s.Fatal(err)
	}
	return trip.Result
}

// A hub whose disk is full reports that with a remedy, and the messages that it has delivered stay.
// Once there is space everything arrives, without further help.
func TestHubDiskFull(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("needs root: it mounts a small disk")
	}
	var disk string
	s := newSceneOn(t, 64<<20, func(base string) {
		disk = base + "/hub"
		if err := os.Mkdir(disk, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := unix.Mount("tmpfs", disk, "tmpfs", 0, "size=96m,mode=700"); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = unix.Unmount(disk, unix.MNT_DETACH) })
	})
	e := s.add("one", s.base+"/one/tree", "", "")
	s.put("kept", "1")
	s.equal()
	var st unix.Statfs_t
	if err := unix.Statfs(disk, &st); err != nil {
		t.Fatal(err)
	}
	s.write(disk+"/ballast", strings.Repeat("x", int(int64(st.Bavail)*st.Bsize)-10<<20), 0o600)
	var names []string
	var last transport.Result
	s.await("the hub has no room", func() bool {
		name := fmt.Sprintf("f%d", len(names))
		names = append(names, name)
		s.write(s.source+"/"+name, noise(60<<10), 0o644)
		last = s.tries(name)
		return last.Class == transport.Trouble
	})
	defer func() {
		if t.Failed() {
			t.Logf("the source was told last: %+v", last)
		}
	}()
	s.await("the source is told why", func() bool {
		last = s.tries(names...)
		return last.Reason == dial.NoRoom || last.Reason == "the hub stores nothing at the moment"
	})
	if last.Class != transport.Trouble || !strings.Contains(last.Remedy, "disk") {
		t.Errorf("%+v", last)
	}
	if _, err := os.Stat(e.dir + "/kept"); err != nil {
		t.Error("what the edge had is gone:", err)
	}
	if err := os.Remove(disk + "/ballast"); err != nil {
		t.Fatal(err)
	}
	s.publish(transport.Send, names...)
	s.put("after", "2")
	s.equal()
}

// cluster is three servers in this process.
type cluster struct {
	servers []*server.Server
	options []*server.Options
	url     string
}

func newCluster(s *scene, key string) *cluster {
	s.Helper()
	c := &cluster{}
	var routes, urls []string
	var ports [3][2]int
	for i := range ports {
		ports[i] = [2]int{testkit.FreePort(s.T), testkit.FreePort(s.T)}
		routes = append(routes, fmt.Sprintf(`"nats://127.0.0.1:%d"`, ports[i][1]))
		urls = append(urls, fmt.Sprintf("nats://127.0.0.1:%d", ports[i][0]))
	}
	c.url = strings.Join(urls, ",")
	for i := range ports {
		o := &server.Options{NoSigs: true}
		text := fmt.Sprintf(`listen: "127.0.0.1:%d", server_name: n%d, jetstream: {store_dir: "%s/n%d", max_memory_store: 0, max_file_store: 2G},
cluster: {name: c, listen: "127.0.0.1:%d", routes: [%s]}, authorization: {users: [{nkey: %s}]}`, ports[i][0], i, s.base, i, ports[i][1], strings.Join(routes, ","), key)
		if err := o.ProcessConfigString(text); err != nil {
			s.Fatal(err)
		}
		c.options = append(c.options, o)
		c.servers = append(c.servers, nil)
		c.start(s, i)
	}
	s.Cleanup(func() {
		for i := range c.servers {
			c.stop(i)
		}
	})
	return c
}

func (c *cluster) start(s *scene, i int) {
	s.Helper()
	one, err := server.NewServer(c.options[i].Clone())
	if err != nil {
		s.Fatal(err)
	}
	one.Start()
	c.servers[i] = one
}

func (c *cluster) stop(i int) {
	if c.servers[i] != nil {
		c.servers[i].Shutdown()
		c.servers[i].WaitForShutdown()
		c.servers[i] = nil
	}
}

// leader is the number of the server that leads the stream.
func (c *cluster) leader(s *scene) int {
	s.Helper()
	number := -1
	s.await("the stream has a leader", func() bool {
		ctx, cancel := context.WithTimeout(s.Context(), 10*time.Second)
		defer cancel()
		conn, err := dial.Connect(ctx, s.way())
		if err != nil {
			return false
		}
		defer conn.Close()
		js, err := jetstream.New(conn)
		if err != nil {
			return false
		}
		found, err := js.Stream(ctx, stream.Name("www"))
		if err != nil || found.CachedInfo().Cluster == nil {
			return false
		}
		_, err = fmt.Sscanf(found.CachedInfo().Cluster.Leader, "n%d", &number)
		return err == nil
	})
	return number
}

// In a cluster of three servers the leader of the stream is killed, twice, while the source
// publishes. Nothing is lost, and edges go on with the other servers.
func TestClusterLosesItsLeader(t *testing.T) {
	t.Parallel()
	s := newBareScene(t)
	seed, public, err := identity.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	s.creds = s.base + "/key"
	s.write(s.creds, seed, 0o600)
	c := newCluster(s, public)
	s.url = c.url
	s.replicas = 3
	s.open(64 << 20)
	s.put("before", "1")
	s.add("one", s.base+"/one/tree", "", "")
	s.add("two", s.base+"/two/tree", "", "")
	s.equal()
	for round := range 2 {
		killed := c.leader(s)
		for n := range 40 {
			if n == 10 {
				c.stop(killed)
			}
			size := 2000
			if n%8 == 0 {
				size = 90_000
			}
			s.put(fmt.Sprintf("d%d/%d-%d", n%5, round, n), noise(size))
		}
		s.remove(fmt.Sprintf("d3/%d-3", round))
		s.equal()
		s.edges[round].end(syscall.SIGKILL)
		c.start(s, killed)
		s.put(fmt.Sprintf("later%d", round), "2")
		s.edges[round].start()
		s.equal()
	}
}
