package inside

import "strings"

// Tells reports whether a text speaks of the inside. It reads the whole text, in time that grows with its length.
func Tells(s string) bool {
	for _, mark := range marks {
		if strings.Contains(s, mark) {
			return true
		}
	}
	lower := lowered(s)
	for _, phrase := range phrases {
		if strings.Contains(lower, phrase) {
			return true
		}
	}
	for _, prefix := range prefixes {
		if begins(lower, prefix) {
			return true
		}
	}
	heard := listen(s, lower)
	if heard.has(driver) || heard.has(link) && heard.has(broken) && !heard.has(value) || isDSN(lower) {
		return true
	}
	switch lookForAddresses(lower) {
	case certain:
		return true
	case named, numbered:
		return heard.has(connection) || !heard.has(value)
	case possible:
		return heard.has(link | broken)
	}
	return false
}

// TellsInName reports whether the name of a field is one of the inside: an address (drivers list servers by theirs) or a
// driver's word. In a name without spaces internal names and words that only together speak of a connection are fields
// ("address.private", "socket.timeout"); one with spaces is judged as a text.
func TellsInName(name string) bool {
	if strings.ContainsAny(name, " =") || strings.Contains(name, "://") {
		return Tells(name)
	}
	lower := lowered(name)
	return lookForAddresses(lower) >= numbered || listen(name, lower).has(driver)
}

// lowered is the text with ASCII letters in lower case: byte for byte as long.
func lowered(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// begins reports whether a text, what follows a colon, a semicolon, a bracket or a line's end in it, or what is quoted begins with prefix.
func begins(lower, prefix string) bool {
	for from := 0; ; {
		at := strings.Index(lower[from:], prefix)
		if at < 0 {
			return false
		}
		at += from
		before := strings.TrimRight(lower[:at], " ")
		if before == "" || strings.IndexByte(":;]\n\t\r", before[len(before)-1]) >= 0 || len(before) == at && strings.IndexByte("([\"'`", before[at-1]) >= 0 {
			return true
		}
		from = at + 1
	}
}

// dsnWords are the names in connection strings of the form "host=… port=…" or "Server=…;Database=…".
var dsnWords = []string{
	"host=", "hostaddr=", "hostname=", "port=", "dbname=", "database=", "initial catalog=", "data source=", "server=", "user=", "username=", "user id=", "uid=",
	"password=", "pwd=", "sslmode=",
}

// isDSN reports whether a text holds two or more words of a connection string.
func isDSN(lower string) bool {
	if strings.IndexByte(lower, '=') < 0 {
		return false
	}
	found := 0
	for _, word := range dsnWords {
		if at := strings.Index(lower, word); at == 0 || at > 0 && !isWordByte(lower[at-1]) {
			found++
		}
	}
	return found >= 2
}
