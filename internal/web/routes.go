package web

import (
	"net/http"
	"path"
	"strings"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
)

// mux lists every page in the order of the journey. GET changes nothing that matters; every POST is checked for its
// origin (guard) and carries a step token (posted). A method that a page does not have is answered with 405.
func (d *Door) mux() http.Handler {
	mux, guard, methods := http.NewServeMux(), d.guard(), map[string]string{}
	get := func(pattern string, p page) {
		mux.Handle("GET "+pattern, d.route(p))
		methods[pattern] = "GET, HEAD"
	}
	post := func(pattern string, p page) {
		mux.Handle("POST "+pattern, guard.Handler(d.route(p)))
		methods[pattern] = strings.TrimPrefix(methods[pattern]+", POST", ", ")
	}

	// Opening (journey section 3).
	get("/oauth/authorize", authorize)
	get("/oauth/authorize/{$}", authorize)
	secureRoutes(get, post)
	decideRoutes(get, post)
	visitRoutes(get, post)
	ownRoutes(get, post)

	// What the link of a KYC review leads to (contract 11.5).
	get("/check/{link}", showCheck)
	post("/check/{link}", postCheck)
	get("/check/{link}/return", showCheckReturn)

	// What the link of mail M1 leads to (design 10.10).
	get("/objection/{link}", showObjection)
	post("/objection/{link}", postObjection)
	get("/objected", public(func(f Frame) Page { return &ObjectionPage{Frame: f, State: ObjectionMade} }))

	recoverRoutes(get, post)

	// What the customer keeps of each claim and consent.
	get("/account/receipts", showReceipts)
	get("/account/receipts/{receipt}", showReceipt)

	// For everybody.
	get("/help", public(func(f Frame) Page { return &HelpPage{Frame: f} }))
	get("/privacy", public(func(f Frame) Page { return &PrivacyPage{Frame: f} }))
	get("/accessibility", public(func(f Frame) Page { return &AccessibilityPage{Frame: f} }))
	mux.Handle("GET /assets/", d.Pages.Assets())
	for pattern, allowed := range methods {
		mux.Handle(pattern, d.route(notAllowed(allowed)))
	}
	none := d.route(missing)
	mux.Handle("/", none)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The mux leads from //signin to /signin by a 307, with which a browser sends a password a second time (requirement 38).
		if p := path.Clean(r.URL.Path); r.URL.Path != p && r.URL.Path != p+"/" {
			none.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// notAllowed is a page that exists, asked for in another way (RFC 9110 section 15.5.6).
func notAllowed(methods string) page {
	return func(v *visit) error {
		v.w.Header().Set("Allow", methods)
		return v.show(http.StatusMethodNotAllowed, &ErrorPage{Trouble: TroubleMissing, Frame: Frame{Reference: v.reference}})
	}
}

// routes adds pages to the list.
type routes func(pattern string, p page)

// secureRoutes are C1 to C7 (section 4). Each GET shows the first unfinished step, whatever was asked for.
func secureRoutes(get, post routes) {
	get("/j/{jid}", current)
	get("/j/{jid}/{$}", current)
	get("/j/{jid}/start", showStart)
	post("/j/{jid}/start", postStart)
	get("/j/{jid}/email", step(claim.StepEmail, showEmail))
	post("/j/{jid}/email", postEmail)
	post("/j/{jid}/email/send", postSendCode)
	get("/j/{jid}/email/unreachable", step(claim.StepEmail, showUnreachable))
	post("/j/{jid}/email/unreachable", postUnreachable)
	get("/j/{jid}/birth-date", step(claim.StepBirthDate, showBirthDate))
	post("/j/{jid}/birth-date", postBirthDate)
	get("/j/{jid}/password", step(claim.StepPassword, showPassword))
	post("/j/{jid}/password", postPassword)
	get("/j/{jid}/password-again", step(claim.StepPasswordAgain, showPasswordAgain))
	post("/j/{jid}/password-again", postPasswordAgain)
	get("/j/{jid}/second-step", chooseSecondStep)
	post("/j/{jid}/second-step", postSecondStep)
	get("/j/{jid}/second-step/app", step(claim.StepApp, showApp))
	post("/j/{jid}/second-step/app", postApp)
	get("/j/{jid}/second-step/passkey", step(claim.StepPasskey, showPasskey))
	post("/j/{jid}/second-step/passkey", postPasskey)
	get("/j/{jid}/recovery-codes", step(claim.StepRecoveryCodes, showRecoveryCodes))
	post("/j/{jid}/recovery-codes", postRecoveryCodes)
	post("/j/{jid}/recovery-codes/download", postDownload)
}

// decideRoutes are C8 to C11, and the ways out of the journey.
func decideRoutes(get, post routes) {
	get("/j/{jid}/review", step(claim.StepReview, showReview))
	post("/j/{jid}/review", postReview)
	get("/j/{jid}/review/{section}", step(claim.StepReview, showSection))
	post("/j/{jid}/review/{section}", postSection)
	get("/j/{jid}/review/{section}/wrong", step(claim.StepReview, showDispute))
	post("/j/{jid}/review/{section}/wrong", postDispute)
	get("/j/{jid}/files/{file}", step(claim.StepReview, showFile))
	get("/j/{jid}/allow", step(claim.StepAllow, showAllow))
	post("/j/{jid}/allow", postAllow)
	get("/j/{jid}/return", showReturn)

	// Ways out of it.
	get("/j/{jid}/leave", showLeave)
	post("/j/{jid}/leave", postLeave)
	get("/j/{jid}/not-me", showNotMe)
	post("/j/{jid}/not-me", postNotMe)
	get("/j/{jid}/existing", showExisting)
	post("/j/{jid}/switch", postSwitch)
}

// visitRoutes are the return visit (section 5).
func visitRoutes(get, post routes) {
	get("/signin", showSignIn)
	post("/signin", postSignIn)
	get("/signin/second-step", showSignInStep)
	post("/signin/passkey", postPasskeySignIn)
	post("/signin/second-step", postSignInStep)
	post("/signin/second-step/passkey", postPasskeyStep)
	get("/signin/confirm", showConfirm)
	post("/signin/confirm", postConfirm)
	post("/signin/confirm/passkey", postConfirmPasskey)
	securityRoutes(get, post)
	get("/j/{jid}/continue", showContinue)
	post("/j/{jid}/continue", postContinue)
	post("/j/{jid}/different", postDifferent)
	post("/signout", postSignOut)
}

// ownRoutes are the customer's own pages (section 7). Each asks for the owner, signed in at both steps.
func ownRoutes(get, post routes) {
	get("/account", showHome)
	get("/activity", showActivity)
	get("/close", fresh("close", showClose))
	post("/close", fresh("close", postClose))
	get("/close/keep", showKeep)
	post("/close/keep", postKeep)
	get("/access", showAccess)
	get("/access/{grant}", showStop)
	post("/access/{grant}", postStop)
	get("/details", showDetails)
	post("/details/download", postDetailsDownload)
	get("/details/proposals", showProposals)
	post("/details/proposals", postProposals)
	get("/details/review/{section}", ownReview(showSection))
	post("/details/review/{section}", postOwnSection)
	get("/details/review/{section}/wrong", ownReview(showDispute))
	post("/details/review/{section}/wrong", postOwnDispute)
	get("/details/files/{file}", showOwnFile)
}

// securityRoutes are the pages on which a customer changes how they get in (section 7), each behind a fresh proof.
func securityRoutes(get, post routes) {
	get("/security", showSecurity)
	get("/security/passkeys", fresh("passkeys", showPasskeys))
	post("/security/passkeys", fresh("passkeys", postPasskeys))
	get("/security/passkeys/{factor}", fresh("security", showFactor))
	post("/security/passkeys/{factor}", fresh("security", postRename))
	post("/security/passkeys/{factor}/remove", fresh("security", postRemovePasskey))
	get("/security/apps/{factor}", fresh("security", showFactor))
	post("/security/apps/{factor}/remove", fresh("security", postRemoveApp))
	get("/security/app", fresh("app", showNewApp))
	post("/security/app/new", fresh("security", postStartApp))
	post("/security/app", fresh("app", postNewApp))
	get("/security/recovery-codes", fresh("codes", showNewCodes))
	post("/security/recovery-codes/new", fresh("codes", postStartCodes))
	post("/security/recovery-codes", fresh("codes", postNewCodes))
	post("/security/recovery-codes/download", fresh("codes", postDownloadCodes))
	get("/security/password", fresh("password", showNewPassword))
	post("/security/password", fresh("password", postNewPassword))
	get("/security/email", fresh("email", showNewEmail))
	post("/security/email", fresh("email", postNewEmail))
	get("/security/email/code", fresh("code", showEmailCode))
	post("/security/email/code", fresh("code", postEmailCode))
	post("/security/sessions/end", fresh("security", postEndSession))
	post("/security/sessions/end-others", fresh("security", postEndOthers))
}

// recoverRoutes lead back in (journey section 5): R3, R4, and the reset when both steps are lost.
func recoverRoutes(get, post routes) {
	get("/signin/recovery-code", showRecoveryCode)
	post("/signin/recovery-code", postRecoveryCode)
	get("/signin/recovered", showRecovered)
	get("/forgot", showForgot)
	post("/forgot", postForgot)
	get("/forgot/code", recovering(showForgotCode, customer.RecoverCode))
	post("/forgot/code", postForgotCode)
	post("/forgot/code/send", postForgotSend)
	get("/forgot/second-step", recovering(showForgotStep, customer.RecoverSecondStep))
	post("/forgot/second-step", postForgotStep)
	post("/forgot/second-step/passkey", postForgotPasskey)
	get("/forgot/recovery-code", recovering(showForgotRecoveryCode, customer.RecoverSecondStep))
	post("/forgot/recovery-code", postForgotRecoveryCode)
	get("/forgot/lost", recovering(showLost, customer.RecoverSecondStep))
	post("/forgot/lost", postLost)
	get("/forgot/password", recovering(showForgotPassword, customer.RecoverPassword))
	post("/forgot/password", postForgotPassword)
	get("/forgot/new/second-step", chooseRebuildMethod)
	post("/forgot/new/second-step", postRebuildMethod)
	get("/forgot/new/second-step/app", recovering(showRebuildApp, customer.RecoverApp))
	post("/forgot/new/second-step/app", postRebuildApp)
	get("/forgot/new/second-step/passkey", recovering(showRebuildPasskey, customer.RecoverPasskey))
	post("/forgot/new/second-step/passkey", postRebuildPasskey)
	get("/forgot/new/recovery-codes", recovering(showRebuildCodes, customer.RecoverCodes))
	post("/forgot/new/recovery-codes", postRebuildCodes)
	post("/forgot/new/recovery-codes/download", postRebuildDownload)

	// What the link of mail M8, and the notice on the pages of who is signed in, lead to.
	get("/recovery/{link}", showReset)
	post("/recovery/{link}", postReset)
	get("/recovery-stopped", public(func(f Frame) Page { return &ResetPage{Frame: f, State: ResetMade} }))
	get("/security/recovery", showPending)
	post("/security/recovery", postPending)
}

// public is a page that depends on nothing.
func public(make func(Frame) Page) page {
	return func(v *visit) error { return v.show(http.StatusOK, make(Frame{})) }
}
