package api

import (
	"bytes"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"mime/multipart"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/store"
)

// sent is one part of an upload: a file when it has a name.
type sent struct{ field, name, content string }

// upload sends parts to the upload of a profile.
func (w *world) upload(p person, prefix, id string, parts ...sent) reply {
	w.t.Helper()
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	for _, part := range parts {
		if part.name == "" {
			must(w.t, form.WriteField(part.field, part.content))
			continue
		}
		to, err := form.CreateFormFile(part.field, part.name)
		must(w.t, err)
		_, err = to.Write([]byte(part.content))
		must(w.t, err)
	}
	must(w.t, form.Close())
	return w.ask("POST", prefix+"/profiles/"+id+"/verification-status/upload-document", b.String(), "Authorization", p.bearer, "Content-Type", form.FormDataContentType())
}

// files are those of a profile, read as its partner.
func (w *world) files(p person, id string) []customer.File {
	w.t.Helper()
	var list []customer.File
	must(w.t, store.Customers{DB: w.db}.View(w.t.Context(), func(tx customer.Tx) (err error) {
		list, err = tx.Files(customer.AccountID(p.id), customer.ProfileID(number(w.t, id)))
		return err
	}))
	return list
}

func picture(t *testing.T, media string) string {
	t.Helper()
	var b bytes.Buffer
	flat := image.NewGray(image.Rect(0, 0, 2, 2))
	if media == "image/png" {
		must(t, png.Encode(&b, flat))
	} else {
		must(t, jpeg.Encode(&b, flat, nil))
	}
	return b.String()
}

const pdf = "%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"

// Contract 11.4: files are kept as what their content is, under the name that their sender gave them.
func TestUploadDocument(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	id := decimal(w.profile(p))
	got := w.upload(p, "/v3", id, sent{"documentType", "", "ID_PROOF"}, sent{"files", `C:\Users\mira\front.jpg`, picture(t, "image/png")},
		sent{"files", "../../etc/back.pdf", picture(t, "image/jpeg")}, sent{"comment", "", "both sides"}, sent{"files", "letter.pdf", pdf})
	if got.want(t, 204, ``); got.header.Get("Content-Type") != "" {
		t.Errorf("204 with %v", got.header)
	}
	list := w.files(p, id)
	for i, want := range []customer.File{{Name: "front.jpg", Media: "image/png"}, {Name: "back.pdf", Media: "image/jpeg"}, {Name: "letter.pdf", Media: "application/pdf", Size: int64(len(pdf))}} {
		if len(list) != 3 || list[i].Name != want.Name || list[i].Media != want.Media || want.Size != 0 && list[i].Size != want.Size || list[i].Purpose != "ID_PROOF" || !list[i].At.Equal(noon) {
			t.Fatalf("%d: %+v", i, list)
		}
	}
	must(t, store.Customers{DB: w.db}.View(t.Context(), func(tx customer.Tx) error {
		f, err := tx.File(list[2].ID)
		if string(f.Content) != pdf {
			t.Errorf("content %q", f.Content)
		}
		return err
	}))
	// What waits for a review is not added to; another type is.
	w.upload(p, "/2026Q3", id, sent{"documentType", "", "ID_PROOF"}, sent{"files", "a.pdf", pdf}).want(t, 409,
		fieldsOf(`{"code":"ALREADY_PROVIDED","message":"Files of this type are there and wait for a review","arguments":[]}`))
	w.upload(p, "/2026Q3", id, sent{"documentType", "", "ADDRESS_PROOF"}, sent{"files", "a.pdf", pdf}).want(t, 204, ``)
	w.upload(p, "/v3", w.business(p), sent{"documentType", "", "BUSINESS_AUTH_REP_PROOF_BY_AUTH_LETTER"}, sent{"files", "a.pdf", pdf}).want(t, 204, ``)
}

// Files that lie, are empty, huge or many; forms that cannot be read. Nothing of any is kept.
func TestUploadErrors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	id := decimal(w.profile(p))
	idProof, file := sent{"documentType", "", "ID_PROOF"}, sent{"files", "a.pdf", pdf}
	bad := func(path, words string) string {
		return `{"code":"BAD_REQUEST","message":"` + path + words + `","path":"` + path + `","arguments":[]}`
	}
	const unread = `{"code":"BAD_REQUEST","message":"The form cannot be read, or has a file in another field than files","arguments":[]}`
	const large = `{"code":"PAYLOAD_TOO_LARGE","message":"A file is larger than 10 MB, or there are too many","arguments":[]}`
	const media = `{"code":"UNSUPPORTED_MEDIA_TYPE","message":"A file is neither a JPEG nor a PNG nor a PDF","arguments":[]}`
	whole := pdf + strings.Repeat("x", customer.LargestFile-len(pdf))
	for _, x := range []struct {
		name   string
		parts  []sent
		status int
		want   string
	}{
		{"nothing", nil, 400, bad("files", " is missing") + "," + bad("documentType", " is missing")},
		{"nothing of use", []sent{{"comment", "", "x"}}, 400, bad("files", " is missing") + "," + bad("documentType", " is missing")},
		{"no file", []sent{idProof}, 400, bad("files", " is missing")},
		{"no type", []sent{file}, 400, bad("documentType", " is missing")},
		{"a type that is none", []sent{{"documentType", "", "LIBRARY_CARD"}, file}, 400, bad("documentType", " is not valid")},
		{"the type twice", []sent{idProof, idProof, file}, 400, unread},
		{"a file elsewhere", []sent{idProof, {"file", "a.pdf", pdf}}, 400, unread},
		{"an empty file", []sent{idProof, file, {"files", "b.pdf", ""}}, 400, bad("files", " has an empty one")},
		{"six files", []sent{idProof, file, file, file, file, file, file}, 400, bad("files", " has too many of them")},
		{"a page that says it is a picture", []sent{idProof, {"files", "a.png", "<html><script>alert(1)</script></html>"}}, 415, media},
		{"a picture that ends after its first bytes", []sent{idProof, {"files", "a.png", picture(t, "image/png")[:8]}}, 415, media},
		{"a program", []sent{idProof, {"files", "a.pdf", "MZ\x90\x00"}}, 415, media},
		{"one bad among good", []sent{idProof, file, {"files", "b.gif", "GIF89a"}}, 415, media},
		{"a byte too many", []sent{idProof, {"files", "a.pdf", whole + "x"}}, 413, large},
		{"too much together", []sent{idProof, {"files", "a.pdf", whole}, {"files", "b.pdf", whole}, {"files", "c.pdf", whole}, {"files", "d.pdf", whole}, {"files", "e.pdf", whole}, {"files", "f.pdf", whole}}, 413, large},
	} {
		t.Run(x.name, func(t *testing.T) { w.upload(p, "/v3", id, x.parts...).want(t, x.status, fieldsOf(x.want)) })
	}
	path := "/v3/profiles/" + id + "/verification-status/upload-document"
	for name, x := range map[string]struct {
		kind, body string
		status     int
		want       string
	}{
		"json":        {"application/json", `{}`, 415, `{"code":"UNSUPPORTED_MEDIA_TYPE","message":"Send JSON as application/json, files as multipart/form-data","arguments":[]}`},
		"a picture":   {"image/png", picture(t, "image/png"), 415, `{"code":"UNSUPPORTED_MEDIA_TYPE","message":"Send JSON as application/json, files as multipart/form-data","arguments":[]}`},
		"no boundary": {"multipart/form-data", "--x--", 400, unread},
		"cut short":   {"multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"files\"; filename=\"a.pdf\"\r\n\r\n%PDF-", 400, unread},
		"cut short in a part's header": {"multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"documentType\"\r\n\r\nID_PROOF\r\n--x\r\n" +
			"Content-Disposition: form-data; name=\"files\"; filename=\"a.pdf\"\r\n\r\n" + pdf + "\r\n--x\r\nContent-Disposition: form-data; name=\"files\"; filen", 400, unread},
		"cut short before the end": {"multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"documentType\"\r\n\r\nID_PROOF\r\n--x\r\n" +
			"Content-Disposition: form-data; name=\"files\"; filename=\"a.pdf\"\r\n\r\n" + pdf + "\r\n--x-", 400, unread},
		"a long text": {"multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"documentType\"\r\n\r\n" + strings.Repeat("x", 1<<17) + "\r\n--x--\r\n", 400, unread},
		"many parts":  {"multipart/form-data; boundary=x", strings.Repeat("--x\r\nContent-Disposition: form-data; name=\"\"\r\n\r\n\r\n", 101) + "--x--\r\n", 400, unread},
	} {
		t.Run(name, func(t *testing.T) {
			w.ask("POST", path, x.body, "Authorization", p.bearer, "Content-Type", x.kind).want(t, x.status, fieldsOf(x.want))
		})
	}
	if list := w.files(p, id); len(list) != 0 {
		t.Errorf("stored %+v", list)
	}
	w.upload(p, "/v3", id, idProof, sent{"files", "a.pdf", whole}).want(t, 204, ``) // 10 MB is not too much
}

// A multipart form is refused where JSON is asked for.
func TestMultipartElsewhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	const kind, body = "multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"firstName\"\r\n\r\nMira\r\n--x--\r\n"
	for _, path := range []string{"/v2/profiles/personal-profile", v5Business, "/v1/profiles", "/v1/addresses", "/v1/profiles/" + w.business(p) + "/directors"} {
		if got := w.ask("POST", path, body, "Authorization", p.bearer, "Content-Type", kind); got.status != http.StatusUnsupportedMediaType {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
}

// Uploads that a partner begins and does not end take no more memory than four of them, and keep no other partner from its own.
func TestUploadsInHand(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p, other := w.open(acme, "mira.kade@example.org"), w.open(globex, "ines@example.org")
	id, otherID := decimal(w.profile(p)), decimal(w.profile(other))
	waits := func(n int) {
		for w.door.uploads.Taken() != n {
			runtime.Gosched()
		}
	}
	var slow sync.WaitGroup
	var ends []*io.PipeWriter
	for n := range mostUploadsOfOne {
		body, end := io.Pipe()
		ends = append(ends, end)
		slow.Go(func() {
			r, err := http.NewRequestWithContext(t.Context(), "POST", w.URL+"/v3/profiles/"+id+"/verification-status/upload-document", body)
			must(t, err)
			r.Header.Set("Authorization", p.bearer)
			r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
			w.send(r)
		})
		_, err := io.WriteString(end, "--x\r\nContent-Disposition: form-data; name=\"files\"; filename=\"a.pdf\"\r\n\r\n%PDF-1.7")
		must(t, err)
		waits(n + 1)
	}
	small := []sent{{"documentType", "", "ID_PROOF"}, {"files", "a.pdf", pdf}}
	whole := []sent{{"documentType", "", "ADDRESS_PROOF"}, {"files", "a.pdf", pdf + strings.Repeat(" ", largestBody)}}
	if got := w.upload(p, "/v3", id, whole...); got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") == "" {
		t.Errorf("one more: %d %s", got.status, got.body)
	}
	if got := w.upload(p, "/v3", id, small...); got.status != http.StatusNoContent {
		t.Errorf("a small one: %d %s", got.status, got.body)
	}
	if got := w.upload(other, "/v3", otherID, whole...); got.status != http.StatusNoContent {
		t.Errorf("another partner: %d %s", got.status, got.body)
	}
	for _, end := range ends {
		_ = end.Close()
	}
	slow.Wait()
	waits(0)
	if got := w.upload(p, "/v3", id, whole...); got.status != http.StatusNoContent {
		t.Errorf("afterwards: %d %s", got.status, got.body)
	}
}
