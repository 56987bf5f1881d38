package agentapi

import (
	"context"
	"database/sql"
	"net/http"

	"github.com/google/uuid"
)

const invalidLead = "Invalid lead data"

// newLead is what a lead is where its creator says nothing.
func (a *API) newLead() *lead {
	now := a.clock()
	return &lead{ID: uuid.NewString(), Status: statusNew, Priority: "medium", Source: "other", CreatedAt: now, UpdatedAt: now}
}

func (a *API) getLead(r *http.Request, who identity) (*answer, error) {
	reference, err := leadReference(r)
	if err != nil {
		return nil, err
	}
	var found *lead
	err = a.store.read(r.Context(), func(ctx context.Context, tx *sql.Tx) (err error) {
		found, err = a.store.leadByReference(ctx, tx, who.workspace, reference)
		return err
	})
	return &answer{data: found}, err
}

// leadReference is the id or unique code in the path.
func leadReference(r *http.Request) (string, error) {
	wrong, reference := problems{}, r.PathValue("id")
	if problem := firstProblem(reference, uniqueCodeForm); problem != "" {
		wrong["id"] = problem
	}
	return reference, wrong.failure("Invalid lead id")
}

func (a *API) createLead(r *http.Request, who identity) (*answer, error) {
	body, err := readObject(r)
	if err != nil {
		return nil, err
	}
	wrong := problems{}
	changes := parse(body, leadFields, wrong)
	nameMissing(body, wrong, "firstName")
	if err := wrong.failure(invalidLead); err != nil {
		return nil, err
	}
	created := a.newLead()
	apply(created, changes)
	err = a.store.write(r.Context(), func(ctx context.Context, tx *sql.Tx) error {
		return a.store.putLead(ctx, tx, who.workspace, created)
	})
	return &answer{status: http.StatusCreated, data: created}, err
}

func (a *API) changeLead(r *http.Request, who identity) (*answer, error) {
	reference, err := leadReference(r)
	if err != nil {
		return nil, err
	}
	body, err := readObject(r)
	if err != nil {
		return nil, err
	}
	wrong := problems{}
	changes := parse(body, leadFields, wrong)
	if len(body) == 0 {
		wrong["body"] = "Must hold at least one field"
	}
	if err := wrong.failure(invalidLead); err != nil {
		return nil, err
	}
	var changed *lead
	err = a.store.write(r.Context(), func(ctx context.Context, tx *sql.Tx) (err error) {
		if changed, err = a.store.leadByReference(ctx, tx, who.workspace, reference); err != nil {
			return err
		}
		return a.update(ctx, tx, who.workspace, changed, changes)
	})
	return &answer{data: changed}, err
}

// upserted says what an upsert did: MatchedBy is the field that found the lead, null when it was created.
type upserted struct {
	Created   bool    `json:"created"`
	MatchedBy *string `json:"matchedBy"`
	Lead      *lead   `json:"lead"`
}

func (a *API) upsertLead(r *http.Request, who identity) (*answer, error) {
	body, err := readObject(r)
	if err != nil {
		return nil, err
	}
	wrong := problems{}
	changes := parse(body, upsertFields, wrong)
	given := &lead{}
	apply(given, changes)
	if len(wrong) == 0 && given.ID == "" && given.UniqueCode == nil && given.Phone == nil && given.ExternalRef == nil {
		for _, name := range []string{"id", "uniqueCode", "phone", "externalRef"} {
			wrong[name] = "Give at least one of id, uniqueCode, phone and externalRef"
		}
	}
	if err := wrong.failure(invalidLead); err != nil {
		return nil, err
	}
	done := upserted{}
	err = a.store.write(r.Context(), func(ctx context.Context, tx *sql.Tx) (err error) {
		if done.Lead, done.MatchedBy, err = a.store.match(ctx, tx, who.workspace, given); err != nil {
			return err
		}
		if done.Lead != nil {
			id := done.Lead.ID
			return a.update(ctx, tx, who.workspace, done.Lead, append(changes, func(l *lead) { l.ID = id }))
		}
		nameMissing(body, wrong, "firstName")
		if err := wrong.failure(invalidLead); err != nil {
			return err
		}
		done.Created, done.Lead = true, a.newLead()
		apply(done.Lead, changes)
		return a.store.putLead(ctx, tx, who.workspace, done.Lead)
	})
	if done.Created {
		return &answer{status: http.StatusCreated, data: done}, err
	}
	return &answer{data: done}, err
}

// match finds the lead that an upsert means: by id, unique code, phone or external reference, the first that finds one.
// Of several leads with the same phone it is the oldest.
func (s *store) match(ctx context.Context, tx *sql.Tx, workspace string, given *lead) (*lead, *string, error) {
	for _, identifier := range []struct {
		field, condition string
		value            any
		given            bool
	}{
		{"id", "id = ?", given.ID, given.ID != ""},
		{"uniqueCode", "unique_code = ?", given.UniqueCode, given.UniqueCode != nil},
		{"phone", "phone_index = ?", s.vault.blindIndex(workspace, "phone", phoneKey(valueOf(given.Phone))), given.Phone != nil},
		{"externalRef", "external_ref = ?", given.ExternalRef, given.ExternalRef != nil},
	} {
		if !identifier.given {
			continue
		}
		if l, err := s.findLead(ctx, tx, workspace, identifier.condition, identifier.value); l != nil || err != nil {
			return l, &identifier.field, err
		}
	}
	return nil, nil, nil
}

func (a *API) update(ctx context.Context, tx *sql.Tx, workspace string, l *lead, changes []func(*lead)) error {
	apply(l, changes)
	l.UpdatedAt = max(a.clock(), l.CreatedAt)
	return a.store.putLead(ctx, tx, workspace, l)
}

func apply[T any](record *T, changes []func(*T)) {
	for _, change := range changes {
		change(record)
	}
}
