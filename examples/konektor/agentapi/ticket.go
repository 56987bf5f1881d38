package agentapi

import (
	"context"
	"database/sql"
	"encoding/json"
	"net/http"

	"github.com/google/uuid"
)

// ticket is a question to the people behind the API. What it says is stored sealed.
type ticket struct {
	ID        string `json:"id"`
	Subject   string `json:"subject"`
	Priority  string `json:"priority"`
	Status    string `json:"status"`
	CreatedAt millis `json:"createdAt"`

	message string
}

var ticketFields = []field[ticket]{
	{"subject", false, text(length(3, 180), oneLine), func(t *ticket, v any) { t.Subject = v.(string) }},
	{"message", false, text(length(1, 10_000), manyLines), func(t *ticket, v any) { t.message = v.(string) }},
	{"priority", false, text(oneOf(priorities)), func(t *ticket, v any) { t.Priority = v.(string) }},
}

func (a *API) createTicket(r *http.Request, who identity) (*answer, error) {
	body, err := readObject(r)
	if err != nil {
		return nil, err
	}
	wrong := problems{}
	changes := parse(body, ticketFields, wrong)
	nameMissing(body, wrong, "subject", "message")
	if err := wrong.failure("Invalid support ticket"); err != nil {
		return nil, err
	}
	t := &ticket{ID: uuid.NewString(), Priority: "medium", Status: "open", CreatedAt: a.clock()}
	apply(t, changes)
	content, err := json.Marshal([]string{t.Subject, t.message})
	if err != nil {
		return nil, err
	}
	err = a.store.write(r.Context(), func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO tickets (workspace, id, content, priority, status, created_at) VALUES (?, ?, ?, ?, ?, ?)",
			who.workspace, t.ID, a.store.vault.seal(content, place(who.workspace, t.ID, "content")), t.Priority, t.Status, t.CreatedAt)
		return err
	})
	return &answer{status: http.StatusCreated, data: t}, err
}
