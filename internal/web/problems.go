package web

import (
	"errors"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
)

// A said is a typed value's error with the field and the sentence that it belongs to.
type said struct {
	err   error
	field string
	// id is the sentence; on C2 and C5 it is made from the page, "{page}.code.empty".
	id string
}

// problemsOf turns the errors of typed values into what is shown beside the field, or nil when the error is none of them.
func problemsOf(err error, step claim.Step) []Problem {
	for _, s := range sayings(step) {
		if errors.Is(err, s.err) {
			return []Problem{Wrong(s.field, s.id)}
		}
	}
	return nil
}

// sayings is the one table from errors of typed values to sentences.
func sayings(step claim.Step) []said {
	switch step {
	case claim.StepEmail:
		return append(digits("c2"), said{claim.ErrCodeLate, "code", "c2.code.late"})
	case claim.StepBirthDate:
		return []said{{claim.ErrBirthDate, "birth_day", "birthdate.wrong"}}
	case claim.StepApp, stepSignIn, forgotSecondStep, forgotNewApp:
		return append(digits("c5"), said{customer.ErrCodeReused, "code", "c5.code.reused"})
	case claim.StepPasskey:
		return []said{{customer.ErrPasskey, "", "c6.refused"}}
	case stepPasskeys:
		return []said{{customer.ErrPasskeyName, "passkey_name", "passkeys.name.long"}, {customer.ErrPasskeyKnown, "", "passkeys.known"},
			{customer.ErrPasskeysFull, "", "passkeys.full"}, {customer.ErrPasskeyLate, "", "passkeys.late"}, {customer.ErrPasskey, "", "passkeys.refused"}}
	case stepFactor:
		return []said{{customer.ErrPasskeyName, "passkey_name", "passkeys.name.long"}, {customer.ErrLastStep, "", "security.last"}}
	case stepNewApp:
		return digits("c5")
	case stepNewEmail:
		return []said{{customer.ErrNotAnAddress, "new_email", "r1.email.empty"}, {customer.ErrSameAddress, "new_email", "newemail.same"}}
	case stepEmailCode:
		return []said{{customer.ErrCodeEmpty, "code", "r4.code.empty"}, {customer.ErrMailedCodeFormat, "code", "r4.code.format"}, {customer.ErrCodeWrong, "code", "r4.code.wrong"},
			{customer.ErrAddressCodeLate, "code", "newemail.code.late"}, {customer.ErrAddressHasAccount, "", "newemail.taken"}}
	case stepConfirm:
		return []said{{customer.ErrNoPassword, "password", "r1.password.empty"}, {customer.ErrCodeEmpty, "code", "c5.code.empty"},
			{customer.ErrCodeFormat, "code", "c5.code.format"}, {customer.ErrProof, "", "r6.wrong"}}
	case stepPasskey, stepSignInPasskey, forgotPasskey, forgotNewPasskey, stepConfirmPasskey:
		return []said{{customer.ErrPasskey, "", "passkey.refused"}, {customer.ErrPasskeyLate, "", "passkey.late"}}
	case claim.StepPassword, forgotPassword, stepNewPassword:
		return []said{
			{customer.ErrPasswordEmpty, "new_password", "c3.password.empty"},
			{customer.ErrPasswordShort, "new_password", "c3.password.short"},
			{customer.ErrPasswordLong, "new_password", "c3.password.long"},
			{customer.ErrPasswordCommon, "new_password", "c3.password.listed"},
			{customer.ErrPasswordPersonal, "new_password", "c3.password.personal"},
			{customer.ErrPasswordBreached, "new_password", "c3.password.breached"},
		}
	case claim.StepPasswordAgain, stepPassword:
		return []said{
			{customer.ErrNoPassword, "password", "r1.password.empty"},
			{customer.ErrSignIn, "password", "r1.mismatch"},
		}
	case claim.StepSecondStep:
		return []said{{claim.ErrMethod, "method", "c4.method.empty"}}
	case claim.StepRecoveryCodes:
		return []said{{claim.ErrNotSaved, "saved", "c7.saved.empty"}}
	case claim.StepAllow:
		return []said{{claim.ErrNoProfileChosen, "profile", "c10.profile.empty"}}
	}
	return recoverSayings(step)
}

// recoverSayings are those of the ways back in.
func recoverSayings(step claim.Step) []said {
	switch step {
	case stepRecoveryCode, forgotRecoveryCode:
		return []said{{customer.ErrRecoveryCodeEmpty, "recovery_code", "r3.code.empty"}, {customer.ErrRecoveryCode, "recovery_code", "r3.code.wrong"}}
	case forgotCode:
		return []said{{customer.ErrCodeEmpty, "code", "r4.code.empty"}, {customer.ErrMailedCodeFormat, "code", "r4.code.format"},
			{customer.ErrCodeWrong, "code", "r4.code.wrong"}, {customer.ErrMailedCodeSpent, "code", "r4.code.spent"},
			{customer.ErrMailedCodeLate, "code", "r4.code.late"}}
	case forgotNewMethod:
		return []said{{customer.ErrNoMethod, "method", "c4.method.empty"}}
	case forgotCodes, stepNewCodes:
		return []said{{customer.ErrCodesNotSaved, "saved", "c7.saved.empty"}}
	}
	return nil
}

// Steps of the return visit, which are not steps of a journey.
const (
	stepPassword claim.Step = "signin"
	stepSignIn   claim.Step = "signin/second-step"
	// The passkey's forms on both pages.
	stepPasskey       claim.Step = "signin/passkey"
	stepSignInPasskey claim.Step = "signin/second-step/passkey"
	stepRecoveryCode  claim.Step = "signin/recovery-code"
)

func digits(page string) []said {
	return []said{
		{customer.ErrCodeEmpty, "code", page + ".code.empty"},
		{customer.ErrCodeFormat, "code", page + ".code.format"},
		{customer.ErrCodeWrong, "code", page + ".code.wrong"},
	}
}
