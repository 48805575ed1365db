package customer

import (
	"bytes"
	"fmt"
	"testing"
	"unicode/utf8"
)

// FuzzTexts: of whatever strangers type beside the fields of profiles, what is taken is clean, and is taken again as the same.
func FuzzTexts(f *testing.F) {
	for _, text := range []string{"", "GB", "gbr", "826", "ZZ", "1234 5678-9012", "１２３４５６７８９０１２", "that is not\r\nmy name\u202e", "\xff", "My phone", "a\x00b", "İ", "ß@EXAMPLE.org", "мира@пример.рф"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if code, is := ParseCountry(text); is {
			if again, is := ParseCountry(code); !is || again != code || len(code) != 2 {
				t.Errorf("country %q is %q, then %q", text, code, again)
			}
		}
		if digits, err := CleanTwelveDigits(text); err == nil {
			if again, err := CleanTwelveDigits(digits); err != nil || again != digits || len(digits) != 12 {
				t.Errorf("digits %q are %q, then %q", text, digits, again)
			}
		}
		if note, err := CheckNote(text); err == nil {
			if again, err := CheckNote(note); err != nil || again != note || !utf8.ValidString(note) && utf8.ValidString(text) {
				t.Errorf("note %q is %q, then %q", text, note, again)
			}
		}
		if name, err := cleanName(text); err == nil {
			if again, err := cleanName(name); err != nil || again != name {
				t.Errorf("name %q is %q, then %q", text, name, again)
			}
		}
		if folded := FoldEmail(text); FoldEmail(folded) != folded {
			t.Errorf("address %q folds to %q, then to %q", text, folded, FoldEmail(folded))
		}
		for _, field := range append(PersonalFields(), Phone, DateOfBirth) {
			if said, problem := CheckSaid(field, text, "GB", today); problem == NoProblem && !utf8.ValidString(said) {
				t.Errorf("%s %q is taken as %q", field, text, said)
			}
			if value, problem := CheckItemValue(field, text, "GB", today); problem == NoProblem && !utf8.ValidString(value) {
				t.Errorf("%s %q of a list is taken as %q", field, text, value)
			}
		}
	})
}

// FuzzMediaOf: a file is what its content shows, and nothing that a browser would run.
func FuzzMediaOf(f *testing.F) {
	for _, content := range []string{"", "%PDF-1.4\n%%EOF", "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "\xff\xd8\xff\xe0\x00\x10JFIF", "<svg onload=alert(1)>", "GIF89a", "<!doctype html>%PDF-", "\xef\xbb\xbf%PDF-1.7"} {
		f.Add([]byte(content))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		media, known := MediaOf(content)
		begins := map[string][]byte{"application/pdf": []byte("%PDF-"), "image/png": []byte("\x89PNG\r\n\x1a\n"), "image/jpeg": []byte("\xff\xd8\xff")}
		if head, is := begins[media]; known && (!is || !bytes.HasPrefix(content, head)) {
			t.Errorf("%q is %q", content, media)
		}
	})
}

// FuzzExtraValues: what is typed or sent for a field of the operator's is refused or a value that is taken again.
func FuzzExtraValues(f *testing.F) {
	fields := ""
	for i, schema := range []string{`{"type":"string","minLength":1}`, `{"type":"string","enum":["red","blue"]}`, `{"type":"string","format":"date"}`, `{"type":"integer"}`, `{"type":"number","minimum":0}`, `{"type":"boolean"}`} {
		fields += fmt.Sprintf(`,{"key":"k%d","profile":"personal","schema":%s,"words":{"en":{"label":"L%d"}}}`, i, schema, i)
	}
	extras, found := ReadExtras([]byte(`{"fields":[` + fields[1:] + `]}`))
	if len(found) > 0 || len(extras.list) != 6 {
		f.Fatalf("%d fields, %v", len(extras.list), found)
	}
	for i, text := range []string{"", "1", "-1.50", "1e999", "true", "2026-02-30", "gb", "red", "\xff", "٣", "9007199254740993", "NaN"} {
		f.Add(uint8(i), text)
	}
	f.Fuzz(func(t *testing.T, n uint8, text string) {
		x := extras.list[int(n)%len(extras.list)]
		if got, problem := x.CheckText(text); problem == NoProblem {
			if again, problem := x.CheckText(got); problem != NoProblem || again != got {
				t.Errorf("%s %q is %q, then %q", x.Key, text, got, again)
			}
		}
		for _, value := range []any{text, float64(len(text)), text == "", nil, []any{text}, map[string]any{text: text}} {
			if got, problem := x.CheckJSON(value); problem == NoProblem && !utf8.ValidString(got) {
				t.Errorf("%s %v is taken as %q", x.Key, value, got)
			}
		}
	})
}
