package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"zombiezen.com/go/sqlite"
)

// sqliteLink is a connection to a file. It does not go through database/sql, which asks SQLite for the name and declared type of
// every column of every answer and locks three mutexes for each value: for the rows that every request reads, that is three quarters of
// what reading them costs.
type sqliteLink struct {
	c *sqlite.Conn
	// texts are what run has prepared.
	texts map[string][]*sqlite.Stmt
}

// openSQLiteLink opens a connection to a file that exists, for reading alone if asked to.
func openSQLiteLink(path string, readonly bool) (_ *sqliteLink, err error) {
	c, err := sqlite.OpenConn(sqliteURI(path), sqlite.OpenReadWrite|sqlite.OpenURI)
	if err != nil {
		return nil, err
	}
	l := &sqliteLink{c: c, texts: map[string][]*sqlite.Stmt{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.close())
		}
	}()
	pragmas := sqliteWriting
	if readonly {
		pragmas = sqliteReading
	}
	c.SetBusyTimeout(0) // until the pragma sets it: the library waits for ever
	for _, p := range pragmas {
		s, _, err := c.PrepareTransient("PRAGMA " + p[0] + "(" + p[1] + ")")
		if err != nil {
			return nil, err
		}
		if err := errors.Join(drain(s), s.Finalize()); err != nil {
			return nil, fmt.Errorf("%s: %w", p[0], err)
		}
	}
	return l, nil
}

func drain(s *sqlite.Stmt) error {
	for {
		if more, err := s.Step(); err != nil || !more {
			return err
		}
	}
}

func (l *sqliteLink) prepare(_ context.Context, query string) (statement, error) {
	s, rest, err := l.c.PrepareTransient(query)
	if err != nil {
		return nil, err
	}
	if rest != 0 {
		return nil, errors.Join(errors.New("more than one statement: "+query), s.Finalize())
	}
	p := &sqliteStatement{c: l.c, s: s, columns: s.ColumnCount()}
	for i := range s.BindParamCount() {
		n, err := strconv.Atoi(strings.TrimPrefix(s.BindParamName(i+1), "$"))
		if err != nil {
			return nil, errors.Join(fmt.Errorf("parameter %d of %s: %w", i+1, query, err), s.Finalize())
		}
		p.args = append(p.args, n-1)
	}
	return p, nil
}

func (l *sqliteLink) begin(ctx context.Context, text string) error { return l.run(ctx, text) }

func (l *sqliteLink) run(_ context.Context, text string) error {
	parts, known := l.texts[text]
	if !known {
		return l.runFirst(text)
	}
	for _, s := range parts {
		if err := errors.Join(drain(s), s.Reset()); err != nil {
			return err
		}
	}
	return nil
}

// A file answers at once.
func (l *sqliteLink) later(write) (bool, error)   { return false, nil }
func (l *sqliteLink) adding() []write             { return nil }
func (l *sqliteLink) flush(context.Context) error { return nil }

func (l *sqliteLink) commit(ctx context.Context, text string) (bool, error) {
	return true, l.run(ctx, text)
}

// runFirst prepares each part when those before it have run, since it may need what they made.
func (l *sqliteLink) runFirst(text string) error {
	var parts []*sqlite.Stmt
	for query := range strings.SplitSeq(text, ";") {
		s, _, err := l.c.PrepareTransient(query)
		if err == nil {
			parts = append(parts, s)
			err = errors.Join(drain(s), s.Reset())
		}
		if err != nil {
			return errors.Join(err, finalize(parts))
		}
	}
	l.texts[text] = parts
	return nil
}

func finalize(parts []*sqlite.Stmt) error {
	var errs []error
	for _, s := range parts {
		errs = append(errs, s.Finalize())
	}
	return errors.Join(errs...)
}

func (l *sqliteLink) close() error {
	var errs []error
	for _, parts := range l.texts {
		errs = append(errs, finalize(parts))
	}
	return errors.Join(append(errs, l.c.Close())...)
}

func (l *sqliteLink) forget() {}

func (l *sqliteLink) drop() { _ = l.close() }

type sqliteStatement struct {
	c       *sqlite.Conn
	s       *sqlite.Stmt
	columns int
	// args is which argument each parameter is. To SQLite $2 is a name, and the first name that it meets is its first parameter.
	args []int
	// large are the parameters that hold something large.
	large []int
}

func (s *sqliteStatement) close() error { return s.s.Finalize() }

// largeArgument is from how many bytes on an argument is freed at once and not with the next use of its statement.
const largeArgument = 64 << 10

// end makes the statement ready for its next use. It does not clear what was bound, after which SQLite would prepare the statement
// anew, but for what is large.
func (s *sqliteStatement) end(err error) error {
	err = errors.Join(err, s.s.Reset())
	for _, i := range s.large {
		s.s.BindNull(i)
	}
	s.large = s.large[:0]
	return err
}

func (s *sqliteStatement) exec(_ context.Context, args []any) (int64, error) {
	if err := s.bind(args); err != nil {
		return 0, err
	}
	err := drain(s.s)
	changed := int64(s.c.Changes())
	if err := s.end(err); err != nil {
		return 0, err
	}
	return changed, nil
}

func (s *sqliteStatement) first(_ context.Context, args, dest []any) (bool, error) {
	if err := s.bind(args); err != nil {
		return false, err
	}
	found, err := s.s.Step()
	if found {
		err = s.scan(dest)
	}
	err = s.end(err)
	return found && err == nil, err
}

func (s *sqliteStatement) each(_ context.Context, args []any, row func(func(...any) error) error) (err error) {
	if err := s.bind(args); err != nil {
		return err
	}
	defer func() {
		if ended := s.end(nil); err == nil {
			err = ended
		}
	}()
	for {
		if more, err := s.s.Step(); err != nil || !more {
			return err
		}
		if err := row(func(dest ...any) error { return s.scan(dest) }); err != nil {
			return err
		}
	}
}

func (s *sqliteStatement) bind(args []any) error {
	for i, n := range s.args {
		if n >= len(args) {
			return s.end(fmt.Errorf("argument %d is missing", n+1))
		}
		if err := s.bindOne(i+1, args[n]); err != nil {
			return s.end(fmt.Errorf("argument %d: %w", n+1, err))
		}
	}
	return nil
}

// bindOne binds what is frequent at once, and the rest by its kind.
func (s *sqliteStatement) bindOne(i int, arg any) error {
	switch v := arg.(type) {
	case nil:
		s.s.BindNull(i)
	case int64:
		s.s.BindInt64(i, v)
	case *int64:
		s.s.BindInt64(i, *v)
	case string:
		s.s.BindText(i, v)
	case *string:
		s.s.BindText(i, *v)
	case []byte:
		s.bindBytes(i, v)
	case *[]byte:
		s.bindBytes(i, *v)
	case bool:
		s.s.BindBool(i, v)
	case moment:
		s.s.BindInt64(i, millis(*v.t))
	case list:
		text, err := v.text()
		if err != nil {
			return err
		}
		s.s.BindText(i, text)
	case driver.Valuer:
		return s.bindOther(i, arg)
	default:
		return s.bindKind(i, reflect.ValueOf(arg), arg)
	}
	return nil
}

// bindKind binds what is of a type of its own, or a pointer to such, as the plain one. None of those types writes itself in another way: nouns
// know no SQL.
func (s *sqliteStatement) bindKind(i int, v reflect.Value, arg any) error {
	if v.Kind() == reflect.Pointer {
		v = v.Elem() // of nil it is no value
	}
	switch {
	case !v.IsValid():
		s.s.BindNull(i)
	case v.CanInt():
		s.s.BindInt64(i, v.Int())
	case v.Kind() == reflect.String:
		s.s.BindText(i, v.String())
	case v.Kind() == reflect.Bool:
		s.s.BindBool(i, v.Bool())
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8:
		s.bindBytes(i, v.Bytes())
	default:
		return s.bindOther(i, arg)
	}
	return nil
}

// bindOther binds what is rare, as database/sql would have it.
func (s *sqliteStatement) bindOther(i int, arg any) error {
	value, err := driver.DefaultParameterConverter.ConvertValue(arg)
	if err != nil {
		return err
	}
	if !storedAs(value) {
		return fmt.Errorf("a %T is not stored", arg)
	}
	return s.bindOne(i, value)
}

// storedAs reports whether a value is of a type that columns have.
func storedAs(value driver.Value) bool {
	switch value.(type) {
	case nil, int64, string, []byte, bool:
		return true
	}
	return false
}

// bindBytes binds bytes; nil is NULL.
func (s *sqliteStatement) bindBytes(i int, b []byte) {
	if b == nil {
		s.s.BindNull(i)
		return
	}
	if len(b) >= largeArgument {
		s.large = append(s.large, i)
	}
	s.s.BindBytes(i, b)
}

func (s *sqliteStatement) scan(dest []any) error {
	if len(dest) != s.columns {
		return fmt.Errorf("%d columns are read into %d values", s.columns, len(dest))
	}
	for i, d := range dest {
		if err := s.scanOne(i, s.s.ColumnType(i), d); err != nil {
			return fmt.Errorf("column %d: %w", i+1, err)
		}
	}
	return nil
}

// scanOne reads what is frequent at once, and the rest by its kind.
func (s *sqliteStatement) scanOne(i int, is sqlite.ColumnType, dest any) error {
	switch d := dest.(type) {
	case *int64:
		*d = s.s.ColumnInt64(i)
		return wants(is, sqlite.TypeInteger)
	case moment:
		d.set(s.s.ColumnInt64(i))
		return wants(is, sqlite.TypeInteger)
	case *string:
		*d = s.s.ColumnText(i)
		return wants(is, sqlite.TypeText, sqlite.TypeBlob)
	case *[]byte:
		*d = s.bytes(i, is)
		return wants(is, sqlite.TypeBlob, sqlite.TypeText, sqlite.TypeNull)
	case list:
		if err := wants(is, sqlite.TypeText); err != nil {
			return err
		}
		return d.read(s.s.ColumnText(i))
	case sql.Scanner:
		return d.Scan(s.value(i, is))
	case *any:
		*d = s.value(i, is)
		return nil
	}
	return s.scanKind(i, is, reflect.ValueOf(dest))
}

// wants refuses a value of another type. Text and bytes pass for each other: in a file that somebody tampered with, one may lie where the
// other belongs, and what is read must come as far as the check that finds it out.
func wants(is sqlite.ColumnType, want ...sqlite.ColumnType) error {
	if !slices.Contains(want, is) {
		return fmt.Errorf("it is a %s, not a %s", is, want[0])
	}
	return nil
}

func (s *sqliteStatement) bytes(i int, is sqlite.ColumnType) []byte {
	if is == sqlite.TypeNull {
		return nil
	}
	b := make([]byte, s.s.ColumnLen(i))
	s.s.ColumnBytes(i, b)
	return b
}

// value reads a column as what it is.
func (s *sqliteStatement) value(i int, is sqlite.ColumnType) any {
	switch is {
	case sqlite.TypeInteger:
		return s.s.ColumnInt64(i)
	case sqlite.TypeText:
		return s.s.ColumnText(i)
	case sqlite.TypeBlob:
		return s.bytes(i, is)
	case sqlite.TypeFloat:
		return s.s.ColumnFloat(i)
	}
	return nil
}

func (s *sqliteStatement) scanKind(i int, is sqlite.ColumnType, dest reflect.Value) error {
	if dest.Kind() != reflect.Pointer {
		return fmt.Errorf("a %s cannot be read into", dest.Type())
	}
	v := dest.Elem()
	switch {
	case v.CanInt():
		n := s.s.ColumnInt64(i)
		if v.OverflowInt(n) {
			return fmt.Errorf("%d does not fit", n)
		}
		v.SetInt(n)
		return wants(is, sqlite.TypeInteger)
	case v.Kind() == reflect.Bool:
		v.SetBool(s.s.ColumnBool(i))
		return wants(is, sqlite.TypeInteger)
	case v.Kind() == reflect.String:
		v.SetString(s.s.ColumnText(i))
		return wants(is, sqlite.TypeText, sqlite.TypeBlob)
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8:
		v.SetBytes(s.bytes(i, is))
		return wants(is, sqlite.TypeBlob, sqlite.TypeText, sqlite.TypeNull)
	}
	return fmt.Errorf("a %s cannot be read into", v.Type())
}
