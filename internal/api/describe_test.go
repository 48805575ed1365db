package api

import "testing"

func TestDescriptionReads(t *testing.T) {
	d, err := described()
	must(t, err)
	text, err := d.document.MarshalJSON()
	must(t, err)
	t.Log(len(text))
}
