package customer

import (
	"strings"

	"golang.org/x/text/language"
)

// AsksRegion reports whether addresses in the country need a state, province or region (contract 8.1).
func AsksRegion(country string) bool { return oneOf(country, "US", "CA", "BR", "AU") }

// AsksOccupation reports whether the contract asks for an occupation there (contract 8.1).
func AsksOccupation(country, region string) bool {
	return oneOf(country, "CA", "IN", "JP", "ID", "IL", "MX") || country == "US" && strings.EqualFold(region, "NM")
}

// AsksPostCode reports whether the country uses postcodes (Universal Postal Union: these do not).
func AsksPostCode(country string) bool {
	return !oneOf(country, "AE", "AG", "AO", "AW", "BF", "BI", "BJ", "BO", "BS", "BW", "BZ", "CD", "CF", "CG", "CI", "CK", "CM", "DJ",
		"DM", "ER", "FJ", "GA", "GD", "GH", "GM", "GQ", "GY", "HK", "KI", "KM", "KN", "KP", "LY", "ML", "MO", "MR", "MW",
		"NR", "NU", "QA", "RW", "SB", "SC", "SL", "SR", "SS", "ST", "SY", "TD", "TG", "TK", "TL", "TO", "TV", "UG", "VU", "YE", "ZW")
}

// AddressNeeds reports whether an address in the country needs its region or its postcode; other fields it does not judge.
func AddressNeeds(f Field, country string) bool {
	switch f {
	case Region:
		return AsksRegion(country)
	case PostCode:
		return country != "" && AsksPostCode(country)
	}
	return false
}

func oneOf(s string, list ...string) bool {
	for _, have := range list {
		if s == have {
			return true
		}
	}
	return false
}

// ParseCountry reads a country in any of the contract's dialects (alpha-2 or alpha-3, any case; contract 3.4) and
// returns it as alpha-2 upper case.
func ParseCountry(text string) (string, bool) {
	// Three digits would be read as a number of the UN M49 list, which the contract does not speak.
	if len(text) != 2 && len(text) != 3 || strings.ContainsAny(text, "0123456789") {
		return "", false
	}
	region, err := language.ParseRegion(strings.ToUpper(text))
	if err != nil || !region.IsCountry() {
		return "", false
	}
	code := region.Canonicalize().String()
	if len(code) != 2 || code == "ZZ" || notCountry(code) {
		return "", false
	}
	return code, true
}

// notCountry finds what the language tables hold beside the countries of ISO 3166-1: unions, what was a country once, and
// parts of countries. Kosovo (XK) is taken although ISO leaves its code to its users: people live there.
func notCountry(code string) bool {
	return oneOf(code, "AC", "AN", "CP", "CQ", "CS", "DG", "EA", "EZ", "FQ", "IC", "NT", "PC", "SU", "TA", "UN", "YU")
}

// Alpha3 writes a country as the contract's profiles do: alpha-3, lower case ("gbr"); "" for none.
func Alpha3(country string) string {
	region, err := language.ParseRegion(country)
	if err != nil {
		return ""
	}
	return strings.ToLower(region.ISO3())
}

// Countries lists every country as alpha-2, sorted by code.
func Countries() []string {
	var list []string
	for a := 'A'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			code := string([]rune{a, b})
			if got, ok := ParseCountry(code); ok && got == code {
				list = append(list, code)
			}
		}
	}
	return list
}
