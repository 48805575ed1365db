package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/latchkey-id/latchkey/internal/customer"
)

// customerHold and customerRelease stop an account and let it go on.
type customerHold struct{ holdCommand }

type customerRelease struct{ holdCommand }

type holdCommand struct {
	Config

	ID   int64 `arg:"" help:"The account, or one of its profiles, by its number."`
	JSON bool  `name:"json" env:"-" help:"Print JSON."`
}

// Run stops the account.
func (cmd *customerHold) Run(ctx context.Context, s streams) error {
	return cmd.run(ctx, s, customer.Customers.Hold, "on hold already")
}

// Run ends the hold.
func (cmd *customerRelease) Run(ctx context.Context, s streams) error {
	return cmd.run(ctx, s, customer.Customers.Release, "not on hold")
}

// run changes the hold and prints the account as it is then.
func (cmd *holdCommand) run(ctx context.Context, s streams, change func(customer.Customers, context.Context, customer.AccountID) (bool, error), already string) error {
	customers, _, closeDatabase, err := cmd.openCustomers(ctx)
	if err != nil {
		return err
	}
	a, _, err := customers.Look(ctx, cmd.ID)
	changed := false
	if err == nil {
		changed, err = change(customers, ctx, a.ID)
	}
	if err == nil {
		a, _, err = customers.Look(ctx, cmd.ID)
	}
	if err := errors.Join(err, closeDatabase()); err != nil {
		return customerError(err, cmd.ID)
	}
	if cmd.JSON {
		return json.NewEncoder(s.out).Encode(struct {
			Account int64  `json:"account"`
			State   string `json:"state"`
			Hold    string `json:"hold,omitempty"`
		}{int64(a.ID), string(a.State), a.Hold})
	}
	if !changed {
		fmt.Fprintf(s.err, "Nothing changed: the account is %s.\n", already)
		return nil
	}
	fmt.Fprintf(s.out, "account %d  %s\n", a.ID, either(a.Hold, "released"))
	return nil
}
