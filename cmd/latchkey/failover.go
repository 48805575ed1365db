package main

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/latchkey-id/latchkey/internal/partner"
)

// postgres reads the address of a database. Unless told otherwise it insists on the server's certificate: who stands
// between a node and its database can give himself any account.
func (r *reader) postgres() {
	if r.c.Database == "" {
		if r.c.DatabaseFailover != "" {
			r.wrong("database-failover", "is set without a database", "a file has nothing that takes over; set --database, or leave it out")
		}
		return
	}
	const remedy = "use a form like postgres://latchkey@db.example.org/latchkey"
	u, err := url.Parse(r.c.Database)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		r.wrong("database", "is not an address of a PostgreSQL database", remedy) // not shown: it may have a password inside
		return
	}
	if _, inside := u.User.Password(); inside || u.Query().Has("password") {
		r.wrong("database", "has the password inside", "put it into a file that only the server's user can read and set --database-password-file")
		return
	}
	if password, _, found := r.secretFile("database-password-file", r.c.DatabasePasswordFile, "database-password", "name the file that holds the password"); found {
		u.User = url.UserPassword(u.User.Username(), strings.TrimSpace(password))
	}
	q := u.Query()
	hosts := strings.Split(either(u.Host, q.Get("host")), ",")
	switch inside := !slices.ContainsFunc(hosts, outside); {
	case inside || q.Get("sslmode") == "verify-full":
	case q.Get("sslmode") == "":
		q.Set("sslmode", "verify-full")
		u.RawQuery = q.Encode()
	default:
		r.s.warnings = append(r.s.warnings, fmt.Sprintf("database: sslmode=%s takes any server for the database; use verify-full", q.Get("sslmode")))
	}
	if wanted := q.Get("target_session_attrs"); wanted != "" && wanted != "read-write" && wanted != "primary" {
		r.wrong("database", "asks for a server that need not be the primary: target_session_attrs="+wanted, "leave it out: a standby shows a token as alive for some time after it has ended")
	}
	r.failover(len(hosts) > 1)
	r.s.database = u.String()
}

// outside reports whether a host of a database's address, with its port or not, is beyond this machine.
func outside(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return host != "" && host[0] != '/' && !partner.Loopback(host)
}

// failover reads what takes over when the database's server fails. An address of several servers says that one does.
func (r *reader) failover(several bool) {
	switch r.c.DatabaseFailover {
	case "":
		r.s.failover = several
	case "synchronous":
		r.s.failover = true
	case "external":
	case "none":
		if several {
			r.s.warnings = append(r.s.warnings, "database-failover: none, but the address names several servers; one that takes over may lack what was answered with success")
		}
	default:
		r.wrong("database-failover", fmt.Sprintf("%q is not a way", r.c.DatabaseFailover), "use none, synchronous or external")
	}
}
