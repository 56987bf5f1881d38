package openapi

import (
	"errors"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/jsonbody"
	"github.com/tollgate-gateway/tollgate/caddymodule/route"
)

// Answers holds the answers of one operation against its document: their status, their Content-Type, and JSON bodies. It is a
// route.Answers, and immutable. What a check costs is bounded, whatever the document and the answer are.
type Answers struct {
	byStatus map[string]*answer // by "200", "2xx" or "default"
}

// answer is what the document says of those with one status.
type answer struct {
	media map[string]*schema // by media type; nil values: any. Nil: the document says nothing of the body
}

// of is what the document says of answers with a status; nil: it does not declare it.
func (a *Answers) of(status int) *answer {
	for _, word := range []string{strconv.Itoa(status), strconv.Itoa(status/100) + "xx", "default"} {
		if declared := a.byStatus[word]; declared != nil {
			return declared
		}
	}
	return nil
}

// schema is what holds for a body of that kind. Found says that the document has that kind.
func (a *answer) schema(contentType string) (s *schema, found bool) {
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return nil, false
	}
	major, _, _ := strings.Cut(kind, "/")
	for _, name := range []string{kind, major + "/*", "*/*"} {
		if s, found := a.media[name]; found {
			return s, true
		}
	}
	return nil, false
}

// Reads is part of route.Answers.
func (a *Answers) Reads(status int, contentType string) bool {
	declared := a.of(status)
	if declared == nil || status == http.StatusPartialContent {
		return false
	}
	s, _ := declared.schema(contentType)
	return s != nil
}

// Check is part of route.Answers.
func (a *Answers) Check(status int, contentType string, body []byte) ([]route.Problem, error) {
	declared := a.of(status)
	if declared == nil {
		return nil, route.ErrUndeclared
	}
	if declared.media == nil || contentType == "" {
		return nil, nil
	}
	r := check{steps: maxSteps, hidden: true}
	s, found := declared.schema(contentType)
	switch {
	case !found:
		r.root = "Content-Type"
		r.fail("Must be one of: %s", strings.Join(slices.Sorted(maps.Keys(declared.media)), ", "))
	case s != nil && body != nil:
		value, err := jsonbody.ParseSmall(body)
		switch {
		case errors.Is(err, jsonbody.ErrValues):
			return nil, route.ErrTooComplex
		case err != nil:
			return []route.Problem{{Field: "body", Text: err.Error()}}, nil
		}
		r.value(s, value, nil)
	}
	if r.steps < 0 {
		return nil, route.ErrTooComplex
	}
	return r.problems, nil
}

// answers reads what the document says of an operation's answers; nil: nothing.
func (c *compiler) answers(o *operation) (*Answers, error) {
	responses, found := o.of.get("responses")
	if !found {
		return nil, nil
	}
	a := &Answers{byStatus: map[string]*answer{}}
	err := responses.each("responses", func(status string, key, at place) error {
		if strings.HasPrefix(status, "x-") {
			return nil
		}
		status = strings.ToLower(status)
		if code, err := strconv.Atoi(status); status != "default" && (len(status) != 3 || status[1:] != "xx" && (err != nil || code < 100)) {
			return key.errorf("%q is not a status: write one such as 200, 4XX or default", key.node.Value)
		}
		at, err := c.files.resolve(at)
		if err != nil {
			return err
		}
		a.byStatus[status] = new(answer)
		content, found := at.get("content")
		if !found {
			return nil
		}
		media := map[string]*schema{}
		a.byStatus[status].media = media
		return content.each("content", func(kind string, key, value place) (err error) {
			if kind = mediaType(kind); isJSONType(kind) || kind == "*/*" || kind == "application/*" {
				return c.media(media, kind, key, value)
			}
			media[kind] = nil
			return nil
		})
	})
	if err != nil || len(a.byStatus) == 0 {
		return nil, err
	}
	return a, nil
}

// Interface guards
var _ route.Answers = (*Answers)(nil)
