package testkit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

// pack is a package of Debian's archive with its digest for each architecture.
type pack struct {
	path string // its place in the archive's pool, without the architecture
	sums map[string]string
}

// DebianRsync are the old releases of rsync in Debian's archive, which run beside the one of this
// host.
type DebianRsync struct {
	Version string
	packs   []pack
}

// These are the releases of Debian 11 and 12. That of Debian 12 has security patches, so it refuses
// some things that 3.2.7 accepts as published.
var (
	Bullseye = DebianRsync{"3.2.3", []pack{
		{"r/rsync/rsync_3.2.3-4+deb11u1", map[string]string{
			"amd64": "2ba613ac761266dcfc8518b06c257c790c4d02ea311163829871dc38fbf08ba0",
			"arm64": "799e6b04a1c23b5a32763519d3ef72d3a910c812f29755def4babff4f272bbae",
		}},
		{"o/openssl/libssl1.1_1.1.1w-0+deb11u1", map[string]string{
			"amd64": "aadf8b4b197335645b230c2839b4517aa444fd2e8f434e5438c48a18857988f7",
			"arm64": "fe7a7d313c87e46e62e614a07137e4a476a79fc9e5aab7b23e8235211280fee3",
		}},
	}}
	Bookworm = DebianRsync{"3.2.7-1+deb12u6", []pack{
		{"r/rsync/rsync_3.2.7-1+deb12u6", map[string]string{
			"amd64": "ce99de6b36cbb62dc614a73463e467f2c1ef509545a9a2b33cab19b50530b672",
			"arm64": "217a855088547e384e67c3a3ff2f8f57b159f9f829be1f78d552b3da15796484",
		}},
	}}
)

const debianPool = "https://deb.debian.org/debian/pool/main/"

// Install unpacks the release into a directory of the test and returns its program. The download is
// kept in the user's cache. Where the archive cannot be reached, the files can be put into the
// cache by hand.
func (r DebianRsync) Install(t testing.TB) (program string) {
	t.Helper()
	dir := t.TempDir()
	OpenToAll(t, dir)
	for _, p := range r.packs {
		out, err := exec.Command("dpkg-deb", "-x", p.file(t), dir).CombinedOutput()
		if err != nil {
			t.Fatalf("dpkg-deb: %v\n%s", err, out)
		}
	}
	program = filepath.Join(dir, "rsync")
	libraries, err := filepath.Glob(dir + "/usr/lib/*-linux-gnu*")
	must(t, err)
	script := "#!/bin/sh\n"
	if len(libraries) > 0 {
		script += "export LD_LIBRARY_PATH=" + libraries[0] + "\n"
	}
	WriteProgram(t, program, script+"exec "+dir+"/usr/bin/rsync \"$@\"\n")
	return program
}

// file is the package in the cache, downloaded if it is not there already.
func (p pack) file(t testing.TB) string {
	t.Helper()
	want, known := p.sums[runtime.GOARCH]
	if !known {
		t.Fatalf("no digest of %s for %s", p.path, runtime.GOARCH)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	name := path.Base(p.path) + "_" + runtime.GOARCH + ".deb"
	file := filepath.Join(cache, "sersync-test", name)
	if b, err := os.ReadFile(file); err == nil && sum(b) == want {
		return file
	}
	b, err := download(debianPool + p.path + "_" + runtime.GOARCH + ".deb")
	if err != nil {
		t.Fatalf("%v; put the package at %s", err, file)
	}
	if got := sum(b); got != want {
		t.Fatalf("%s has the digest %s, want %s", name, got, want)
	}
	must(t, os.MkdirAll(filepath.Dir(file), 0o755))
	temp, err := os.CreateTemp(filepath.Dir(file), "*") // other tests may download the same file
	must(t, err)
	_, err = io.Copy(temp, bytes.NewReader(b))
	must(t, err)
	must(t, temp.Close())
	must(t, os.Rename(temp.Name(), file))
	return file
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

func download(url string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	defer http.DefaultClient.CloseIdleConnections() // goroutines of idle connections would outlive the test
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	a, err := http.DefaultClient.Do(q)
	if err != nil {
		return nil, err
	}
	defer a.Body.Close()
	if a.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", url, a.Status)
	}
	return io.ReadAll(a.Body)
}
