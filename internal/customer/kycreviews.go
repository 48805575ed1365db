package customer

import (
	"context"
	"slices"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// mostReviews bounds the reviews of one profile.
const mostReviews = 100

// CreateReview asks for a review of a profile (contract 11.5). What is known of the profile already is not asked for again,
// and of a verified one nothing. Errors: ErrTooMany.
func (cs Customers) CreateReview(ctx context.Context, c Caller, id ProfileID, t Trigger) (KYCReview, error) {
	var made KYCReview
	_, err := cs.amend(ctx, c, id, "", func(tx Tx, p Profile, now time.Time) (Profile, audit.Action, error) {
		have, err := tx.KYCReviews(p.ID)
		if err != nil {
			return Profile{}, "", err
		}
		if len(have) >= mostReviews {
			return Profile{}, "", ErrTooMany
		}
		files, err := tx.Files(p.Account, p.ID)
		if err != nil {
			return Profile{}, "", err
		}
		before := KYCReview{ID: KYCReviewID(cs.IDs.Next()), PublicID: secret.UUID(), Account: p.Account, Profile: p.ID, Partner: c.Partner, Epoch: c.Epoch,
			State: ReviewNew, Triggers: []Trigger{t}, CreatedAt: now}
		made = before
		for _, key := range required(p.Kind) {
			if !p.Verified() && !p.fulfils(key, false, files) {
				made.Requirements = append(made.Requirements, Requirement{Key: key, State: NotProvided})
			}
		}
		made = made.stood(now)
		err = cs.saveReview(tx, before, &made, now)
		c.Once.says(made)
		return p, audit.ReviewCreated, err
	})
	return made, err
}

// saveReview saves a review and tells its partner what changed, if anything did.
func (cs Customers) saveReview(tx Tx, before KYCReview, after *KYCReview, now time.Time) error {
	after.UpdatedAt = now
	if err := tx.SaveKYCReview(after); err != nil {
		return err
	}
	e, changed := after.event(before)
	if !changed {
		return nil
	}
	e.ID = cs.IDs.Next()
	return tx.QueueEvent(e)
}

// settleReviews brings the reviews of a profile in line with what is known of it now. Those of another epoch are dead.
func (cs Customers) settleReviews(tx Tx, p Profile, epoch int64, now time.Time) error {
	all, err := tx.KYCReviews(p.ID)
	if err != nil || len(all) == 0 {
		return err
	}
	files, err := tx.Files(p.Account, p.ID)
	if err != nil {
		return err
	}
	for _, before := range all {
		after := before.settled(p, files, now)
		if before.Epoch != epoch || before.State == after.State && slices.Equal(before.Requirements, after.Requirements) {
			continue
		}
		if err := cs.saveReview(tx, before, &after, now); err != nil {
			return err
		}
	}
	return nil
}

// review finds a review within the caller's reach: of this profile, made by the same partner under the same epoch.
func (c Caller) review(tx Tx, id ProfileID, publicID string, now time.Time) (KYCReview, Profile, error) {
	p, err := c.profile(tx, id, "")
	if err != nil {
		return KYCReview{}, Profile{}, err
	}
	r, err := tx.KYCReview(publicID)
	if err == nil && (r.Profile != p.ID || r.Partner != c.Partner || r.Epoch != c.Epoch) {
		err = ErrNoReview
	}
	if err != nil {
		return KYCReview{}, Profile{}, err
	}
	return r.At(now), p, nil
}

// Review reads one review of the caller's (contract 11.5). Errors: ErrNoReview.
func (cs Customers) Review(ctx context.Context, c Caller, id ProfileID, publicID string) (KYCReview, error) {
	var r KYCReview
	err := cs.Store.View(ctx, func(tx Tx) error {
		if _, err := c.admit(tx); err != nil {
			return err
		}
		var err error
		r, _, err = c.review(tx, id, publicID, cs.Now())
		return err
	})
	return r, err
}

// Reviews lists the caller's reviews of a profile that have not passed, oldest first (contract 11.5).
func (cs Customers) Reviews(ctx context.Context, c Caller, id ProfileID) ([]KYCReview, error) {
	var list []KYCReview
	err := cs.Store.View(ctx, func(tx Tx) error {
		if _, err := c.admit(tx); err != nil {
			return err
		}
		p, err := c.profile(tx, id, "")
		if err != nil {
			return err
		}
		all, err := tx.KYCReviews(p.ID)
		list = slices.DeleteFunc(all, func(r KYCReview) bool { return r.Partner != c.Partner || r.Epoch != c.Epoch || r.State == ReviewPassed })
		for i, r := range list {
			list[i] = r.At(cs.Now())
		}
		return err
	})
	return list, err
}

// amendReview is every write of a partner to one of its reviews.
func (cs Customers) amendReview(ctx context.Context, c Caller, id ProfileID, publicID string, fn func(Tx, KYCReview, time.Time) (KYCReview, audit.Action, error)) (KYCReview, error) {
	now := cs.Now()
	var after KYCReview
	err := cs.Store.Change(ctx, func(tx Tx) (audit.Event, error) {
		after = KYCReview{}
		a, err := c.admit(tx)
		if err != nil {
			return audit.Event{}, err
		}
		before, _, err := c.review(tx, id, publicID, now)
		if err != nil {
			return audit.Event{}, err
		}
		var action audit.Action
		if after, action, err = fn(tx, before, now); err != nil {
			return audit.Event{}, err
		}
		if err := cs.saveReview(tx, before, &after, now); err != nil {
			return audit.Event{}, err
		}
		return c.event(now, action), cs.touch(tx, a, now)
	})
	return after, err
}

// LinkReview sets where the customer goes from the page of a review and makes its link, which ends the one before; text is ""
// where the review waits for nothing (contract 11.5). Errors: ErrNoReview, ErrRedirect.
func (cs Customers) LinkReview(ctx context.Context, c Caller, by partner.Partner, id ProfileID, publicID, redirectURI string) (r KYCReview, text string, err error) {
	drawn := secret.Text(32)
	r, err = cs.amendReview(ctx, c, id, publicID, func(_ Tx, r KYCReview, now time.Time) (KYCReview, audit.Action, error) {
		if !slices.Contains(by.RedirectURIs, redirectURI) {
			return KYCReview{}, "", ErrRedirect
		}
		r.RedirectURI, r.Link = redirectURI, ReviewLink{}
		if text = ""; r.Submits() {
			text, r.Link = drawn, ReviewLink{Digest: secret.Hash(drawn), ExpiresAt: now.Add(LinkLife)}
		}
		return r, audit.ReviewLinked, nil
	})
	return r, text, err
}

// A Submission is what a partner says for one requirement (contract 11.5): values that were checked, or files.
type Submission struct {
	Key    RequirementKey
	Values map[Field]string
	Files  []File
}

// SubmitRequirement stores what a requirement asks for. After the claim, what the customer settled becomes a proposal, as
// everywhere (design 10.11). Errors: ErrNoReview, ErrReviewState, ErrRequirement.
func (cs Customers) SubmitRequirement(ctx context.Context, c Caller, id ProfileID, publicID string, in Submission) error {
	form, _ := FormOf(in.Key)
	files, err := cs.seal(ctx, c, id, form.Purpose, in.Files)
	if err != nil {
		return err
	}
	_, err = cs.amend(ctx, c, id, "", func(tx Tx, p Profile, now time.Time) (Profile, audit.Action, error) {
		r, _, err := c.review(tx, id, publicID, now)
		switch {
		case err != nil:
			return Profile{}, "", err
		case !r.Submits():
			return Profile{}, "", ErrReviewState
		case !slices.Contains(r.Open(), in.Key):
			return Profile{}, "", ErrRequirement
		}
		if err := saveFiles(tx, files, now); err != nil {
			return Profile{}, "", err
		}
		before, after := r, r.with(InReview, now, in.Key)
		return c.say(p, in.Values, now), audit.ReviewSubmitted, cs.saveReview(tx, before, &after, now)
	})
	return err
}

// say puts a partner's values into a profile: as proposals where the customer has settled them (design 10.11).
func (c Caller) say(p Profile, values map[Field]string, now time.Time) Profile {
	direct, proposed := map[Field]string{}, map[Field]string{}
	for f, value := range values {
		if !c.Registration && p.Details.Settled(f) {
			proposed[f] = value
		} else {
			direct[f] = value
		}
	}
	p, _ = p.Propose(proposed, now)
	p, _ = p.With(direct, ByPartner, now)
	return p
}

// RequireMore adds requirements to a review, as a trial (contract 14): several are alternatives, of which one is enough. One that was
// met is asked for again. A review that had passed has passed with requirements from now on, for as long as Grace. Errors:
// ErrReviewState when one is there and nobody has provided it.
func (cs Customers) RequireMore(ctx context.Context, c Caller, id ProfileID, publicID string, keys ...RequirementKey) error {
	_, err := cs.amendReview(ctx, c, id, publicID, func(_ Tx, r KYCReview, now time.Time) (KYCReview, audit.Action, error) {
		r.Requirements = slices.Clone(r.Requirements)
		if r.State == ReviewPassed {
			r.RequiredBy = now.Add(Grace)
		}
		group := 0
		if len(keys) > 1 {
			group = len(r.Requirements) + 1
		}
		for _, key := range keys {
			i := slices.IndexFunc(r.Requirements, func(q Requirement) bool { return q.Key == key })
			switch {
			case i < 0:
				r.Requirements = append(r.Requirements, Requirement{Key: key, State: NotProvided, Group: group})
			case r.Requirements[i].State == NotProvided || group != 0:
				return KYCReview{}, "", ErrReviewState
			default:
				r.Requirements[i].State, r.Requirements[i].Again = NotProvided, true
			}
		}
		return r.stood(now), audit.ReviewSimulated, nil
	})
	return err
}

// Pretend marks requirements of a review as provided, checked or refused, as a trial (contract 14). A refused one must be
// provided again; files that were given for what is decided count as looked at. No keys are all that are not checked. Errors:
// ErrNoReview, ErrRequirement, ErrReviewState when there is nothing to do.
func (cs Customers) Pretend(ctx context.Context, c Caller, id ProfileID, publicID string, state RequirementState, keys []RequirementKey) error {
	_, err := cs.amendReview(ctx, c, id, publicID, func(tx Tx, r KYCReview, now time.Time) (KYCReview, audit.Action, error) {
		about := slices.Clone(keys)
		for _, key := range about {
			if !slices.ContainsFunc(r.Requirements, func(q Requirement) bool { return q.Key == key }) {
				return KYCReview{}, "", ErrRequirement
			}
		}
		if len(about) == 0 {
			for _, q := range r.Requirements {
				if q.State != Checked {
					about = append(about, q.Key)
				}
			}
		}
		after := r.with(state, now, about...)
		if len(about) == 0 || slices.Equal(after.Requirements, r.Requirements) {
			return KYCReview{}, "", ErrReviewState
		}
		if state == InReview {
			return after, audit.ReviewSimulated, nil
		}
		return after, audit.ReviewSimulated, tx.ReviewFiles(r.Account, r.Profile, now, purposesOf(about))
	})
	return err
}

// purposesOf lists what files are for that are given for requirements.
func purposesOf(keys []RequirementKey) []Purpose {
	purposes := []Purpose{}
	for _, key := range keys {
		if form, _ := FormOf(key); form.Purpose != "" {
			purposes = append(purposes, form.Purpose)
		}
	}
	return purposes
}

// A LinkView is what the page of a link shows.
type LinkView struct {
	Review KYCReview
	Kind   Kind
}

// OpenLink reads the review that a link leads to, and changes nothing: scanners and previews open links too. A used link is
// shown as what it came to. Errors: ErrNoReview for one that is unknown, replaced, or of an account that changed hands since;
// ErrLinkOver, with the view, for one that was not used in time.
func (cs Customers) OpenLink(ctx context.Context, text string) (LinkView, error) {
	var v LinkView
	err := cs.Store.View(ctx, func(tx Tx) (err error) {
		v, err = cs.link(tx, text)
		return err
	})
	return v, err
}

func (cs Customers) link(tx Tx, text string) (LinkView, error) {
	r, err := tx.KYCReviewByLink(secret.Hash(text))
	if err != nil {
		return LinkView{}, err
	}
	a, err := tx.Account(r.Account)
	if err != nil {
		return LinkView{}, err
	}
	if a.Epoch != r.Epoch || a.Hold != "" {
		return LinkView{}, ErrNoReview
	}
	p, err := tx.Profile(r.Profile)
	if err == nil && r.Link.Outcome == "" && !cs.Now().Before(r.Link.ExpiresAt) {
		err = ErrLinkOver
	}
	return LinkView{Review: r.At(cs.Now()), Kind: p.Kind}, err
}

// UseLink is the customer leaving the page of a link: it can be used once. A second time changes nothing and gives the same.
// The outcome is success when nothing is left to provide, and closed otherwise. Errors: as OpenLink.
func (cs Customers) UseLink(ctx context.Context, text string, o Origin) (LinkView, error) {
	now := cs.Now()
	var v LinkView
	err := cs.Store.Change(ctx, func(tx Tx) (audit.Event, error) {
		v = LinkView{}
		var err error
		if v, err = cs.link(tx, text); err != nil || v.Review.Link.Outcome != "" {
			return audit.Event{}, err
		}
		r := &v.Review
		r.Link.UsedAt, r.Link.Outcome = now, LinkClosed
		if len(r.Open()) == 0 {
			r.Link.Outcome = LinkSuccess
		}
		return audit.Event{At: now, Action: audit.ReviewLinkUsed, Outcome: audit.Allowed, Actor: audit.Actor{Kind: audit.ActorBrowser}, Partner: int64(r.Partner),
			Account: int64(r.Account), Reference: o.Reference, Network: o.Network}, tx.SaveKYCReview(r)
	})
	return v, err
}
