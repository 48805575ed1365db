package customer

import "encoding/json"

// ListFields are the fields of which there may be several values.
func ListFields() []Field { return []Field{OperationalAddresses, Directors, Owners, Documents} }

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
