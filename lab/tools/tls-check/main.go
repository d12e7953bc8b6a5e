// Tls-check tells what Go's own TLS makes of certificates: whether a server loads them, as the registry does, and
// whether a client accepts the server, as containerd and Docker do. It reads cases from its input and writes an
// answer for each, both as JSON.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"time"
)

// A question is a server's certificate and key, and what its client knows. With an address the server is one that
// runs there already, and has its certificate and key by itself.
type question struct {
	Certificate string
	Key         string
	Address     string
	Roots       string
	Name        string
	Time        time.Time
}

// An answer holds the error of each half; an empty text means that it works.
type answer struct {
	Server string
	Client string
}

const patience = 5 * time.Second

func main() {
	var questions []question
	if err := json.NewDecoder(os.Stdin).Decode(&questions); err != nil {
		fail(err)
	}
	answers := make([]answer, len(questions))
	for i, asked := range questions {
		answers[i] = asked.ask()
	}
	if err := json.NewEncoder(os.Stdout).Encode(answers); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func (q question) ask() answer {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(q.Roots)) {
		return answer{Client: "no root can be read"}
	}
	// Clients are older and newer ones.
	versions := []uint16{tls.VersionTLS12, tls.VersionTLS13}
	if q.Address != "" {
		for _, version := range versions {
			if err := q.dial(q.client(roots, version)); err != nil {
				return answer{Client: err.Error()}
			}
		}
		return answer{}
	}
	pair, err := tls.X509KeyPair([]byte(q.Certificate), []byte(q.Key))
	if err != nil {
		return answer{Server: err.Error()}
	}
	for _, version := range versions {
		if err := meet(pair, q.client(roots, version)); err != nil {
			return answer{Client: err.Error()}
		}
	}
	return answer{}
}

func (q question) client(roots *x509.CertPool, version uint16) *tls.Config {
	return &tls.Config{
		RootCAs:    roots,
		ServerName: q.Name,
		Time:       func() time.Time { return q.Time },
		MinVersion: version,
		MaxVersion: version,
	}
}

func (q question) dial(config *tls.Config) error {
	dialer := &net.Dialer{Timeout: patience}
	connection, err := tls.DialWithDialer(dialer, "tcp", q.Address, config)
	if err != nil {
		return err
	}
	return connection.Close()
}

// Meet lets a client and a server shake hands in memory, and gives the first error of the two.
func meet(pair tls.Certificate, client *tls.Config) error {
	near, far := net.Pipe()
	defer near.Close()
	deadline := time.Now().Add(patience)
	if err := errors.Join(near.SetDeadline(deadline), far.SetDeadline(deadline)); err != nil {
		return err
	}
	served := make(chan error, 1)
	go func() {
		server := tls.Server(far, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12})
		served <- server.Handshake()
		far.Close()
	}()
	if err := tls.Client(near, client).Handshake(); err != nil {
		near.Close()
		<-served
		return err
	}
	// In TLS 1.3 the server sends tickets after its handshake: read them, so that it does not wait.
	go func() {
		buffer := make([]byte, 4096)
		for {
			if _, err := near.Read(buffer); err != nil {
				return
			}
		}
	}()
	return <-served
}
