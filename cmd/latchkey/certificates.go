package main

import (
	"crypto/tls"
	"os"
	"sync"
	"time"
)

// certificates serves a certificate from two files and reads them anew when they change, so that a renewed certificate
// needs no restart. A broken renewal keeps the old certificate.
type certificates struct {
	cert, key string
	now       func() time.Time

	mu       sync.Mutex
	loaded   *tls.Certificate
	modified time.Time
	checked  time.Time
}

// recheck is how often the files are looked at, at most.
const recheck = 30 * time.Second

func loadCertificates(cert, key string, now func() time.Time) (*certificates, error) {
	c := &certificates{cert: cert, key: key, now: now}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, err
	}
	c.loaded, c.modified, c.checked = &pair, modifiedAt(cert), now()
	return c, nil
}

func modifiedAt(path string) time.Time {
	stat, err := os.Stat(path)
	if err != nil {
		return time.Time{}
	}
	return stat.ModTime()
}

// get hands out the certificate for a handshake.
func (c *certificates) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at := c.now(); at.Sub(c.checked) >= recheck {
		c.checked = at
		if modified := modifiedAt(c.cert); !modified.Equal(c.modified) {
			if pair, err := tls.LoadX509KeyPair(c.cert, c.key); err == nil {
				c.loaded, c.modified = &pair, modified
			}
		}
	}
	return c.loaded, nil
}

// config is the server's side of TLS.
func (c *certificates) config() *tls.Config {
	return &tls.Config{GetCertificate: c.get, MinVersion: minTLS}
}

// tls is the server's side of TLS, nil where a proxy ends it.
func (s settings) tls() *tls.Config {
	if s.certs == nil {
		return nil
	}
	return s.certs.config()
}
