package api

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/limit"
	"github.com/latchkey-id/latchkey/internal/partner"
)

// inTable are the errors of the nouns that the API's verbs return, each with its answer in refusals or in refuse.
func inTable() map[string]error {
	return map[string]error{
		"partner.ErrSubscriptionName": partner.ErrSubscriptionName, "partner.ErrTrigger": partner.ErrTrigger, "partner.ErrPayloadVersion": partner.ErrPayloadVersion,
		"partner.ErrReceiver": partner.ErrReceiver, "partner.ErrTooManySubscriptions": partner.ErrTooManySubscriptions,
		"partner.ErrNoSubscription": partner.ErrNoSubscription, "partner.ErrSevered": partner.ErrSevered,
		"partner.ErrUnknown": partner.ErrUnknown, "partner.ErrNotAuthenticated": partner.ErrNotAuthenticated,
		"customer.ErrNoAccount": customer.ErrNoAccount, "customer.ErrAddressTaken": customer.ErrAddressTaken, "customer.ErrStale": customer.ErrStale,
		"customer.ErrHeld": customer.ErrHeld, "customer.ErrBlocked": customer.ErrBlocked, "customer.ErrNotAnAddress": customer.ErrNotAnAddress,
		"customer.ErrReplyDiffers": customer.ErrReplyDiffers, "customer.ErrNoProfile": customer.ErrNoProfile, "customer.ErrProfileExists": customer.ErrProfileExists,
		"customer.ErrBusinessExists": customer.ErrBusinessExists, "customer.ErrNoPersonal": customer.ErrNoPersonal, "customer.ErrCategory": customer.ErrCategory,
		"customer.ErrNoRepresentative": customer.ErrNoRepresentative, "customer.ErrNotGranted": customer.ErrNotGranted, "customer.ErrTooMany": customer.ErrTooMany,
		"customer.ErrLocked": customer.ErrLocked, "customer.ErrNoReview": customer.ErrNoReview, "customer.ErrReviewState": customer.ErrReviewState,
		"customer.ErrNoApproval": customer.ErrNoApproval, "customer.ErrNotApproved": customer.ErrNotApproved, "customer.ErrNoPhone": customer.ErrNoPhone,
		"customer.ErrPhoneRepeated": customer.ErrPhoneRepeated, "customer.ErrCodeWrong": customer.ErrCodeWrong, "partner.ErrKeyTaken": partner.ErrKeyTaken,
		"partner.ErrTooManyKeys":  partner.ErrTooManyKeys,
		"customer.ErrRequirement": customer.ErrRequirement, "customer.ErrRedirect": customer.ErrRedirect,
		"customer.ErrNoTaxID": customer.ErrNoTaxID, "customer.ErrEvidenceGiven": customer.ErrEvidenceGiven, "customer.ErrFileWaiting": customer.ErrFileWaiting,
		"grant.ErrInvalidGrant": grant.ErrInvalidGrant, "grant.ErrInvalidCredentials": grant.ErrInvalidCredentials, "grant.ErrInvalidToken": grant.ErrInvalidToken,
		"grant.ErrWrongKind": grant.ErrWrongKind, "grant.ErrNoGrant": grant.ErrNoGrant,
		"claim.ErrAlreadyClaimed": claim.ErrAlreadyClaimed, "claim.ErrNotReportable": claim.ErrNotReportable, "claim.ErrRegistrationCode": claim.ErrRegistrationCode,
		"limit.ErrExceeded": limit.ErrExceeded, "partner.ErrChanged": partner.ErrChanged,
	}
}

// ofPages are the errors that only verbs of the pages or of an operator return. If one came here it would be an apology.
func ofPages() []string {
	return []string{
		"partner.ErrTaken", "partner.ErrNoDelivery",
		"customer.ErrNoFile", "customer.ErrNoItem", "customer.ErrNoProposal", "customer.ErrPasskey", "customer.ErrPasskeyLate", "customer.ErrPasskeySpent", "customer.ErrNotFresh", "customer.ErrProof", "customer.ErrNoChange", "customer.ErrNoFactor", "customer.ErrLastStep", "customer.ErrAppsFull", "customer.ErrCodesNotSaved", "customer.ErrSameAddress", "customer.ErrAddressHasAccount", "customer.ErrAddressCodeLate", "customer.ErrPasskeyKnown", "customer.ErrPasskeyName", "customer.ErrPasskeysFull", "claim.ErrDisclosure", "claim.ErrNoObjection", "customer.ErrLinkOver", "customer.ErrNoteEmpty", "customer.ErrNoteLong", "customer.ErrNotLocked",
		"customer.ErrSignIn", "customer.ErrNoPassword", "customer.ErrNoSession", "customer.ErrVersion", "customer.ErrPasswordEmpty", "customer.ErrPasswordShort",
		"customer.ErrPasswordLong", "customer.ErrPasswordCommon", "customer.ErrPasswordPersonal", "customer.ErrPasswordBreached", "customer.ErrCodeEmpty", "customer.ErrCodeFormat",
		"customer.ErrCodeReused", "customer.ErrNoMethod", "customer.ErrNoRecovery", "customer.ErrRecoveryStep", "customer.ErrMailedCodeFormat",
		"customer.ErrMailedCodeSpent", "customer.ErrMailedCodeLate", "customer.ErrRecoveryCodeEmpty", "customer.ErrRecoveryCode", "customer.ErrNoReset", "customer.ErrResetLink",
		"grant.ErrUnknownClient", "grant.ErrRedirect",
		"claim.ErrElsewhere", "claim.ErrCodeUnknown", "claim.ErrCodeExpired", "claim.ErrCodeUsed", "claim.ErrSignedInAsOther", "claim.ErrNoJourney", "claim.ErrTicketOver",
		"claim.ErrNotNow", "claim.ErrOtherAddress", "claim.ErrBirthDate", "claim.ErrCodeLate", "claim.ErrMethod", "claim.ErrNotSaved", "claim.ErrIncomplete", "claim.ErrNoProfileChosen", "claim.ErrDisclosure", "claim.ErrNoObjection",
	}
}

// TestEveryErrorHasAnAnswer reads the nouns' sources, so that a new error cannot be forgotten here.
func TestEveryErrorHasAnAnswer(t *testing.T) {
	t.Parallel()
	found := map[string]bool{}
	for _, noun := range []string{"partner", "customer", "grant", "claim", "limit"} {
		for _, name := range exportedErrors(t, "../"+noun) {
			name = noun + "." + name
			found[name] = true
			if _, here := inTable()[name]; here == slices.Contains(ofPages(), name) {
				t.Errorf("%s: give it a row in refusals, or say that it is of the pages", name)
			}
		}
	}
	for _, name := range append(ofPages(), slices.Collect(maps.Keys(inTable()))...) {
		if !found[name] {
			t.Errorf("%s does not exist any more", name)
		}
	}
	w := newWorld(t)
	for name, err := range inTable() {
		if got := w.refusal(fmt.Errorf("doing something: %w", err)); got.status == 500 {
			t.Errorf("%s is an apology", name)
		}
	}
	for _, row := range refusals() {
		if got := w.refusal(row.err); got.status != row.status {
			t.Errorf("%v: %d, want %d: a row above it takes it", row.err, got.status, row.status)
		}
	}
}

// refusal is the answer to an error.
func (w *world) refusal(err error) reply {
	rec := httptest.NewRecorder()
	c := &call{door: w.door, w: rec, r: httptest.NewRequestWithContext(w.t.Context(), "GET", "/", nil), trace: strings.Repeat("0", 32)}
	c.refuse(err)
	return reply{rec.Code, rec.Header(), rec.Body.String()}
}

// exportedErrors lists the package variables named Err….
func exportedErrors(t *testing.T, dir string) []string {
	t.Helper()
	files, err := os.ReadDir(dir)
	must(t, err)
	var names []string
	for _, file := range files {
		if !strings.HasSuffix(file.Name(), ".go") || strings.HasSuffix(file.Name(), "_test.go") {
			continue
		}
		tree, err := parser.ParseFile(token.NewFileSet(), dir+"/"+file.Name(), nil, parser.SkipObjectResolution)
		must(t, err)
		for _, d := range tree.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.VAR {
				continue
			}
			for _, spec := range g.Specs {
				for _, name := range spec.(*ast.ValueSpec).Names {
					if strings.HasPrefix(name.Name, "Err") {
						names = append(names, name.Name)
					}
				}
			}
		}
	}
	if len(names) == 0 {
		t.Fatalf("no errors in %s", dir)
	}
	return names
}

// An error that nobody thought of is an apology with the trace id, logged, and says nothing of itself (I9).
func TestUnknownErrorIsAnApology(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := w.refusal(errors.New("secret detail"))
	if got.status != 500 || strings.Contains(got.body, "secret detail") || !strings.Contains(got.body, strings.Repeat("0", 32)) {
		t.Errorf("%d %s", got.status, got.body)
	}
	if logs := w.logs.String(); !strings.Contains(logs, "secret detail") || !strings.Contains(logs, strings.Repeat("0", 32)) {
		t.Errorf("log: %s", logs)
	}
}
