package demo

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	_ "modernc.org/sqlite" // what the server keeps its file with

	"github.com/latchkey-id/latchkey/internal/secret"
)

// A Floor is no product: it is the least that a server of these operations could do, so that a measurement of it says what the
// machine allows. Clients are in memory and the rest in one SQLite file, which a single writer commits by group with
// synchronous=FULL; a code exchange and a refresh sign a token by ES256. It looks up no client, counts no limit, writes no audit,
// checks no challenge.
type Floor struct {
	db      *sql.DB
	conn    *sql.Conn
	jobs    chan floorJob
	stopped chan struct{}
	// begin, commit, insert and consume are the writer's, read is everybody's.
	begin, commit, insert, consume, read *sql.Stmt
	last                                 atomic.Int64
	client                               []byte
	keys                                 *secret.ReceiptKeys
	passwords                            *secret.Passwords
	now                                  func() time.Time
}

type floorJob struct {
	do   func() error
	done chan error
}

// The credentials of the one client of a floor.
const floorClient, floorSecret = "bench", "bench-secret-0123456789abcdef"

// floorGroup bounds a commit, as the server's own bound does.
const floorGroup = 128

// NewFloor makes a floor over a new file.
func NewFloor(ctx context.Context, path string, now func() time.Time) (*Floor, error) {
	f := &Floor{jobs: make(chan floorJob, 2*floorGroup), stopped: make(chan struct{}), client: secret.Hash(floorSecret),
		passwords: secret.NewPasswords(runtime.NumCPU(), 4096), now: now}
	var err error
	if f.keys, err = secret.NewReceiptKeys(now()); err != nil {
		return nil, err
	}
	if f.db, err = sql.Open("sqlite", "file:"+url.PathEscape(path)); err != nil {
		return nil, err
	}
	if err = f.prepare(ctx); err != nil {
		return nil, errors.Join(err, f.db.Close())
	}
	go f.write()
	return f, nil
}

func (f *Floor) prepare(ctx context.Context) (err error) {
	if f.conn, err = f.db.Conn(ctx); err != nil {
		return err
	}
	for _, text := range []string{"PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL",
		`CREATE TABLE tok (id INTEGER PRIMARY KEY, hash BLOB NOT NULL, kind TEXT NOT NULL, account TEXT NOT NULL, data TEXT NOT NULL,
			expires INTEGER NOT NULL, used INTEGER NOT NULL DEFAULT 0)`} {
		if _, err = f.conn.ExecContext(ctx, text); err != nil {
			return err
		}
	}
	for text, s := range map[string]**sql.Stmt{"BEGIN IMMEDIATE": &f.begin, "COMMIT": &f.commit,
		"INSERT INTO tok(id,hash,kind,account,data,expires) VALUES(?,?,?,?,?,?)": &f.insert,
		"UPDATE tok SET used=1 WHERE id=? AND hash=? AND used=0":                 &f.consume} {
		if *s, err = f.conn.PrepareContext(ctx, text); err != nil {
			return err
		}
	}
	f.read, err = f.db.PrepareContext(ctx, "SELECT account, expires FROM tok WHERE id=? AND hash=? AND used=0")
	return err
}

// Close ends the floor after its last request.
func (f *Floor) Close() error {
	close(f.jobs)
	<-f.stopped
	return errors.Join(f.conn.Close(), f.db.Close())
}

// write is the writer: what queued while the last commit ran goes into the next one.
func (f *Floor) write() {
	defer close(f.stopped)
	group := make([]floorJob, 0, floorGroup)
	for first := range f.jobs {
		group = append(group[:0], first)
		runtime.Gosched()
	gather:
		for len(group) < floorGroup {
			select {
			case job, more := <-f.jobs:
				if !more {
					break gather
				}
				group = append(group, job)
			default:
				break gather
			}
		}
		err := f.together(group)
		for _, job := range group {
			job.done <- err
		}
	}
}

func (f *Floor) together(group []floorJob) error {
	ctx := context.Background()
	if _, err := f.begin.ExecContext(ctx); err != nil {
		return err
	}
	for _, job := range group {
		if err := job.do(); err != nil {
			_, _ = f.conn.ExecContext(ctx, "ROLLBACK")
			return err
		}
	}
	_, err := f.commit.ExecContext(ctx)
	return err
}

func (f *Floor) durably(do func() error) error {
	job := floorJob{do, make(chan error, 1)}
	f.jobs <- job
	return <-job.done
}

// token draws a token: a number that is its key, and a secret of which the digest is kept.
func (f *Floor) token() (text string, number int64, digest []byte) {
	number, text = f.last.Add(1), secret.NewTokenSecret()
	text = strconv.FormatInt(number, 36) + "." + text
	return text, number, secret.Hash(text)
}

func floorKey(text string) (number int64, digest []byte) {
	head, _, _ := strings.Cut(text, ".")
	number, _ = strconv.ParseInt(head, 36, 64)
	return number, secret.Hash(text)
}

func (f *Floor) put(number int64, digest []byte, kind string) error {
	_, err := f.insert.ExecContext(context.Background(), number, digest, kind, "4410027",
		`{"scope":"account.read profiles.read","client":"bench","auth_time":1800000000}`, int64(1_900_000_000))
	return err
}

// one stores a single new token and answers it.
func (f *Floor) one(kind string) (string, error) {
	text, number, digest := f.token()
	return text, f.durably(func() error { return f.put(number, digest, kind) })
}

// Handler serves the floor's operations.
func (f *Floor) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", f.proven(f.tokens))
	mux.HandleFunc("POST /claim", f.proven(f.claim))
	mux.HandleFunc("POST /introspect", f.proven(f.introspect))
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) { floorAnswer(w, map[string]any{"ok": true}, nil) })
	mux.HandleFunc("GET /code", func(w http.ResponseWriter, _ *http.Request) {
		code, err := f.one("code")
		floorAnswer(w, map[string]any{"code": code}, err)
	})
	mux.HandleFunc("POST /password", func(w http.ResponseWriter, r *http.Request) {
		_, err := f.passwords.Hash(r.Context(), benchPassword)
		floorAnswer(w, map[string]any{"ok": true}, err)
	})
	return mux
}

// proven reads the form and the client's secret.
func (f *Floor) proven(next func(w http.ResponseWriter, r *http.Request)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id, given, sent := r.BasicAuth()
		if r.ParseForm() != nil || !sent || id != floorClient || !secret.Equal(f.client, secret.Hash(given)) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		next(w, r)
	}
}

func floorAnswer(w http.ResponseWriter, what map[string]any, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		what = map[string]any{"error": err.Error()}
	}
	_ = json.NewEncoder(w).Encode(what)
}

var errFloorUsed = errors.New("used or unknown")

func (f *Floor) tokens(w http.ResponseWriter, r *http.Request) {
	answer := map[string]any{"token_type": "bearer", "expires_in": 300}
	var err error
	switch r.PostForm.Get("grant_type") {
	case "client_credentials":
		answer["access_token"], err = f.one("access")
	case "authorization_code", "refresh_token":
		old, digest := floorKey(r.PostForm.Get("code") + r.PostForm.Get("refresh_token"))
		access, accessNumber, accessDigest := f.token()
		refresh, refreshNumber, refreshDigest := f.token()
		used := false // one that is used must not roll its neighbours back
		err = f.durably(func() error {
			done, err := f.consume.ExecContext(context.Background(), old, digest)
			if err != nil {
				return err
			}
			if n, err := done.RowsAffected(); err != nil || n != 1 {
				used = true
				return err
			}
			return errors.Join(f.put(accessNumber, accessDigest, "access"), f.put(refreshNumber, refreshDigest, "refresh"))
		})
		if err == nil && used {
			err = errFloorUsed
		}
		answer["access_token"], answer["refresh_token"] = access, refresh
		if err == nil {
			answer["id_token"], err = f.keys.Sign(f.now(), fmt.Appendf(nil, `{"iss":"http://127.0.0.1","sub":"4410027","aud":"bench","iat":%d,"jti":%q}`, f.now().Unix(), access[:8]))
		}
	default:
		err = errors.New("grant type")
	}
	floorAnswer(w, answer, err)
}

// claim is an account and its code.
func (f *Floor) claim(w http.ResponseWriter, _ *http.Request) {
	_, account, accountDigest := f.token()
	code, number, digest := f.token()
	err := f.durably(func() error {
		return errors.Join(f.put(account, accountDigest, "account"), f.put(number, digest, "claim"))
	})
	floorAnswer(w, map[string]any{"claimAccountCode": code}, err)
}

func (f *Floor) introspect(w http.ResponseWriter, r *http.Request) {
	number, digest := floorKey(r.PostForm.Get("token"))
	var account string
	var expires int64
	if err := f.read.QueryRowContext(r.Context(), number, digest).Scan(&account, &expires); err != nil {
		floorAnswer(w, map[string]any{"active": false}, nil)
		return
	}
	floorAnswer(w, map[string]any{"active": true, "sub": account, "client_id": floorClient, "exp": expires, "scope": "account.read"}, nil)
}
