package api

import (
	"encoding/json"

	"github.com/latchkey-id/latchkey"
)

// receipts lists the signed records that name the caller, as far as its access goes. One that is not signed yet is not there
// yet: it is within seconds.
func (d *Door) receipts(c *call) (any, error) {
	list, err := d.Claims.PartnerReceipts(c.r.Context(), c.caller())
	if err != nil {
		return nil, err
	}
	answer := []latchkey.Receipt{}
	for _, r := range list {
		if r.Signed != "" {
			answer = append(answer, latchkey.Receipt{ID: int64(r.ID), Kind: string(r.Kind), CreatedAt: latchkey.LocalStamp{Time: r.At}, Receipt: r.Text(r.Disclosures)})
		}
	}
	return answer, nil
}

// receiptKeys publishes the keys of receipts as a JSON Web Key Set (RFC 7517), those that sign no more too: a receipt is
// checked years later.
func (d *Door) receiptKeys(c *call) (any, error) {
	keys, err := d.Receipts()
	if err != nil {
		return nil, err
	}
	text, err := keys.JWKS()
	c.w.Header().Set("Content-Type", "application/jwk-set+json")
	c.w.Header().Set("Cache-Control", keyLife)
	return json.RawMessage(text), err
}
