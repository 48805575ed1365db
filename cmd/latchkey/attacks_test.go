package main

import (
	"database/sql"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey/internal/secret"
	"github.com/latchkey-id/latchkey/internal/store"
)

// TestAttacksOnPostgreSQL runs the tests of claim, api and web once more with every world on PostgreSQL: the attacks, the journey by
// pages, the races and the refusals are those of the first engine, word for word. Whether a commit lasts is not what is looked for
// here, so the server lies in memory where there is such a place.
func TestAttacksOnPostgreSQL(t *testing.T) {
	fullRun(t)
	t.Parallel()
	parent := ""
	if place, err := os.Stat("/dev/shm"); err == nil && place.IsDir() {
		parent = "/dev/shm"
	}
	c := newClusterIn(t, parent, "max_connections=300")
	emptyTemplate(t, c)
	for _, suite := range []string{"claim", "api", "web"} {
		t.Run(suite, func(t *testing.T) {
			tests := exec.Command("go", "test", "-v", "-count=1", "-timeout", "15m", "./internal/"+suite)
			tests.Dir = filepath.Join("..", "..")
			tests.Env = append(os.Environ(), "LATCHKEY_TEST_WORLDS="+c.dsn(), "LATCHKEY_FULL=")
			out, err := tests.CombinedOutput()
			passed := regexp.MustCompile(`(?m)^ *--- PASS: `).FindAllString(string(out), -1)
			if err != nil || len(passed) < 100 {
				t.Fatalf("%v, %d passed\n%s", err, len(passed), failures(string(out)))
			}
			var left []string
			for _, m := range regexp.MustCompile(`(?m)^ *--- SKIP: (\S+)`).FindAllStringSubmatch(string(out), -1) {
				left = append(left, m[1])
			}
			// The long variants are played on the first engine only; .ci/report prints this line.
			t.Logf("%d tests of %s passed on PostgreSQL, %d not played there: %s", len(passed), suite, len(left), strings.Join(left, " "))
		})
	}
	if made := c.count("SELECT sum(xact_commit)::bigint FROM pg_stat_database"); made < 50_000 {
		t.Errorf("only %d transactions on the server: the test does not do what it says", made)
	}
}

// failures is what "go test -v" said but for the names of tests that began, paused or passed.
func failures(out string) string {
	return regexp.MustCompile(`(?m)^(=== (RUN|PAUSE|CONT|NAME) | *--- PASS: ).*\n`).ReplaceAllString(out, "")
}

// emptyTemplate is a database after all migrations, bound to no keys yet, to be copied for each world.
func emptyTemplate(t *testing.T, c *cluster) {
	t.Helper()
	c.ask("CREATE DATABASE latchkey_empty")
	keys, err := secret.NewKeys(map[int][]byte{1: secret.GenerateMaster()})
	if err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(t.Context(), store.Options{DSN: c.address("latchkey_empty"), Keys: keys, Now: now})
	if err == nil {
		err = db.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	raw, err := sql.Open("pgx", c.address("latchkey_empty"))
	if err == nil {
		_, err = raw.Exec("DELETE FROM master_key")
		err = errors.Join(err, raw.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}
