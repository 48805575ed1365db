package customer

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
)

// ErrEvidenceGiven: an evidence was given before, and this way of giving it does not change it (contract 11.3, v3).
var ErrEvidenceGiven = errors.New("evidence was given already")

// The evidences of a person. They are fields of the profile like its details (contract 11.3).
const (
	AccountPurpose            Field = "account_purpose"
	AccountPurposeExplanation Field = "account_purpose_explanation"
	// UseCaseCountries are where the account will be used: alpha-2 codes.
	UseCaseCountries  Field = "use_case_countries"
	AnnualVolume      Field = "annual_volume"
	SourceOfIncome    Field = "source_of_income"
	Income            Field = "income"
	IncomeExplanation Field = "income_explanation"
)

// The evidences of a business, besides UseCaseCountries.
const (
	BusinessUseCase Field = "business_use_case"
	SourceOfFunding Field = "source_of_funding"
	MonthlyVolume   Field = "monthly_volume"
)

// EvidenceFields lists the evidences of a kind of profile in the order of contract 11.3.
func EvidenceFields(kind Kind) []Field {
	if kind == KindBusiness {
		return []Field{BusinessUseCase, UseCaseCountries, SourceOfFunding, MonthlyVolume}
	}
	return []Field{AccountPurpose, AccountPurposeExplanation, UseCaseCountries, AnnualVolume, SourceOfIncome, Income, IncomeExplanation}
}

// RequiredEvidences lists what is asked of every profile of that kind (contract 11.2).
func RequiredEvidences(kind Kind) []Field {
	if kind == KindBusiness {
		return EvidenceFields(kind)
	}
	return []Field{AccountPurpose, UseCaseCountries, AnnualVolume, Income}
}

// MissingEvidences lists the required evidences that nobody gave.
func (p Profile) MissingEvidences() []Field {
	return slices.DeleteFunc(RequiredEvidences(p.Kind), func(f Field) bool { return p.Value(f) != "" })
}

// TakesSeveral reports whether the field holds several codes, with spaces between.
func TakesSeveral(f Field) bool {
	return f == UseCaseCountries || f == BusinessUseCase || f == Industries
}

// EvidenceCodes lists what an evidence may be; none where it is free text or countries (contract 11.3). Volumes and incomes
// are ranges of euros, a year's but for MonthlyVolume.
func EvidenceCodes(f Field) []string {
	switch f {
	case AccountPurpose:
		return []string{"MOVING_SAVINGS", "SENDING_MONEY_TO_FRIENDS_OR_FAMILY", "GENERAL_LIVING_EXPENSES", "BUYING_GOODS_OR_SERVICES_ABROAD",
			"PAYING_FOR_MORTGAGE_OR_LOAN", "PAYING_BILLS", "RECEIVING_SALARY_OR_PENSION", "INVESTING"}
	case AnnualVolume:
		return []string{"0_2350", "2351_6000", "6001_11500", "11501_60000", "60001_175000", "175001_+"}
	case SourceOfIncome:
		return []string{"SALARY", "INVESTMENTS", "PENSION", "INHERITANCE", "LOAN", "OTHER"}
	case Income:
		return []string{"0_11500", "11501_19000", "19001_28500", "28501_47500", "47501_75000", "75001_+"}
	case BusinessUseCase:
		return []string{"INVESTING_IN_FUNDS_STOCKS_BONDS_OR_SIMILAR", "DISTRIBUTING_COMPANY_PROFITS_OR_PAYING_DIVIDENDS",
			"PAYING_MORTGAGE_BANK_LOAN_INSURANCE_OR_CREDIT", "PAYING_FOR_GOODS_PROPERTIES_OR_SERVICES_ABROAD", "PAYING_RENT_OR_UTILITIES",
			"PAYING_SUPPLIERS_CONTRACTORS_OR_EMPLOYEES", "PAYING_TAX_ON_PROFIT_OR_PROPERTY", "TRANSFER_WITHIN_COMPANY_OR_GROUP",
			"RECEIVE_INVESTMENTS_OR_FUNDS", "RECEIVE_PAYMENTS_FROM_CLIENTS", "DONATION", "OTHER"}
	case SourceOfFunding:
		return []string{"REVENUE", "BUSINESS_LOAN", "FUNDING_AND_SHAREHOLDER_INVESTMENTS", "INVESTMENT_INCOME", "DONATIONS", "GRANTS", "OTHER"}
	case MonthlyVolume:
		return []string{"0_1200", "1201_6000", "6001_12000", "12001_60000", "60001_120000", "120001_235000", "235001_600000", "600001_1200000",
			"1200001_6000000", "6000001_12000000", "12000001_+"}
	}
	return nil
}

// Evidences are what a partner gives at once: values that were checked, and whether to refuse what was given before.
type Evidences struct {
	Values map[Field]string
	// Once refuses, with ErrEvidenceGiven and whole, when any of the values was given before.
	Once bool
}

// GiveEvidences stores evidences about a profile (contract 11.3) and returns those that are not asked of its kind, which are
// left out. After the claim those that the customer gave or confirmed become proposals. Errors: ErrEvidenceGiven.
func (cs Customers) GiveEvidences(ctx context.Context, c Caller, id ProfileID, in Evidences) ([]Field, error) {
	var foreign []Field
	_, err := cs.amend(ctx, c, id, "", func(_ Tx, p Profile, now time.Time) (Profile, audit.Action, error) {
		foreign = nil
		direct, proposed := map[Field]string{}, map[Field]string{}
		asked := EvidenceFields(p.Kind)
		for f, value := range in.Values {
			switch {
			case !slices.Contains(asked, f) && !f.IsExtra():
				foreign = append(foreign, f)
			case in.Once && p.Value(f) != "":
				return Profile{}, "", ErrEvidenceGiven
			case !c.Registration && p.Details.Settled(f):
				proposed[f] = value
			default:
				direct[f] = value
			}
		}
		c.Once.says(foreign)
		action := audit.Action("")
		after, changed := p.Propose(proposed, now)
		if len(changed) > 0 {
			action = audit.ProfileProposed
		}
		if after, changed = after.With(direct, ByPartner, now); len(changed) > 0 {
			action = audit.ProfileChanged
		}
		return after, action, nil
	})
	return foreign, err
}

// checkCodes checks a field whose values are of a closed list.
func checkCodes(f Field, text string, list []string) (string, Problem) {
	codes := []string{text}
	if TakesSeveral(f) {
		codes = strings.Fields(text)
	}
	for _, code := range codes {
		if !slices.Contains(list, code) {
			return text, Malformed
		}
	}
	return text, NoProblem
}

// checkCountries reads countries in any dialect and writes them as alpha-2, each once.
func checkCountries(text string) (string, Problem) {
	var codes []string
	for _, word := range strings.Fields(text) {
		code, ok := ParseCountry(word)
		if !ok {
			return text, Malformed
		}
		if !slices.Contains(codes, code) {
			codes = append(codes, code)
		}
	}
	return strings.Join(codes, " "), NoProblem
}
