// Package identity makes, at a hub's first start, what keeps others from impersonating or using the
// hub: an authority with the certificate of the server, and the keys of the source and of the
// administrator. Each is a file in the hub's directory.
package identity

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/nats-io/nkeys"

	"github.com/sersync/sersync/pkg/safefile"
)

// The files in a hub's directory.
const (
	CA        = "ca.pem"     // to be given to sources and edges
	Cert      = "server.pem" // of the server
	CertKey   = "server.key"
	SourceKey = "source.nk" // to be given to the source
	AdminKey  = "admin.nk"  // of sersync-hub's own commands

	caKey = "ca.key"

	validFor = 20 * 365 * 24 * time.Hour
	// backdated allows for edges whose clocks are late.
	backdated = 24 * time.Hour
	maxFile   = 64 << 10
)

// Make makes what is missing in the directory. names are the host names and addresses
// under which the server is reached: a certificate that lacks one of them is made
// again, by the same authority.
func Make(dir string, names []string) error {
	ca, signer, err := authority(dir)
	if err != nil {
		return err
	}
	if covers(filepath.Join(dir, Cert), names) {
		return nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make the server's key: %w", err)
	}
	t := template("sersync-hub")
	t.KeyUsage, t.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else {
			t.DNSNames = append(t.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, t, ca, key.Public(), signer)
	if err != nil {
		return fmt.Errorf("sign the server's certificate: %w", err)
	}
	// The key is written first, so that a certificate always has its key beside it.
	if err := writeKey(filepath.Join(dir, CertKey), key); err != nil {
		return err
	}
	return writePEM(filepath.Join(dir, Cert), "CERTIFICATE", der, 0o644)
}

func template(name string) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)) // never fails
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-backdated), NotAfter: now.Add(validFor),
		BasicConstraintsValid: true,
	}
}

// authority reads the hub's authority, or makes it.
func authority(dir string) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	certFile, keyFile := filepath.Join(dir, CA), filepath.Join(dir, caKey)
	cert, certErr := readPEM(certFile)
	key, _, keyErr := safefile.ReadSecret(keyFile, maxFile)
	switch {
	case errors.Is(certErr, fs.ErrNotExist):
		return makeAuthority(certFile, keyFile)
	case certErr != nil:
		return nil, nil, certErr
	case keyErr != nil:
		return nil, nil, fmt.Errorf("key of the authority: %w", keyErr)
	}
	block, _ := pem.Decode(key)
	if block == nil {
		return nil, nil, fmt.Errorf("%s holds no key; bring it back from a backup, or remove %s to make a new authority, which all edges then need", keyFile, certFile)
	}
	signer, err := x509.ParseECPrivateKey(block.Bytes)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", keyFile, err)
	}
	return cert, signer, nil
}

func makeAuthority(certFile, keyFile string) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("make the authority's key: %w", err)
	}
	t := template("sersync-hub authority")
	t.IsCA, t.MaxPathLenZero, t.KeyUsage = true, true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	if err != nil {
		return nil, nil, fmt.Errorf("make the authority: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, nil, fmt.Errorf("make the authority: %w", err)
	}
	if err := writeKey(keyFile, key); err != nil {
		return nil, nil, err
	}
	return cert, key, writePEM(certFile, "CERTIFICATE", der, 0o644)
}

// covers tells whether a certificate exists and is valid for long enough and for all names.
func covers(file string, names []string) bool {
	cert, err := readPEM(file)
	if err != nil || time.Until(cert.NotAfter) < validFor/20 {
		return false
	}
	return !slices.ContainsFunc(names, func(name string) bool { return cert.VerifyHostname(name) != nil })
}

func readPEM(file string) (*x509.Certificate, error) {
	data, err := safefile.ReadTrusted(file, maxFile)
	if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, fmt.Errorf("%s holds no certificate", file)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return cert, nil
}

func writeKey(file string, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	return writePEM(file, "EC PRIVATE KEY", der, 0o600)
}

func writePEM(file, kind string, der []byte, mode os.FileMode) error {
	return safefile.WriteAtomic(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), mode)
}

// Key is the public key of the seed in a file, which is made when it is missing.
func Key(file string) (public string, err error) {
	seed, _, err := safefile.ReadSecret(file, maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		var made string
		if made, public, err = NewKey(); err != nil {
			return "", err
		}
		return public, safefile.WriteAtomic(file, []byte(made+"\n"), 0o600)
	}
	if err != nil {
		return "", fmt.Errorf("key: %w", err)
	}
	pair, err := nkeys.FromSeed(trim(seed))
	if err != nil {
		return "", fmt.Errorf("key %s: %w; remove it to have another one made", file, err)
	}
	return pair.PublicKey()
}

func trim(seed []byte) []byte {
	for len(seed) > 0 && seed[len(seed)-1] <= ' ' {
		seed = seed[:len(seed)-1]
	}
	return seed
}

// NewKey makes a key for a user: the secret seed and the public key.
func NewKey() (seed, public string, err error) {
	pair, err := nkeys.CreateUser()
	if err != nil {
		return "", "", fmt.Errorf("make a key: %w", err)
	}
	secret, err := pair.Seed()
	if err != nil {
		return "", "", fmt.Errorf("make a key: %w", err)
	}
	public, err = pair.PublicKey()
	return string(secret), public, err
}
