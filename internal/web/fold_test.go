package web

import (
	"strconv"
	"testing"
)

// A list is folded when it is longer than what is gained, nothing of it is left out, and the fold is open where something in it
// must be seen.
func TestFold(t *testing.T) {
	t.Parallel()
	for n, first := range map[int]int{0: 0, 1: 1, rowsFolded: rowsFolded, rowsFolded + 1: rowsShown, 400: rowsShown} {
		s := ReviewSection{}
		for i := range n {
			s.Rows = append(s.Rows, ReviewRow{Key: strconv.Itoa(i), Lines: []string{"x"}, Needed: true})
		}
		if len(s.First()) != first || len(s.First())+len(s.Rest()) != n || s.Open() {
			t.Errorf("%d rows: %d shown, %d folded, open %t", n, len(s.First()), len(s.Rest()), s.Open())
		}
		if n <= rowsFolded {
			continue
		}
		s.Rows[0].Changed = true
		if s.Open() {
			t.Error("the fold is open for a row before it")
		}
		s.Rows[n-1].Changed = true
		if !s.Open() {
			t.Error("a changed row is folded away")
		}
		s.Rows[n-1] = ReviewRow{Key: "x", Needed: true}
		if !s.Open() {
			t.Error("a row that is missing is folded away")
		}
	}
}

// The form of C8 stays below what a form may be, however many rows there are.
func TestVersionIsBounded(t *testing.T) {
	t.Parallel()
	if longest := mostMarks*9 + 20; longest > maxForm/2 {
		t.Errorf("a version may have %d bytes, of %d that a form may have", longest, maxForm)
	}
}

// Codes read as words; ranges as sums of money; what nobody listed as the code it is.
func TestWordsOfCodes(t *testing.T) {
	t.Parallel()
	v := &visit{Door: &Door{Pages: testPages(t)}}
	for _, c := range []struct{ family, code, want string }{
		{"company", "LIMITED", "Limited company"}, {"company", "PUBLIC_LIMITED_COMPANY", "Public limited company"}, {"role", "OWNER", "Owner"},
		{volumes, "0_2350", "€0 to €2,350"}, {volumes, "60001_175000", "€60,001 to €175,000"}, {volumes, "12000001_+", "€12,000,001 or more"}, {volumes, "1_2_3", "€1 to €2_3"},
		{documentTypes, "SSN", "Social Security number"}, {documentTypes, "PASSPORT", "Passport"}, {purposes, "ID_PROOF", "Shows who you are"},
		{"any", "SOFTWARE_DEVELOPMENT_PUBLISHING", "Software development publishing"}, {"any", "", ""}, {"any", "ÄRGER_X", "Ärger x"},
	} {
		if got := v.word(c.family, c.code); got != c.want {
			t.Errorf("%s %q: %q, want %q", c.family, c.code, got, c.want)
		}
	}
	for typed, want := range map[string][2]string{
		"Germany": {"DE", ""}, "germany, FR;gbr\r\n\n  united   kingdom ": {"DE FR GB", ""}, "": {"", ""}, " ,; \n": {"", ""},
		"Germany\nNarnia\nOz": {"", "Narnia"}, "ZZ": {"", "ZZ"}, "<b>": {"", "<b>"},
	} {
		if codes, unknown := countriesByName(v.Pages.language(""), typed); codes != want[0] || unknown != want[1] {
			t.Errorf("%q: %q, %q", typed, codes, unknown)
		}
	}
}

// Addresses of pages of C9: those that exist for somebody, and nothing else.
func TestIsSection(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]bool{
		"name": true, "address": true, "business-name-70010002": true, "acting-birth-1": true, "director-1": true, "director-new-1": true, "document-1": true,
		"owner-0123456789abcdef0123456789abcdef": true, "evidence-monthly-volume-1": true, "evidence-use-case-countries-1": true,
		"email": false, "": false, "-": false, "director": false, "director-": false, "director-x": false, "business-name": false, "business-name-": false,
		"director-new-": false, "file-1": false, "acting-same-1": false, "evidence-nothing-1": false, "director-1-2": false, "Name": false, "director-0123456789abcdef0123456789abcdef0": false,
		"name-1": false, "director-1/wrong": false,
	} {
		if got := isSection(key); got != want {
			t.Errorf("%q: %t", key, got)
		}
	}
}
