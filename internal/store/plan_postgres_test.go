package store

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// planNode is a step of a plan as EXPLAIN (FORMAT JSON) tells it.
type planNode struct {
	Type     string     `json:"Node Type"`
	Relation string     `json:"Relation Name"`
	Cond     string     `json:"Index Cond"`
	Index    string     `json:"Index Name"`
	Plans    []planNode `json:"Plans"`
}

// scans lists the tables that a plan reads from end to end: without an index, or through one that it asks for nothing. Below
// a Limit an index is walked in its order and left early.
func (n planNode) scans(limited bool) (tables []string) {
	limited = limited || n.Type == "Limit"
	switch n.Type {
	case "Seq Scan":
		tables = append(tables, n.Relation)
	case "Index Scan", "Index Only Scan", "Bitmap Index Scan":
		if n.Cond == "" && !limited {
			tables = append(tables, n.Relation+" through "+n.Index)
		}
	}
	for _, below := range n.Plans {
		tables = append(tables, below.scans(limited)...)
	}
	return tables
}

// TestEveryStatementUsesAnIndexOnPostgres: the planner is forbidden to read a table from end to end, and still does where no
// index serves a statement. The plan is the one that is kept for all values.
func TestEveryStatementUsesAnIndexOnPostgres(t *testing.T) {
	// On purpose: operators list all partners; the sandbox's inbox walks the mails; few keys are ever in use.
	mayScan := []string{"partner", "partner through partner_pkey", "master_key", "mail through mail_pkey", "mail"}
	dsn := postgresTest(t)
	db := openTest(t, dsn)
	exercise(t, db)
	ctx := context.Background()
	c, err := pgx.Connect(ctx, dsn)
	must(t, err)
	defer c.Close(ctx)
	for _, set := range []string{"SET enable_seqscan = off", "SET plan_cache_mode = force_generic_plan"} {
		_, err := c.Exec(ctx, set)
		must(t, err)
	}
	explain := func(name, query string) planNode {
		t.Helper()
		_, err := c.Exec(ctx, "PREPARE "+name+" AS "+query)
		if err != nil {
			t.Fatalf("%v\n\tfor %s", err, query)
		}
		n := 0
		for _, m := range regexp.MustCompile(`\$(\d+)`).FindAllStringSubmatch(query, -1) {
			i, _ := strconv.Atoi(m[1])
			n = max(n, i)
		}
		execute := name
		if n > 0 {
			execute += "(" + strings.TrimSuffix(strings.Repeat("NULL, ", n), ", ") + ")"
		}
		var text []byte
		must(t, c.QueryRow(ctx, "EXPLAIN (FORMAT JSON) EXECUTE "+execute).Scan(&text))
		var plans []struct{ Plan planNode }
		must(t, json.Unmarshal(text, &plans))
		return plans[0].Plan
	}
	checked, conditional := 0, 0
	for i, query := range postgresStatements(db) {
		switch word, _, _ := strings.Cut(query, " "); word {
		case "WITH":
			conditional++
		case "SELECT", "INSERT", "UPDATE", "DELETE":
		default:
			continue
		}
		checked++
		for _, table := range explain(fmt.Sprint("q", i), query).scans(false) {
			if !slices.Contains(mayScan, table) {
				t.Errorf("%s is read from end to end\n\tfor %s", table, query)
			}
		}
	}
	if checked < 60 || conditional < 10 {
		t.Errorf("only %d statements were looked at, %d of them in the form of engine.sole", checked, conditional)
	}
	// And it can fail.
	for name, query := range map[string]string{"no_index": "SELECT id FROM account WHERE hold = $1", "walks": "SELECT id FROM account ORDER BY id"} {
		if len(explain(name, query).scans(false)) == 0 {
			t.Errorf("%s is not found", query)
		}
	}
	t.Logf("%d statements", checked)
}

// postgresStatements lists the SQL texts that the connections of a database have prepared.
func postgresStatements(db *DB) (all []string) {
	for _, p := range []*pool{db.readers, db.writers, db.turns} {
		for _, c := range p.idle {
			if c != nil {
				for query := range c.stmts {
					all = append(all, query)
				}
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
