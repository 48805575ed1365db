package store

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
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
	Filter   string     `json:"Filter"`
	Join     string     `json:"Join Filter"`
	Under    string     `json:"Parent Relationship"`
	Plans    []planNode `json:"Plans"`
}

// scans lists the tables that a plan reads from end to end: without an index, or through one that it asks for nothing. Below
// a Limit an index is walked in its order and left early, unless by a step that wants all before it gives any, or for rows that may be far away.
func (n planNode) scans(limited bool) (tables []string) {
	limited = limited && n.Under != "SubPlan" && n.Under != "InitPlan"
	switch n.Type {
	case "Limit":
		limited = true
	case "Merge Join", "Hash Join", "Hash", "Sort", "Incremental Sort", "Aggregate", "Unique", "Materialize", "BitmapAnd", "BitmapOr", "Bitmap Heap Scan":
		limited = false
	case "Seq Scan":
		tables = append(tables, n.Relation)
	case "Index Scan", "Index Only Scan", "Bitmap Index Scan":
		if n.Cond == "" && (!limited || n.Filter != "") {
			tables = append(tables, n.Relation+" through "+n.Index)
		}
	}
	for _, below := range n.Plans {
		tables = append(tables, below.scans(limited)...)
	}
	return tables
}

// grow fills every table with made-up rows, every second of which has nothing in those columns that may have nothing, and says to the planner
// that there are ten thousand times as many.
func grow(t *testing.T, c *pgx.Conn) {
	t.Helper()
	const rows, times = 2000, 10_000
	columns := map[string][][2]string{}
	var table, name, is string
	found, err := c.Query(t.Context(), `SELECT table_name, column_name, CASE
		WHEN column_name = 'close_at' THEN 'i * (1 - least(i % 100, 1))'
		WHEN data_type = 'bigint' AND (column_name LIKE '%id' OR EXISTS (SELECT 1 FROM pg_attribute a JOIN pg_index u ON u.indrelid = a.attrelid AND a.attnum = ANY (u.indkey)
			WHERE u.indisunique AND u.indpred IS NULL AND a.attname = column_name AND a.attrelid = table_name::regclass)) THEN 'i'
		WHEN data_type = 'bigint' THEN 'i * (i % 2)'
		WHEN data_type = 'bytea' THEN CASE is_nullable WHEN 'YES' THEN 'CASE i % 2 WHEN 1 THEN int8send(i) END' ELSE 'int8send(i)' END
		WHEN data_type = 'boolean' THEN 'i % 2 = 1' WHEN column_name = 'state' THEN $2 ELSE $1 END
		FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
		WHERE table_schema = current_schema() AND table_type = 'BASE TABLE' AND table_name NOT LIKE 'goose%'`, "'x' || i",
		"(ARRAY['pending', 'claimed', 'minted', 'active'])[1 + i % 4]")
	must(t, err)
	_, err = pgx.ForEachRow(found, []any{&table, &name, &is}, func() error {
		columns[table] = append(columns[table], [2]string{name, is})
		return nil
	})
	must(t, err)
	if len(columns) < 30 {
		t.Fatalf("only %d tables", len(columns))
	}
	run := func(query string, args ...any) {
		t.Helper()
		if _, err := c.Exec(t.Context(), query, args...); err != nil {
			t.Fatalf("%v\n\tfor %s", err, query)
		}
	}
	for table, list := range columns {
		var names, values []string
		for _, column := range list {
			names, values = append(names, column[0]), append(values, column[1])
		}
		run(fmt.Sprintf("TRUNCATE %s", table))
		run(fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM generate_series(1::bigint, %d) AS i", table, strings.Join(names, ", "), strings.Join(values, ", "), rows))
	}
	run("ANALYZE " + strings.Join(slices.Collect(maps.Keys(columns)), ", "))
	run("UPDATE pg_class SET reltuples = reltuples * $1 WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'i')", times)
}

// finds reports whether a step looks for given values, and not for all that lies in a range.
func (n planNode) finds() bool {
	return strings.Contains(n.Cond, " = ") || n.Cond == "" && len(n.Plans) > 0 && n.Plans[0].finds()
}

// walks lists the joins of a plan that look at all rows of one side for each row of the other. Where the planner takes the newest rows for few, since it
// has not heard of them yet, it finds that cheap.
func (n planNode) walks() (joins []string) {
	if n.Type == "Nested Loop" && n.Join != "" && !n.Plans[1].finds() {
		joins = append(joins, n.Join)
	}
	for _, below := range n.Plans {
		joins = append(joins, below.walks()...)
	}
	return joins
}

// TestEveryStatementUsesAnIndexOnPostgres: to the planner every table has millions of rows, and still it reads one from end to end where no index serves
// a statement, by the plan that is kept for all values; nor does it compare all rows with all in the plan for rows newer than those that it has heard of.
func TestEveryStatementUsesAnIndexOnPostgres(t *testing.T) {
	// On purpose: operators list all partners; the sandbox's inbox walks the mails; few keys are ever in use.
	mayScan := []string{"partner through partner_pkey", "master_key", "mail through mail_pkey"}
	dsn := postgresTest(t)
	db := openTest(t, dsn)
	exercise(t, db)
	ctx := context.Background()
	c, err := pgx.Connect(ctx, dsn)
	must(t, err)
	defer c.Close(ctx)
	grow(t, c)
	explain := func(name, query string) (forAll, forNewest planNode) {
		t.Helper()
		_, err := c.Exec(ctx, "PREPARE "+name+" AS "+query)
		if err != nil {
			t.Fatalf("%v\n\tfor %s", err, query)
		}
		var types []string
		must(t, c.QueryRow(ctx, "SELECT parameter_types::text[] FROM pg_prepared_statements WHERE name = $1", name).Scan(&types))
		values := make([]string, len(types))
		for i, is := range types {
			values[i] = map[string]string{"bigint": "1000000000000", "integer": "100", "boolean": "true", "bytea": `'\xffffffffffffffffff'`}[is]
			if values[i] == "" {
				values[i] = "'zzz'"
			}
			if strings.Contains(query, fmt.Sprintf("LIMIT $%d", i+1)) {
				values[i] = "100"
			}
		}
		execute := name
		if len(values) > 0 {
			execute += "(" + strings.Join(values, ", ") + ")"
		}
		plan := func(mode string) planNode {
			var text []byte
			_, err := c.Exec(ctx, "SET plan_cache_mode = "+mode)
			must(t, err)
			must(t, c.QueryRow(ctx, "EXPLAIN (FORMAT JSON) EXECUTE "+execute).Scan(&text))
			var plans []struct{ Plan planNode }
			must(t, json.Unmarshal(text, &plans))
			return plans[0].Plan
		}
		return plan("force_generic_plan"), plan("force_custom_plan")
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
		forAll, forNewest := explain(fmt.Sprint("q", i), query)
		for _, table := range forAll.scans(false) {
			if !slices.Contains(mayScan, table) {
				t.Errorf("%s is read from end to end\n\tfor %s", table, query)
			}
		}
		for _, join := range slices.Concat(forAll.walks(), forNewest.walks()) {
			t.Errorf("everything is looked at for everything, %s\n\tfor %s", join, query)
		}
	}
	if checked < 60 || conditional < 10 {
		t.Errorf("only %d statements were looked at, %d of them in the form of engine.sole", checked, conditional)
	}
	// And it can fail.
	for name, query := range map[string]string{"no_index": "SELECT id FROM account WHERE hold = $1", "walks": "SELECT id FROM account ORDER BY id",
		"sorts_all":    "SELECT account_id FROM token WHERE account_id <> 0 GROUP BY account_id ORDER BY count(*) LIMIT 1",
		"looks_far":    "SELECT id FROM account WHERE state = 'claimed' AND hold = $1 ORDER BY id LIMIT 1",
		"walks_beside": `SELECT e.id FROM audit_event e WHERE e.id > $1 AND NOT EXISTS (SELECT 1 FROM audit_link l WHERE l.event_id = e.id) ORDER BY e.id LIMIT $2`} {
		if forAll, _ := explain(name, query); len(forAll.scans(false)) == 0 {
			t.Errorf("%s is not found", query)
		}
	}
	newest := `SELECT e.id FROM audit_event e WHERE e.id > $1 AND NOT EXISTS (SELECT 1 FROM audit_link l WHERE l.event_id = e.id AND l.event_id > $1) ORDER BY e.id LIMIT $2`
	if _, forNewest := explain("walks_for_each", newest); len(forNewest.walks()) == 0 {
		t.Errorf("%s is not found", newest)
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
