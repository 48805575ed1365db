package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// Progress hears how far long work has come, in rows; total is how many there were at its beginning. nil hears nothing.
type Progress func(what string, done, total int64)

func (p Progress) at(what string, done, total int64) {
	if p != nil {
		p(what, done, total)
	}
}

// A Finding is something that must not be: what, in which table, how many rows, and the number of one of them.
type Finding struct {
	Table string
	What  string
	Rows  int64
	Row   int64
}

// String says it in a line. It names rows by number and tells no value.
func (f Finding) String() string {
	if f.Rows == 0 {
		return f.What
	}
	return fmt.Sprintf("%s: %s: %d rows, such as %d", f.Table, f.What, f.Rows, f.Row)
}

// Checked is what Check went through and found.
type Checked struct {
	// Rows is how many rows were held to rules, Sealed how many sealed values were opened. Sealed is 0 without keys.
	Rows, Sealed int64
	// Audit is how far the chain of events holds.
	Audit    audit.Report
	Findings []Finding
}

// Check reads the whole database: whether the engine finds it whole, whether rows refer to rows that exist, whether they
// obey the rules that the nouns keep, whether every sealed value opens in its place, and whether the chain of events
// holds. It reads page by page beside whoever serves, and writes nothing. Findings are no error; the error is trouble with
// reading.
func (db *DB) Check(ctx context.Context, tell Progress) (Checked, error) {
	var c Checked
	if db.engine.serial {
		var word string
		err := db.read(ctx, func(tx *Tx) error { return tx.get(integrity, nil, &word) })
		if err == nil && word != whole {
			c.Findings = append(c.Findings, Finding{What: word})
			return c, nil // what follows would read pages that are not what they seem
		}
		if err != nil {
			return c, err
		}
	}
	for _, table := range ruledTables() {
		if err := db.checkTable(ctx, &c, table, tell); err != nil {
			return c, err
		}
	}
	report, err := db.Chain().Verify(ctx, audit.Link{})
	c.Audit = report
	var broken audit.BrokenError
	if errors.As(err, &broken) {
		c.Findings, err = append(c.Findings, Finding{Table: "audit_event", What: broken.Error(), Rows: 1, Row: broken.Event}), nil
	}
	return c, err
}

// A rule is a condition, in SQL over the row t, that holds of no row.
type rule struct{ what, broken string }

// refers is the rule that a column, where it is not 0, names a row of another table. Of an erased account nothing is left to name.
func refers(column, table string) rule {
	return rule{column + " names no " + table,
		"t." + column + " <> 0 AND NOT EXISTS (SELECT 1 FROM " + table + " r WHERE r.id = t." + column + ")"}
}

// rules hold of the rows of each table, whatever is under way. What may outlive what it names has no rule: an event its account's
// journey, a journey its session, a delivery its event.
var rules = map[string][]rule{
	"account": {
		refers("creator_id", "partner"),
		{"claimed without credentials", "t.state = 'claimed' AND (t.credentials IS NULL OR t.claimed_at = 0)"},
		{"claimed and still open to its creator's registration code (I2)", "t.state = 'claimed' AND length(t.registration) > 0"},
		{"claimed at a time, yet pending (I2)", "t.state = 'pending' AND t.claimed_at <> 0"},
		{"alive without a key", "t.state IN ('pending', 'claimed') AND t.wrapped_key IS NULL"},
	},
	"profile":        {refers("account_id", "account"), refers("representative_id", "representative")},
	"representative": {refers("account_id", "account")},
	"profile_file":   {refers("account_id", "account"), refers("profile_id", "profile"), refers("partner_id", "partner")},
	"reply":          {refers("account_id", "account"), refers("partner_id", "partner")},
	"receipt":        {refers("account_id", "account"), refers("partner_id", "partner")},
	"objection":      {refers("account_id", "account")},
	"kyc_review":     {refers("account_id", "account"), refers("partner_id", "partner"), refers("profile_id", "profile")},
	"phone_number":   {refers("account_id", "account"), refers("partner_id", "partner")},
	"one_time_token": {refers("account_id", "account"), refers("partner_id", "partner")},
	"partner_key":    {refers("partner_id", "partner")},
	"subscription":   {refers("account_id", "account"), refers("partner_id", "partner")},
	"partner_event":  {refers("account_id", "account"), refers("partner_id", "partner")},
	"delivery":       {refers("partner_id", "partner")},
	"session":        {refers("account_id", "account"), notAhead},
	"access_grant": {
		refers("account_id", "account"), refers("partner_id", "partner"),
		{"active for an account that nobody owns (I4)", "t.state = 'active' AND NOT EXISTS (SELECT 1 FROM account a WHERE a.id = t.account_id AND a.state = 'claimed')"},
		{"active beside another of the same partner, account and profile", `t.state = 'active' AND EXISTS (SELECT 1 FROM access_grant o
			WHERE o.account_id = t.account_id AND o.partner_id = t.partner_id AND o.profile_id = t.profile_id AND o.state = 'active' AND o.id < t.id)`},
	},
	"authorization_code": {refers("account_id", "account"), refers("partner_id", "partner"), ofItsGrant, notAhead},
	"token":              {refers("account_id", "account"), refers("partner_id", "partner"), ofItsGrant, notAhead},
	"claim_code": {
		refers("account_id", "account"), refers("partner_id", "partner"), notAhead,
		{"good for an account that has its owner (I2)", "t.state = 'minted' AND EXISTS (SELECT 1 FROM account a WHERE a.id = t.account_id AND a.state = 'claimed')"},
		{"good beside another of the same account", "t.state = 'minted' AND EXISTS (SELECT 1 FROM claim_code o WHERE o.account_id = t.account_id AND o.state = 'minted' AND o.id < t.id)"},
	},
	"journey": {
		refers("account_id", "account"), refers("partner_id", "partner"), notAhead,
		{"committed, yet its account is pending (I2)", "t.committed_at <> 0 AND EXISTS (SELECT 1 FROM account a WHERE a.id = t.account_id AND a.state = 'pending')"},
	},
	"known_device": {refers("account_id", "account")},
	"recovery":     {refers("account_id", "account"), notAhead},
	// What was begun is of its epochs or of lower ones, which end it.
	"pending_change": {refers("account_id", "account"), notAhead},
	"account_reset":  {refers("account_id", "account"), notAhead},
	"mail":           {refers("account_id", "account")},
}

// notAhead: nothing is of an epoch that its account has not reached.
var notAhead = rule{"is of a later epoch than its account (I2)",
	"t.account_id <> 0 AND t.epoch > (SELECT a.epoch FROM account a WHERE a.id = t.account_id)"}

// ofItsGrant: what a consent gave is for the client, account and profile of that consent and no other (I4).
var ofItsGrant = rule{"is not what its grant allowed (I4)", `t.grant_id <> 0 AND NOT EXISTS (SELECT 1 FROM access_grant g WHERE g.id = t.grant_id
	AND g.account_id = t.account_id AND g.partner_id = t.partner_id AND g.profile_id = t.profile_id)`}

// sealedColumns are what lies sealed under the key of the row's account, by table.
var sealedColumns = map[string][]string{
	"account":        {"contact", "credentials"},
	"profile":        {"details"},
	"representative": {"details"},
	"profile_file":   {"name", "content"},
	"reply":          {"body"},
	"claim_code":     {"bound"},
	"journey":        {"sealed"},
	"recovery":       {"sealed"},
	"pending_change": {"body"},
	"account_reset":  {"sealed"},
	"phone_number":   {"number"},
	"receipt":        {"content"},
}

// serverSealed is what lies sealed under a server key: it is read by whoever delivers it.
var serverSealed = map[string]string{"mail": "body"}

// ruledTables are the tables of rules in the order in which they are checked.
func ruledTables() []string {
	return []string{"account", "profile", "representative", "profile_file", "reply", "access_grant", "authorization_code", "token",
		"claim_code", "journey", "session", "receipt", "objection", "kyc_review", "phone_number", "one_time_token", "partner_key",
		"subscription", "partner_event", "delivery", "known_device", "recovery", "account_reset", "pending_change", "mail"}
}

// pageRows is how many rows one statement of a check looks at; of files, which are large, fewer.
const (
	pageRows  = 2000
	pageFiles = 20
)

// checkTable goes through a table page by page, so that no statement runs long beside those of requests.
func (db *DB) checkTable(ctx context.Context, c *Checked, table string, tell Progress) error {
	total, err := db.rows(ctx, table)
	if err != nil {
		return err
	}
	most, seen, found := pageRows, int64(0), map[string]*Finding{}
	if table == "profile_file" {
		most = pageFiles
	}
	note := func(what string, row int64) {
		if found[what] == nil {
			found[what] = &Finding{Table: table, What: what, Row: row}
		}
		found[what].Rows++
	}
	for above, last := int64(0), int64(0); ; above = last {
		err := db.read(ctx, func(tx *Tx) error {
			if err := tx.pageEnd(table, above, most, &last); err != nil || last == above {
				return err
			}
			var n int64
			if err := tx.get("SELECT count(*) FROM "+table+" WHERE id > $1 AND id <= $2", []any{above, last}, &n); err != nil {
				return err
			}
			seen += n
			if err := tx.checkRules(table, above, last, note); err != nil || db.keyless {
				return err
			}
			opened, err := tx.checkSealed(table, above, last, note)
			c.Sealed += opened
			return err
		})
		if err != nil {
			return err
		}
		if last == above {
			break
		}
		tell.at("checking "+table, seen, max(total, seen))
	}
	c.Rows += seen
	for _, f := range found {
		c.Findings = append(c.Findings, *f)
	}
	return nil
}

// rows counts a table, roughly and quickly: for a bar that shows how far something is.
func (db *DB) rows(ctx context.Context, table string) (n int64, err error) {
	query := "SELECT count(*) FROM " + table
	if !db.engine.serial {
		query = "SELECT greatest(reltuples::bigint, 0) FROM pg_class WHERE oid = '" + table + "'::regclass"
	}
	err = db.read(ctx, func(tx *Tx) error { return tx.get(query, nil, &n) })
	return n, err
}

// pageEnd finds the last row of a page of so many above a number; where there is none, last is that number.
func (tx *Tx) pageEnd(table string, above int64, most int, last *int64) error {
	return tx.get("SELECT COALESCE(max(id), $1) FROM (SELECT id FROM "+table+" WHERE id > $1 ORDER BY id LIMIT $2) AS page",
		[]any{above, most}, last)
}

func (tx *Tx) checkRules(table string, above, last int64, note func(string, int64)) error {
	for _, r := range rules[table] {
		err := tx.each("SELECT t.id FROM "+table+" t WHERE t.id > $1 AND t.id <= $2 AND ("+r.broken+")", []any{above, last},
			func(scan func(...any) error) error {
				var id int64
				err := scan(&id)
				note(r.what, id)
				return err
			})
		if err != nil {
			return err
		}
	}
	return nil
}

// checkSealed opens every sealed value of a page in its place. A value that was moved, cut or sealed under a key that is not the
// account's does not open.
func (tx *Tx) checkSealed(table string, above, last int64, note func(string, int64)) (opened int64, err error) {
	for _, column := range sealedColumns[table] {
		account := "t.account_id"
		if table == "account" {
			account = "t.id"
		}
		var id, owner int64
		err := tx.each("SELECT t.id, a.id, a.wrapped_key, t."+column+" FROM "+table+" t JOIN account a ON a.id = "+account+
			" WHERE t.id > $1 AND t.id <= $2 AND t."+column+" IS NOT NULL AND a.wrapped_key IS NOT NULL", []any{above, last},
			func(scan func(...any) error) error {
				var wrapped, sealed []byte
				if err := scan(&id, &owner, &wrapped, &sealed); err != nil {
					return err
				}
				opened++
				box, err := tx.db.keys.Box(owner, wrapped)
				if err != nil {
					note("the key of its account does not open", id)
				} else if _, err := box.Open(secret.Place{Table: table, Column: column, Row: id}, sealed); err != nil {
					note(column+" does not open", id)
				}
				return nil
			})
		if err != nil {
			return opened, err
		}
	}
	if column := serverSealed[table]; column != "" {
		err = tx.each("SELECT id, "+column+" FROM "+table+" WHERE id > $1 AND id <= $2 AND "+column+" IS NOT NULL", []any{above, last},
			func(scan func(...any) error) error {
				var id int64
				var sealed []byte
				if err := scan(&id, &sealed); err != nil {
					return err
				}
				opened++
				if _, err := tx.db.keys.Open(secret.Place{Table: table, Column: column, Row: id}, sealed); err != nil {
					note(column+" does not open", id)
				}
				return nil
			})
	}
	return opened, err
}
