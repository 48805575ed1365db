package web

import (
	"slices"
	"strings"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	"github.com/latchkey-id/latchkey/internal/customer"
)

// countryName is the name of a country in a language; an unknown code is shown
// as it is. The code may have two or three letters in any case.
func countryName(tag language.Tag, code string) string {
	region, err := language.ParseRegion(code)
	if err != nil {
		return code
	}
	if name := display.Regions(tag).Name(region.Canonicalize()); name != "" {
		return name
	}
	return code
}

// alpha2 is the two-letter code of a country, or empty.
func alpha2(code string) string {
	region, err := language.ParseRegion(code)
	if err != nil || !region.IsCountry() {
		return ""
	}
	return region.Canonicalize().String()
}

// countries are the lines of a select: every country, or only some, by name.
func countries(tag language.Tag, only []string) []Option {
	var all []Option
	for _, code := range customer.Countries() {
		if len(only) > 0 && !slices.Contains(only, code) {
			continue
		}
		if name := countryName(tag, code); name != code {
			all = append(all, Option{Value: code, Label: name})
		}
	}
	slices.SortFunc(all, func(x, y Option) int {
		return strings.Compare(unaccented.Replace(x.Label), unaccented.Replace(y.Label))
	})
	return all
}

// unaccented puts accented letters beside their plain ones.
var unaccented = strings.NewReplacer("Å", "A", "é", "e", "ç", "c", "ô", "o", "ã", "a", "í", "i", "ü", "u", "ï", "i", "É", "E")
