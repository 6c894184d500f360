// A Schema Registry for tests: franz-go's srfake, an implementation of the registry's API that is
// not ours, behind a listener of its own, with TLS and with what a test wants to go wrong.
//
//	registry --address 127.0.0.1:0 [--auth user:password] [--tls DIRECTORY]
//	         [--seed FILE] [--log FILE]
//
// Prints its address when it listens. --tls makes certificates in the directory (ca.pem,
// client.pem with its key) and lets in only who shows one of them. --seed: JSON lines
// {"subject", "version", "id", "schema", "type", "references"}, so that a restart keeps its ids.
package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"flag"
	"fmt"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"
)

type seed struct {
	Subject    string               `json:"subject"`
	Version    int                  `json:"version"`
	ID         int                  `json:"id"`
	Schema     string               `json:"schema"`
	Type       sr.SchemaType        `json:"type"`
	References []sr.SchemaReference `json:"references"`
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func plant(registry *srfake.Registry, path string) {
	file, err := os.Open(path)
	must(err)
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var one seed
		must(json.Unmarshal(lines.Bytes(), &one))
		registry.SeedSchema(one.Subject, one.Version, one.ID,
			sr.Schema{Schema: one.Schema, Type: one.Type, References: one.References})
	}
	must(lines.Err())
}

func writePEM(path string, blocks ...*pem.Block) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	must(err)
	for _, block := range blocks {
		must(pem.Encode(file, block))
	}
	must(file.Close())
}

// certify makes a key and a certificate, signed by the parent or by itself.
func certify(template, parent *x509.Certificate, signer *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	template.NotBefore = time.Now().Add(-time.Hour)
	template.NotAfter = time.Now().Add(24 * time.Hour)
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	must(err)
	certificate, err := x509.ParseCertificate(der)
	must(err)
	return certificate, key
}

func tlsConfig(directory string) *tls.Config {
	authority, signer := certify(&x509.Certificate{SerialNumber: big.NewInt(1),
		Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign}, nil, nil)
	server, serverKey := certify(&x509.Certificate{SerialNumber: big.NewInt(2),
		Subject: pkix.Name{CommonName: "registry"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}, authority, signer)
	client, clientKey := certify(&x509.Certificate{SerialNumber: big.NewInt(3),
		Subject:     pkix.Name{CommonName: "client"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, authority, signer)
	der, err := x509.MarshalPKCS8PrivateKey(clientKey)
	must(err)
	writePEM(filepath.Join(directory, "ca.pem"), &pem.Block{Type: "CERTIFICATE", Bytes: authority.Raw})
	writePEM(filepath.Join(directory, "client.pem"), &pem.Block{Type: "CERTIFICATE", Bytes: client.Raw},
		&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	pool := x509.NewCertPool()
	pool.AddCert(authority)
	return &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{server.Raw}, PrivateKey: serverKey}},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    pool,
	}
}

// logged writes "METHOD path" for each request, so that a test can count them.
func logged(inner http.Handler, path string) http.Handler {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	must(err)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(file, "%s %s\n", r.Method, r.URL.Path)
		inner.ServeHTTP(w, r)
	})
}

func main() {
	address := flag.String("address", "127.0.0.1:0", "host:port")
	auth := flag.String("auth", "", "user:password")
	secure := flag.String("tls", "", "directory for certificates")
	seeds := flag.String("seed", "", "file of schemas to begin with")
	logPath := flag.String("log", "", "file of requests")
	flag.Parse()
	var options []srfake.Option
	if *auth != "" {
		options = append(options, srfake.WithAuth("Basic "+base64.StdEncoding.EncodeToString([]byte(*auth))))
	}
	registry := srfake.NewRegistry(options...)
	if *seeds != "" {
		plant(registry, *seeds)
	}
	handler := registry.Handler()
	if *logPath != "" {
		handler = logged(handler, *logPath)
	}
	listener, err := net.Listen("tcp", *address)
	must(err)
	scheme := "http"
	if *secure != "" {
		listener = tls.NewListener(listener, tlsConfig(*secure))
		scheme = "https"
	}
	fmt.Printf("%s://%s\n", scheme, listener.Addr())
	log.Fatal(http.Serve(listener, handler))
}
