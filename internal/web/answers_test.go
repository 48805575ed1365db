package web

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/limit"
)

// unreached are the nouns' errors that no verb of the pages returns, with the reason. One that came all the same would be
// logged and answered with E11.
var unreached = map[string]string{
	"claim.ErrRegistrationCode":   "minting is the API's",
	"customer.ErrBlocked":         "creating accounts is the API's",
	"customer.ErrReplyDiffers":    "idempotency keys are the API's",
	"customer.ErrProfileExists":   "creating profiles is the API's",
	"grant.ErrInvalidGrant":       "no authorization code is a state of the journey",
	"grant.ErrUnknownClient":      "the client is looked up in partner",
	"grant.ErrRedirect":           "whatever MatchRedirect refuses is E5",
	"partner.ErrTaken":            "registering is the operator's",
	"partner.ErrNotAuthenticated": "client secrets are the API's",
	"partner.ErrChanged":          "client secrets are the API's",
	"claim.ErrNotReportable":      "reporting the wrong person is the API's",
	"claim.ErrDisclosure":         "receipts are checked at the command line",
	"secret.ErrReceiptForm":       "receipts are checked at the command line",
	"secret.ErrReceiptKey":        "receipts are checked at the command line",
	"secret.ErrReceiptSignature":  "receipts are checked at the command line",
	"secret.ErrReceiptKeys":       "receipts are signed behind the pages",
	"secret.ErrCookie":            "a cookie that does not open is as none",
	"secret.ErrMaster":            "keys are read at start",
	"secret.ErrKeyVersion":        "a key that is missing is our fault: E11",
	"secret.ErrPasswordHash":      "a hash that cannot be read is our fault: E11",
	"secret.ErrSeal":              "the store calls it unavailable",
	"secret.ErrSigningKeys":       "webhooks are signed where they are sent",
	"secret.ErrSharedKey":         "keys are read at start",
	"secret.ErrPasskey":           "the nouns say customer.ErrPasskey",
	"secret.ErrPublicKey":         "partners give keys to the API",
}

// reachedFiles are the files of the nouns whose verbs the pages call; the errors of others are the API's. Whatever package claim
// names counts too, wherever it is declared.
var reachedFiles = regexp.MustCompile(`^(claim/.*|customer/(account|email|factor|passkey|passkeys|password|pendingchange|profile|proof|rebuild|recovery|recoverycode|recoverysteps|reset|waysin|waysinemail|waysinfactor|session|signin)|grant/(grant|request)|partner/partner|limit/.*|secret/.*)\.go$`)

// Every error that a noun exports has a row in answers, a sentence in sayings, a handler that names it, or a reason why it
// does not reach the pages (examples.md, Errors). What has none would be an apology for something that nobody did wrong.
func TestEveryErrorHasAnAnswer(t *testing.T) {
	t.Parallel()
	named, byClaims := errorsNamed(t, "."), errorsNamed(t, "../claim")
	found := 0
	for _, noun := range []string{"claim", "customer", "grant", "partner", "limit", "secret"} {
		for name, file := range errorsOf(t, noun) {
			if !reachedFiles.MatchString(noun+"/"+file) && !byClaims[noun+"."+name] {
				continue
			}
			found++
			_, excused := unreached[noun+"."+name]
			switch known := named[noun+"."+name]; {
			case known && excused:
				t.Errorf("%s.%s is handled and excused", noun, name)
			case !known && !excused:
				t.Errorf("%s.%s (%s) has no row in answers, no sentence and no reason why it needs none", noun, name, file)
			}
		}
	}
	if found < 40 {
		t.Errorf("found %d errors; the test does not see them", found)
	}
}

// errorsOf are the exported errors of a package and the file of each.
func errorsOf(t *testing.T, noun string) map[string]string {
	t.Helper()
	found := map[string]string{}
	eachFile(t, filepath.Join("..", noun), func(name string, f *ast.File) {
		for _, decl := range f.Decls {
			vars, ok := decl.(*ast.GenDecl)
			if !ok || vars.Tok != token.VAR {
				continue
			}
			for _, spec := range vars.Specs {
				for _, id := range spec.(*ast.ValueSpec).Names {
					if strings.HasPrefix(id.Name, "Err") {
						found[id.Name] = name
					}
				}
			}
		}
	})
	return found
}

// errorsNamed are the nouns' errors that a package names.
func errorsNamed(t *testing.T, dir string) map[string]bool {
	t.Helper()
	named := map[string]bool{}
	eachFile(t, dir, func(_ string, f *ast.File) {
		ast.Inspect(f, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok && strings.HasPrefix(s.Sel.Name, "Err") {
				if pkg, ok := s.X.(*ast.Ident); ok {
					named[pkg.Name+"."+s.Sel.Name] = true
				}
			}
			return true
		})
	})
	return named
}

// eachFile parses the files of a package, but for tests.
func eachFile(t *testing.T, dir string, do func(name string, f *ast.File)) {
	t.Helper()
	names, err := fs.Glob(os.DirFS(dir), "*.go")
	if err != nil || len(names) == 0 {
		t.Fatalf("no files in %s: %v", dir, err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		do(name, f)
	}
}

// The first row that fits an error answers it: an error of another's journey is one of no journey too, and a refused try with
// its wait is one of too many tries.
func TestAnswersInOrder(t *testing.T) {
	t.Parallel()
	d := &Door{Unavailable: errors.New("gone")}
	for _, c := range []struct {
		err  error
		want Trouble
	}{
		{claim.ErrElsewhere, TroubleOver},
		{claim.ErrNoJourney, TroubleCookie},
		{limit.Exceeded{Wait: 1}, TroubleTries},
		{errors.Join(claim.ErrNoJourney, d.Unavailable), TroubleBusy},
		{errors.Join(limit.ErrExceeded, d.Unavailable), TroubleBusy},
		{fmt.Errorf("waiting to hash a password: %w", context.DeadlineExceeded), TroubleBusy},
	} {
		if got, known := d.lookup(c.err); !known || got.trouble != c.want {
			t.Errorf("%v: %s, want %s", c.err, got.trouble, c.want)
		}
	}
	if _, known := d.lookup(errors.New("nobody's")); known {
		t.Error("an unknown error has an answer")
	}
}
