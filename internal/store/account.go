package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
)

var accountTable = newTable("account", "id", "creator_id", "state", "hold", "epoch", "session_epoch", "claim_number", "proven_number",
	"live_journey", "email_digest", "email_version", "wrapped_key", "contact", "credentials", "registration", "registration_version",
	"created_at", "updated_at", "claimed_at", "last_sign_in_at", "previous_sign_in_at", "close_at", "version").
	sparing("creator_id", "state", "email_digest", "email_version", "wrapped_key", "contact", "credentials", "registration", "registration_version", "created_at")

// lasting is what a turn of an account spares, as a transaction read it: copies, since a noun may change in place what it was given.
type lasting struct {
	creator              partner.ID
	state                customer.State
	contact, credentials []byte
	registration         []byte
	registrationVersion  int
	createdAt            int64
	emailVersion         int
}

// lasts reports whether an account still has what it had when it was read.
func (l lasting) lasts(a customer.Account, contact, credentials []byte, emailVersion int) bool {
	return a.Creator == l.creator && a.State == l.state && bytes.Equal(contact, l.contact) && bytes.Equal(credentials, l.credentials) &&
		bytes.Equal(a.Registration, l.registration) && a.RegistrationVersion == l.registrationVersion && millis(a.CreatedAt) == l.createdAt &&
		emailVersion == l.emailVersion
}

// errShut: an account is saved that was read without its sealed columns. A mistake in the program.
var errShut = errors.New("saving an account that was not opened")

// accountRow is an account as it lies in its row: the personal parts sealed.
type accountRow struct {
	customer.Account
	emailDigest                   []byte
	emailVersion                  int
	wrapped, contact, credentials []byte
}

func (r *accountRow) fields() []any {
	return []any{&r.ID, &r.Creator, &r.State, &r.Hold, &r.Epoch, &r.SessionEpoch, &r.ClaimNumber, &r.ProvenNumber,
		&r.LiveJourney, &r.emailDigest, &r.emailVersion, &r.wrapped, &r.contact, &r.credentials, &r.Registration, &r.RegistrationVersion,
		moment{&r.CreatedAt}, moment{&r.UpdatedAt}, moment{&r.ClaimedAt}, moment{&r.LastSignInAt}, moment{&r.PreviousSignInAt},
		moment{&r.CloseAt}, &r.Version}
}

// contact is how the sealed column of that name is written.
type contact struct {
	Email        string `json:"email"`
	ContactEmail string `json:"contact_email,omitempty"`
	Language     string `json:"language,omitempty"`
}

// read reads the JSON of the column.
func (c *contact) read(text []byte) error {
	if plainPairs(string(text), func(name, value string) {
		switch name {
		case "email":
			c.Email = value
		case "contact_email":
			c.ContactEmail = value
		case "language":
			c.Language = value
		}
	}) {
		return nil
	}
	*c = contact{}
	return json.Unmarshal(text, c)
}

// accountKey is an account's key as a transaction has met it, with the epoch that was read beside it.
type accountKey struct {
	wrapped []byte
	box     *secret.Box
	epoch   int64
}

// box returns the key of an account. It is kept for the transaction and no longer: after an erasure no copy may be left.
// A box of nil belongs to an erased account.
func (tx *Tx) box(id customer.AccountID) (accountKey, error) {
	if k, known := tx.keys[id]; known {
		return k, nil
	}
	var wrapped []byte
	var epoch, version int64
	err := tx.get("SELECT wrapped_key, epoch, version FROM account WHERE id = $1", []any{id}, &wrapped, &epoch, &version)
	if errors.Is(err, errNoRow) {
		err = customer.ErrNoAccount
	}
	if err != nil {
		return accountKey{}, err
	}
	tx.meet(id, version, false)
	return tx.keep(id, wrapped, epoch)
}

// keep remembers an account's key, and opens it unless it is the one that is known.
func (tx *Tx) keep(id customer.AccountID, wrapped []byte, epoch int64) (accountKey, error) {
	if k, known := tx.keys[id]; known && k.epoch == epoch && bytes.Equal(k.wrapped, wrapped) {
		return k, nil
	}
	k, err := tx.unwrapped(id, wrapped, epoch)
	if err != nil {
		return accountKey{}, err
	}
	if tx.keys == nil {
		tx.keys = map[customer.AccountID]accountKey{}
	}
	tx.keys[id] = k
	return k, nil
}

func (tx *Tx) unwrapped(id customer.AccountID, wrapped []byte, epoch int64) (accountKey, error) {
	k := accountKey{wrapped: wrapped, epoch: epoch}
	if len(wrapped) > 0 {
		box, err := tx.db.keys.Box(int64(id), wrapped)
		if err != nil {
			return accountKey{}, tx.unreadable(fmt.Sprintf("key of account %d", id), err)
		}
		k.box = box
	}
	return k, nil
}

// unreadable fails the transaction: a value that does not open, or that is under a key that is not loaded, is trouble of
// the server's and nobody's wrong password (design I11).
func (tx *Tx) unreadable(what string, err error) error {
	tx.failed = unavailable("read "+what, err)
	return tx.failed
}

// open reads a sealed JSON value into v. What was erased leaves v as it is.
func (tx *Tx) open(k accountKey, at secret.Place, sealed []byte, v any) error {
	_, err := tx.opened(k, at, sealed, func(plain []byte) error { return json.Unmarshal(plain, v) })
	return err
}

// opened opens a sealed JSON value, has it read, and returns it; nil where it was erased, and nothing is read.
func (tx *Tx) opened(k accountKey, at secret.Place, sealed []byte, read func([]byte) error) (plain []byte, err error) {
	if k.box == nil || len(sealed) == 0 {
		return nil, nil
	}
	if plain, err = k.box.Open(at, sealed); err == nil {
		err = read(plain)
	}
	if err != nil {
		return nil, tx.unreadable(fmt.Sprintf("%s %d", at.Table, at.Row), err)
	}
	return plain, nil
}

// seal writes v as sealed JSON.
func (k accountKey) seal(at secret.Place, v any) ([]byte, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return k.sealed(at, plain)
}

func (k accountKey) sealed(at secret.Place, plain []byte) ([]byte, error) {
	if k.box == nil {
		return nil, fmt.Errorf("seal %s %d: the account is erased", at.Table, at.Row)
	}
	return k.box.Seal(at, plain), nil
}

func accountPlace(id customer.AccountID, column string) secret.Place {
	return secret.Place{Table: "account", Column: column, Row: int64(id)}
}

func (tx *Tx) oneAccount(open depth, query string, args ...any) (customer.Account, error) {
	var r accountRow
	err := tx.get(query, args, r.fields()...)
	if errors.Is(err, errNoRow) {
		err = customer.ErrNoAccount
	}
	if err != nil {
		return customer.Account{}, err
	}
	tx.meet(r.ID, r.Version, false)
	if open == openNothing {
		return r.Account, nil
	}
	k, err := tx.keep(r.ID, r.wrapped, r.Epoch)
	if err != nil {
		return customer.Account{}, err
	}
	var c contact
	contact, err := tx.opened(k, accountPlace(r.ID, "contact"), r.contact, c.read)
	if err != nil {
		return customer.Account{}, err
	}
	if open == openAll {
		credentials, err := tx.opened(k, accountPlace(r.ID, "credentials"), r.credentials, func(plain []byte) error { return json.Unmarshal(plain, &r.Credentials) })
		if err != nil {
			return customer.Account{}, err
		}
		tx.remember(r, contact, credentials)
	}
	r.Email, r.ContactEmail, r.Language = c.Email, c.ContactEmail, c.Language
	return r.Account, nil
}

// remember keeps what of an account may last until it is saved, where it may be saved.
func (tx *Tx) remember(r accountRow, contact, credentials []byte) {
	if tx.reads || contact == nil || credentials == nil || secret.SealedVersion(r.wrapped) != r.emailVersion {
		return
	}
	if tx.lasting == nil {
		tx.lasting = map[customer.AccountID]lasting{}
	}
	tx.lasting[r.ID] = lasting{r.Creator, r.State, contact, credentials, bytes.Clone(r.Registration), r.RegistrationVersion, millis(r.CreatedAt), r.emailVersion}
}

// Account reads an account, or answers customer.ErrNoAccount.
func (tx *Tx) Account(id customer.AccountID) (customer.Account, error) {
	return tx.oneAccount(tx.depth, accountTable.find, id)
}

// PendingAccount finds the creator's own pending account with that address. Who looks for an address gets it opened.
func (tx *Tx) PendingAccount(creator partner.ID, email string) (customer.Account, error) {
	for _, digest := range tx.emailDigests(email) {
		a, err := tx.oneAccount(min(tx.depth, openContact), "SELECT "+accountTable.all+" FROM account WHERE creator_id = $1 AND email_digest = $2 AND state = 'pending'",
			creator, digest)
		if !errors.Is(err, customer.ErrNoAccount) {
			return a, err
		}
	}
	return customer.Account{}, customer.ErrNoAccount
}

// ClaimedAccount finds the claimed account with that sign-in address.
func (tx *Tx) ClaimedAccount(email string) (customer.Account, error) {
	for _, digest := range tx.emailDigests(email) {
		a, err := tx.oneAccount(min(tx.depth, openContact), "SELECT "+accountTable.all+" FROM account WHERE email_digest = $1 AND state = 'claimed'", digest)
		if !errors.Is(err, customer.ErrNoAccount) {
			return a, err
		}
	}
	return customer.Account{}, customer.ErrNoAccount
}

// emailDigests are the digests under which an address may be stored: one for each loaded version of the key, the newest
// first, until a rotation has rewritten every row (design 10.29).
func (tx *Tx) emailDigests(email string) [][]byte {
	var all [][]byte
	for _, version := range tx.db.keys.DigestVersions() {
		if digest, err := tx.db.keys.DigestWith(version, secret.PurposeEmail, customer.FoldEmail(email)); err == nil {
			all = append(all, digest)
		}
	}
	return all
}

// SaveAccount inserts or updates an account. An address that another claimed account has, or another pending one of the
// same creator, is customer.ErrAddressTaken.
func (tx *Tx) SaveAccount(a *customer.Account) error {
	if tx.depth != openAll { // it would be saved without what was not opened
		return errShut
	}
	var k accountKey
	var err error
	if a.Version == 0 {
		k, err = tx.newKey(a)
	} else {
		k, err = tx.box(a.ID)
	}
	if err != nil {
		return err
	}
	r := accountRow{Account: *a, emailVersion: tx.db.keys.DigestVersion()}
	contact, err := json.Marshal(contact{a.Email, a.ContactEmail, a.Language})
	if err != nil {
		return err
	}
	credentials, err := json.Marshal(a.Credentials)
	if err != nil {
		return err
	}
	if was, known := tx.lasting[a.ID]; known && was.lasts(*a, contact, credentials, r.emailVersion) {
		r.Version = tx.heldVersion(a)
		err = tx.renew(accountTable.turn, &r.Version, accountTable.turnOf(r.fields()))
	} else {
		delete(tx.lasting, a.ID)
		err = tx.saveWhole(a, &r, k, contact, credentials)
	}
	if errors.Is(err, errTaken) {
		return customer.ErrAddressTaken
	}
	if err != nil {
		return err
	}
	before := a.Version
	a.Version = r.Version
	tx.undo = append(tx.undo, func() { a.Version = before })
	tx.meet(a.ID, a.Version, true)
	if a.Epoch != k.epoch {
		return tx.bury(a.ID, a.Epoch)
	}
	return nil
}

// saveWhole inserts or updates all columns of an account.
func (tx *Tx) saveWhole(a *customer.Account, r *accountRow, k accountKey, contact, credentials []byte) (err error) {
	if err := tx.freeAddress(*a); err != nil {
		return err
	}
	if r.emailDigest, err = tx.db.keys.DigestWith(r.emailVersion, secret.PurposeEmail, customer.FoldEmail(a.Email)); err != nil {
		return err
	}
	if r.wrapped = k.wrapped; secret.SealedVersion(k.wrapped) != r.emailVersion {
		if r.wrapped, _, err = tx.db.keys.Rewrap(int64(a.ID), k.wrapped); err != nil {
			return tx.unreadable(fmt.Sprintf("key of account %d", a.ID), err)
		}
	}
	if r.contact, err = k.sealed(accountPlace(a.ID, "contact"), contact); err != nil {
		return err
	}
	if r.credentials, err = k.sealed(accountPlace(a.ID, "credentials"), credentials); err != nil {
		return err
	}
	r.Version = tx.heldVersion(a)
	return tx.save(accountTable, &r.Version, r.fields())
}

func (tx *Tx) newKey(a *customer.Account) (accountKey, error) {
	wrapped, err := tx.db.keys.NewAccountKey(int64(a.ID))
	if err != nil {
		return accountKey{}, err
	}
	return tx.keep(a.ID, wrapped, a.Epoch)
}

// freeAddress keeps an address from two accounts while rows of an older digest key are left: the index sees equal digests
// only. With one key it asks nothing.
func (tx *Tx) freeAddress(a customer.Account) error {
	if a.State != customer.Pending && a.State != customer.Claimed {
		return nil
	}
	if err := tx.guard(a.Email); err != nil || len(tx.db.keys.DigestVersions()) == 1 {
		return err
	}
	var other customer.Account
	var err error
	if a.State == customer.Pending {
		other, err = tx.PendingAccount(a.Creator, a.Email)
	} else {
		other, err = tx.ClaimedAccount(a.Email)
	}
	if errors.Is(err, customer.ErrNoAccount) {
		return nil
	}
	if err == nil && other.ID != a.ID {
		err = customer.ErrAddressTaken
	}
	return err
}

// bury marks what a risen epoch has killed as ready to be swept. It makes nothing dead: every use compares epochs.
func (tx *Tx) bury(id customer.AccountID, epoch int64) error {
	for _, table := range []string{"kyc_review", "phone_number", "one_time_token"} {
		if err := tx.put("DELETE FROM "+table+" WHERE account_id = $1 AND epoch < $2", id, epoch); err != nil {
			return err
		}
	}
	return tx.put("UPDATE token SET dead_at = access_expires_at WHERE account_id = $1 AND account_id <> 0 AND epoch < $2", id, epoch)
}

// BlockAddress keeps a partner from creating an account for an address until then.
func (tx *Tx) BlockAddress(creator partner.ID, email string, until time.Time) error {
	_, err := tx.exec(`INSERT INTO address_block (creator_id, email_digest, until_at) VALUES ($1, $2, $3)
		ON CONFLICT (creator_id, email_digest) DO UPDATE SET until_at = excluded.until_at`,
		creator, []byte(tx.db.keys.Digest(secret.PurposeEmail, customer.FoldEmail(email))), millis(until))
	return err
}

// Blocked tells whether a partner is kept from creating an account for the address at now.
func (tx *Tx) Blocked(creator partner.ID, email string, now time.Time) (bool, error) {
	for _, digest := range tx.emailDigests(email) {
		var until int64
		err := tx.get("SELECT until_at FROM address_block WHERE creator_id = $1 AND email_digest = $2", []any{creator, digest}, &until)
		if err == nil && millis(now) < until {
			return true, nil
		}
		if err != nil && !errors.Is(err, errNoRow) {
			return false, err
		}
	}
	return false, nil
}
