package partner

import (
	"fmt"
	"time"
)

// A Class is a row of values that endpoints read, not a code path (design 5). Two exist: "classic", the documented
// contract, and "strict", RFC 9700 to the letter.
type Class struct {
	// Name is "classic" or "strict".
	Name string
	// AccessLife is how long an access token lives.
	AccessLife time.Duration
	// RefreshLife is the absolute life of a refresh token; RefreshIdle ends it earlier when unused (0: no idle limit).
	RefreshLife, RefreshIdle time.Duration
	// RotatesRefresh makes every refresh answer a new refresh token; replaying a spent one ends the family.
	RotatesRefresh bool
	// CodeLife is how long an authorization code lives.
	CodeLife time.Duration
	// GrantLife is how long a customer's grant stands; 0 is until stopped.
	GrantLife time.Duration
	// RequiresPKCE refuses authorize requests without an S256 challenge (RFC 9700 section 2.1.1).
	RequiresPKCE bool
	// RequiresResponseType refuses authorize requests without response_type=code.
	RequiresResponseType bool
	// NamesIssuer adds iss to every authorization answer (RFC 9207), and sends errors by redirect.
	NamesIssuer bool
	// PrintsStamps adds expires_at, refresh_token_expires_* and created_at to token answers (contract 4.2).
	PrintsStamps bool
	// UnauthorizedGrant answers invalid_grant with 401 as documented (contract 4.5) instead of RFC 6749's 400.
	UnauthorizedGrant bool
	// HidesExisting is the default of HideExisting for new partners (design 10.6).
	HidesExisting bool
	// FixedScopeText is printed as scope when the request asked for none ("transfers" in classic), else empty.
	FixedScopeText string
}

// Classic is the documented contract.
var Classic = Class{
	Name: "classic", AccessLife: 12 * time.Hour, RefreshLife: 7300 * 24 * time.Hour, CodeLife: 30 * time.Minute,
	PrintsStamps: true, UnauthorizedGrant: true, FixedScopeText: "transfers",
}

// Strict is RFC 9700: PKCE, iss, short tokens, rotation.
var Strict = Class{
	Name: "strict", AccessLife: 15 * time.Minute, RefreshLife: 365 * 24 * time.Hour, RefreshIdle: 90 * 24 * time.Hour,
	RotatesRefresh: true, CodeLife: time.Minute, GrantLife: 365 * 24 * time.Hour,
	RequiresPKCE: true, RequiresResponseType: true, NamesIssuer: true, HidesExisting: true,
}

// ClassNamed returns the class with that name; the empty name is classic. "fapi2" is refused until pushed
// authorization requests exist, because a class that could be chosen but not kept would be a false promise.
func ClassNamed(name string) (Class, error) {
	switch name {
	case "", Classic.Name:
		return Classic, nil
	case Strict.Name:
		return Strict, nil
	case "fapi2":
		return Class{}, fmt.Errorf("class fapi2 needs pushed authorization requests, which this release does not have; use strict")
	}
	return Class{}, fmt.Errorf("class %q does not exist; use classic or strict", name)
}
