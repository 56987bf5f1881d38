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
)

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
