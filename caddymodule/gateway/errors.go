package gateway

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/tollgate-gateway/tollgate/caddymodule/envelope"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/dispenser"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/size"
	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
)

// Errors says how a site maps the errors of its backend.
type Errors struct {
	// Off passes the backend's errors as they are; all else must then be left out. A 401 stays 502 where the site injects
	// Authorization. Where it injects secrets an error body is held until it is whole, and replaced if it repeats one, or is
	// not whole within 64 KiB and 2 s.
	Off bool `json:"off,omitempty"`
	// SoftFailures takes HTTP 200 and 201 whose JSON says "success": false for errors.
	SoftFailures bool `json:"soft_failures,omitempty"`
	// KeepErrors adds "errors": [{"message": …}] to the envelope, for clients that look for the backend's own shape.
	KeepErrors bool `json:"keep_errors,omitempty"`
	// Classify are rules for messages, in order: the first that matches wins.
	Classify []Classify `json:"classify,omitempty"`
	// Message is where an error of a format of the backend's own has its text: names with dots between them, such as err.text.
	Message string `json:"message,omitempty"`
	// Fields is where it has its list of fields.
	Fields *ErrorFields `json:"fields,omitempty"`
	// Code is where it has its own code, which goes into details.backend_code.
	Code string `json:"code,omitempty"`
	// MaxBody is the longest error body that is read, in bytes. Default: 64 KiB.
	MaxBody int64 `json:"max_body,omitempty"`
}

// ErrorFields says where a list of fields is, and where an element of it has name and text. An object in place of the list is
// by field.
type ErrorFields struct {
	List string `json:"list"`
	Name string `json:"name"`
	Text string `json:"text"`
}

// Classify says what a message means.
type Classify struct {
	// Code is the envelope's code for it.
	Code string `json:"code"`
	// Status is the HTTP status of the answer, from 400 to 599, one that goes with the code. Default: the backend's, and for a
	// soft failure the code's.
	Status int `json:"status,omitempty"`
	// Pattern is a regular expression (RE2); its named group "field" names the field at fault.
	Pattern string `json:"pattern"`
	// Source is the file and line it was written at, for errors.
	Source string `json:"source,omitempty"`
}

// mapper compiles the rules.
func (e *Errors) mapper() (*envelope.Mapper, error) {
	config := envelope.Config{
		Off: e.Off, SoftFailures: e.SoftFailures, KeepErrors: e.KeepErrors, MaxBody: e.MaxBody,
		Places: envelope.Places{Message: e.Message, Code: e.Code},
	}
	if e.Fields != nil {
		config.Places.Fields, config.Places.FieldName, config.Places.FieldText = e.Fields.List, e.Fields.Name, e.Fields.Text
	}
	if config.MaxBody == 0 {
		config.MaxBody = envelope.DefaultMaxBody
	}
	for _, rule := range e.Classify {
		config.Rules = append(config.Rules, envelope.Rule{
			Code: refusal.Code(rule.Code), Status: rule.Status, Pattern: rule.Pattern, Source: rule.Source,
		})
	}
	mapper, err := envelope.NewMapper(config)
	if err != nil {
		return nil, fmt.Errorf("errors: %w", err)
	}
	return mapper, nil
}

func (h *Handler) parseErrors(d *caddyfile.Dispenser) error {
	if d.NextArg() {
		return h.Errors.parseOff(d)
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		word := d.Val()
		if err := h.Errors.parseOption(d, word); err != nil {
			return dispenser.Located(d, "errors: "+word, err)
		}
	}
	return nil
}

// parseOff reads the only argument that errors may have, which stands alone.
func (e *Errors) parseOff(d *caddyfile.Dispenser) error {
	if d.Val() != "off" {
		return fmt.Errorf("'%s' is not known: write errors off, or a block", d.Val())
	}
	e.Off = true
	if d.NextArg() {
		return d.ArgErr()
	}
	if d.NextBlock(d.Nesting()) {
		return errors.New("off takes no block: nothing is mapped")
	}
	return nil
}

func (e *Errors) parseOption(d *caddyfile.Dispenser, word string) error {
	switch word {
	case "soft_failures":
		return parseFlag(d, &e.SoftFailures)
	case "keep_errors":
		return parseFlag(d, &e.KeepErrors)
	case "classify":
		rule, err := parseClassify(d)
		if err != nil {
			return err
		}
		e.Classify = append(e.Classify, rule)
	case "message":
		if err := parsePlaces(d, "message err.text", &e.Message); err != nil {
			return err
		}
	case "fields":
		if e.Fields != nil {
			return errTwice
		}
		e.Fields = new(ErrorFields)
		if err := parsePlaces(d, "fields err.fields name why", &e.Fields.List, &e.Fields.Name, &e.Fields.Text); err != nil {
			return err
		}
	case "code":
		if err := parsePlaces(d, "code err.no", &e.Code); err != nil {
			return err
		}
	case "max_body":
		return e.parseMaxBody(d)
	default:
		return fmt.Errorf("unknown option '%s': write soft_failures, keep_errors, classify, message, fields, code or max_body", word)
	}
	_, err := e.mapper()
	return err
}

var errTwice = errors.New("is given twice: keep one of them")

// parsePlaces reads where something is in an error body.
func parsePlaces(d *caddyfile.Dispenser, form string, into ...*string) error {
	args := d.RemainingArgs()
	if len(args) != len(into) {
		return fmt.Errorf("write where it is in the body, such as: %s", form)
	}
	for i := range into {
		if *into[i] != "" {
			return errTwice
		}
		*into[i] = args[i]
	}
	return nil
}

func (e *Errors) parseMaxBody(d *caddyfile.Dispenser) error {
	var value string
	if !d.Args(&value) || d.NextArg() {
		return d.ArgErr()
	}
	if e.MaxBody != 0 {
		return errTwice
	}
	var err error
	e.MaxBody, err = size.Parse(value, envelope.MostBody)
	return err
}

// parseClassify reads a code, perhaps a status, and a regexp.
func parseClassify(d *caddyfile.Dispenser) (Classify, error) {
	rule := Classify{Source: dispenser.Source(d)}
	args := d.RemainingArgs()
	if len(args) == 3 {
		status, err := strconv.Atoi(args[1])
		if err != nil || !isStatus(args[1]) {
			return rule, fmt.Errorf("'%s' is not a status from 400 to 599: write classify <code> [<status>] <regexp>", args[1])
		}
		rule.Status, args = status, []string{args[0], args[2]}
	}
	if len(args) != 2 {
		return rule, errors.New(`write a code, perhaps a status, and a regexp, such as: classify VALIDATION_ERROR 422 "^Field (?P<field>\S+) is required"`)
	}
	if isStatus(args[1]) {
		return rule, fmt.Errorf("behind the status %s the regexp is missing: write classify <code> [<status>] <regexp>, or (%s) if that is the regexp", args[1], args[1])
	}
	rule.Code, rule.Pattern = args[0], args[1]
	return rule, nil
}

var statusForm = regexp.MustCompile(`^[45]\d\d$`)

// isStatus tells a status of an error.
func isStatus(word string) bool { return statusForm.MatchString(word) }
