package store

import (
	"time"

	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/partner"
)

// Watchers lists the partners with a grant for the profile that stands at now.
func (tx *Tx) Watchers(account customer.AccountID, profile customer.ProfileID, now time.Time) ([]partner.ID, error) {
	var all []partner.ID
	err := tx.each(`SELECT DISTINCT partner_id FROM access_grant WHERE account_id = $1 AND profile_id = $2 AND state = 'active'
		AND (until_at = 0 OR until_at > $3) ORDER BY partner_id`, []any{account, profile, millis(now)}, func(scan func(...any) error) error {
		var id partner.ID
		err := scan(&id)
		all = append(all, id)
		return err
	})
	return all, err
}

// DueQuestions lists profiles about which the operator's own system is to be asked by now, the longest waiting first.
func (tx *Tx) DueQuestions(now time.Time, most int) ([]customer.ProfileID, error) {
	var all []customer.ProfileID
	err := tx.each("SELECT id FROM profile WHERE ask_at <> 0 AND ask_at <= $1 ORDER BY ask_at LIMIT $2", []any{millis(now), most},
		func(scan func(...any) error) error {
			var id customer.ProfileID
			err := scan(&id)
			all = append(all, id)
			return err
		})
	return all, err
}
