package web

import (
	"strings"
	"unicode"

	"github.com/latchkey-id/latchkey/internal/customer"
)

// The families of codes that have words of their own in the catalogue: message id code.{family}.{code in small letters}.
const (
	documentTypes = "document"
	purposes      = "purpose"
	volumes       = "range"
)

// family says which family a field's codes are of.
func family(f customer.Field) string {
	switch f {
	case customer.CompanyType:
		return "company"
	case customer.CompanyRole:
		return "role"
	case customer.AnnualVolume, customer.Income, customer.MonthlyVolume:
		return volumes
	}
	return "any"
}

// isCode reports whether the values of a field are codes.
func isCode(f customer.Field) bool {
	switch f {
	case customer.CompanyType, customer.CompanyRole, customer.FirstCategory, customer.SecondCategory, customer.Industries:
		return true
	}
	return customer.EvidenceCodes(f) != nil
}

// inWords is a value as a person reads it, a line each: codes in words, countries by name.
func (v *visit) inWords(f customer.Field, value string) []string {
	switch {
	case value == "":
		return nil
	case f == customer.UseCaseCountries:
		return []string{strings.Join(v.countryNames(value), ", ")}
	case isCode(f):
		codes := []string{value}
		if customer.TakesSeveral(f) {
			codes = strings.Fields(value)
		}
		for i, code := range codes {
			codes[i] = v.word(family(f), code)
		}
		return codes
	}
	return []string{value}
}

func (v *visit) countryNames(codes string) []string {
	var names []string
	for code := range strings.FieldsSeq(codes) {
		names = append(names, countryName(v.Pages.language("").tag, code))
	}
	return names
}

// word is a code of the contract in plain words: those of the catalogue, a range of euros, or the code itself as a sentence.
// Codes that nobody listed are shown too: it is the customer's own review, and hiding them would hide what was said.
func (v *visit) word(family, code string) string {
	words := v.Pages.language("")
	if text, ok := words.texts["code."+family+"."+strings.ToLower(code)]; ok {
		return text
	}
	if from, to, isRange := strings.Cut(code, "_"); family == volumes && isRange {
		id := "code.range"
		if to == "+" {
			id = "code.range.over"
		}
		if text, err := words.asText(id, 0, map[string]any{"from": thousands(from), "to": thousands(to)}); err == nil {
			return text
		}
	}
	runes := []rune(strings.ToLower(strings.ReplaceAll(code, "_", " ")))
	if len(runes) > 0 {
		runes[0] = unicode.ToUpper(runes[0])
	}
	return string(runes)
}

// thousands writes a number of digits in groups of three.
func thousands(digits string) string {
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
