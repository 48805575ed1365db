package web

import (
	"embed"
	"fmt"
	"hash/fnv"
	"net/http"
	"strconv"
)

//go:embed static/*
var staticFiles embed.FS

// asset is one file that a page loads; its name carries a hash of its bytes, so
// that browsers may keep it for good and never show an old one.
type asset struct {
	path  string
	kind  string
	bytes []byte
}

// assets are the files beside the pages. Style and script are files because
// the policy of Headers refuses inline ones.
type assets struct {
	Style, Brand, Script, Passkey, Icon, Logo asset
}

func newAsset(stem, ending, kind string, content []byte) asset {
	h := fnv.New64a()
	h.Write(content)
	return asset{path: fmt.Sprintf("/assets/%s-%016x.%s", stem, h.Sum64(), ending), kind: kind, bytes: content}
}

func makeAssets(brand Brand) (assets, error) {
	var a assets
	for _, f := range []struct {
		to                       *asset
		name, stem, ending, kind string
	}{
		{&a.Style, "static/latchkey.css", "latchkey", "css", "text/css; charset=utf-8"},
		{&a.Script, "static/latchkey.js", "latchkey", "js", "text/javascript; charset=utf-8"},
		{&a.Passkey, "static/passkey.js", "passkey", "js", "text/javascript; charset=utf-8"},
		{&a.Icon, "static/icon.svg", "icon", "svg", "image/svg+xml"},
	} {
		content, err := staticFiles.ReadFile(f.name)
		if err != nil {
			return assets{}, err
		}
		*f.to = newAsset(f.stem, f.ending, f.kind, content)
	}
	a.Brand = newAsset("brand", "css", "text/css; charset=utf-8", []byte(brand.Accent.stylesheet()))
	if len(brand.Logo) == 0 {
		return a, nil
	}
	const most = 32 << 10
	kind := http.DetectContentType(brand.Logo)
	switch {
	case len(brand.Logo) > most:
		return assets{}, fmt.Errorf("the brand's logo has %d bytes; use a picture of at most %d", len(brand.Logo), most)
	case kind == "image/png":
		a.Logo = newAsset("logo", "png", kind, brand.Logo)
	case kind == "image/webp":
		a.Logo = newAsset("logo", "webp", kind, brand.Logo)
	default:
		return assets{}, fmt.Errorf("the brand's logo is %s; use PNG or WebP", kind)
	}
	return a, nil
}

// Assets serves GET and HEAD of /assets/{name}. Names are looked up in a table,
// never in a directory, so no path leads anywhere else.
func (p *Pages) Assets() http.Handler {
	table := map[string]asset{}
	for _, a := range []asset{p.assets.Style, p.assets.Brand, p.assets.Script, p.assets.Passkey, p.assets.Icon, p.assets.Logo} {
		if a.path != "" {
			table[a.path] = a
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a, ok := table[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		h := w.Header()
		h.Set("Content-Type", a.kind)
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
		h.Set("Content-Length", strconv.Itoa(len(a.bytes)))
		w.Write(a.bytes)
	})
}

// Path of each asset, for the layout.
func (a asset) Path() string { return a.path }
