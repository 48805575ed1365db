package web_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/limit"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/store"
)

// careful is a partner whose customers are asked for their date of birth, with an account that it filled in.
func (w *world) careful() opened {
	w.t.Helper()
	p := w.addPartner(partner.Registration{ClientID: "careful", Secret: "c4reful-c4reful", Name: "Careful Bank", RedirectURIs: []string{"https://careful.example/back"},
		RestartURI: "https://careful.example/again", BirthdateCheck: true})
	o := w.open(p, email)
	w.prefill(o)
	return o
}

// atBirthDate is a browser that has proved the mailbox of the careful partner's account.
func (w *world) atBirthDate(o opened) *browser {
	w.t.Helper()
	p, err := w.partners.Partner(w.t.Context(), o.account.Creator)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.browser().get(authorize(p, w.mint(o), "s")).walk("c2", email).post("code", w.mailed(email)).expect(http.StatusOK, "birthdate")
}

func born(day, month, year string) []string {
	return []string{"birth_day", day, "birth_month", month, "birth_year", year}
}

// Design 10.9: after the mailed code the date of birth, in any of the forms of C9; before it no password can be set. The page
// does not hold the date, not even in part, and what is no date at all is no try.
func TestBirthDate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.careful()
	b := w.atBirthDate(o)
	if strings.Contains(b.body, "1988") && strings.Contains(b.body, "value=\"1988\"") || strings.Contains(b.says(), "Kade") || has(b.field("birth_day"), "value") && b.value("birth_day") != "" {
		t.Errorf("the page tells what it asks for: %s", b.says())
	}
	b.get(b.base()+"/password").expect(http.StatusOK, "birthdate")
	for range 6 {
		b.post(born("", "", "")...).wrong(http.StatusUnprocessableEntity, "birthdate", "birth_day", "c9.birth.empty")
		b.post(born("31", "2", "1988")...).wrong(http.StatusUnprocessableEntity, "birthdate", "birth_day", "c9.birth.unreal")
	}
	for _, near := range [][]string{born("30", "11", "1989"), born("30", "10", "1988"), born("11", "30", "1988"), born("29", "11", "1988")} {
		b.post(near...)
		if near[1] == "11" { // there is no thirtieth month
			b.wrong(http.StatusUnprocessableEntity, "birthdate", "birth_day", "c9.birth.unreal")
			continue
		}
		b.wrong(http.StatusUnprocessableEntity, "birthdate", "birth_day", "birthdate.wrong")
	}
	action, form := b.form(born("30", "Nov", "1988")...)
	b.send(action, form).expect(http.StatusOK, "c3")
	if second := w.once(http.MethodPost, action, b.cookie(), form); second.status != http.StatusSeeOther || !strings.HasSuffix(second.location, "/password") {
		t.Errorf("a second click: %d to %s", second.status, second.location)
	}
	b.walk("c11", email)
	entries, err := store.Audit{DB: w.db}.TailEvents(t.Context(), audit.Filter{Account: int64(o.account.ID), Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[audit.Action]int{}
	for _, e := range entries {
		seen[e.Event.Action]++
		for _, value := range e.Event.Detail {
			if told(value, "1988") {
				t.Errorf("the audit holds the date: %+v", e.Event)
			}
		}
	}
	if seen[audit.JourneyBirthDateProven] != 1 || seen[audit.JourneyBirthDateRefused] != 3 {
		t.Errorf("%v", seen)
	}
}

// Five tries in the account's life, over all journeys: then it is on hold, for every browser. Its partner gives another date, and
// it goes on; the same one again is no other.
func TestBirthDateTries(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.careful()
	b := w.atBirthDate(o)
	for range 3 {
		b.post(born("1", "1", "1970")...).wrong(http.StatusUnprocessableEntity, "birthdate", "birth_day", "birthdate.wrong")
	}
	w.clock.advance(time.Minute)
	again := w.atBirthDate(o)
	again.post(born("1", "1", "1970")...).wrong(http.StatusUnprocessableEntity, "birthdate", "birth_day", "birthdate.wrong")
	again.post(born("1", "1", "1970")...).expect(http.StatusForbidden, "e14")
	if a := w.account(o.account.ID); a.Hold != customer.HoldBirthDate || a.ClosedToCreator() {
		t.Fatalf("the account is on hold for %q", a.Hold)
	}
	again.get(again.base()).expect(http.StatusForbidden, "e14")
	amend := func(date string) {
		t.Helper()
		v, err := w.customers.Me(t.Context(), o.caller)
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.customers.UpdatePersonal(t.Context(), o.caller, v.Personal.ID, customer.Personal{Values: map[customer.Field]string{customer.DateOfBirth: date}})
		if err != nil {
			t.Fatal(err)
		}
	}
	amend("1988-11-30")
	if a := w.account(o.account.ID); a.Hold == "" {
		t.Error("the same date again ends the hold")
	}
	amend("1970-01-01")
	if a := w.account(o.account.ID); a.Hold != "" {
		t.Errorf("with another date still on hold for %q", a.Hold)
	}
	w.clock.advance(time.Minute)
	w.atBirthDate(o).post(born("1", "1", "1970")...).expect(http.StatusOK, "c3")
}

// An operator releases such a hold too, and the tries begin anew.
func TestBirthDateReleased(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.careful()
	w.change(o, func(tx claim.Tx, a *customer.Account) error {
		a.Hold = customer.HoldBirthDate
		for limit.Spend(tx, customer.BirthDateKey(a.ID), w.clock.Now()) == nil {
		}
		return nil
	})
	if changed, err := w.customers.Release(t.Context(), o.account.ID); err != nil || !changed {
		t.Fatalf("%t %v", changed, err)
	}
	w.atBirthDate(o).post(born("30", "11", "1988")...).expect(http.StatusOK, "c3")
}

// Where the partner gave no date there is nothing to compare with, and nobody is asked; where the operator did not want it,
// neither. One that the partner gives while the customer is on the way is asked for at the next step.
func TestBirthDateIsNotAskedForShow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.addPartner(partner.Registration{ClientID: "careful", Secret: "c4reful-c4reful", Name: "Careful Bank", RedirectURIs: []string{"https://careful.example/back"},
		BirthdateCheck: true})
	o := w.open(p, email)
	b := w.browser().get(authorize(p, w.mint(o), "s")).walk("c3", email)
	w.prefill(o)
	b.post("new_password", goodPassword).expect(http.StatusOK, "birthdate")
	b.post(born("30", "11", "1988")...).expect(http.StatusOK, "c3")
	plain := w.open(w.partner, "nora.kade@example.org")
	w.prefill(plain)
	w.browser().claim(plain, "s").walk("c2", "nora.kade@example.org").post("code", w.mailed("nora.kade@example.org")).expect(http.StatusOK, "c3")
}
