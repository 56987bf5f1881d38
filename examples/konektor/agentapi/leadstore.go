package agentapi

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
)

// leadColumns are in the order in which scanLead reads them.
const leadColumns = `id, unique_code, external_ref, person, status, priority, source, ad_platform, campaign, score, notes,
	assigned_to, estimated_value, actual_value, created_at, updated_at`

// scanLead reads one row of leadColumns and opens what is sealed.
func (s *store) scanLead(workspace string, row interface{ Scan(...any) error }) (*lead, error) {
	l := &lead{}
	var person, notes []byte
	if err := row.Scan(&l.ID, &l.UniqueCode, &l.ExternalRef, &person, &l.Status, &l.Priority, &l.Source, &l.AdPlatform,
		&l.Campaign, &l.Score, &notes, &l.AssignedTo, &l.EstimatedValue, &l.ActualValue, &l.CreatedAt, &l.UpdatedAt); err != nil {
		return nil, err
	}
	var err error
	if l.person, err = s.openPerson(workspace, l.ID, person); err != nil || notes == nil {
		return l, err
	}
	plain, err := s.vault.open(notes, place(workspace, l.ID, "notes"))
	text := string(plain)
	l.Notes = &text
	return l, err
}

func (s *store) openPerson(workspace, id string, sealed []byte) (p person, err error) {
	plain, err := s.vault.open(sealed, place(workspace, id, "person"))
	if err != nil {
		return person{}, err
	}
	return p, json.Unmarshal(plain, &p)
}

// findLead gives the first lead, in the order of creation, for which the condition holds; nil when there is none.
func (s *store) findLead(ctx context.Context, tx *sql.Tx, workspace, condition string, value any) (*lead, error) {
	row := tx.QueryRowContext(ctx, "SELECT "+leadColumns+" FROM leads WHERE workspace = ? AND "+condition+
		" ORDER BY created_at, id LIMIT 1", workspace, value)
	l, err := s.scanLead(workspace, row)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return l, err
}

// leadByReference finds a lead by its id or, when no lead has that id, by its unique code. No such lead is a failure.
func (s *store) leadByReference(ctx context.Context, tx *sql.Tx, workspace, reference string) (*lead, error) {
	l, err := s.findLead(ctx, tx, workspace, "id = lower(?)", reference)
	if l == nil && err == nil {
		l, err = s.findLead(ctx, tx, workspace, "unique_code = ?", reference)
	}
	if l == nil && err == nil {
		return nil, notFound("No lead has this id or uniqueCode")
	}
	return l, err
}

// putLeadStatement is not INSERT OR REPLACE, which would remove another lead with the same code.
const putLeadStatement = `INSERT INTO leads (` + leadColumns + `, workspace, email_index, phone_index)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
	ON CONFLICT (workspace, id) DO UPDATE SET unique_code = excluded.unique_code, external_ref = excluded.external_ref,
		person = excluded.person, status = excluded.status, priority = excluded.priority, source = excluded.source,
		ad_platform = excluded.ad_platform, campaign = excluded.campaign, score = excluded.score, notes = excluded.notes,
		assigned_to = excluded.assigned_to, estimated_value = excluded.estimated_value, actual_value = excluded.actual_value,
		created_at = excluded.created_at, updated_at = excluded.updated_at,
		email_index = excluded.email_index, phone_index = excluded.phone_index`

// putLead writes the lead, new or changed, and what its status means for conversions.
func (s *store) putLead(ctx context.Context, tx *sql.Tx, workspace string, l *lead) error {
	if err := s.checkUnique(ctx, tx, workspace, l); err != nil {
		return err
	}
	person, err := json.Marshal(l.person)
	if err != nil {
		return err
	}
	var notes []byte
	if l.Notes != nil {
		notes = s.vault.seal([]byte(*l.Notes), place(workspace, l.ID, "notes"))
	}
	_, err = tx.ExecContext(ctx, putLeadStatement,
		l.ID, l.UniqueCode, l.ExternalRef, s.vault.seal(person, place(workspace, l.ID, "person")), l.Status, l.Priority, l.Source,
		l.AdPlatform, l.Campaign, l.Score, notes, l.AssignedTo, l.EstimatedValue, l.ActualValue, l.CreatedAt, l.UpdatedAt,
		workspace, s.vault.blindIndex(workspace, "email", emailKey(valueOf(l.Email))),
		s.vault.blindIndex(workspace, "phone", phoneKey(valueOf(l.Phone))))
	if err != nil {
		return err
	}
	return queueConversion(ctx, tx, workspace, l)
}

// checkUnique refuses a code or reference that another lead has.
func (s *store) checkUnique(ctx context.Context, tx *sql.Tx, workspace string, l *lead) error {
	var code, reference bool
	if err := tx.QueryRowContext(ctx, `SELECT
		EXISTS (SELECT 1 FROM leads WHERE workspace = ?1 AND unique_code = ?3 AND id <> ?2),
		EXISTS (SELECT 1 FROM leads WHERE workspace = ?1 AND external_ref = ?4 AND id <> ?2)`,
		workspace, l.ID, l.UniqueCode, l.ExternalRef).Scan(&code, &reference); err != nil {
		return err
	}
	taken := problems{}
	if code {
		taken["uniqueCode"] = "Another lead has it"
	}
	if reference {
		taken["externalRef"] = "Another lead has it"
	}
	if len(taken) > 0 {
		return &failure{status: 409, code: codeValidation, message: "Another lead has the same code or reference", details: taken}
	}
	return nil
}
