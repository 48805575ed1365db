package store

import (
	"errors"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// journeysListed bounds how many journeys of one browser are read.
const journeysListed = 20

var journeyTable = newTable("journey", "id", "text", "session_id", "partner_id", "account_id", "claim_code_id", "number", "epoch", "sealed",
	"proven_at", "password_at", "app_at", "committed_at", "method", "reviewed_at", "decision", "decided_at", "grant_id", "grant_code_id",
	"started_at", "fresh_at", "language", "ended_at", "ended_reason", "abandoned_at", "passkey_at", "birth_at", "version")

func journeyFields(j *claim.Journey, sealed *[]byte) []any {
	return []any{&j.ID, &j.Text, &j.Session, &j.Partner, &j.Account, &j.Code, &j.Number, &j.Epoch, sealed, moment{&j.ProvenAt},
		moment{&j.PasswordAt}, moment{&j.AppAt}, moment{&j.CommittedAt}, &j.Method, moment{&j.ReviewedAt}, &j.Decision,
		moment{&j.DecidedAt}, &j.Grant, &j.GrantCode, moment{&j.StartedAt}, moment{&j.FreshAt}, &j.Language, moment{&j.EndedAt},
		&j.EndedReason, moment{&j.AbandonedAt}, moment{&j.PasskeyAt}, moment{&j.BirthAt}, &j.Version}
}

// journeySecrets is how the sealed column is written.
type journeySecrets struct {
	Address       string               `json:"address,omitempty"`
	Request       grant.Request        `json:"request"`
	Mailed        claim.MailedCode     `json:"mailed"`
	AppSecret     []byte               `json:"app_secret,omitempty"`
	Provisional   customer.Credentials `json:"provisional"`
	RecoveryTexts []string             `json:"recovery_texts,omitempty"`
	Challenge     string               `json:"challenge,omitempty"`
	Copy          customer.AccountID   `json:"copy,omitempty"`
}

func journeyPlace(id claim.JourneyID) secret.Place {
	return secret.Place{Table: "journey", Column: "sealed", Row: int64(id)}
}

func (tx *Tx) openJourney(j *claim.Journey, sealed []byte) error {
	k, err := tx.box(j.Account)
	if err != nil {
		return err
	}
	var s journeySecrets
	err = tx.open(k, journeyPlace(j.ID), sealed, &s)
	j.Address, j.Request, j.Mailed, j.AppSecret, j.Provisional, j.RecoveryTexts, j.Challenge, j.Copy =
		s.Address, s.Request, s.Mailed, s.AppSecret, s.Provisional, s.RecoveryTexts, s.Challenge, s.Copy
	return err
}

// journeyByText reads a journey with what opens it: every page of the claim asks for one, and two questions are another way to the server
// and back.
var journeyByText = "SELECT " + journeyTable.of("j") + `, a.wrapped_key, COALESCE(a.epoch, 0), COALESCE(a.version, 0)
	FROM journey j LEFT JOIN account a ON a.id = j.account_id WHERE j.text = $1`

// Journey reads the journey with that text, or answers claim.ErrNoJourney.
func (tx *Tx) Journey(text string) (claim.Journey, error) {
	var j claim.Journey
	var sealed, wrapped []byte
	var epoch, version int64
	err := tx.get(journeyByText, []any{text}, append(journeyFields(&j, &sealed), &wrapped, &epoch, &version)...)
	switch {
	case errors.Is(err, errNoRow):
		err = claim.ErrNoJourney
	case err == nil && version == 0:
		err = customer.ErrNoAccount
	case err == nil:
		tx.meet(j.Account, version, false)
		_, err = tx.keep(j.Account, wrapped, epoch)
	}
	if err == nil {
		err = tx.openJourney(&j, sealed)
	}
	if err != nil {
		return claim.Journey{}, err
	}
	return j, nil
}

// JourneysOf lists a browser session's journeys, newest first, at most 20.
func (tx *Tx) JourneysOf(session customer.SessionID) ([]claim.Journey, error) {
	var all []claim.Journey
	var sealed [][]byte
	err := tx.each("SELECT "+journeyTable.all+" FROM journey WHERE session_id = $1 ORDER BY id DESC LIMIT $2",
		[]any{session, journeysListed}, func(scan func(...any) error) error {
			var j claim.Journey
			var s []byte
			err := scan(journeyFields(&j, &s)...)
			all, sealed = append(all, j), append(sealed, s)
			return err
		})
	for i := range all { // after the rows, as with profiles
		if err == nil {
			err = tx.openJourney(&all[i], sealed[i])
		}
	}
	if err != nil {
		return nil, err
	}
	return all, nil
}

// SaveJourney inserts or updates a journey. One of an erased account keeps no secrets: the key that would seal them is gone.
func (tx *Tx) SaveJourney(j *claim.Journey) error {
	k, err := tx.box(j.Account)
	if err != nil {
		return err
	}
	var sealed []byte
	if k.box != nil {
		sealed, err = k.seal(journeyPlace(j.ID), journeySecrets{j.Address, j.Request, j.Mailed, j.AppSecret, j.Provisional, j.RecoveryTexts,
			j.Challenge, j.Copy})
	}
	if err != nil {
		return err
	}
	return tx.save(journeyTable, &j.Version, journeyFields(j, &sealed))
}
