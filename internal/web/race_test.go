package web_test

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/limit"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// atOnce runs one goroutine for each number and waits for all.
func atOnce(from, to int, do func(n int)) {
	var all sync.WaitGroup
	for n := from; n < to; n++ {
		all.Go(func() { do(n) })
	}
	all.Wait()
}

// 64 browsers open one code at once, start at once, as far as the limit on mails lets them, and prove the mailbox at once,
// each with the code that was mailed for it: exactly one gets past. It finishes, and the others are told so (I1, I2).
func TestSixtyFourBrowsers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.open(w.partner, email)
	w.prefill(o)
	link := authorize(w.partner, w.mint(o), "s")
	const crowd, group = 64, 12
	browsers, codes := make([]*browser, crowd), make([]string, crowd)
	atOnce(0, crowd, func(n int) { browsers[n] = w.browser().get(link) })
	for from := 0; from < crowd; from += group {
		atOnce(from, min(from+group, crowd), func(n int) { browsers[n].post("email", email) })
		w.forgiveMails(o)
	}
	for n, b := range browsers {
		b.expect(http.StatusOK, "c2")
		codes[n] = w.mailedFor(b.journey())
	}
	atOnce(0, crowd, func(n int) { browsers[n].post("code", codes[n]) })
	var winners []*browser
	for _, b := range browsers {
		if b.id == "c3" && b.status == http.StatusOK {
			winners = append(winners, b)
			continue
		}
		b.expect(http.StatusGone, "e2")
	}
	if len(winners) != 1 {
		t.Fatalf("%d browsers got past the mailbox proof", len(winners))
	}
	winners[0].walk("c11", email).leaves()
	for n, b := range browsers {
		if b == winners[0] {
			continue
		}
		if b.get(link); b.status != http.StatusGone || b.id != "e2.claimed" {
			t.Errorf("browser %d, which lost, opens page %q with %d", n, b.id, b.status)
		}
	}
	if a := w.account(o.account.ID); a.State != customer.Claimed || a.Epoch != o.account.Epoch+1 {
		t.Errorf("the account is %s at epoch %d", a.State, a.Epoch)
	}
}

// forgiveMails lifts the limit on mails of an account, so that a test may send more.
func (w *world) forgiveMails(o opened) {
	w.t.Helper()
	err := w.claims.Store.Change(context.Background(), func(tx claim.Tx) (audit.Event, error) {
		key := customer.MailboxKey(limit.KindMailboxMail, o.account.Creator, o.account.Address())
		return audit.Event{At: w.clock.Now(), Action: audit.TriesReturned, Outcome: audit.Allowed, Actor: audit.Actor{Kind: audit.ActorServer},
			Account: int64(o.account.ID)}, limit.Forgive(tx, key, w.clock.Now())
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// mailedFor is the code that was mailed for a journey: the one whose digest is on its row.
func (w *world) mailedFor(j claim.Journey) string {
	w.t.Helper()
	letters, err := w.inbox.List(context.Background(), 200)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, letter := range letters {
		code := digitsIn(letter.Text)
		digest, err := w.keys.DigestWith(j.Mailed.Version, secret.PurposeMailedCode, strconv.FormatInt(int64(j.ID), 10), customer.FoldEmail(j.Address), code)
		if err == nil && string(digest) == string(j.Mailed.Digest) {
			return code
		}
	}
	w.t.Fatal("no code was mailed for the journey")
	return ""
}

// Two browsers of one person press the last button of C7 at once: one account, one owner, one epoch (I2). Only the browser
// whose proof was the last can.
func TestCommitsAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.open(w.partner, email)
	w.prefill(o)
	first := w.browser().claim(o, "s1").walk("c7", email)
	second := w.browser().claim(o, "s2").walk("c7", email)
	atOnce(0, 8, func(n int) {
		b := []*browser{first, second}[n%2]
		action, form := b.form("saved", "yes")
		w.once(http.MethodPost, action, b.cookie(), form)
	})
	if a := w.account(o.account.ID); a.State != customer.Claimed || a.Epoch != o.account.Epoch+1 {
		t.Errorf("the account is %s at epoch %d", a.State, a.Epoch)
	}
	first.get(first.base()).expect(http.StatusGone, "e2.claimed")
	second.get(second.base()).walk("c11", email)
}

// Two decisions at once: one grant, one code.
func TestDecisionsAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, b := w.owned(email, "c10")
	action, form := b.form()
	if form.Get("asked") == "" {
		t.Fatal("the page does not say what it asks: no answer could be to allow")
	}
	cookie := b.cookie()
	atOnce(0, 8, func(n int) {
		values := map[string][]string{"decision": {[]string{"allow", "deny"}[n%2]}, "step_token": form["step_token"], "asked": form["asked"]}
		if e := w.once(http.MethodPost, action, cookie, values); !strings.HasSuffix(e.location, "/return") {
			t.Errorf("leads with %d to %q", e.status, e.location)
		}
	})
	b.get(b.base()).expect(http.StatusOK, "c11")
	denied := strings.Contains(leadsTo(b), "error=access_denied")
	if n := len(w.grants(o, w.partner)); n > 1 || denied != (n == 0) {
		t.Errorf("%d grants, denied %v", n, denied)
	}
}
