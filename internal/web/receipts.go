package web

import (
	"errors"
	"net/http"
	"slices"
	"strconv"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
)

// showReceipts lists the receipts of whoever is signed in, newest first.
func showReceipts(v *visit) error {
	v.renew()
	list, err := v.Claims.OwnReceipts(v.context(), v.jar.Session)
	if errors.Is(err, customer.ErrNoSession) {
		return v.see(v.signIn())
	}
	if err != nil {
		return err
	}
	page := &ReceiptsPage{Frame: Frame{Back: "/account"}}
	for _, r := range slices.Backward(list) {
		row := ReceiptRow{Partner: r.Statement.Partner.Name, At: r.At, Consent: r.Kind == claim.ReceiptOfConsent, Decline: r.Kind == claim.ReceiptOfDecline}
		if r.Signed != "" {
			row.Download = "/account/receipts/" + strconv.FormatInt(int64(r.ID), 10)
		}
		page.Receipts = append(page.Receipts, row)
	}
	return v.show(http.StatusOK, page)
}

// showReceipt answers with a receipt as a file, all disclosures in it: it is the customer's own. Somebody else's is as unknown
// as one that does not exist.
func showReceipt(v *visit) error {
	v.renew()
	id, err := strconv.ParseInt(v.r.PathValue("receipt"), 10, 64)
	if err != nil {
		return errMissing
	}
	list, err := v.Claims.OwnReceipts(v.context(), v.jar.Session)
	if errors.Is(err, customer.ErrNoSession) {
		return v.see(v.signIn())
	}
	if err != nil {
		return err
	}
	for _, r := range list {
		if r.ID != claim.ReceiptID(id) || r.Signed == "" {
			continue
		}
		v.saveJar()
		h := v.w.Header()
		h.Set("Content-Type", "text/plain; charset=utf-8")
		h.Set("Content-Disposition", `attachment; filename="receipt-`+strconv.FormatInt(id, 10)+`.txt"`)
		_, err = v.w.Write([]byte(r.Text(r.Disclosures) + "\n"))
		return err
	}
	return errMissing
}
