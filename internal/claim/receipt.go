package claim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// ReceiptID identifies a receipt; it is its jti too.
type ReceiptID int64

// ReceiptKind is what a receipt is about.
type ReceiptKind string

// The kinds of receipts.
const (
	// ReceiptOfClaim is of the commit: what the partner had said, which rights ended and which began.
	ReceiptOfClaim ReceiptKind = "claim"
	// ReceiptOfConsent is of an access: what the customer made of the data, and what the partner may do from now on.
	ReceiptOfConsent ReceiptKind = "consent"
	// ReceiptOfDecline is of access that was asked for and not allowed. It says nothing of the data: nobody got any.
	ReceiptOfDecline ReceiptKind = "decline"
)

// A Receipt is the record of a hand-over or of a consent that its customer and its partner can show to others. What it states
// is written in the transaction that it is about, so that no crash loses it; it is signed shortly after, when its event has
// its place in the chain, once: everybody gets the same text.
type Receipt struct {
	ID      ReceiptID
	Account customer.AccountID
	Partner partner.ID
	Profile customer.ProfileID
	Kind    ReceiptKind
	At      time.Time
	// Statement is what is signed, still without its place.
	Statement Statement
	// Disclosures are the salts and values behind the digests, in the order of Statement.Fields. They are sealed under the
	// account's key.
	Disclosures []string
	// Event is the audit event of the transaction, Place its link; zero until it is sealed.
	Event int64
	Place audit.Link
	// Signed is the compact JWS; "" until it is signed.
	Signed string
}

// A Statement is the content of a receipt. It holds no value of a profile: each is behind a digest with a salt of its own.
type Statement struct {
	Issuer   string        `json:"iss"`
	ID       string        `json:"jti"`
	IssuedAt int64         `json:"iat"`
	Kind     ReceiptKind   `json:"kind"`
	Account  int64         `json:"account"`
	Journey  int64         `json:"journey"`
	Partner  StatedPartner `json:"partner"`
	Epoch    int64         `json:"epoch"`
	Ended    []string      `json:"ended"`
	Began    []string      `json:"began"`
	// Declined are the scopes that were asked for and not allowed.
	Declined []string        `json:"declined,omitempty"`
	Grant    StatedGrant     `json:"grant,omitzero"`
	Fields   []StatedField   `json:"fields"`
	Place    StatedPlaceText `json:"audit"`
}

// StatedPartner names the partner as it is registered.
type StatedPartner struct {
	ClientID string `json:"client_id"`
	Name     string `json:"name"`
}

// StatedGrant is the access that a consent gave.
type StatedGrant struct {
	ID      int64           `json:"id"`
	Profile int64           `json:"profile"`
	Scopes  []partner.Scope `json:"scopes"`
	// Until is when it ends by itself, absent for never. Wording and Language say which words were read.
	Until    time.Time `json:"until,omitzero"`
	Wording  string    `json:"wording"`
	Language string    `json:"language"`
}

// What became of a value.
const (
	FieldSubmitted = "submitted" // the partner said it, nobody else did
	FieldConfirmed = "confirmed" // the partner said it, the customer confirmed it
	FieldChanged   = "changed"   // the customer put it in the place of what the partner said
	FieldGiven     = "given"     // the customer said it, the partner never did
	FieldRemoved   = "removed"   // the customer took away what the partner said
	FieldDisputed  = "disputed"  // it is locked, and the customer says that it is wrong
)

// A StatedField is one value: who said it, when, and what became of it.
type StatedField struct {
	Profile int64 `json:"profile"`
	// Representative is who acts for the business, where the value is about that person.
	Representative int64           `json:"representative,omitempty"`
	Field          customer.Field  `json:"field"`
	By             customer.Source `json:"by"`
	At             time.Time       `json:"at"`
	State          string          `json:"state"`
	// Digest is that of the value's disclosure (secret.Disclose); absent for a value that was removed.
	Digest string `json:"digest,omitempty"`
}

// StatedPlaceText is the place of the receipt's event in the audit's chain.
type StatedPlaceText struct {
	Event  int64  `json:"event"`
	Number int64  `json:"number"`
	Hash   string `json:"hash"`
}

// ReceiptTx reads and writes receipts within a transaction.
type ReceiptTx interface {
	// SaveReceipt inserts a receipt; its event is the one that the transaction will write.
	SaveReceipt(*Receipt) error
	// Receipts lists an account's, oldest first.
	Receipts(customer.AccountID) ([]Receipt, error)
}

// claimEnds is what the commit ends (I2); the names are part of what a receipt says, and never change.
var claimEnds = []string{"registration_code", "partner_tokens", "claim_codes", "pending_changes", "profile_subscriptions", "update_windows",
	"review_links", "one_time_tokens", "stored_replies", "sessions"}

// claimReceipt states the commit: a is the account as it is from now on.
func (cs Claims) claimReceipt(tx Tx, state State, a customer.Account, now time.Time) error {
	r := cs.receipt(state, ReceiptOfClaim, a.Epoch, now)
	r.Statement.Ended = claimEnds
	r.Statement.Began = []string{"ownership", "password", "recovery_codes", "session"}
	if len(a.Credentials.Apps) > 0 {
		r.Statement.Began = append(r.Statement.Began, "authenticator_app")
	}
	if len(a.Credentials.Passkeys) > 0 {
		r.Statement.Began = append(r.Statement.Began, "passkey")
	}
	for _, p := range state.Profiles {
		if err := r.state(tx, p); err != nil {
			return err
		}
	}
	return tx.SaveReceipt(&r)
}

// consentReceipt states an access to one profile. before is the grant that it takes the place of, zero for none.
func (cs Claims) consentReceipt(tx Tx, state State, p customer.Profile, before, g grant.Grant, now time.Time) error {
	r := cs.receipt(state, ReceiptOfConsent, state.Account.Epoch, now)
	r.Profile = p.ID
	r.Statement.Ended, r.Statement.Began = []string{}, []string{}
	for _, s := range before.Scopes {
		if before.Stands(now) && !slices.Contains(g.Scopes, s) {
			r.Statement.Ended = append(r.Statement.Ended, "scope:"+string(s))
		}
	}
	for _, s := range g.Scopes {
		if !before.Stands(now) || !slices.Contains(before.Scopes, s) {
			r.Statement.Began = append(r.Statement.Began, "scope:"+string(s))
		}
	}
	r.Statement.Grant = StatedGrant{ID: int64(g.ID), Profile: int64(p.ID), Scopes: g.Scopes, Until: g.Until, Wording: g.Wording, Language: g.Language}
	if err := r.state(tx, p); err != nil {
		return err
	}
	return tx.SaveReceipt(&r)
}

// declineReceipt states that access was asked for and not allowed. Access that stands is as it was.
func (cs Claims) declineReceipt(tx Tx, state State, now time.Time) error {
	r := cs.receipt(state, ReceiptOfDecline, state.Account.Epoch, now)
	r.Statement.Ended, r.Statement.Began = []string{}, []string{}
	asked, _ := state.Asks(now)
	for _, s := range asked {
		r.Statement.Declined = append(r.Statement.Declined, "scope:"+string(s))
	}
	return tx.SaveReceipt(&r)
}

func (cs Claims) receipt(state State, kind ReceiptKind, epoch int64, now time.Time) Receipt {
	r := Receipt{ID: ReceiptID(cs.IDs.Next()), Account: state.Account.ID, Partner: state.Partner.ID, Kind: kind, At: now}
	r.Statement = Statement{ID: strconv.FormatInt(int64(r.ID), 10), IssuedAt: now.Unix(), Kind: kind, Account: int64(r.Account),
		Journey: int64(state.Journey.ID), Partner: StatedPartner{ClientID: state.Partner.ClientID, Name: state.Partner.Name}, Epoch: epoch,
		Fields: []StatedField{}}
	return r
}

// state puts in what is said of one profile, and of the person who acts for a business where that is somebody else than the
// customer.
func (r *Receipt) state(tx customer.RepresentativeTx, p customer.Profile) error {
	r.put(StatedField{Profile: int64(p.ID)}, slices.Concat(customer.FieldsOf(p.Kind), customer.ListFields()), p.Details)
	if p.Representative == 0 {
		return nil
	}
	person, err := tx.Representative(p.Representative)
	if err == nil && !person.Holder {
		r.put(StatedField{Profile: int64(p.ID), Representative: int64(person.ID)}, customer.RepresentativeFields(), person.Details)
	}
	return err
}

func (r *Receipt) put(about StatedField, fields []customer.Field, d customer.Details) {
	for _, f := range fields {
		said, known := d.Provenance[f]
		value := d.Values[f]
		if list := d.Lists.Text(f); list != "" {
			value = list
		}
		if !known || value == "" && !partnerSaid(d, f) {
			continue
		}
		about.Field, about.By, about.At, about.State, about.Digest = f, said.Source, said.At, became(d, f, value), ""
		disclosure := ""
		if value != "" {
			disclosure, about.Digest = secret.Disclose(string(f), value)
		}
		r.Statement.Fields = append(r.Statement.Fields, about)
		r.Disclosures = append(r.Disclosures, disclosure)
	}
}

func partnerSaid(d customer.Details, f customer.Field) bool {
	return slices.ContainsFunc(d.History, func(c customer.Change) bool { return c.Field == f && c.Source == customer.ByPartner })
}

func became(d customer.Details, f customer.Field, value string) string {
	said := d.Provenance[f]
	_, disputed := d.Disputes[f]
	switch {
	case disputed:
		return FieldDisputed
	case value == "":
		return FieldRemoved
	case said.Source == customer.ByCustomer && partnerSaid(d, f):
		return FieldChanged
	case said.Source == customer.ByCustomer:
		return FieldGiven
	case !said.ConfirmedAt.IsZero():
		return FieldConfirmed
	}
	return FieldSubmitted
}

// Text is the receipt as it is handed out: the JWS, and after it the disclosures, each with a tilde before it and one at the
// end. Without disclosures it is the JWS alone.
func (r Receipt) Text(disclosures []string) string {
	text := r.Signed
	for _, d := range disclosures {
		if d != "" {
			text += "~" + d
		}
	}
	if text != r.Signed {
		text += "~"
	}
	return text
}

// OwnReceipts are the receipts of whoever is signed in, oldest first, with all their salts. Errors: customer.ErrNoSession.
func (cs Claims) OwnReceipts(ctx context.Context, key customer.SessionKey) ([]Receipt, error) {
	var list []Receipt
	err := cs.Store.View(ctx, func(tx Tx) error {
		now := cs.Now()
		s, err := cs.session(tx, key, now)
		if err != nil {
			return err
		}
		a, err := tx.Account(s.Account)
		if errors.Is(err, customer.ErrNoAccount) || err == nil && !s.SignedIn(a, now) {
			err = customer.ErrNoSession
		}
		if err == nil {
			list, err = tx.Receipts(a.ID)
		}
		return err
	})
	return list, err
}

// PartnerReceipts are the receipts of an account that name the caller, as far as its access goes: before the customer allowed
// anything there is no token that gets here, and what is about another profile keeps its salts (design 10.29). So does, in the
// receipt of a consent, what no partner reads of a profile: another one may have said it. In that of the claim all is the word
// of the one that it names. Errors: customer.ErrStale, customer.ErrHeld.
func (cs Claims) PartnerReceipts(ctx context.Context, c customer.Caller) ([]Receipt, error) {
	var own []Receipt
	err := cs.Store.View(ctx, func(tx Tx) error {
		own = nil
		a, err := tx.Account(c.Account)
		switch {
		case err != nil:
			return err
		case a.Epoch != c.Epoch, c.Registration && (a.State != customer.Pending || a.Creator != c.Partner), !c.Registration && a.State != customer.Claimed:
			return customer.ErrStale
		case c.Registration && a.ClosedToCreator(), !c.Registration && a.Hold != "":
			return customer.ErrHeld
		}
		all, err := tx.Receipts(a.ID)
		for _, r := range all {
			if r.Partner != c.Partner || r.Profile != 0 && c.Profile != 0 && r.Profile != c.Profile {
				continue
			}
			for i, f := range r.Statement.Fields {
				if c.Profile != 0 && f.Profile != int64(c.Profile) || r.Kind != ReceiptOfClaim && !f.Field.Readable() {
					r.Disclosures[i] = ""
				}
			}
			own = append(own, r)
		}
		return err
	})
	return own, err
}

// ReceiptStore is where receipts wait for their signature.
type ReceiptStore interface {
	// UnsignedReceipts lists receipts whose event has its place in the chain, oldest first.
	UnsignedReceipts(ctx context.Context, most int) ([]Receipt, error)
	// SignReceipt keeps a signature, unless there is one.
	SignReceipt(ctx context.Context, id ReceiptID, signed string) error
}

// Receipts signs.
type Receipts struct {
	Store ReceiptStore
	// Keys returns the keys, anew each time: they are rotated while the server runs.
	Keys func() (*secret.ReceiptKeys, error)
	// Issuer is the origin of the pages.
	Issuer string
	Now    func() time.Time
}

// signedAtOnce bounds the receipts of one turn.
const signedAtOnce = 100

// Sign signs what waits and returns how many that were. Of two nodes that sign the same receipt one is kept.
func (rs Receipts) Sign(ctx context.Context) (int, error) {
	list, err := rs.Store.UnsignedReceipts(ctx, signedAtOnce)
	if err != nil || len(list) == 0 {
		return 0, err
	}
	keys, err := rs.Keys()
	if err != nil {
		return 0, err
	}
	for i, r := range list {
		r.Statement.Issuer = rs.Issuer
		r.Statement.Place = StatedPlaceText{Event: r.Event, Number: r.Place.Number, Hash: fmt.Sprintf("%x", r.Place.Hash)}
		content, err := json.Marshal(r.Statement)
		if err != nil {
			return i, fmt.Errorf("writing receipt %d: %w", r.ID, err)
		}
		signed, err := keys.Sign(rs.Now(), content)
		if err == nil {
			err = rs.Store.SignReceipt(ctx, r.ID, signed)
		}
		if err != nil {
			return i, err
		}
	}
	return len(list), nil
}

// ErrDisclosure says that a disclosure beside a receipt is of no field of it.
var ErrDisclosure = errors.New("a disclosure is not of this receipt, or was changed")

// A CheckedReceipt is what a receipt states, when it is genuine.
type CheckedReceipt struct {
	Statement Statement
	// Key is the name of the key that signed it; Values are what its disclosures show, by the place of the field.
	Key    string
	Values map[int]string
}

// CheckReceipt checks a receipt, with or without disclosures, against the server's published keys; nothing is asked of the
// server. Errors: those of secret.CheckReceipt, ErrDisclosure.
func CheckReceipt(text string, published []byte) (CheckedReceipt, error) {
	jws, rest, _ := strings.Cut(strings.TrimSpace(text), "~")
	content, key, err := secret.CheckReceipt(jws, published)
	if err != nil {
		return CheckedReceipt{}, err
	}
	checked := CheckedReceipt{Key: key, Values: map[int]string{}}
	if err := json.Unmarshal(content, &checked.Statement); err != nil {
		return CheckedReceipt{}, fmt.Errorf("%w: its content cannot be read", secret.ErrReceiptForm)
	}
	for disclosure := range strings.SplitSeq(strings.TrimSuffix(rest, "~"), "~") {
		if disclosure == "" {
			continue
		}
		digest := secret.DisclosureDigest(disclosure)
		at := slices.IndexFunc(checked.Statement.Fields, func(f StatedField) bool { return f.Digest == digest })
		if at < 0 {
			return CheckedReceipt{}, ErrDisclosure
		}
		name, value, err := secret.ReadDisclosure(disclosure)
		if err != nil || name != string(checked.Statement.Fields[at].Field) {
			return CheckedReceipt{}, ErrDisclosure
		}
		checked.Values[at] = value
	}
	return checked, nil
}
