package customer

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// docs/operating.md shows the table.
func TestNeedsAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	var documented, coded []string
	for line := range strings.SplitSeq(string(text), "\n") {
		if strings.HasPrefix(line, "| personal | `") || strings.HasPrefix(line, "| business | `") {
			documented = append(documented, line)
		}
	}
	for _, n := range needs {
		coded = append(coded, fmt.Sprintf("| %s | `%s` | %s | %s |", n.Kind, n.Field, n.Where, n.Unless))
	}
	if !slices.Equal(documented, coded) {
		t.Errorf("docs/operating.md has\n%s\nand the table is\n%s", strings.Join(documented, "\n"), strings.Join(coded, "\n"))
	}
}

// Each line is of a field of its kind, once.
func TestNeedsAreOfFields(t *testing.T) {
	seen := map[string]bool{}
	for _, n := range needs {
		line := string(n.Kind) + " " + string(n.Field)
		if seen[line] || !slices.Contains(FieldsOf(n.Kind), n.Field) {
			t.Errorf("%s is there twice, or no field of the kind", line)
		}
		seen[line] = true
	}
}

func TestNeeds(t *testing.T) {
	for _, c := range []struct {
		name   string
		kind   Kind
		values map[Field]string
		one    bool
		want   string
	}{
		{"a person of nowhere", KindPersonal, nil, false, "first_name last_name date_of_birth phone country first_line city"},
		{"one name", KindPersonal, map[Field]string{Country: "HK"}, true, "first_name date_of_birth phone country first_line city"},
		{"GB", KindPersonal, map[Field]string{Country: "GB"}, false, "first_name last_name date_of_birth phone country first_line city post_code"},
		{"US", KindPersonal, map[Field]string{Country: "US"}, false, "first_name last_name date_of_birth phone country first_line city region post_code"},
		{"New Mexico", KindPersonal, map[Field]string{Country: "US", Region: "NM"}, false, "first_name last_name date_of_birth occupation phone country first_line city region post_code"},
		{"a business", KindBusiness, map[Field]string{Country: "GB"}, false, "business_name registration_number company_type first_category country first_line city post_code"},
		{"of one person", KindBusiness, map[Field]string{Country: "GB", CompanyType: "SOLE_PROPRIETORSHIP"}, false, "business_name company_type first_category country first_line city post_code"},
		{"of another type", KindBusiness, map[Field]string{Country: "GB", CompanyType: "OTHER", Industries: "WOOD"}, false, "business_name registration_number company_type description web_page country first_line city post_code"},
	} {
		p := Profile{Kind: c.kind, Details: Details{Values: c.values, OneName: c.one}}
		var got []string
		for _, n := range needs {
			if n.Kind == c.kind && p.Needs(n.Field) {
				got = append(got, string(n.Field))
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s needs %q, want %q", c.name, strings.Join(got, " "), c.want)
		}
	}
	if (Profile{}).Needs(Nationality) || (Profile{Kind: KindBusiness}).Needs(DateOfBirth) || !(Profile{}).Needs(FirstName) {
		t.Error("a field of another kind, or one that is not in the table, is needed; or a profile without a kind is no person")
	}
}
