package redis_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// authority is a certificate authority and a certificate of it for the loopback address, as files.
type authority struct{ dir, file, certificate, key string }

var testAuthority *authority

func newAuthority() *authority {
	dir, err := os.MkdirTemp("", "authority")
	must(err)
	a := &authority{dir: dir, file: filepath.Join(dir, "ca.pem"), certificate: filepath.Join(dir, "server.pem"), key: filepath.Join(dir, "server.key")}

	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey)
	must(err)
	write(a.file, "CERTIFICATE", caDER)

	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "redis"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, ca, &key.PublicKey, caKey)
	must(err)
	write(a.certificate, "CERTIFICATE", der)
	keyDER, err := x509.MarshalECPrivateKey(key)
	must(err)
	write(a.key, "EC PRIVATE KEY", keyDER)
	return a
}

func write(file, kind string, der []byte) {
	must(os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// client trusts the authority.
func (a *authority) client() *tls.Config {
	pool := x509.NewCertPool()
	file, err := os.ReadFile(a.file)
	must(err)
	pool.AppendCertsFromPEM(file)
	return &tls.Config{RootCAs: pool, ServerName: "127.0.0.1"}
}
