package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// receiptVerify checks a receipt without asking the server.
type receiptVerify struct {
	File  string `arg:"" help:"The receipt, as it was downloaded or given by the API."`
	Keys  string `required:"" placeholder:"FILE" env:"-" help:"The server's public keys: curl https://api.example.org/receipts/keys.json > FILE"`
	Chain string `placeholder:"FILE" env:"-" help:"An export of the audit: the receipt's event must be in it, at the place that the receipt names."`
	JSON  bool   `name:"json" env:"-" help:"Print JSON."`
}

// checkedReceipt is a genuine receipt as verify prints it.
type checkedReceipt struct {
	Key       string          `json:"key"`
	Statement claim.Statement `json:"statement"`
	// Values are what the disclosures show, by the place of the field in the statement.
	Values map[int]string `json:"values"`
}

// longestReceipt bounds the file that is read: a receipt has a few kilobytes.
const longestReceipt = 4 << 20

// Run prints what the receipt states, when it is genuine; else it says why it is not.
func (cmd *receiptVerify) Run(_ context.Context, s streams) error {
	if stat, err := os.Stat(cmd.File); err == nil && stat.Size() > longestReceipt {
		return hinted{cmd.File + ": too large for a receipt", []string{"give the file that was downloaded, one receipt in it"}}
	}
	text, err := os.ReadFile(cmd.File)
	if err != nil {
		return errors.New(withoutPath(err, cmd.File))
	}
	keys, err := os.ReadFile(cmd.Keys)
	if err != nil {
		return hinted{withoutPath(err, cmd.Keys), []string{"fetch them: curl https://api.example.org/receipts/keys.json > keys.json"}}
	}
	receipt, err := claim.CheckReceipt(string(text), keys)
	if err != nil {
		return receiptError(cmd.File, cmd.Keys, err)
	}
	if cmd.Chain != "" {
		if err := findPlace(cmd.Chain, receipt.Statement.Place); err != nil {
			return err
		}
	}
	if cmd.JSON {
		return json.NewEncoder(s.out).Encode(checkedReceipt{receipt.Key, receipt.Statement, receipt.Values})
	}
	return showReceipt(s, receipt)
}

// receiptError says what to do about a receipt that does not pass.
func receiptError(file, keys string, err error) error {
	switch {
	case errors.Is(err, secret.ErrReceiptKeys):
		return hinted{keys + ": " + err.Error(), []string{"fetch them: curl https://api.example.org/receipts/keys.json > keys.json"}}
	case errors.Is(err, secret.ErrReceiptKey):
		return hinted{file + ": " + err.Error(), []string{"fetch the keys again from the server that the receipt is of; another server's do not fit"}}
	case errors.Is(err, secret.ErrReceiptSignature):
		return hinted{file + ": " + err.Error(), []string{"do not rely on it; ask for it again where it came from"}}
	case errors.Is(err, claim.ErrDisclosure):
		return hinted{file + ": " + err.Error(), []string{"the part before the first tilde can be checked alone"}}
	}
	return hinted{file + ": " + err.Error(), []string{"give the file as it was downloaded, one receipt in it"}}
}

// findPlace looks for a receipt's event in an export of the audit.
func findPlace(path string, place claim.StatedPlaceText) error {
	file, err := os.Open(path)
	if err != nil {
		return errors.New(withoutPath(err, path))
	}
	defer file.Close()
	lines := json.NewDecoder(file)
	for {
		var r audit.Record
		if err := lines.Decode(&r); err != nil {
			return hinted{fmt.Sprintf("%s: place %d of the receipt is not in it", path, place.Number), []string{"latchkey audit export makes it; the end of the chain may be gone"}}
		}
		if r.Number != place.Number {
			continue
		}
		if r.Event != place.Event || r.Hash != place.Hash {
			return hinted{fmt.Sprintf("%s: at place %d the export has another event or hash than the receipt", path, place.Number),
				[]string{"the history up to there was changed after the receipt was signed, or the export is of another server"}}
		}
		return nil
	}
}

func showReceipt(s streams, r claim.CheckedReceipt) error {
	st := r.Statement
	fmt.Fprintf(s.out, "Genuine. Signed by %s with the key %s.\n\n", st.Issuer, r.Key)
	table := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
	row := func(name, value string) { fmt.Fprintf(table, "%s\t%s\n", name, value) }
	row("receipt", st.ID+", of a "+string(st.Kind))
	row("at", time.Unix(st.IssuedAt, 0).UTC().Format(time.RFC3339))
	row("account", fmt.Sprint(st.Account))
	row("partner", fmt.Sprintf("%s (%s)", plainText(st.Partner.Name), plainText(st.Partner.ClientID)))
	row("ended", either(strings.Join(st.Ended, ", "), "nothing"))
	row("began", either(strings.Join(st.Began, ", "), "nothing"))
	if len(st.Declined) > 0 {
		row("declined", strings.Join(st.Declined, ", "))
	}
	if g := st.Grant; g.ID != 0 {
		until := "until it is stopped"
		if !g.Until.IsZero() {
			until = "until " + g.Until.Format(time.RFC3339)
		}
		row("access", fmt.Sprintf("%d, to profile %d, %s", g.ID, g.Profile, until))
	}
	row("audit", fmt.Sprintf("event %d at %d:%s", st.Place.Event, st.Place.Number, st.Place.Hash))
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(s.out)
	for i, f := range st.Fields {
		value, shown := r.Values[i]
		value = plainText(value)
		if !shown {
			value = "(not disclosed)"
		}
		about := fmt.Sprint(f.Profile)
		if f.Representative != 0 {
			about += fmt.Sprintf("/%d", f.Representative)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\tby %s\t%s\t%s\n", about, f.Field, f.State, f.By, f.At.Format(time.RFC3339), value)
	}
	return table.Flush()
}

// plainText keeps the control characters of a stranger's file from the terminal.
func plainText(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return '?'
		}
		return r
	}, text)
}
