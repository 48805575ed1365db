package api

import (
	"net/http"
	"slices"
	"strings"

	"github.com/latchkey-id/latchkey"
	"github.com/latchkey-id/latchkey/internal/customer"
)

// An evidence is one field of the request (contract 11.3).
type evidence struct {
	key   string
	field customer.Field
	value func(latchkey.Evidences) []string
}

// evidences lists them in the order of the contract.
func evidences() []evidence {
	type given = latchkey.Evidences
	one := func(value func(given) string) func(given) []string {
		return func(e given) []string { return []string{value(e)} }
	}
	return []evidence{
		{"accountPurpose", customer.AccountPurpose, one(func(e given) string { return e.AccountPurpose })},
		{"accountPurposeExplanation", customer.AccountPurposeExplanation, one(func(e given) string { return e.AccountPurposeExplanation })},
		{"intendedCountries", customer.UseCaseCountries, func(e given) []string { return e.IntendedCountries }},
		{"yearlyAnticipatedVolume", customer.AnnualVolume, one(func(e given) string { return e.YearlyAnticipatedVolume })},
		{"mainSourceOfIncome", customer.SourceOfIncome, one(func(e given) string { return e.MainSourceOfIncome })},
		{"annualIncome", customer.Income, one(func(e given) string { return e.AnnualIncome })},
		{"incomeExplanation", customer.IncomeExplanation, one(func(e given) string { return e.IncomeExplanation })},
		{"businessUseCase", customer.BusinessUseCase, func(e given) []string { return e.BusinessUseCase }},
		{"mainSourceOfFunding", customer.SourceOfFunding, one(func(e given) string { return e.MainSourceOfFunding })},
		{"monthlyAnticipatedVolume", customer.MonthlyVolume, one(func(e given) string { return e.MonthlyAnticipatedVolume })},
	}
}

// A verdict is what became of one evidence: "" where it is good.
type verdict struct {
	evidence
	wrong string
}

// given reads the evidences of a body: the good values, and what is to be said of each that came. None at all is an error.
func (c *call) given() (map[customer.Field]string, []verdict, error) {
	var in latchkey.Evidences
	if err := c.body.into(&in); err != nil {
		return nil, nil, err
	}
	values := map[customer.Field]string{}
	var all []verdict
	for _, e := range evidences() {
		if !c.body.has(e.key) {
			continue
		}
		list := e.value(in)
		value, problem := customer.CheckValue(e.field, strings.Join(list, " "), "", c.door.Now())
		v := verdict{evidence: e}
		switch {
		case value == "":
			v.wrong = e.key + " is missing"
		case problem == customer.TooLong:
			v.wrong = e.key + " is too long"
		case problem != customer.NoProblem,
			customer.TakesSeveral(e.field) && slices.ContainsFunc(list, func(code string) bool { return len(strings.Fields(code)) != 1 }):
			v.wrong = e.key + " is not valid"
		case e.field == customer.SourceOfIncome && !c.body.has("annualIncome"):
			v.wrong = e.key + " is taken only together with annualIncome"
		default:
			values[e.field] = value
		}
		all = append(all, v)
	}
	if len(all) == 0 {
		return nil, nil, fieldsError{400, []latchkey.FieldError{{Code: "BAD_REQUEST", Message: "There is no evidence in the body", Arguments: []string{}}}}
	}
	return values, all, nil
}

// foreign says of the evidences that the profile's kind is not asked for.
func foreign(all []verdict, fields []customer.Field) []verdict {
	for i, v := range all {
		if slices.Contains(fields, v.field) {
			all[i].wrong = v.key + " is not asked of this type of profile"
		}
	}
	return all
}

// giveEvidences takes what is good and says of each what became of it (contract 11.3, v5): always 207.
func (d *Door) giveEvidences(c *call) (any, error) {
	id, err := c.number("profile")
	if err != nil {
		return nil, err
	}
	values, all, err := c.given()
	if err != nil {
		return nil, err
	}
	return once(c, 207, func(others []customer.Field) any { return resultsOf(foreign(all, others)) }, func(by customer.Caller) ([]customer.Field, error) {
		return d.Customers.GiveEvidences(c.r.Context(), by, customer.ProfileID(id), customer.Evidences{Values: values})
	})
}

// resultsOf says of each evidence what became of it.
func resultsOf(all []verdict) latchkey.EvidenceResults {
	const success, fail = "SUCCESS", "FAIL"
	answer := latchkey.EvidenceResults{OverallStatus: success, Results: []latchkey.EvidenceResult{}}
	good := 0
	for _, v := range all {
		result := latchkey.EvidenceResult{EvidenceRequirementKey: v.key, Result: success, Message: success}
		if v.wrong != "" {
			result.Result, result.Message = fail, v.wrong
		} else {
			good++
		}
		answer.Results = append(answer.Results, result)
	}
	switch good {
	case len(all):
	case 0:
		answer.OverallStatus = fail
	default:
		answer.OverallStatus = "PARTIAL_SUCCESS"
	}
	return answer
}

// giveEvidencesOnce is the version before (contract 11.3, v3): all or nothing where the values are bad, once for each evidence.
func (d *Door) giveEvidencesOnce(c *call) (any, error) {
	id, err := c.number("profile")
	if err != nil {
		return nil, err
	}
	values, all, err := c.given()
	if err != nil {
		return nil, err
	}
	if len(values) < len(all) {
		return nil, badEvidences(all)
	}
	return c.giveAll(http.StatusNoContent, id, customer.Evidences{Values: values, Once: true}, func(others []customer.Field) error {
		return badEvidences(foreign(all, others)) // the rest is stored, as the contract allows
	})
}

// giveAll gives evidences where one that is not asked for is an error, after which the request can be mended and sent again under
// its key.
func (c *call) giveAll(status int, id int64, in customer.Evidences, wrong func([]customer.Field) error) (any, error) {
	var others []customer.Field
	answer, err := once(c, status, func(others []customer.Field) any {
		if len(others) > 0 {
			return nil
		}
		return struct{}{}
	}, func(by customer.Caller) (_ []customer.Field, err error) {
		others, err = c.door.Customers.GiveEvidences(c.r.Context(), by, customer.ProfileID(id), in)
		return others, err
	})
	if err == nil && len(others) > 0 {
		err = wrong(others)
	}
	return answer, err
}

func badEvidences(all []verdict) error {
	var fields []latchkey.FieldError
	for _, v := range all {
		if v.wrong != "" {
			fields = append(fields, latchkey.FieldError{Code: "BAD_REQUEST", Message: v.wrong, Path: v.key, Arguments: []string{}})
		}
	}
	return fieldsError{400, fields}
}

// requiredEvidences lists what is asked for and missing (contract 11.2).
func (d *Door) requiredEvidences(c *call) (any, error) {
	id, err := c.number("profile")
	if err != nil {
		return nil, err
	}
	e, err := d.Customers.Profile(c.r.Context(), c.caller(), customer.ProfileID(id))
	return latchkey.RequiredEvidences{RequiredEvidences: e.Profile.RequiredKeys()}, err
}
