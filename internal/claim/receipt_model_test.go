package claim_test

import (
	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
)

// SaveReceipt is a write like any other: the exploration lets it fail too.
func (tx *modelTx) SaveReceipt(*claim.Receipt) error {
	tx.wrote = true
	return tx.call()
}

// Receipts are what nobody asks for in the exploration.
func (tx *modelTx) Receipts(customer.AccountID) ([]claim.Receipt, error) { return nil, tx.call() }
