package web

import (
	"fmt"
	"html/template"
)

// shared is markup that every page of a language has alike: it depends on the operator's settings and on the words, and on no
// page, partner or person. It is made once, at start, since making it anew is a quarter of what a page costs.
type shared struct {
	// Assets are the files of the head, Mark is the operator's in the header, Links are those of the footer.
	Assets, Mark, Links template.HTML
}

// share makes what is shared, for each language that there is.
func (p *Pages) share() error {
	p.shared = map[*catalogue]*shared{}
	for _, words := range p.words {
		nowhere := &view{Frame: &Frame{}, Brand: p.brand, pages: p, words: words}
		var f shared
		for name, to := range map[string]*template.HTML{"assets": &f.Assets, "mark": &f.Mark, "links": &f.Links} {
			made, err := nowhere.part(name)
			if err != nil {
				return fmt.Errorf("%s in %s: %w", name, words.code, err)
			}
			*to = made
		}
		p.shared[words] = &f
	}
	return nil
}
