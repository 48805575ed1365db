package store

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
)

// outlives are columns that may name a row which is gone, each with why.
var outlives = map[string]string{
	"account.live_journey":          "a journey is swept a month after its last step",
	"audit_event.actor_id":          "events outlive everything",
	"audit_event.partner_id":        "events outlive everything",
	"audit_event.account_id":        "events outlive everything",
	"audit_event.journey_id":        "events outlive everything",
	"audit_link.event_id":           "the chain is followed instead",
	"audit_start.event_id":          "it was dropped",
	"authorization_code.journey_id": "its journey may be swept before it",
	"authorization_code.grant_id":   "ofItsGrant",
	"authorization_code.profile_id": "ofItsGrant; a profile goes with its erased account",
	"authorization_code.token_id":   "what a code gave ends and is swept",
	"access_grant.profile_id":       "a profile goes with its erased account",
	"token.profile_id":              "ofItsGrant",
	"token.grant_id":                "ofItsGrant",
	"journey.session_id":            "sessions are swept after two days",
	"recovery.session_id":           "sessions are swept by their own age",
	"pending_change.session_id":     "sessions are swept by their own age",
	"journey.claim_code_id":         "codes are swept after a day",
	"journey.grant_id":              "ofItsGrant holds of what was made from it",
	"journey.grant_code_id":         "codes are swept after a day",
	"receipt.profile_id":            "a profile goes with its erased account",
	"receipt.event_id":              "the chain is followed instead, and its old parts may be dropped",
	"subscription.profile_id":       "a profile goes with its erased account",
	"subscription.public_id":        "a text",
	"delivery.public_id":            "a text",
	"delivery.subscription_id":      "a subscription may be removed while its deliveries are listed",
	"delivery.event_id":             "events to partners are swept by their own age",
	"delivery.account_id":           "an event's, which is held to it",
	"partner_event.profile_id":      "a profile goes with its erased account",
	"kyc_review.public_id":          "a text",
	"profile.public_id":             "a text",
	"profile.address_id":            "the number of an address in its details",
	"partner.client_id":             "a text",
	"partner_key.key_id":            "a text",
	"address_block.creator_id":      "runs out by itself",
	"event_sequence.account_id":     "a counter",
	"event_sequence.partner_id":     "a counter",
	"passkey_challenge.account_id":  "runs out in minutes",
	"goose_db_version.version_id":   "a number of a migration",
}

// unsealed are columns of bytes that are digests or keys wrapped on their own, and not sealed values.
var unsealed = regexp.MustCompile(`(digest|secret|previous|access|refresh|previous_refresh|link|hash|seal|mark|registration|wrapped_key|carried|request)$`)

// TestCheckKnowsTheSchema: each table is held to rules, each column that names a row is in one, each sealed column is opened.
func TestCheckKnowsTheSchema(t *testing.T) {
	t.Parallel()
	oneWriter(t, func(t *testing.T, db *DB) {
		if got, want := slices.Sorted(slices.Values(ruledTables())), slices.Sorted(keysOf(rules)); !slices.Equal(got, want) {
			t.Errorf("in order %v, with rules %v", got, want)
		}
		for _, c := range columnsOf(t, db) {
			name := c.table + "." + c.name
			if strings.HasSuffix(c.name, "_id") && outlives[name] == "" && !slices.ContainsFunc(rules[c.table], func(r rule) bool { return strings.HasPrefix(r.what, c.name+" names no ") }) {
				t.Errorf("%s names a row: give it a rule, or say in this test why it may outlive what it names", name)
			}
			if c.kind == "BLOB" && !unsealed.MatchString(c.name) && !slices.Contains(sealedColumns[c.table], c.name) && serverSealed[c.table] != c.name {
				t.Errorf("%s: is it sealed? name it in sealedColumns, or in this test", name)
			}
		}
	})
}

type column struct{ table, name, kind string }

func columnsOf(t *testing.T, db *DB) (all []column) {
	t.Helper()
	must(t, db.read(t.Context(), func(tx *Tx) error {
		return tx.each(`SELECT m.name, c.name, c.type FROM sqlite_schema m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'`,
			nil, func(scan func(...any) error) error {
				var c column
				err := scan(&c.table, &c.name, &c.kind)
				all = append(all, c)
				return err
			})
	}))
	if len(all) < 200 {
		t.Fatalf("only %d columns", len(all))
	}
	return all
}

func keysOf[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// lived is a database in which a claim was begun, another finished, and everything obeys the rules.
func lived(t *testing.T, w *world) (pending, claimed customer.Account, issue string) {
	t.Helper()
	ctx := t.Context()
	pending, first, caller := w.pending(t, "pending@example.org")
	_, err := w.nodes[0].claims.Mint(ctx, caller, registrationCode, claim.Binding{State: "s"})
	must(t, err)
	_, _, err = w.nodes[0].customers.CreatePersonal(ctx, caller, customer.Personal{}, customer.Idempotency{Endpoint: "e", Key: "k", Request: []byte("r"),
		Render: func(any) []byte { return []byte("body") }})
	must(t, err)
	claimed, _, _ = w.pending(t, "claimed@example.org")
	_, err = w.nodes[0].claims.Commit(ctx, w.almost(t, claimed, 70), true)
	must(t, err)
	_, err = w.nodes[0].tokens.Application(ctx, w.acme, customer.Origin{})
	must(t, err)
	return pending, claimed, first.Access
}

// TestCheckHolds: a database that the nouns wrote has no findings, and everything in it was looked at.
func TestCheckHolds(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, w *world) {
		lived(t, w)
		seal(t, w.db)
		var heard []string
		c, err := w.db.Check(t.Context(), func(what string, done, total int64) {
			heard = append(heard, what)
			if done > total {
				t.Errorf("%s: %d of %d", what, done, total)
			}
		})
		if err != nil || len(c.Findings) > 0 {
			t.Fatalf("%v, %v", c.Findings, err)
		}
		if c.Rows < 10 || c.Sealed < 8 || c.Audit.Checked < 5 || !slices.Contains(heard, "checking account") {
			t.Errorf("%d rows, %d sealed values, %d events; heard %v", c.Rows, c.Sealed, c.Audit.Checked, heard)
		}
	})
}

// damages break each rule once: SQL that somebody might run, or a fault of ours might write.
var damages = []struct{ table, finding, sql string }{
	{"account", "creator_id names no partner", "UPDATE account SET creator_id = 99 WHERE state = 'claimed'"},
	{"account", "claimed without credentials", "UPDATE account SET credentials = NULL WHERE state = 'claimed'"},
	{"account", "claimed and still open to its creator's registration code (I2)", "UPDATE account SET registration = wrapped_key WHERE state = 'claimed'"},
	{"account", "claimed at a time, yet pending (I2)", "UPDATE account SET state = 'pending' WHERE state = 'claimed'"},
	{"account", "alive without a key", "UPDATE account SET wrapped_key = NULL WHERE state = 'pending'"},
	{"account", "contact does not open", "UPDATE account SET contact = credentials WHERE state = 'claimed'"},
	{"account", "the key of its account does not open", "UPDATE account SET wrapped_key = (SELECT wrapped_key FROM account WHERE state = 'pending') WHERE state = 'claimed'"},
	{"profile", "account_id names no account", "UPDATE profile SET account_id = 99"},
	{"profile", "details does not open", "UPDATE profile SET details = (SELECT contact FROM account WHERE state = 'pending')"},
	{"profile", "representative_id names no representative", "UPDATE profile SET representative_id = 99"},
	{"reply", "body does not open", "UPDATE reply SET body = request"},
	{"claim_code", "bound does not open", "UPDATE claim_code SET bound = digest"},
	{"claim_code", "is of a later epoch than its account (I2)", "UPDATE claim_code SET epoch = 7"},
	{"claim_code", "good for an account that has its owner (I2)", "UPDATE claim_code SET account_id = (SELECT id FROM account WHERE state = 'claimed')"},
	{"claim_code", "good beside another of the same account", `INSERT INTO claim_code (id, account_id, partner_id, number, epoch, digest, state, bound, minted_at, expires_at, seen_at, seen, ended_at, version)
		SELECT id + 1, account_id, partner_id, number, epoch, account_key, state, NULL,
		minted_at, expires_at, seen_at, seen, ended_at, version FROM (SELECT c.*, a.wrapped_key AS account_key FROM claim_code c JOIN account a ON a.id = c.account_id) AS x`},
	{"token", "partner_id names no partner", "UPDATE token SET partner_id = 99 WHERE account_id = 0"},
	{"token", "is not what its grant allowed (I4)", "UPDATE token SET grant_id = 99 WHERE account_id <> 0"},
	{"token", "is of a later epoch than its account (I2)", "UPDATE token SET epoch = 9 WHERE account_id <> 0"},
	{"journey", "committed, yet its account is pending (I2)", "UPDATE journey SET account_id = (SELECT id FROM account WHERE state = 'pending'), sealed = NULL, epoch = 0"},
	{"journey", "sealed does not open", "UPDATE journey SET sealed = (SELECT contact FROM account WHERE state = 'claimed')"},
	{"session", "account_id names no account", "UPDATE session SET account_id = 99, epoch = 0"},
	{"mail", "body does not open", "UPDATE mail SET body = (SELECT contact FROM account WHERE state = 'claimed')"},
	{"access_grant", "active for an account that nobody owns (I4)", "INSERT INTO access_grant (id, account_id, partner_id, profile_id, scopes, wording, language, given_at, until_at, state, ended_at, version) SELECT 5, id, creator_id, 0, '[]', '', '', 0, 0, 'active', 0, 1 FROM account WHERE state = 'pending'"},
	{"access_grant", "active beside another of the same partner, account and profile", `INSERT INTO access_grant (id, account_id, partner_id, profile_id, scopes, wording, language, given_at, until_at, state, ended_at, version) SELECT n, id, creator_id, 0, '[]', '', '', 0, 0, 'active', 0, 1
		FROM account JOIN (SELECT 5 AS n UNION SELECT 6) AS numbers ON true WHERE state = 'claimed'`},
	{"audit_event", "", "UPDATE audit_event SET reason = 'none' WHERE id = (SELECT max(id) FROM audit_event)"},
}

// TestCheckFinds: each damage is found, under its name and with its row.
func TestCheckFinds(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, w *world) {
		lived(t, w)
		seal(t, w.db)
		for _, d := range damages {
			err := w.db.write(t.Context(), func(tx *Tx) error {
				n, err := tx.do(d.sql)
				if err == nil && n == 0 {
					t.Errorf("%s: nothing to damage", d.finding)
				}
				if err != nil {
					t.Errorf("%s: %v", d.finding, err)
					return err
				}
				var found []string
				if d.table != "audit_event" {
					var last int64
					must(t, tx.pageEnd(d.table, 0, pageRows, &last))
					note := func(what string, row int64) { found = append(found, what) }
					must(t, tx.checkRules(d.table, 0, last, note))
					_, err = tx.checkSealed(d.table, 0, last, note)
					must(t, err)
					if !slices.Contains(found, d.finding) {
						t.Errorf("%s: found %v", d.finding, found)
					}
				}
				return errUndo
			})
			if err == nil {
				t.Fatal("the damage stayed")
			}
		}
		// And through the front door, with one that stays.
		must(t, w.db.write(t.Context(), func(tx *Tx) error { _, err := tx.do(damages[len(damages)-1].sql); return err }))
		must(t, w.db.write(t.Context(), func(tx *Tx) error { _, err := tx.do(damages[0].sql); return err }))
		c, err := w.db.Check(t.Context(), nil)
		if err != nil || len(c.Findings) != 2 {
			t.Fatalf("%v, %v", c.Findings, err)
		}
		if f := c.Findings[0]; f.Table != "account" || f.Rows != 1 || f.Row == 0 || !strings.Contains(f.String(), "creator_id names no partner: 1 rows, such as ") {
			t.Errorf("%v", f)
		}
		if f := c.Findings[1]; f.Table != "audit_event" || f.Row == 0 {
			t.Errorf("%v", f)
		}
	})
}

var errUndo = claim.ErrNotNow

// TestEveryKindOfRuleIsBroken: a rule that no damage breaks might find nothing.
func TestEveryKindOfRuleIsBroken(t *testing.T) {
	t.Parallel()
	for table, all := range rules {
		for _, r := range all {
			if strings.Contains(r.what, " names no ") || r.what == notAhead.what || r.what == ofItsGrant.what {
				continue // made by one function each, broken somewhere above
			}
			if !slices.ContainsFunc(damages, func(d struct{ table, finding, sql string }) bool { return d.table == table && d.finding == r.what }) {
				t.Errorf("%s: %s: nothing above breaks it", table, r.what)
			}
		}
	}
}

// TestSever: what was given out before works no more, what was allowed stands, and pending accounts are ready to be tidied.
func TestSever(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, w *world) {
		pending, claimed, access := lived(t, w)
		ctx, n := t.Context(), w.nodes[0]
		app, err := n.tokens.Application(ctx, w.acme, customer.Origin{})
		must(t, err)
		for _, text := range []string{access, app.Access} {
			if _, err := n.tokens.Access(ctx, text); err != nil {
				t.Fatalf("before: %v", err)
			}
		}
		must(t, w.db.change(ctx, func(tx *Tx) (audit.Event, error) {
			_, err := tx.exec("UPDATE account SET close_at = $2 WHERE id = $1", claimed.ID, millis(w.db.now()))
			return restoredEvent(w.db.now(), nil), err
		}))
		severed, err := w.db.Sever(ctx, nil)
		if err != nil || severed != 2 {
			t.Fatalf("%d accounts, %v", severed, err)
		}
		for what, text := range map[string]string{"registration": access, "application": app.Access} {
			if _, err := n.tokens.Access(ctx, text); err == nil {
				t.Errorf("a token of the %s works after it", what)
			}
		}
		if _, err := n.tokens.Registration(ctx, w.acme, "pending@example.org", registrationCode, customer.Origin{}); err == nil {
			t.Error("a registration code works after it")
		}
		for what, query := range map[string]string{
			"claim codes":                        "SELECT count(*) FROM claim_code WHERE state = 'minted'",
			"sessions":                           "SELECT count(*) FROM session s JOIN account a ON a.id = s.account_id WHERE s.epoch = a.epoch OR s.session_epoch = a.session_epoch",
			"fresh accounts that nobody claimed": "SELECT count(*) FROM account WHERE state = 'pending' AND updated_at > 0",
		} {
			if left := w.count(t, query); left != 0 {
				t.Errorf("%d %s are left", left, what)
			}
		}
		if stands := w.count(t, "SELECT count(*) FROM account WHERE state = 'claimed' AND epoch > $1 AND id = $2", claimed.Epoch, claimed.ID); stands != 1 {
			t.Error("the owner's account is gone, or its epoch did not rise")
		}
		if waits := w.count(t, "SELECT count(*) FROM account WHERE state = 'claimed' AND close_at > $2 AND id = $1", claimed.ID, millis(w.db.now().Add(time.Hour))); waits != 1 {
			t.Error("an account that was to be closed when the copy was made is closed by putting the copy back")
		}
		tidied, err := n.claims.Tidy(ctx, Tidy{w.db})
		must(t, err)
		if left := w.count(t, "SELECT count(*) FROM account WHERE state = 'pending' AND id = $1", pending.ID); tidied == 0 || left != 0 {
			t.Errorf("%d tidied, %d pending left", tidied, left)
		}
		if c, err := w.db.Check(ctx, nil); err != nil || len(c.Findings) > 0 {
			t.Errorf("%v, %v", c.Findings, err)
		}
		if _, err := w.db.Sever(ctx, nil); err != nil {
			t.Errorf("again: %v", err)
		}
	})
}
