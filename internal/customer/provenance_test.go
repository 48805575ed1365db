package customer

import (
	"encoding/json"
	"maps"
	"reflect"
	"strings"
	"testing"
	"time"
)

// TestProvenancesAreWrittenOnce: what was said alike is written once, in one order, and read back as it was.
func TestProvenancesAreWrittenOnce(t *testing.T) {
	noon := time.Date(2026, 11, 19, 12, 0, 0, 0, time.UTC)
	sent := Provenance{Source: ByPartner, At: noon}
	seen := Provenance{Source: ByPartner, At: noon, ConfirmedAt: noon.Add(time.Hour)}
	own := Provenance{Source: ByCustomer, At: noon.Add(time.Minute)}
	for name, c := range map[string]struct {
		ps   Provenances
		text string
	}{
		"none":     {Provenances{}, `[]`},
		"one":      {Provenances{City: sent}, `[{"fields":"city","source":"partner","at":"2026-11-19T12:00:00Z"}]`},
		"together": {Provenances{Phone: own, City: sent, Country: sent}, `[{"fields":"city country","source":"partner","at":"2026-11-19T12:00:00Z"},{"fields":"phone","source":"customer","at":"2026-11-19T12:01:00Z"}]`},
		"apart by the confirmation alone": {Provenances{City: sent, Country: seen, "x_tax_number": sent},
			`[{"fields":"city x_tax_number","source":"partner","at":"2026-11-19T12:00:00Z"},{"fields":"country","source":"partner","at":"2026-11-19T12:00:00Z","confirmed_at":"2026-11-19T13:00:00Z"}]`},
	} {
		text, err := json.Marshal(c.ps)
		if err != nil {
			t.Fatal(err)
		}
		if string(text) != c.text {
			t.Errorf("%s is written as %s, want %s", name, text, c.text)
		}
		var back Provenances
		if err := json.Unmarshal(text, &back); err != nil || !maps.Equal(back, c.ps) {
			t.Errorf("%s comes back as %v, %v", name, back, err)
		}
	}
}

// TestProvenancesOfBefore: a profile that was saved with a member for each field is read the same.
func TestProvenancesOfBefore(t *testing.T) {
	d := Details{Provenance: Provenances{City: {Source: ByPartner, At: today}, Phone: {Source: ByCustomer, At: today, ConfirmedAt: today}}}
	text, err := json.Marshal(map[string]any{"provenance": map[Field]Provenance(d.Provenance)})
	if err != nil || !strings.Contains(string(text), `"city":{`) {
		t.Fatal(string(text), err)
	}
	var back Details
	if err := json.Unmarshal(text, &back); err != nil || !reflect.DeepEqual(back, d) {
		t.Errorf("read as %v, %v", back, err)
	}
	for _, bad := range []string{`{"provenance":"city"}`, `{"provenance":[1]}`, `{"provenance":{"city":1}}`} {
		if err := json.Unmarshal([]byte(bad), &back); err == nil {
			t.Errorf("%s is read", bad)
		}
	}
}
