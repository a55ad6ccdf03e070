// Command build makes the packages of a release: .deb, .rpm and .tar.gz for
// every architecture, a software bill of materials for each, and SHA256SUMS.
//
//	go run . -out ../../dist
//
// It is a module of its own, so that what packs the program is no dependency
// of the program. Two runs over one commit give the same bytes: all times are
// those of the commit, or of SOURCE_DATE_EPOCH.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// release is what is being built. It is immutable.
type release struct {
	tree    string // root of the source tree
	out     string // where the results go
	version string
	time    time.Time // of every file in the packages
}

func main() {
	out := flag.String("out", "../../dist", "directory for the packages")
	tree := flag.String("tree", "../..", "root of the source tree")
	version := flag.String("version", "", "version; default: the newest in CHANGELOG.md")
	archs := flag.String("arch", "amd64,arm64", "architectures, as GOARCH names them")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *tree, *out, *version, strings.Split(*archs, ",")); err != nil {
		fmt.Fprintln(os.Stderr, "build:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, tree, out, version string, archs []string) error {
	r, err := newRelease(ctx, tree, out, version)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(r.out, 0o755); err != nil {
		return err
	}
	var made []string
	for _, arch := range archs {
		for _, p := range products {
			names, err := r.pack(ctx, p, arch)
			if err != nil {
				return fmt.Errorf("%s for %s: %w", p.name, arch, err)
			}
			made = append(made, names...)
		}
	}
	return writeSums(r.out, made)
}

func newRelease(ctx context.Context, tree, out, version string) (release, error) {
	r := release{version: version}
	var err error
	if r.tree, err = filepath.Abs(tree); err != nil {
		return r, err
	}
	if r.out, err = filepath.Abs(out); err != nil {
		return r, err
	}
	if version == "" {
		text, err := os.ReadFile(filepath.Join(r.tree, "CHANGELOG.md"))
		if err != nil {
			return r, err
		}
		if r.version, err = newestVersion(string(text)); err != nil {
			return r, err
		}
	}
	r.time, err = releaseTime(ctx, r.tree)
	return r, err
}

var heading = regexp.MustCompile(`(?m)^## (\d+\.\d+\.\d+)\b`)

// newestVersion is the first version heading of the change log.
func newestVersion(changelog string) (string, error) {
	m := heading.FindStringSubmatch(changelog)
	if m == nil {
		return "", errors.New("CHANGELOG.md has no heading \"## X.Y.Z\": add one, or give -version")
	}
	return m[1], nil
}

// releaseTime is SOURCE_DATE_EPOCH (reproducible-builds.org), or the time of
// the commit.
func releaseTime(ctx context.Context, tree string) (time.Time, error) {
	text := os.Getenv("SOURCE_DATE_EPOCH")
	if text == "" {
		b, err := exec.CommandContext(ctx, "git", "-C", tree, "log", "-1", "--format=%ct").Output()
		if err != nil {
			return time.Time{}, fmt.Errorf("time of the commit: %w; set SOURCE_DATE_EPOCH outside a git tree", err)
		}
		text = string(b)
	}
	seconds, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("time of the release: %w", err)
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// pack makes everything of one program for one architecture and returns the names of the
// files made.
func (r release) pack(ctx context.Context, p product, arch string) ([]string, error) {
	work, err := os.MkdirTemp("", "sersync-packages")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(work) //nolint:errcheck // below the system's directory for temporary files
	binary := filepath.Join(work, p.name)
	if err := r.compile(ctx, p, arch, binary); err != nil {
		return nil, err
	}
	licenses := filepath.Join(work, "THIRD_PARTY_LICENSES")
	if err := r.collectLicenses(ctx, binary, licenses); err != nil {
		return nil, err
	}
	sbom, err := r.writeSBOM(p.name, binary, arch)
	if err != nil {
		return nil, err
	}
	names := []string{sbom}
	for _, format := range []string{"deb", "rpm"} {
		name, err := r.native(format, arch, contents{r.tree, binary, licenses, format, p})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", format, err)
		}
		names = append(names, name)
	}
	name, err := r.tarball(arch, contents{r.tree, binary, licenses, "tar", p})
	if err != nil {
		return nil, fmt.Errorf("tar.gz: %w", err)
	}
	return append(names, name), nil
}

// compile builds the program without cgo: one static file for every Linux.
func (r release) compile(ctx context.Context, p product, arch, to string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", to,
		"-ldflags", "-s -w -X github.com/sersync/sersync/pkg/cli.version="+r.version, "./cmd/"+p.name)
	cmd.Dir = r.tree
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}
