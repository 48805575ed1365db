package claim_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// What operators, owners, mails and time do beside the claim, as events of the exploration. Each is a kind of its own, so that a
// run can have some of them.

// operatorActions are an operator at the command line.
var operatorActions = []action{
	{"operator holds", func(st *stage, s *scene) (bool, error) {
		if s.holds++; s.holds > 1 {
			return false, nil
		}
		_, err := st.customers.Hold(st.Context(), st.account)
		return true, err
	}},
	{"operator releases", func(st *stage, _ *scene) (bool, error) {
		_, err := st.customers.Release(st.Context(), st.account)
		return true, err
	}},
	{"operator verifies", func(st *stage, _ *scene) (bool, error) {
		_, err := st.customers.Decide(st.Context(), customer.Decision{Profile: st.profile, Verified: true, By: customer.ByOperator})
		return true, err
	}},
	{"creator reports another person", func(st *stage, _ *scene) (bool, error) {
		return true, st.claims.Report(st.Context(), st.partner, st.account, customer.Origin{})
	}},
	{"time tidies", func(st *stage, _ *scene) (bool, error) {
		_, err := st.claims.Tidy(st.Context(), st.tidy)
		return true, err
	}},
}

// theOperatorErases is left out where the model is compared with the store: the model keeps the rows of what is erased, so that
// the laws have something to find.
var theOperatorErases = action{"operator erases", func(st *stage, _ *scene) (bool, error) {
	_, err := st.claims.Erase(st.Context(), st.erasing, st.account)
	return true, err
}}

// theMailObjects is the button behind the link of mail M1, which needs no browser.
var theMailObjects = action{"objects by mail", func(st *stage, s *scene) (bool, error) {
	i := slices.IndexFunc(s.rows.mails, func(m customer.Mail) bool { return m.Link != "" })
	if i < 0 {
		return false, nil
	}
	return true, st.claims.ObjectByLink(st.Context(), s.rows.mails[i].Link, customer.Origin{})
}}

// grantedActions are what a partner does with the newest token that a customer gave it: the names begin otherwise than those of its
// calls with what it held before.
var grantedActions = []action{
	{"granted partner refreshes", func(st *stage, s *scene) (bool, error) {
		if len(s.keys) < 2 || s.refreshes > 0 {
			return false, nil
		}
		s.refreshes++
		issue, err := st.tokens.Refresh(st.Context(), st.partner, s.keys[len(s.keys)-1].Refresh, customer.Origin{})
		if err == nil {
			s.keys = append(slices.Clone(s.keys), issue)
		}
		return true, err
	}},
	{"granted partner proposes", func(st *stage, s *scene) (bool, error) {
		if len(s.keys) < 2 {
			return false, nil
		}
		access, err := st.tokens.Access(st.Context(), s.keys[len(s.keys)-1].Access)
		if err != nil {
			return false, nil
		}
		_, err = st.customers.UpdatePersonal(st.Context(), access.Caller("", ""), st.profile, customer.Personal{Values: map[customer.Field]string{customer.City: "Trojanville"}})
		return true, err
	}},
}

// ownerSteps are what an owner does on their own pages, in a browser.
var ownerSteps = []browserAction{
	{"borrows the app", func(_ *stage, s *scene, v *visitor) (bool, error) {
		for i := range s.who {
			if len(v.app) == 0 && len(s.who[i].app) > 0 {
				v.app = s.who[i].app
				return true, nil
			}
		}
		return false, nil
	}},
	{"stops access", func(st *stage, _ *scene, v *visitor) (bool, error) {
		session, a, _, err := st.signins.Session(st.Context(), v.session)
		if err != nil || !session.SignedIn(a, st.now()) {
			return false, nil
		}
		cards, err := st.grants.Cards(st.Context(), customer.SignedInTo(a, customer.Origin{}))
		if err != nil || len(cards) == 0 {
			return false, err
		}
		return true, st.grants.Stop(st.Context(), customer.SignedInTo(a, customer.Origin{}), cards[0].ID)
	}},
	{"sets a new password", func(st *stage, s *scene, v *visitor) (bool, error) {
		if s.renewed++; s.renewed > 1 {
			return false, nil
		}
		key, err := st.ways.SetPassword(st.Context(), customer.OwnerPost{Session: v.session}, "another violet gravel lamp")
		return st.renewed(v, key, err)
	}},
	{"signs out everywhere", func(st *stage, s *scene, v *visitor) (bool, error) {
		if s.renewed++; s.renewed > 1 {
			return false, nil
		}
		key, err := st.ways.SignOutEverywhere(st.Context(), customer.OwnerPost{Session: v.session})
		return st.renewed(v, key, err)
	}},
	{"asks to close", func(st *stage, _ *scene, v *visitor) (bool, error) {
		_, err := st.claims.AskToClose(st.Context(), customer.OwnerPost{Session: v.session})
		return v.session.ID != 0, err
	}},
	{"keeps the account", func(st *stage, _ *scene, v *visitor) (bool, error) {
		session, a, _, err := st.signins.Session(st.Context(), v.session)
		if err != nil || !session.SignedIn(a, st.now()) {
			return false, nil
		}
		return true, st.claims.KeepAccount(st.Context(), customer.SignedInTo(a, customer.Origin{}))
	}},
	{"asks for another address", func(st *stage, _ *scene, v *visitor) (bool, error) {
		return v.session.ID != 0, st.ways.StartEmail(st.Context(), customer.OwnerPost{Session: v.session}, ownAddress)
	}},
	{"proves own address", func(st *stage, s *scene, v *visitor) (bool, error) {
		newest := customer.Mail{}
		for _, m := range s.rows.mails {
			if m.To == ownAddress && m.Kind == customer.MailCode && m.ID > newest.ID {
				newest = m
			}
		}
		if newest.ID == 0 {
			return false, nil
		}
		key, err := st.ways.ProveEmail(st.Context(), customer.OwnerPost{Session: v.session}, newest.Code)
		return st.renewed(v, key, err)
	}},
}

// ownAddress is the one that an owner moves to.
const ownAddress = "mira.kade@example.net"

func (st *stage) renewed(v *visitor, key customer.SessionKey, err error) (bool, error) {
	if err == nil {
		v.session = key
	}
	return v.session.ID != 0, err
}

// existingSteps go on from E10: the person signs in to the account that the address has, and lets the partner in there or not.
var existingSteps = []browserAction{
	{"goes on from E10", func(st *stage, s *scene, v *visitor) (bool, error) {
		if len(s.rows.accounts) < 2 || v.text == "" {
			return false, nil
		}
		ticket, err := st.claims.Existing(st.Context(), v.post())
		if err != nil {
			return true, err
		}
		owner := s.rows.accounts[1]
		session, key := customer.NewSession(st.claims.IDs, st.now())
		session.Account, session.Epoch, session.SessionEpoch, session.Level, session.ProvedAt = owner.ID, owner.Epoch, owner.SessionEpoch, customer.TwoSteps, st.now()
		session.SignedInAt = st.now()
		if err := st.halfway(session); err != nil {
			return false, err
		}
		if err = st.claims.Visit(st.Context(), ticket, key, "en", customer.Origin{}); err == nil {
			v.session, v.text = key, ticket.Text
		}
		return true, err
	}},
	{"allows in the account there was", func(st *stage, s *scene, v *visitor) (bool, error) {
		if len(s.rows.accounts) < 2 {
			return false, nil
		}
		return st.allow(s, v, existingProfile(s))
	}},
}

func existingProfile(s *scene) customer.ProfileID {
	for _, p := range s.rows.profiles {
		if p.Account == s.rows.accounts[1].ID {
			return p.ID
		}
	}
	return 0
}

// confirmedProfile is the person of an account whose owner said and confirmed everything long ago.
func (st *stage) confirmedProfile(a customer.AccountID, of customer.Profile) customer.Profile {
	p := of
	p.ID, p.Account, p.Version = of.ID+1, a, 1
	p.Details.Provenance = customer.Provenances{}
	for f, said := range of.Details.Provenance {
		said.ConfirmedAt = st.now()
		p.Details.Provenance[f] = said
	}
	p.ConfirmedEdition, p.ConfirmedAt = p.Edition, st.now()
	return p
}

// alive checks every token that the partner holds: it works only where its account, epoch, grant and hold let it (I2, I4).
func (st *stage) alive(s *scene, fail func(law, format string, args ...any)) {
	for i, issue := range s.keys {
		access, err := st.tokens.Access(st.Context(), issue.Access)
		if err != nil {
			continue
		}
		j := slices.IndexFunc(s.rows.accounts, func(a customer.Account) bool { return a.ID == access.Account })
		a := s.rows.accounts[j]
		if access.Epoch != a.Epoch || a.ClosedToCreator() {
			fail("I2", "a token of epoch %d works on an account of epoch %d, hold %q", access.Epoch, a.Epoch, a.Hold)
		}
		if i == 0 {
			if a.State != customer.Pending {
				fail("I2", "the registration token works on an account that is %s", a.State)
			}
			continue
		}
		standing := slices.ContainsFunc(s.rows.grants, func(g grant.Grant) bool {
			return g.Account == a.ID && g.Profile == access.Profile && g.Partner == st.partner.ID && g.Stands(st.now())
		})
		if a.State != customer.Claimed || a.Hold != "" || !standing {
			fail("I4", "a customer's token works: account %s, hold %q, grant stands %t", a.State, a.Hold, standing)
		}
	}
	for _, x := range s.rows.sessions {
		if a := s.rows.accounts[0]; x.SignedIn(a, st.now()) && (a.State != customer.Claimed || a.Hold != "" || x.SessionEpoch != a.SessionEpoch) {
			fail("I2", "a session is signed in to an account that is %s, hold %q", a.State, a.Hold)
		}
	}
}

// untouched checks on the way between two states what an owner's account may not suffer: epochs rise by one and for a reason, ways
// in change by the owner's hand alone, and who proposes changes no value.
func (st *stage) untouched(before, after *scene, fail func(law, format string, args ...any)) {
	was, is, name := before.rows.accounts[0], after.rows.accounts[0], after.path.name
	says := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(name, w) })
	}
	if is.Epoch != was.Epoch && (is.Epoch != was.Epoch+1 || !says("commits", "objects by mail", "proves own address", "tidies", " allows", "operator erases", "reports another person", " rebuilds")) {
		fail("I2", "the epoch went from %d to %d", was.Epoch, is.Epoch)
	}
	if is.State == customer.Expired && was.State == customer.Pending && !says("tidies", " allows", "operator erases") {
		fail("I2", "the account was erased")
	}
	if says("operator holds", "objects by mail") && is.Hold == "" {
		fail("I2", "the account is not on hold")
	}
	standing := func(s *scene) (n int) {
		for _, g := range s.rows.grants {
			if g.Stands(st.now()) {
				n++
			}
		}
		return n
	}
	if says("stops access") && standing(before) > 0 && standing(after) >= standing(before) {
		fail("I4", "an access stands that was stopped")
	}
	if is.State == customer.Closed && was.State != customer.Closed && (!says("operator erases") && !(says("tidies") && !was.CloseAt.IsZero() && !st.now().Before(was.CloseAt) && was.Hold == "")) {
		fail("I2", "the account was closed")
	}
	if was.State != customer.Claimed || is.State == customer.Closed {
		return
	}
	if is.Credentials.PasswordHash != was.Credentials.PasswordHash && !says("sets a new password", "forgot the password", " rebuilds") {
		fail("I2", "the password changed")
	}
	if is.Email != was.Email && !says("proves own address") || is.ContactEmail != was.ContactEmail {
		fail("I2", "the address went from %q to %q", was.Email, is.Email)
	}
	if strings.HasPrefix(name, "granted") {
		for i, p := range after.rows.profiles {
			if q := before.rows.profiles[i]; p.Value(customer.City) != q.Value(customer.City) {
				fail("I2", "a partner changed a confirmed value from %q to %q", q.Value(customer.City), p.Value(customer.City))
			}
		}
		if !slices.EqualFunc(after.rows.grants, before.rows.grants, func(a, b grant.Grant) bool { return fmt.Sprint(a) == fmt.Sprint(b) }) {
			fail("I4", "a partner changed a grant")
		}
	}
	if len(after.rows.accounts) > 1 && len(before.rows.accounts) > 1 && after.rows.accounts[1].Credentials.PasswordHash != before.rows.accounts[1].Credentials.PasswordHash {
		fail("I2", "the account there was got other credentials")
	}
}

// ownerRefusals are errors that the owner's own pages may answer with.
func ownerRefusal(err error) bool {
	for _, known := range []error{customer.ErrNotFresh, customer.ErrNoChange, customer.ErrSameAddress, customer.ErrAddressHasAccount, customer.ErrAddressCodeLate,
		claim.ErrNoObjection, claim.ErrNotReportable, customer.ErrNoAccount, customer.ErrNoProfile, grant.ErrInvalidToken, secret.ErrBusy, customer.ErrLocked,
		customer.ErrNoRecovery, customer.ErrRecoveryStep, customer.ErrResetLink, customer.ErrNoReset} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}

// The model's side of what these verbs need beside the claim's.

func (tx *modelTx) PendingChange(of customer.SessionID, kind customer.ChangeKind) (customer.PendingChange, error) {
	return find(tx, tx.rows.pending, func(c customer.PendingChange) bool { return c.Session == of && c.Kind == kind }, customer.ErrNoChange)
}

func (tx *modelTx) SavePendingChange(c *customer.PendingChange) error {
	return save(tx, &tx.rows.pending, c, func(r customer.PendingChange) bool { return r.ID == c.ID }, func(r *customer.PendingChange) *int64 { return &r.Version })
}

func (tx *modelTx) DropPendingChange(id int64) error {
	tx.wrote = true
	tx.rows.pending = slices.DeleteFunc(slices.Clone(tx.rows.pending), func(c customer.PendingChange) bool { return c.ID == id })
	return tx.call()
}

func (tx *modelTx) SessionsOf(a customer.AccountID) (all []customer.Session, err error) {
	for _, s := range slices.Backward(tx.rows.sessions) {
		if s.Account == a && s.EndedAt.IsZero() {
			all = append(all, s)
		}
	}
	return all, tx.call()
}

func (tx *modelTx) EndRefreshOf(a customer.AccountID, at time.Time) error {
	tx.rows.tokens, tx.rows.auths = slices.Clone(tx.rows.tokens), slices.Clone(tx.rows.auths)
	for i, t := range tx.rows.tokens {
		if t.Account == a && t.RefreshEndedAt.IsZero() && t.EndedAt.IsZero() {
			tx.wrote, t.RefreshEndedAt, t.Version = true, at, t.Version+1
			tx.rows.tokens[i] = t
		}
	}
	for i, c := range tx.rows.auths {
		if c.Account == a && c.RedeemedAt.IsZero() && c.SupersededAt.IsZero() {
			tx.wrote, c.SupersededAt, c.Version = true, at, c.Version+1
			tx.rows.auths[i] = c
		}
	}
	return tx.call()
}

func (tx *modelTx) ReviewFiles(customer.AccountID, customer.ProfileID, time.Time, []customer.Purpose) error {
	return tx.call()
}

// ForgetAccount deletes what waits to be told, and sessions and tokens.
func (tx *modelTx) ForgetAccount(id customer.AccountID) error {
	tx.wrote = true
	tx.rows.mails = slices.DeleteFunc(slices.Clone(tx.rows.mails), func(m customer.Mail) bool { return m.Account == id })
	tx.rows.sessions = slices.DeleteFunc(slices.Clone(tx.rows.sessions), func(s customer.Session) bool { return s.Account == id })
	tx.rows.tokens = slices.DeleteFunc(slices.Clone(tx.rows.tokens), func(t grant.Token) bool { return t.Account == id })
	return tx.call()
}

func (tx *modelTx) ClosingAccounts(now time.Time, most int) (ids []customer.AccountID, err error) {
	for _, a := range tx.rows.accounts {
		if !a.CloseAt.IsZero() && !a.CloseAt.After(now) && a.Owned() && len(ids) < most {
			ids = append(ids, a.ID)
		}
	}
	return ids, tx.call()
}

func (tx *modelTx) SilentJourneys(before time.Time, most int) (texts []string, err error) {
	for _, j := range tx.rows.journeys {
		if j.AbandonedAt.IsZero() && (j.Decision == claim.Undecided || j.Decision == claim.Left) && j.FreshAt.Before(before.Add(time.Millisecond)) && len(texts) < most {
			texts = append(texts, j.Text)
		}
	}
	return texts, tx.call()
}

func (tx *modelTx) StalePending(before time.Time, most int) (ids []customer.AccountID, err error) {
	for _, a := range tx.rows.accounts {
		if a.State == customer.Pending && !a.UpdatedAt.After(before) && len(ids) < most {
			ids = append(ids, a.ID)
		}
	}
	return ids, tx.call()
}
