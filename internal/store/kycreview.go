package store

import (
	"errors"

	"github.com/latchkey-id/latchkey/internal/customer"
)

var kycReviewTable = newTable("kyc_review", "id", "public_id", "account_id", "profile_id", "partner_id", "epoch", "state", "requirements",
	"triggers", "redirect_uri", "required_by", "link", "link_expires_at", "link_used_at", "link_outcome", "created_at", "updated_at", "version")

func kycReviewFields(r *customer.KYCReview) []any {
	return []any{&r.ID, &r.PublicID, &r.Account, &r.Profile, &r.Partner, &r.Epoch, &r.State, list{&r.Requirements}, list{&r.Triggers},
		&r.RedirectURI, moment{&r.RequiredBy}, &r.Link.Digest, moment{&r.Link.ExpiresAt}, moment{&r.Link.UsedAt}, &r.Link.Outcome,
		moment{&r.CreatedAt}, moment{&r.UpdatedAt}, &r.Version}
}

func (tx *Tx) kycReview(where string, arg any) (customer.KYCReview, error) {
	var r customer.KYCReview
	err := tx.get("SELECT "+kycReviewTable.all+" FROM kyc_review WHERE "+where+" = $1", []any{arg}, kycReviewFields(&r)...)
	if errors.Is(err, errNoRow) {
		err = customer.ErrNoReview
	}
	if err != nil {
		return customer.KYCReview{}, err
	}
	return r, nil
}

// KYCReview finds a review by its public id, or answers customer.ErrNoReview.
func (tx *Tx) KYCReview(publicID string) (customer.KYCReview, error) {
	return tx.kycReview("public_id", publicID)
}

// KYCReviewByLink finds the review whose newest link has this digest, or answers customer.ErrNoReview.
func (tx *Tx) KYCReviewByLink(digest []byte) (customer.KYCReview, error) {
	return tx.kycReview("link", digest)
}

// KYCReviews lists a profile's reviews of all partners, oldest first.
func (tx *Tx) KYCReviews(profile customer.ProfileID) ([]customer.KYCReview, error) {
	var all []customer.KYCReview
	err := tx.each("SELECT "+kycReviewTable.all+" FROM kyc_review WHERE profile_id = $1 ORDER BY id", []any{profile},
		func(scan func(...any) error) error {
			var r customer.KYCReview
			err := scan(kycReviewFields(&r)...)
			all = append(all, r)
			return err
		})
	return all, err
}

// SaveKYCReview inserts or updates a review.
func (tx *Tx) SaveKYCReview(r *customer.KYCReview) error {
	return tx.save(kycReviewTable, &r.Version, kycReviewFields(r))
}
