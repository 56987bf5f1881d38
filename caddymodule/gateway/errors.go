package gateway

import (
	"fmt"

	"github.com/tollgate-gateway/tollgate/caddymodule/envelope"
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
