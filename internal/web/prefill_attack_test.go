package web_test

import (
	"context"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/store"
)

// later is the partner with a token of a grant, as it has one after the claim.
func (w *world) later(o opened, id customer.ProfileID) customer.Caller {
	return customer.Caller{Partner: w.partner.ID, Account: o.account.ID, Epoch: w.account(o.account.ID).Epoch, Profile: id}
}

// confirmed is a browser of a customer with a business that nobody has directors for, at C8 again after it was confirmed once:
// from then on a partner with a grant can add what was not there.
func (w *world) confirmed() (o opened, b *browser, business customer.ProfileID) {
	w.t.Helper()
	o = w.open(w.partner, email)
	w.prefill(o)
	business = w.runs(o, joinery)
	b = w.browser().claim(o, "t-1").walk("c10", email)
	add := func(first string) {
		w.clock.advance(time.Second)
		_, err := w.customers.SaveDirectors(context.Background(), w.later(o, business), business, []customer.Director{{FirstName: first, LastName: "Kade"}}, false)
		must(w.t, err)
	}
	add("Jonas") // nobody gave any, so the partner may, and the review asks again
	add("Ida")
	b.get(b.base()+"/review").expect(http.StatusOK, "c8")
	return o, b, business
}

// The partner changes a director while the customer reads: nothing unseen is confirmed, the row is marked, and the next press
// confirms what was shown (journey C8, 409).
func TestDirectorChangesMeanwhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, b, business := w.confirmed()
	ctx := context.Background()
	list := w.stands(o, business).Details.Lists.Directors
	if !b.rowSays("director-"+id(list[0].ID), "c8.source.partner") {
		t.Fatalf("what the partner added is not on the page: %s %+v", b.says(), list)
	}
	w.clock.advance(time.Second)
	if _, err := w.customers.SaveDirectors(ctx, w.later(o, business), business, []customer.Director{{FirstName: "Mallory", LastName: "Kade"}}, false); err != nil {
		t.Fatal(err)
	}
	b.post().expect(http.StatusConflict, "c8")
	if w.stands(o, business).Confirmed() || !b.has("c8.stale") {
		t.Error("what was not seen is confirmed, or the page does not say what happened")
	}
	for i, d := range w.stands(o, business).Details.Lists.Directors {
		if got := b.rowSays("director-"+id(d.ID), "c8.changed"); got != (i == 2) {
			t.Errorf("director %s is marked: %v", d.FirstName, got)
		}
	}
	if !b.has("c8.changed.list") {
		t.Error("a list that became longer is not marked")
	}
	b.post().expect(http.StatusOK, "c10")
	p := w.stands(o, business)
	if !p.Confirmed() || p.Details.Provenance[customer.Directors].ConfirmedAt.IsZero() {
		t.Error("what was seen is not confirmed")
	}

	// From here on the partner can only propose (design 10.11).
	if _, err := w.customers.SaveDirectors(ctx, w.later(o, business), business, []customer.Director{{FirstName: "Eve", LastName: "Kade"}}, true); err != nil {
		t.Fatal(err)
	}
	if now := w.stands(o, business); !now.Confirmed() || len(now.Details.Lists.Directors) != 3 || len(now.Details.ProposedLists) != 1 {
		t.Errorf("the partner changed a confirmed list: %+v", now.Details.Lists.Directors)
	}
}

// A director that is taken away leaves no row to mark: the list is.
func TestDirectorGoesMeanwhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, b, business := w.confirmed()
	open := "director-" + id(w.stands(o, business).Details.Lists.Directors[1].ID)
	tab := b.tab().get(b.base()+"/review/"+open).expect(http.StatusOK, "c9.form")
	_, err := w.customers.SaveDirectors(context.Background(), w.later(o, business), business, []customer.Director{{FirstName: "Jonas", LastName: "Kade"}}, true)
	must(t, err)
	b.post().expect(http.StatusConflict, "c8")
	if !b.has("c8.changed.list") || b.elementWithID("row-"+open) != nil {
		t.Error("a list that became shorter is not marked")
	}
	tab.post("first_name", "Ida", "last_name", "Late").expect(http.StatusOK, "c8")
	if strings.Contains(tab.body, "Late") {
		t.Error("a director that is not there any more was changed")
	}
	tab.get(tab.base()+"/review/"+open).expect(http.StatusNotFound, "e13")
}

// The partner uploads a file, gives an evidence, or a person changes who acts for the business in another tab: each makes the
// page that is shown an old one.
func TestAnythingMakesThePageStale(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(w *world, o opened, b *browser, business customer.ProfileID){
		"file": func(w *world, o opened, _ *browser, business customer.ProfileID) {
			w.upload(w.later(o, business), business, "ID_PROOF", "new.png", picture())
		},
		"evidence": func(w *world, o opened, _ *browser, business customer.ProfileID) {
			w.evidences(w.later(o, business), business, map[customer.Field]string{customer.SourceOfFunding: "GRANTS"})
		},
		"representative": func(w *world, o opened, b *browser, business customer.ProfileID) {
			page := b.tab().get(b.base() + "/review/acting-phone-" + id(int64(w.stands(o, business).Representative)))
			page.post("phone", "+4930901820").expect(http.StatusOK, "c8")
		},
		"owner": func(_ *world, _ opened, b *browser, business customer.ProfileID) {
			page := b.tab().get(b.base() + "/review/" + key("owner-new", business))
			page.post("owner_name", "Ida Voss", "date_of_birth_day", "1", "date_of_birth_month", "1", "date_of_birth_year", "1970", "country", "DE", "first_line", "1 Weg",
				"post_code", "10115").expect(http.StatusOK, "c8")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			o, b, business := w.confirmed()
			w.clock.advance(time.Second)
			change(w, o, b, business)
			b.post().expect(http.StatusConflict, "c8")
			if w.stands(o, business).Confirmed() {
				t.Error("what was not seen is confirmed")
			}
			b.post().expect(http.StatusOK, "c10")
		})
	}
}

// Hundreds of people: the page shows the first of a list, folds the rest where no script is needed to open it, and its form
// stays far below what a form may be. All of it is confirmed by one press.
func TestHundredsOfPeople(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.open(w.partner, email)
	w.prefill(o)
	business := w.runs(o, joinery)
	ctx := context.Background()
	var directors []customer.Director
	var owners []customer.Owner
	for i := range 200 {
		name := strings.Repeat("Ä", 30)
		directors = append(directors, customer.Director{FirstName: name, LastName: strconv.Itoa(i), Country: "GB"})
		owners = append(owners, customer.Owner{Name: name + strconv.Itoa(i), DateOfBirth: "1970-01-01", Country: "GB", FirstLine: name, PostCode: "EH6 6AB"})
	}
	_, err := w.customers.SaveDirectors(ctx, o.caller, business, directors, true)
	must(t, err)
	_, err = w.customers.SaveOwners(ctx, o.caller, business, owners, true)
	must(t, err)
	b := w.browser().claim(o, "t-1").walk("c8", email)
	if len(b.body) > 512<<10 || strings.Count(b.body, "<details>") != 2 || strings.Count(b.body, `id="row-director-`) != 200 {
		t.Errorf("the page has %d bytes, %d folds, %d directors", len(b.body), strings.Count(b.body, "<details>"), strings.Count(b.body, `id="row-director-`))
	}
	_, form := b.form()
	if n := len(form.Encode()); n > 8<<10 {
		t.Errorf("the form has %d bytes", n)
	}
	b.get(b.base()+"/review/"+key("director-new", business)).post("first_name", "One", "last_name", "More").expect(http.StatusUnprocessableEntity, "c9.form")
	if !b.has("c9.many") || b.value("first_name") != "One" {
		t.Error("a full list says nothing, or forgets what was typed")
	}
	b.get(b.base()+"/review").post().expect(http.StatusOK, "c10")
}

// hostile is what a partner may try in names: markup, overrides of direction, control characters, paths.
const hostile = "../..\\x\"><img src=x onerror=alert(1)>\u202egnp.\u0000exe\r\nSet-Cookie: a=b.html"

// Names of files and people with markup, hidden characters and line breaks are shown as text and end no header.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.open(w.partner, email)
	person, business := w.everything(o)
	ctx := context.Background()
	w.upload(o.caller, person, "ADDRESS_PROOF", hostile, picture())
	_, err := w.customers.SaveOwners(ctx, o.caller, business, []customer.Owner{{Name: hostile, FirstLine: hostile, PostCode: hostile, Country: hostile, DateOfBirth: hostile}}, false)
	must(t, err)
	must(t, w.customers.SaveDocument(ctx, o.caller, person, customer.Document{Type: hostile, Number: hostile}, false))
	b := w.browser().claim(o, "t-1").walk("c8", email)
	for _, never := range []string{"<img src=x", "\u202e", "\x00", "Set-Cookie: a=b.html\r\n"} {
		if strings.Contains(b.body, never) {
			t.Errorf("the page holds %q", never)
		}
	}
	files := w.files(o, person)
	file := files[len(files)-1]
	b.get(b.base() + "/files/" + id(int64(file.ID)))
	kind, params, err := mime.ParseMediaType(b.header.Get("Content-Disposition"))
	if err != nil || kind != "inline" || strings.ContainsAny(params["filename"], "/\\\r\n\x00\u202e") || !strings.HasSuffix(params["filename"], ".png") {
		t.Errorf("Content-Disposition %q: %q, %v", b.header.Get("Content-Disposition"), params["filename"], err)
	}
	if len(b.header.Values("Set-Cookie")) > 0 {
		t.Error("the name of a file sets a cookie")
	}
	for _, section := range []string{"owner-" + w.stands(o, business).Details.Lists.Owners[1].ID, "document-" + id(w.stands(o, person).Details.Lists.Documents[1].ID)} {
		if b.get("/j/" + b.journeyOf() + "/review/" + section); b.status != http.StatusOK || strings.Contains(b.body, "<img src=x") {
			t.Errorf("%s: %d", section, b.status)
		}
	}
}

// journeyOf is the journey's id in the address of a file.
func (b *browser) journeyOf() string { return strings.SplitN(b.at, "/", 4)[2] }

// A file is answered as what its content shows, and may do nothing in a browser, whatever it says it is.
func TestFileView(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, b, person, business := w.prefilled()
	files := b.base() + "/files/"
	polyglot := append(picture(), "<script>alert(document.cookie)</script>"...)
	w.put(o, person, customer.File{Name: "a.html", Media: "image/png", Content: polyglot})
	w.put(o, person, customer.File{Name: "page.png", Media: "image/png", Content: []byte("<html><script>alert(1)</script>")})
	w.put(o, person, customer.File{Name: "page.svg", Media: "text/html", Content: []byte("<svg onload=alert(1)>")})
	w.put(o, person, customer.File{Name: "", Media: "application/pdf", Content: []byte("%PDF-1.7 \n<script>")})
	want := []struct{ media, way, name string }{{"image/png", "inline", "passport.png"}, {"image/png", "inline", "a.html.png"},
		{"application/octet-stream", "attachment", "page.png.bin"}, {"application/octet-stream", "attachment", "page.svg.bin"},
		{"application/pdf", "attachment", "file.pdf"}}
	for i, f := range w.files(o, person) {
		b.get(files + id(int64(f.ID)))
		kind, params, err := mime.ParseMediaType(b.header.Get("Content-Disposition"))
		if err != nil || b.status != http.StatusOK || kind != want[i].way || params["filename"] != want[i].name || b.header.Get("Content-Type") != want[i].media {
			t.Errorf("%s: %d, %s %s as %s", f.Name, b.status, kind, params, b.header.Get("Content-Type"))
		}
	}
	if b.get(files + id(int64(w.files(o, business)[0].ID))); b.status != http.StatusOK || b.body != "%PDF-1.7 a letter" {
		t.Errorf("the letter: %d %q", b.status, b.body)
	}
	if got := w.once(http.MethodHead, files+id(int64(w.files(o, person)[0].ID)), b.cookie(), nil); got.status != http.StatusOK || got.body != "" {
		t.Errorf("HEAD: %d with %d bytes", got.status, len(got.body))
	}
}

// put stores a file past the checks of the upload.
func (w *world) put(o opened, person customer.ProfileID, f customer.File) {
	w.t.Helper()
	must(w.t, w.customers.Upload(context.Background(), w.later(o, person), person, customer.Purpose("TEST_"+f.Name), []customer.File{f}))
}

// Another account's file looks like one that does not exist, and so does one's own to a browser that is not signed in, to the
// partner's next customer, and after the review.
func TestForeignFiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, b, person, _ := w.prefilled()
	other := w.open(w.partner, "other@example.org")
	w.prefill(other)
	w.upload(other.caller, w.profile(other).ID, "ID_PROOF", "theirs.png", picture())
	theirs := id(int64(w.files(other, w.profile(other).ID)[0].ID))
	files := b.base() + "/files/"
	b.get(files+"1").expect(http.StatusNotFound, "e13")
	unknown := b.says()
	for _, name := range []string{theirs, "0", "-1", "x", "99999999999999999999", id(int64(person))} {
		b.get(files+name).expect(http.StatusNotFound, "e13")
		if theirs == name && withoutReference(b.says()) != withoutReference(unknown) {
			t.Error("another account's file looks unlike one that does not exist")
		}
	}
	mine := files + id(int64(w.files(o, person)[0].ID))
	stranger := w.browser().get(mine)
	if stranger.status == http.StatusOK && stranger.id == "" {
		t.Error("a browser without a session sees the file")
	}
	b.get(b.base()+"/review").post().expect(http.StatusOK, "c10")
	b.get(mine).expect(http.StatusOK, "done")
}

// withoutReference is a page's text without what differs from request to request.
func withoutReference(says string) string {
	before, _, _ := strings.Cut(says, "reference:")
	return before
}

// Trouble with the database is no missing file (I11).
func TestFileInTrouble(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, b, person, _ := w.prefilled()
	mine := b.base() + "/files/" + id(int64(w.files(o, person)[0].ID))
	w.faults.failAll()
	b.get(mine).expect(http.StatusServiceUnavailable, "e12")
	w.faults.heal()
	if b.get(mine); b.status != http.StatusOK {
		t.Errorf("%d", b.status)
	}
}

// Verified values are locked here too: people and documents as lists, a business's own fields one by one; what was not
// checked beside them can be changed.
func TestPrefillLocked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.open(w.partner, email)
	person, business := w.everything(o)
	w.verify(o, true)
	b := w.browser().claim(o, "t-1").walk("c8", email)
	p := w.stands(o, business)
	director := "director-" + id(p.Details.Lists.Directors[0].ID)
	for _, row := range []string{key("business-name", business), director, "owner-" + p.Details.Lists.Owners[0].ID,
		"document-" + id(w.stands(o, person).Details.Lists.Documents[0].ID)} {
		if !b.rowSays(row, "c8.source.checked") || !strings.Contains(text(b, row), "this is wrong") {
			t.Errorf("row %s is not locked: %s", row, text(b, row))
		}
		b.get(b.base()+"/review/"+row).expect(http.StatusOK, "c8.dispute")
		b.get(b.base() + "/review")
	}
	acting := "acting-name-" + id(int64(p.Representative))
	if !b.rowSays(acting, "c8.source.checked") || strings.Contains(text(b, acting), "Change") {
		t.Errorf("who acts for the business is not locked: %s", text(b, acting))
	}
	b.get(b.base()+"/review/"+acting).expect(http.StatusOK, "c8.dispute").post("note", "Her name is Jona").expect(http.StatusOK, "c8")
	b.get(b.base()+"/review/"+key("director-new", business)).expect(http.StatusNotFound, "e13")
	b.get(b.base()+"/review/"+director+"/wrong").post("note", "He left in May").expect(http.StatusOK, "c8")
	notes := w.stands(o, business).Details.Disputes
	if notes[customer.Directors].Note != "He left in May" || notes[customer.Acting].Note != "Her name is Jona" {
		t.Error("the note is not kept with the business")
	}
	b.get(b.base()+"/review/"+key("business-address", business)).expect(http.StatusOK, "c9.form")
	if b.field("country") != nil {
		t.Error("the country was checked, and is asked for")
	}
	b.post("first_line", "3 Dock Street", "city", "Leith", "post_code", "EH6 7AB", "country", "FR").expect(http.StatusOK, "c8")
	if p := w.stands(o, business); p.Value(customer.FirstLine) != "3 Dock Street" || p.Value(customer.Country) != "GB" {
		t.Errorf("stored %v", p.Details.Values)
	}
	b.post().expect(http.StatusOK, "c10")
}

// A form that another customer's ids were put into changes nothing of theirs, and says nothing about them (I10).
func TestForeignSections(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, b, _, business := w.prefilled()
	other := w.open(w.partner, "other@example.org")
	_, theirs := w.everything(other)
	q := w.stands(other, theirs)
	before := w.stored(other.account.ID)
	for _, section := range []string{key("business-name", theirs), "acting-name-" + id(int64(q.Representative)), "director-" + id(q.Details.Lists.Directors[0].ID),
		"owner-" + q.Details.Lists.Owners[0].ID, key("director-new", theirs), key("evidence-business-use-case", theirs)} {
		b.get(b.base()+"/review/"+section).expect(http.StatusNotFound, "e13")
	}
	_, form := b.get(b.base()+"/review/"+key("business-name", business)).form("business_name", "Stolen")
	b.send(b.base()+"/review/"+key("business-name", theirs), form).expect(http.StatusForbidden, "e7")
	if w.stored(other.account.ID) != before {
		t.Error("another's account changed")
	}
}

// The audit names the fields that changed, and neither their values nor what was there before.
func TestPrefillAudit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	heard := w.listen()
	o, b, _, business := w.prefilled()
	p := w.stands(o, business)
	b.get(b.base()+"/review/director-"+id(p.Details.Lists.Directors[1].ID)).post("first_name", "Canaryna", "last_name", "Canaryson", "country", "DE").expect(http.StatusOK, "c8")
	b.get(b.base()+"/review/acting-name-"+id(int64(p.Representative))).post("first_name", "Canaryna", "last_name", "Kade").expect(http.StatusOK, "c8")
	b.post().expect(http.StatusOK, "c10")
	var details []string
	entries, err := store.Audit{DB: w.db}.TailEvents(t.Context(), audit.Filter{Account: int64(o.account.ID), Limit: 100})
	must(t, err)
	for _, e := range entries {
		for name, value := range e.Detail {
			details = append(details, string(e.Action)+" "+name+" "+value)
			if strings.Contains(value, "Canary") || strings.Contains(value, "Voss") {
				t.Errorf("the audit tells a value: %s", value)
			}
		}
	}
	for _, want := range []string{"profile.changed fields directors", "profile.changed fields first_name", "profile.confirmed profiles 2"} {
		if !strings.Contains(strings.Join(details, "\n"), want) {
			t.Errorf("the audit does not say %q:\n%s", want, strings.Join(details, "\n"))
		}
	}
	fields := map[string]bool{}
	for _, e := range heard() {
		fields[e.State+" "+strings.Join(e.Fields, " ")] = true
		if e.Type != partner.EventProfiles || strings.Contains(e.Data, "Canary") {
			t.Errorf("heard %+v", e)
		}
	}
	if !fields["changed directors"] || !fields["changed first_name"] || !fields["confirmed "] {
		t.Errorf("heard %v", fields)
	}
}
