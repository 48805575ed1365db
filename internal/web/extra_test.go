package web_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
)

// ownFields is an operator's file with a field of each kind.
const ownFields = `{"fields":[
	{"key":"tax_number","profile":"personal","countries":["GB"],"required":true,"autocomplete":"off","schema":{"type":"string","pattern":"^[0-9]{3,10}$","maxLength":10},
		"words":{"en":{"label":"Tax <number>","hint":"It is on your last tax letter.","message":"A tax number has 3 to 10 digits"}}},
	{"key":"steuer","profile":"personal","countries":["DE"],"required":true,"schema":{"type":"string","pattern":"^DE[0-9]+$"},"words":{"en":{"label":"Steuernummer"}}},
	{"key":"nickname","profile":"personal","schema":{"type":"string","maxLength":5},"words":{"en":{"label":"Nickname"}}},
	{"key":"children","profile":"personal","schema":{"type":"integer","minimum":0,"maximum":20},"words":{"en":{"label":"Children"}}},
	{"key":"resident","profile":"personal","schema":{"type":"boolean"},"words":{"en":{"label":"Do you live here all year?"}}},
	{"key":"status","profile":"personal","schema":{"type":"string","enum":["single","married"]},"words":{"en":{"label":"Status","choices":{"married":"Married"}}}},
	{"key":"audited","profile":"business","required":true,"schema":{"type":"boolean"},"words":{"en":{"label":"Are the accounts audited?"}}}]}`

// asks sets the operator's fields, as at a new start.
func (w *world) asks(file string) {
	w.t.Helper()
	extras, found := customer.ReadExtras([]byte(file))
	for _, e := range found {
		w.t.Fatal(e)
	}
	w.claims.Extras, w.door.Claims.Extras, w.door.Customers.Extras = extras, extras, extras
}

// gives is what the partner says of the operator's fields.
func (w *world) gives(o opened, values map[customer.Field]string) {
	w.t.Helper()
	if _, err := w.customers.GiveEvidences(context.Background(), o.caller, w.personal(o), customer.Evidences{Values: values}); err != nil {
		w.t.Fatal(err)
	}
}

// The operator's fields are the last section of C8: prefilled by the partner, completed by the customer, needed ones in the way
// of the confirmation (journey C8, C9 "extra fields").
func TestExtraFields(t *testing.T) {
	w := newWorld(t)
	w.asks(ownFields)
	o := w.open(w.partner, email)
	w.prefill(o)
	w.gives(o, map[customer.Field]string{"x_children": "3", "x_status": "married", "x_gone": "nobody asks"})
	business := w.business(o)
	b := w.browser().claim(o, "s").walk("c8", email)
	for key, want := range map[string]string{"x_children": "Children 3", "x_status": "Status Married", "x_nickname": "Nickname Not given", "x_resident": "Do you live here all year? Not given"} {
		if got := b.row(key); !strings.HasPrefix(got, want) {
			t.Errorf("row %s is %q", key, got)
		}
	}
	if !b.rowSays("x_children", "c8.source.partner") || !b.rowSays("x_tax_number", "c8.missing.extra") || b.elementWithID("row-x_steuer") != nil || strings.Contains(b.body, "nobody asks") {
		t.Error("the section does not say what is asked and who said it")
	}
	audited := "x_audited-" + profileText(business)
	b.post().expect(http.StatusUnprocessableEntity, "c8")
	for _, key := range []string{"x_tax_number", audited} {
		if !strings.Contains(b.body, `href="#f-`+key+`"`) || b.elementWithID("f-"+key) == nil {
			t.Errorf("no line leads to %s", key)
		}
	}
	b.get(b.base()+"/review/x_tax_number").expect(http.StatusOK, "c9.extra")
	if says := b.says(); !strings.Contains(says, "Tax <number>") || !strings.Contains(says, "It is on your last tax letter.") || strings.Contains(b.body, "<number>") {
		t.Errorf("the page says %q", says)
	}
	b.post("x_tax_number", " 12345 ").expect(http.StatusOK, "c8")
	if !strings.HasSuffix(b.at, "/review") || !b.rowSays("x_tax_number", "c8.source.customer") {
		t.Errorf("at %s: %s", b.at, b.row("x_tax_number"))
	}
	b.get(b.base()+"/review/"+audited).expect(http.StatusOK, "c9.extra").post("x_audited", "false").expect(http.StatusOK, "c8")
	if got := b.row(audited); !strings.HasPrefix(got, "Are the accounts audited? No") {
		t.Errorf("row %s is %q", audited, got)
	}
	b.get(b.base()+"/review/x_children").post("x_children", "").expect(http.StatusOK, "c8") // not needed: it may be taken out
	b.post().expect(http.StatusOK, "c10")
	p := w.profile(o)
	said := p.Details.Provenance
	if p.Value("x_tax_number") != "12345" || said["x_tax_number"].Source != customer.ByCustomer || said["x_status"].Source != customer.ByPartner || p.Value("x_children") != "" {
		t.Errorf("%v", p.Details.Values)
	}
	if said["x_tax_number"].ConfirmedAt.IsZero() || said["x_status"].ConfirmedAt.IsZero() || !said["x_gone"].ConfirmedAt.IsZero() || p.Value("x_gone") == "" {
		t.Errorf("%v", said)
	}
}

// What is typed is checked by the server whatever the page allowed, and comes back as typed beside what is wrong.
func TestExtraFieldsThatAreWrong(t *testing.T) {
	w := newWorld(t)
	w.asks(ownFields)
	o, b := w.owned(email, "c8")
	before := w.stored(o.account.ID)
	for _, c := range []struct{ key, typed, message, words string }{
		{"tax_number", "", "c9.extra.empty", "Enter this: Tax <number>"}, {"tax_number", "  ", "c9.extra.empty", "Enter this"}, {"tax_number", "12", "c9.extra.said", "A tax number has 3 to 10 digits"},
		{"tax_number", "12345678901", "c9.extra.said", "A tax number"}, {"tax_number", "<script>", "c9.extra.said", "A tax number"}, {"tax_number", "123\u202e45", "c9.extra.said", "A tax number"},
		{"tax_number", strings.Repeat("1", 5000), "c9.extra.said", "A tax number"}, {"nickname", "Mirabella", "c9.extra.long", "Nickname must be 5 characters or fewer"},
		{"nickname", "a\x00b", "c9.extra.wrong", "Nickname is not in the right form"}, {"children", "many", "c9.extra.wrong", "Children is not in the right form"},
		{"children", "-1", "c9.extra.wrong", "Children"}, {"children", "21", "c9.extra.wrong", "Children"}, {"children", "1e999999999", "c9.extra.wrong", "Children"},
		{"children", "2.5", "c9.extra.wrong", "Children"}, {"resident", "yes", "c9.extra.wrong", "all year"}, {"status", "widowed", "c9.extra.wrong", "Status"},
	} {
		b.get(b.base()+"/review/x_"+c.key).expect(http.StatusOK, "c9.extra").post("x_"+c.key, c.typed).expect(http.StatusUnprocessableEntity, "c9.extra")
		if !b.has(c.message) || !strings.Contains(b.says(), c.words) {
			t.Errorf("%s %.20q: no %s in %q", c.key, c.typed, c.message, b.says())
		}
		if input := b.elementWithID("f-x_" + c.key); input.Data == "input" && len(c.typed) < 100 && !strings.Contains(c.typed, "\x00") && attribute(input, "value") != c.typed {
			t.Errorf("%s: %q comes back as %q", c.key, c.typed, attribute(input, "value"))
		}
	}
	for _, path := range []string{"/review/x_", "/review/x_audited", "/review/x_gone", "/review/x_steuer", "/review/x_tax_number-1", "/review/X_tax_number", "/review/x_tax_number/wrong"} {
		if b.get(b.base() + path); b.status == http.StatusOK && b.id == "c9.extra" || b.status >= 500 {
			t.Errorf("%s: %d, page %s", path, b.status, b.id)
		}
	}
	action, form := b.get(b.base()+"/review/x_children").form("x_children", "3", "x_tax_number", "12345", "x_gone", "1")
	form.Set("step_token", "another")
	if b.send(action, form); b.status != http.StatusForbidden || w.stored(o.account.ID) != before {
		t.Errorf("a forged form: %d", b.status)
	}
	// A page saves its own field and no other.
	b.get(b.base()+"/review/x_children").post("x_children", "3", "x_tax_number", "12345", "x_gone", "1").expect(http.StatusOK, "c8")
	if p := w.profile(o); p.Value("x_children") != "3" || p.Value("x_tax_number") != "" || p.Value("x_gone") != "" {
		t.Errorf("%v", p.Details.Values)
	}
}

// The table is by country: another country asks for other fields, and what was given for the first one stays.
func TestExtraFieldsOfAnotherCountry(t *testing.T) {
	w := newWorld(t)
	w.asks(ownFields)
	o, b := w.owned(email, "c8")
	b.get(b.base()+"/review/x_tax_number").post("x_tax_number", "12345").expect(http.StatusOK, "c8")
	b.get(b.base()+"/review/country").post("country", "DE").expect(http.StatusOK, "c9.address").post("line1", "1 Hafenzeile", "city", "Berlin", "postal_code", "10117").expect(http.StatusOK, "c8")
	if b.elementWithID("row-x_tax_number") != nil || !b.rowSays("x_steuer", "c8.missing.extra") {
		t.Error("the fields are those of the country before")
	}
	b.post().expect(http.StatusUnprocessableEntity, "c8")
	b.get(b.base()+"/review/x_steuer").post("x_steuer", "DE77").expect(http.StatusOK, "c8").post().expect(http.StatusOK, "c10")
	if p := w.profile(o); p.Value("x_tax_number") != "12345" || p.Value("x_steuer") != "DE77" || !p.Details.Provenance["x_tax_number"].ConfirmedAt.IsZero() {
		t.Errorf("%v", p.Details.Provenance)
	}
}

// A page that was shown under one file is posted under another.
func TestExtraFieldsOfAnotherFile(t *testing.T) {
	w := newWorld(t)
	w.asks(ownFields)
	o, b := w.owned(email, "c8")
	b.get(b.base()+"/review/x_tax_number").post("x_tax_number", "12345").expect(http.StatusOK, "c8")
	// A field was added: what the page did not show is not confirmed.
	more := strings.Replace(ownFields, `"key":"nickname","profile":"personal",`, `"key":"nickname","profile":"personal","required":true,`, 1)
	w.asks(more)
	b.post().expect(http.StatusConflict, "c8").post().expect(http.StatusUnprocessableEntity, "c8")
	if !b.rowSays("x_nickname", "c8.missing.extra") {
		t.Error("nobody asks for what is needed now")
	}
	// One became stricter: its value is asked for again, and the page has what was there.
	w.asks(strings.Replace(ownFields, `{3,10}`, `{6,10}`, 1))
	b.post().expect(http.StatusConflict, "c8")
	if !b.rowSays("x_tax_number", "c8.changed") || !b.rowSays("x_tax_number", "c8.missing.extra") {
		t.Errorf("the row is %q", b.row("x_tax_number"))
	}
	b.get(b.base()+"/review/x_tax_number").expect(http.StatusOK, "c9.extra")
	if got := attribute(b.elementWithID("f-x_tax_number"), "value"); got != "12345" {
		t.Errorf("the page holds %q", got)
	}
	b.post("x_tax_number", "12345").expect(http.StatusUnprocessableEntity, "c9.extra")
	// It is gone: its page leads back and saves nothing, and nothing is in the way.
	w.asks(strings.Replace(ownFields, `"key":"tax_number"`, `"key":"another"`, 1))
	b.post("x_tax_number", "1234567").expect(http.StatusOK, "c8")
	if p := w.profile(o); p.Value("x_tax_number") != "12345" {
		t.Errorf("a field that is not asked for was saved: %q", p.Value("x_tax_number"))
	}
	w.asks(`{"fields":[]}`)
	b.post().expect(http.StatusConflict, "c8").post().expect(http.StatusOK, "c10")
	if b.get(b.base() + "/review/x_tax_number"); b.id == "c9.extra" {
		t.Error("a field that is not in the file has a page")
	}
}

// A field that becomes needed after the claim is asked for when the customer next comes by; until then the partner's access
// stands as it is.
func TestExtraFieldsLater(t *testing.T) {
	w := newWorld(t)
	o, b := w.owned(email, "c11")
	issue, err := w.tokens.Exchange(context.Background(), w.partner, grant.Exchange{Code: b.leaves().Query().Get("code"), RedirectURI: callback}, customer.Origin{})
	if err != nil {
		t.Fatal(err)
	}
	w.clock.advance(time.Minute)
	b.get(authorize(w.partner, "", "again")).post().expect(http.StatusOK, "c11") // passes without a question
	w.asks(ownFields)
	b.get(authorize(w.partner, "", "later")).post().expect(http.StatusOK, "c8")
	if _, err := w.tokens.Access(context.Background(), issue.Access); err != nil {
		t.Errorf("the access that stands: %v", err)
	}
	b.post().expect(http.StatusUnprocessableEntity, "c8").get(b.base()+"/review/x_tax_number").post("x_tax_number", "12345").expect(http.StatusOK, "c8")
	b.post().expect(http.StatusOK, "c11")
	if p := w.profile(o); p.Value("x_tax_number") != "12345" || !p.Confirmed() {
		t.Errorf("%v", p.Details.Values)
	}
}

// What a partner says of them after the claim is a proposal like any other: shown with its label beside what holds, and in effect
// when it is accepted (design 10.11, journey 7).
func TestExtraFieldsAreProposed(t *testing.T) {
	w := newWorld(t)
	w.asks(ownFields)
	o := w.open(w.partner, email)
	w.prefill(o)
	w.gives(o, map[customer.Field]string{"x_tax_number": "12345", "x_status": "single", "x_nickname": "Mimi"})
	b := w.browser().claim(o, "s").walk("c11", email)
	c, p := w.proposer(o)
	w.clock.advance(time.Second)
	_, err := w.customers.GiveEvidences(context.Background(), c, p.ID, customer.Evidences{Values: map[customer.Field]string{
		"x_tax_number": "678", "x_status": "married", "x_nickname": ""}})
	if err != nil {
		t.Fatal(err)
	}
	b.get("/details/proposals").expect(http.StatusOK, "proposals")
	for _, want := range []string{"Tax <number>", "12345", "678", "single", "Married", "Nickname", "Mimi"} {
		if !strings.Contains(b.says(), want) {
			t.Errorf("/details does not say %q: %s", want, b.says())
		}
	}
	choice := func(key string) string { return "choice-x_" + key + "-" + profileText(p.ID) }
	b.post(choice("tax_number"), "accept", choice("status"), "keep", choice("nickname"), "accept").expect(http.StatusOK, "proposals")
	_, now := w.proposer(o)
	if now.Value("x_tax_number") != "678" || now.Value("x_status") != "single" || now.Value("x_nickname") != "" || len(now.Details.Proposals) != 0 {
		t.Errorf("after the choice: %v, %v", now.Details.Values, now.Details.Proposals)
	}
	if said := now.Details.Provenance["x_tax_number"]; said.Source != customer.ByPartner || said.ConfirmedAt.IsZero() {
		t.Errorf("%+v", said)
	}
	// A value that the field would not take, and nothing where something is needed, are not offered.
	w.clock.advance(time.Second)
	if _, err := w.customers.GiveEvidences(context.Background(), c, p.ID, customer.Evidences{Values: map[customer.Field]string{"x_tax_number": "none", "x_status": "widowed"}}); err != nil {
		t.Fatal(err)
	}
	if b.get("/details/proposals").expect(http.StatusOK, "proposals"); !b.has("details.none") {
		t.Errorf("offered: %s", b.says())
	}
	b.get(authorize(w.partner, "", "again")).post().expect(http.StatusOK, "c11") // all is confirmed as before
}
