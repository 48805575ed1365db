package store

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/limit"
	"github.com/latchkey-id/latchkey/internal/partner"
)

// foreseeing reads a row alone, and with what stands behind it.
func foreseeing(read func(*Tx) error) func(*Tx) error {
	return func(tx *Tx) error {
		alone := read(tx)
		tx.foresees = true
		return errors.Join(alone, read(tx))
	}
}

// everyMethod calls each method of Tx at least once, by its name. Saving is called twice: insert and update.
func everyMethod(t *testing.T) map[string]func(*Tx) error {
	now := time.UnixMilli(1_800_000_000_000).UTC()
	twice := func(save func() error) error {
		if err := save(); err != nil {
			return err
		}
		return save()
	}
	missing := func(error) error { return nil } // a row that is not there is read by the same statement
	p := filled[partner.Partner](t)
	a := customer.Account{ID: owner + 1, Email: "second@example.org", State: customer.Claimed}
	profile := customer.Profile{ID: 2, Account: owner}
	r := customer.Representative{ID: 3, Account: owner}
	s := customer.Session{ID: 3, Secret: []byte("s")}
	g, c := grant.Grant{ID: 4}, grant.Code{ID: 5, Digest: []byte("d")}
	k := grant.Token{ID: 6, Access: []byte("a"), Account: owner}
	code := claim.Code{ID: 7, Account: owner, Digest: []byte("d"), Bound: claim.Binding{State: "s"}}
	j := claim.Journey{ID: 8, Account: owner, Session: 3, Text: "text"}
	key := limit.NewKey(limit.KindPassword, "a")
	p.ID, p.Version, p.Class = 1, 0, partner.Classic
	all := map[string]func(*Tx) error{
		"SpendChallenge":  func(tx *Tx) error { _, err := tx.SpendChallenge(owner, []byte("answered"), now); return err },
		"SavePartner":     func(tx *Tx) error { return twice(func() error { return tx.SavePartner(&p) }) },
		"Partner":         func(tx *Tx) error { _, err := tx.Partner(1); return missing(err) },
		"PartnerByClient": func(tx *Tx) error { _, err := tx.PartnerByClient("x"); return missing(err) },
		"Behind":          func(tx *Tx) error { _, _, err := tx.Behind(k); return err },
		"PartnerAsking":   func(tx *Tx) error { _, _, err := tx.PartnerAsking("x", key); return missing(err) },
		"Holds":           func(tx *Tx) error { return holding(tx, key) },
		"Partners":        func(tx *Tx) error { _, err := tx.Partners(); return err },
		"QueueEvent":      func(tx *Tx) error { return tx.QueueEvent(partner.Event{}) },
		"Subscriptions":   func(tx *Tx) error { _, err := tx.Subscriptions(partner.Owner{Partner: 1}); return err },
		"Subscription":    func(tx *Tx) error { _, err := tx.Subscription(partner.Owner{Partner: 1}, "s"); return missing(err) },
		"AddSubscription": func(tx *Tx) error {
			return tx.AddSubscription(partner.Subscription{ID: 11, Account: int64(owner), PublicID: "s"})
		},
		"RemoveSubscription": func(tx *Tx) error { return tx.RemoveSubscription(12, now) },
		"QueueTest":          func(tx *Tx) error { return tx.QueueTest(partner.Delivery{ID: 13, Subscription: 11, DueAt: now}) },
		"RestartDelivery":    func(tx *Tx) error { return tx.RestartDelivery(partner.Delivery{ID: 14}) },
		"Deliveries": func(tx *Tx) error {
			for _, which := range []partner.Selection{{}, {Partner: 1}, {Outcome: partner.GivenUp}, {Since: now}, {PublicIDs: []string{"a", "b"}}} {
				which.Limit = 5
				if _, err := tx.Deliveries(which); err != nil {
					return err
				}
			}
			return nil
		},
		"SaveAccount":        func(tx *Tx) error { return twice(func() error { a.Epoch++; return tx.SaveAccount(&a) }) },
		"Account":            func(tx *Tx) error { _, err := tx.Account(owner); return err },
		"PendingAccount":     func(tx *Tx) error { _, err := tx.PendingAccount(5, "owner@example.org"); return err },
		"ClaimedAccount":     func(tx *Tx) error { _, err := tx.ClaimedAccount("second@example.org"); return missing(err) },
		"BlockAddress":       func(tx *Tx) error { return tx.BlockAddress(1, "a@example.org", now) },
		"Blocked":            func(tx *Tx) error { _, err := tx.Blocked(1, "a@example.org", now); return err },
		"SaveProfile":        func(tx *Tx) error { return twice(func() error { return tx.SaveProfile(&profile) }) },
		"Profile":            func(tx *Tx) error { _, err := tx.Profile(2); return missing(err) },
		"Profiles":           func(tx *Tx) error { _, err := tx.Profiles(owner); return err },
		"SaveRepresentative": func(tx *Tx) error { return twice(func() error { return tx.SaveRepresentative(&r) }) },
		"Representative":     func(tx *Tx) error { _, err := tx.Representative(3); return missing(err) },
		"SaveFile":           func(tx *Tx) error { return saveFile(tx, customer.File{ID: 4, Account: owner, Profile: 2}) },
		"SealFile":           func(tx *Tx) error { _, err := tx.SealFile(customer.File{ID: 4, Account: owner}); return err },
		"File":               func(tx *Tx) error { _, err := tx.File(4); return missing(err) },
		"Files":              func(tx *Tx) error { _, err := tx.Files(owner, 2); return err },
		"SaveSession":        func(tx *Tx) error { return twice(func() error { return tx.SaveSession(&s) }) },
		"Session":            func(tx *Tx) error { _, err := tx.Session(3); return missing(err) },
		"SaveGrant":          func(tx *Tx) error { return twice(func() error { return tx.SaveGrant(&g) }) },
		"Grant":              func(tx *Tx) error { _, err := tx.Grant(4); return missing(err) },
		"ActiveGrant":        func(tx *Tx) error { _, err := tx.ActiveGrant(1, 2, 3); return missing(err) },
		"SilentJourneys":     func(tx *Tx) error { _, err := tx.SilentJourneys(now, 9); return err },
		"ClosingAccounts":    func(tx *Tx) error { _, err := tx.ClosingAccounts(now, 9); return err },
		"StalePending":       func(tx *Tx) error { _, err := tx.StalePending(now, 9); return err },
		"ForgetAccount":      func(tx *Tx) error { return tx.ForgetAccount(99) },
		"EraseAccount":       func(tx *Tx) error { return tx.EraseAccount(99) },
		"Grants":             func(tx *Tx) error { _, err := tx.Grants(1, 2); return err },
		"SaveCode":           func(tx *Tx) error { return twice(func() error { return tx.SaveCode(&c) }) },
		"Code":               foreseeing(func(tx *Tx) error { _, err := tx.Code(5); return missing(err) }),
		"SaveToken":          func(tx *Tx) error { return twice(func() error { return tx.SaveToken(&k) }) },
		"Token":              foreseeing(func(tx *Tx) error { _, err := tx.Token(6); return missing(err) }),
		"Standing":           func(tx *Tx) error { _, err := tx.Standing(6, partner.Premise{}); return missing(err) },
		"EndRefresh":         func(tx *Tx) error { return tx.EndRefresh(1, 2, 3, now) },
		"SaveClaimCode":      func(tx *Tx) error { return twice(func() error { return tx.SaveClaimCode(&code) }) },
		"ClaimCode":          func(tx *Tx) error { _, err := tx.ClaimCode(7); return missing(err) },
		"ClaimCodeByDigest":  func(tx *Tx) error { _, err := tx.ClaimCodeByDigest([]byte("d")); return missing(err) },
		"EndClaimCodes":      func(tx *Tx) error { return tx.EndClaimCodes(1, claim.Superseded, now) },
		"SaveJourney":        func(tx *Tx) error { return twice(func() error { return tx.SaveJourney(&j) }) },
		"Journey":            func(tx *Tx) error { _, err := tx.Journey("text"); return missing(err) },
		"JourneysOf":         func(tx *Tx) error { _, err := tx.JourneysOf(3); return err },
		"SaveReply": func(tx *Tx) error {
			return tx.SaveReply(customer.Reply{ID: 9, Account: owner, Request: []byte("r"), At: now})
		},
		"Reply": func(tx *Tx) error { _, _, err := tx.Reply(customer.Reply{Account: owner}, now); return err },
		"Tries": func(tx *Tx) error { _, err := tx.Tries(key); return err },
		"SaveTries": func(tx *Tx) error {
			return errors.Join(twice(func() error { return limit.Spend(tx, key, now) }), limit.Spend(tx, key, now.Add(day)))
		},
		"QueueMail": func(tx *Tx) error { return tx.QueueMail(customer.Mail{ID: 10, At: now}) },
	}
	maps.Copy(all, checkMethods(now, twice, missing))
	maps.Copy(all, recoverMethods(now, twice, missing))
	return all
}

// recoverMethods are those of who gets back in.
func recoverMethods(now time.Time, twice func(func() error) error, missing func(error) error) map[string]func(*Tx) error {
	r := customer.Recovery{ID: 22, Account: owner, Session: 3, Method: "app"}
	q := customer.Reset{ID: 23, Account: owner, Link: []byte("d")}
	return map[string]func(*Tx) error{
		"SaveRecovery":  func(tx *Tx) error { return twice(func() error { return tx.SaveRecovery(&r) }) },
		"RecoveryOf":    func(tx *Tx) error { _, err := tx.RecoveryOf(99); return missing(err) },
		"SaveReset":     func(tx *Tx) error { return twice(func() error { return tx.SaveReset(&q) }) },
		"Reset":         func(tx *Tx) error { _, err := tx.Reset(99); return missing(err) },
		"ResetByLink":   func(tx *Tx) error { _, err := tx.ResetByLink([]byte("x")); return missing(err) },
		"SuspendAccess": func(tx *Tx) error { _, err := tx.SuspendAccess(1, now); return err },
	}
}

// checkMethods are those about what is checked of a profile, and about approvals.
func checkMethods(now time.Time, twice func(func() error) error, missing func(error) error) map[string]func(*Tx) error {
	change := customer.PendingChange{ID: 21, Account: owner, Session: 3, Kind: customer.ChangeApp}
	approval := customer.Approval{ID: 17, Account: owner, Digest: []byte("o")}
	device := customer.Device{ID: 21, Account: owner, Digest: []byte("d")}
	o := claim.Objection{ID: 20, Account: owner, Digest: []byte("d")}
	review := customer.KYCReview{ID: 15, Account: owner, Profile: 2, PublicID: "review"}
	return map[string]func(*Tx) error{
		"SavePendingChange": func(tx *Tx) error { return twice(func() error { return tx.SavePendingChange(&change) }) },
		"PendingChange":     func(tx *Tx) error { _, err := tx.PendingChange(3, customer.ChangeApp); return missing(err) },
		"DropPendingChange": func(tx *Tx) error { return tx.DropPendingChange(22) },
		"Sight":             func(tx *Tx) error { _, err := tx.Sight(customer.Caller{Account: owner}); return err },
		"SessionsOf":        func(tx *Tx) error { _, err := tx.SessionsOf(owner); return err },
		"EndRefreshOf":      func(tx *Tx) error { return tx.EndRefreshOf(owner, now) },
		"SaveObjection": func(tx *Tx) error {
			return twice(func() error { return tx.SaveObjection(&o) })
		},
		"SaveDevice":        func(tx *Tx) error { return twice(func() error { return tx.SaveDevice(&device) }) },
		"DeviceByDigest":    func(tx *Tx) error { _, err := tx.DeviceByDigest([]byte("x")); return err },
		"DropDevices":       func(tx *Tx) error { return tx.DropDevices(owner, 3) },
		"ObjectionOf":       func(tx *Tx) error { _, err := tx.ObjectionOf(owner); return missing(err) },
		"ObjectionByDigest": func(tx *Tx) error { _, err := tx.ObjectionByDigest([]byte("x")); return missing(err) },
		"AccessStands":      func(tx *Tx) error { _, err := tx.AccessStands(1, 1); return err },
		"GrantsEnding":      func(tx *Tx) error { _, err := tx.GrantsEnding(now, now, 5); return err },
		"EveryGrant":        func(tx *Tx) error { _, err := tx.EveryGrant(1); return err },
		"GrantsOf":          func(tx *Tx) error { _, err := tx.GrantsOf(1); return err },
		"SaveReceipt":       func(tx *Tx) error { return tx.SaveReceipt(&claim.Receipt{ID: 19, Account: owner}) },
		"Receipts":          func(tx *Tx) error { _, err := tx.Receipts(owner); return err },
		"KYCReview":         func(tx *Tx) error { _, err := tx.KYCReview("x"); return missing(err) },
		"KYCReviewByLink":   func(tx *Tx) error { _, err := tx.KYCReviewByLink([]byte("x")); return missing(err) },
		"KYCReviews":        func(tx *Tx) error { _, err := tx.KYCReviews(2); return err },
		"SaveKYCReview":     func(tx *Tx) error { return twice(func() error { return tx.SaveKYCReview(&review) }) },
		"ReviewFiles":       func(tx *Tx) error { return tx.ReviewFiles(owner, 2, now, nil) },
		"Watchers":          func(tx *Tx) error { _, err := tx.Watchers(owner, 2, now); return err },
		"DueQuestions":      func(tx *Tx) error { _, err := tx.DueQuestions(now, 5); return err },
		"PhoneNumberOf":     func(tx *Tx) error { _, err := tx.PhoneNumberOf(owner, 1); return missing(err) },
		"SavePhoneNumber":   func(tx *Tx) error { return tx.SavePhoneNumber(customer.PhoneNumber{ID: 16, Account: owner}) },
		"ApprovalByDigest":  func(tx *Tx) error { _, err := tx.ApprovalByDigest([]byte("x")); return missing(err) },
		"SaveApproval":      func(tx *Tx) error { return twice(func() error { return tx.SaveApproval(&approval) }) },
		"AddPublicKey":      func(tx *Tx) error { return tx.AddPublicKey(partner.PublicKey{ID: 18}) },
		"PublicKeyCount":    func(tx *Tx) error { _, err := tx.PublicKeyCount(1); return err },
	}
}

// exercise runs every statement of this package once.
func exercise(t *testing.T, db *DB) {
	t.Helper()
	ctx, now := context.Background(), time.UnixMilli(1_800_000_000_000).UTC()
	withAccount(t, db, owner, "owner@example.org")
	methods := everyMethod(t)
	for i := range reflect.TypeFor[*Tx]().NumMethod() {
		name := reflect.TypeFor[*Tx]().Method(i).Name
		call, known := methods[name]
		if !known {
			t.Errorf("Tx.%s is not exercised; add it to everyMethod", name)
			continue
		}
		if err := db.write(ctx, call); err != nil {
			t.Errorf("Tx.%s: %v", name, err)
		}
	}
	must(t, SignIns{For[customer.SignInTx]{db}}.SeeSession(ctx, 3, []byte("secret"), now))
	for _, f := range []audit.Filter{{}, {Before: 9}, {Partner: 1}, {Account: 1}, {Journey: 1}, {Action: audit.CodeMinted},
		{Account: 1, Since: now, Actions: []audit.Action{audit.GrantUsed, audit.GrantStopped}}} {
		f.Limit = 5
		_, err := Audit{db}.TailEvents(ctx, f)
		must(t, err)
	}
	_, err := db.Chain().Seal(ctx, true)
	must(t, err)
	_, err = db.Chain().Verify(ctx, audit.Link{})
	must(t, err)
	must(t, db.Chain().Export(ctx, func(audit.Record) error { return nil }))
	_, err = Receipts{db}.UnsignedReceipts(ctx, 5)
	must(t, err)
	must(t, Receipts{db}.SignReceipt(ctx, 19, "signed"))
	mails := Mails{db}
	_, err = mails.NextMails(ctx, now, time.Minute, 5)
	must(t, err)
	_, err = mails.Mails(ctx, 5)
	must(t, err)
	must(t, mails.MailFailed(ctx, 10, now))
	must(t, mails.MailSent(ctx, 10, now))
	must(t, mails.MailGivenUp(ctx, 10, happened(1)))
	exerciseOutbox(t, db, now)
	_, err = db.Sweep(ctx, now)
	must(t, err)
	must(t, db.Ping(ctx))
}

// statements lists the SQL texts that the connections of a database have prepared.
func statements(db *DB) []string {
	var all []string
	collect := func(c *conn) {
		if c != nil {
			for query := range c.stmts {
				all = append(all, query)
			}
		}
	}
	collect(db.writer.conn)
	for _, c := range db.readers.idle {
		collect(c)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// holding holds a premise that does.
func holding(tx *Tx, key limit.Key) error {
	on := partner.Premise{Partner: 77, Version: 1, Tries: key}
	err := errors.Join(tx.SavePartner(&partner.Partner{ID: 77, ClientID: "holds", Class: partner.Classic}), tx.Holds(on))
	if _, none := tx.Standing(6, on); !errors.Is(none, grant.ErrInvalidToken) {
		err = errors.Join(err, none)
	}
	return err
}

// TestEveryStatementRuns runs each once, on both engines: their one SQL text is understood by both.
func TestEveryStatementRuns(t *testing.T) { eachEngine(t, exercise) }

// TestEveryStatementUsesAnIndex: a scan is fast while a table is small and stops a server when it has grown. It asks SQLite
// alone: PostgreSQL plans by the sizes of tables, and those of a test are empty.
func TestEveryStatementUsesAnIndex(t *testing.T) {
	// On purpose: operators list all partners; the sandbox's inbox walks the mails from the newest to a limit.
	// On purpose, too: erasing an account looks at what waits to be delivered, which is little.
	mayScan := []string{"SCAN partner", "SCAN master_key", "SCAN mail", "SCAN CONSTANT ROW", "SCAN delivery USING INDEX delivery_due", "SCAN mail USING INDEX mail_due"}
	argument := regexp.MustCompile(`\$(\d+)`)
	oneWriter(t, func(t *testing.T, db *DB) {
		exercise(t, db)
		checked := 0
		for _, query := range statements(db) {
			switch word, _, _ := strings.Cut(query, " "); word {
			case "SELECT", "INSERT", "UPDATE", "DELETE":
			default:
				continue
			}
			checked++
			var args []any
			for _, m := range argument.FindAllStringSubmatch(query, -1) {
				n, err := strconv.Atoi(m[1])
				must(t, err)
				args = append(args, make([]any, max(0, n-len(args)))...)
			}
			must(t, db.read(t.Context(), func(tx *Tx) error {
				return tx.each("EXPLAIN QUERY PLAN "+query, args, func(scan func(...any) error) error {
					var id, parent, unused int
					var step string
					err := scan(&id, &parent, &unused, &step)
					sorts := strings.Contains(step, "TEMP B-TREE")
					if (strings.HasPrefix(step, "SCAN") || sorts) && !slices.Contains(mayScan, step) {
						t.Errorf("%s\n\tfor %s", step, query)
					}
					return err
				})
			}))
		}
		if checked < 60 {
			t.Errorf("only %d statements were looked at", checked)
		}
		t.Logf("%d statements", checked)
	})
}
