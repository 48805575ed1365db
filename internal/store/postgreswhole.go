package store

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// wholeLimit is how many writes become one statement at most.
const wholeLimit = 4

// inserts is what begins a statement that inserts given values. One that looks at the row that is there already is none: in one statement no part
// sees what another does.
var inserts = regexp.MustCompile(`^INSERT INTO (\w+) \([^()]*\)\s+VALUES \([^()]*\)$`)

// asOne reports whether the writes can be one statement. A transaction of which nothing was asked, that only inserts and holds to at most one
// condition, means the same as one statement as it does between BEGIN and COMMIT, at any level of isolation, and costs the server half.
func asOne(writes []write) bool {
	conditions := 0
	for _, w := range writes {
		switch {
		case w.one && strings.HasPrefix(w.query, soleRow):
			conditions++
		case w.one || !inserts.MatchString(w.query):
			return false
		}
	}
	return len(writes) > 0 && len(writes) <= wholeLimit && conditions <= 1
}

// wholeText is the text of that statement. The condition comes last, since what it answers is the answer; it is looked at first.
func wholeText(writes []write) string {
	var parts []string
	var last string
	given := 0
	for i, w := range writes {
		text := argument.ReplaceAllStringFunc(w.query, func(dollar string) string {
			n, _ := strconv.Atoi(dollar[1:]) // the pattern has digits alone
			return "$" + strconv.Itoa(given+n)
		})
		given += len(w.args)
		switch {
		case w.one:
			last = text
		case last == "" && i == len(writes)-1:
			last = text
		default:
			parts = append(parts, fmt.Sprintf("part%d AS (%s)", i, text))
		}
	}
	if len(parts) == 0 {
		return last
	}
	return "WITH " + strings.Join(parts, ", ") + " " + last
}

var argument = regexp.MustCompile(`\$[0-9]+`)

// commitWhole does all that waits by one statement, which is a transaction by itself. What it answers is as commit has it; nobody asks any more what
// the writes wrote.
func (l *postgresLink) commitWhole(ctx context.Context) (asked bool, err error) {
	writes := l.waiting
	l.opening, l.waiting = "", nil
	var of strings.Builder
	var args []any
	for _, w := range writes {
		of.WriteString(w.statement.(postgresStatement).name + " ")
		args = append(args, w.args...)
	}
	name, known := l.wholes[of.String()]
	if !known {
		name = fmt.Sprintf("whole%d", len(l.wholes))
		if _, err := l.c.Prepare(ctx, name, wholeText(writes)); err != nil {
			return false, waitingError{writes[0].query, err, nil}
		}
		l.wholes[of.String()] = name
	}
	delete(l.c.PgConn().CustomData(), doubtful)
	tag, err := l.c.Exec(ctx, name, args...)
	var refused *pgconn.PgError
	if errors.As(err, &refused) && !l.c.IsClosed() {
		return false, refusedPart(writes, refused)
	}
	if err != nil {
		return true, err
	}
	if text, status := tag.String(), l.c.PgConn().TxStatus(); text != "SELECT 1" && text != "INSERT 0 1" || status != 'I' {
		return true, fmt.Errorf("%w: the server answers %s (%c)", errNotKept, tag, status)
	}
	return true, l.warned()
}

// refusedPart is the error of the write that the server refused, of those that were one statement.
func refusedPart(writes []write, refused *pgconn.PgError) error {
	at := slices.IndexFunc(writes, func(w write) bool {
		if refused.Code == stateDivision {
			return w.one
		}
		into := inserts.FindStringSubmatch(w.query)
		return into != nil && into[1] == refused.TableName
	})
	w := writes[max(at, 0)]
	if w.one && refused.Code == stateDivision {
		return waitingError{w.query, fmt.Errorf("%w: %w", errNotOne, refused), w.otherwise}
	}
	return waitingError{w.query, refused, w.otherwise}
}
