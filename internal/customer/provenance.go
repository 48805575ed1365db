package customer

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// Provenances says of each value that anybody gave where it comes from. As JSON it is a list of what was said alike, since most of a
// profile's values come in one request and are confirmed on one page: [{"fields":"city country","source":"partner","at":...}].
type Provenances map[Field]Provenance

// alike are the fields of one provenance.
type alike struct {
	// Fields are their names, sorted, with a space between.
	Fields string `json:"fields"`
	Provenance
}

// MarshalJSON writes the list, each field once.
func (ps Provenances) MarshalJSON() ([]byte, error) {
	list := []alike{}
	for _, f := range slices.Sorted(maps.Keys(ps)) {
		i := slices.IndexFunc(list, func(have alike) bool { return have.Provenance == ps[f] })
		if i < 0 {
			i, list = len(list), append(list, alike{Provenance: ps[f]})
		}
		list[i].Fields = strings.TrimLeft(list[i].Fields+" "+string(f), " ")
	}
	return json.Marshal(list)
}

// UnmarshalJSON reads the list, or an object with a member for each field.
func (ps *Provenances) UnmarshalJSON(text []byte) error {
	if bytes.HasPrefix(text, []byte("{")) {
		var each map[Field]Provenance
		err := json.Unmarshal(text, &each)
		*ps = each
		return err
	}
	var list []alike
	if err := json.Unmarshal(text, &list); err != nil {
		return err
	}
	*ps = Provenances{}
	for _, said := range list {
		for f := range strings.FieldsSeq(said.Fields) {
			(*ps)[Field(f)] = said.Provenance
		}
	}
	return nil
}
