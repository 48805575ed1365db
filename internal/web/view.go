package web

import (
	"fmt"
	"html/template"
	"strings"
	"time"
)

// view is what a template sees: the page, its frame, and the words.
type view struct {
	Page    Page
	Frame   *Frame
	Brand   Brand
	ID      string
	Heading Message
	Shared  *shared

	file  string
	pages *Pages
	words *catalogue
}

// Head is what a page adds to the head of the document: nothing, for most.
func (v *view) Head() (template.HTML, error) {
	if v.pages.set.Lookup(headOf(v.file)) == nil {
		return "", nil
	}
	return v.part(headOf(v.file))
}

// Main is what a page says below its heading.
func (v *view) Main() (template.HTML, error) { return v.part(mainOf(v.file)) }

// part is markup that the page's own template made, each value in it escaped for its place.
func (v *view) part(name string) (template.HTML, error) {
	var b strings.Builder
	err := v.pages.set.ExecuteTemplate(&b, name, v)
	return template.HTML(b.String()), err
}

// values are the placeholders of a sentence: those every page has, then pairs.
func (v *view) values(pairs ...any) (map[string]any, error) {
	all := map[string]any{"brand": ownName(v.Brand.Name)}
	if v.Frame.Partner.Name != "" {
		all["partner"] = v.Frame.Partner.Name
	}
	if len(pairs)%2 != 0 {
		return nil, fmt.Errorf("a placeholder without a value")
	}
	for i := 0; i < len(pairs); i += 2 {
		all[fmt.Sprint(pairs[i])] = pairs[i+1]
	}
	return all, nil
}

// T is a sentence as markup.
func (v *view) T(id string, pairs ...any) (template.HTML, error) { return v.N(id, 0, pairs...) }

// N is a sentence that depends on a number.
func (v *view) N(id string, count int, pairs ...any) (template.HTML, error) {
	values, err := v.values(pairs...)
	if err != nil {
		return "", fmt.Errorf("message %q: %w", id, err)
	}
	return v.words.asHTML(v.spoken(id), count, values)
}

// Text is a sentence without markup, for attributes.
func (v *view) Text(id string, pairs ...any) (string, error) {
	values, err := v.values(pairs...)
	if err != nil {
		return "", fmt.Errorf("message %q: %w", id, err)
	}
	return v.words.asText(v.spoken(id), 0, values)
}

// spoken is the id of the sentence to say: where the page knows no partner, the
// one that names none, if there is one.
func (v *view) spoken(id string) string {
	if v.Frame.Partner.Name == "" && v.words.has(id+".alone") {
		return id + ".alone"
	}
	return id
}

// Say is a Message as markup.
func (v *view) Say(m Message) (template.HTML, error) { return v.T(m.ID, m.pairs()...) }

func (m Message) pairs() []any {
	pairs := make([]any, len(m.Values))
	for i, s := range m.Values {
		pairs[i] = s
	}
	return pairs
}

// Title is "{h1} – {Brand}", after "Error: " when something must be mended.
func (v *view) Title() (string, error) {
	heading, err := v.Text(v.Heading.ID, v.Heading.pairs()...)
	if err != nil {
		return "", err
	}
	if len(v.Frame.Problems) > 0 {
		return v.Text("frame.title.error", "title", heading)
	}
	return v.Text("frame.title", "title", heading)
}

// Lang and Dir are the attributes of the html element.
func (v *view) Lang() string { return v.words.code }

// Dir is "ltr" or "rtl".
func (v *view) Dir() string { return v.words.direction() }

// Languages are the other languages of this server, for the footer.
func (v *view) Languages() []Link {
	if len(v.pages.words) < 2 {
		return nil
	}
	var links []Link
	for _, c := range v.pages.words {
		links = append(links, Link{Label: c.texts["locale.name"], Address: c.code})
	}
	return links
}

// Assets are the files beside the page.
func (v *view) Assets() assets { return v.pages.assets }

// Bdi sets apart what a partner or a person typed.
func (v *view) Bdi(s string) template.HTML { return isolate(s) }

// Date is a day written out.
func (v *view) Date(t time.Time) template.HTML { return v.words.date(t) }

// Moment is a day with the time of it, in UTC.
func (v *view) Moment(t time.Time) template.HTML { return v.words.moment(t) }

// Wait is a time to wait in words.
func (v *view) Wait(d time.Duration) (string, error) { return v.words.duration(d) }

// Country is the name of a country in the language of the page.
func (v *view) Country(code string) string { return countryName(v.words.tag, code) }

// ProblemIDs are the message ids of all problems, for <body data-error>.
func (v *view) ProblemIDs() string {
	var ids []string
	for _, p := range v.Frame.Problems {
		ids = append(ids, p.Message.ID)
	}
	return strings.Join(ids, " ")
}

// Problem is what is wrong with a field, or nil.
func (v *view) Problem(fields ...string) *Problem {
	for i, p := range v.Frame.Problems {
		for _, field := range fields {
			if p.Field == field {
				return &v.Frame.Problems[i]
			}
		}
	}
	return nil
}

// IdleSeconds is when the session warning is due, for the script.
func (v *view) IdleSeconds() int { return int(v.Frame.Idle / time.Second) }

// HelpHref is the attribute of the operator's help address: mailto or https.
func (v *view) HelpHref() (template.HTMLAttr, error) {
	if strings.Contains(v.Brand.Help, "@") && !strings.Contains(v.Brand.Help, ":") {
		return hrefAttr("mailto:" + v.Brand.Help)
	}
	return hrefAttr(v.Brand.Help)
}

// LegalHref is the attribute of a legal link.
func (v *view) LegalHref(l Link) (template.HTMLAttr, error) { return hrefAttr(l.Address) }
