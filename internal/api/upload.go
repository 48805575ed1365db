package api

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/latchkey-id/latchkey"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// Errors of uploads (contract 11.4).
var (
	errFileTooLarge = errors.New("file is too large")
	errFileType     = errors.New("file is of no type that is taken")
	errMultipart    = errors.New("multipart form cannot be read")
)

// largestUpload is what the whole request may have: the files, and what is around them (contract OC-41).
const largestUpload = customer.MostFiles*customer.LargestFile + 1<<20

// largestText bounds a field of the form that is no file.
const largestText = 1 << 16

// An upload is a multipart form with files.
type upload struct {
	texts map[string]string
	files []customer.File
}

// How many uploads over largestBody are in hand at once on a node, and how many of one partner. Each takes up to three times largestUpload of memory until it is
// answered, and limits of volume do not bound how many a partner begins and never ends.
const (
	mostUploads      = 12
	mostUploadsOfOne = 4
)

// uploadDocument stores the files of one document (contract 11.4).
func (d *Door) uploadDocument(c *call) (any, error) {
	id, err := c.number("profile")
	if err != nil {
		return nil, err
	}
	// Asked before megabytes are read for somebody who may not store them.
	if _, err := d.Customers.Profile(c.r.Context(), c.caller(), customer.ProfileID(id)); err != nil {
		return nil, err
	}
	form, err := c.upload("files")
	if err != nil {
		return nil, err
	}
	purpose := customer.Purpose(form.texts["documentType"])
	var fields []latchkey.FieldError
	say := func(path, words string) {
		fields = append(fields, latchkey.FieldError{Code: "BAD_REQUEST", Message: path + words, Path: path, Arguments: []string{}})
	}
	switch {
	case len(form.files) == 0:
		say("files", " is missing")
	case len(form.files) > customer.MostFiles:
		say("files", " has too many of them")
	case slices.ContainsFunc(form.files, func(f customer.File) bool { return len(f.Content) == 0 }):
		say("files", " has an empty one")
	}
	switch {
	case purpose == "":
		say("documentType", " is missing")
	case !slices.Contains(customer.Purposes(), purpose):
		say("documentType", " is not valid")
	}
	if len(fields) > 0 {
		return nil, fieldsError{400, fields}
	}
	for i, f := range form.files {
		media, known := customer.MediaOf(f.Content)
		if !known {
			return nil, errFileType
		}
		form.files[i].Media = media
	}
	return onceDone(c, http.StatusNoContent, struct{}{}, func(by customer.Caller) error {
		return d.Customers.Upload(c.r.Context(), by, customer.ProfileID(id), purpose, form.files)
	})
}

// upload reads a multipart form with files under one of the names, each part as it comes and none beyond its bound. Another
// content type is 415.
func (c *call) upload(names ...string) (upload, error) {
	if !c.body.unread {
		return upload{}, errContentType
	}
	if c.r.ContentLength < 0 || c.r.ContentLength > largestBody { // others take no more than any request
		done, ok := c.door.uploads.Take(strconv.FormatInt(int64(c.partner.ID), 10), mostUploadsOfOne, mostUploads)
		if !ok {
			return upload{}, volumeError{1}
		}
		c.done = done
	}
	_, parameters, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if err != nil || parameters["boundary"] == "" {
		return upload{}, errMultipart
	}
	whole := &closing{ReadCloser: http.MaxBytesReader(c.w, c.r.Body, largestUpload), mark: []byte("\n--" + parameters["boundary"] + "--"), end: []byte("\n")}
	c.r.Body = whole
	parts := multipart.NewReader(whole, parameters["boundary"])
	form := upload{texts: map[string]string{}}
	for count := 0; ; count++ {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) && whole.met {
			c.sent = form.text()
			return form, nil
		}
		if err == nil && count == mostParts {
			err = errMultipart
		}
		if err == nil {
			err = form.take(part, names)
		}
		if err != nil {
			return upload{}, c.uploadFault(err)
		}
	}
}

// closing looks for the mark that ends a form: the reader of parts takes some cut bodies for whole ones, and files would be missing.
type closing struct {
	io.ReadCloser
	mark []byte
	// end is what was read last, as long as a beginning of the mark may be.
	end []byte
	met bool
}

func (c *closing) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	if !c.met {
		c.end = append(c.end, p[:n]...)
		c.met = bytes.Contains(c.end, c.mark)
		c.end = c.end[max(0, len(c.end)-len(c.mark)+1):]
	}
	return n, err
}

// text is all that the form says, each part behind its length so that no two forms are one text. A file is in it by its digest.
func (form upload) text() string {
	var b strings.Builder
	say := func(parts ...string) {
		for _, part := range parts {
			fmt.Fprintf(&b, "%d:%s", len(part), part)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(form.texts)) {
		say(name, form.texts[name])
	}
	for _, f := range form.files {
		say(f.Name, string(secret.Hash(string(f.Content))))
	}
	return b.String()
}

// uploadFault says what was wrong. The rest is read and dropped, up to the bound: a client that is still sending would lose
// the connection and never see the answer.
func (c *call) uploadFault(err error) error {
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return errFileTooLarge
	case errors.Is(err, errFileTooLarge), errors.Is(err, errMultipart):
		_, _ = io.Copy(io.Discard, c.r.Body) // the answer is the same whether or not it ends well
		return err
	}
	return fmt.Errorf("%w: it ends early", errMultipart)
}

// take reads one part. A file under another name than the documented one is refused: the sender would think it stored.
func (form *upload) take(part *multipart.Part, names []string) error {
	name := part.FormName()
	if part.FileName() == "" {
		text, err := io.ReadAll(io.LimitReader(part, largestText+1))
		if _, twice := form.texts[name]; err == nil && (twice && name != "" || len(text) > largestText) {
			err = errMultipart
		}
		form.texts[name] = string(text)
		return err
	}
	if !slices.Contains(names, name) {
		return fmt.Errorf("%w: a file in another field", errMultipart)
	}
	content, err := io.ReadAll(io.LimitReader(part, customer.LargestFile+1))
	if err == nil && len(content) > customer.LargestFile {
		err = errFileTooLarge
	}
	form.files = append(form.files, customer.File{Name: fileName(part.FileName()), Content: content})
	return err
}

// longestName is in characters.
const longestName = 200

// fileName keeps the last element of what the sender called the file, as a text to show. It is never used as a path.
func fileName(text string) string {
	text = customer.Clean(path.Base(strings.ReplaceAll(strings.ToValidUTF8(text, "_"), `\`, "/")))
	if runes := []rune(text); len(runes) > longestName {
		text = string(runes[:longestName])
	}
	if _, problem := customer.CheckValue(customer.FirstLine, text, "", time.Time{}); problem != customer.NoProblem {
		return "file"
	}
	return text
}
