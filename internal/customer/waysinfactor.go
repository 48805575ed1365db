package customer

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/limit"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// What may be wrong with a change of second steps.
var (
	// ErrNoFactor: the account has no such passkey or app. Another account's looks the same (I10).
	ErrNoFactor = errors.New("account has no such second step")
	// ErrLastStep: the account has no other second step. The last one can be replaced, never removed: an account that a
	// password alone opens is not what its owner set up (I4).
	ErrLastStep = errors.New("second step is the last one")
	// ErrAppsFull: the account has MaxApps of them.
	ErrAppsFull = errors.New("account has as many authenticator apps as it may")
	// ErrCodesNotSaved: the box that says that the recovery codes are saved was not ticked.
	ErrCodesNotSaved = errors.New("recovery codes are not said to be saved")
)

// MaxApps is how many authenticator apps an account may have.
const MaxApps = 5

// Steps is how many second steps there are; recovery codes are none.
func (c Credentials) Steps() int { return len(c.Apps) + len(c.Passkeys) }

// RenamePasskey gives a passkey another name. It changes nothing about who gets in, so no mail goes out. Errors: ErrNoSession,
// ErrNotFresh, ErrNoFactor, ErrPasskeyName.
func (ws WaysIn) RenamePasskey(ctx context.Context, in OwnerPost, id int64, name string) error {
	name, wrong := cleanName(name)
	if wrong != nil {
		return wrong
	}
	_, err := ws.by(ctx, in, audit.PasskeyRenamed, func(t *turn) error {
		c := &t.account.Credentials
		i := slices.IndexFunc(c.Passkeys, func(k Passkey) bool { return k.ID == id })
		if i < 0 {
			return ErrNoFactor
		}
		c.Passkeys = slices.Clone(c.Passkeys)
		c.Passkeys[i].Name = name
		return t.save()
	})
	return err
}

// RemovePasskey takes a passkey off the account and ends the other sessions. Two that are removed at once leave one: the
// account's row decides, in each one's transaction. Errors: ErrNoSession, ErrNotFresh, ErrNoFactor, ErrLastStep.
func (ws WaysIn) RemovePasskey(ctx context.Context, in OwnerPost, id int64) (SessionKey, error) {
	return ws.by(ctx, in, audit.PasskeyRemoved, func(t *turn) error {
		c := &t.account.Credentials
		i := slices.IndexFunc(c.Passkeys, func(k Passkey) bool { return k.ID == id })
		if i < 0 {
			return ErrNoFactor
		}
		if c.Steps() == 1 {
			return t.refuse("last_step", ErrLastStep)
		}
		c.Passkeys = slices.Delete(slices.Clone(c.Passkeys), i, i+1)
		t.change = SignInPasskeyRemoved
		return errors.Join(t.endOthers(), t.save())
	})
}

// RemoveApp takes an authenticator app off the account and ends the other sessions. Errors: as RemovePasskey.
func (ws WaysIn) RemoveApp(ctx context.Context, in OwnerPost, id int64) (SessionKey, error) {
	return ws.by(ctx, in, audit.AppRemoved, func(t *turn) error {
		if !t.dropApp(id) {
			return ErrNoFactor
		}
		if t.account.Credentials.Steps() == 0 {
			return t.refuse("last_step", ErrLastStep)
		}
		t.change = SignInAppRemoved
		return errors.Join(t.endOthers(), t.save())
	})
}

// dropApp takes an app off the account in hand and tells whether there was one.
func (t *turn) dropApp(id int64) bool {
	c := &t.account.Credentials
	i := slices.IndexFunc(c.Apps, func(a App) bool { return a.ID == id })
	if i >= 0 {
		c.Apps = slices.Delete(slices.Clone(c.Apps), i, i+1)
	}
	return i >= 0
}

// begin writes a pending change of the session in hand. The row of an earlier one is used anew.
func (ws WaysIn) begin(t *turn, kind ChangeKind, what Begun) error {
	c, err := t.PendingChange(t.session.ID, kind)
	if err != nil && !errors.Is(err, ErrNoChange) {
		return err
	}
	if c.ID == 0 {
		c.ID = ws.IDs.Next()
	}
	c.Account, c.Session, c.Kind, c.Epoch, c.SessionEpoch = t.account.ID, t.session.ID, kind, t.account.Epoch, t.account.SessionEpoch
	c.Begun, c.ExpiresAt = what, t.now.Add(ChangeLife)
	return t.SavePendingChange(&c)
}

// Pending reads what this browser has begun, for its page. Errors: ErrNoSession, ErrNotFresh, ErrNoChange.
func (ws WaysIn) Pending(ctx context.Context, key SessionKey, kind ChangeKind) (a Account, what Begun, err error) {
	err = ws.Store.View(ctx, func(tx WaysInTx) error {
		s, owner, err := FreshOwner(tx, key, ws.Now())
		if err != nil {
			return err
		}
		c, err := pending(tx, s, owner, kind, ws.Now())
		a, what = owner, c.Begun
		return err
	})
	if err != nil {
		return Account{}, Begun{}, err
	}
	return a, what, nil
}

// StartApp draws the secret of another authenticator app, which is the same on every reload until the app has shown a code.
// replaces is the app whose place it takes, 0 for none. Errors: ErrNoSession, ErrNotFresh, ErrNoFactor, ErrAppsFull.
func (ws WaysIn) StartApp(ctx context.Context, in OwnerPost, replaces int64) error {
	_, err := ws.by(ctx, in, audit.AppStarted, func(t *turn) error {
		apps := t.account.Credentials.Apps
		if replaces != 0 && !slices.ContainsFunc(apps, func(a App) bool { return a.ID == replaces }) {
			return ErrNoFactor
		}
		if replaces == 0 && len(apps) >= MaxApps {
			return t.refuse("too_many", ErrAppsFull)
		}
		before, err := pending(t, t.session, t.account, ChangeApp, t.now)
		if err != nil && !errors.Is(err, ErrNoChange) {
			return err
		}
		what := Begun{AppSecret: before.Begun.AppSecret, Replaces: replaces}
		if err != nil {
			what.AppSecret = secret.NewAppSecret() // a second click keeps the one that the first one's page shows
		}
		return ws.begin(t, ChangeApp, what)
	})
	return err
}

// ProveApp adds the app that StartApp began with, once it shows a code. In the place of another it ends the other sessions, as
// a removal does. Errors: ErrNoSession, ErrNotFresh, ErrNoChange, ErrCodeEmpty, ErrCodeFormat, ErrCodeWrong, ErrAppsFull,
// limit.Exceeded.
func (ws WaysIn) ProveApp(ctx context.Context, in OwnerPost, typed string) (key SessionKey, replaced bool, err error) {
	code, err := CleanSixDigits(typed)
	if err != nil {
		return SessionKey{}, false, err
	}
	key, err = ws.by(ctx, in, audit.AppAdded, func(t *turn) error {
		c, err := pending(t, t.session, t.account, ChangeApp, t.now)
		if err != nil {
			return err
		}
		tries := limit.NewKey(limit.KindSecondStep, strconv.FormatInt(int64(t.account.ID), 10), in.Origin.Network)
		if err := limit.Spend(t, tries, t.now); errors.Is(err, limit.ErrExceeded) {
			return t.refuse("too_many_tries", err)
		} else if err != nil {
			return err
		}
		step, result := secret.MatchApp(c.Begun.AppSecret, code, t.now, 0)
		if result != secret.AppMatches {
			return t.refuse("wrong_code", ErrCodeWrong)
		}
		if replaced = t.dropApp(c.Begun.Replaces); !replaced && len(t.account.Credentials.Apps) >= MaxApps {
			return t.refuse("too_many", ErrAppsFull)
		}
		t.change = SignInAppAdded
		if replaced {
			t.change, t.event.Detail = SignInAppReplaced, map[string]string{"replaced": "true"}
			if err := t.endOthers(); err != nil {
				return err
			}
		}
		made := App{ID: ws.IDs.Next(), Secret: c.Begun.AppSecret, LastStep: step, AddedAt: t.now, LastUsedAt: t.now}
		t.account.Credentials.Apps = append(slices.Clone(t.account.Credentials.Apps), made)
		return errors.Join(limit.Forgive(t, tries, t.now), t.DropPendingChange(c.ID), t.save())
	})
	return key, replaced, err
}

// StartCodes draws new recovery codes and shows them until they are said to be saved; the old ones work until then, or who
// closes the page would have none. Errors: ErrNoSession, ErrNotFresh.
func (ws WaysIn) StartCodes(ctx context.Context, in OwnerPost) error {
	_, err := ws.by(ctx, in, audit.CodesStarted, func(t *turn) error {
		if _, err := pending(t, t.session, t.account, ChangeCodes, t.now); !errors.Is(err, ErrNoChange) {
			if err == nil {
				err = errAgain
			}
			return err
		}
		texts, codes := NewRecoveryCodes(ws.Keys, t.account.ID)
		return ws.begin(t, ChangeCodes, Begun{Texts: texts, Codes: codes})
	})
	if errors.Is(err, errAgain) {
		return nil
	}
	return err
}

// errAgain is a second click, which changes nothing.
var errAgain = errors.New("was done already")

// SaveCodes puts the codes that StartCodes drew in the place of the old ones, which are dead from then on. Errors: ErrNoSession,
// ErrNotFresh, ErrNoChange, ErrCodesNotSaved.
func (ws WaysIn) SaveCodes(ctx context.Context, in OwnerPost, saved bool) error {
	_, err := ws.by(ctx, in, audit.CodesReplaced, func(t *turn) error {
		c, err := pending(t, t.session, t.account, ChangeCodes, t.now)
		if err != nil {
			return err
		}
		if !saved {
			return ErrCodesNotSaved
		}
		t.account.Credentials.Recovery, t.change = c.Begun.Codes, SignInCodesReplaced
		return errors.Join(t.DropPendingChange(c.ID), t.save())
	})
	return err
}
