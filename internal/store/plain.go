package store

import (
	"strings"
	"unicode/utf8"
)

// Sealed columns and lists hold what json.Marshal wrote. Most of it is plain: objects and lists of texts without escapes and without a space
// between. Such is read here, in a tenth of the time that encoding/json takes, which looks at everything twice. Whatever is not plain is
// reported as that, and is then read by encoding/json.

// plainText reads the text that begins at i with its quotation mark, and returns where it ends. after is 0 where it is not plain.
func plainText(s string, i int) (text string, after int) {
	if i >= len(s) || s[i] != '"' {
		return "", 0
	}
	wide := false
	for end := i + 1; end < len(s); end++ {
		switch c := s[end]; {
		case c == '"':
			text = s[i+1 : end]
			if wide && !utf8.ValidString(text) {
				return "", 0
			}
			return text, end + 1
		case c == '\\' || c < ' ':
			return "", 0
		case c >= utf8.RuneSelf:
			wide = true
		}
	}
	return "", 0
}

// plainPairs calls each for the members of an object that has texts alone. It reports whether it could read all of it; if not, each may
// have been called for some.
func plainPairs(s string, each func(name, value string)) bool {
	if s == "{}" {
		return true
	}
	if !strings.HasPrefix(s, "{") {
		return false
	}
	for i := 0; ; {
		name, after := plainText(s, i+1)
		if after == 0 || after == len(s) || s[after] != ':' {
			return false
		}
		value, after := plainText(s, after+1)
		if after == 0 || after == len(s) {
			return false
		}
		each(name, value)
		if s[after] == '}' {
			return after+1 == len(s)
		}
		if i = after; s[i] != ',' {
			return false
		}
	}
}

// plainList reads a list of texts.
func plainList[T ~string](s string, list *[]T) bool {
	if s == "[]" {
		*list = []T{}
		return true
	}
	if !strings.HasPrefix(s, "[") {
		return false
	}
	all := make([]T, 0, 1+strings.Count(s, ","))
	for i := 0; ; {
		text, after := plainText(s, i+1)
		if after == 0 || after == len(s) {
			return false
		}
		all = append(all, T(text))
		if s[after] == ']' && after+1 == len(s) {
			*list = all
			return true
		}
		if i = after; s[i] != ',' {
			return false
		}
	}
}

// plainMember finds a member of an object and returns its JSON, "" where there is none. It reads no further than that, and passes over
// other members whatever they hold.
func plainMember(s, want string) (json string, ok bool) {
	if s == "{}" {
		return "", true
	}
	if !strings.HasPrefix(s, "{") {
		return "", false
	}
	for i := 0; ; {
		name, after := plainText(s, i+1)
		if after == 0 || after == len(s) || s[after] != ':' {
			return "", false
		}
		end := jsonEnd(s, after+1)
		switch {
		case end == 0:
			return "", false
		case name == want:
			return s[after+1 : end], true
		case s[end] == '}':
			return "", end+1 == len(s)
		}
		i = end
	}
}

// jsonEnd is where the value that begins at i ends: the comma or bracket behind it, 0 where there is none.
func jsonEnd(s string, i int) int {
	for depth := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			for i++; i < len(s) && s[i] != '"'; i++ {
				if s[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth < 0 {
				return i
			}
		case ',':
			if depth == 0 {
				return i
			}
		}
	}
	return 0
}
