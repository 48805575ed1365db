package web

import (
	"net/http"
	"strconv"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/limit"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// showPassword is C3.
func showPassword(v *visit, s claim.State) error { return v.passwordPage(s, http.StatusOK, nil) }

func (v *visit) passwordPage(s claim.State, status int, problems []Problem) error {
	f := v.frame(s, claim.StepPassword)
	f.Problems = problems
	return v.show(status, &PasswordPage{Frame: f, Email: s.Journey.Address})
}

// passwordsAMinute is how many new passwords one browser may give in a minute.
const passwordsAMinute = 20

// another counts one. Each new password is hashed before it is known whether its page is still the one: posted a hundred times at once, one
// form would keep everybody else from a turn.
func (v *visit) another() error {
	who := "password " + strconv.FormatInt(int64(v.jar.Session.ID), 10)
	if wait, ok := v.Failed.Take(who, passwordsAMinute, passwordsAMinute); !ok {
		return limit.Exceeded{Wait: wait}
	}
	return nil
}

func postPassword(v *visit) error {
	return v.take(claim.StepPassword, func() error {
		if err := v.another(); err != nil {
			return err
		}
		return v.Claims.SetPassword(v.context(), v.post(), v.r.PostForm.Get("new_password"))
	}, func(v *visit, s claim.State, problems []Problem) error {
		return v.passwordPage(s, http.StatusUnprocessableEntity, problems)
	})
}

func showPasswordAgain(v *visit, s claim.State) error {
	return v.passwordAgainPage(s, http.StatusOK, nil)
}

func (v *visit) passwordAgainPage(s claim.State, status int, problems []Problem) error {
	f := v.frame(s, claim.StepPasswordAgain)
	f.Problems = problems
	return v.show(status, &PasswordAgainPage{Frame: f, Email: s.Journey.Address})
}

func postPasswordAgain(v *visit) error {
	return v.take(claim.StepPasswordAgain, func() error {
		return v.Claims.PasswordAgain(v.context(), v.post(), v.r.PostForm.Get("password"))
	}, func(v *visit, s claim.State, problems []Problem) error {
		return v.passwordAgainPage(s, http.StatusUnprocessableEntity, problems)
	})
}

// showSecondStep is C4.
func showSecondStep(v *visit, s claim.State) error {
	return v.secondStepPage(s, http.StatusOK, nil)
}

func (v *visit) secondStepPage(s claim.State, status int, problems []Problem) error {
	f := v.frame(s, claim.StepSecondStep)
	f.Problems = problems
	return v.show(status, &SecondStepPage{Frame: f, Passkeys: v.Claims.Passkeys.Works()})
}

func postSecondStep(v *visit) error {
	return v.take(claim.StepSecondStep, func() error {
		return v.Claims.ChooseMethod(v.context(), v.post(), v.r.PostForm.Get("method"))
	}, func(v *visit, s claim.State, problems []Problem) error {
		return v.secondStepPage(s, http.StatusUnprocessableEntity, problems)
	})
}

// showApp is C5: the secret is on the journey's row and so the same on every reload.
func showApp(v *visit, s claim.State) error { return v.appPage(s, http.StatusOK, nil) }

func (v *visit) appPage(s claim.State, status int, problems []Problem) error {
	f := v.frame(s, claim.StepApp)
	f.Problems = problems
	key := s.Journey.AppSecret
	return v.show(status, &AppPage{Frame: f, Another: v.Claims.Passkeys.Works(), Key: secret.AppKeyText(key), Address: secret.AppURI(v.Pages.brand.Name, s.Journey.Address, key)})
}

func postApp(v *visit) error {
	return v.take(claim.StepApp, func() error {
		return v.Claims.ProveApp(v.context(), v.post(), v.r.PostForm.Get("code"))
	}, func(v *visit, s claim.State, problems []Problem) error {
		return v.appPage(s, http.StatusUnprocessableEntity, problems)
	})
}

// showRecoveryCodes is C7.
func showRecoveryCodes(v *visit, s claim.State) error {
	return v.recoveryCodesPage(s, http.StatusOK, nil)
}

func (v *visit) recoveryCodesPage(s claim.State, status int, problems []Problem) error {
	f := v.frame(s, claim.StepRecoveryCodes)
	f.Problems = problems
	return v.show(status, &RecoveryCodesPage{Frame: f, Codes: s.Journey.RecoveryTexts, Email: s.Journey.Address, Date: v.Now()})
}

// postRecoveryCodes is the commit (I2). The session's secret changes with it.
func postRecoveryCodes(v *visit) error {
	return v.take(claim.StepRecoveryCodes, func() error {
		key, err := v.Claims.Commit(v.context(), v.post(), v.r.PostForm.Get("saved") != "")
		if err == nil {
			v.enter(key)
		}
		return err
	}, func(v *visit, s claim.State, problems []Problem) error {
		return v.recoveryCodesPage(s, http.StatusUnprocessableEntity, problems)
	})
}

// postDownload answers the codes as a text file. It changes nothing, but a link that a GET answers could be fetched ahead
// and kept by whatever sits between.
func postDownload(v *visit) error {
	if err := v.posted(string(claim.StepRecoveryCodes)); err != nil {
		return v.next(err, claim.StepRecoveryCodes, nil)
	}
	state, next, err := v.state()
	if err != nil {
		return v.ended(state, err)
	}
	if next != claim.StepRecoveryCodes {
		return v.moved(next)
	}
	return v.codesFile(&RecoveryCodesPage{Codes: state.Journey.RecoveryTexts, Email: state.Journey.Address, Date: v.Now()})
}

// codesFile answers recovery codes as a text file.
func (v *visit) codesFile(p *RecoveryCodesPage) error {
	text, err := v.Pages.RecoveryCodesText(p)
	if err != nil {
		return err
	}
	v.saveJar()
	v.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	v.w.Header().Set("Content-Disposition", `attachment; filename="recovery-codes.txt"`)
	_, err = v.w.Write([]byte(text))
	return err
}
