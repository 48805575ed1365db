package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/secret"
	"github.com/latchkey-id/latchkey/internal/store"
)

// customerErase destroys the key of an account.
type customerErase struct {
	Config

	ID   int64 `arg:"" help:"The account, or one of its profiles, by its number."`
	Yes  bool  `env:"-" help:"Do not ask."`
	JSON bool  `name:"json" env:"-" help:"Print JSON."`
}

// Run asks for the number once more, erases the account, and takes what was overwritten out of the database's log.
func (cmd *customerErase) Run(ctx context.Context, s streams) error {
	database, err := cmd.openDatabase(ctx)
	if err != nil {
		return err
	}
	a, changed, scrubbed, err := cmd.erase(ctx, s, database)
	if err := errors.Join(err, database.Close()); err != nil {
		return customerError(err, cmd.ID)
	}
	if cmd.JSON {
		return json.NewEncoder(s.out).Encode(struct {
			Account  int64 `json:"account"`
			Changed  bool  `json:"changed"`
			Scrubbed bool  `json:"scrubbed"`
		}{int64(a), changed, scrubbed})
	}
	if !changed {
		fmt.Fprintln(s.err, "Nothing changed: the account is erased already.")
		return nil
	}
	fmt.Fprintf(s.out, "account %d  erased\n", a)
	if !scrubbed {
		fmt.Fprintln(s.err, "The sealed key may lie on the disk a little longer: see docs/operating.md, Erasing an account. It opens nothing without the master key.")
	}
	return nil
}

func (cmd *customerErase) erase(ctx context.Context, s streams, database *store.DB) (id customer.AccountID, changed, scrubbed bool, err error) {
	ids := secret.NewIDs(now)
	customers := customer.Customers{Store: store.Customers{DB: database}, IDs: ids, Now: now}
	a, profiles, err := customers.Look(ctx, cmd.ID)
	if err != nil {
		return 0, false, false, err
	}
	if err := cmd.confirm(s, a, len(profiles)); err != nil {
		return a.ID, false, false, err
	}
	claims := claim.Claims{Store: store.Claims{DB: database}, IDs: ids, Now: now}
	if changed, err = claims.Erase(ctx, store.Erasing{DB: database}, a.ID); err != nil || !changed {
		return a.ID, changed, false, err
	}
	scrubbed, err = database.Scrub(ctx)
	return a.ID, changed, scrubbed, err
}

// confirm asks for the account's number, typed: nothing brings an erased account back.
func (cmd *customerErase) confirm(s streams, a customer.Account, profiles int) error {
	if cmd.Yes {
		return nil
	}
	fmt.Fprintf(s.err, "Account %d (%s, %d profiles, %s) is erased for good: its key is destroyed, and no copy of the data opens it again.\nType its number to go on: ",
		a.ID, a.State, profiles, either(customer.MaskEmail(a.Address()), "no address"))
	typed, _ := bufio.NewReader(os.Stdin).ReadString('\n')
	if strings.TrimSpace(typed) != strconv.FormatInt(int64(a.ID), 10) {
		return hinted{"nothing was erased: the number was not typed", []string{"type the account's number when asked, or add --yes"}}
	}
	return nil
}
