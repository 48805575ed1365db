package web

import (
	"net/http"
	"strconv"
	"strings"
)

// WriteRecoveryCodes answers "Download" of C7 with a text file: what it is, for
// which address, of which day, and the codes, a line each.
func (p *Pages) WriteRecoveryCodes(w http.ResponseWriter, r *http.Request, page *RecoveryCodesPage) {
	words := p.language(page.Language)
	title, err := words.asText("c7.file", 0, map[string]any{"brand": ownName(p.brand.Name)})
	if err != nil {
		p.Write(w, r, http.StatusInternalServerError, &ErrorPage{Trouble: TroubleInside, Frame: Frame{Reference: page.Reference}})
		p.log.ErrorContext(r.Context(), "writing recovery codes", "error", err)
		return
	}
	lines := []string{title, readable(page.Email), words.dateText(page.Date), words.texts["c7.once"], ""}
	text := strings.Join(append(lines, page.Codes...), "\r\n") + "\r\n"
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="recovery-codes.txt"`)
	h.Set("Content-Length", strconv.Itoa(len(text)))
	if _, err := w.Write([]byte(text)); err != nil {
		p.log.DebugContext(r.Context(), "sending recovery codes", "error", err)
	}
}
