package web

import (
	"net/http"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
)

// showBirthDate follows C2 where the operator wants it of the partner's customers.
func showBirthDate(v *visit, s claim.State) error { return v.birthDatePage(s, http.StatusOK, nil) }

func (v *visit) birthDatePage(s claim.State, status int, problems []Problem) error {
	f := v.frame(s, claim.StepBirthDate)
	f.Problems = problems
	typed := v.r.PostForm
	return v.show(status, &BirthDatePage{Frame: f, Day: typed.Get("birth_day"), Month: typed.Get("birth_month"), Year: typed.Get("birth_year")})
}

// postBirthDate reads the date as C9 does. What is no date is no try.
func postBirthDate(v *visit) error {
	var problems []Problem
	return v.take(claim.StepBirthDate, func() error {
		var typed claim.Correction
		if typed, problems = readBirth(v, customer.Profile{}); len(problems) > 0 {
			return claim.ErrBirthDate
		}
		return v.Claims.ProveBirthDate(v.context(), v.post(), typed.Values[customer.DateOfBirth])
	}, func(v *visit, s claim.State, wrong []Problem) error {
		if len(problems) > 0 {
			wrong = problems
		}
		return v.birthDatePage(s, http.StatusUnprocessableEntity, wrong)
	})
}
