package claim

import (
	"context"
	"encoding/json"
	"time"

	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/partner"
)

// ExportForm is the number of the form of an Export; it rises when a name in it changes or goes.
const ExportForm = 1

// An Export is all that is kept of a customer, for the customer alone: what docs/api.md describes under "What customers take with
// them". It holds no password, code, key or digest of one, and of files the names. Times are RFC 3339 in UTC.
type Export struct {
	Form     int               `json:"form"`
	Issuer   string            `json:"issuer"`
	MadeAt   time.Time         `json:"made_at"`
	Account  ExportedAccount   `json:"account"`
	SignIn   ExportedSignIn    `json:"sign_in"`
	Profiles []ExportedProfile `json:"profiles"`
	Files    []ExportedFile    `json:"files"`
	Access   []ExportedAccess  `json:"access"`
	Receipts []ExportedReceipt `json:"receipts"`
}

// ExportedAccount is the account itself.
type ExportedAccount struct {
	ID           customer.AccountID `json:"id"`
	OpenedBy     string             `json:"opened_by"`
	Email        string             `json:"email"`
	ContactEmail string             `json:"contact_email,omitempty"`
	Language     string             `json:"language,omitempty"`
	CreatedAt    time.Time          `json:"created_at"`
	ClaimedAt    time.Time          `json:"claimed_at"`
	LastSignInAt time.Time          `json:"last_sign_in_at"`
}

// ExportedSignIn is how its customer signs in, without what proves it.
type ExportedSignIn struct {
	Password          bool             `json:"password"`
	Apps              []ExportedFactor `json:"apps"`
	Passkeys          []ExportedFactor `json:"passkeys"`
	RecoveryCodesLeft int              `json:"recovery_codes_left"`
}

// ExportedFactor is an authenticator app or a passkey.
type ExportedFactor struct {
	Name       string    `json:"name,omitempty"`
	AddedAt    time.Time `json:"added_at"`
	LastUsedAt time.Time `json:"last_used_at,omitzero"`
}

// ExportedProfile is a person or a business.
type ExportedProfile struct {
	ID          customer.ProfileID `json:"id"`
	PublicID    string             `json:"public_id"`
	Kind        customer.Kind      `json:"kind"`
	CreatedAt   time.Time          `json:"created_at"`
	UpdatedAt   time.Time          `json:"updated_at"`
	ConfirmedAt time.Time          `json:"confirmed_at,omitzero"`
	VerifiedAt  time.Time          `json:"verified_at,omitzero"`
	ExportedDetails
	// Representative acts for a business; absent where that is the person themself.
	Representative *ExportedDetails `json:"representative,omitempty"`
}

// ExportedDetails are values with who gave them, and what they were before.
type ExportedDetails struct {
	// Fields are by the names of the profile's fields; ExternalID is the partner's own name for the customer.
	Fields     map[customer.Field]ExportedField `json:"fields"`
	Kana       []string                         `json:"kana,omitempty"`
	ExternalID string                           `json:"external_id,omitempty"`
	Lists      customer.Lists                   `json:"lists,omitzero"`
	History    []customer.Change                `json:"history,omitempty"`
	Proposals  []customer.Proposal              `json:"proposals,omitempty"`
	// ProposedLists would take the place of whole lists.
	ProposedLists []customer.ListProposal `json:"proposed_lists,omitempty"`
}

// ExportedField is one value. Value is empty where it was taken away, and where it is a list.
type ExportedField struct {
	Value       string          `json:"value"`
	By          customer.Source `json:"by,omitempty"`
	At          time.Time       `json:"at,omitzero"`
	ConfirmedAt time.Time       `json:"confirmed_at,omitzero"`
	// Dispute is what the customer said of a value that was checked.
	Dispute string `json:"dispute,omitempty"`
}

// ExportedFile is a file that was uploaded, without its content.
type ExportedFile struct {
	ID      customer.FileID    `json:"id"`
	Profile customer.ProfileID `json:"profile"`
	Name    string             `json:"name"`
	Media   string             `json:"media"`
	Purpose customer.Purpose   `json:"purpose"`
	At      time.Time          `json:"at"`
}

// ExportedAccess is one access that the customer gave.
type ExportedAccess struct {
	ID       grant.ID           `json:"id"`
	Partner  string             `json:"partner"`
	Profile  customer.ProfileID `json:"profile"`
	Scopes   []partner.Scope    `json:"scopes"`
	Wording  string             `json:"wording"`
	Language string             `json:"language"`
	GivenAt  time.Time          `json:"given_at"`
	Until    time.Time          `json:"until,omitzero"`
	State    grant.State        `json:"state"`
	EndedAt  time.Time          `json:"ended_at,omitzero"`
	// LastUsedOn is a day.
	LastUsedOn string `json:"last_used_on,omitempty"`
}

// ExportedReceipt names a receipt; the receipt itself is a file of its own.
type ExportedReceipt struct {
	ID      ReceiptID   `json:"id"`
	Kind    ReceiptKind `json:"kind"`
	Partner string      `json:"partner"`
	At      time.Time   `json:"at"`
}

// Export is all that is kept of whoever is signed in, as JSON. issuer is the origin of the pages. Errors: customer.ErrStale.
func (cs Claims) Export(ctx context.Context, o customer.SignedIn, issuer string) ([]byte, error) {
	out := Export{Form: ExportForm, Issuer: issuer, MadeAt: cs.Now()}
	err := cs.Store.View(ctx, func(tx Tx) error {
		state, err := cs.own(tx, o)
		if err != nil {
			return err
		}
		creator, err := tx.Partner(state.Account.Creator)
		if err != nil {
			return err
		}
		out.account(state.Account, creator)
		out.profiles(state)
		return out.rights(tx, state.Account.ID)
	})
	if err != nil {
		return nil, err
	}
	return json.MarshalIndent(out, "", "  ")
}

func (out *Export) account(a customer.Account, creator partner.Partner) {
	out.Account = ExportedAccount{ID: a.ID, OpenedBy: creator.Name, Email: a.Email, ContactEmail: a.ContactEmail, Language: a.Language, CreatedAt: a.CreatedAt,
		ClaimedAt: a.ClaimedAt, LastSignInAt: a.LastSignInAt}
	out.SignIn = ExportedSignIn{Password: a.Credentials.PasswordHash != "", Apps: []ExportedFactor{}, Passkeys: []ExportedFactor{}}
	for _, app := range a.Credentials.Apps {
		out.SignIn.Apps = append(out.SignIn.Apps, ExportedFactor{AddedAt: app.AddedAt, LastUsedAt: app.LastUsedAt})
	}
	for _, k := range a.Credentials.Passkeys {
		out.SignIn.Passkeys = append(out.SignIn.Passkeys, ExportedFactor{Name: k.Name, AddedAt: k.AddedAt, LastUsedAt: k.LastUsedAt})
	}
	for _, code := range a.Credentials.Recovery {
		if code.UsedAt.IsZero() {
			out.SignIn.RecoveryCodesLeft++
		}
	}
}

func (out *Export) profiles(s State) {
	out.Profiles, out.Files = []ExportedProfile{}, []ExportedFile{}
	for _, p := range s.Profiles {
		made := ExportedProfile{ID: p.ID, PublicID: p.PublicID, Kind: p.Kind, CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt, ConfirmedAt: p.ConfirmedAt,
			VerifiedAt: p.Verification.At, ExportedDetails: exported(p.Details)}
		if r, known := s.Representatives[p.Representative]; known && !r.Holder {
			details := exported(r.Details)
			made.Representative = &details
		}
		out.Profiles = append(out.Profiles, made)
	}
	for _, f := range s.Files {
		out.Files = append(out.Files, ExportedFile{ID: f.ID, Profile: f.Profile, Name: f.Name, Media: f.Media, Purpose: f.Purpose, At: f.At})
	}
}

func exported(d customer.Details) ExportedDetails {
	made := ExportedDetails{Fields: map[customer.Field]ExportedField{}, ExternalID: d.ExternalID, Lists: d.Lists, History: d.History,
		Proposals: d.Proposals, ProposedLists: d.ProposedLists}
	for f, by := range d.Provenance {
		made.Fields[f] = ExportedField{Value: d.Values[f], By: by.Source, At: by.At, ConfirmedAt: by.ConfirmedAt, Dispute: d.Disputes[f].Note}
	}
	for f, value := range d.Values {
		if _, said := made.Fields[f]; !said {
			made.Fields[f] = ExportedField{Value: value}
		}
	}
	if d.FirstNameInKana != "" || d.LastNameInKana != "" {
		made.Kana = []string{d.FirstNameInKana, d.LastNameInKana}
	}
	return made
}

// rights puts in who was allowed what, and the receipts of it.
func (out *Export) rights(tx Tx, account customer.AccountID) error {
	out.Access, out.Receipts = []ExportedAccess{}, []ExportedReceipt{}
	grants, err := tx.EveryGrant(account)
	if err != nil {
		return err
	}
	for _, g := range grants {
		p, err := tx.Partner(g.Partner)
		if err != nil {
			return err
		}
		made := ExportedAccess{ID: g.ID, Partner: p.Name, Profile: g.Profile, Scopes: g.Scopes, Wording: g.Wording, Language: g.Language, GivenAt: g.GivenAt,
			Until: g.Until, State: g.State, EndedAt: g.EndedAt}
		if !g.UsedOn.IsZero() {
			made.LastUsedOn = g.UsedOn.Format(time.DateOnly)
		}
		out.Access = append(out.Access, made)
	}
	receipts, err := tx.Receipts(account)
	for _, r := range receipts {
		out.Receipts = append(out.Receipts, ExportedReceipt{ID: r.ID, Kind: r.Kind, Partner: r.Statement.Partner.Name, At: r.At})
	}
	return err
}
