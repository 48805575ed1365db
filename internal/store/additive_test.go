package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// The only forms that a migration may have. Nodes are replaced one by one, so that the release before serves on the new schema: it
// must find every table and column that it names, and what it writes, without a word about what is new, must be taken.
var (
	madeTable  = regexp.MustCompile(`^CREATE TABLE (\w+) \(`)
	madeIndex  = regexp.MustCompile(`^CREATE INDEX \w+ ON \w+ \(`)
	madeUnique = regexp.MustCompile(`^CREATE UNIQUE INDEX (\w+) ON (\w+) \(`)
	madeColumn = regexp.MustCompile(`^ALTER TABLE \w+ ADD COLUMN \w+ (\S+)(.*)$`)
	lostIndex  = regexp.MustCompile(`^DROP INDEX (\w+)$`)
	filledRows = regexp.MustCompile(`^UPDATE \w+ SET `)
)

// harm says what in a migration would harm the release before. tables are those that this migration makes, which nobody uses yet;
// unique are the unique indexes so far.
func harm(text string, unique map[string]bool) (found []string) {
	var plain []string
	for line := range strings.Lines(text) {
		if line, _, _ = strings.Cut(line, "--"); strings.TrimSpace(line) != "" {
			plain = append(plain, strings.TrimSpace(line))
		}
	}
	own := map[string]bool{}
	for statement := range strings.SplitSeq(strings.Join(plain, " "), ";") {
		if statement = strings.TrimSpace(statement); statement == "" {
			continue
		}
		say := func(what string) { found = append(found, what+": "+statement) }
		forms := []*regexp.Regexp{madeTable, madeIndex, madeUnique, madeColumn, lostIndex, filledRows}
		switch i := slices.IndexFunc(forms, func(r *regexp.Regexp) bool { return r.MatchString(statement) }); i {
		case 0:
			own[madeTable.FindStringSubmatch(statement)[1]] = true
		case 1, 5:
		case 2:
			m := madeUnique.FindStringSubmatch(statement)
			if unique[m[1]] = true; !own[m[2]] {
				say("the release before knows nothing of a new rule for its own table")
			}
		case 3:
			m := madeColumn.FindStringSubmatch(statement)
			if rest := " " + m[2] + " "; strings.Contains(rest, " NOT NULL ") && !strings.Contains(rest, " DEFAULT ") {
				say("the release before writes rows without the new column")
			} else if strings.Contains(rest, "CHECK") || strings.Contains(rest, "REFERENCES") || strings.Contains(rest, "UNIQUE") {
				say("the release before knows nothing of a new rule for its own table")
			}
		case 4:
			if name := lostIndex.FindStringSubmatch(statement)[1]; unique[name] {
				say("the release before relies on what the index refuses")
			}
		default:
			say("not one of the forms that leave the release before alone")
		}
	}
	return found
}

// TestMigrationsLeaveTheReleaseBeforeAlone reads every migration that there is and that will be.
func TestMigrationsLeaveTheReleaseBeforeAlone(t *testing.T) {
	t.Parallel()
	names, err := fs.Glob(migrations, "migrations/*.sql")
	must(t, err)
	unique := map[string]bool{}
	for _, name := range names {
		text, err := fs.ReadFile(migrations, name)
		must(t, err)
		for _, found := range harm(string(text), unique) {
			t.Errorf("%s: %s; add, fill, and only a release later take away", filepath.Base(name), found)
		}
	}
	if len(names) < 15 || len(unique) < 5 {
		t.Errorf("%d migrations and %d unique indexes: the test does not read them", len(names), len(unique))
	}
}

// TestHarmfulMigrationsAreSeen: each form that would break the release before is told from those that would not.
func TestHarmfulMigrationsAreSeen(t *testing.T) {
	t.Parallel()
	for _, good := range []string{
		"CREATE TABLE boat (id {{key}} PRIMARY KEY,\n  name TEXT NOT NULL -- a comment; with a semicolon\n);\nCREATE UNIQUE INDEX boat_name ON boat (name);",
		"ALTER TABLE account ADD COLUMN boat BIGINT NOT NULL DEFAULT 0;", "ALTER TABLE account ADD COLUMN boat {{bytes}};",
		"CREATE INDEX account_boat ON account (boat);", "DROP INDEX account_boat;", "UPDATE account SET boat = 1 WHERE boat = 0;",
	} {
		if found := harm(good, map[string]bool{"taken": true}); found != nil {
			t.Errorf("%s: %v", good, found)
		}
	}
	for _, bad := range []string{
		"DROP TABLE account;", "ALTER TABLE account DROP COLUMN hold;", "ALTER TABLE account RENAME COLUMN hold TO held;", "ALTER TABLE account RENAME TO accounts;",
		"ALTER TABLE account ADD COLUMN boat BIGINT NOT NULL;", "ALTER TABLE account ADD COLUMN boat BIGINT NOT NULL DEFAULT 0 CHECK (boat > 0);",
		"ALTER TABLE account ADD COLUMN boat BIGINT REFERENCES boat (id);", "ALTER TABLE account ALTER COLUMN hold SET NOT NULL;",
		"CREATE UNIQUE INDEX account_hold ON account (hold);", "DROP INDEX taken;", "DELETE FROM account;", "TRUNCATE account;", "SET lock_timeout = 0;",
		"CREATE TRIGGER t BEFORE INSERT ON account EXECUTE FUNCTION f();", "CREATE TABLE boat (id BIGINT); DROP TABLE account;",
	} {
		if found := harm(bad, map[string]bool{"taken": true}); len(found) != 1 {
			t.Errorf("%s: %v", bad, found)
		}
	}
}

// TestStatementsNameTheirColumns: an INSERT without the names of its columns, and a SELECT of all of them, break when a migration of
// the next release adds one.
func TestStatementsNameTheirColumns(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	must(t, err)
	blind := regexp.MustCompile(`(?i)\bSELECT (\w+\.)?\*|\bINSERT INTO \w+ (VALUES|SELECT)\b|RETURNING \*`)
	read := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		must(t, err)
		read += strings.Count(string(text), "INSERT INTO")
		for n, line := range strings.Split(string(text), "\n") {
			if blind.MatchString(line) {
				t.Errorf("%s:%d: %s", name, n+1, strings.TrimSpace(line))
			}
		}
	}
	if read < 12 {
		t.Errorf("only %d INSERTs were read", read)
	}
}

// TestTheNextReleaseMigratesBesideUs: a node of this release has the database open while one of the next migrates it with every
// form that is allowed, on every table; both then read and write, and a third of this release is told that it is too old.
func TestTheNextReleaseMigratesBesideUs(t *testing.T) {
	dsn := postgresTest(t)
	db := openTest(t, dsn)
	withAccount(t, db, owner, "owner@example.org")
	var next strings.Builder
	next.WriteString("-- +goose Up\nCREATE TABLE next_release (id {{key}} PRIMARY KEY, name TEXT NOT NULL);\n")
	tables := ask(t, dsn, "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND tablename <> 'goose_db_version' ORDER BY 1")
	for _, table := range tables {
		fmt.Fprintf(&next, "ALTER TABLE %s ADD COLUMN next_release BIGINT NOT NULL DEFAULT 0;\nALTER TABLE %s ADD COLUMN next_bytes {{bytes}};\nCREATE INDEX %s_next ON %s (next_release);\n",
			table, table, table, table)
	}
	if found := harm(next.String(), map[string]bool{}); found != nil {
		t.Fatalf("the test's migration is not one: %v", found)
	}
	newer := fstest.MapFS{"99999_next.sql": {Data: []byte(next.String())}}
	names, err := fs.Glob(migrations, "migrations/*.sql")
	must(t, err)
	for _, name := range names {
		text, err := fs.ReadFile(migrations, name)
		must(t, err)
		newer[filepath.Base(name)] = &fstest.MapFile{Data: text}
	}
	before := outcomes(t, db) // which prepares every statement
	must(t, migrateTo(t.Context(), db.engine, typed{newer, db.engine.types}, false))
	tried := outcomes(t, db)
	for name, was := range before {
		if tried[name] != was {
			t.Errorf("%s: %s before the migration, %s after it", name, was, tried[name])
		}
	}
	withAccount(t, db, owner+1, "next@example.org")
	worked := 0
	for _, was := range before {
		if was == "<nil>" {
			worked++
		}
	}
	if len(tables) < 25 || worked < 40 {
		t.Errorf("%d tables and %d methods that worked: the test does not do what it says", len(tables), worked)
	}
	if _, err := Open(t.Context(), at(t, dsn)); err == nil || !strings.Contains(err.Error(), "99999") {
		t.Errorf("a node of this release: %v", err)
	}
}

// outcomes calls every method of Tx, each in a transaction that is rolled back, and says what came of it.
func outcomes(t *testing.T, db *DB) map[string]string {
	t.Helper()
	back := errors.New("roll back")
	all := map[string]string{}
	for name := range everyMethod(t) {
		err := db.write(t.Context(), func(tx *Tx) error {
			err := everyMethod(t)[name](tx)
			if tx.failed != nil {
				return tx.failed
			}
			all[name] = fmt.Sprint(err)
			return back
		})
		if !errors.Is(err, back) {
			all[name] = fmt.Sprint(err)
		}
	}
	return all
}
