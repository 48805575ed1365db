package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/secret"
	"github.com/latchkey-id/latchkey/internal/store"
)

// customerRecovery shows, stops or lengthens what somebody asked for who has lost second step and recovery codes. There is no
// flag to shorten it: whoever talks an operator into that is the attacker whom the wait is for (design 10.14).
type customerRecovery struct {
	Config

	ID       int64         `arg:"" help:"The account, or one of its profiles, by its number."`
	Stop     bool          `env:"-" xor:"change" help:"End it: nobody gets in that way, and everybody who was told of it is told so."`
	Lengthen time.Duration `env:"-" xor:"change" placeholder:"DURATION" help:"Make the wait longer by this, such as 48h. It is never made shorter."`
	JSON     bool          `name:"json" env:"-" help:"Print JSON."`
}

// Run prints the recovery as it is after the change.
func (cmd *customerRecovery) Run(ctx context.Context, s streams) error {
	if cmd.Lengthen < 0 {
		return hinted{"a wait is only made longer", []string{"name how much longer, such as --lengthen 48h"}}
	}
	database, err := cmd.openDatabase(ctx)
	if err != nil {
		return err
	}
	ids := secret.NewIDs(now)
	customers := customer.Customers{Store: store.Customers{DB: database}, IDs: ids, Now: now}
	recoveries := customer.Recoveries{SignIns: customer.SignIns{IDs: ids, Now: now}, Store: store.Recoveries{DB: database}}
	a, _, err := customers.Look(ctx, cmd.ID)
	var q customer.Reset
	if err == nil {
		q, err = recoveries.ResetOf(ctx, a.ID)
	}
	switch {
	case err != nil:
	case cmd.Stop:
		err = recoveries.StopReset(ctx, a.ID)
	case cmd.Lengthen > 0:
		q, err = recoveries.LengthenReset(ctx, a.ID, cmd.Lengthen)
	}
	err = errors.Join(err, database.Close())
	if errors.Is(err, customer.ErrNoReset) {
		return hinted{fmt.Sprintf("nobody asked to recover account %d", a.ID), []string{"such a request is over when it was cancelled, finished or stopped, seven days after its wait, or by a full sign-in"}}
	}
	if err != nil {
		return customerError(err, cmd.ID)
	}
	return cmd.print(s, a, q)
}

func (cmd *customerRecovery) print(s streams, a customer.Account, q customer.Reset) error {
	if cmd.JSON {
		return json.NewEncoder(s.out).Encode(struct {
			Account int64     `json:"account"`
			Asked   time.Time `json:"asked_at"`
			Ready   time.Time `json:"ready_at"`
			Told    int       `json:"addresses_told"`
			Stopped bool      `json:"stopped"`
		}{int64(a.ID), q.AskedAt, q.ReadyAt, len(q.Addresses), cmd.Stop})
	}
	if cmd.Stop {
		fmt.Fprintf(s.out, "account %d  recovery stopped\n", a.ID)
		return nil
	}
	fmt.Fprintf(s.out, "account %d  recovery asked for on %s  waits until %s  told %d addresses\n", a.ID, q.AskedAt.Format(time.RFC3339),
		q.ReadyAt.Format(time.RFC3339), len(q.Addresses))
	return nil
}
