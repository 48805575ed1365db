package customer

import (
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/nyaruka/phonenumbers"
	"golang.org/x/text/unicode/norm"
)

// A Problem says what is wrong with one value; the doors have the words.
type Problem string

// The problems of a value.
const (
	NoProblem Problem = ""
	// Missing: needed and not given.
	Missing Problem = "missing"
	// TooLong: more code points than the limit.
	TooLong Problem = "too_long"
	// Malformed: not of the field's form.
	Malformed Problem = "malformed"
	// InFuture: a date of birth that is later than today.
	InFuture Problem = "future"
)

// Limits of lengths in code points: what a customer may type and what a partner may send (contract 8.1).
const (
	CustomerNameLimit = 100
	PartnerNameLimit  = 30
	PostCodeLimit     = 30
	lineLimit         = 200
	regionLimit       = 60
	numberLimit       = 50
	pageLimit         = 500
	proseLimit        = 2000
	mostIndustries    = 10
)

// Clean normalises a text to NFC, trims it and folds runs of white space.
func Clean(text string) string { return strings.Join(strings.Fields(norm.NFC.String(text)), " ") }

// CheckValue normalises one value and says what is wrong with it. country is the profile's, for the rules that depend
// on it. An empty value is no problem here: Missing is a matter of the whole profile.
func CheckValue(f Field, text, country string, now time.Time) (string, Problem) {
	text = Clean(text)
	if text == "" {
		return "", NoProblem
	}
	if !utf8.ValidString(text) || strings.ContainsFunc(text, hidden) {
		return text, Malformed
	}
	switch f {
	case FirstName, LastName, PreferredName:
		return text, longer(text, CustomerNameLimit)
	case DateOfBirth:
		return text, checkBirth(text, now)
	case Nationality, Country:
		code, ok := ParseCountry(text)
		if !ok {
			return text, Malformed
		}
		return code, NoProblem
	case Phone:
		return checkPhone(text)
	case Email:
		address, err := CheckEmail(text)
		if err != nil {
			return text, Malformed
		}
		return address, NoProblem
	case PostCode:
		return checkPostCode(text, country)
	case Region:
		return text, longer(text, regionLimit)
	default:
		return checkOther(f, text)
	}
}

// CheckSaid is CheckValue for what a partner says by the calls of the first version: a postcode in another form than its country's is
// taken as it was said, since official clients send such there ("A11D33" in GB) and the contract knows lengths alone (9.1, 10.2).
// Details.Lacks has the customer asked for it.
func CheckSaid(f Field, text, country string, now time.Time) (string, Problem) {
	value, problem := CheckValue(f, text, country, now)
	if f == PostCode && problem == Malformed {
		return CheckValue(f, text, "", now)
	}
	return value, problem
}

// checkOther checks the fields of businesses and the evidences; what has no rule of its own is a line of text.
func checkOther(f Field, text string) (string, Problem) {
	switch f {
	case BusinessName:
		if !strings.ContainsFunc(text, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) {
			return text, Malformed
		}
		return text, longer(text, lineLimit)
	case RegistrationNumber, ACN, ABN, ARBN:
		return text, longer(text, numberLimit)
	case CompanyType:
		return checkCodes(f, text, CompanyTypes())
	case CompanyRole:
		return checkCodes(f, text, CompanyRoles())
	case FirstCategory:
		return checkCodes(f, text, Categories())
	case Industries:
		return text, checkIndustries(text)
	case WebPage:
		return text, checkWebPage(text)
	case UseCaseCountries:
		return checkCountries(text)
	case Description, AccountPurposeExplanation, IncomeExplanation:
		return text, longer(text, proseLimit)
	}
	if list := EvidenceCodes(f); list != nil {
		return checkCodes(f, text, list)
	}
	return text, longer(text, lineLimit)
}

// industry is the form of an industry's code (contract OC-18).
var industry = regexp.MustCompile(`^[A-Z0-9_]{3,80}$`)

func checkIndustries(text string) Problem {
	codes := strings.Fields(text)
	if len(codes) > mostIndustries {
		return TooLong
	}
	for _, code := range codes {
		if !industry.MatchString(code) {
			return Malformed
		}
	}
	return NoProblem
}

// checkWebPage takes addresses of the web alone: another scheme in a link on a page could run a script.
func checkWebPage(text string) Problem {
	page, err := url.Parse(text)
	if err != nil || page.Scheme != "https" && page.Scheme != "http" || !strings.Contains(page.Hostname(), ".") || page.User != nil {
		return Malformed
	}
	return longer(text, pageLimit)
}

// hidden finds control characters and the direction overrides that make one text look like another.
func hidden(r rune) bool {
	return unicode.IsControl(r) || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == utf8.RuneError
}

func longer(text string, limit int) Problem {
	if utf8.RuneCountInString(text) > limit {
		return TooLong
	}
	return NoProblem
}

func checkBirth(text string, now time.Time) Problem {
	day, err := time.Parse(time.DateOnly, text)
	switch {
	case err != nil || day.Year() < 1890:
		return Malformed
	case day.After(now):
		return InFuture
	}
	return NoProblem
}

// checkPhone takes an international number with any spacing and returns it in E.164 (contract 3.4).
func checkPhone(text string) (string, Problem) {
	if !strings.HasPrefix(text, "+") && strings.HasPrefix(text, "00") {
		text = "+" + text[2:]
	}
	if !strings.HasPrefix(text, "+") || len(text) > 40 {
		return text, Malformed
	}
	number, err := phonenumbers.Parse(text, "")
	if err != nil || !phonenumbers.IsPossibleNumber(number) {
		return text, Malformed
	}
	return phonenumbers.Format(number, phonenumbers.E164), NoProblem
}

// postCodes are the forms of postcodes of countries whose form is settled; elsewhere any text up to the limit is taken.
// Spaces are free: the pattern is matched without them (journey C9).
var postCodes = map[string]*regexp.Regexp{
	"GB": regexp.MustCompile(`^([A-Z]{1,2}[0-9][A-Z0-9]?[0-9][A-Z]{2}|GIR0AA)$`),
	"US": regexp.MustCompile(`^[0-9]{5}(-?[0-9]{4})?$`),
	"CA": regexp.MustCompile(`^[A-Z][0-9][A-Z][0-9][A-Z][0-9]$`),
	"DE": regexp.MustCompile(`^[0-9]{5}$`),
	"FR": regexp.MustCompile(`^[0-9]{5}$`),
	"ES": regexp.MustCompile(`^[0-9]{5}$`),
	"IT": regexp.MustCompile(`^[0-9]{5}$`),
	"PL": regexp.MustCompile(`^[0-9]{2}-?[0-9]{3}$`),
	"NL": regexp.MustCompile(`^[0-9]{4}[A-Z]{2}$`),
	"BE": regexp.MustCompile(`^[0-9]{4}$`),
	"AT": regexp.MustCompile(`^[0-9]{4}$`),
	"CH": regexp.MustCompile(`^[0-9]{4}$`),
	"DK": regexp.MustCompile(`^[0-9]{4}$`),
	"NO": regexp.MustCompile(`^[0-9]{4}$`),
	"SE": regexp.MustCompile(`^[0-9]{5}$`),
	"FI": regexp.MustCompile(`^[0-9]{5}$`),
	"PT": regexp.MustCompile(`^[0-9]{4}-?[0-9]{3}$`),
	"AU": regexp.MustCompile(`^[0-9]{4}$`),
	"BR": regexp.MustCompile(`^[0-9]{5}-?[0-9]{3}$`),
	"IN": regexp.MustCompile(`^[0-9]{6}$`),
	"JP": regexp.MustCompile(`^[0-9]{3}-?[0-9]{4}$`),
}

func checkPostCode(text, country string) (string, Problem) {
	if utf8.RuneCountInString(text) > PostCodeLimit {
		return text, TooLong
	}
	pattern, settled := postCodes[country]
	if !settled {
		return text, NoProblem
	}
	if !pattern.MatchString(strings.ReplaceAll(strings.ToUpper(text), " ", "")) {
		return text, Malformed
	}
	return strings.ToUpper(text), NoProblem
}
