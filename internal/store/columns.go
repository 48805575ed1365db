package store

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// table holds the SQL texts of a noun's table, written from one list of its columns, so that no statement forgets one.
// The first column is id, the last is version.
type table struct {
	// all is the list of columns, for SELECT.
	all string
	// find selects one row by its id; insert and update take the values of all columns. update raises the version from
	// the one before.
	find, insert, update string
	// turn is update without the columns that an index holds, and turns which of all columns it takes; see indexed.
	turn  string
	turns []int
}

// indexValues are the values of a row's indexed columns.
type indexValues [6]int64

// rowKey is a row that a transaction read.
type rowKey struct {
	update string
	id     int64
}

// indexed is the table with a second UPDATE, for when the named columns are as they were: SQLite writes the index of every column that an
// UPDATE sets, changed or not, and in a large table each of them is another page.
func (t table) indexed(name string, columns ...string) table {
	var sets []string
	for i, column := range strings.Split(t.all, ", ") {
		if slices.Contains(columns, column) {
			continue
		}
		t.turns = append(t.turns, i)
		if i > 0 {
			sets = append(sets, fmt.Sprintf("%s = $%d", column, len(t.turns)))
		}
	}
	t.turn = fmt.Sprintf("UPDATE %s SET %s WHERE id = $1 AND version + 1 = $%d", name, strings.Join(sets, ", "), len(t.turns))
	return t
}

// hold remembers the indexed columns of a row that may be saved.
func (tx *Tx) hold(t table, id int64, h indexValues) {
	if tx.reads {
		return
	}
	if tx.holds == nil {
		tx.holds = map[rowKey]indexValues{}
	}
	tx.holds[rowKey{t.update, id}] = h
}

// saveHeld is save for a row with those indexed columns.
func (tx *Tx) saveHeld(t table, id int64, h indexValues, version *int64, fields []any) error {
	key := rowKey{t.update, id}
	was, known := tx.holds[key]
	if !known || was != h || *version == 0 {
		delete(tx.holds, key)
		return tx.save(t, version, fields)
	}
	some := make([]any, len(t.turns))
	for i, n := range t.turns {
		some[i] = fields[n]
	}
	t.update = t.turn
	return tx.save(t, version, some)
}

func newTable(name string, columns ...string) table {
	marks := make([]string, len(columns))
	var sets []string
	for i, column := range columns {
		marks[i] = fmt.Sprintf("$%d", i+1)
		if i > 0 {
			sets = append(sets, column+" = "+marks[i])
		}
	}
	all := strings.Join(columns, ", ")
	return table{
		all:    all,
		find:   "SELECT " + all + " FROM " + name + " WHERE id = $1",
		insert: "INSERT INTO " + name + " (" + all + ") VALUES (" + strings.Join(marks, ", ") + ")",
		update: "UPDATE " + name + " SET " + strings.Join(sets, ", ") + " WHERE id = $1 AND version + 1 = " + marks[len(marks)-1],
	}
}

// of is the list of columns where the table goes by another name, for a SELECT from several.
func (t table) of(alias string) string {
	return alias + "." + strings.ReplaceAll(t.all, ", ", ", "+alias+".")
}

// save inserts a row whose version is 0 and otherwise updates it where the version is still the one that was read. It
// raises version when it succeeds, until the transaction is undone; fields must hold a pointer to it as the last, so that the row is written with it.
func (tx *Tx) save(t table, version *int64, fields []any) error {
	*version++
	var err error
	if *version == 1 {
		err = tx.put(t.insert, fields...)
	} else {
		err = tx.expect(t.update, fields...)
	}
	if err != nil {
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
func (l list) Value() (driver.Value, error) {
	text, err := json.Marshal(l.v)
	return string(text), err
}

// Scan reads the JSON.
func (l list) Scan(src any) error {
	text, ok := src.(string)
	if !ok {
		return fmt.Errorf("list is stored as %T", src)
	}
	return json.Unmarshal([]byte(text), l.v)
}
