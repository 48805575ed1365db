package web

import "strings"

// The closed lists of what a session is called: enough for a person to tell their phone from a stranger's laptop, and nothing
// that follows them about. The first mark that the User-Agent has decides, so the more particular ones come first: most
// browsers also say that they are others.
var (
	browserMarks = [][3]string{{"Edg", "edge", "Edge"}, {"OPR/", "opera", "Opera"}, {"SamsungBrowser", "samsung", "Samsung Internet"},
		{"Firefox/", "firefox", "Firefox"}, {"FxiOS", "firefox", "Firefox"}, {"CriOS", "chrome", "Chrome"}, {"Chrome/", "chrome", "Chrome"},
		{"Safari/", "safari", "Safari"}}
	systemMarks = [][3]string{{"iPhone", "iphone", "iPhone"}, {"iPad", "ipad", "iPad"}, {"Android", "android", "Android"},
		{"CrOS", "chromeos", "ChromeOS"}, {"Windows", "windows", "Windows"}, {"Mac OS X", "macos", "macOS"}, {"Linux", "linux", "Linux"}}
)

// browserWords are the two words for a User-Agent, "" where it is not understood.
func browserWords(agent string) string {
	browser, system := marked(browserMarks, agent), marked(systemMarks, agent)
	if browser == "" || system == "" {
		return ""
	}
	return browser + " " + system
}

func marked(marks [][3]string, agent string) string {
	for _, m := range marks {
		if strings.Contains(agent, m[0]) {
			return m[1]
		}
	}
	return ""
}

// browserName is how the words are shown: names of products, which no language translates.
func browserName(words string) (browser, system string) {
	first, second, _ := strings.Cut(words, " ")
	for _, m := range browserMarks {
		if m[1] == first {
			browser = m[2]
		}
	}
	for _, m := range systemMarks {
		if m[1] == second {
			system = m[2]
		}
	}
	return browser, system
}
