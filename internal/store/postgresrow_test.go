package store

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/partner"
)

// linkTo is a connection to a server, until the test ends.
func linkTo(t *testing.T, dsn string) *postgresLink {
	t.Helper()
	config, err := pgx.ParseConfig(dsn)
	must(t, err)
	l, err := openPostgresLink(t.Context(), config)
	must(t, err)
	t.Cleanup(l.drop)
	return l
}

// TestPostgresRows: each kind of value is read into what the driver would read into it, or refused where the driver refuses it.
func TestPostgresRows(t *testing.T) {
	l := linkTo(t, postgresTest(t))
	into := map[string]func() any{
		"int64": func() any { return new(int64) }, "int": func() any { return new(int) }, "int8": func() any { return new(int8) },
		"account": func() any { return new(customer.AccountID) }, "string": func() any { return new(string) }, "state": func() any { return new(grant.State) },
		"bytes": func() any { return new([]byte) }, "bool": func() any { return new(bool) }, "any": func() any { return new(any) },
		"time": func() any { return moment{new(time.Time)} }, "list": func() any { return list{new([]partner.Scope)} },
		"pointer": func() any { return new(*string) }, "number or none": func() any { return new(*int64) },
	}
	values := []string{"1::bigint", "-9007199254740991::bigint", "0::bigint", "300::bigint", "9223372036854775807::bigint", "7::integer", "7::smallint", "true", "'text'::text", "''::text",
		`'["profiles.read"]'::text`, "'ü and more'::varchar", "''::bytea", `'\x00ff'::bytea`, "1.5::double precision", "now()"}
	texts := map[string]int{}
	for _, value := range values {
		for name, fresh := range into {
			s, err := l.prepare(t.Context(), "SELECT "+value)
			must(t, err)
			want := fresh()
			rows, err := l.c.Query(t.Context(), s.(postgresStatement).name)
			must(t, err)
			if !rows.Next() {
				t.Fatal(rows.Err())
			}
			wanted := rows.Scan(want)
			rows.Close()
			got := fresh()
			found, err := s.first(t.Context(), nil, []any{got})
			if found != (err == nil) || (err == nil) != (wanted == nil) || wanted == nil && value != "now()" && !reflect.DeepEqual(got, want) {
				t.Errorf("%s into %s: %v (%v), the driver: %v (%v)", value, name, reflect.ValueOf(got), err, reflect.ValueOf(want), wanted)
			}
			texts[fmt.Sprint(err == nil)]++
		}
	}
	if texts["true"] < 60 || texts["false"] < 60 {
		t.Errorf("%v: the test does not do what it says", texts)
	}
	for _, value := range []string{"NULL::bigint", "NULL::text", "NULL::bytea", "NULL::boolean"} {
		for name, fresh := range into {
			s, err := l.prepare(t.Context(), "SELECT "+value)
			must(t, err)
			got := fresh()
			_, err = s.first(t.Context(), nil, []any{got})
			takes := slices.Contains([]string{"bytes", "any", "pointer", "number or none"}, name)
			if (err == nil) != takes || takes && !reflect.DeepEqual(got, fresh()) {
				t.Errorf("%s into %s: %v, %v", value, name, reflect.ValueOf(got), err)
			}
		}
	}
	for _, count := range []int{0, 2} {
		s, err := l.prepare(t.Context(), "SELECT 1::bigint")
		must(t, err)
		if _, err := s.first(t.Context(), nil, make([]any, count)); err == nil || !strings.Contains(err.Error(), "1 columns") {
			t.Errorf("into %d values: %v", count, err)
		}
	}
}

// TestPostgresBytesAreKept: what was read does not change when the next answer comes into the same buffer.
func TestPostgresBytesAreKept(t *testing.T) {
	l := linkTo(t, postgresTest(t))
	s, err := l.prepare(t.Context(), "SELECT decode(repeat($1::text, 16), 'hex'), repeat($1::text, 16)")
	must(t, err)
	read := func(what string) (b []byte, text string) {
		found, err := s.first(context.Background(), []any{what}, []any{&b, &text})
		if must(t, err); !found {
			t.Fatal("no row")
		}
		return b, text
	}
	first, text := read("ab")
	for range 10 {
		read("cd")
	}
	if fmt.Sprintf("%x", first) != strings.Repeat("ab", 16) || text != strings.Repeat("ab", 16) {
		t.Errorf("%x %s", first, text)
	}
}
