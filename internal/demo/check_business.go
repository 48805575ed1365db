package demo

import (
	"context"
	"errors"
	"fmt"

	"github.com/latchkey-id/latchkey"
)

// business is what can be said of a business: profile in the newest and the older version, representative, address.
func (h *held) business() []checkStep {
	key := latchkey.NewKey()
	var categories []string
	return []checkStep{
		{"a business names its representative, and is created once", func(ctx context.Context) error {
			first, err := h.before.CreateBusinessProfile(ctx, business(h.email), key)
			again, repeat := h.before.CreateBusinessProfile(ctx, business(h.email), key)
			h.profile, categories = first.ID, first.IndustryCategories
			_, second := h.before.CreateBusinessProfile(ctx, business(h.email), latchkey.NewKey())
			return firstOf(err, repeat, expect("profile", again.ID, first.ID), expect("categories", len(categories), 1),
				refusedBy(second, latchkey.ErrDuplicate))
		}},
		{"what is missing is named, all at once", func(ctx context.Context) error {
			_, err := h.before.CreateBusinessProfile(ctx, latchkey.Business{BusinessName: "Half Ltd"}, latchkey.NewKey())
			var refusal *latchkey.Error
			if !errors.As(err, &refusal) || len(refusal.Fields) < 4 {
				return fmt.Errorf("%w, want at least four fields", err)
			}
			return nil
		}},
		{"categories and web page are corrected and read back", func(ctx context.Context) error {
			_, err := h.before.UpdateBusinessProfile(ctx, h.profile, latchkey.Business{Webpage: "https://joinery.kade.example",
				IndustryCategories: []string{"IT_CONSULTANCY_TECHNICAL_SUPPORT_SERVICES"}})
			p, reading := h.before.Profile(ctx, h.profile)
			if err := firstOf(err, reading); err != nil {
				return err
			}
			if p.Business == nil {
				return errors.New("the profile is no business")
			}
			return firstOf(expect("name", p.Business.BusinessName, "Kade Joinery Ltd"), expect("category", p.Business.IndustryCategories[0], "IT_CONSULTANCY_TECHNICAL_SUPPORT_SERVICES"),
				expect("addresses of work", len(p.Business.OperationalAddresses), 1))
		}},
		{"the representative is read and corrected", func(ctx context.Context) error {
			r, err := h.before.BusinessRepresentative(ctx, h.profile)
			changed, updating := h.before.UpdateBusinessRepresentative(ctx, h.profile, latchkey.RepresentativeUpdate{UpdateContext: latchkey.UpdateDetails, PreferredName: "Mimi"})
			return firstOf(err, updating, expect("representative", r.FirstName, "Mira"), expect("preferred name", string(changed.PreferredName), "Mimi"),
				expect("representative", changed.BusinessRepresentativeID, r.BusinessRepresentativeID))
		}},
		{"its person has a profile too", func(ctx context.Context) error {
			p, err := h.before.CreatePersonalProfile(ctx, person(h.email), latchkey.NewKey())
			h.second = p.ID
			list, listing := h.before.Profiles(ctx)
			return firstOf(err, listing, expect("profiles", len(list), 2))
		}},
		{"the first version reads the same profiles", func(ctx context.Context) error {
			list, err := h.before.ProfilesV1(ctx)
			one, reading := h.before.ProfileV1(ctx, h.profile)
			if err := firstOf(err, reading, expect("profiles", len(list), 2)); err != nil {
				return err
			}
			if one.Business == nil || one.Business.RegistrationNumber != "SC700123" {
				return fmt.Errorf("%+v is not the business", one)
			}
			return nil
		}},
	}
}

// people are who stands behind the business.
func (h *held) people() []checkStep {
	return []checkStep{
		{"directors are added, replaced, removed and given again", func(ctx context.Context) error {
			added, err := h.before.AddDirectors(ctx, h.profile, directors()[:1])
			more, adding := h.before.AddDirectors(ctx, h.profile, directors()[1:])
			replaced, replacing := h.before.ReplaceDirectors(ctx, h.profile, directors()[:1])
			removing := h.before.RemoveDirectors(ctx, h.profile)
			none, listing := h.before.Directors(ctx, h.profile)
			all, again := h.before.AddDirectors(ctx, h.profile, directors())
			return firstOf(err, adding, replacing, removing, listing, again, expect("added", len(added), 1), expect("all", len(more), 2),
				expect("replaced", len(replaced), 1), expect("removed", len(none), 0), expect("in the end", len(all), 2))
		}},
		{"owners are added and replaced", func(ctx context.Context) error {
			_, err := h.before.AddBeneficialOwners(ctx, h.profile, owners())
			_, replacing := h.before.ReplaceBeneficialOwners(ctx, h.profile, owners())
			all, listing := h.before.BeneficialOwners(ctx, h.profile)
			return firstOf(err, replacing, listing, expect("owners", len(all), 1))
		}},
		{"a person has no directors", func(ctx context.Context) error {
			_, err := h.before.AddDirectors(ctx, h.second, directors())
			return refusedBy(err, latchkey.ErrForbidden)
		}},
		{"the business moves", func(ctx context.Context) error {
			saved, err := h.before.SaveAddress(ctx, h.profile, latchkey.AddressDetails{Country: "GB", FirstLine: "9 Harbour Row", City: "Leith", PostCode: "EH6 6AB"})
			return firstOf(err, expect("profile", saved.Profile, h.profile))
		}},
	}
}

// bound checks that access is to the profile that the customer chose, and to no other of the same account.
func (h *held) bound() []checkStep {
	return []checkStep{
		{"the token reaches the chosen profile alone", func(ctx context.Context) error {
			list, err := h.after.Profiles(ctx)
			_, other := h.after.Profile(ctx, h.second)
			if err := firstOf(err, refusedBy(other, latchkey.ErrForbidden), expect("profiles", len(list), 1)); err != nil {
				return err
			}
			return expect("profile", list[0].ID, h.profile)
		}},
		{"without the personal profile /me tells no details", func(ctx context.Context) error {
			me, err := h.after.Me(ctx)
			return firstOf(err, expect("user", me.ID, h.user.ID), expect("details told", me.Details != nil, false))
		}},
	}
}
