package crm

import (
	"embed"
	"encoding/json"
	"fmt"
)

//go:embed seed.json
var seedFile embed.FS

// seed stores the first records, each with its id and code, and the session's token with its user.
func (s *Server) seed(token string) error {
	text, err := seedFile.ReadFile("seed.json")
	if err != nil {
		return fmt.Errorf("reading the first records: %w", err)
	}
	var entries []struct {
		Document string
		Record   map[string]any
	}
	if err := json.Unmarshal(text, &entries); err != nil {
		return fmt.Errorf("reading the first records: %w", err)
	}
	for _, entry := range entries {
		m := s.modules[entry.Document]
		if m.Name == "User" || m.Name == "Group" { // whom the rest belongs to
			s.store.insert(m, entry.Record)
			continue
		}
		if _, problems := s.create(m, entry.Record); problems != nil {
			return fmt.Errorf("storing the first records: %s %s: %v", entry.Document, entry.Record["_id"], problems)
		}
	}
	s.openSession(s.store.get("User", s.userID), hashed(token))
	return nil
}
