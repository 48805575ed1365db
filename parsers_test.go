package latchkey_test

import (
	"fmt"
	"go/ast"
	"regexp"
	"strings"
	"testing"
)

// reads finds functions by what they are called: they make something of a text that somebody else wrote.
var reads = regexp.MustCompile(`^(?:[A-Za-z]+\.)?((Parse|parse|Read|read|Clean|clean|Check|Decode|decode|Normalize|Match|Verif)[A-Za-z]*|MediaOf|OpenCookie|check|ask|fileName|from|hop|upload|idempotency|FoldEmail|visible)$`)

// parsers are the functions that read what strangers send, each with the fuzz function that throws texts at it, or with the reason
// why no stranger's text comes there. A function that looks like one and is not here fails the test.
var parsers = map[string]string{
	"api.CheckNotification":               "no stranger: what this server itself writes, held to the description in tests and sandboxes",
	"api.body.decode":                     "api.FuzzReadBody",
	"api.call.idempotency":                "api.FuzzHeaders",
	"api.call.readAll":                    "api.FuzzReadBody",
	"api.call.readJSON":                   "api.FuzzReadBody",
	"api.call.upload":                     "api.FuzzUpload",
	"api.checker.check":                   "no stranger: what this server itself writes, held to the description in tests and sandboxes",
	"api.closing.Read":                    "api.FuzzUpload",
	"api.copied.Read":                     "no stranger: it copies bytes and reads nothing in them",
	"api.fileName":                        "api.FuzzUpload",
	"api.readBearer":                      "api.FuzzReadBearer",
	"api.readBody":                        "api.FuzzReadBody",
	"api.readCredentials":                 "api.FuzzReadBearer",
	"api.readEncoded":                     "api.FuzzReadForm",
	"api.readForm":                        "api.FuzzReadForm",
	"api.readList":                        "api.FuzzReadList",
	"api.readParts":                       "api.FuzzReadForm",
	"api.readTree":                        "no stranger: the description in this program",
	"api.visible":                         "api.FuzzHeaders",
	"audit.ParsePlace":                    "audit.FuzzParsePlace",
	"claim.CheckReceipt":                  "claim.FuzzCheckReceipt",
	"customer.Approvals.Verify":           "customer.FuzzCleanSixDigits",
	"customer.CheckEmail":                 "customer.FuzzCheckEmail",
	"customer.CheckItemValue":             "customer.FuzzTexts",
	"customer.CheckNote":                  "customer.FuzzTexts",
	"customer.CheckSaid":                  "customer.FuzzTexts",
	"customer.CheckValue":                 "customer.FuzzCheckValue",
	"customer.CleanSixDigits":             "customer.FuzzCleanSixDigits",
	"customer.CleanTwelveDigits":          "customer.FuzzTexts",
	"customer.Clean":                      "customer.FuzzCheckValue",
	"customer.Extra.CheckJSON":            "customer.FuzzExtraValues",
	"customer.Extra.CheckText":            "customer.FuzzExtraValues",
	"customer.FoldEmail":                  "customer.FuzzTexts",
	"customer.MediaOf":                    "customer.FuzzMediaOf",
	"customer.ParseCountry":               "customer.FuzzTexts",
	"customer.PasswordPolicy.Check":       "customer.FuzzPassword",
	"customer.ReadExtras":                 "customer.FuzzReadExtras",
	"customer.cleanName":                  "customer.FuzzTexts",
	"customer.parseExtras":                "customer.FuzzReadExtras",
	"customer.readNumber":                 "customer.FuzzExtraValues",
	"grant.ParseQuery":                    "grant.FuzzAuthorizeRequest",
	"grant.Query.Check":                   "grant.FuzzAuthorizeRequest",
	"grant.cleanRaw":                      "grant.FuzzAuthorizeRequest",
	"latchkey.Account.VerifyOneTimeToken": "no stranger: a call of the client",
	"latchkey.ParseReturn":                "latchkey.FuzzParseReturn",
	"latchkey.ParseWebhookKeys":           "latchkey.FuzzNotification",
	"latchkey.Receiver.Check":             "latchkey.FuzzNotification",
	"latchkey.Receiver.Read":              "latchkey.FuzzNotification",
	"latchkey.VerifyStandard":             "latchkey.FuzzNotification",
	"latchkey.WebhookKeys.Verify":         "latchkey.FuzzNotification",
	"latchkey.parseMoment":                "no stranger: an answer of the server that the partner chose",
	"limit.Buckets.ask":                   "no stranger: names of limits",
	"main.Config.readFile":                "main.FuzzFiles",
	"main.parse":                          "no stranger: the words of the operator's own command line",
	"main.readFields":                     "customer.FuzzReadExtras",
	"main.readMapping":                    "main.FuzzFiles",
	"main.readSeeded":                     "main.FuzzFiles",
	"main.readSeed":                       "main.FuzzFiles",
	"main.reader.from":                    "secret.FuzzParseMaster",
	"notify.Breaches.ask":                 "notify.FuzzBreaches",
	"notify.Verifier.check":               "notify.FuzzVerdict",
	"notify.readLanguage":                 "no stranger: files in this program",
	"partner.CheckRedirect":               "partner.FuzzCheckRedirect",
	"partner.ParseScopes":                 "partner.FuzzParseScopes",
	"partner.Receivers.Check":             "partner.FuzzReceiver",
	"secret.CheckPublicKey":               "secret.FuzzKeysOfOthers",
	"secret.CheckReceipt":                 "claim.FuzzCheckReceipt",
	"secret.Keys.CheckPasskeyChallenge":   "secret.FuzzPasskeyChallenge",
	"secret.Keys.OpenCookie":              "secret.FuzzOpenCookie",
	"secret.MatchApp":                     "customer.FuzzCleanSixDigits",
	"secret.NormalizeRecoveryCode":        "secret.FuzzNormalizeRecoveryCode",
	"secret.ParseMaster":                  "secret.FuzzParseMaster",
	"secret.ParseToken":                   "secret.FuzzParseToken",
	"secret.ParseWebhookKey":              "secret.FuzzKeysOfOthers",
	"secret.PasskeyParty.Verify":          "secret.FuzzPasskeyParts",
	"secret.PasskeyParty.check":           "secret.FuzzPasskeyParts",
	"secret.Passwords.Verify":             "secret.FuzzPasswordHash",
	"secret.ReadDisclosure":               "secret.FuzzDisclosure",
	"secret.ReadNewPasskey":               "secret.FuzzPasskeyAnswers",
	"secret.ReadPasskey":                  "secret.FuzzPasskeyAnswers",
	"secret.VerifiesChallenge":            "grant.FuzzAuthorizeRequest",
	"secret.WebhookKey.Verifies":          "secret.FuzzKeysOfOthers",
	"secret.decodeMaster":                 "secret.FuzzParseMaster",
	"secret.parseCost":                    "secret.FuzzPasswordHash",
	"secret.parseMasterLine":              "secret.FuzzParseMaster",
	"secret.parsePHC":                     "secret.FuzzPasswordHash",
	"secret.parseTokenRest":               "secret.FuzzParseToken",
	"server.Server.from":                  "server.FuzzForwarded",
	"server.Server.readyz":                "no stranger: it reads nothing of the request",
	"server.cleanOf":                      "web.FuzzAuthorize",
	"server.hop":                          "server.FuzzForwarded",
	"store.contact.read":                  "store.FuzzPlain",
	"store.list.read":                     "store.FuzzPlain",
	"store.readUntil.Read":                "no stranger: it copies bytes and reads nothing in them",
	"store.typedFile.Read":                "no stranger: files in this program",
	"web.Door.readJar":                    "web.FuzzCookie",
	"web.ParseAccent":                     "no stranger: a setting of the operator's",
	"web.parseCatalogue":                  "no stranger: files in this program",
	"web.readOne":                         "web.FuzzForms",
	"web.readable":                        "no stranger: names of this program's own fields",
	"web.view.Check":                      "no stranger: it writes a page",
	"web.visit.parse":                     "web.FuzzForms",
	"web.visit.readDate":                  "web.FuzzForms",
	"web.visit.readField":                 "web.FuzzForms",
	"web.visit.readForm":                  "web.FuzzForms",
}

// TestEveryParserHasItsFuzz: issue 4 line 10. Each parser of strangers' input has a fuzz function, which exists and has seeds.
func TestEveryParserHasItsFuzz(t *testing.T) {
	t.Parallel()
	fuzz := map[string]bool{}
	for _, fn := range functions(goFiles(t, true)) {
		if fn.file.test && strings.HasPrefix(fn.name, "Fuzz") {
			fuzz[strings.TrimSuffix(fn.file.ast.Name.Name, "_test")+"."+fn.name] = seeded(fn.decl)
		}
	}
	named := map[string]bool{}
	for _, fn := range functions(goFiles(t, false)) {
		if fn.file.test || !reads.MatchString(fn.name) || !takesText(fn.decl) || strings.HasPrefix(fn.file.path, "internal/demo/") || strings.HasPrefix(fn.file.path, "latchkeytest/") {
			continue
		}
		name := fn.file.ast.Name.Name + "." + fn.name
		by, known := parsers[name]
		named[name] = true
		if !known {
			t.Errorf("%q: \"\",", name)
			continue
		}
		seeds, exists := fuzz[by]
		if !strings.HasPrefix(by, "no stranger: ") && (!exists || !seeds) {
			t.Errorf("%s is said to be fuzzed by %s: exists %t, with seeds %t", name, by, exists, seeds)
		}
	}
	for name := range parsers {
		if !named[name] {
			t.Errorf("%s is no parser, or not any more", name)
		}
	}
}

// takesText reports whether a function is given a text, bytes, or a request with its headers.
func takesText(fn *ast.FuncDecl) bool {
	for _, p := range fn.Type.Params.List {
		switch of := fmt.Sprint(typeText(p.Type)); of {
		case "string", "[]byte", "http.Header", "*http.Request", "*http.Response", "*multipart.Part", "any", "[]string":
			return true
		}
	}
	return receiverName(fn) == "call" || receiverName(fn) == "visit"
}

func typeText(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.StarExpr:
		return "*" + typeText(e.X)
	case *ast.ArrayType:
		return "[]" + typeText(e.Elt)
	case *ast.SelectorExpr:
		return typeText(e.X) + "." + e.Sel.Name
	}
	return ""
}

// seeded reports whether a fuzz function adds seeds.
func seeded(fn *ast.FuncDecl) bool {
	found := false
	ast.Inspect(fn, func(n ast.Node) bool {
		call, is := n.(*ast.CallExpr)
		if is {
			if s, is := call.Fun.(*ast.SelectorExpr); is && s.Sel.Name == "Add" {
				found = true
			}
		}
		return true
	})
	return found
}
