package customer

import (
	"bytes"
	"errors"
	"image"
	"image/jpeg"
	"image/png"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

func business() map[Field]string {
	return map[Field]string{BusinessName: "Kade Joinery Ltd", RegistrationNumber: "SC700123", CompanyType: "LIMITED",
		FirstCategory: "OTHER", Country: "GB", FirstLine: "1 Dock Street", City: "Leith", PostCode: "EH6 7AB"}
}

func businessWith(values map[Field]string) Profile {
	p := withValues(values)
	p.Kind = KindBusiness
	return p
}

// TestMissingOfABusiness takes one value out of a complete business at a time, and makes it another company elsewhere.
func TestMissingOfABusiness(t *testing.T) {
	if missing := businessWith(business()).Missing(); len(missing) != 0 {
		t.Fatalf("of a complete business: %v", missing)
	}
	for f := range business() {
		values := business()
		delete(values, f)
		if missing := businessWith(values).Missing(); !slices.Equal(missing, []Field{f}) {
			t.Errorf("without %s: %v", f, missing)
		}
	}
	for _, c := range []struct {
		change map[Field]string
		want   []Field
	}{
		{map[Field]string{CompanyType: "SOLE_PROPRIETORSHIP", RegistrationNumber: ""}, nil},
		{map[Field]string{CompanyType: "OTHER"}, []Field{Description, WebPage}},
		{map[Field]string{FirstCategory: "", Industries: "SOFTWARE_DEVELOPMENT_PUBLISHING"}, nil},
		{map[Field]string{Country: "US"}, []Field{Region}},
		{map[Field]string{Country: "HK", PostCode: ""}, nil},
		{map[Field]string{Country: "JP"}, nil}, // an occupation is a person's
	} {
		values := business()
		maps.Copy(values, c.change)
		values[PostCode] = local[values[Country]] // none in HK
		if missing := businessWith(values).Missing(); !slices.Equal(missing, c.want) {
			t.Errorf("%v: %v, want %v", c.change, missing, c.want)
		}
	}
}

// TestFieldsOfKinds: a value of the other kind is not taken, whoever says it.
func TestFieldsOfKinds(t *testing.T) {
	p, changed := businessWith(nil).With(map[Field]string{BusinessName: "Kade", FirstName: "Mira", MonthlyVolume: "0_1200", Income: "0_11500"}, ByPartner, today)
	if !slices.Equal(changed, []Field{BusinessName, MonthlyVolume}) || p.Name() != "Kade" || len(p.Details.Values) != 2 {
		t.Errorf("changed %v to %v", changed, p.Details.Values)
	}
	for _, kind := range []Kind{KindPersonal, KindBusiness} {
		fields := FieldsOf(kind)
		sorted := slices.Sorted(slices.Values(fields))
		if len(slices.Compact(sorted)) != len(fields) {
			t.Errorf("%s has a field twice: %v", kind, fields)
		}
		for _, f := range RequiredEvidences(kind) {
			if !slices.Contains(EvidenceFields(kind), f) {
				t.Errorf("%s requires %s, which is no evidence of it", kind, f)
			}
		}
	}
}

// TestMissingEvidences: what was given is asked for no more.
func TestMissingEvidences(t *testing.T) {
	p := withValues(map[Field]string{Income: "0_11500"})
	if missing := p.MissingEvidences(); !slices.Equal(missing, []Field{AccountPurpose, UseCaseCountries, AnnualVolume}) {
		t.Errorf("of a person %v", missing)
	}
	if missing := businessWith(nil).MissingEvidences(); !slices.Equal(missing, EvidenceFields(KindBusiness)) {
		t.Errorf("of a business %v", missing)
	}
}

// TestCategories is contract 8.7.
func TestCategories(t *testing.T) {
	all := 0
	for _, first := range Categories() {
		for _, second := range Subcategories(first) {
			all++
			if !CategoryFits(first, second) || first != "OTHER" && CategoryFits("OTHER", second) {
				t.Errorf("%s in %s", second, first)
			}
		}
	}
	if len(Categories()) != 13 || all != 105 {
		t.Errorf("%d categories with %d", len(Categories()), all)
	}
	if CategoryFits("JOINERY", "") || CategoryFits("", "") || len(Subcategories("JOINERY")) != 0 {
		t.Error("a category that does not exist")
	}
	for _, code := range SuggestedIndustries() {
		if _, problem := CheckValue(Industries, code, "", today); problem != NoProblem {
			t.Errorf("%s: %s", code, problem)
		}
	}
}

// TestCategoriesStayTogether: a change of the first empties a second that belongs no more; one that never belonged is refused.
func TestCategoriesStayTogether(t *testing.T) {
	p := businessWith(map[Field]string{FirstCategory: "REAL_ESTATE_CONSTRUCTION", SecondCategory: "CONSTRUCTION"})
	for _, c := range []struct {
		given, want map[Field]string
		err         error
	}{
		{map[Field]string{City: "Leith"}, map[Field]string{City: "Leith"}, nil},
		{map[Field]string{FirstCategory: "OTHER"}, map[Field]string{FirstCategory: "OTHER", SecondCategory: ""}, nil},
		{map[Field]string{FirstCategory: "CONSULTING_IT_BUSINESS_SERVICES", SecondCategory: "ARCHITECTURE"},
			map[Field]string{FirstCategory: "CONSULTING_IT_BUSINESS_SERVICES", SecondCategory: "ARCHITECTURE"}, nil},
		{map[Field]string{SecondCategory: "ARCHITECTURE"}, map[Field]string{SecondCategory: "ARCHITECTURE"}, nil},
		{map[Field]string{SecondCategory: ""}, map[Field]string{SecondCategory: ""}, nil},
		{map[Field]string{SecondCategory: "ALCOHOL"}, nil, ErrCategory},
		{map[Field]string{FirstCategory: "OTHER", SecondCategory: "CONSTRUCTION"}, nil, ErrCategory},
	} {
		if got, err := p.fitCategories(c.given); !maps.Equal(got, c.want) || !errors.Is(err, c.err) {
			t.Errorf("%v: %v %v", c.given, got, err)
		}
	}
}

// TestBusinessValues are the rules of the fields that persons do not have.
func TestBusinessValues(t *testing.T) {
	long := strings.Repeat("x", 2001)
	for _, c := range []struct {
		field Field
		text  string
		want  string
		is    Problem
	}{
		{BusinessName, " Kade  & Söhne ", "Kade & Söhne", NoProblem}, {BusinessName, "株式会社", "株式会社", NoProblem}, {BusinessName, "7", "7", NoProblem},
		{BusinessName, "...", "...", Malformed}, {BusinessName, long, long, TooLong},
		{CompanyType, "LIMITED", "LIMITED", NoProblem}, {CompanyType, "LIMITED_COMPANY", "LIMITED_COMPANY", Malformed}, {CompanyType, "limited", "limited", Malformed},
		{CompanyRole, "OWNER", "OWNER", NoProblem}, {CompanyRole, "OWNER DIRECTOR", "OWNER DIRECTOR", Malformed},
		{WebPage, "https://kade.example/stairs?a=b", "https://kade.example/stairs?a=b", NoProblem}, {WebPage, "http://kade.example", "http://kade.example", NoProblem},
		{WebPage, "kade.example", "kade.example", Malformed}, {WebPage, "javascript:alert(1)", "javascript:alert(1)", Malformed},
		{WebPage, "https://localhost", "https://localhost", Malformed}, {WebPage, "https://kade.example\u202e", "https://kade.example\u202e", Malformed},
		{Industries, "AAA BBB_2", "AAA BBB_2", NoProblem}, {Industries, "AA", "AA", Malformed}, {Industries, "AAA bbb", "AAA bbb", Malformed},
		{Industries, strings.Repeat("AAA ", 11), strings.TrimSpace(strings.Repeat("AAA ", 11)), TooLong},
		{FirstCategory, "OTHER", "OTHER", NoProblem}, {FirstCategory, "CONSTRUCTION", "CONSTRUCTION", Malformed},
		{UseCaseCountries, "gbr DEU gb", "GB DE", NoProblem}, {UseCaseCountries, "gbr xyz", "gbr xyz", Malformed},
		{BusinessUseCase, "DONATION OTHER", "DONATION OTHER", NoProblem}, {BusinessUseCase, "DONATION FUN", "DONATION FUN", Malformed},
		{MonthlyVolume, "0_1200", "0_1200", NoProblem}, {MonthlyVolume, "0_2350", "0_2350", Malformed}, {AnnualVolume, "175001_+", "175001_+", NoProblem},
		{Description, long, long, TooLong}, {Description, long[1:], long[1:], NoProblem}, {RegistrationNumber, long[:51], long[:51], TooLong},
	} {
		if got, problem := CheckValue(c.field, c.text, "", today); got != c.want || problem != c.is {
			t.Errorf("%s %.30q: %.30q %q", c.field, c.text, got, problem)
		}
	}
}

// TestMediaOf: a file is what its content is.
func TestMediaOf(t *testing.T) {
	var a, b bytes.Buffer
	flat := image.NewGray(image.Rect(0, 0, 2, 2))
	if errors.Join(png.Encode(&a, flat), jpeg.Encode(&b, flat, nil)) != nil {
		t.Fatal("no pictures")
	}
	for _, c := range []struct {
		content []byte
		want    string
	}{
		{a.Bytes(), "image/png"}, {b.Bytes(), "image/jpeg"}, {[]byte("%PDF-1.4\n"), "application/pdf"},
		{a.Bytes()[:8], ""}, {b.Bytes()[:3], ""}, {nil, ""}, {[]byte("GIF89a"), ""}, {[]byte(" %PDF-1.4"), ""}, {[]byte("<svg/>"), ""},
	} {
		if media, ok := MediaOf(c.content); ok != (c.want != "") || ok && media != c.want {
			t.Errorf("%.10q: %s %t", c.content, media, ok)
		}
	}
}

// TestLists: a list is replaced whole, with provenance, and the edition rises; a proposal leaves what holds.
func TestLists(t *testing.T) {
	p := businessWith(nil)
	ada := Lists{Directors: []Director{{ID: 1, FirstName: "Ada"}}}
	a := p.withList(Directors, ada, ByPartner, today)
	if a.Edition != 2 || len(a.Details.Lists.Directors) != 1 || a.Details.Provenance[Directors].Source != ByPartner || len(p.Details.Lists.Directors) != 0 {
		t.Errorf("%+v, before %+v", a.Details, p.Details)
	}
	if confirmed := a.Confirm(today).Details; !confirmed.Settled(Directors) || confirmed.Provenance[Directors].ConfirmedAt.IsZero() {
		t.Error("a list that the page showed is confirmed and settled")
	}
	if a.Details.Settled(Directors) || !a.withList(Directors, ada, ByCustomer, today).Details.Settled(Directors) {
		t.Error("settled is what the customer gave or confirmed")
	}
	none := a.proposeList(Directors, Lists{Owners: []Owner{{ID: "x"}}}, today)
	b := none.proposeList(Directors, Lists{Directors: []Director{{ID: 2}, {ID: 3}}}, today.Add(time.Hour))
	if len(b.Details.ProposedLists) != 1 || len(b.proposed(Directors).Directors) != 2 || len(b.Details.Lists.Directors) != 1 || b.Edition != a.Edition {
		t.Errorf("%+v", b.Details)
	}
	if got := none.Details.ProposedLists[0].Lists; len(got.Owners) != 0 {
		t.Errorf("a proposal of directors has owners %v", got)
	}
	if got := a.proposed(Directors); len(got.Directors) != 1 {
		t.Errorf("nothing proposed: %v", got)
	}
}

// TestWindow: it is open until it is closed or the account changes hands (I2).
func TestWindow(t *testing.T) {
	p := withValues(nil)
	if p.WindowOpen(0) {
		t.Error("open from the start")
	}
	p.Details.Window = Window{OpenedAt: today, Epoch: 1}
	if !p.WindowOpen(1) || p.WindowOpen(2) {
		t.Error("a window is of its epoch")
	}
}

// TestRegions: every country that asks for a region has a list, with no code twice.
func TestRegions(t *testing.T) {
	for country, want := range map[string]int{"US": 51, "CA": 13, "AU": 8, "BR": 27, "GB": 0} {
		list := Regions(country)
		codes := map[string]bool{}
		for _, r := range list {
			codes[r.Code] = len(r.Code) <= 3 && r.Name != ""
		}
		if len(list) != want || len(codes) != want || slices.Contains(slices.Collect(maps.Values(codes)), false) || AsksRegion(country) != (want > 0) {
			t.Errorf("%s: %d of %d %v", country, len(list), want, list)
		}
	}
}
