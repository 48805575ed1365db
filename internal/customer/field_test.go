package customer

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

var today = time.Date(2026, 11, 22, 13, 0, 0, 0, time.UTC)

func TestCheckValue(t *testing.T) {
	long := func(n int) string { return strings.Repeat("ü", n) }
	for _, c := range []struct {
		field               Field
		text, country, want string
		problem             Problem
	}{
		{FirstName, "", "", "", NoProblem},
		{FirstName, " \t ", "", "", NoProblem},
		{FirstName, "  Mira\t Anna  ", "", "Mira Anna", NoProblem},
		{FirstName, "Jose\u0301", "", "José", NoProblem},
		{FirstName, "Nguyễn Thị 明 O'Neil-d’Arc", "", "Nguyễn Thị 明 O'Neil-d’Arc", NoProblem},
		{FirstName, long(100), "", long(100), NoProblem},
		{FirstName, long(101), "", long(101), TooLong},
		{LastName, long(101), "", long(101), TooLong},
		{PreferredName, long(101), "", long(101), TooLong},
		{LastName, "Kade\x00", "", "Kade\x00", Malformed},
		{LastName, "Kade\u0085x", "", "Kade x", NoProblem}, // the next-line character is white space
		{LastName, "Kade\x1b[2J", "", "Kade\x1b[2J", Malformed},
		{LastName, "Ka\u202ede", "", "Ka\u202ede", Malformed},
		{LastName, "Ka\u2066de", "", "Ka\u2066de", Malformed},
		{LastName, "Kade\xff", "", "Kade\xff", Malformed},
		{LastName, "Kade\ufffd", "", "Kade\ufffd", Malformed},
		{LastName, "<script>alert(1)</script>", "", "<script>alert(1)</script>", NoProblem}, // pages escape
		{DateOfBirth, "1988-11-30", "", "1988-11-30", NoProblem},
		{DateOfBirth, "2026-11-22", "", "2026-11-22", NoProblem},
		{DateOfBirth, "2026-11-23", "", "2026-11-23", InFuture},
		{DateOfBirth, "1889-12-31", "", "1889-12-31", Malformed},
		{DateOfBirth, "1890-01-01", "", "1890-01-01", NoProblem},
		{DateOfBirth, "1988-02-30", "", "1988-02-30", Malformed},
		{DateOfBirth, "1987-02-29", "", "1987-02-29", Malformed},
		{DateOfBirth, "1988-02-29", "", "1988-02-29", NoProblem},
		{DateOfBirth, "30.11.1988", "", "30.11.1988", Malformed},
		{DateOfBirth, "1988-1-3", "", "1988-1-3", Malformed},
		{DateOfBirth, "1988-11-30T00:00:00Z", "", "1988-11-30T00:00:00Z", Malformed},
		{DateOfBirth, "１９８８-11-30", "", "１９８８-11-30", Malformed},
		{Nationality, "gbr", "", "GB", NoProblem},
		{Country, "gb", "", "GB", NoProblem},
		{Country, "DEU", "", "DE", NoProblem},
		{Country, "Germany", "", "Germany", Malformed},
		{Country, "276", "", "276", Malformed},
		{Phone, "+44 131 555 0142", "", "+441315550142", NoProblem},
		{Phone, "+44 (0)131 555-0142", "", "+441315550142", NoProblem},
		{Phone, "0044 131 5550142", "", "+441315550142", NoProblem},
		{Phone, "+447700900321", "", "+447700900321", NoProblem},
		{Phone, "0131 555 0142", "GB", "0131 555 0142", Malformed}, // no country code
		{Phone, "+44", "", "+44", Malformed},
		{Phone, "+999 123456789", "", "+999 123456789", Malformed},
		{Phone, "+44 131 555 0142 131 555 0142", "", "+44 131 555 0142 131 555 0142", Malformed},
		{Phone, "+" + strings.Repeat("1", 60), "", "+" + strings.Repeat("1", 60), Malformed},
		{Phone, "call me", "", "call me", Malformed},
		{Email, " Mira@Example.org ", "", "Mira@Example.org", NoProblem},
		{Email, "mira@localhost", "", "mira@localhost", Malformed},
		{FirstLine, "7 Harbour  Row", "", "7 Harbour Row", NoProblem},
		{FirstLine, long(200), "", long(200), NoProblem},
		{SecondLine, long(201), "", long(201), TooLong},
		{City, long(201), "", long(201), TooLong},
		{Occupation, long(201), "", long(201), TooLong},
		{Region, long(60), "", long(60), NoProblem},
		{Region, long(61), "", long(61), TooLong},
		{PostCode, long(30), "KE", long(30), NoProblem},
		{PostCode, long(31), "KE", long(31), TooLong},
		{PostCode, long(31), "GB", long(31), TooLong},
	} {
		got, problem := CheckValue(c.field, c.text, c.country, today)
		if got != c.want || problem != c.problem {
			t.Errorf("%s %q: %q %q, want %q %q", c.field, c.text, got, problem, c.want, c.problem)
		}
	}
}

func TestEveryFieldRefusesWhatIsHidden(t *testing.T) {
	for _, f := range PersonalFields() {
		for _, text := range []string{"a\x00b", "a\u202eb", "a\x7fb", "\xff", "a\u2067b"} {
			if _, problem := CheckValue(f, text, "GB", today); problem != Malformed {
				t.Errorf("%s %q: %q", f, text, problem)
			}
		}
		if got, problem := CheckValue(f, "  ", "GB", today); got != "" || problem != NoProblem {
			t.Errorf("%s: white space alone is %q, %q", f, got, problem)
		}
	}
}

// A partner may say a postcode in another form by the calls of the first version; then it is stored as said, and missing for the
// customer, who may not give one.
func TestPostCodesOfPartners(t *testing.T) {
	for _, c := range []struct {
		country, text, stored string
		problem               Problem
		lacks                 bool
	}{
		{"GB", "a11d33", "a11d33", NoProblem, true}, {"GB", "XX XX", "XX XX", NoProblem, true}, {"US", " FK  12345 ", "FK 12345", NoProblem, true},
		{"GB", "eh6 6ab", "EH6 6AB", NoProblem, false}, {"KE", "anything goes", "anything goes", NoProblem, false}, {"GB", "", "", NoProblem, true},
		{"GB", strings.Repeat("1", PostCodeLimit+1), "", TooLong, true}, {"GB", "EH6\u202e6AB", "", Malformed, true}, {"GB", "\xff", "", Malformed, true},
	} {
		got, problem := CheckSaid(PostCode, c.text, c.country, today)
		if problem != c.problem || problem == NoProblem && got != c.stored {
			t.Errorf("%s %q: %q, %q", c.country, c.text, got, problem)
		}
		values := complete()
		values[Country], values[PostCode] = c.country, c.stored
		p := withValues(values)
		if p.Details.Lacks(PostCode) != c.lacks || slices.Contains(p.Missing(), PostCode) != c.lacks {
			t.Errorf("%s %q: missing %v", c.country, c.stored, p.Missing())
		}
		r := Representative{Details: p.Details}
		if slices.Contains(r.Missing(), PostCode) != c.lacks {
			t.Errorf("%s %q: the representative lacks %v", c.country, c.stored, r.Missing())
		}
	}
	if _, problem := CheckSaid(DateOfBirth, "yesterday", "GB", today); problem != Malformed {
		t.Errorf("another field: %q", problem)
	}
}

func TestPostCodes(t *testing.T) {
	for country, codes := range map[string]struct{ good, bad []string }{
		"GB": {[]string{"EH6 6AB", "eh66ab", "SW1A 1AA", "M1 1AE", "GIR 0AA", "CR2 6XH"}, []string{"EH6", "12345", "EH66 6AB6"}},
		"US": {[]string{"89501", "89501-1234", "895011234"}, []string{"8950", "89501-12", "ABCDE"}},
		"CA": {[]string{"K1A 0B1", "k1a0b1"}, []string{"K1A", "11A 0B1"}},
		"DE": {[]string{"10115"}, []string{"1011", "101155", "D-10115"}},
		"FR": {[]string{"75001"}, []string{"7500", "7500A"}},
		"ES": {[]string{"28001"}, []string{"2800"}},
		"IT": {[]string{"00118"}, []string{"118"}},
		"PL": {[]string{"00-001", "00001"}, []string{"0-0001", "00 0 01 1"}},
		"NL": {[]string{"1012 AB", "1012ab"}, []string{"1012", "AB 1012"}},
		"BE": {[]string{"1000"}, []string{"10000"}},
		"AT": {[]string{"1010"}, []string{"101"}},
		"CH": {[]string{"8001"}, []string{"80010"}},
		"DK": {[]string{"1050"}, []string{"DK"}},
		"NO": {[]string{"0150"}, []string{"150"}},
		"SE": {[]string{"111 20", "11120"}, []string{"1112"}},
		"FI": {[]string{"00100"}, []string{"100"}},
		"PT": {[]string{"1000-205", "1000205"}, []string{"1000"}},
		"AU": {[]string{"2000"}, []string{"20000"}},
		"BR": {[]string{"01310-100", "01310100"}, []string{"01310"}},
		"IN": {[]string{"110001", "110 001"}, []string{"11001"}},
		"JP": {[]string{"100-0001", "1000001"}, []string{"100"}},
		"KE": {[]string{"00100", "anything goes"}, nil},
		"":   {[]string{"anything goes"}, nil},
	} {
		for _, code := range codes.good {
			if got, problem := CheckValue(PostCode, code, country, today); problem != NoProblem || got == "" {
				t.Errorf("%s %q: %q, %q", country, code, got, problem)
			}
		}
		for _, code := range codes.bad {
			if _, problem := CheckValue(PostCode, code, country, today); problem != Malformed {
				t.Errorf("%s %q: %q", country, code, problem)
			}
		}
	}
	for country := range postCodes {
		if !AsksPostCode(country) {
			t.Errorf("%s has a form of postcodes and is said to have none", country)
		}
		if got, _ := ParseCountry(country); got != country {
			t.Errorf("%s is no country", country)
		}
	}
}

func TestCountries(t *testing.T) {
	for text, want := range map[string]string{"GB": "GB", "gb": "GB", "GBR": "GB", "gbr": "GB", "Gbr": "GB", "uk": "GB", "usa": "US",
		"rou": "RO", "bur": "MM", "xk": "XK", "eu": "", "SU": "", "YU": "", "UN": "", "AN": "", "IC": "", "ZZ": "", "XX": "", "": "", "G": "",
		"GBRX": "", "840": "", "12": "", "001": "", "ı": "", "en": "", "  ": "", "G\x00": "", "ß": ""} {
		if got, ok := ParseCountry(text); got != want || ok != (want != "") {
			t.Errorf("%q: %q, %t", text, got, ok)
		}
	}
	all := Countries()
	if len(all) != 250 { // the 249 of ISO 3166-1 and Kosovo
		t.Errorf("%d countries", len(all))
	}
	for i, code := range all {
		if i > 0 && all[i-1] >= code {
			t.Errorf("%s after %s", code, all[i-1])
		}
		three := Alpha3(code)
		if got, ok := ParseCountry(three); len(three) != 3 || three != strings.ToLower(three) || !ok || got != code {
			t.Errorf("%s is %q, which is %q", code, three, got)
		}
	}
	if Alpha3("") != "" || Alpha3("nowhere") != "" {
		t.Error("nowhere has a code")
	}
}

// FuzzCheckValue: a value that is taken is clean, and is taken again as the same.
func FuzzCheckValue(f *testing.F) {
	for i, text := range []string{"Mira", " Jose\u0301 ", "1988-11-30", "gbr", "+44 131 555 0142", "0044131 5550142", "+1 800 FLOWERS",
		"+44 131 555 0142;ext=5", "+ 44", "+\u0661\u0662\u0663", "eh6 6ab", "K1A0B1", "\u202e", "a\x00", "\xff", "ﬃ", "ß", "mira@example.org"} {
		f.Add(uint8(i), text, "GB")
		f.Add(uint8(7), text, "")
	}
	f.Fuzz(func(t *testing.T, n uint8, text, country string) {
		field := PersonalFields()[int(n)%len(PersonalFields())]
		got, problem := CheckValue(field, text, country, today)
		if problem != NoProblem {
			return
		}
		what := fmt.Sprintf("%s %q in %q is taken as %q", field, text, country, got)
		if !utf8.ValidString(got) || utf8.RuneCountInString(got) > 254 || got != Clean(got) || strings.ContainsFunc(got, hidden) {
			t.Fatal(what)
		}
		if again, problem := CheckValue(field, got, country, today); again != got || problem != NoProblem {
			t.Fatalf("%s, then as %q, %q", what, again, problem)
		}
		switch field {
		case Phone:
			if got != "" && (got[0] != '+' || len(got) > 20 || strings.Trim(got[1:], "0123456789") != "") {
				t.Fatal(what)
			}
		case Country, Nationality:
			if got != "" && len(got) != 2 {
				t.Fatal(what)
			}
		}
	})
}
