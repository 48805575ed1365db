package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
	"github.com/latchkey-id/latchkey/internal/store"
)

// customerShow shows an account.
type customerShow struct {
	Config

	ID   int64 `arg:"" help:"The account, or one of its profiles, by its number."`
	JSON bool  `name:"json" env:"-" help:"Print JSON."`
}

// shownAccount is an account as show prints it. Nothing of it tells who the customer is.
type shownAccount struct {
	Account   int64          `json:"account"`
	State     string         `json:"state"`
	Hold      string         `json:"hold,omitempty"`
	Creator   string         `json:"client_id"`
	Email     string         `json:"email"`
	CreatedAt time.Time      `json:"created_at"`
	ClaimedAt time.Time      `json:"claimed_at,omitzero"`
	Profiles  []shownProfile `json:"profiles"`
}

// shownProfile is a profile as show prints it: what there is, not what it says.
type shownProfile struct {
	Profile     int64     `json:"profile"`
	Kind        string    `json:"kind"`
	Status      string    `json:"status"`
	VerifiedAt  time.Time `json:"verified_at,omitzero"`
	DecidedBy   string    `json:"decided_by,omitempty"`
	ConfirmedAt time.Time `json:"confirmed_at,omitzero"`
	Given       []string  `json:"given"`
	Missing     []string  `json:"missing"`
	Disputed    []string  `json:"disputed"`
}

// Run prints an account and its profiles.
func (cmd *customerShow) Run(ctx context.Context, s streams) error {
	customers, partners, closeDatabase, err := cmd.openCustomers(ctx)
	if err != nil {
		return err
	}
	a, profiles, err := customers.Look(ctx, cmd.ID)
	var creator partner.Partner
	if err == nil {
		creator, err = partners.Partner(ctx, a.Creator)
	}
	if err := errors.Join(err, closeDatabase()); err != nil {
		return customerError(err, cmd.ID)
	}
	shown := shownAccount{Account: int64(a.ID), State: string(a.State), Hold: a.Hold, Creator: creator.ClientID,
		Email: customer.MaskEmail(a.Address()), CreatedAt: a.CreatedAt, ClaimedAt: a.ClaimedAt, Profiles: []shownProfile{}}
	for _, p := range profiles {
		shown.Profiles = append(shown.Profiles, shownOf(p))
	}
	if cmd.JSON {
		return json.NewEncoder(s.out).Encode(shown)
	}
	fmt.Fprintf(s.out, "account %d  %s  opened by %s on %s  %s\n", shown.Account, strings.TrimSpace(shown.State+" "+shown.Hold), shown.Creator,
		shown.CreatedAt.Format(time.DateOnly), shown.Email)
	return showProfiles(s, shown.Profiles)
}

func shownOf(p customer.Profile) shownProfile {
	shown := shownProfile{Profile: int64(p.ID), Kind: string(p.Kind), Status: statusWord(p), VerifiedAt: p.Verification.At,
		DecidedBy: string(p.Verification.By), Given: []string{}, Missing: []string{}, Disputed: []string{}}
	if p.Confirmed() {
		shown.ConfirmedAt = p.ConfirmedAt
	}
	for _, f := range customer.FieldsOf(p.Kind) {
		if p.Value(f) != "" {
			shown.Given = append(shown.Given, string(f))
		}
		if _, disputed := p.Details.Disputes[f]; disputed {
			shown.Disputed = append(shown.Disputed, string(f))
		}
	}
	for _, f := range p.Missing() {
		shown.Missing = append(shown.Missing, string(f))
	}
	return shown
}

func statusWord(p customer.Profile) string {
	if p.Verified() {
		return "verified"
	}
	return "not_verified"
}

func showProfiles(s streams, list []shownProfile) error {
	table := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
	for _, p := range list {
		confirmed := "not confirmed"
		if !p.ConfirmedAt.IsZero() {
			confirmed = "confirmed " + p.ConfirmedAt.Format(time.DateOnly)
		}
		fmt.Fprintf(table, "profile %d\t%s\t%s\t%s\tgiven: %s\tmissing: %s\tdisputed: %s\n", p.Profile, p.Kind, p.Status, confirmed,
			either(strings.Join(p.Given, " "), "nothing"), either(strings.Join(p.Missing, " "), "nothing"), either(strings.Join(p.Disputed, " "), "nothing"))
	}
	return table.Flush()
}

// customerVerify and customerUnverify decide about profiles.
type customerVerify struct{ customerDecision }

type customerUnverify struct{ customerDecision }

// Run marks what was named as verified.
func (cmd *customerVerify) Run(ctx context.Context, s streams) error { return cmd.decide(ctx, s, true) }

// Run takes the verification back.
func (cmd *customerUnverify) Run(ctx context.Context, s streams) error {
	return cmd.decide(ctx, s, false)
}

type customerDecision struct {
	Config

	ID   int64 `arg:"" help:"A profile, or an account for all of its profiles, by its number."`
	JSON bool  `name:"json" env:"-" help:"Print JSON."`
}

// decide writes the decision and prints the profiles that it changed. Partners are told by the server.
func (cmd *customerDecision) decide(ctx context.Context, s streams, verified bool) error {
	customers, _, closeDatabase, err := cmd.openCustomers(ctx)
	if err != nil {
		return err
	}
	a, _, err := customers.Look(ctx, cmd.ID)
	decision := customer.Decision{Profile: customer.ProfileID(cmd.ID), Verified: verified, By: customer.ByOperator}
	if a.ID == customer.AccountID(cmd.ID) {
		decision.Account, decision.Profile = a.ID, 0
	}
	var changed []customer.Profile
	if err == nil {
		changed, err = customers.Decide(ctx, decision)
	}
	if err := errors.Join(err, closeDatabase()); err != nil {
		return customerError(err, cmd.ID)
	}
	list := []shownProfile{}
	for _, p := range changed {
		list = append(list, shownOf(p))
	}
	if cmd.JSON {
		return json.NewEncoder(s.out).Encode(list)
	}
	for _, p := range list {
		fmt.Fprintf(s.out, "profile %d  %s\n", p.Profile, p.Status)
	}
	if len(list) == 0 {
		fmt.Fprintln(s.err, "Nothing changed: it is so already.")
	}
	return nil
}

func customerError(err error, id int64) error {
	switch {
	case errors.Is(err, customer.ErrNoAccount):
		return hinted{fmt.Sprintf("no account and no profile has the number %d", id), []string{"the API calls an account's number the user id"}}
	case errors.Is(err, customer.ErrNoProfile):
		return hinted{fmt.Sprintf("account %d has no profile", id), []string{"there is nothing to verify until its partner or the customer gives details"}}
	}
	return err
}

// openCustomers opens the database beside the server that may be serving it.
func (c *Config) openCustomers(ctx context.Context) (customer.Customers, partner.Partners, func() error, error) {
	database, err := c.openDatabase(ctx)
	if err != nil {
		return customer.Customers{}, partner.Partners{}, nil, err
	}
	ids := secret.NewIDs(now)
	return customer.Customers{Store: store.Customers{DB: database}, IDs: ids, Now: now},
		partner.Partners{Store: store.Partners{DB: database}, IDs: ids, Now: now}, database.Close, nil
}
