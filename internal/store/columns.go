package store

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/latchkey-id/latchkey/internal/partner"
)

// table holds the SQL texts of a noun's table, written from one list of its columns, so that no statement forgets one.
// The first column is id, the last is version.
type table struct {
	name string
	// all is the list of columns, for SELECT.
	all string
	// find selects one row by its id; insert and update take the values of all columns. update raises the version from
	// the one before.
	find, insert, update string
	// turn is update without some columns, and turns which of all it takes; see sparing.
	turn  string
	turns []int
	// backed is find with what stands behind the row; see withBehind.
	backed string
}

func newTable(name string, columns ...string) table {
	t := table{name: name, all: strings.Join(columns, ", ")}
	t.find = "SELECT " + t.all + " FROM " + name + " WHERE id = $1"
	var marks []string
	for i := range columns {
		marks = append(marks, fmt.Sprintf("$%d", i+1))
	}
	t.insert = "INSERT INTO " + name + " (" + t.all + ") VALUES (" + strings.Join(marks, ", ") + ")"
	t.update = updateOf(name, columns)
	return t
}

// updateOf writes the columns, of which the first is id and the last version.
func updateOf(name string, columns []string) string {
	var sets []string
	for i, column := range columns[1:] {
		sets = append(sets, fmt.Sprintf("%s = $%d", column, i+2))
	}
	return fmt.Sprintf("UPDATE %s SET %s WHERE id = $1 AND version + 1 = $%d", name, strings.Join(sets, ", "), len(columns))
}

// sparing is the table with a second UPDATE, for when the named columns are as they were: those that are dear to write, since an index holds them
// or they are sealed. SQLite writes the index of every column that an UPDATE sets, changed or not, and in a large table each is another page.
func (t table) sparing(columns ...string) table {
	var rest []string
	for i, column := range strings.Split(t.all, ", ") {
		if !slices.Contains(columns, column) {
			rest, t.turns = append(rest, column), append(t.turns, i)
		}
	}
	t.turn = updateOf(t.name, rest)
	return t
}

// turnOf are those of a row's fields that turn takes.
func (t table) turnOf(fields []any) []any {
	some := make([]any, len(t.turns))
	for i, n := range t.turns {
		some[i] = fields[n]
	}
	return some
}

// spared are the values of the columns that a row's turn leaves alone.
type spared [6]int64

// rowKey is a row that a transaction read.
type rowKey struct {
	table string
	id    int64
}

// hold remembers the spared columns of a row that may be saved.
func (tx *Tx) hold(t table, id int64, s spared) {
	if tx.reads {
		return
	}
	if tx.holds == nil {
		tx.holds = map[rowKey]spared{}
	}
	tx.holds[rowKey{t.name, id}] = s
}

// saveHeld is save for a row with those spared columns.
func (tx *Tx) saveHeld(t table, id int64, s spared, version *int64, fields []any) error {
	key := rowKey{t.name, id}
	if was, known := tx.holds[key]; known && was == s && *version != 0 {
		return tx.renew(t.turn, version, t.turnOf(fields))
	}
	delete(tx.holds, key)
	return tx.save(t, version, fields)
}

// of is the list of columns where the table goes by another name, for a SELECT from several.
func (t table) of(alias string) string {
	return alias + "." + strings.ReplaceAll(t.all, ", ", ", "+alias+".")
}

// save inserts a row whose version is 0 and otherwise updates it where the version is still the one that was read. It
// raises version when it succeeds, until the transaction is undone; fields must hold a pointer to it as the last, so that the row is written with it.
func (tx *Tx) save(t table, version *int64, fields []any) error {
	if *version == 0 {
		return tx.raised(version, func() error { return tx.put(t.insert, fields...) })
	}
	return tx.renew(t.update, version, fields)
}

// renew is save by an UPDATE of a row that is there.
func (tx *Tx) renew(update string, version *int64, fields []any) error {
	return tx.raised(version, func() error { return tx.expect(update, fields...) })
}

// raised runs a write of a row with its version raised.
func (tx *Tx) raised(version *int64, run func() error) error {
	*version++
	if err := run(); err != nil {
		*version--
		return err
	}
	tx.undo = append(tx.undo, func() { *version-- })
	return nil
}

// moment is a time as SQL keeps it: Unix milliseconds, 0 for the zero time. Like the other columns here it both reads and
// writes what it points to, so that one list of fields serves both and their order cannot differ.
type moment struct{ t *time.Time }

// Value writes the time.
func (m moment) Value() (driver.Value, error) { return millis(*m.t), nil }

// Scan reads the time, in UTC.
func (m moment) Scan(src any) error {
	ms, ok := src.(int64)
	if !ok {
		return fmt.Errorf("time is stored as %T", src)
	}
	m.set(ms)
	return nil
}

func (m moment) set(ms int64) {
	*m.t = time.Time{}
	if ms != 0 {
		*m.t = time.UnixMilli(ms).UTC()
	}
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// list is a value as JSON text: lists of short words, which are only read whole.
type list struct{ v any }

// Value writes the JSON.
func (l list) Value() (driver.Value, error) { return l.text() }

func (l list) text() (string, error) {
	if details, is := l.v.(*map[string]string); is && *details == nil { // as most events have it
		return "null", nil
	}
	text, err := json.Marshal(l.v)
	return string(text), err
}

// Scan reads the JSON.
func (l list) Scan(src any) error {
	text, ok := src.(string)
	if !ok {
		return fmt.Errorf("list is stored as %T", src)
	}
	return l.read(text)
}

func (l list) read(text string) error {
	if to, is := l.v.(*[]partner.Scope); is && plainList(text, to) {
		return nil
	}
	return json.Unmarshal([]byte(text), l.v)
}
