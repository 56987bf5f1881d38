package agentapi_test

import (
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func sorted(names []string) []string { return slices.Sorted(slices.Values(names)) }

// createAt makes a lead when the clock shows a time, and sets the clock back.
func (h *harness) createAt(at time.Time, lead fields) string {
	h.clock.now = at
	defer func() { h.clock.now = noon }()
	return h.create(lead)
}

func TestEveryFilterExcludes(t *testing.T) {
	h := empty(t)
	const agent, other = "7f3f0b5e-2c1d-4e8a-9b6c-0d1e2f3a4b5c", "8f3f0b5e-2c1d-4e8a-9b6c-0d1e2f3a4b5c"
	h.createAt(noon.AddDate(0, 0, -2), fields{"firstName": "In", "lastName": "O'Brien", "status": "hot", "priority": "high", "source": "ads",
		"adPlatform": "meta", "assignedTo": agent, "email": "in@example.com", "phone": "555-010-0001", "uniqueCode": "CRM-1"})
	h.createAt(noon, fields{"firstName": "Out", "lastName": "Brown", "status": "new", "priority": "low", "source": "website",
		"adPlatform": "google", "assignedTo": other, "email": "out@example.com", "phone": "555-010-0002", "uniqueCode": "CRM-2"})
	h.createAt(noon.AddDate(0, 0, -1), fields{"firstName": "Bare"})
	require.Len(t, h.get("/leads").list(), 3)

	for _, filter := range []string{"status=hot", "priority=high", "source=ads", "adPlatform=meta", "assignedTo=" + agent,
		"assignedTo=7F3F0B5E-2C1D-4E8A-9B6C-0D1E2F3A4B5C", "createdTo=2026-11-20", "createdTo=2026-11-20T12:00:00Z",
		"createdFrom=2026-11-20&createdTo=2026-11-20", "search=o'brien", "search=in%20brien", "search=CRM-1", "search=crm-1",
		"search=IN@example.com", "search=%20in%20", "search=5550100001", "search=%2B555%20010%200001", "status=hot&priority=high&search=in"} {
		t.Run(filter, func(t *testing.T) {
			got := h.get("/leads?" + filter)
			require.Equal(t, http.StatusOK, got.status, got.text)
			require.Equal(t, []string{"In"}, got.names())
			require.Equal(t, map[string]any{"page": 1.0, "limit": 50.0, "total": 1.0, "totalPages": 1.0, "nextCursor": nil}, got.body.Pagination)
		})
	}
	for filter, names := range map[string][]string{"createdFrom=2026-11-21": {"Bare", "Out"}, "createdFrom=2026-11-21T12:00:00.001Z": {"Out"},
		"status=hot&priority=low": {}, "search=example.com": {}, "search=in@example.co": {}, "search=555": {}, "search=b": {"In", "Out", "Bare"}} {
		t.Run(filter, func(t *testing.T) {
			require.Equal(t, sorted(names), sorted(h.get("/leads?"+filter).names()))
		})
	}
}

func TestLeadsAreSorted(t *testing.T) {
	h := empty(t)
	first := h.createAt(noon.Add(-3*time.Hour), fields{"firstName": "A"})
	h.createAt(noon.Add(-2*time.Hour), fields{"firstName": "B"})
	h.createAt(noon.Add(-time.Hour), fields{"firstName": "C"})
	require.Equal(t, http.StatusOK, h.ask("ws_a", "PATCH", "/leads/"+first, fields{"score": 1}).status)
	for query, names := range map[string][]string{
		"":                                {"C", "B", "A"},
		"sortOrder=asc":                   {"A", "B", "C"},
		"sortBy=updatedAt":                {"A", "C", "B"},
		"sortBy=updatedAt&sortOrder=asc":  {"B", "C", "A"},
		"sortBy=createdAt&sortOrder=desc": {"C", "B", "A"},
	} {
		require.Equal(t, names, h.get("/leads?"+query).names(), query)
	}
}

func TestPagesCoverTheList(t *testing.T) {
	h := empty(t)
	for i := range 7 {
		h.createAt(noon.Add(-time.Duration(i/2)*time.Minute), fields{"firstName": fmt.Sprint("L", i)}) // pairs share a time
	}
	for _, query := range []string{"", "&sortOrder=asc", "&search=l"} {
		whole := h.get("/leads?limit=100" + query).names()
		var paged []string
		for page := 1; page <= 4; page++ {
			got := h.get(fmt.Sprintf("/leads?limit=2&page=%d%s", page, query))
			require.Equal(t, 7.0, got.body.Pagination["total"])
			require.Equal(t, 4.0, got.body.Pagination["totalPages"])
			require.Equal(t, float64(page), got.body.Pagination["page"])
			require.Equal(t, page == 4, got.body.Pagination["nextCursor"] == nil)
			paged = append(paged, got.names()...)
		}
		require.Equal(t, whole, paged)
		beyond := h.get("/leads?limit=2&page=1000000" + query)
		require.Empty(t, beyond.list())
		require.Nil(t, beyond.body.Pagination["nextCursor"])
	}
}

func cursorOf(got reply) string {
	cursor, _ := got.body.Pagination["nextCursor"].(string)
	return cursor
}

func TestACursorNeitherSkipsNorRepeatsWhileLeadsComeIn(t *testing.T) {
	for _, query := range []string{"limit=2", "limit=2&sortOrder=asc", "limit=2&search=l", "limit=2&search=l&sortOrder=asc"} {
		t.Run(query, func(t *testing.T) {
			h := empty(t)
			for i := range 7 {
				h.createAt(noon.Add(-time.Duration(i/3)*time.Minute), fields{"firstName": fmt.Sprint("L", i)})
			}
			want := h.get("/leads?" + query[len("limit=2"):] + "&limit=100").names()
			got := h.get("/leads?" + query)
			names := got.names()
			for page := 2; cursorOf(got) != ""; page++ {
				at := noon.Add(time.Duration(page) * time.Hour)
				if strings.HasSuffix(query, "asc") {
					at = noon.Add(-time.Duration(page) * time.Hour)
				}
				h.createAt(at, fields{"firstName": "Late L"})
				got = h.get("/leads?" + query + "&cursor=" + cursorOf(got))
				require.Equal(t, http.StatusOK, got.status, got.text)
				require.Equal(t, float64(page), got.body.Pagination["page"])
				names = append(names, got.names()...)
			}
			require.Equal(t, want, names)
		})
	}
}

func TestACursorIsBoundToWorkspaceAndQuery(t *testing.T) {
	h := empty(t)
	for i := range 5 {
		h.create(fields{"firstName": fmt.Sprint("L", i)})
	}
	query := "limit=2&status=new&search=l"
	cursor := cursorOf(h.get("/leads?" + query))
	require.NotEmpty(t, cursor)
	require.Len(t, h.get("/leads?"+query+"&cursor="+cursor).list(), 2)
	for name, target := range map[string]string{
		"another filter":      "/leads?limit=2&status=hot&search=l&cursor=" + cursor,
		"a filter less":       "/leads?limit=2&search=l&cursor=" + cursor,
		"a filter more":       "/leads?" + query + "&priority=medium&cursor=" + cursor,
		"another order":       "/leads?" + query + "&sortOrder=asc&cursor=" + cursor,
		"another search":      "/leads?limit=2&status=new&search=L&cursor=" + cursor,
		"another limit":       "/leads?limit=3&status=new&search=l&cursor=" + cursor,
		"a cursor of nothing": "/leads?" + query + "&cursor=" + base64.RawURLEncoding.EncodeToString(make([]byte, 44)),
	} {
		t.Run(name, func(t *testing.T) {
			h.t = t
			h.refused(h.get(target), "cursor")
		})
	}
	h.t = t
	h.refused(h.ask("ws_b", "GET", "/leads?"+query+"&cursor="+cursor, nil), "cursor")
	h.refused(h.get("/leads?"+query+"&page=2&cursor="+cursor), "page")
}

func TestATamperedCursorIsRefused(t *testing.T) {
	h := empty(t)
	h.create(fields{"firstName": "A"})
	h.create(fields{"firstName": "B"})
	cursor := cursorOf(h.get("/leads?limit=1"))
	for i := range cursor {
		for _, c := range []byte("AZa9-_=") {
			if changed := cursor[:i] + string(c) + cursor[i+1:]; changed != cursor {
				h.refused(h.get("/leads?limit=1&cursor="+changed), "cursor")
			}
		}
	}
	for _, changed := range []string{cursor[1:], cursor[:len(cursor)-1], cursor + "A", cursor + "=", "%0A" + cursor, cursor + cursor} {
		h.refused(h.get("/leads?limit=1&cursor="+changed), "cursor")
	}
}

func TestDigitsFindPhonesAndCodes(t *testing.T) {
	h := empty(t)
	h.create(fields{"firstName": "Phone", "phone": "+49 30 123456"})
	h.create(fields{"firstName": "Code", "uniqueCode": "CRM-4930123456"})
	h.create(fields{"firstName": "Other", "phone": "+49 30 1234567", "uniqueCode": "CRM-49"})
	require.Equal(t, []string{"Code", "Phone"}, sorted(h.get("/leads?search=4930123456").names()))
}

func TestSearchTakesNoQueryLanguage(t *testing.T) {
	h := empty(t)
	h.create(fields{"firstName": "Ana", "lastName": "D'Angelo", "uniqueCode": "50%_off"})
	for _, search := range []string{"' OR 1=1 --", "'; DROP TABLE leads; --", `" OR ""="`, "ana' UNION SELECT person FROM leads", "a%", "*", "ana\x00", "--", "/*"} {
		got := h.get("/leads?" + url.Values{"search": {search}}.Encode())
		h.refused(got, "search")
	}
	for _, search := range []string{"UNION SELECT", "1 OR 1", "a_a", "sleep(5)"} {
		require.Empty(t, h.get("/leads?"+url.Values{"search": {search}}.Encode()).list(), search)
	}
	for _, search := range []string{"d'angelo", "ANA", "ana d'angelo", "angelo  ana"} {
		require.Len(t, h.get("/leads?"+url.Values{"search": {search}}.Encode()).list(), 1, search)
	}
}

func TestEveryFilterRefusesByItsName(t *testing.T) {
	h := empty(t)
	bad := map[string]string{"page": "0", "limit": "101", "cursor": "x", "status": "x", "priority": "x", "source": "x", "adPlatform": "x",
		"assignedTo": "x", "createdFrom": "x", "createdTo": "x", "search": "=", "sortBy": "x", "sortOrder": "x", "staus": "new"}
	for name, value := range bad {
		h.refused(h.get("/leads?"+name+"="+url.QueryEscape(value)), name)
	}
	for _, query := range []string{"limit=%zz", "limit=5;page=2", "%"} {
		h.refused(h.get("/leads?"+query), "query")
	}
	all := url.Values{}
	for name, value := range bad {
		all.Set(name, value)
	}
	h.refused(h.get("/leads?"+all.Encode()), slices.Collect(maps.Keys(bad))...)
	h.refused(h.get("/leads?search=%20%20"), "search") // else it would be taken for no search
	h.refused(h.get("/leads?createdFrom=2026-02-01&createdTo=2026-01-31"), "createdFrom", "createdTo")
}
