package web

import (
	"errors"
	"mime"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/limit"
)

// fileParts are the files that were uploaded about a profile, each with a way to look at it. They are what they are: the
// customer changes nothing in them.
func (v *visit) fileParts(s claim.State, p customer.Profile, section ReviewSection) []reviewPart {
	var all []reviewPart
	words := v.Pages.language("")
	for _, f := range s.Files {
		if f.Profile != p.ID {
			continue
		}
		row := ReviewRow{Key: numbered("file", f.ID), Kind: "file", Label: fileName(f), Source: SourcePartner, Fixed: true,
			Lines: []string{v.word(purposes, string(f.Purpose))}, Facts: []Message{Say("c8.fact.uploaded", "date", words.dateText(f.At))},
			View: v.base() + "/files/" + strconv.FormatInt(int64(f.ID), 10), ViewID: "c8.view"}
		if !shown(f.Media) {
			row.ViewID = "c8.download"
		}
		all = append(all, reviewPart{section: section, row: row, profile: p.ID})
	}
	return all
}

// endings are the ends of names by media type.
var endings = map[string][]string{"image/jpeg": {".jpg", ".jpeg"}, "image/png": {".png"}, "application/pdf": {".pdf"}}

// shown reports whether a browser may show a file of that type in itself. A PDF is handed over instead: the viewers of browsers
// do not run in the sandbox that the answer asks for.
func shown(media string) bool { return media == "image/jpeg" || media == "image/png" }

// longestName bounds the name of a file on the page and in the answer, in code points.
const longestName = 80

// fileName is what the sender called a file, fit to be shown and saved: one name without a path, without what is hidden, and
// with the ending of what it is. A page that was uploaded as "letter.html" would run its scripts once it was saved and opened.
func fileName(f customer.File) string {
	name := path.Base(strings.ReplaceAll(customer.Clean(readable(f.Name)), "\\", "/"))
	ends := append(endings[f.Media], ".bin")
	ending := strings.ToLower(path.Ext(name))
	if !slices.Contains(ends, ending) {
		ending = ends[0]
	} else {
		name = name[:len(name)-len(ending)]
	}
	if runes := []rune(name); len(runes) > longestName {
		name = string(runes[:longestName])
	}
	if name = strings.Trim(name, " ./"); name == "" {
		name = "file"
	}
	return name + ending
}

// How many files are being looked at at once on a node, and how many by one browser. Each takes up to three times customer.LargestFile of memory
// until it is sent, and whoever asks may read it as slowly as they like.
const (
	mostFiles      = 12
	mostFilesOfOne = 3
)

// looks counts a file in hand until done is called.
func (v *visit) looks() (done func(), err error) {
	done, ok := v.files.Take(strconv.FormatInt(int64(v.jar.Session.ID), 10), mostFilesOfOne, mostFiles)
	if !ok {
		return nil, limit.Exceeded{Wait: time.Second}
	}
	return done, nil
}

// showFile answers with a file of the review.
func showFile(v *visit, s claim.State) error {
	done, err := v.looks()
	if err != nil {
		return err
	}
	defer done()
	id, err := strconv.ParseInt(v.r.PathValue("file"), 10, 64)
	if err != nil || !slices.ContainsFunc(s.Files, func(f customer.File) bool { return f.ID == customer.FileID(id) }) {
		return errMissing
	}
	f, err := v.Claims.File(v.context(), v.post(), customer.FileID(id))
	if errors.Is(err, customer.ErrNoFile) {
		return errMissing
	}
	if err != nil {
		return v.next(err, claim.StepReview, nil)
	}
	return v.sendFile(f)
}

// sendFile answers with a file. What it says it is does not count, only what its content shows; the browser is
// told not to guess, to run nothing, and to let no other site see it. So a file that lies about its type stays a file.
func (v *visit) sendFile(f customer.File) error {
	if media, known := customer.MediaOf(f.Content); !known || media != f.Media {
		f.Media = "application/octet-stream"
	}
	way := "attachment"
	if shown(f.Media) {
		way = "inline"
	}
	v.saveJar()
	h := v.w.Header()
	h.Set("Content-Type", f.Media)
	h.Set("Content-Disposition", mime.FormatMediaType(way, map[string]string{"filename": fileName(f)}))
	h.Set("Content-Length", strconv.Itoa(len(f.Content)))
	h.Set("Content-Security-Policy", filePolicy)
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	v.w.WriteHeader(http.StatusOK)
	if v.r.Method == http.MethodHead {
		return nil
	}
	if _, err := v.w.Write(f.Content); err != nil {
		v.Log.DebugContext(v.context(), "sending a file", "error", err)
	}
	return nil
}

// filePolicy lets a file do nothing: no script, no request, no form, no frame, and an origin of its own, from which it can read
// none of our pages (scripts in what a partner uploaded). Styles are those with which browsers lay out a picture.
const filePolicy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"
