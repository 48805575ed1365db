package claim_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/secret"
	"github.com/latchkey-id/latchkey/internal/store"
)

// signer seals the chain of a world and signs its receipts, as the server does.
type signer struct {
	w    *world
	keys *secret.ReceiptKeys
}

func (w *world) signer() *signer {
	w.t.Helper()
	keys, err := secret.NewReceiptKeys(w.now())
	must(w.t, err)
	return &signer{w, keys}
}

func (s *signer) receipts() claim.Receipts {
	return claim.Receipts{Store: store.Receipts{DB: s.w.db}, Keys: func() (*secret.ReceiptKeys, error) { return s.keys, nil },
		Issuer: "https://id.example.org", Now: s.w.now}
}

// sign does both and returns how many receipts were signed.
func (s *signer) sign() int {
	s.w.t.Helper()
	_, err := s.w.db.Chain().Seal(s.w.t.Context(), true)
	must(s.w.t, err)
	n, err := s.receipts().Sign(s.w.t.Context())
	must(s.w.t, err)
	return n
}

func (s *signer) published() []byte {
	s.w.t.Helper()
	set, err := s.keys.JWKS()
	must(s.w.t, err)
	return set
}

// own are the receipts of a browser's customer, checked.
func (s *signer) own(b *browser) (list []claim.Receipt, checked []claim.CheckedReceipt) {
	s.w.t.Helper()
	list, err := s.w.claims.OwnReceipts(s.w.t.Context(), b.session)
	must(s.w.t, err)
	for _, r := range list {
		c, err := claim.CheckReceipt(r.Text(r.Disclosures), s.published())
		must(s.w.t, err)
		checked = append(checked, c)
	}
	return list, checked
}

// stated finds what a receipt says of a field.
func stated(t *testing.T, c claim.CheckedReceipt, f customer.Field) (claim.StatedField, string) {
	t.Helper()
	i := slices.IndexFunc(c.Statement.Fields, func(s claim.StatedField) bool { return s.Field == f })
	if i < 0 {
		t.Fatalf("the receipt says nothing of %s", f)
	}
	return c.Statement.Fields[i], c.Values[i]
}

// TestReceipts: one at the commit, which says what the partner had said and what ended; one at the consent, which says what
// became of it and what began. Both name their places in the chain.
func TestReceipts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.signer()
	o := w.onboard(w.acme, "mira.kade@example.org")
	b := o.opened().to(claim.StepRecoveryCodes)
	if n := s.sign(); n != 0 {
		t.Errorf("%d receipts before the commit", n)
	}
	b.to(claim.StepReview)
	w.advance(time.Minute)
	must(t, w.claims.Correct(t.Context(), b.post(), claim.Correction{Values: map[customer.Field]string{customer.City: "Edinburgh", customer.PreferredName: "Mi"}}))
	b.to(claim.StepReturn)
	if n := s.sign(); n != 2 {
		t.Fatalf("%d receipts were signed", n)
	}
	list, checked := s.own(b)
	if len(list) != 2 {
		t.Fatalf("%d receipts", len(list))
	}
	a, first, second := w.account(o.account), checked[0].Statement, checked[1].Statement
	if first.Kind != claim.ReceiptOfClaim || first.Account != int64(o.account) || first.Epoch != a.Epoch || first.Issuer != "https://id.example.org" ||
		first.Partner != (claim.StatedPartner{ClientID: "acme", Name: "Partner acme"}) || first.Grant.ID != 0 {
		t.Errorf("of the claim: %+v", first)
	}
	if !slices.Contains(first.Ended, "registration_code") || !slices.Contains(first.Ended, "partner_tokens") || !slices.Contains(first.Began, "authenticator_app") {
		t.Errorf("ended %v, began %v", first.Ended, first.Began)
	}
	if second.Kind != claim.ReceiptOfConsent || second.Grant.ID == 0 || len(second.Grant.Scopes) == 0 || second.Grant.Profile != int64(o.profile) ||
		len(second.Began) != len(second.Grant.Scopes) || len(second.Ended) != 0 || second.Grant.Language != "en" {
		t.Errorf("of the consent: %+v", second)
	}
	for _, c := range []struct {
		field         customer.Field
		first, second string
	}{{customer.FirstName, claim.FieldSubmitted, claim.FieldConfirmed}, {customer.City, claim.FieldSubmitted, claim.FieldChanged},
		{customer.PreferredName, "", claim.FieldGiven}} {
		after, value := stated(t, checked[1], c.field)
		if after.State != c.second || value != map[customer.Field]string{customer.FirstName: "Mira", customer.City: "Edinburgh", customer.PreferredName: "Mi"}[c.field] {
			t.Errorf("%s at the consent: %+v, %q", c.field, after, value)
		}
		if c.first == "" {
			continue
		}
		before, value := stated(t, checked[0], c.field)
		if before.State != c.first || before.By != customer.ByPartner || value != details[c.field] || before.Digest == after.Digest {
			t.Errorf("%s at the commit: %+v, %q", c.field, before, value)
		}
	}
	for i, action := range []audit.Action{audit.JourneyClaimed, audit.ConsentAllowed} {
		place := checked[i].Statement.Place
		links, err := store.Audit{DB: w.db}.Links(t.Context(), place.Number-1, 1)
		if err != nil || len(links) != 1 || links[0].Entry.Number != place.Event || links[0].Entry.Action != action || fmt.Sprintf("%x", links[0].Link.Hash) != place.Hash {
			t.Errorf("receipt %d says that it is at %+v: %+v, %v", i, place, links, err)
		}
	}
}

// TestReceiptsOfBusinesses state the person who acts for one, the lists, and in a consent the chosen profile alone.
func TestReceiptsOfBusinesses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.signer()
	o := w.onboard(w.acme, "mira.kade@example.org")
	business := o.runs()
	b := o.opened().to(claim.StepAllow)
	must(t, b.allow(business))
	s.sign()
	_, checked := s.own(b)
	persons := 0
	for i, f := range checked[0].Statement.Fields {
		if f.Representative != 0 {
			persons++
			if f.Profile != int64(business) || checked[0].Values[i] != joinery.Person[f.Field] {
				t.Errorf("%+v says %q", f, checked[0].Values[i])
			}
		}
	}
	if persons != len(joinery.Person) {
		t.Errorf("%d values of the person, want %d", persons, len(joinery.Person))
	}
	if name, value := stated(t, checked[0], customer.BusinessName); name.Profile != int64(business) || value != "Kade Joinery Ltd" {
		t.Errorf("%+v says %q", name, value)
	}
	for _, f := range checked[1].Statement.Fields {
		if f.Profile != int64(business) {
			t.Errorf("the consent to one profile says something of another: %+v", f)
		}
	}
}

// TestWhatBecameOfAValue is the table of states, of one profile.
func TestWhatBecameOfAValue(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.signer()
	o := w.onboard(w.acme, "mira.kade@example.org")
	b := o.opened().to(claim.StepReview)
	w.change(o.account, func(_ *customer.Account, p *customer.Profile) {
		*p, _ = p.With(map[customer.Field]string{customer.SecondLine: "Flat 2"}, customer.ByPartner, w.now())
		*p, _ = p.With(map[customer.Field]string{customer.SecondLine: ""}, customer.ByCustomer, w.now())
		p.Details.Disputes = map[customer.Field]customer.DisputeNote{customer.LastName: {Note: "It is Kayde"}}
		*p = withDirectors(*p)
	})
	b.to(claim.StepReturn)
	s.sign()
	_, checked := s.own(b)
	for f, want := range map[customer.Field]string{customer.FirstName: claim.FieldConfirmed, customer.SecondLine: claim.FieldRemoved,
		customer.LastName: claim.FieldDisputed, customer.Directors: claim.FieldConfirmed} {
		is, value := stated(t, checked[1], f)
		if is.State != want || (is.Digest == "") != (want == claim.FieldRemoved) || (value == "") != (want == claim.FieldRemoved) {
			t.Errorf("%s: %+v, %q, want %s", f, is, value, want)
		}
	}
	if content, _, _ := secret.CheckReceipt(mustReceipts(t, s, b)[1].Signed, s.published()); strings.Contains(string(content), "Kayde") {
		t.Error("the customer's note is in the receipt")
	}
}

func mustReceipts(t *testing.T, s *signer, b *browser) []claim.Receipt {
	t.Helper()
	list, _ := s.own(b)
	return list
}

func withDirectors(p customer.Profile) customer.Profile {
	p.Details.Lists.Directors = []customer.Director{{ID: 1, FirstName: "Jonas", LastName: "Kade"}}
	p.Details.Provenance[customer.Directors] = customer.Provenance{Source: customer.ByPartner, At: p.UpdatedAt}
	return p
}

// TestReceiptsHoldNoValues: who finds a receipt without its disclosures learns nothing of the person.
func TestReceiptsHoldNoValues(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.signer()
	b := w.onboard(w.acme, "mira.kade@example.org").opened().to(claim.StepReturn)
	s.sign()
	list, _ := s.own(b)
	for _, r := range list {
		content, _, err := secret.CheckReceipt(r.Signed, s.published())
		must(t, err)
		for _, value := range append([]string{"mira.kade"}, values()...) {
			if strings.Contains(string(content), `"`+value+`"`) || strings.Contains(string(content), "mira") {
				t.Errorf("the receipt says %q: %s", value, content)
			}
		}
		checked, err := claim.CheckReceipt(r.Text(nil), s.published())
		if err != nil || len(checked.Values) != 0 || strings.Contains(r.Text(nil), "~") {
			t.Errorf("without disclosures: %v, %v", checked.Values, err)
		}
	}
}

func values() (list []string) {
	for _, v := range details {
		if len(v) > 3 { // "GB" is part of other words
			list = append(list, v)
		}
	}
	return list
}

// TestAReceiptIsSignedOnce: whoever asks gets the same text, however often and by whichever node it was signed, and after a
// crash between the commit and the signature.
func TestAReceiptIsSignedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.signer()
	o := w.onboard(w.acme, "mira.kade@example.org")
	b := o.opened().to(claim.StepReview)
	list, err := w.claims.OwnReceipts(t.Context(), b.session)
	if err != nil || len(list) != 1 || list[0].Signed != "" {
		t.Fatalf("after the commit, before any signature: %+v, %v", list, err)
	}
	waits, err := store.Receipts{DB: w.db}.UnsignedReceipts(t.Context(), 10)
	if err != nil || len(waits) != 0 {
		t.Errorf("an event without a place: %d, %v", len(waits), err)
	}
	_, err = w.db.Chain().Seal(t.Context(), true)
	must(t, err)
	errs := together(func() error { return second(s.receipts().Sign(t.Context())) }, func() error { return second(s.receipts().Sign(t.Context())) },
		func() error { return second(s.receipts().Sign(t.Context())) })
	if n := count(errs, nil); n != 3 {
		t.Errorf("%v", errs)
	}
	first, _ := s.own(b)
	if n := s.sign(); n != 0 {
		t.Errorf("signed %d again", n)
	}
	must(t, store.Receipts{DB: w.db}.SignReceipt(t.Context(), first[0].ID, "another"))
	if again, _ := s.own(b); again[0].Signed != first[0].Signed || fmt.Sprint(again[0].Disclosures) != fmt.Sprint(first[0].Disclosures) {
		t.Error("two receipts of one claim differ")
	}
	broken := s.receipts()
	broken.Keys = func() (*secret.ReceiptKeys, error) { return nil, secret.ErrReceiptKeys }
	b.to(claim.StepReturn)
	_, err = w.db.Chain().Seal(t.Context(), true)
	must(t, err)
	if _, err := broken.Sign(t.Context()); !errors.Is(err, secret.ErrReceiptKeys) {
		t.Errorf("without keys: %v", err)
	}
	if n := s.sign(); n != 1 {
		t.Errorf("with keys again: %d", n)
	}
}

// TestPartnersReceipts: a partner reads those that name it, after the customer allowed it, and none of another's.
func TestPartnersReceipts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.signer()
	o := w.onboard(w.acme, "mira.kade@example.org")
	b := o.opened().to(claim.StepReview)
	s.sign()
	_, err := w.claims.PartnerReceipts(t.Context(), o.caller)
	wants(t, "before Allow, with what was there before the claim", err, customer.ErrStale)
	b.to(claim.StepReturn)
	s.sign()
	_, _, acme := b.granted()
	list, err := w.claims.PartnerReceipts(t.Context(), acme)
	if err != nil || len(list) != 2 {
		t.Fatalf("%d receipts, %v", len(list), err)
	}
	for _, r := range list {
		if c, err := claim.CheckReceipt(r.Text(r.Disclosures), s.published()); err != nil || len(c.Values) < len(details) {
			t.Errorf("%+v, %v", c.Values, err)
		}
	}
	must(t, b.signInLater())
	b.o = &onboarding{w: w, partner: w.globex, email: o.email, account: o.account}
	must(t, b.visit(w.request(w.globex)))
	must(t, b.decide(true))
	s.sign()
	_, _, globex := b.granted()
	others, err := w.claims.PartnerReceipts(t.Context(), globex)
	if err != nil || len(others) != 1 || others[0].Kind != claim.ReceiptOfConsent || others[0].Partner != w.globex.ID {
		t.Errorf("the other partner reads %+v, %v", others, err)
	}
	acme.Profile++
	list, err = w.claims.PartnerReceipts(t.Context(), acme)
	if err != nil || len(list) != 1 || strings.Contains(list[0].Text(list[0].Disclosures), "~") {
		t.Errorf("with access to another profile: %d, %v", len(list), err)
	}
	all, err := w.claims.OwnReceipts(t.Context(), b.session)
	if err != nil || len(all) != 3 {
		t.Errorf("the customer has %d, %v", len(all), err)
	}
	for _, key := range []customer.SessionKey{{}, {ID: b.session.ID}, o.browser().session} {
		_, err := w.claims.OwnReceipts(t.Context(), key)
		wants(t, "somebody else's browser", err, customer.ErrNoSession)
	}
}

// TestReceiptsShowNoPartnerMoreThanItMayRead: evidences and identity documents go in through the API and never come out. What
// one partner said of them is in no other partner's receipt, which would be a way round the consent (I10).
func TestReceiptsShowNoPartnerMoreThanItMayRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.signer()
	o := w.onboard(w.acme, "mira.kade@example.org")
	_, err := w.customers.GiveEvidences(t.Context(), o.caller, o.profile, customer.Evidences{Values: map[customer.Field]string{customer.IncomeExplanation: "an inheritance"}})
	must(t, err)
	must(t, w.customers.SaveDocument(t.Context(), o.caller, o.profile, customer.Document{Type: "PASSPORT", Number: "507100417"}, false))
	b := o.opened().to(claim.StepReturn)
	_, _, acme := b.granted()
	must(t, b.signInLater())
	b.o = &onboarding{w: w, partner: w.globex, email: o.email, account: o.account}
	must(t, b.visit(w.request(w.globex)))
	must(t, b.decide(true))
	s.sign()
	_, _, globex := b.granted()
	reads := func(c customer.Caller) string {
		list, err := w.claims.PartnerReceipts(t.Context(), c)
		must(t, err)
		read := ""
		for _, r := range list {
			checked, err := claim.CheckReceipt(r.Text(r.Disclosures), s.published())
			must(t, err)
			read += string(r.Kind) + fmt.Sprint(checked.Values) + " "
		}
		return read
	}
	if own := reads(acme); strings.Count(own, "507100417") != 1 || strings.Count(own, "an inheritance") != 1 {
		t.Errorf("whoever said it reads %s", own)
	}
	if other := reads(globex); !strings.Contains(other, "7 Harbour Row") || strings.Contains(other, "507100417") || strings.Contains(other, "an inheritance") {
		t.Errorf("the other partner reads %s", other)
	}
	all, err := w.claims.OwnReceipts(t.Context(), b.session)
	must(t, err)
	if mine := fmt.Sprint(len(all), len(all[2].Disclosures)); !strings.HasPrefix(mine, "3 ") || slices.Contains(all[2].Disclosures, "") {
		t.Errorf("the customer's own receipts: %s", mine)
	}
}

// TestTamperedReceipts: a receipt that was changed anywhere does not pass, nor one of another server, nor a disclosure of
// another receipt; one of before a rotation does.
func TestTamperedReceipts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.signer()
	b := w.onboard(w.acme, "mira.kade@example.org").opened().to(claim.StepReview)
	s.sign()
	old := s.published()
	var err error
	s.keys, err = s.keys.Rotate(w.now(), w.now())
	must(t, err)
	b.to(claim.StepReturn)
	s.sign()
	list, checked := s.own(b)
	if checked[0].Key == checked[1].Key {
		t.Error("one key signed both")
	}
	good := list[0].Text(list[0].Disclosures)
	if _, err := claim.CheckReceipt(list[1].Text(nil), old); !errors.Is(err, secret.ErrReceiptKey) {
		t.Errorf("of a key that this set does not have: %v", err)
	}
	stranger, err := secret.NewReceiptKeys(w.now())
	must(t, err)
	foreign, err := stranger.JWKS()
	must(t, err)
	if _, err := claim.CheckReceipt(good, foreign); !errors.Is(err, secret.ErrReceiptKey) {
		t.Errorf("another server's keys: %v", err)
	}
	for name, text := range map[string]string{
		"another receipt's disclosures": list[0].Text(list[1].Disclosures),
		"a disclosure of no field":      list[0].Signed + "~" + second2(secret.Disclose("city", "Leith")) + "~",
		"no disclosure at all":          list[0].Signed + "~x~",
	} {
		if _, err := claim.CheckReceipt(text, s.published()); !errors.Is(err, claim.ErrDisclosure) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for i := 0; i < len(good); i += 7 {
		if good[i] == '~' || good[i] == '.' {
			continue
		}
		changed := byte('A')
		if good[i] == 'A' {
			changed = 'B'
		}
		text := good[:i] + string(changed) + good[i+1:]
		if c, err := claim.CheckReceipt(text, s.published()); err == nil && fmt.Sprint(c) != fmt.Sprint(checked[0]) {
			t.Errorf("character %d changed: passes and says %+v", i, c)
		}
	}
	words, err := s.keys.Sign(w.now(), []byte("no statement"))
	must(t, err)
	if _, err := claim.CheckReceipt(words, s.published()); !errors.Is(err, secret.ErrReceiptForm) {
		t.Errorf("signed words: %v", err)
	}
}

func second2(disclosure, _ string) string { return disclosure }

// TestReceiptOfADecline: what was asked for and not allowed is stated and signed, with its place and without a word of the data; access that
// stands is not touched. It is the customer's; the partner has no token to read it with.
func TestReceiptOfADecline(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.signer()
	o := w.onboard(w.acme, "mira.kade@example.org")
	b := o.opened().to(claim.StepAllow)
	must(t, b.decide(false))
	if n := s.sign(); n != 2 {
		t.Fatalf("%d receipts were signed", n)
	}
	list, checked := s.own(b)
	st := checked[1].Statement
	var asked []string
	for _, scope := range w.acme.Scopes() {
		asked = append(asked, "scope:"+string(scope))
	}
	if list[1].Kind != claim.ReceiptOfDecline || st.Kind != claim.ReceiptOfDecline || !slices.Equal(st.Declined, asked) || len(st.Ended)+len(st.Began)+len(st.Fields) != 0 ||
		st.Grant.ID != 0 || st.Place.Number == 0 || st.Partner.ClientID != "acme" || len(list[1].Disclosures) != 0 {
		t.Errorf("%+v", st)
	}
	links, err := store.Audit{DB: w.db}.Links(t.Context(), st.Place.Number-1, 1)
	if err != nil || len(links) != 1 || links[0].Entry.Action != audit.ConsentDeclined || fmt.Sprintf("%x", links[0].Link.Hash) != st.Place.Hash {
		t.Errorf("its place: %+v, %v", links, err)
	}
	if len(checked[0].Statement.Declined) != 0 {
		t.Error("the receipt of the claim declines something")
	}
}

// TestReceiptsThatDoNotOpen hold no other back, however many they are, and are signed when they open again.
func TestReceiptsThatDoNotOpen(t *testing.T) {
	t.Parallel()
	w := newWorldOn(t, inFile)
	s := w.signer()
	o := w.onboard(w.acme, "mira.kade@example.org")
	o.opened().to(claim.StepReturn)
	content := w.rows("SELECT hex(content) FROM receipt WHERE account_id = $1 ORDER BY id", int64(o.account))
	w.run("UPDATE receipt SET content = X'01' || substr(content, 2, 20) || X'00' || substr(content, 22) WHERE account_id = $1", int64(o.account))
	w.run(`INSERT INTO receipt (id, account_id, partner_id, profile_id, kind, at, event_id, content, signed)
		WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200)
		SELECT r.id - 1 - i, account_id, partner_id, profile_id, kind, at, event_id, content, signed FROM receipt r, n WHERE r.id = (SELECT MIN(id) FROM receipt)`)
	other := w.onboard(w.acme, "ada.holm@example.org")
	b := other.opened().to(claim.StepReturn)
	signed := 0
	for range 4 {
		signed += s.sign()
	}
	if list, _ := s.own(b); signed != 2 || len(list) != 2 {
		t.Errorf("%d receipts were signed beside those that do not open", signed)
	}
	w.run("DELETE FROM receipt WHERE id IN (SELECT id FROM receipt ORDER BY id LIMIT 1200)") // the copies
	left := w.rows("SELECT CAST(id AS TEXT) FROM receipt WHERE account_id = $1 ORDER BY id", int64(o.account))
	for i, id := range left[len(left)-2:] {
		w.run("UPDATE receipt SET content = unhex('" + content[i] + "') WHERE id = " + id)
	}
	signed = 0
	for range 4 {
		signed += s.sign()
	}
	if signed != 2 {
		t.Errorf("%d were signed when they opened again", signed)
	}
}

// TestReceiptsOfErasedAccounts go with the account, what the chain says of them stays.
func TestReceiptsOfErasedAccounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.signer()
	o := w.onboard(w.acme, "mira.kade@example.org")
	o.opened().to(claim.StepReturn)
	must(t, store.Claims{DB: w.db}.Change(t.Context(), func(tx claim.Tx) (audit.Event, error) {
		e := audit.Event{At: w.now(), Action: audit.AccountErased, Outcome: audit.Allowed, Actor: audit.Actor{Kind: audit.ActorOperator}, Account: int64(o.account)}
		return e, tx.(*store.Tx).EraseAccount(o.account)
	}))
	if n := s.sign(); n != 0 {
		t.Errorf("%d receipts of an erased account", n)
	}
	w.view(func(tx claim.Tx) error {
		if list, err := tx.Receipts(o.account); err != nil || len(list) != 0 {
			t.Errorf("%d receipts are left, %v", len(list), err)
		}
		return nil
	})
	if _, err := w.db.Chain().Verify(t.Context(), audit.Link{}); err != nil {
		t.Error(err)
	}
}

// FuzzCheckReceipt: what strangers send to be checked never passes and never panics.
func FuzzCheckReceipt(f *testing.F) {
	keys, err := secret.NewReceiptKeys(time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC))
	if err != nil {
		f.Fatal(err)
	}
	set, err := keys.JWKS()
	if err != nil {
		f.Fatal(err)
	}
	content, err := json.Marshal(claim.Statement{ID: "1"})
	if err != nil {
		f.Fatal(err)
	}
	good, err := keys.Sign(time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC), content)
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{"", good, good + "~", good + "~x~", "a.b.c", "~~~", `{"payload":""}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if c, err := claim.CheckReceipt(text, set); err == nil && c.Statement.ID != "1" {
			t.Errorf("%q passes", text)
		}
	})
}
