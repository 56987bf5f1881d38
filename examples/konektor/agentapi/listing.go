package agentapi

import (
	"encoding/json"
	"net/http"
	"strings"
)

// listing is a checked question for leads. Its JSON is what a cursor is bound to: all but the position.
type listing struct {
	page   int
	cursor string

	Limit                                            int
	Status, Priority, Source, AdPlatform, AssignedTo string
	CreatedFrom, CreatedTo                           *millis
	Search, SortBy, SortOrder                        string
}

// pagination stands beside the data of a list.
type pagination struct {
	Page       int     `json:"page"`
	Limit      int     `json:"limit"`
	Total      int     `json:"total"`
	TotalPages int     `json:"totalPages"`
	NextCursor *string `json:"nextCursor"`
	// SearchLimited says that a search by name has seen the first searchBound leads only.
	SearchLimited bool `json:"searchLimited,omitempty"`
}

func paginate(page, limit, total int) *pagination {
	return &pagination{Page: page, Limit: limit, Total: total, TotalPages: (total + limit - 1) / limit}
}

func (q *query) listing() listing {
	asked := listing{
		page:       q.page(),
		cursor:     q.text("cursor", length(1, 200)),
		Limit:      q.limit(),
		Status:     q.choice("status", leadStatuses, ""),
		Priority:   q.choice("priority", priorities, ""),
		Source:     q.choice("source", leadSources, ""),
		AdPlatform: q.choice("adPlatform", adPlatforms, ""),
		AssignedTo: strings.ToLower(q.text("assignedTo", uuidForm)),
		Search:     strings.TrimSpace(q.text("search", notBlank, length(1, 200), searchForm)),
		SortBy:     q.choice("sortBy", []string{"createdAt", "updatedAt"}, "createdAt"),
		SortOrder:  q.choice("sortOrder", []string{"asc", "desc"}, "desc"),
	}
	asked.CreatedFrom, asked.CreatedTo = q.between("createdFrom", "createdTo")
	if asked.cursor != "" && q.values.Has("page") {
		q.wrong["page"] = "Must not be given together with cursor"
	}
	return asked
}

func (a *API) listLeads(r *http.Request, who identity) (*answer, error) {
	q, _, err := a.readQuery(r, who)
	if err != nil {
		return nil, err
	}
	asked := q.listing()
	binding, err := json.Marshal(asked)
	if err != nil {
		return nil, err
	}
	var after *position
	if asked.cursor != "" {
		position, ok := a.store.vault.decodeCursor(asked.cursor, who.workspace, string(binding))
		if !ok {
			q.wrong["cursor"] = "Must be the nextCursor of a list with the same other parameters"
		}
		after, asked.page = &position, position.page+1
	}
	if err := q.check(); err != nil {
		return nil, err
	}
	found, err := a.store.listLeads(r.Context(), who.workspace, asked, after)
	if err != nil {
		return nil, err
	}
	pages := paginate(asked.page, asked.Limit, found.total)
	pages.SearchLimited = found.limited
	if found.next != nil {
		next, err := a.store.vault.encodeCursor(*found.next, who.workspace, string(binding))
		if err != nil {
			return nil, err
		}
		pages.NextCursor = &next
	}
	return &answer{data: found.leads, pagination: pages}, nil
}
