package crm

import (
	"embed"
	"encoding/json"
	"fmt"
)

//go:embed seed.json
var seedFile embed.FS

// seed stores the first records. They go through the same checks as any other; their ids and codes are given.
func (s *Server) seed() error {
	text, err := seedFile.ReadFile("seed.json")
	if err != nil {
		return fmt.Errorf("reading the first records: %w", err)
	}
	var entries []struct {
		Document string
		ID       string `json:"_id"`
		Code     float64
		Record   map[string]any
	}
	if err := json.Unmarshal(text, &entries); err != nil {
		return fmt.Errorf("reading the first records: %w", err)
	}
	now := s.now().UTC().Format(storedTime)
	for _, entry := range entries {
		m := s.modules[entry.Document]
		created, problems := s.checked(m, entry.Record)
		if problems != nil {
			return fmt.Errorf("storing the first records: %s %s: %v", entry.Document, entry.ID, problems)
		}
		created["_id"], created["code"] = entry.ID, entry.Code
		created["_createdAt"], created["_updatedAt"] = now, now
		created["_createdBy"], created["_updatedBy"] = s.user, s.user
		s.store.insert(m, created)
	}
	return nil
}
