package demo

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httputil"
	"slices"
	"strings"
	"sync"

	"encoding/json"
)

// Call is one request to the API and its answer, word for word, with a curl line that sends the same again.
type Call struct {
	Request, Answer, Curl string
}

// recorder is a transport that keeps every call that passes. It shows credentials: this is a sandbox, and they are what
// a newcomer wants to see at work.
type recorder struct {
	next http.RoundTripper

	mu    sync.Mutex
	calls []Call
}

// bodyLimit bounds what is kept of an answer.
const bodyLimit = 1 << 20

// RoundTrip sends the request and keeps it with its answer.
func (rec *recorder) RoundTrip(r *http.Request) (*http.Response, error) {
	var sent []byte
	if r.Body != nil {
		var err error
		sent, err = io.ReadAll(r.Body)
		if err != nil {
			return nil, fmt.Errorf("reading the request: %w", err)
		}
		_ = r.Body.Close()
		r.Body = io.NopCloser(bytes.NewReader(sent))
	}
	call := Call{Request: requestText(r, sent), Curl: curlText(r, sent)}
	answer, err := rec.next.RoundTrip(r)
	if err != nil {
		call.Answer = "no answer: " + err.Error()
		rec.keep(call)
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, bodyLimit))
	_ = answer.Body.Close()
	if err != nil {
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	answer.Body = io.NopCloser(bytes.NewReader(body))
	call.Answer = answerText(answer, body)
	rec.keep(call)
	return answer, nil
}

func (rec *recorder) keep(c Call) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.calls = append(rec.calls, c)
}

func (rec *recorder) list() []Call {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	return slices.Clone(rec.calls)
}

func requestText(r *http.Request, body []byte) string {
	head, err := httputil.DumpRequestOut(withoutBody(r), false)
	if err != nil {
		return r.Method + " " + r.URL.String()
	}
	return lines(head) + "\n" + readable(r.Header.Get("Content-Type"), body)
}

// withoutBody keeps the header lines of a request whose body is shown apart.
func withoutBody(r *http.Request) *http.Request {
	copied := r.Clone(r.Context())
	copied.Body, copied.ContentLength = http.NoBody, 0
	copied.Header.Del("User-Agent")
	copied.Header.Set("User-Agent", r.UserAgent())
	return copied
}

func answerText(answer *http.Response, body []byte) string {
	head, err := httputil.DumpResponse(answer, false)
	if err != nil {
		return answer.Status
	}
	return lines(head) + "\n" + readable(answer.Header.Get("Content-Type"), body)
}

// lines writes header lines as a person reads them, without those that say nothing about the API.
func lines(head []byte) string {
	var kept []string
	for line := range strings.Lines(string(head)) {
		line = strings.TrimRight(line, "\r\n")
		name, _, _ := strings.Cut(line, ":")
		switch strings.ToLower(name) {
		case "", "user-agent", "accept-encoding", "content-length", "date", "connection", "transfer-encoding":
		default:
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n") + "\n"
}

// readable indents JSON, names the parts of a form with files, and shows everything else as it is.
func readable(kind string, body []byte) string {
	if parts := partsOf(kind, body); parts != nil {
		var out strings.Builder
		for _, p := range parts {
			fmt.Fprintf(&out, "%s: %s\n", p.name, p.shown())
		}
		return out.String()
	}
	var out bytes.Buffer
	if strings.HasPrefix(kind, "application/json") && json.Indent(&out, body, "", "  ") == nil {
		return out.String()
	}
	return string(body)
}

// formPart is one part of a multipart form. The content of a file is not shown: it is no text.
type formPart struct {
	name, file, value string
	size              int
}

func (p formPart) shown() string {
	if p.file == "" {
		return p.value
	}
	return fmt.Sprintf("%s (%d bytes)", p.file, p.size)
}

// partsOf reads a multipart form; nil when it is none.
func partsOf(kind string, body []byte) []formPart {
	media, parameters, err := mime.ParseMediaType(kind)
	if err != nil || media != "multipart/form-data" {
		return nil
	}
	var parts []formPart
	for reader := multipart.NewReader(bytes.NewReader(body), parameters["boundary"]); ; {
		part, err := reader.NextPart()
		if err != nil {
			return parts
		}
		content, err := io.ReadAll(part)
		if err != nil {
			return parts
		}
		one := formPart{name: part.FormName(), file: part.FileName(), size: len(content)}
		if one.file == "" {
			one.value = string(content)
		}
		parts = append(parts, one)
	}
}

// bodyArguments are what curl needs to send the body again. A file must lie where the command runs.
func bodyArguments(kind string, body []byte) []string {
	if len(body) == 0 {
		return nil
	}
	parts := partsOf(kind, body)
	if parts == nil {
		return []string{"-d " + quoted(string(body))}
	}
	var list []string
	for _, p := range parts {
		value := p.value
		if p.file != "" {
			value = "@" + p.file
		}
		list = append(list, "-F "+quoted(p.name+"="+value))
	}
	return list
}

// curlText is the command that sends the same request.
func curlText(r *http.Request, body []byte) string {
	parts := []string{"curl -i"}
	if r.Method != http.MethodGet && (len(body) == 0 || r.Method != http.MethodPost) {
		parts[0] += " -X " + r.Method
	}
	parts[0] += " " + quoted(r.URL.String())
	id, secret, basic := r.BasicAuth()
	if basic {
		parts = append(parts, "-u "+quoted(id+":"+secret))
	}
	names := make([]string, 0, len(r.Header))
	for name := range r.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	kind := r.Header.Get("Content-Type")
	form := strings.HasPrefix(kind, "application/x-www-form-urlencoded") || strings.HasPrefix(kind, "multipart/form-data")
	for _, name := range names {
		skip := name == "Accept" || name == "User-Agent" || basic && name == "Authorization" || form && name == "Content-Type"
		for _, value := range r.Header[name] {
			if !skip {
				parts = append(parts, "-H "+quoted(name+": "+value))
			}
		}
	}
	return strings.Join(append(parts, bodyArguments(kind, body)...), " \\\n  ")
}

// quoted is one word for a shell, whatever is in it.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
