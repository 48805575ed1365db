package web

import (
	"fmt"
	"strings"
)

// RecoveryCodesText is the file that "Download" of C7 answers: what it is, for
// which address, of which day, and the codes, a line each.
func (p *Pages) RecoveryCodesText(page *RecoveryCodesPage) (string, error) {
	words := p.language(page.Language)
	title, err := words.asText("c7.file", 0, map[string]any{"brand": ownName(p.brand.Name)})
	if err != nil {
		return "", fmt.Errorf("writing recovery codes: %w", err)
	}
	lines := []string{title, readable(page.Email), words.dateText(page.Date), words.texts["c7.once"], ""}
	return strings.Join(append(lines, page.Codes...), "\r\n") + "\r\n", nil
}
