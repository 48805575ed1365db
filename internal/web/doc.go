// Package web is the door for people: the pages of the claim journey and of the
// return visit, rendered on the server, whole without JavaScript.
//
// A handler parses, calls one verb of a noun, and hands a page struct to
// Pages.Write. Pages are html/template files in pages/, every sentence comes
// from the catalogue in messages/, and what the browser loads beside the page
// is in static/. Tests assert on page ids (data-page) and message ids
// (data-msg), never on prose.
//
// Security model of the pages: everything a partner or a person typed is
// escaped and set apart with <bdi>; there is no inline script or style, so the
// policy of Headers can refuse both; the only links off this host are the
// address of ReturnPage and the Way of an error page, which come from the
// register and are written byte for byte; nothing is loaded from elsewhere.
package web
