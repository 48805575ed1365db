package api

import (
	"net/http"
	"slices"
	"strings"

	"github.com/latchkey-id/latchkey/internal/partner"
)

// An identity says who may call a route (contract 2, "Which bearer token each call takes").
type identity int

const (
	// byClient: client id and secret, by Basic or in the form.
	byClient identity = iota
	// byApplication: the client's own token.
	byApplication
	// byUser: a token for one customer's account, of the route's scope.
	byUser
	// byAnyone: no credentials are asked for.
	byAnyone
	// byBearer: the client's own token, or one for a customer's account, of the route's scope.
	byBearer
)

// A route is one line of the API's map.
type route struct {
	method string
	// legacy is the path with its own version, calendar the one that follows /2026Q3 and later labels; "" where there is
	// none (contract 1.2).
	legacy, calendar string
	by               identity
	// scope is what a token that a customer granted must have; tokens of a registration code may do what onboarding needs.
	scope partner.Scope
	do    func(*call) (any, error)
}

func (rt route) patterns() []string {
	var patterns []string
	if rt.legacy != "" {
		patterns = append(patterns, rt.legacy)
	}
	if rt.calendar != "" {
		patterns = append(patterns, calendar+rt.calendar)
	}
	return patterns
}

// simulates reports whether the route is there only where the operator allows trials (contract 14, OC-28).
func (rt route) simulates() bool { return strings.Contains(rt.legacy, "/simulation/") }

// routes is the whole API in the order of the journey.
func (d *Door) routes() []route {
	const get, post, put, remove = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete
	return slices.Concat([]route{
		// Tokens (contract 4)
		{post, "/oauth/token", "/oauth/token", byClient, "", d.token},
		{post, "/oauth/introspect", "/oauth/introspect", byClient, "", d.introspect},
		{post, "/oauth/revoke", "/oauth/revoke", byClient, "", d.revoke},
		{get, "/.well-known/oauth-authorization-server", "", byAnyone, "", d.serverMetadata},

		// Users (contract 5)
		{post, "/v1/user/signup/registration_code", "/user/signup/registration_code", byApplication, "", d.createUser},
		{post, "/v1/users/exists", "/users/exists", byApplication, "", d.userExists},
		{get, "/v1/me", "/me", byUser, partner.ScopeAccountRead, d.me},
		{get, "/v1/users/{user}", "/users/{user}", byUser, partner.ScopeAccountRead, d.user},
		{get, "/v1/users/{user}/contact-email", "/users/{user}/contact-email", byUser, partner.ScopeAccountRead, d.contactEmail},
		{get, "/v1/terms/{client}", "", byAnyone, "", d.terms},
		{put, "/v1/users/{user}/contact-email", "/users/{user}/contact-email", byUser, partner.ScopeProfilesWrite, d.setContactEmail},

		// The wrong person has the account (ours, design 10.10)
		{post, "/v1/users/{user}/wrong-person", "/users/{user}/wrong-person", byApplication, "", d.reportWrongPerson},

		// Personal profile (contract 8.1 to 8.3)
		{post, "/v2/profiles/personal-profile", "/profiles/personal-profile", byUser, partner.ScopeProfilesWrite, d.createPersonal},
		{put, "/v2/profiles/{profile}/personal-profile", "/profiles/{profile}/personal-profile", byUser, partner.ScopeProfilesWrite, d.updatePersonal},
		{get, "/v2/profiles", "/profiles", byUser, partner.ScopeProfilesRead, d.profiles},
		{get, "/v2/profiles/{profile}", "/profiles/{profile}", byUser, partner.ScopeProfilesRead, d.profile},

		// Notifications (contract 12.1): an application's subscriptions, a profile's, and the keys of signatures (OC-24)
		{post, "/v3/applications/{client}/subscriptions", "/applications/{client}/subscriptions", byApplication, "", of(applicationOwner, d.subscribe)},
		{get, "/v3/applications/{client}/subscriptions", "/applications/{client}/subscriptions", byApplication, "", of(applicationOwner, d.subscriptions)},
		{get, "/v3/applications/{client}/subscriptions/{subscription}", "/applications/{client}/subscriptions/{subscription}", byApplication, "", of(applicationOwner, d.subscription)},
		{remove, "/v3/applications/{client}/subscriptions/{subscription}", "/applications/{client}/subscriptions/{subscription}", byApplication, "", of(applicationOwner, d.unsubscribe)},
		{post, "/v3/applications/{client}/subscriptions/{subscription}/test-notifications", "/applications/{client}/subscriptions/{subscription}/test-notifications", byApplication, "", of(applicationOwner, d.testSubscription)},
		{post, "/v3/profiles/{profile}/subscriptions", "/profiles/{profile}/subscriptions", byUser, partner.ScopeProfilesRead, of(profileOwner, d.subscribe)},
		{get, "/v3/profiles/{profile}/subscriptions", "/profiles/{profile}/subscriptions", byUser, partner.ScopeProfilesRead, of(profileOwner, d.subscriptions)},
		{get, "/v3/profiles/{profile}/subscriptions/{subscription}", "/profiles/{profile}/subscriptions/{subscription}", byUser, partner.ScopeProfilesRead, of(profileOwner, d.subscription)},
		{remove, "/v3/profiles/{profile}/subscriptions/{subscription}", "/profiles/{profile}/subscriptions/{subscription}", byUser, partner.ScopeProfilesRead, of(profileOwner, d.unsubscribe)},
		{get, "/webhooks/signing-key.pem", "/webhooks/signing-key.pem", byAnyone, "", d.webhookPEM},
		{get, "/webhooks/signing-keys.json", "/webhooks/signing-keys.json", byAnyone, "", d.webhookJWKS},

		// Receipts (ours)
		{get, "/v1/receipts", "/receipts", byUser, partner.ScopeProfilesRead, d.receipts},
		{get, "/receipts/keys.json", "/receipts/keys.json", byAnyone, "", d.receiptKeys},

		// Claim code (contract 6). No scope: only the token of a registration code gets one, and every other live token is
		// told that the account is claimed.
		{post, "/v1/user/claim-account", "/user/claim-account", byUser, "", d.claimAccount},

		// The contract itself
		{get, "/openapi.json", "", byAnyone, "", d.openAPI()},
		{get, "/docs", "", byAnyone, "", d.docs()},
	}, d.prefillRoutes(), d.checkRoutes(), d.approvalRoutes())
}

// prefillRoutes are what a partner may say beside the personal profile, before the claim (contract 8.4 to 11.4). The oldest
// versions have no calendar label.
func (d *Door) prefillRoutes() []route {
	const get, post, put, remove = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete
	return []route{
		// Business profiles (contract 8.4 to 8.6)
		{post, "/v2/profiles/business-profile", "", byUser, partner.ScopeProfilesWrite, d.createBusiness(businessV2)},
		{post, "/v3/profiles/business-profile", "", byUser, partner.ScopeProfilesWrite, d.createBusiness(businessV3)},
		{post, "/v5/profiles/business-profile", "/profiles/business-profile", byUser, partner.ScopeProfilesWrite, d.createBusiness(businessV5)},
		{put, "/v2/profiles/{profile}/business-profile", "", byUser, partner.ScopeProfilesWrite, d.updateBusiness(businessV2)},
		{put, "/v3/profiles/{profile}/business-profile", "/profiles/{profile}/business-profile", byUser, partner.ScopeProfilesWrite, d.updateBusiness(businessV5)},
		{get, "/v3/profiles/{profile}/business-profile/business-representative", "/profiles/{profile}/business-profile/business-representative", byUser, partner.ScopeProfilesRead, d.representative},
		{put, "/v3/profiles/{profile}/business-profile/business-representative", "/profiles/{profile}/business-profile/business-representative", byUser, partner.ScopeProfilesWrite, d.updateRepresentative},

		// Profiles in the first version, deprecated (contract 8.8)
		{post, "/v1/profiles", "", byUser, partner.ScopeProfilesWrite, d.createProfileV1},
		{put, "/v1/profiles", "", byUser, partner.ScopeProfilesWrite, d.updateProfileV1},
		{get, "/v1/profiles", "", byUser, partner.ScopeProfilesRead, d.profilesV1},
		{get, "/v1/profiles/{profile}", "", byUser, partner.ScopeProfilesRead, d.readProfileV1},

		// Addresses (contract 9)
		{post, "/v1/addresses", "/addresses", byUser, partner.ScopeProfilesWrite, d.saveAddress},
		{get, "/v1/addresses", "/addresses", byUser, partner.ScopeProfilesRead, d.addresses},
		{get, "/v1/addresses/{address}", "/addresses/{address}", byUser, partner.ScopeProfilesRead, d.address},
		{get, "/v1/address-requirements", "/address-requirements", byUser, partner.ScopeProfilesRead, d.addressForm},
		{post, "/v1/address-requirements", "/address-requirements", byUser, partner.ScopeProfilesRead, d.addressFormFor},

		// Directors, owners, identity documents, update window (contract 10)
		{post, "/v1/profiles/{profile}/directors", "/profiles/{profile}/directors", byUser, partner.ScopeProfilesWrite, d.saveDirectors(false)},
		{put, "/v1/profiles/{profile}/directors", "/profiles/{profile}/directors", byUser, partner.ScopeProfilesWrite, d.saveDirectors(true)},
		{get, "/v1/profiles/{profile}/directors", "/profiles/{profile}/directors", byUser, partner.ScopeProfilesRead, d.directors},
		{remove, "/v1/profiles/{profile}/directors", "/profiles/{profile}/directors", byUser, partner.ScopeProfilesWrite, d.removeDirectors},
		{post, "/v1/profiles/{profile}/ubos", "/profiles/{profile}/ubos", byUser, partner.ScopeProfilesWrite, d.saveOwners(false)},
		{put, "/v1/profiles/{profile}/ubos", "/profiles/{profile}/ubos", byUser, partner.ScopeProfilesWrite, d.saveOwners(true)},
		{get, "/v1/profiles/{profile}/ubos", "/profiles/{profile}/ubos", byUser, partner.ScopeProfilesRead, d.owners},
		{post, "/v1/profiles/{profile}/verification-documents", "/profiles/{profile}/verification-documents", byUser, partner.ScopeProfilesWrite, d.addDocument},
		{put, "/v1/profiles/{profile}/verification-documents", "/profiles/{profile}/verification-documents", byUser, partner.ScopeProfilesWrite, d.replaceDocument},
		{post, "/v1/profiles/{profile}/update-window", "/profiles/{profile}/update-window", byUser, partner.ScopeProfilesWrite, d.setWindow(true)},
		{remove, "/v1/profiles/{profile}/update-window", "/profiles/{profile}/update-window", byUser, partner.ScopeProfilesWrite, d.setWindow(false)},

		// Extensions, deprecated (contract 10.5)
		{get, "/v1/profiles/{profile}/extension-requirements", "", byUser, partner.ScopeProfilesRead, d.extensionForm},
		{post, "/v1/profiles/{profile}/extension-requirements", "", byUser, partner.ScopeProfilesRead, d.extensionForm},
		{post, "/v1/profiles/{profile}/extensions", "", byUser, partner.ScopeProfilesWrite, d.saveExtensions},
		{get, "/v1/profiles/{profile}/extensions", "", byUser, partner.ScopeProfilesRead, d.extensions},

		// Evidences and files (contract 11.2 to 11.4)
		{get, "/v3/profiles/{profile}/verification-status/required-evidences", "/profiles/{profile}/verification-status/required-evidences", byUser, partner.ScopeProfilesRead, d.requiredEvidences},
		{post, "/v5/profiles/{profile}/additional-verification/upload-evidences", "/profiles/{profile}/additional-verification/upload-evidences", byUser, partner.ScopeProfilesWrite, d.giveEvidences},
		{post, "/v3/profiles/{profile}/additional-verification/upload-evidences", "", byUser, partner.ScopeProfilesWrite, d.giveEvidencesOnce},
		{post, "/v3/profiles/{profile}/verification-status/upload-document", "/profiles/{profile}/verification-status/upload-document", byUser, partner.ScopeProfilesWrite, d.uploadDocument},
	}
}

// checkRoutes are about what is checked of a profile (contract 11, 14).
func (d *Door) checkRoutes() []route {
	const get, post, patch = http.MethodGet, http.MethodPost, http.MethodPatch
	return []route{
		// Verification (contract 11.1; disputes are ours, design 10.31)
		{post, "/v3/profiles/{profile}/verification-status/bank-transfer", "/profiles/{profile}/verification-status/bank-transfer", byUser, partner.ScopeProfilesRead, d.verificationStatus},
		{get, "/v3/profiles/{profile}/verification-status", "", byUser, partner.ScopeProfilesRead, d.oldVerificationStatus},
		{get, "/v1/profiles/{profile}/disputes", "/profiles/{profile}/disputes", byUser, partner.ScopeProfilesRead, d.disputes},

		// KYC reviews (contract 11.5)
		{post, "/v1/profiles/{profile}/kyc-reviews", "/profiles/{profile}/kyc-reviews", byUser, partner.ScopeProfilesRead, d.createReview},
		{get, "/v1/profiles/{profile}/kyc-reviews", "/profiles/{profile}/kyc-reviews", byUser, partner.ScopeProfilesRead, d.reviews},
		{get, "/v1/profiles/{profile}/kyc-reviews/{review}", "", byUser, partner.ScopeProfilesRead, d.review},
		{get, "/v2/profiles/{profile}/kyc-reviews/{review}", "/profiles/{profile}/kyc-reviews/{review}", byUser, partner.ScopeProfilesRead, d.review},
		{patch, "/v1/profiles/{profile}/kyc-reviews/{review}", "/profiles/{profile}/kyc-reviews/{review}", byUser, partner.ScopeProfilesRead, d.linkReview},
		{post, "/v2/profiles/{profile}/kyc-requirements/{requirement}", "/profiles/{profile}/kyc-requirements/{requirement}", byUser, partner.ScopeProfilesWrite, d.submitRequirement},
		{post, "", "/profiles/{profile}/embedded-flows/link-requests/kyc-reviews", byUser, partner.ScopeProfilesRead, d.embedReview},

		// Simulation (contract 14): 404 unless the operator allows it
		{post, "/v1/simulation/profiles/{profile}/verifications", "/simulation/profiles/{profile}/verifications", byBearer, partner.ScopeProfilesRead, d.simulateVerification},
		{post, "/v1/simulation/verify-profile", "/simulation/verify-profile", byUser, partner.ScopeProfilesRead, d.simulateVerifications},
		{get, "/v2/simulation/profiles/{profile}/kyc-reviews/{review}/requirements", "/simulation/profiles/{profile}/kyc-reviews/{review}/requirements", byUser, partner.ScopeProfilesRead, d.simulated(d.simulatedRequirements)},
		{post, "/v2/simulation/profiles/{profile}/kyc-reviews/{review}/requirements/add", "/simulation/profiles/{profile}/kyc-reviews/{review}/requirements/add", byUser, partner.ScopeProfilesRead, d.simulated(d.addRequirement)},
		{post, "/v2/simulation/profiles/{profile}/kyc-reviews/{review}/requirements/submit", "/simulation/profiles/{profile}/kyc-reviews/{review}/requirements/submit", byUser, partner.ScopeProfilesRead, d.simulated(d.provideRequirement)},
		{post, "/v2/simulation/profiles/{profile}/kyc-reviews/{review}/verify", "/simulation/profiles/{profile}/kyc-reviews/{review}/verify", byUser, partner.ScopeProfilesRead, d.simulated(d.verifyReview)},
	}
}

// approvalRoutes are one-time tokens and keys (contract 13). PIN, device and face are documented and not built.
func (d *Door) approvalRoutes() []route {
	const get, post, remove = http.MethodGet, http.MethodPost, http.MethodDelete
	return []route{
		{get, "/v1/one-time-token/status", "/one-time-token/status", byUser, partner.ScopeAccountRead, d.approval},
		{post, "/v1/one-time-token/{way}/trigger", "/one-time-token/{way}/trigger", byUser, partner.ScopeAccountRead, d.triggerApproval},
		{post, "/v1/one-time-token/{way}/verify", "/one-time-token/{way}/verify", byUser, partner.ScopeAccountRead, d.verifyApproval},
		{post, "/v1/application/users/{user}/phone-numbers", "/application/users/{user}/phone-numbers", byApplication, "", d.addPhone},
		{get, "/v1/auth/jose/response/public-keys", "/auth/jose/response/public-keys", byApplication, "", d.responseKey},
		{post, "/v1/auth/jose/request/public-keys", "/auth/jose/request/public-keys", byApplication, "", d.addRequestKey},
		{post, "/v1/simulation/protected", "/simulation/protected", byUser, partner.ScopeAccountRead, d.simulateProtected},

		// 501
		{post, "/v2/profiles/{profile}/pin", "/profiles/{profile}/pin", byAnyone, "", notBuilt},
		{remove, "/v2/profiles/{profile}/pin", "/profiles/{profile}/pin", byAnyone, "", notBuilt},
		{post, "/v2/profiles/{profile}/pin/verify", "/profiles/{profile}/pin/verify", byAnyone, "", notBuilt},
		{post, "/v2/profiles/{profile}/device-fingerprints", "/profiles/{profile}/device-fingerprints", byAnyone, "", notBuilt},
		{get, "/v2/profiles/{profile}/device-fingerprints", "/profiles/{profile}/device-fingerprints", byAnyone, "", notBuilt},
		{post, "/v2/profiles/{profile}/facemaps", "/profiles/{profile}/facemaps", byAnyone, "", notBuilt},
		{remove, "/v2/profiles/{profile}/facemaps", "/profiles/{profile}/facemaps", byAnyone, "", notBuilt},
		{post, "/v2/profiles/{profile}/sca-sessions/authorise", "/profiles/{profile}/sca-sessions/authorise", byAnyone, "", notBuilt},
		{post, "/v1/user/pin", "", byAnyone, "", notBuilt},
		{post, "/v1/user/partner-device-fingerprints", "", byAnyone, "", notBuilt},
		{post, "/v1/user/facemap/enrol", "", byAnyone, "", notBuilt},
	}
}
