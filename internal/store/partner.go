package store

import (
	"errors"
	"fmt"
	"slices"

	"github.com/latchkey-id/latchkey/internal/limit"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
)

var partnerTable = newTable("partner", "id", "client_id", "name", "home_uri", "restart_uri", "redirect_uris", "class", "active",
	"hide_existing", "birthdate_check", "required_scopes", "optional_scopes", "purpose", "per_second", "per_minute", "secrets", "created_at", "version")

// partnerFields are in the order of the columns. Of the class only the name is stored, so that a release may change what
// a class means; an unknown name makes the row unreadable rather than lax.
func partnerFields(p *partner.Partner, class *string) []any {
	return []any{&p.ID, &p.ClientID, &p.Name, &p.HomeURI, &p.RestartURI, list{&p.RedirectURIs}, class, &p.Active,
		&p.HideExisting, &p.BirthdateCheck, list{&p.RequiredScopes}, list{&p.OptionalScopes}, &p.Purpose, &p.PerSecond, &p.PerMinute,
		list{&p.Secrets}, moment{&p.CreatedAt}, &p.Version}
}

func scanPartner(scan func(...any) error) (p partner.Partner, err error) {
	var class string
	if err = scan(partnerFields(&p, &class)...); err != nil {
		return partner.Partner{}, err
	}
	if p.Class, err = partner.ClassNamed(class); err != nil {
		return partner.Partner{}, unavailable(fmt.Sprintf("read partner %d", p.ID), err)
	}
	return p, nil
}

// mostMemory bounds how many partners a connection remembers.
const mostMemory = 1000

// remembered returns a partner as this connection read it before, where its row still has the version that it had then, and
// reads it otherwise. Every change of a row raises its version, and the version is read in the transaction under way, so that what
// is remembered is what is stored: a partner is in every request, and reading its lists costs more than all else that a request
// reads. What is changed is read anew.
func (tx *Tx) remembered(id partner.ID, version int64) (partner.Partner, error) {
	if p, known := tx.conn.partners[id]; known && p.Version == version && tx.reads {
		return p, nil
	}
	p, err := scanPartner(func(dest ...any) error { return tx.get(partnerTable.find, []any{id}, dest...) })
	if errors.Is(err, errNoRow) {
		err = partner.ErrUnknown
	}
	if err != nil || !tx.reads {
		return p, err
	}
	if len(tx.conn.partners) >= mostMemory {
		clear(tx.conn.partners)
	}
	// Others will get the same lists: one that is added to must not grow in place.
	p.RedirectURIs, p.RequiredScopes, p.OptionalScopes, p.Secrets = slices.Clip(p.RedirectURIs), slices.Clip(p.RequiredScopes), slices.Clip(p.OptionalScopes), slices.Clip(p.Secrets)
	tx.conn.partners[id] = p
	return p, nil
}

func (tx *Tx) onePartner(query string, arg any) (partner.Partner, error) {
	var id partner.ID
	var version int64
	err := tx.get(query, []any{arg}, &id, &version)
	if errors.Is(err, errNoRow) {
		err = partner.ErrUnknown
	}
	if err != nil {
		return partner.Partner{}, err
	}
	return tx.remembered(id, version)
}

// Partner reads a partner by its key, or answers partner.ErrUnknown.
func (tx *Tx) Partner(id partner.ID) (partner.Partner, error) {
	return tx.onePartner("SELECT id, version FROM partner WHERE id = $1", id)
}

// PartnerByClient reads a partner by its client id, or answers partner.ErrUnknown.
func (tx *Tx) PartnerByClient(clientID string) (partner.Partner, error) {
	return tx.onePartner("SELECT id, version FROM partner WHERE client_id = $1", clientID)
}

// PartnerAsking reads a partner by its client id, with the tries of a key; or answers partner.ErrUnknown.
func (tx *Tx) PartnerAsking(clientID string, key limit.Key) (partner.Partner, limit.Tries, error) {
	if len(tx.db.keys.DigestVersions()) > 1 { // a count may be under any of them
		p, err := tx.PartnerByClient(clientID)
		if err != nil {
			return partner.Partner{}, limit.Tries{}, err
		}
		tries, err := tx.Tries(key)
		return p, tries, err
	}
	var id partner.ID
	var version int64
	var tries limit.Tries
	digest := tx.db.keys.Digest(secret.PurposeLimit, string(key.Kind), key.Subject)
	err := tx.get(`SELECT p.id, p.version, COALESCE(t.count, 0), COALESCE(t.first_at, 0), COALESCE(t.last_at, 0), COALESCE(t.until_at, 0),
		COALESCE(t.total, 0), COALESCE(t.version, 0) FROM partner p LEFT JOIN tries t ON t.key_digest = $2 WHERE p.client_id = $1`,
		[]any{clientID, digest}, append([]any{&id, &version}, triesFields(&tries)...)...)
	if errors.Is(err, errNoRow) {
		err = partner.ErrUnknown
	}
	if err != nil {
		return partner.Partner{}, limit.Tries{}, err
	}
	p, err := tx.remembered(id, version)
	return p, tries, err
}

// premiseRow is one row where a premise holds and none where it does not.
const premiseRow = `partner p LEFT JOIN tries t ON t.key_digest = $3 WHERE p.id = $1 AND p.version = $2 AND COALESCE(t.version, 0) = $4 AND COALESCE(t.last_at, 0) = $5`

// Holds is partner.ErrChanged where the premise is not so any more. Where each question is a round trip it goes with the next one or the end of the
// transaction, which it then fails.
func (tx *Tx) Holds(p partner.Premise) error {
	if p == (partner.Premise{}) {
		return nil
	}
	digest, err := tx.triesDigest(p.Tries)
	if err != nil {
		return err
	}
	args := []any{p.Partner, p.Version, digest, p.TriesVersion, millis(p.TriesAt)}
	if tx.db.engine.sole != nil && !tx.last {
		return tx.await(soleRow+premiseRow, args, partner.ErrChanged)
	}
	var one int
	if err = tx.get("SELECT 1 FROM "+premiseRow, args, &one); errors.Is(err, errNoRow) {
		err = partner.ErrChanged
	}
	return err
}

// Partners lists all partners in the order in which they were added.
func (tx *Tx) Partners() ([]partner.Partner, error) {
	var all []partner.Partner
	err := tx.each("SELECT "+partnerTable.all+" FROM partner ORDER BY id", nil, func(scan func(...any) error) error {
		p, err := scanPartner(scan)
		all = append(all, p)
		return err
	})
	return all, err
}

// SavePartner inserts or updates a partner. A client id that another has is partner.ErrTaken.
func (tx *Tx) SavePartner(p *partner.Partner) error {
	err := tx.save(partnerTable, &p.Version, partnerFields(p, &p.Class.Name))
	if errors.Is(err, errTaken) {
		err = partner.ErrTaken
	}
	return err
}
