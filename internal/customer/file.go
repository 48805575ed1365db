package customer

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/partner"
)

// FileID identifies an uploaded file. Below 2^53.
type FileID int64

// Errors about files.
var (
	// ErrNoFile: there is none with this id on this profile.
	ErrNoFile = errors.New("file does not exist")
	// ErrFileWaiting: files for this purpose are there and were not looked at yet (contract 11.4).
	ErrFileWaiting = errors.New("files for this purpose wait for a review")
)

// The bounds of an upload: one file in bytes (contract 11.4), and files at once.
const (
	LargestFile = 10 << 20
	MostFiles   = 5
)

// A Purpose is what a file is to show (contract 11.4, documentType).
type Purpose string

// Purposes lists what files may be for.
func Purposes() []Purpose {
	return []Purpose{"SOURCE_OF_WEALTH", "ID_PROOF", "ADDRESS_PROOF", "TRADING_ADDRESS_PROOF", "BUSINESS_AUTH_REP_PROOF_BY_AUTH_LETTER"}
}

// MediaOf finds out what a file is by its content: image/jpeg, image/png or application/pdf. What its sender calls it does not
// count: a page that called itself a picture would run its scripts in the browser of whoever looks at it.
func MediaOf(content []byte) (string, bool) {
	for media, reads := range map[string]func(io.Reader) (image.Config, error){"image/jpeg": jpeg.DecodeConfig, "image/png": png.DecodeConfig} {
		if _, err := reads(bytes.NewReader(content)); err == nil {
			return media, true
		}
	}
	return "application/pdf", bytes.HasPrefix(content, []byte("%PDF-"))
}

// A File is what was uploaded about a profile: a picture or a PDF. Name and content are sealed, so they end with the account.
type File struct {
	ID      FileID
	Account AccountID
	Profile ProfileID
	// Partner uploaded it.
	Partner partner.ID
	Purpose Purpose
	// Media is the media type that the content showed: image/jpeg, image/png or application/pdf. What the sender called it
	// does not count.
	Media string
	// Size is in bytes.
	Size int64
	// Name is what the sender called the file: a text of theirs, to be shown as such and never used as a path.
	Name string
	// Content is nil in lists.
	Content []byte
	At      time.Time
	// ReviewedAt is zero until somebody has looked at it.
	ReviewedAt time.Time
}

// A SealedFile is a file whose content was sealed for the row that it will have.
type SealedFile struct {
	File
	Sealed []byte
}

// FileTx reads and writes files within a transaction. What is not there is ErrNoFile.
type FileTx interface {
	File(FileID) (File, error)
	// Files lists a profile's files, oldest first, without content.
	Files(AccountID, ProfileID) ([]File, error)
	// SealFile seals the content of a file that is to be saved under its id, outside the transaction that saves it. A
	// SealedFile has no other.
	SealFile(File) (SealedFile, error)
	SaveFile(SealedFile) error
}

// Upload stores files about a profile, all of one purpose, together or not at all (contract 11.4). Of each, Name, Media and
// Content are read. Errors: ErrFileWaiting.
func (cs Customers) Upload(ctx context.Context, c Caller, id ProfileID, purpose Purpose, files []File) error {
	sealed, err := cs.seal(ctx, c, id, purpose, files)
	if err != nil {
		return err
	}
	_, err = cs.amend(ctx, c, id, "", func(tx Tx, p Profile, now time.Time) (Profile, audit.Action, error) {
		have, err := tx.Files(p.Account, p.ID)
		if err != nil {
			return Profile{}, "", err
		}
		for _, f := range have {
			if f.Purpose == purpose && f.ReviewedAt.IsZero() {
				return Profile{}, "", ErrFileWaiting
			}
		}
		return p, audit.FileUploaded, saveFiles(tx, sealed, now)
	})
	return err
}

// seal prepares files for a profile of the caller's. Tens of megabytes are sealed before the one who writes is asked: everybody
// else's writes wait for theirs.
func (cs Customers) seal(ctx context.Context, c Caller, id ProfileID, purpose Purpose, files []File) ([]SealedFile, error) {
	sealed := make([]SealedFile, len(files))
	if len(files) == 0 {
		return sealed, nil
	}
	err := cs.Store.View(ctx, func(tx Tx) error {
		if _, err := c.admit(tx); err != nil {
			return err
		}
		p, err := c.profile(tx, id, "")
		for i, f := range files {
			if err != nil {
				return err
			}
			f.ID, f.Account, f.Profile, f.Partner, f.Purpose = FileID(cs.IDs.Next()), p.Account, p.ID, c.Partner, purpose
			f.Size = int64(len(f.Content))
			sealed[i], err = tx.SealFile(f)
		}
		return err
	})
	return sealed, err
}

func saveFiles(tx Tx, files []SealedFile, now time.Time) error {
	for _, f := range files {
		f.At = now
		if err := tx.SaveFile(f); err != nil {
			return err
		}
	}
	return nil
}

// Files lists what was uploaded about a profile, oldest first, without content.
func (cs Customers) Files(ctx context.Context, c Caller, id ProfileID) ([]File, error) {
	var list []File
	err := cs.Store.View(ctx, func(tx Tx) error {
		if _, err := c.admit(tx); err != nil {
			return err
		}
		p, err := c.profile(tx, id, "")
		if err != nil {
			return err
		}
		list, err = tx.Files(p.Account, p.ID)
		return err
	})
	return list, err
}
