package web_test

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/png"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
)

// joinery is a whole business, of a representative who is somebody else than the customer.
var joinery = customer.Business{
	Values: map[customer.Field]string{customer.BusinessName: "Kade Joinery Ltd", customer.CompanyType: "LIMITED", customer.RegistrationNumber: "SC700123",
		customer.FirstCategory: "REAL_ESTATE_CONSTRUCTION", customer.SecondCategory: "CONSTRUCTION", customer.Country: "GB", customer.FirstLine: "1 Dock Street",
		customer.City: "Leith", customer.PostCode: "EH6 7AB"},
	Operational: []customer.Place{{Country: "GB", FirstLine: "2 Yard Lane", City: "Leith", PostCode: "EH6 7AC"}},
	Person: map[customer.Field]string{customer.FirstName: "Jonas", customer.LastName: "Kade", customer.DateOfBirth: "1961-05-04", customer.Country: "GB",
		customer.FirstLine: "9 Shore", customer.City: "Leith", customer.PostCode: "EH6 6QW", customer.Phone: "+441315550143", customer.Email: "jonas.kade@example.org"}}

// runs gives the account a business.
func (w *world) runs(o opened, in customer.Business) customer.ProfileID {
	w.t.Helper()
	p, _, err := w.customers.CreateBusiness(context.Background(), o.caller, in, customer.Idempotency{Render: func(any) []byte { return nil }})
	must(w.t, err)
	return p.ID
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// everything gives the account all that a partner can upload before the claim.
func (w *world) everything(o opened) (person, business customer.ProfileID) {
	w.t.Helper()
	ctx := context.Background()
	w.prefill(o)
	person, business = w.profile(o).ID, w.runs(o, joinery)
	_, err := w.customers.SaveDirectors(ctx, o.caller, business, []customer.Director{{FirstName: "Jonas", LastName: "Kade", DateOfBirth: "1961-05-04", Country: "GB"},
		{FirstName: "Ida", LastName: "Voss", Country: "DE"}}, true)
	must(w.t, err)
	_, err = w.customers.SaveOwners(ctx, o.caller, business, []customer.Owner{{Name: "Jonas Kade", DateOfBirth: "1961-05-04", Country: "GB", FirstLine: "9 Shore",
		PostCode: "EH6 6QW", Percent: 60, PercentGiven: true}}, true)
	must(w.t, err)
	w.evidences(o.caller, person, map[customer.Field]string{customer.AccountPurpose: "PAYING_BILLS", customer.UseCaseCountries: "GB DE", customer.AnnualVolume: "2351_6000"})
	w.evidences(o.caller, business, map[customer.Field]string{customer.BusinessUseCase: "DONATION OTHER", customer.MonthlyVolume: "12000001_+"})
	must(w.t, w.customers.SaveDocument(ctx, o.caller, person, customer.Document{Type: "PASSPORT", Number: "N1234567", FirstName: "Mira", LastName: "Kade",
		IssuedOn: "2020-02-03", ExpiresOn: "2030-02-02", IssuerCountry: "GB", Nationality: "GB", BirthCity: "Leith", BirthCountry: "GB", Sex: "FEMALE"}, false))
	kana := []string{"ミラ", "ケイド"}
	_, err = w.customers.UpdatePersonal(ctx, o.caller, person, customer.Personal{FirstNameInKana: &kana[0], LastNameInKana: &kana[1]})
	must(w.t, err)
	w.upload(o.caller, person, "ID_PROOF", "passport.png", picture())
	w.upload(o.caller, business, "BUSINESS_AUTH_REP_PROOF_BY_AUTH_LETTER", "letter.pdf", []byte("%PDF-1.7 a letter"))
	return person, business
}

func (w *world) evidences(c customer.Caller, id customer.ProfileID, values map[customer.Field]string) {
	w.t.Helper()
	_, err := w.customers.GiveEvidences(context.Background(), c, id, customer.Evidences{Values: values})
	must(w.t, err)
}

// upload stores a file as the API does: its type is what the content shows.
func (w *world) upload(c customer.Caller, id customer.ProfileID, purpose customer.Purpose, name string, content []byte) {
	w.t.Helper()
	media, _ := customer.MediaOf(content)
	must(w.t, w.customers.Upload(context.Background(), c, id, purpose, []customer.File{{Name: name, Media: media, Content: content}}))
}

// picture is a small true PNG.
func picture() []byte {
	var b bytes.Buffer
	_ = png.Encode(&b, image.NewGray(image.Rect(0, 0, 4, 4)))
	return b.Bytes()
}

// stands is a profile of the account as it is stored.
func (w *world) stands(o opened, id customer.ProfileID) (p customer.Profile) {
	w.t.Helper()
	must(w.t, w.claims.Store.View(w.t.Context(), func(tx claim.Tx) (err error) {
		p, err = tx.Profile(id)
		return err
	}))
	return p
}

// acts is who represents a business.
func (w *world) acts(p customer.Profile) (r customer.Representative) {
	w.t.Helper()
	must(w.t, w.claims.Store.View(w.t.Context(), func(tx claim.Tx) (err error) {
		r, err = tx.Representative(p.Representative)
		return err
	}))
	return r
}

// prefilled is a browser at C8 of an account with everything.
func (w *world) prefilled() (o opened, b *browser, person, business customer.ProfileID) {
	w.t.Helper()
	o = w.open(w.partner, email)
	person, business = w.everything(o)
	return o, w.browser().claim(o, "t-1").walk("c8", email), person, business
}

// key is a row's key of a profile.
func key(kind string, id customer.ProfileID) string {
	return kind + "-" + strconv.FormatInt(int64(id), 10)
}

// C8 shows everything that was uploaded, under headings of its own, in plain words, with its source; confirming it is one
// press, and stores for each value who said it, who confirmed it and when.
func TestPrefillShows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, b, person, business := w.prefilled()
	p := w.stands(o, business)
	lists := p.Details.Lists
	for row, want := range map[string]string{
		key("business-name", business): "Kade Joinery Ltd", key("business-number", business): "SC700123", key("business-type", business): "Limited company",
		key("business-category", business):                                  "Real estate construction Construction",
		key("business-address", business):                                   "1 Dock Street Leith EH6 7AB United Kingdom",
		key("business-page", business):                                      "Not given",
		"acting-name-" + id(int64(p.Representative)):                        "Jonas Kade",
		"acting-birth-" + id(int64(p.Representative)):                       "4 May 1961",
		"acting-email-" + id(int64(p.Representative)):                       "jonas.kade@example.org",
		"acting-address-" + id(int64(p.Representative)):                     "9 Shore Leith EH6 6QW United Kingdom",
		"director-" + id(lists.Directors[0].ID):                             "Jonas Kade Born 4 May 1961 Lives in United Kingdom",
		"director-" + id(lists.Directors[1].ID):                             "Ida Voss Lives in Germany",
		"owner-" + lists.Owners[0].ID:                                       "Jonas Kade Born 4 May 1961 Lives at 9 Shore, EH6 6QW, United Kingdom Holds 60 % of the business",
		"place-" + id(lists.OperationalAddresses[0].ID):                     "2 Yard Lane Leith EH6 7AC United Kingdom",
		key("evidence-business-use-case", business):                         "Donations Other",
		key("evidence-monthly-volume", business):                            "€12,000,001 or more",
		key("evidence-source-of-funding", business):                         "Not given",
		key("evidence-account-purpose", person):                             "Paying bills",
		key("evidence-use-case-countries", person):                          "United Kingdom, Germany",
		key("evidence-annual-volume", person):                               "€2,351 to €6,000",
		"document-" + id(w.stands(o, person).Details.Lists.Documents[0].ID): "Passport N1234567 Mira Kade Issued 3 February 2020 Runs out 2 February 2030 Issued in United Kingdom Nationality: United Kingdom Born in Leith, United Kingdom Sex: Female",
		"kana": "ミラ ケイド",
		"file-" + id(int64(w.files(o, person)[0].ID)):   "passport.png Shows who you are Uploaded 22 November 2026",
		"file-" + id(int64(w.files(o, business)[0].ID)): "letter.pdf Letter that lets a person act for the business Uploaded 22 November 2026",
	} {
		if got := text(b, row); !strings.Contains(got, want) {
			t.Errorf("row %s is %q, want %q", row, got, want)
		}
		if want != "Not given" && !b.rowSays(row, "c8.source.partner") {
			t.Errorf("row %s does not say who gave it", row)
		}
	}
	b.post().expect(http.StatusOK, "c10")
	for _, id := range []customer.ProfileID{person, business} {
		p := w.stands(o, id)
		if !p.Confirmed() || p.ConfirmedAt != w.clock.Now() {
			t.Errorf("profile %d is not confirmed", id)
		}
		for f, said := range p.Details.Provenance {
			if f != customer.Email && (said.ConfirmedAt != w.clock.Now() || said.Source != customer.ByPartner) {
				t.Errorf("%s: %+v", f, said)
			}
		}
	}
	for f, said := range w.acts(w.stands(o, business)).Details.Provenance {
		if said.ConfirmedAt.IsZero() {
			t.Errorf("who acts for the business: %s is not confirmed", f)
		}
	}
}

func id(n int64) string { return strconv.FormatInt(n, 10) }

// text is a row's text with what is folded away, or what is wrong.
func text(b *browser, row string) string {
	n := b.elementWithID("row-" + row)
	if n == nil {
		return "no row " + row
	}
	return textOf(n)
}

func (w *world) files(o opened, id customer.ProfileID) (list []customer.File) {
	w.t.Helper()
	must(w.t, w.claims.Store.View(w.t.Context(), func(tx claim.Tx) (err error) {
		list, err = tx.Files(o.account.ID, id)
		return err
	}))
	return list
}

// sections are the headings of the page.
func (b *browser) sections() (titles []string) {
	find(b.doc, func(n *html.Node) bool {
		if n.Data == "h2" && strings.HasPrefix(attribute(n, "id"), "title-") {
			titles = append(titles, textOf(n))
		}
		return false
	})
	return titles
}

// A customer without a business reads of none, nor of documents, files and evidences that nobody gave.
func TestNoBusinessNoSection(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, b := w.owned(email, "c8")
	if got := b.sections(); !slices.Equal(got, []string{"About you", "Contact", "Address"}) {
		t.Errorf("the headings are %q", got)
	}
	me := w.profile(o).ID
	for _, section := range []string{key("business-name", me), key("director-new", me), key("acting-name", me), "director-1", "owner-0123456789abcdef0123456789abcdef",
		key("evidence-account-purpose", me), key("place-new", me), "file-1", "document-1"} {
		b.get(b.base()+"/review/"+section).expect(http.StatusNotFound, "e13")
	}
}

// A business alone, whose representative has no date of birth: the review asks for what is missing, at each row, and the
// confirmation waits for it.
func TestBusinessGaps(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.open(w.partner, email)
	in := joinery
	in.Values = map[customer.Field]string{customer.BusinessName: "Kade Joinery Ltd", customer.Country: "GB", customer.CompanyType: "OTHER"}
	in.Person = map[customer.Field]string{customer.FirstName: "Jonas", customer.LastName: "Kade"}
	in.Operational = nil
	business := w.runs(o, in)
	b := w.browser().claim(o, "t-1").walk("c8", email)
	acting := id(int64(w.stands(o, business).Representative))
	before := w.stored(o.account.ID)
	b.post().expect(http.StatusUnprocessableEntity, "c8")
	want := []string{"c8.missing.business-number", "c8.missing.business-category", "c8.missing.business-description", "c8.missing.business-page",
		"c8.missing.business-address", "c8.missing.acting-birth", "c8.missing.acting-email", "c8.missing.acting-phone", "c8.missing.acting-address"}
	if got := b.summary(); !slices.Equal(got, want) {
		t.Errorf("the summary is %v", got)
	}
	if w.stored(o.account.ID) != before || !strings.Contains(b.row("email"), email) {
		t.Error("a refused confirmation changed something, or the proven address is not shown")
	}
	review := b.base() + "/review/"
	for _, page := range [][]string{
		{key("business-number", business), "registration_number", "SC700123"},
		{key("business-category", business), "first_category", "REAL_ESTATE_CONSTRUCTION/CONSTRUCTION"},
		{key("business-description", business), "description", "Bespoke\r\noak stairs"},
		{key("business-page", business), "web_page", "https://kade.example"},
		{key("business-address", business), "first_line", "1 Dock Street", "city", "Leith", "post_code", "eh6 7ab", "country", "GB"},
		{"acting-birth-" + acting, "date_of_birth_day", "4", "date_of_birth_month", "May", "date_of_birth_year", "1961"},
		{"acting-email-" + acting, "email", "jonas.kade@example.org"},
		{"acting-phone-" + acting, "phone", "+44 131 555 0143"},
		{"acting-address-" + acting, "first_line", "9 Shore", "city", "Leith", "post_code", "EH6 6QW", "country", "GB"},
	} {
		b.get(review+page[0]).expect(http.StatusOK, "c9.form")
		b.post(page[1:]...).expect(http.StatusOK, "c8")
		if !b.rowSays(page[0], "c8.source.customer") {
			t.Errorf("row %s: %q", page[0], text(b, page[0]))
		}
	}
	b.post().expect(http.StatusOK, "c10")
	p := w.stands(o, business)
	if p.Value(customer.Description) != "Bespoke oak stairs" || p.Value(customer.SecondCategory) != "CONSTRUCTION" || p.Value(customer.PostCode) != "EH6 7AB" {
		t.Errorf("stored %v", p.Details.Values)
	}
}

// Every form of these pages, field by field: what is wrong, in which words, with nothing stored.
func TestPrefillFields(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, b, person, business := w.prefilled()
	p := w.stands(o, business)
	acting := id(int64(p.Representative))
	before := w.stored(o.account.ID)
	long := strings.Repeat("ä", 201)
	for _, c := range []struct {
		section      string
		typed, wrong []string
	}{
		{key("business-name", business), []string{"business_name", ""}, []string{"business_name", "c9.business-name.empty"}},
		{key("business-name", business), []string{"business_name", "\u202e!?"}, []string{"business_name", "c9.business-name.malformed"}},
		{key("business-name", business), []string{"business_name", long}, []string{"business_name", "c9.business-name.long"}},
		{key("business-number", business), []string{"registration_number", " "}, []string{"registration_number", "c9.registration-number.empty"}},
		{key("business-type", business), []string{"company_type", "KINGDOM"}, []string{"company_type", "c9.company-type.malformed"}},
		{key("business-category", business), []string{"first_category", "OTHER/CONSTRUCTION"}, []string{"first_category", "c9.first-category.choose"}},
		{key("business-page", business), []string{"web_page", "javascript:alert(1)"}, []string{"web_page", "c9.web-page.malformed"}},
		{key("business-address", business), []string{"first_line", "", "city", "", "country", "", "post_code", "1"}, []string{"first_line", "c9.first-line.empty",
			"city", "c9.city.empty", "country", "c9.country.empty"}},
		{key("business-address", business), []string{"post_code", "12345", "country", "GB"}, []string{"first_line", "c9.first-line.empty", "city", "c9.city.empty",
			"post_code", "c9.address.postal.wrong"}},
		{key("business-address", business), []string{"first_line", "1 Main St", "city", "Austin", "post_code", "78701", "country", "US"}, []string{"region", "c9.region.empty"}},
		{"acting-name-" + acting, []string{"first_name", "", "last_name", ""}, []string{"first_name", "c9.first-name.empty", "last_name", "c9.last-name.empty"}},
		{"acting-birth-" + acting, []string{"date_of_birth_day", "31", "date_of_birth_month", "2", "date_of_birth_year", "1961"}, []string{"date_of_birth_day", "c9.birth.unreal"}},
		{"acting-birth-" + acting, []string{"date_of_birth_day", "1", "date_of_birth_month", "2", "date_of_birth_year", "2061"}, []string{"date_of_birth_day", "c9.birth.later"}},
		{"acting-birth-" + acting, []string{"date_of_birth_day", "1", "date_of_birth_month", "", "date_of_birth_year", "1961"}, []string{"date_of_birth_day", "c9.date-of-birth.part"}},
		{"acting-email-" + acting, []string{"email", "not an address"}, []string{"email", "c9.email.malformed"}},
		{"acting-phone-" + acting, []string{"phone", "555"}, []string{"phone", "c9.phone.malformed"}},
		{"director-" + id(p.Details.Lists.Directors[0].ID), []string{"first_name", "Mi\u0007ra", "last_name", ""}, []string{"first_name", "c9.first-name.malformed",
			"last_name", "c9.last-name.empty"}},
		{key("director-new", business), []string{}, []string{"first_name", "c9.first-name.empty", "last_name", "c9.last-name.empty"}},
		{"owner-" + p.Details.Lists.Owners[0].ID, []string{"owner_name", "", "owner_percent", "101"}, []string{"owner_name", "c9.owner-name.empty",
			"date_of_birth_day", "c9.date-of-birth.empty", "country", "c9.country.empty", "first_line", "c9.first-line.empty", "post_code", "c9.post-code.empty",
			"owner_percent", "c9.owner-percent.malformed"}},
		{"place-" + id(p.Details.Lists.OperationalAddresses[0].ID), []string{"country", "GB", "first_line", "2 Yard Lane", "city", "Leith"}, []string{"post_code", "c9.post-code.empty"}},
		{"document-" + id(w.stands(o, person).Details.Lists.Documents[0].ID), []string{"document_number", strings.Repeat("1", 31), "expires_on_day", "x", "expires_on_month", "1",
			"expires_on_year", "2030", "issuer_country", "Narnia"}, []string{"document_number", "c9.value.long", "expires_on_day", "c9.birth.unreal", "issuer_country", "c9.value.malformed"}},
		{key("evidence-use-case-countries", person), []string{"use_case_countries", "Germany\nNarnia"}, []string{"use_case_countries", "c9.country.name"}},
		{key("evidence-annual-volume", person), []string{"annual_volume", "1_2"}, []string{"annual_volume", "c9.value.malformed"}},
	} {
		b.get(b.base()+"/review/"+c.section).expect(http.StatusOK, "c9.form")
		b.post(c.typed...).wrong(http.StatusUnprocessableEntity, "c9.form", c.wrong...)
	}
	if w.stored(o.account.ID) != before {
		t.Error("a refused value was stored")
	}
}

// What is right is stored as the customer's own and shown at its row; what was there before is kept in the history, what was
// not touched keeps its author.
func TestPrefillSaves(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	heard := w.listen()
	o, b, person, business := w.prefilled()
	p := w.stands(o, business)
	ida, jonas := "director-"+id(p.Details.Lists.Directors[1].ID), "owner-"+p.Details.Lists.Owners[0].ID
	document := "document-" + id(w.stands(o, person).Details.Lists.Documents[0].ID)
	save := func(section string, typed ...string) {
		t.Helper()
		w.clock.advance(time.Second)
		b.get(b.base()+"/review/"+section).expect(http.StatusOK, "c9.form")
		b.post(typed...).expect(http.StatusOK, "c8")
	}
	save(ida, "first_name", "Ida <b>", "last_name", "Vóss", "country", "DE")
	save(key("director-new", business), "first_name", "Ana", "last_name", "Roy", "date_of_birth_day", "1", "date_of_birth_month", "2", "date_of_birth_year", "1970", "country", "")
	save(jonas, "owner_name", "Jonas Kade", "date_of_birth_day", "4", "date_of_birth_month", "5", "date_of_birth_year", "1961", "country", "GB", "first_line", "9 Shore",
		"post_code", "EH6 6QW", "owner_percent", "")
	save(key("evidence-business-use-case", business), "business_use_case-DONATION", "yes", "business_use_case-SMUGGLED", "yes")
	save(key("evidence-use-case-countries", person), "use_case_countries", "france, Gb\n\n FRANCE")
	save(key("evidence-account-purpose", person), "account_purpose", "")
	save("place-"+id(p.Details.Lists.OperationalAddresses[0].ID), "remove", "yes")
	save(document, "document_number", "N7654321", "first_name", "Mira", "last_name", "Kade", "expires_on_day", "2", "expires_on_month", "Feb", "expires_on_year", "2031")
	p = w.stands(o, business)
	lists := p.Details.Lists
	if len(lists.Directors) != 3 || lists.Directors[0].Source != customer.ByPartner || lists.Directors[1].FirstName != "Ida <b>" ||
		lists.Directors[1].Source != customer.ByCustomer || lists.Directors[2].DateOfBirth != "1970-02-01" || lists.Directors[2].ID == 0 {
		t.Errorf("directors %+v", lists.Directors)
	}
	if lists.Owners[0].PercentGiven || "owner-"+lists.Owners[0].ID != jonas || len(lists.OperationalAddresses) != 0 {
		t.Errorf("owners %+v, places %+v", lists.Owners, lists.OperationalAddresses)
	}
	me := w.stands(o, person)
	if p.Value(customer.BusinessUseCase) != "DONATION" || me.Value(customer.UseCaseCountries) != "FR GB" || me.Value(customer.AccountPurpose) != "" {
		t.Errorf("evidences %v and %v", p.Details.Values, me.Details.Values)
	}
	if d := me.Details.Lists.Documents[0]; d.Number != "N7654321" || d.Type != "PASSPORT" || d.IssuedOn != "" || d.ExpiresOn != "2031-02-02" || d.Source != customer.ByCustomer {
		t.Errorf("document %+v", d)
	}
	if h := p.Details.History; len(h) == 0 || h[0].Field != customer.Directors || !strings.Contains(h[0].Old, "Voss") || h[0].Source != customer.ByPartner {
		t.Errorf("history %+v", h)
	}
	if strings.Contains(b.body, "Ida <b>") || b.elementWithID("section-"+key("places", business)) != nil {
		t.Error("a name is not escaped, or an empty list of further addresses is shown")
	}
	b.post().expect(http.StatusOK, "c10")
	b.get(b.base()+"/review/"+ida).expect(http.StatusOK, "done") // the back button
	events := heard()
	if len(events) != 0 && strings.Contains(fmt.Sprint(events), "Voss") {
		t.Error("an event tells a value")
	}
}

// What one partner gave is not called another's: who comes by way of a partner that did not open the account reads where it is
// from in words that lend that partner nothing.
func TestPrefillElsewhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, b, _, business := w.prefilled()
	b.get(b.base()+"/review/phone").post("phone", "+4930901820").expect(http.StatusOK, "c8")
	b.get(authorize(w.second(), "", "s")).walk("c8", email)
	name := key("business-name", business)
	if !b.rowSays(name, "c8.source.other") || !b.rowSays("phone", "c8.source.customer") || !b.rowSays("email", "c8.source.proven") {
		t.Errorf("row %s is %q, row phone %q", name, text(b, name), b.row("phone"))
	}
	if strings.Contains(b.says(), "From Harbour Pay") || strings.Contains(b.says(), "Harbour Pay gave us") {
		t.Errorf("the page says that the wrong partner gave the details: %s", b.says())
	}
}
