package web_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
)

// profile is the account's one profile as it is stored.
func (w *world) profile(o opened) customer.Profile {
	w.t.Helper()
	var p customer.Profile
	err := w.claims.Store.View(w.t.Context(), func(tx claim.Tx) error {
		all, err := tx.Profiles(o.account.ID)
		if err == nil && len(all) > 0 {
			p = all[0]
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// row is the text of a row of C8.
func (b *browser) row(key string) string {
	b.w.t.Helper()
	n := b.elementWithID("row-" + key)
	if n == nil {
		b.w.t.Fatalf("page %s has no row %s\n%s", b.id, key, b.says())
	}
	return textOf(n)
}

// textOf is the text below a node, with single spaces.
func textOf(n *html.Node) string {
	var text strings.Builder
	find(n, func(n *html.Node) bool {
		if n.Type == html.TextNode {
			text.WriteString(n.Data + " ")
		}
		return false
	})
	return strings.Join(strings.Fields(text.String()), " ")
}

// rowSays reports whether a message stands in a row.
func (b *browser) rowSays(key, message string) bool {
	return find(b.elementWithID("row-"+key), func(n *html.Node) bool { return attribute(n, "data-msg") == message }) != nil
}

// C8 shows what the partner said, who said it, and what is missing; the button is never disabled.
func TestReviewShows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, b := w.owned(email, "c8")
	for key, want := range map[string]string{"name": "Mira Kade", "birth": "30 November 1988", "phone": "+441315550142", "country": "United Kingdom",
		"address": "7 Harbour Row Leith EH6 6AB", "email": email} {
		if got := b.row(key); !strings.Contains(got, want) {
			t.Errorf("row %s is %q", key, got)
		}
	}
	if !b.rowSays("name", "c8.source.partner") || !b.rowSays("email", "c8.source.proven") || strings.Contains(b.row("email"), "Change") {
		t.Error("the rows do not say who gave what")
	}
	if !strings.Contains(b.row("preferred"), "Not given") {
		t.Errorf("row preferred is %q", b.row("preferred"))
	}
	b.post().expect(http.StatusOK, "c10")
}

// Nothing given at all: every needed row asks for its value, a notice counts them, and confirming answers 422 with a line for
// each (journey C8).
func TestReviewGaps(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.open(w.partner, email)
	b := w.browser().claim(o, "s").walk("c8", email)
	if !b.has("c8.missing") {
		t.Error("nothing counts what is missing")
	}
	before := w.stored(o.account.ID)
	b.post().expect(http.StatusUnprocessableEntity, "c8")
	want := []string{"c8.missing.name", "c8.missing.birth", "c8.missing.phone", "c8.missing.country", "c8.missing.address"}
	if !slices.Equal(b.summary(), want) {
		t.Errorf("the summary is %v", b.summary())
	}
	for _, message := range want {
		if got := b.link(message); !strings.HasPrefix(got, "#f-") {
			t.Errorf("the line %s leads to %s", message, got)
		}
	}
	if w.stored(o.account.ID) != before {
		t.Error("the account changed")
	}
	b.get(b.base()+"/review/name").expect(http.StatusOK, "c9.name").post("given_name", "Mira", "family_name", "Kade").expect(http.StatusOK, "c8")
	b.get(b.base()+"/review/birth").post("birth_day", "30", "birth_month", "Nov", "birth_year", "1988").expect(http.StatusOK, "c8")
	b.get(b.base()+"/review/phone").post("phone", "+44 131 555 0142").expect(http.StatusOK, "c8")
	b.get(b.base()+"/review/address").expect(http.StatusOK, "c9.country") // the country decides what an address needs
	b.post("country", "GB").expect(http.StatusOK, "c9.address").post("line1", "7 Harbour Row", "city", "Leith", "postal_code", "eh66ab").expect(http.StatusOK, "c8")
	if !b.rowSays("address", "c8.source.customer") {
		t.Error("the row does not say who gave the address")
	}
	b.post().expect(http.StatusOK, "c10")
}

// Every page of C9, field by field: what is wrong, in which words, with everything typed kept and nothing stored.
func TestSectionFields(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, b := w.owned(email, "c8")
	before := w.stored(o.account.ID)
	long := strings.Repeat("ä", 101)
	for _, c := range []struct {
		section string
		typed   []string
		wrong   []string
	}{
		{"name", []string{"given_name", "", "family_name", ""}, []string{"given_name", "c9.given.empty", "family_name", "c9.family.empty"}},
		{"name", []string{"given_name", " \t ", "family_name", "Kade"}, []string{"given_name", "c9.given.empty"}},
		{"name", []string{"given_name", long, "family_name", long}, []string{"given_name", "c9.given.long", "family_name", "c9.family.long"}},
		{"name", []string{"given_name", "Mi\u0007ra", "family_name", "Ka\u202ede"}, []string{"given_name", "c9.given.characters", "family_name", "c9.family.characters"}},
		{"name", []string{"given_name", "Mira", "family_name", "Kade", "one_name", "yes"}, []string{"family_name", "c9.family.both"}},
		{"preferred", []string{"preferred_name", long}, []string{"preferred_name", "c9.preferred.long"}},
		{"preferred", []string{"preferred_name", "a\x00b"}, []string{"preferred_name", "c9.preferred.characters"}},
		{"birth", []string{"birth_day", "", "birth_month", "", "birth_year", ""}, []string{"birth_day", "c9.birth.empty"}},
		{"birth", []string{"birth_day", "", "birth_month", "11", "birth_year", ""}, []string{"birth_day", "c9.birth.part.day", "birth_year", "c9.birth.part.year"}},
		{"birth", []string{"birth_day", "30", "birth_month", "", "birth_year", "1988"}, []string{"birth_month", "c9.birth.part.month"}},
		{"birth", []string{"birth_day", "30", "birth_month", "11", "birth_year", "88"}, []string{"birth_year", "c9.birth.year.digits"}},
		{"birth", []string{"birth_day", "30", "birth_month", "11", "birth_year", "１９８８"}, []string{"birth_year", "c9.birth.year.digits"}},
		{"birth", []string{"birth_day", "31", "birth_month", "11", "birth_year", "1988"}, []string{"birth_day", "c9.birth.unreal"}},
		{"birth", []string{"birth_day", "29", "birth_month", "2", "birth_year", "2025"}, []string{"birth_day", "c9.birth.unreal"}},
		{"birth", []string{"birth_day", "x", "birth_month", "2", "birth_year", "2025"}, []string{"birth_day", "c9.birth.unreal"}},
		{"birth", []string{"birth_day", "1", "birth_month", "13", "birth_year", "2025"}, []string{"birth_day", "c9.birth.unreal"}},
		{"birth", []string{"birth_day", "1", "birth_month", "xx", "birth_year", "2025"}, []string{"birth_day", "c9.birth.unreal"}},
		{"birth", []string{"birth_day", "-1", "birth_month", "1", "birth_year", "2025"}, []string{"birth_day", "c9.birth.unreal"}},
		{"birth", []string{"birth_day", "1", "birth_month", "1", "birth_year", "1066"}, []string{"birth_day", "c9.birth.unreal"}},
		{"birth", []string{"birth_day", "23", "birth_month", "November", "birth_year", "2026"}, []string{"birth_day", "c9.birth.later"}},
		{"phone", []string{"phone", ""}, []string{"phone", "c9.phone.empty"}},
		{"phone", []string{"phone", "0131 555 0142"}, []string{"phone", "c9.phone.empty"}},
		{"phone", []string{"phone", "+44 131"}, []string{"phone", "c9.phone.empty"}},
		{"phone", []string{"phone", "+1<script>"}, []string{"phone", "c9.phone.empty"}},
		{"nationality", []string{"nationality", "Narnia"}, []string{"nationality", "c9.nationality.unknown"}},
		{"country", []string{"country", ""}, []string{"country", "c9.country.empty"}},
		{"country", []string{"country", "XX"}, []string{"country", "c9.country.empty"}},
		{"address", []string{"line1", "", "city", "", "postal_code", ""}, []string{"line1", "c9.address.line1.empty", "city", "c9.address.city.empty", "postal_code", "c9.address.postal.empty"}},
		{"address", []string{"line1", long + long, "line2", long + long, "city", long + long, "postal_code", "EH6 6AB"}, []string{"line1", "c9.address.line1.long", "line2", "c9.address.line2.long", "city", "c9.address.city.long"}},
		{"address", []string{"line1", "7 Harbour\u0007 Row", "city", "Leith", "postal_code", "EH6 6AB"}, []string{"line1", "c9.address.characters"}},
		{"address", []string{"line1", "7 Harbour Row", "city", "Leith", "postal_code", "12345"}, []string{"postal_code", "c9.address.postal.wrong"}},
	} {
		b.get(b.base()+"/review/"+c.section).expect(http.StatusOK, "c9."+c.section)
		b.post(c.typed...).wrong(http.StatusUnprocessableEntity, "c9."+c.section, c.wrong...)
		for i := 0; i+1 < len(c.typed); i += 2 {
			if f := b.field(c.typed[i]); f.Data == "select" {
				continue
			}
			if got := b.value(c.typed[i]); got != strings.ReplaceAll(c.typed[i+1], "\x00", "\ufffd") {
				t.Errorf("%s: typed %q, kept %q", c.typed[i], c.typed[i+1], got)
			}
		}
	}
	if w.stored(o.account.ID) != before {
		t.Error("a refused value was stored")
	}
}

// What is right is stored in one form, as the customer's own, and C8 shows it at its row. Everything is filled in before.
func TestSectionsSave(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, b := w.owned(email, "c8")
	for _, c := range []struct {
		section string
		typed   []string
		want    map[customer.Field]string
	}{
		{"name", []string{"given_name", "  Ana   María ", "family_name", "Peñ\u0303a"}, map[customer.Field]string{customer.FirstName: "Ana María"}},
		{"name", []string{"given_name", strings.Repeat("ä", 100), "family_name", "O'Hara <b>"}, map[customer.Field]string{customer.LastName: "O'Hara <b>"}},
		{"preferred", []string{"preferred_name", "Mimi"}, map[customer.Field]string{customer.PreferredName: "Mimi"}},
		{"preferred", []string{"preferred_name", ""}, map[customer.Field]string{customer.PreferredName: ""}},
		{"birth", []string{"birth_day", "1", "birth_month", "feb", "birth_year", "1990"}, map[customer.Field]string{customer.DateOfBirth: "1990-02-01"}},
		{"birth", []string{"birth_day", "29", "birth_month", "February", "birth_year", "2024"}, map[customer.Field]string{customer.DateOfBirth: "2024-02-29"}},
		{"birth", []string{"birth_day", "22", "birth_month", "11", "birth_year", "2026"}, map[customer.Field]string{customer.DateOfBirth: "2026-11-22"}},
		{"birth", []string{"birth_day", "01", "birth_month", "Sept.", "birth_year", "1990"}, map[customer.Field]string{customer.DateOfBirth: "1990-09-01"}},
		{"phone", []string{"phone", "00 49 (30) 9018-20"}, map[customer.Field]string{customer.Phone: "+4930901820"}},
		{"nationality", []string{"nationality", "PL"}, map[customer.Field]string{customer.Nationality: "PL"}},
		{"address", []string{"line1", "1 Quay", "line2", "", "city", "Leith", "postal_code", "eh6   7ab"}, map[customer.Field]string{customer.FirstLine: "1 Quay", customer.PostCode: "EH6 7AB"}},
	} {
		b.get(b.base()+"/review/"+c.section).expect(http.StatusOK, "c9."+c.section)
		b.post(c.typed...).expect(http.StatusOK, "c8")
		p := w.profile(o)
		for f, want := range c.want {
			if p.Value(f) != want || p.Details.Provenance[f].Source != customer.ByCustomer && want != "" {
				t.Errorf("%s %v: stored %s is %q by %s", c.section, c.typed, f, p.Value(f), p.Details.Provenance[f].Source)
			}
		}
		b.get(b.base() + "/review/" + c.section)
		if c.section == "birth" && b.value("birth_year") != c.want[customer.DateOfBirth][:4] {
			t.Errorf("the page is filled with the year %q", b.value("birth_year"))
		}
		b.get(b.base() + "/review")
	}
	if strings.Contains(b.body, "<b>") || !b.rowSays("name", "c8.source.customer") {
		t.Error("a value is not escaped, or the row does not say who gave it")
	}
	b.post().expect(http.StatusOK, "c10")
}

// One name only: the family name may be empty when the box is ticked, and the tick can be taken back.
func TestOneName(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, b := w.owned(email, "c8")
	b.get(b.base()+"/review/name").post("given_name", "Suharto", "family_name", "", "one_name", "yes").expect(http.StatusOK, "c8")
	if p := w.profile(o); !p.Details.OneName || p.Name() != "Suharto" {
		t.Errorf("stored %q, one name %v", p.Name(), p.Details.OneName)
	}
	if b.get(b.base() + "/review/name"); b.value("one_name") == "" {
		t.Error("the box is not ticked")
	}
	b.post("given_name", "Suharto", "family_name", "").wrong(http.StatusUnprocessableEntity, "c9.name", "family_name", "c9.family.empty")
	if b.value("one_name") != "" {
		t.Error("the tick that was taken away is back")
	}
	b.get(b.base()+"/review").post().expect(http.StatusOK, "c10")
}

// Country, then address: another country empties what was written in the old one's form, and asks for the address at once;
// region and postcode are asked where the country has them.
func TestCountryThenAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, b := w.owned(email, "c8")
	b.get(b.base()+"/review/country").post("country", "GB").expect(http.StatusOK, "c8")
	b.get(b.base()+"/review/country").post("country", "US").expect(http.StatusOK, "c9.address")
	if p := w.profile(o); p.Value(customer.PostCode) != "" || p.Value(customer.FirstLine) != "7 Harbour Row" {
		t.Errorf("stored postcode %q, line %q", p.Value(customer.PostCode), p.Value(customer.FirstLine))
	}
	b.post("line1", "1 Main St", "city", "Austin", "region", "", "postal_code", "EH6 6AB").wrong(http.StatusUnprocessableEntity, "c9.address",
		"region", "c9.address.region.empty", "postal_code", "c9.address.postal.wrong")
	b.post("line1", "1 Main St", "city", "Austin", "region", "TX", "postal_code", "78701-1234").expect(http.StatusOK, "c8")
	b.get(b.base()+"/review/country").post("country", "AE").expect(http.StatusOK, "c9.address")
	if b.field("postal_code") != nil || b.field("region") != nil {
		t.Error("a country without postcodes asks for one")
	}
	b.post("line1", "1 Creek", "city", "Dubai", "postal_code", "smuggled", "region", "smuggled").expect(http.StatusOK, "c8")
	if p := w.profile(o); p.Value(customer.PostCode) != "" || p.Value(customer.Region) != "" {
		t.Errorf("stored postcode %q, region %q", p.Value(customer.PostCode), p.Value(customer.Region))
	}
	b.post().expect(http.StatusOK, "c10")
}

// 409: what another tab changed since the page was shown is marked, row by row, and nothing unseen is confirmed (journey C8).
func TestReviewStale(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, b := w.owned(email, "c8")
	_, form := b.form()
	tab := b.tab().get(b.base()+"/review/phone").post("phone", "+4930901820").expect(http.StatusOK, "c8")
	w.clock.advance(time.Second)
	tab.get(b.base()+"/review/name").post("given_name", "Ana", "family_name", "Kade").expect(http.StatusOK, "c8")
	b.send(b.base()+"/review", form).expect(http.StatusConflict, "c8")
	if !b.has("c8.stale") {
		t.Error("the page does not say what happened")
	}
	for _, key := range []string{"name", "preferred", "birth", "nationality", "email", "phone", "country", "address"} {
		if got, want := b.rowSays(key, "c8.changed"), key == "phone" || key == "name"; got != want {
			t.Errorf("row %s is marked: %v", key, got)
		}
	}
	if w.profile(o).Confirmed() {
		t.Error("what was not seen is confirmed")
	}
	b.post().expect(http.StatusOK, "c10")
	if !w.profile(o).Confirmed() {
		t.Error("what was seen is not confirmed")
	}
	for _, version := range []string{"", "x", "-1", "9999999999999999999999", "0"} {
		_, b := w.owned("v"+url.QueryEscape(version)+"@example.org", "c8")
		b.post("version", version)
		if b.status != http.StatusConflict || b.id != "c8" {
			t.Errorf("version %q: page %q with %d", version, b.id, b.status)
		}
	}
}

// Pages that do not exist are E13; the address that was proved has no page of its own.
func TestUnknownSections(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, b := w.owned(email, "c8")
	before := w.stored(o.account.ID)
	_, form := b.form("email", "someone@example.org")
	for _, section := range []string{"email", "x", "Name", "name%2f..", "%00"} {
		b.get(b.base()+"/review/"+section).expect(http.StatusNotFound, "e13")
		b.send("/j/"+strings.TrimPrefix(b.base(), "/j/")+"/review/"+section, form).expect(http.StatusNotFound, "e13")
	}
	if w.stored(o.account.ID) != before {
		t.Error("the account changed")
	}
}

// A late form of C9 is not applied: not after the details were confirmed in another tab, and not after the session.
func TestLateSection(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, b := w.owned(email, "c8")
	late := b.tab().get(b.base() + "/review/phone")
	signedOut := b.tab().get(b.base() + "/review/phone")
	b.walk("c10", email)
	before := w.stored(o.account.ID)
	late.post("phone", "+4930901820").expect(http.StatusOK, "c10")
	if !late.has("notice.moved") {
		t.Error("the form goes on without a word")
	}
	late.get(late.base()+"/review/phone").expect(http.StatusOK, "done")
	action, form := signedOut.form("phone", "+4930901820")
	form.Del("step_token")
	signedOut.send(action, form).expect(http.StatusOK, "c10")
	w.clock.advance(customer.IdleLife)
	signedOut.get(signedOut.base()).expect(http.StatusOK, "r1")
	form.Set("phone", "")
	b.send(action, form).expect(http.StatusOK, "r1")
	if w.stored(o.account.ID) != before {
		t.Error("a late form was applied")
	}
}

// Details can be changed until access is decided, and confirmed once: the second click gets the same answer.
func TestReviewTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, b := w.owned(email, "c8")
	action, form := b.form()
	cookie := b.cookie()
	first := w.once(http.MethodPost, action, cookie, form)
	second := w.once(http.MethodPost, action, cookie, form)
	if first.status != http.StatusSeeOther || second.location != first.location || !strings.HasSuffix(first.location, "/allow") {
		t.Errorf("%d to %q, then %d to %q", first.status, first.location, second.status, second.location)
	}
	b.get(b.base()+"/review").expect(http.StatusOK, "done")
	b.get(b.base()+"/review/name").expect(http.StatusOK, "done")
}

// An occupation is asked for where the contract asks for one, also when a region brings it up, and nowhere else.
func TestOccupation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, b := w.owned(email, "c8")
	if b.elementWithID("row-occupation") != nil {
		t.Error("asked for where nobody needs it")
	}
	b.get(b.base()+"/review/country").post("country", "US").expect(http.StatusOK, "c9.address")
	b.post("line1", "1 Main St", "city", "Taos", "region", "NM", "postal_code", "87571").expect(http.StatusOK, "c8")
	b.post().expect(http.StatusUnprocessableEntity, "c8")
	if got := b.link("c8.missing.occupation"); got == "" {
		t.Error("no link to what is missing")
	}
	b.get(b.base()+"/review/occupation").expect(http.StatusOK, "c9.occupation")
	b.post("occupation", " ").wrong(http.StatusUnprocessableEntity, "c9.occupation", "occupation", "c9.occupation.empty")
	b.post("occupation", strings.Repeat("a", 201)).wrong(http.StatusUnprocessableEntity, "c9.occupation", "occupation", "c9.occupation.long")
	b.post("occupation", "Weaver").expect(http.StatusOK, "c8")
	if w.profile(o).Value(customer.Occupation) != "Weaver" {
		t.Error("the occupation is not stored")
	}
	b.post().expect(http.StatusOK, "c10")
}
