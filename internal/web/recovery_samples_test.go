package web

import "time"

// recoverySamples are the pages of those who cannot sign in.
func recoverySamples() []sample {
	f := func(problems ...Problem) Frame {
		return Frame{FormToken: "sample-token", Base: "/forgot/new", Problems: problems, Reference: "7f3a-91c2"}
	}
	noted := func(id string) Frame {
		frame := f()
		frame.Notices = []Message{Say(id)}
		return frame
	}
	warned := f()
	warned.Pending = "/security/recovery"
	ready := time.Date(2026, 11, 25, 9, 30, 0, 0, time.UTC)
	all := []sample{
		{"r1-signin-lost", 200, &SignInPage{Frame: noted("r1.lost.first"), Forgot: "/forgot", Lost: "/signin/recovery-code"}},
		{"r3", 200, &RecoveryCodePage{Frame: f(), Other: "/signin/second-step", Lost: "/forgot"}},
		{"r3-done", 200, &RecoveredPage{Frame: f(), Left: 9, Secure: "/security", Next: "/signin"}},
		{"r3-done-one", 200, &RecoveredPage{Frame: f(), Left: 1, Secure: "/security", Next: "/signin"}},
		{"r4", 200, &ForgotPage{Frame: f()}},
		{"r4-empty", 422, &ForgotPage{Frame: f(Wrong("email", "r1.email.empty")), Email: "mira"}},
		{"r4-code", 200, &ForgotCodePage{Frame: f(), Send: "/forgot/code/send"}},
		{"r4-code-again", 200, &ForgotCodePage{Frame: noted("r4.again"), Send: "/forgot/code/send"}},
		{"r4-step", 200, &SecondStepSignInPage{Frame: f(), Recovers: true, Another: "/forgot/recovery-code"}},
		{"r4-step-both", 200, &SecondStepSignInPage{Frame: f(), Recovers: true, Passkey: sampleAsk(false, false), Another: "/forgot/recovery-code"}},
		{"r4-password", 200, &PasswordPage{Frame: f(), Email: sampleMail}},
		{"r4-app", 200, &AppPage{Frame: f(), Address: sampleAddress, Key: sampleKey, Another: true}},
		{"r4-codes", 200, &RecoveryCodesPage{Frame: f(), Codes: sampleCodes(), Email: sampleMail, Date: sampleDay}},
		{"lost", 200, &LostPage{Frame: f(), Hours: 72, Other: "/forgot/second-step"}},
		{"lost-waits", 200, &LostPage{Frame: f(), Ready: ready, Other: "/forgot/second-step"}},
		{"lost-ready", 200, &LostPage{Frame: f(), Ready: ready, Over: true, Other: "/forgot/second-step"}},
		{"reset", 200, &ResetPage{Frame: f(), State: ResetOpen, Ready: ready}},
		{"reset-made", 200, &ResetPage{State: ResetMade}},
		{"reset-over", 404, &ResetPage{State: ResetOver}},
		{"home-pending", 200, &HomePage{Frame: warned, Name: "Mira Kade", Email: sampleMail, CodesLeft: 10}},
	}
	for _, id := range []string{"empty", "wrong"} {
		all = append(all, sample{"r3-" + id, 422, &RecoveryCodePage{Frame: f(Wrong("recovery_code", "r3.code."+id)), Other: "/signin/second-step", Lost: "/forgot"}})
	}
	for _, id := range []string{"empty", "format", "wrong", "spent", "late", "late.limit"} {
		all = append(all, sample{"r4-code-" + id, 422, &ForgotCodePage{Frame: f(Wrong("code", "r4.code."+id)), Send: "/forgot/code/send"}})
	}
	return all
}
