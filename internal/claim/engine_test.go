package claim_test

import (
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"sync"
	"testing"

	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/store"
)

// server is where worlds are databases of a PostgreSQL server, which then has an empty one to copy; elsewhere they are files. With it
// these tests run on the second engine too (cmd/latchkey, TestAttacksOnPostgreSQL).
func server() string { return os.Getenv("LATCHKEY_TEST_WORLDS") }

// databases are those of this process on the server. One that a test has done with is emptied for the next.
var databases struct {
	sync.Mutex
	made int
	free []string
}

// on is where a world is: the file of the options, or a database of its own.
func on(t testing.TB, o store.Options) store.Options {
	t.Helper()
	if server() == "" {
		return o
	}
	databases.Lock()
	defer databases.Unlock()
	name := ""
	if n := len(databases.free); n > 0 {
		name, databases.free = databases.free[n-1], databases.free[:n-1]
	} else {
		databases.made++
		name = fmt.Sprintf("world_%d_%d", os.Getpid(), databases.made)
		tell(t, "postgres", "CREATE DATABASE "+name+" TEMPLATE latchkey_empty")
	}
	t.Cleanup(func() {
		tell(t, name, `DO $$ DECLARE name TEXT; BEGIN
			FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'goose_db_version'
			LOOP EXECUTE 'DELETE FROM ' || name; END LOOP; END $$`)
		databases.Lock()
		defer databases.Unlock()
		databases.free = append(databases.free, name)
	})
	o.Path, o.DSN = "", placeOf(t, name)
	return o
}

// inFile is a place for tests that look into the file, or write to it in words of SQLite's.
func inFile(_ testing.TB, o store.Options) store.Options { return o }

// raw is the world's database for SQL past the store.
func raw(t testing.TB, o store.Options) *sql.DB {
	t.Helper()
	driver, address := "sqlite", o.Path
	if o.DSN != "" {
		driver, address = "pgx", o.DSN
	}
	db, err := sql.Open(driver, address)
	must(t, err)
	return db
}

func placeOf(t testing.TB, database string) string {
	t.Helper()
	address, err := url.Parse(server())
	if err != nil {
		t.Fatal(err)
	}
	address.Path = "/" + database
	return address.String()
}

func tell(t testing.TB, database, statement string) {
	t.Helper()
	db, err := sql.Open("pgx", placeOf(t, database))
	if err == nil {
		defer db.Close()
		_, err = db.Exec(statement)
	}
	if err != nil {
		t.Errorf("%s: %v", statement, err)
	}
}

// unraised is an account to compare. On a server an event about an account raises its version, so that changes of one account exclude
// each other there (store, Tx.raise).
func unraised(a customer.Account) customer.Account {
	if server() != "" {
		a.Version = 0
	}
	return a
}
