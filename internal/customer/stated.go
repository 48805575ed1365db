package customer

import (
	"encoding/json"
	"slices"
)

// ListFields are the fields of which there may be several values.
func ListFields() []Field { return []Field{OperationalAddresses, Directors, Owners, Documents} }

// Readable reports whether partners with access to a profile read the field's value, whoever said it. Evidences, save the one that
// extensions show (contract 10.5), and identity documents are taken and never given out: nobody allowed that.
func (f Field) Readable() bool {
	taken := slices.Concat(EvidenceFields(KindPersonal), EvidenceFields(KindBusiness), []Field{Documents})
	return f == AccountPurpose || !slices.Contains(taken, f)
}

// Text is the list of a field as JSON, "" for a list that is empty: how a receipt states it.
func (l Lists) Text(f Field) string {
	var list any
	n := 0
	switch f {
	case OperationalAddresses:
		list, n = l.OperationalAddresses, len(l.OperationalAddresses)
	case Directors:
		list, n = l.Directors, len(l.Directors)
	case Owners:
		list, n = l.Owners, len(l.Owners)
	case Documents:
		list, n = l.Documents, len(l.Documents)
	}
	if n == 0 {
		return ""
	}
	text, err := json.Marshal(list)
	if err != nil {
		panic(err) // texts, numbers and times
	}
	return string(text)
}
