package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// CheckNotification holds a notification, as it is sent, to the description. Its error may repeat values of it.
func CheckNotification(h http.Header, content []byte) error {
	k, err := held()
	if err != nil {
		return err
	}
	d, err := described()
	if err != nil {
		return err
	}
	var about struct {
		Type string `json:"event_type"`
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(content))
	if err == nil {
		err = json.Unmarshal(content, &about)
	}
	if err != nil {
		return fmt.Errorf("a notification is no JSON: %w", err)
	}
	name := about.Type
	if !d.document.sub("webhooks").has(name) {
		name = "others"
	}
	for _, one := range d.document.sub("webhooks", name, "post").list("parameters") {
		if q := d.resolved(one.(*tree)); q.at("required") == true && h.Get(q.text("name")) == "" {
			return fmt.Errorf("notification of %s: the header %s is missing", about.Type, q.text("name"))
		}
	}
	if kind := h.Get("Content-Type"); kind != "application/json" {
		return fmt.Errorf("notification of %s: the content type %q is not described", about.Type, kind)
	}
	if err := k.validate(pointer("webhooks", name, "post", "requestBody", "content", "application/json", "schema"), value); err != nil {
		return fmt.Errorf("notification of %s: %s", about.Type, shortened(err.Error()))
	}
	return nil
}
