package main

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// tarball makes the .tar.gz and returns its name. What belongs elsewhere on a
// system lies below root/.
func (r release) tarball(arch string, c contents) (string, error) {
	list, err := c.portable()
	if err != nil {
		return "", err
	}
	if err := check(list); err != nil {
		return "", err
	}
	base := fmt.Sprintf("%s-%s-linux-%s", c.product.name, r.version, arch)
	f, err := os.Create(filepath.Join(r.out, base+".tar.gz"))
	if err != nil {
		return "", err
	}
	z := gzip.NewWriter(f)
	t := tar.NewWriter(z)
	for _, e := range list {
		if err = r.add(t, path.Join(base, e.target), e); err != nil {
			break
		}
	}
	if err := errors.Join(err, t.Close(), z.Close(), f.Close()); err != nil {
		return "", err
	}
	return base + ".tar.gz", nil
}

func (r release) add(t *tar.Writer, name string, e entry) error {
	h := &tar.Header{Name: name, Mode: int64(e.mode), ModTime: r.time, Uname: "root", Gname: "root"}
	if e.kind == link {
		h.Typeflag, h.Linkname = tar.TypeSymlink, e.source
		return t.WriteHeader(h)
	}
	f, err := os.Open(e.source)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // only read
	info, err := f.Stat()
	if err != nil {
		return err
	}
	h.Typeflag, h.Size = tar.TypeReg, info.Size()
	if err := t.WriteHeader(h); err != nil {
		return err
	}
	_, err = io.Copy(t, f)
	return err
}

// writeSums writes SHA256SUMS in the form that sha256sum -c reads.
func writeSums(dir string, names []string) error {
	var b strings.Builder
	slices.Sort(names)
	for _, name := range names {
		sum, err := fileSum(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%s  %s\n", sum, name)
	}
	return os.WriteFile(filepath.Join(dir, "SHA256SUMS"), []byte(b.String()), 0o644)
}

func fileSum(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close() //nolint:errcheck // only read
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
