package describe

import (
	"errors"
	"fmt"
	"net/mail"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tollgate-gateway/tollgate/caddymodule/openapi"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// Bounds of the Agent Skills specification, and of what else an operator writes.
const (
	maxName        = 64
	maxDescription = 1024
	maxTitle       = 120
	// MaxIntro is the longest intro, in bytes.
	MaxIntro = 64 << 10
)

// Options say how the API presents itself.
type Options struct {
	// Name is the skill's: 1 to 64 of a-z, 0-9 and single hyphens between them. Default: made of the title.
	Name string `json:"name,omitempty"`
	// Description says what the API is for and when to use it, in at most 1024 characters. Default: made of the title.
	Description string `json:"description,omitempty"`
	// Title is what people call the API. Default: that of the document.
	Title string `json:"title,omitempty"`
	// Contact is who gives keys: a mail address or an https address. Default: nobody is named.
	Contact string `json:"contact,omitempty"`
	// Everything has whoever comes without a key read of all operations. Default: of the public ones, and how a key is had.
	Everything bool `json:"everything,omitempty"`
	// Except are operations that are never told of.
	Except []openapi.Selection `json:"except,omitempty"`

	// Intro is Markdown that stands in front of the operations of SKILL.md. Who comes without a key reads it with Everything.
	Intro string `json:"-"`
	// Path is where the documents lie: /api for /api/SKILL.md.
	Path string `json:"-"`
	// Whoami is the path of whoami; "": the site has none.
	Whoami string `json:"-"`
	// MCP is the path at which the operations are tools of the Model Context Protocol; "": they are not.
	MCP string `json:"-"`
	// Plans are those of the gateway.
	Plans record.Plans `json:"-"`
	// Document is what routes are described by; nil: nothing.
	Document *openapi.Document `json:"-"`
}

// CheckName says what is wrong with the name of a skill (Agent Skills specification, "name").
func CheckName(name string) error {
	if name == "" || len(name) > maxName || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" ||
		strings.HasPrefix(name, "-") || strings.HasSuffix(name, "-") || strings.Contains(name, "--") {
		return fmt.Errorf("'%s' is not a name for a skill: write 1 to %d of a-z, 0-9 and single '-' between them, such as acme-leads", name, maxName)
	}
	return nil
}

// CheckDescription says what is wrong with the description of a skill.
func CheckDescription(text string) error {
	if strings.TrimSpace(text) == "" || utf8.RuneCountInString(text) > maxDescription || !isLine(text) {
		return fmt.Errorf("the description of a skill is one line of 1 to %d characters: say what the API does, and when to use it", maxDescription)
	}
	return nil
}

// CheckTitle says what is wrong with a title.
func CheckTitle(text string) error {
	if strings.TrimSpace(text) == "" || utf8.RuneCountInString(text) > maxTitle || !isLine(text) {
		return fmt.Errorf("a title is one line of 1 to %d characters, such as: title \"Leads of Acme\"", maxTitle)
	}
	return nil
}

// CheckContact says what is wrong with a contact.
func CheckContact(text string) error {
	if address, err := mail.ParseAddress(text); err == nil && address.Address == text && isPlain(text) {
		return nil
	}
	if at, err := url.Parse(text); err == nil && at.Scheme == "https" && at.Host != "" && at.User == nil && isPlain(text) {
		return nil
	}
	return fmt.Errorf("contact '%s' is neither a mail address nor an https address: write where keys are had, such as api@example.com", text)
}

// CheckIntro says what is wrong with the text of an intro.
func CheckIntro(text []byte) error {
	switch {
	case len(text) > MaxIntro || !utf8.Valid(text):
		return fmt.Errorf("an intro is Markdown in UTF-8 of at most %d KiB", MaxIntro>>10)
	case strings.HasPrefix(string(text), "---\n") || strings.HasPrefix(string(text), "---\r\n"):
		return errors.New("an intro has no front matter: remove it, and write name and description as: skill <name> \"<description>\"")
	}
	return nil
}

func isLine(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' })
}

// isPlain reports whether a text can stand in Markdown, a header and JSON as it is.
func isPlain(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("<>\"'`\\()[]|", r) })
}

// complete fills in what was left out.
func (o *Options) complete() {
	if o.Title == "" && o.Document != nil {
		o.Title = cut(line(o.Document.Title()), maxTitle)
	}
	if o.Title == "" {
		o.Title = "API"
	}
	if o.Name == "" {
		o.Name = slug(o.Title)
	}
	if o.Description == "" {
		o.Description = "Use the " + o.Title + " over HTTP: what may be called, with which parameters, and what the answers and errors mean."
	}
}

// slug is a title as the name of a skill.
func slug(title string) string {
	words := strings.FieldsFunc(strings.ToLower(title), func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') })
	name := cut(strings.Join(words, "-"), maxName)
	if name = strings.Trim(name, "-"); name == "" {
		return "api"
	}
	return name
}
