package store

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/secret"
)

func filePlace(id customer.FileID, column string) secret.Place {
	return secret.Place{Table: "profile_file", Column: column, Row: int64(id)}
}

// fileColumns are those of a list: all but the content.
const fileColumns = "id, account_id, profile_id, partner_id, purpose, media, size, name, at, reviewed_at"

func fileFields(f *customer.File, name *[]byte) []any {
	return []any{&f.ID, &f.Account, &f.Profile, &f.Partner, &f.Purpose, &f.Media, &f.Size, name, moment{&f.At}, moment{&f.ReviewedAt}}
}

// File reads a file with its content, or answers customer.ErrNoFile. So does one of an erased account.
func (tx *Tx) File(id customer.FileID) (customer.File, error) {
	var f customer.File
	var name, content []byte
	err := tx.get("SELECT "+fileColumns+", content FROM profile_file WHERE id = $1", []any{id}, append(fileFields(&f, &name), &content)...)
	if errors.Is(err, errNoRow) {
		err = customer.ErrNoFile
	}
	if err == nil {
		err = tx.openFile(&f, name, content)
	}
	if err != nil {
		return customer.File{}, err
	}
	return f, nil
}

// Files lists the files of a profile, oldest first, without content.
func (tx *Tx) Files(account customer.AccountID, profile customer.ProfileID) ([]customer.File, error) {
	var all []customer.File
	var names [][]byte
	err := tx.each("SELECT "+fileColumns+" FROM profile_file WHERE account_id = $1 AND profile_id = $2 ORDER BY id", []any{account, profile},
		func(scan func(...any) error) error {
			var f customer.File
			var name []byte
			err := scan(fileFields(&f, &name)...)
			all, names = append(all, f), append(names, name)
			return err
		})
	for i := range all { // after the rows, as in Profiles
		if err == nil {
			err = tx.openFile(&all[i], names[i], nil)
		}
	}
	if err != nil {
		return nil, err
	}
	return all, nil
}

// openFile opens the name and, where it was read, the content.
func (tx *Tx) openFile(f *customer.File, name, content []byte) error {
	k, err := tx.box(f.Account)
	if err != nil {
		return err
	}
	if k.box == nil {
		return customer.ErrNoFile
	}
	plain, err := k.box.Open(filePlace(f.ID, "name"), name)
	if f.Name = string(plain); err == nil && content != nil {
		f.Content, err = k.box.Open(filePlace(f.ID, "content"), content)
	}
	if err != nil {
		return tx.unreadable(fmt.Sprintf("file %d", f.ID), err)
	}
	return nil
}

// ReviewFiles marks files of a profile as looked at, which were not before: those for the purposes, all for nil.
func (tx *Tx) ReviewFiles(account customer.AccountID, profile customer.ProfileID, at time.Time, purposes []customer.Purpose) error {
	files, err := tx.Files(account, profile)
	for _, f := range files {
		if err == nil && f.ReviewedAt.IsZero() && (purposes == nil || slices.Contains(purposes, f.Purpose)) {
			_, err = tx.exec("UPDATE profile_file SET reviewed_at = $1 WHERE id = $2 AND reviewed_at = 0", millis(at), f.ID)
		}
	}
	return err
}

// SealFile seals the content of a file for the row that it will have.
func (tx *Tx) SealFile(f customer.File) (customer.SealedFile, error) {
	k, err := tx.box(f.Account)
	if err == nil && k.box == nil {
		err = customer.ErrNoAccount
	}
	if err != nil {
		return customer.SealedFile{}, err
	}
	sealed := k.box.Seal(filePlace(f.ID, "content"), f.Content)
	f.Content = nil
	return customer.SealedFile{File: f, Sealed: sealed}, nil
}

// SaveFile stores a file. What is in it is never changed.
func (tx *Tx) SaveFile(f customer.SealedFile) error {
	k, err := tx.box(f.Account)
	if err != nil {
		return err
	}
	if k.box == nil {
		return customer.ErrNoAccount
	}
	name := k.box.Seal(filePlace(f.ID, "name"), []byte(f.Name))
	_, err = tx.exec("INSERT INTO profile_file ("+fileColumns+", content) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
		append(fileFields(&f.File, &name), f.Sealed)...)
	return err
}
