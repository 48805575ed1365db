package store

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/partner"
)

// filler sets every field of a value to something that is not zero and not like any other, by reflection, so that a field
// that a noun adds cannot be forgotten here.
type filler struct{ n int64 }

var timeType = reflect.TypeFor[time.Time]()

// filled is a T with every field set. Texts contain canary where they are not of a closed list.
func filled[T any](t *testing.T) T {
	t.Helper()
	var v T
	f := filler{n: 1000}
	f.set(t, reflect.ValueOf(&v).Elem(), reflect.TypeFor[T]().Name())
	return v
}

const canary = "c4n4ry"

func (f *filler) set(t *testing.T, v reflect.Value, path string) {
	t.Helper()
	f.n++
	switch {
	case v.Type() == timeType:
		v.Set(reflect.ValueOf(time.UnixMilli(1_800_000_000_000 + f.n).UTC()))
		return
	case v.Type() == reflect.TypeFor[partner.Class]():
		v.Set(reflect.ValueOf(partner.Strict)) // a class is stored by its name and cannot be made up
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if field := v.Type().Field(i); field.IsExported() {
				f.set(t, v.Field(i), path+"."+field.Name)
			}
		}
	case reflect.String:
		v.SetString(fmt.Sprintf("%s %s %d", canary, path, f.n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(f.n)
	case reflect.Uint32:
		v.SetUint(uint64(f.n))
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes([]byte(fmt.Sprintf("%s %s %d", canary, path, f.n)))
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			f.set(t, v.Index(i), path)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range 2 {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			f.set(t, key, path+" key")
			if key.Kind() == reflect.String {
				key.SetString(strings.ReplaceAll(key.String(), " ", "_")) // the names of fields are words
			}
			f.set(t, value, path)
			v.SetMapIndex(key, value)
		}
	default:
		t.Fatalf("%s is of kind %s, which this test cannot fill; teach it", path, v.Kind())
	}
}

// TestFillerForgetsNothing: a filler that left a field at zero would let a forgotten column pass.
func TestFillerForgetsNothing(t *testing.T) {
	type inner struct{ A string }
	type all struct {
		S string
		B []byte
		I int
		L []inner
		M map[string]inner
		T time.Time
		O bool
	}
	if zero := zeroFields(reflect.ValueOf(filled[all](t)), "all"); len(zero) > 0 {
		t.Errorf("left at zero: %v", zero)
	}
	if zero := zeroFields(reflect.ValueOf(all{}), "all"); len(zero) != 7 {
		t.Errorf("zero fields of an empty value: %v", zero)
	}
}

// zeroFields names the exported fields that are zero, however deep.
func zeroFields(v reflect.Value, path string) []string {
	if v.Kind() == reflect.Struct && v.Type() != timeType && v.Type() != reflect.TypeFor[partner.Class]() {
		var all []string
		for i := range v.NumField() {
			if field := v.Type().Field(i); field.IsExported() {
				all = append(all, zeroFields(v.Field(i), path+"."+field.Name)...)
			}
		}
		return all
	}
	if v.IsZero() {
		return []string{path}
	}
	return nil
}

// differences compares two values and says where they differ, without printing secrets of real rows: both are made up.
func differences(want, got any) string {
	if reflect.DeepEqual(want, got) {
		return ""
	}
	var lines []string
	w, g := reflect.ValueOf(want), reflect.ValueOf(got)
	for i := range w.NumField() {
		if field := w.Type().Field(i); field.IsExported() && !reflect.DeepEqual(w.Field(i).Interface(), g.Field(i).Interface()) {
			lines = append(lines, fmt.Sprintf("%s: wrote %v, read %v", field.Name, w.Field(i), g.Field(i)))
		}
	}
	return strings.Join(lines, "\n")
}
