package api

import (
	"encoding/json"
	"fmt"
	"html"
)

// terms is what a partner shows before it signs a customer up: where this server says how it treats them (contract 7.8). It is the
// same whoever is named, so it tells nobody which clients there are.
func (d *Door) terms(c *call) (any, error) {
	address := html.EscapeString(d.PagesURL + "/privacy")
	c.w.Header().Set("Content-Type", "text/html;charset=UTF-8")
	c.w.Header().Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	return json.RawMessage(fmt.Sprintf("<p>The terms are at <a href=\"%s\">%s</a>.</p>\n", address, address)), nil
}
