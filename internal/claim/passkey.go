package claim

import (
	"context"
	"errors"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// PasskeyOptions are what page C6 gives the browser to make a passkey with. A journey at another step has none.
func (cs Claims) PasskeyOptions(s State) string {
	j := s.Journey
	return cs.Passkeys.CreationOptions(j.Challenge, secret.PasskeyUser{Handle: customer.PasskeyHandle(j.Account), Name: j.Address},
		j.Provisional.PasskeyCredentials())
}

// ProvePasskey is C6: what the authenticator made stays on the journey's row until the commit copies it (I3). The recovery
// codes are drawn with it, as with an app. The challenge is answered once: whatever comes of it, another takes its place.
// Nothing can be guessed here, so no tries are counted. Errors: ErrNoJourney, ErrNotNow, customer.ErrPasskey.
func (cs Claims) ProvePasskey(ctx context.Context, in Post, answer []byte) error {
	now := cs.Now()
	return cs.Store.Change(ctx, func(tx Tx) (audit.Event, error) {
		state, err := cs.at(tx, in.Text, in.Session, now, StepPasskey)
		if err != nil {
			return audit.Event{}, err
		}
		j := state.Journey
		e := cs.customerEvent(now, audit.JourneyPasskeyAdded, j, in.Origin)
		made, err := cs.Passkeys.Register(j.Challenge, answer)
		var fault secret.PasskeyFault
		if errors.As(err, &fault) {
			j.Challenge = secret.NewPasskeyChallenge()
			if err := tx.SaveJourney(&j); err != nil {
				return audit.Event{}, err
			}
			return denied(e, audit.JourneyPasskeyRefused, "passkey_"+fault.Reason), customer.ErrPasskey
		}
		if err != nil {
			return audit.Event{}, err
		}
		j.Provisional.Passkeys = []customer.Passkey{customer.NewPasskey(cs.IDs, made, now)}
		j.PasskeyAt = now
		cs.secured(&j, now)
		return e, tx.SaveJourney(&j)
	})
}

// secured ends the second step: what was prepared for one that was not taken is forgotten, and the recovery codes are drawn.
func (cs Claims) secured(j *Journey, now time.Time) {
	j.RecoveryTexts, j.Provisional.Recovery = customer.NewRecoveryCodes(cs.Keys, j.Account)
	j.AppSecret, j.Challenge, j.FreshAt = nil, "", now
}

// forget takes every credential off the journey: the commit has copied them, or nobody shall have them.
func (j *Journey) forget() {
	j.Provisional, j.RecoveryTexts, j.AppSecret, j.Challenge = customer.Credentials{}, nil, nil, ""
}
