package store

import (
	"bytes"
	"database/sql"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/customer"
)

func testLink(t *testing.T, readonly bool) *sqliteLink {
	t.Helper()
	path := filepath.Join(t.TempDir(), "test.db")
	must(t, os.WriteFile(path, nil, 0o600))
	l, err := openSQLiteLink(path, readonly)
	must(t, err)
	t.Cleanup(func() { must(t, l.close()) })
	return l
}

func prepared(t *testing.T, l link, query string) statement {
	t.Helper()
	s, err := l.prepare(t.Context(), query)
	must(t, err)
	t.Cleanup(func() { must(t, s.close()) })
	return s
}

// TestLinkCarriesValues: whatever the nouns store is read as it was, by value and by pointer, and of a type of its own as of the plain one.
func TestLinkCarriesValues(t *testing.T) {
	type text string
	type truth bool
	type raw []byte
	type small int8
	l := testLink(t, false)
	s := prepared(t, l, "SELECT $1")
	id, own, truly, its := customer.AccountID(1<<52), text("own"), truth(true), raw("by pointer")
	none, noDetail, detail := raw(nil), map[string]string(nil), map[string]string{"a": "b"}
	some, moments := "by pointer", time.UnixMilli(1_790_000_000_123).UTC()
	zero := time.Time{}
	for name, c := range map[string]struct{ in, into, want any }{
		"number":             {int64(math.MaxInt64), new(int64), int64(math.MaxInt64)},
		"negative":           {-5, new(int), -5},
		"id":                 {customer.AccountID(1 << 52), new(customer.AccountID), customer.AccountID(1 << 52)},
		"text":               {"caf\u00e9 \x00 after", new(string), "caf\u00e9 \x00 after"},
		"empty text":         {"", new(string), ""},
		"pointer":            {&some, new(string), some},
		"own text":           {text("a"), new(text), text("a")},
		"pointer to id":      {&id, new(customer.AccountID), id},
		"pointer to own":     {&own, new(text), own},
		"pointer to truth":   {&truly, new(truth), truly},
		"pointer to bytes":   {&its, new(raw), its},
		"pointer to none":    {&none, new(any), nil},
		"nil text":           {(*text)(nil), new(any), nil},
		"unsigned":           {uint32(1 << 31), new(int64), int64(1 << 31)},
		"no detail":          {list{&noDetail}, new(string), "null"},
		"detail":             {list{&detail}, new(string), `{"a":"b"}`},
		"truth":              {true, new(bool), true},
		"own truth":          {truth(false), new(truth), truth(false)},
		"bytes":              {[]byte{0, 1, 255}, new([]byte), []byte{0, 1, 255}},
		"no bytes":           {[]byte{}, new([]byte), []byte{}},
		"nil bytes":          {[]byte(nil), new([]byte), []byte(nil)},
		"own bytes":          {raw("r"), new(raw), raw("r")},
		"own nil bytes":      {raw(nil), new(raw), raw(nil)},
		"many bytes":         {bytes.Repeat([]byte("x"), 1<<20), new([]byte), bytes.Repeat([]byte("x"), 1<<20)},
		"time":               {moment{&moments}, moment{new(time.Time)}, moment{&moments}},
		"zero time":          {moment{&zero}, moment{new(time.Time)}, moment{&zero}},
		"list":               {list{&[]string{"a", "b"}}, list{new([]string)}, list{&[]string{"a", "b"}}},
		"nothing":            {nil, new(any), nil},
		"nil pointer":        {(*customer.AccountID)(nil), new(any), nil},
		"any number":         {int64(7), new(any), int64(7)},
		"a scanner":          {"s", new(sql.NullString), sql.NullString{String: "s", Valid: true}},
		"a scanner's NULL":   {nil, new(sql.NullString), sql.NullString{}},
		"text as bytes":      {"12", new([]byte), []byte("12")},
		"bytes as text":      {[]byte("a"), new(string), "a"},
		"small, which fits":  {int64(-128), new(small), small(-128)},
		"text of any length": {strings.Repeat("é", 100_000), new(string), strings.Repeat("é", 100_000)},
	} {
		found, err := s.first(t.Context(), []any{c.in}, []any{c.into})
		got := c.into
		if v := reflect.ValueOf(got); v.Kind() == reflect.Pointer {
			got = v.Elem().Interface()
		}
		if err != nil || !found || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %.80v, %t, %v", name, got, found, err)
		}
	}
}

// TestLinkRefuses: what does not fit is an error and never a zero value, which could be an epoch, a state or a digest; and the statement works
// on afterwards.
func TestLinkRefuses(t *testing.T) {
	l := testLink(t, false)
	s := prepared(t, l, "SELECT $1")
	type small int8
	for name, c := range map[string]struct{ in, into any }{
		"NULL into a number":   {nil, new(int64)},
		"NULL into an id":      {nil, new(customer.AccountID)},
		"NULL into a text":     {nil, new(string)},
		"NULL into a truth":    {nil, new(bool)},
		"NULL into a time":     {nil, moment{new(time.Time)}},
		"NULL into a list":     {nil, list{new([]string)}},
		"text into a number":   {"12", new(int64)},
		"text into an id":      {"12", new(customer.AccountID)},
		"text into a truth":    {"true", new(bool)},
		"number into a text":   {int64(1), new(string)},
		"number into bytes":    {int64(1), new([]byte)},
		"too large a number":   {int64(128), new(small)},
		"a struct":             {struct{}{}, new(int64)},
		"a pointer to it":      {&struct{}{}, new(int64)},
		"a time that is bare":  {time.Now(), new(any)},
		"too large unsigned":   {uint64(1 << 63), new(any)},
		"bytes into a list":    {[]byte("[]"), list{new([]string)}},
		"text into a fraction": {"x", new(float64)},
		"not a pointer":        {int64(1), int64(1)},
		"a list that is none":  {"{", list{new([]string)}},
	} {
		if _, err := s.first(t.Context(), []any{c.in}, []any{c.into}); err == nil {
			t.Errorf("%s was read", name)
		}
		var n int64
		if found, err := s.first(t.Context(), []any{int64(3)}, []any{&n}); err != nil || !found || n != 3 {
			t.Fatalf("after %s: %d, %t, %v", name, n, found, err)
		}
	}
	if _, err := s.first(t.Context(), nil, []any{new(any)}); err == nil {
		t.Error("a missing argument was taken for NULL")
	}
	if _, err := s.first(t.Context(), []any{1}, nil); err == nil {
		t.Error("a column was dropped")
	}
	for _, text := range []string{"SELECT 1; SELECT 2", "SELECT ?", "SELECT :name", "SELEC"} {
		if _, err := l.prepare(t.Context(), text); err == nil {
			t.Errorf("%s was prepared", text)
		}
	}
}

// TestLinkNumbersItsArguments: SQLite takes $2 for a name, and counts names in the order in which they come.
func TestLinkNumbersItsArguments(t *testing.T) {
	s := prepared(t, testLink(t, false), "SELECT $3, $1, $2, $3")
	var got [4]int64
	if _, err := s.first(t.Context(), []any{1, 2, 3}, []any{&got[0], &got[1], &got[2], &got[3]}); err != nil || got != [4]int64{3, 1, 2, 3} {
		t.Errorf("%v, %v", got, err)
	}
}

// TestLinkRows: rows end where the reader ends them, what is counted is what was changed, and a reader cannot write.
func TestLinkRows(t *testing.T) {
	l := testLink(t, false)
	must(t, l.run(t.Context(), "CREATE TABLE n (id INTEGER PRIMARY KEY); INSERT INTO n VALUES (1), (2), (3)"))
	all := prepared(t, l, "SELECT id FROM n ORDER BY id")
	for range 2 {
		var seen []int64
		err := all.each(t.Context(), nil, func(scan func(...any) error) error {
			var id int64
			err := scan(&id)
			if seen = append(seen, id); id == 2 {
				return errNoRow
			}
			return err
		})
		if err != errNoRow || !reflect.DeepEqual(seen, []int64{1, 2}) {
			t.Errorf("%v, %v", seen, err)
		}
	}
	move := prepared(t, l, "UPDATE n SET id = id + $1 WHERE id >= $2")
	for from, want := range map[int64]int64{2: 2, 100: 0} {
		if n, err := move.exec(t.Context(), []any{int64(10), from}); err != nil || n != want {
			t.Errorf("from %d: %d, %v", from, n, err)
		}
	}
	if _, err := prepared(t, l, "INSERT INTO n VALUES ($1)").exec(t.Context(), []any{1}); sqliteFault(err) != faultAgain {
		t.Errorf("a taken key: %v", err)
	}
	reader := testLink(t, true)
	if err := reader.run(t.Context(), "CREATE TABLE n (id INTEGER)"); err == nil {
		t.Error("a reader wrote")
	}
}

// TestReadersOfADamagedFile: readers do not look through the pages that they meet, and what a failing disk left in one is still an error that
// becomes 503, or the row as the page has it: never a read outside of the page, which would end the process.
func TestReadersOfADamagedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	must(t, os.WriteFile(path, nil, 0o600))
	l, err := openSQLiteLink(path, false)
	must(t, err)
	must(t, l.run(t.Context(), `CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT); CREATE UNIQUE INDEX note_text ON note (text);
		WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) INSERT INTO note SELECT i << 40, hex(i * i) || char(i % 26 + 65) || i FROM n;
		INSERT INTO note VALUES (1, printf('%020000d', 7))`))
	must(t, l.close())
	whole, err := os.ReadFile(path)
	must(t, err)
	const page = 4096
	random := rand.New(rand.NewPCG(1, 2))
	faults := 0
	for n := 1; n < len(whole)/page; n++ {
		for _, part := range []int{8, 12, 200, page} { // the head of a page, that of one inside the tree, where its rows are, all of it
			damaged := bytes.Clone(whole)
			for i := range part {
				damaged[n*page+i] = byte(random.Uint32())
			}
			if part == page {
				damaged[n*page] = whole[n*page] // the kind of page it was, so that the rest is looked at
			}
			must(t, os.WriteFile(path, damaged, 0o600))
			faults += readDamaged(t, path)
		}
	}
	if faults == 0 {
		t.Error("no damage was met")
	}
}

// readDamaged counts the readings that fail, each of which must be trouble.
func readDamaged(t *testing.T, path string) (faults int) {
	t.Helper()
	l, err := openSQLiteLink(path, true)
	must(t, err)
	defer func() { must(t, l.close()) }()
	for _, query := range []string{"SELECT text FROM note", "SELECT id FROM note ORDER BY text", "SELECT text FROM note WHERE id = 1500 << 40",
		"SELECT id FROM note WHERE text > 'M' LIMIT 9", "SELECT text FROM note WHERE id >= 2000 << 40 ORDER BY id DESC"} {
		s, err := l.prepare(t.Context(), query)
		must(t, err)
		err = s.each(t.Context(), nil, func(scan func(...any) error) error {
			var value any
			return scan(&value)
		})
		if must(t, s.close()); err == nil {
			continue
		}
		faults++
		if sqliteFault(err) != faultTrouble {
			t.Errorf("%s: %v", query, err)
		}
	}
	return faults
}
