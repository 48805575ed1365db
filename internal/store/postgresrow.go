package store

import (
	"bytes"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// scanRow reads a row into values, what is frequent at once and the rest as the driver does. The driver makes a plan for each column of each answer, which
// for one row costs more than reading it.
func scanRow(rows pgx.Rows, dest []any) error {
	columns, values := rows.FieldDescriptions(), rows.RawValues()
	if len(columns) != len(dest) || len(values) != len(dest) {
		return fmt.Errorf("%d columns are read into %d values", len(columns), len(dest))
	}
	for i, d := range dest {
		done, err := scanValue(&columns[i], values[i], d)
		if err == nil && !done {
			err = rows.Conn().TypeMap().Scan(columns[i].DataTypeOID, columns[i].Format, values[i], d)
		}
		if err != nil {
			return fmt.Errorf("column %d: %w", i+1, err)
		}
	}
	return nil
}

// scanValue reads whole numbers, texts and bytes, in the formats that the driver asks for; done is false for everything else. What is read outlives the
// buffer that it lies in.
func scanValue(column *pgconn.FieldDescription, value []byte, dest any) (done bool, err error) {
	switch {
	case value == nil:
		return true, setNull(dest)
	case column.DataTypeOID == pgtype.Int8OID && column.Format == pgx.BinaryFormatCode && len(value) == 8:
		return setInt(dest, int64(binary.BigEndian.Uint64(value))), nil
	case column.DataTypeOID == pgtype.TextOID:
		switch d := dest.(type) {
		case *string:
			*d = string(value)
			return true, nil
		case list:
			return true, d.read(string(value))
		}
		if v := reflect.ValueOf(dest); v.Kind() == reflect.Pointer && v.Elem().Kind() == reflect.String {
			v.Elem().SetString(string(value))
			return true, nil
		}
	case column.DataTypeOID == pgtype.ByteaOID && column.Format == pgx.BinaryFormatCode:
		if d, is := dest.(*[]byte); is {
			*d = bytes.Clone(value)
			return true, nil
		}
	}
	return false, nil
}

// errNull: nothing can be read into what has no place for it. What the driver makes of it depends on what it read before.
var errNull = errors.New("it is NULL")

// setNull sets what may be nothing to that.
func setNull(dest any) error {
	if d, is := dest.(sql.Scanner); is {
		return d.Scan(nil)
	}
	v := reflect.ValueOf(dest)
	if v.Kind() != reflect.Pointer {
		return errNull
	}
	switch of := v.Elem(); {
	case of.Kind() == reflect.Pointer, of.Kind() == reflect.Interface, of.Kind() == reflect.Slice && of.Type().Elem().Kind() == reflect.Uint8:
		of.SetZero()
		return nil
	}
	return errNull
}

// setInt sets a number, where it fits.
func setInt(dest any, n int64) bool {
	switch d := dest.(type) {
	case *int64:
		*d = n
		return true
	case moment:
		d.set(n)
		return true
	}
	v := reflect.ValueOf(dest)
	if v.Kind() != reflect.Pointer || !v.Elem().CanInt() || v.Elem().OverflowInt(n) {
		return false
	}
	v.Elem().SetInt(n)
	return true
}
