package agentapi

import "strings"

// person is what identifies somebody. It is stored sealed, as one text.
type person struct {
	FirstName string  `json:"firstName"`
	LastName  *string `json:"lastName"`
	Email     *string `json:"email"`
	Phone     *string `json:"phone"`
}

// lead is a possible customer, in the order in which its fields are shown.
type lead struct {
	ID          string  `json:"id"`
	UniqueCode  *string `json:"uniqueCode"`
	ExternalRef *string `json:"externalRef"`
	person
	Status         string   `json:"status"`
	Priority       string   `json:"priority"`
	Source         string   `json:"source"`
	AdPlatform     *string  `json:"adPlatform"`
	Campaign       *string  `json:"campaign"`
	Score          int      `json:"score"`
	Notes          *string  `json:"notes"`
	AssignedTo     *string  `json:"assignedTo"`
	EstimatedValue *float64 `json:"estimatedValue"`
	ActualValue    *float64 `json:"actualValue"`
	CreatedAt      millis   `json:"createdAt"`
	UpdatedAt      millis   `json:"updatedAt"`
}

// maxValue bounds the values of a lead, in the workspace's currency.
const maxValue = 1e12

// uniqueCodeForm is what a unique code looks like, in a body as in a path.
var uniqueCodeForm = []check{length(1, 100), oneLine}

// leadFields are what a caller may write, with the rule of each.
var leadFields = []field[lead]{
	{"firstName", false, text(length(1, 100), oneLine), func(l *lead, v any) { l.FirstName = v.(string) }},
	{"lastName", true, text(length(0, 100), oneLine), func(l *lead, v any) { l.LastName = optional[string](v) }},
	{"email", true, text(length(3, 254), oneLine, emailForm), func(l *lead, v any) { l.Email = optional[string](v) }},
	{"phone", true, text(length(3, 20), phoneForm), func(l *lead, v any) { l.Phone = optional[string](v) }},
	{"status", false, text(oneOf(leadStatuses)), func(l *lead, v any) { l.Status = v.(string) }},
	{"priority", false, text(oneOf(priorities)), func(l *lead, v any) { l.Priority = v.(string) }},
	{"source", false, text(oneOf(leadSources)), func(l *lead, v any) { l.Source = v.(string) }},
	{"adPlatform", true, text(oneOf(adPlatforms)), func(l *lead, v any) { l.AdPlatform = optional[string](v) }},
	{"score", false, integer(0, 100), func(l *lead, v any) { l.Score = v.(int) }},
	{"notes", true, text(length(0, 5000), manyLines), func(l *lead, v any) { l.Notes = optional[string](v) }},
	{"uniqueCode", true, text(uniqueCodeForm...), func(l *lead, v any) { l.UniqueCode = optional[string](v) }},
	{"externalRef", true, text(length(1, 150), oneLine), func(l *lead, v any) { l.ExternalRef = optional[string](v) }},
	{"assignedTo", true, text(uuidForm), func(l *lead, v any) { l.AssignedTo = lower(optional[string](v)) }},
	{"estimatedValue", true, number(-maxValue, maxValue), func(l *lead, v any) { l.EstimatedValue = optional[float64](v) }},
	{"actualValue", true, number(-maxValue, maxValue), func(l *lead, v any) { l.ActualValue = optional[float64](v) }},
}

// upsertFields also take the id that a lead is found by, or created with.
var upsertFields = append([]field[lead]{
	{"id", false, text(uuidForm), func(l *lead, v any) { l.ID = strings.ToLower(v.(string)) }},
}, leadFields...)

// lower gives UUIDs one spelling.
func lower(s *string) *string {
	if s == nil {
		return nil
	}
	lowered := strings.ToLower(*s)
	return &lowered
}

func valueOf(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// emailKey and phoneKey are the forms under which e-mail addresses and phone numbers count as equal.
func emailKey(email string) string { return strings.ToLower(email) }

func phoneKey(phone string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, phone)
}
