package web

import (
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
)

//go:embed messages/*.txt
var messageFiles embed.FS

// catalogue is every sentence of one language, by message id. A file
// messages/{code}.txt has a line "id = text" for each; lines with # are for
// translators. {name} is a placeholder. An id that depends on a number has one
// line for each plural form of the language: "id.one", "id.other".
type catalogue struct {
	code  string
	tag   language.Tag
	texts map[string]string
}

// readCatalogues reads every language, English first: it is the source text,
// and the language of whoever asks for one that is not there.
func readCatalogues() ([]*catalogue, error) {
	names, err := fs.Glob(messageFiles, "messages/*.txt")
	if err != nil {
		return nil, err
	}
	slices.SortFunc(names, func(a, b string) int {
		if a == "messages/en.txt" {
			return -1
		}
		return strings.Compare(a, b)
	})
	var all []*catalogue
	for _, name := range names {
		text, err := messageFiles.ReadFile(name)
		if err != nil {
			return nil, err
		}
		code := strings.TrimSuffix(strings.TrimPrefix(name, "messages/"), ".txt")
		c, err := parseCatalogue(code, string(text))
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

func parseCatalogue(code, text string) (*catalogue, error) {
	tag, err := language.Parse(code)
	if err != nil {
		return nil, fmt.Errorf("messages/%s.txt: %w", code, err)
	}
	c := &catalogue{code: code, tag: tag, texts: map[string]string{}}
	for n, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		id, sentence, found := strings.Cut(line, " = ")
		if !found {
			return nil, fmt.Errorf("messages/%s.txt line %d: want \"id = text\"", code, n+1)
		}
		if _, twice := c.texts[id]; twice {
			return nil, fmt.Errorf("messages/%s.txt line %d: %s is there twice", code, n+1, id)
		}
		c.texts[id] = sentence
	}
	return c, nil
}

// direction is "ltr" or "rtl", the dir attribute of the page.
func (c *catalogue) direction() string {
	if d := c.texts["locale.direction"]; d == "rtl" {
		return d
	}
	return "ltr"
}

// has is true when the id, or its plural forms, exist.
func (c *catalogue) has(id string) bool {
	_, plain := c.texts[id]
	_, forms := c.texts[id+".other"]
	return plain || forms
}

// sentence is the text of an id, in the plural form for count where it has forms.
func (c *catalogue) sentence(id string, count int) (string, error) {
	if s, ok := c.texts[id]; ok {
		return s, nil
	}
	form := "other"
	switch plural.Cardinal.MatchPlural(c.tag, count, 0, 0, 0, 0) {
	case plural.One:
		form = "one"
	case plural.Two:
		form = "two"
	case plural.Few:
		form = "few"
	case plural.Many:
		form = "many"
	}
	if s, ok := c.texts[id+"."+form]; ok {
		return s, nil
	}
	if s, ok := c.texts[id+".other"]; ok {
		return s, nil
	}
	return "", fmt.Errorf("no message %q in %s", id, c.code)
}

// placeholders splits a sentence at its placeholders: the literal text at even
// places, the names at odd ones.
func placeholders(sentence string) []string {
	var parts []string
	for {
		before, rest, found := strings.Cut(sentence, "{")
		name, after, closed := strings.Cut(rest, "}")
		if !found || !closed {
			return append(parts, sentence)
		}
		parts = append(parts, before, name)
		sentence = after
	}
}

// fill writes a sentence with its values. A placeholder without a value is an
// error: a sentence with a hole must not reach a person.
func (c *catalogue) fill(id string, count int, values map[string]any, write func(any) string, literal func(string) string) (string, error) {
	s, err := c.sentence(id, count)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for i, part := range placeholders(s) {
		if i%2 == 0 {
			b.WriteString(literal(part))
			continue
		}
		value, ok := values[part]
		if part == "count" && !ok {
			value, ok = count, true
		}
		if !ok {
			return "", fmt.Errorf("message %q: no value for {%s}", id, part)
		}
		b.WriteString(write(value))
	}
	return b.String(), nil
}

// asHTML is a sentence as markup: text escaped, typed values in <bdi>, dates in
// <time>.
func (c *catalogue) asHTML(id string, count int, values map[string]any) (template.HTML, error) {
	s, err := c.fill(id, count, values, c.valueHTML, template.HTMLEscapeString)
	return template.HTML(s), err
}

// asText is a sentence as plain text, for titles and attributes.
func (c *catalogue) asText(id string, count int, values map[string]any) (string, error) {
	return c.fill(id, count, values, c.valueText, func(s string) string { return s })
}

func (c *catalogue) valueHTML(value any) string {
	switch v := value.(type) {
	case template.HTML:
		return string(v)
	case ownName:
		return `<span translate="no">` + template.HTMLEscapeString(string(v)) + `</span>`
	case string:
		return string(isolate(v))
	case time.Time:
		return string(c.date(v))
	}
	return template.HTMLEscapeString(c.valueText(value))
}

func (c *catalogue) valueText(value any) string {
	switch v := value.(type) {
	case ownName:
		return string(v)
	case string:
		return readable(v)
	case int:
		return strconv.Itoa(v)
	case time.Time:
		return c.dateText(v)
	}
	return fmt.Sprint(value)
}

// ownName is the name of this server: the operator's, never translated.
type ownName string

// date is a day written out, in a <time> element.
func (c *catalogue) date(t time.Time) template.HTML {
	return template.HTML(`<time datetime="` + t.Format(time.DateOnly) + `">` + template.HTMLEscapeString(c.dateText(t)) + `</time>`)
}

func (c *catalogue) dateText(t time.Time) string {
	s, err := c.fill("date.long", 0, map[string]any{
		"day": t.Day(), "month": c.texts["month."+strconv.Itoa(int(t.Month()))], "year": t.Year(),
	}, c.valueText, func(s string) string { return s })
	if err != nil {
		return t.Format(time.DateOnly)
	}
	return s
}

// moment is a day and the time on it, in UTC, in a <time> element.
func (c *catalogue) moment(t time.Time) template.HTML {
	t = t.UTC()
	s, err := c.fill("date.moment", 0, map[string]any{"date": c.dateText(t), "time": t.Format("15:04")}, c.valueText, func(s string) string { return s })
	if err != nil {
		s = t.Format(time.RFC3339)
	}
	return template.HTML(`<time datetime="` + t.Format(time.RFC3339) + `">` + template.HTMLEscapeString(s) + `</time>`)
}

// duration is a time to wait in words, rounded up: "5 minutes", "1 hour".
func (c *catalogue) duration(d time.Duration) (string, error) {
	switch {
	case d <= time.Minute:
		return c.asText("time.minutes", 1, nil)
	case d < time.Hour:
		return c.asText("time.minutes", int((d+time.Minute-1)/time.Minute), nil)
	default:
		return c.asText("time.hours", int((d+time.Hour-1)/time.Hour), nil)
	}
}

// isolate writes what somebody typed: escaped, and in <bdi> so that its writing
// direction cannot reorder the sentence around it.
func isolate(s string) template.HTML {
	return template.HTML("<bdi>" + template.HTMLEscapeString(readable(s)) + "</bdi>")
}

// readable drops control characters and the marks that reorder text. With them
// a partner's name could make a sentence of ours read as another one.
func readable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0x200e, r == 0x200f, r == 0x061c:
			return -1
		case r == '\n' || r == '\t':
			return ' '
		case unicode.IsControl(r):
			return -1
		}
		return r
	}, s)
}
