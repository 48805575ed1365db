package claim_test

import (
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/store"
)

// wholeWay is a journey from the mint to the tokens and a visit afterwards, as events of the exploration.
var wholeWay = []string{"partner changes profile", "partner moves address", "partner mints", "A opens code (newest true)", "A starts", "A proves",
	"A sets password", "A chooses app", "clock 15m0s", "A types password again", "A adds app", "A commits", "A reloads", "A confirms", "A allows",
	"A returns", "partner exchanges", "clock 5m0s", "A signs in", "A visits", "A returns", "partner exchanges", "partner exchanges"}

// TestI11EveryCallMayFail: whichever of the calls on the database fails, on the way of every verb, the answer is that it is
// unavailable and nothing is written; asked again, the verb does its work.
func TestI11EveryCallMayFail(t *testing.T) {
	t.Parallel()
	for _, way := range [][]string{wholeWay, passkeyWay} {
		everyCallFails(t, way)
	}
}

func everyCallFails(t *testing.T, way []string) {
	t.Helper()
	b := bounds{mints: 1, journeys: 1, ticks: 2, moves: 1, visits: 1, passkeys: true, hours: []time.Duration{5 * time.Minute, 15 * time.Minute}}
	st, s := newStage(t, b)
	all, failures := actions(b), 0
	for _, name := range way {
		i := slices.IndexFunc(all, func(a action) bool { return a.name == name })
		if i < 0 {
			t.Fatalf("there is no event %q", name)
		}
		for n := 1; ; n++ {
			after := s
			st.m.rows, st.m.calls, st.m.failAt = s.rows, 0, n
			st.millis.Store(s.hour)
			_, err := all[i].run(st, &after)
			if st.m.calls < n {
				break // the verb has fewer calls than that
			}
			failures++
			for _, never := range []error{customer.ErrSignIn, customer.ErrNoSession, customer.ErrNoAccount, customer.ErrStale, customer.ErrNoProfile, claim.ErrCodeExpired,
				claim.ErrCodeUnknown, claim.ErrNoJourney, claim.ErrNotNow, claim.ErrTicketOver, grant.ErrInvalidGrant, grant.ErrInvalidToken, grant.ErrNoGrant, customer.ErrCodeWrong, customer.ErrPasskey} {
				if errors.Is(err, never) {
					t.Errorf("%s, call %d: %v", name, n, err)
				}
			}
			wants(t, name, err, store.ErrUnavailable)
			if st.m.rows.changes != s.rows.changes {
				t.Errorf("%s, call %d: half of it was written", name, n)
			}
		}
		st.m.failAt = 0
		after, changed := st.play(&s, all[i])
		if !changed && name != "A reloads" && name != "partner exchanges" && name != "A returns" {
			t.Fatalf("%s did nothing", name)
		}
		s = after
		st.holds(&s)
	}
	if len(s.auths) != 2 || len(s.keys) != 3 || s.rows.auths[1].RedeemedAt.IsZero() {
		t.Errorf("%d codes and %d tokens at the end of the way", len(s.auths), len(s.keys))
	}
	t.Logf("%d failed calls", failures)
	if failures < 130 {
		t.Errorf("only %d calls failed", failures)
	}
}

// TestRepeatsAreSafe: on the whole way, each event at once again, as after an answer that did not come, changes nothing that
// matters: the journey ends as it does without (I7).
func TestRepeatsAreSafe(t *testing.T) {
	t.Parallel()
	b := bounds{mints: 9, journeys: 9, ticks: 2, moves: 9, visits: 9, hours: []time.Duration{5 * time.Minute, 15 * time.Minute}}
	st, s := newStage(t, b)
	all := actions(b)
	for _, name := range wholeWay[2:18] {
		i := slices.IndexFunc(all, func(a action) bool { return a.name == name })
		once, _ := st.play(&s, all[i])
		if name == "partner mints" || name == "partner exchanges" || name[:5] == "clock" {
			s = once
			continue // a mint again is another code, an exchange again is the theft of I5
		}
		twice, _ := st.play(&once, all[i])
		if !reflect.DeepEqual(twice.rows.accounts, once.rows.accounts) || len(twice.rows.mails) != len(once.rows.mails) || len(twice.rows.auths) != len(once.rows.auths) {
			t.Errorf("%s again changed the account, sent a mail or made a code", name)
		}
		st.holds(&twice)
		s = twice
	}
	if st.m.rows.accounts[0].State != customer.Claimed || len(s.keys) != 2 {
		t.Errorf("%s, %d tokens", st.m.rows.accounts[0].State, len(s.keys))
	}
}
