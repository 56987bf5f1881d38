package describe

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/tollgate-gateway/tollgate/caddymodule/record"
	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
)

// Bounds of SKILL.md: past maxLines of operations (the specification asks for less than 500 in all) they are told of in a line each, and
// openapi.json has the rest.
const (
	maxLines  = 440
	maxAnswer = 2 << 10
)

// skill writes SKILL.md.
func (m *model) skill() []byte {
	o := &m.site.options
	var b strings.Builder
	b.WriteString("---\nname: " + o.Name + "\ndescription: " + string(quote(o.Description)) + "\n---\n\n# " + line(o.Title) + "\n\n" + paragraph(o.Description) + "\n\n")
	b.WriteString("Base URL: " + baseInWords + ". In the examples it is in `$BASE`, and the key in `$KEY`. The operations with all of their schemas: " +
		"`" + OpenAPI.Path(o.Path) + "`, OpenAPI 3.1.")
	if o.MCP != "" && m.tellsAll() {
		b.WriteString(" They are tools of the Model Context Protocol as well: `" + o.MCP + "`.")
	}
	b.WriteString("\n")
	m.authentication(&b)
	if o.Intro != "" && m.tellsAll() {
		b.WriteString("\n" + strings.TrimSpace(o.Intro) + "\n")
	}
	b.WriteString("\n## Endpoints\n")
	b.WriteString(m.endpoints())
	errorsInWords(&b)
	m.limits(&b)
	headersInWords(&b)
	return []byte(b.String())
}

// baseInWords is where the address of the site comes in.
var baseInWords = "`" + anywhere + "`"

// tellsAll reports whether the caller reads what is not public.
func (m *model) tellsAll() bool { return m.caller.Plan != nil || m.site.options.Everything }

func (m *model) authentication(b *strings.Builder) {
	b.WriteString("\n## Authentication\n\nSend `Authorization: Bearer <key>` with every request, but for those that are public. A key belongs to one workspace and " +
		"may use what its scopes name.")
	if contact := m.site.options.Contact; contact != "" {
		b.WriteString(" A key is had from " + contactLink(contact) + ".")
	} else if m.caller.Plan == nil {
		b.WriteString(" A key is had from the people behind the API.")
	}
	self := "`" + Skill.Path(m.site.options.Path) + "`"
	switch {
	case m.caller.Plan != nil:
		b.WriteString(" This page names what your key may call from your address.\n")
	case m.site.options.Everything:
		b.WriteString(" Read " + self + " again with your key: it then names what that key may call.\n")
	default:
		b.WriteString(" This page was read without a key and names what is public. Read " + self + " again with your key: it then names what that key may call.\n")
	}
}

func contactLink(contact string) string {
	if strings.Contains(contact, "://") {
		return "<" + contact + ">"
	}
	return "<mailto:" + contact + ">"
}

// endpoints are the operations: each with all that it takes, or, where that is too long, in a line.
func (m *model) endpoints() string {
	if len(m.list) == 0 {
		if m.caller.Plan == nil {
			return "\nNone is public: each needs a key.\n"
		}
		return "\nNone: your key has no scope of this API, may not be used from your address, or its plan has no API.\n"
	}
	var long strings.Builder
	for _, t := range m.list {
		m.endpoint(&long, t)
	}
	if strings.Count(long.String(), "\n") <= maxLines {
		return long.String()
	}
	var short strings.Builder
	short.WriteString("\nParameters, bodies and answers are in `" + OpenAPI.Path(m.site.options.Path) + "`.\n\n")
	for _, t := range m.list {
		short.WriteString("- " + code(t.method+" "+t.path) + ": " + strings.TrimSpace(sentence(t.summary())+" "+needs(t.operation)+costs(t)+" "+farewell(t.operation)) + "\n")
	}
	return short.String()
}

func costs(t *told) string {
	if t.route.Cost > 1 {
		return " Counts as " + strconv.FormatInt(t.route.Cost, 10) + " requests."
	}
	return ""
}

func (m *model) endpoint(b *strings.Builder, t *told) {
	b.WriteString("\n### " + line(t.method+" "+t.path) + "\n\n")
	b.WriteString(strings.TrimSpace(sentence(t.summary())+" "+needs(t.operation)+costs(t)+" "+farewell(t.operation)) + "\n")
	if t.described != nil && line(t.described.Description) != line(t.described.Summary) {
		if text := sentence(t.described.Description); text != "" {
			b.WriteString("\n" + text + "\n")
		}
	}
	m.table(b, t)
	if request := m.curl(t); request != "" {
		b.WriteString("\n```sh\n" + request + "\n```\n")
	}
	m.answers(b, t)
}

// table is what the operation takes.
func (m *model) table(b *strings.Builder, t *told) {
	var rows []string
	row := func(name, where string, required bool, value, meaning string) {
		if required {
			where += ", required"
		}
		rows = append(rows, "| "+code(name)+" | "+where+" | "+value+" | "+cell(meaning)+" |\n")
	}
	for n := range t.parameters {
		p := &t.parameters[n]
		schema := parse(p.schema)
		_, described := m.resolve(schema)
		meaning := p.description
		if meaning == "" {
			meaning = described
		}
		value := m.words(schema, 0)
		switch {
		case p.isJSON:
			value = "JSON: " + value
		case p.in != "path" && !p.explode && strings.HasPrefix(value, "list"):
			value += ", with commas between them"
		}
		row(p.name, p.in, p.required && p.in != "path", value, meaning)
	}
	note := m.bodyRows(t, row)
	if len(rows) > 0 {
		b.WriteString("\n| name | in | value | meaning |\n|---|---|---|---|\n" + strings.Join(rows, ""))
	}
	if note != "" {
		b.WriteString("\n" + note + "\n")
	}
}

// bodyRows are the fields of the body, and what else is to be said of it.
func (m *model) bodyRows(t *told, row func(name, where string, required bool, value, meaning string)) string {
	if t.body == nil || len(t.contents) == 0 {
		return ""
	}
	c := firstJSON(t.contents)
	if c == nil {
		kinds := make([]string, len(t.contents))
		for n := range t.contents {
			kinds[n] = t.contents[n].kind
		}
		return "The body is " + codes(kinds) + ". " + sentence(t.body.Description)
	}
	fields, forms := m.fields(parse(c.schema))
	for _, f := range fields {
		row(f.name, "body", f.required, m.words(f.of, 0), f.description)
	}
	var notes []string
	if c.kind != "application/json" {
		notes = append(notes, "The body is "+code(c.kind)+".")
	}
	if len(fields) == 0 && len(c.schema) > 0 {
		notes = append(notes, "The body is JSON: "+m.words(parse(c.schema), 0)+".")
	}
	if t.body.Description != "" {
		notes = append(notes, sentence(t.body.Description))
	}
	if forms {
		notes = append(notes, "The body may take several forms, or has more fields: `"+OpenAPI.Path(m.site.options.Path)+"` has all of it.")
	}
	if !t.body.Required {
		notes = append(notes, "The body may be left out.")
	}
	return strings.Join(notes, " ")
}

// answers are what the operation answers, and an example of a success.
func (m *model) answers(b *strings.Builder, t *told) {
	var list []string
	var example []byte
	for n := range t.answers {
		a := &t.answers[n]
		text := a.status
		if text == "default" {
			text = "otherwise"
		}
		if description := line(a.description); description != "" {
			text += ": " + description
		}
		list = append(list, text)
		if example == nil && strings.HasPrefix(a.status, "2") {
			example = m.answer(a)
		}
	}
	slices.Sort(list) // by status, and what is otherwise behind them
	if len(list) > 0 {
		b.WriteString("\nAnswers: " + strings.Join(list, "; ") + ".\n")
	}
	if example != nil {
		b.WriteString("\n```json\n" + string(example) + "\n```\n")
	}
}

// answer is an example of an answer; nil: there is none, or it is too long.
func (m *model) answer(a *answer) []byte {
	c := firstJSON(a.contents)
	if c == nil {
		return nil
	}
	example := []byte(c.example)
	if example == nil {
		value, ok := m.sample(parse(c.schema), true, 0)
		if !ok || value.kind == 0 || len(value.members)+len(value.elements) == 0 {
			return nil
		}
		example = value.json()
	}
	var b bytes.Buffer
	if json.Compact(&b, example) != nil || b.Len() > maxAnswer {
		return nil
	}
	return b.Bytes()
}

// advice is what a caller does about each code.
var advice = map[refusal.Code]string{
	refusal.CodeUnauthorized: "check the key: it is missing, not known, expired or revoked",
	refusal.CodeForbidden: "stop: the key lacks a scope (`details.missing_scopes`), may not be used from your address (`details.reason` is `address`), its plan has no API (`plan`), " +
		"the workspace is suspended (`suspended`), or the request costs more than its limit (`details.cost`)",
	refusal.CodeInvalid:     "read `details`, which names each wrong field or parameter; correct all of them and send again",
	refusal.CodeNotFound:    "check method, path and id",
	refusal.CodeRateLimited: "wait `Retry-After` seconds, then send again",
	refusal.CodeInternal:    "send again later, after `Retry-After` if there is one; name `X-Request-Id` to the people behind the API",
}

func errorsInWords(b *strings.Builder) {
	statuses := map[refusal.Code]map[int]bool{}
	for _, code := range refusal.Codes() {
		statuses[code] = map[int]bool{code.Status(): true}
	}
	for _, kind := range refusal.Catalogue() {
		if kind.Status != 0 && kind != refusal.ClientLeft {
			statuses[kind.Code][kind.Status] = true
		}
	}
	b.WriteString("\n## Errors\n\n```json\n" + `{"success": false, "error": {"code": "VALIDATION_ERROR", "message": "…", "details": {"firstName": "is missing"}}}` +
		"\n```\n\n`details` is an object or null.\n\n| code | status | do |\n|---|---|---|\n")
	for _, code := range refusal.Codes() {
		var list []string
		for _, status := range slices.Sorted(maps.Keys(statuses[code])) {
			list = append(list, strconv.Itoa(status))
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", code, strings.Join(list, ", "), advice[code])
	}
	b.WriteString("\nOn 429 and 503 the header `Retry-After` says how many seconds to wait. Wait that long before the next request with this key, not only before the same one: " +
		"a request that is sent earlier is refused again. Send at most a few at once, and longer pauses each time when 5xx go on.\n")
}

// limits are those of the caller, or of all plans where everything is told.
func (m *model) limits(b *strings.Builder) {
	if m.caller.Plan != nil {
		b.WriteString("\n## Limits\n\n" + limitsInWords(m.caller) + "\n")
		return
	}
	if !m.site.options.Everything || len(m.site.options.Plans) == 0 {
		return
	}
	b.WriteString("\n## Plans and limits\n\nAll keys of a workspace share the limits of its plan. Requests that are refused with 401, 403 or 429 do not count.\n\n| plan | limits |\n|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(m.site.options.Plans)) {
		plan := m.site.options.Plans[name]
		limits := "none: the API answers 403"
		if !plan.Denied {
			limits = strings.Join(inWords(plan.Limits(&record.Workspace{}, nil)), "; ")
		}
		b.WriteString("| " + cell(name) + " | " + limits + " |\n")
	}
}

func limitsInWords(c *Caller) string {
	plan := "Your workspace is on the plan " + code(c.Plan.Name)
	if c.Plan.Denied {
		return plan + ", which has no API: every request is answered 403."
	}
	text := plan + ": " + strings.Join(inWords(c.Limits), "; ") + ". All keys of a workspace share its limits. Requests that are refused with 401, 403 or 429 do not count."
	if c.Plan.Concurrent > 0 {
		text += " At most " + strconv.FormatInt(c.Plan.Concurrent, 10) + " requests may be under way at once."
	}
	return text
}

func inWords(windows []record.Window) []string {
	list := make([]string, len(windows))
	for n, w := range windows {
		of := record.FormatDuration(w.Duration)
		if w.Period != 0 {
			of = "calendar " + w.Period.String() + " (UTC)"
		}
		list[n] = strconv.FormatInt(w.Limit, 10) + " requests in " + of
		if w.Key != "" {
			list[n] += " with this key"
		}
		if w.Over {
			list[n] += ", beyond which requests still pass"
		}
	}
	return list
}

func texted(windows []record.Window) []string {
	list := make([]string, len(windows))
	for n, w := range windows {
		list[n] = w.String()
	}
	return list
}

func headersInWords(b *strings.Builder) {
	b.WriteString(`
## Response headers

| header | meaning |
|---|---|
| ` + "`X-RateLimit-Limit`, `X-RateLimit-Remaining`, `X-RateLimit-Reset`" + ` | the limit, what is left of it, and when it is full again (Unix seconds) |
| ` + "`RateLimit-Policy`, `RateLimit`" + ` | the same of each limit, in the form of the IETF draft |
| ` + "`Retry-After`" + ` | on 429 and 503: seconds to wait |
| ` + "`X-Request-Id`" + ` | names the request to the people behind the API |
| ` + "`WWW-Authenticate`" + ` | on 401, and on 403 for a missing scope |
| ` + "`Deprecation`, `Sunset`" + ` | the operation is to be left; when it goes |
`)
}
