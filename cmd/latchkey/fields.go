package main

import (
	"os"

	"github.com/latchkey-id/latchkey/internal/customer"
)

// readFields reads the operator's file of fields that customers are asked for beside the documented ones. It returns every
// mistake with the place in the file; nothing that the file names is loaded.
func readFields(path string) (customer.Extras, []mistake) {
	content, err := os.ReadFile(path)
	if err != nil {
		return customer.Extras{}, []mistake{{"fields", withoutPath(err, path), `name a file that begins with {"fields": [ (docs/operating.md shows one whole)`}}
	}
	extras, wrong := customer.ReadExtras(content)
	var found []mistake
	for _, e := range wrong {
		where := path
		if e.Path != "" {
			where += ": " + e.Path
		}
		found = append(found, mistake{where, e.What, e.Remedy})
	}
	return extras, found
}
