package keysapi

import (
	"net/http"
	"slices"
	"strings"
)

// Operation is something that can be asked for.
type Operation struct {
	// Method is the HTTP method; HEAD is answered like GET.
	Method string
	// Path is what follows the path that the API is served at. {id} stands for one segment.
	Path string

	area   string // keys, workspaces or usage
	action string // read or write
	query  bool   // it takes parameters
	do     func(*exchange) (*Answer, error)
}

// operations are all of them. A word of a path stands before {id} in its place: no key can have it as its id.
var operations = []Operation{
	{http.MethodGet, "", "keys", "read", true, (*exchange).list},
	{http.MethodPost, "", "keys", "write", false, (*exchange).create},
	{http.MethodGet, "/workspaces", "workspaces", "read", true, (*exchange).listWorkspaces},
	{http.MethodGet, "/workspaces/{id}", "workspaces", "read", false, (*exchange).showWorkspace},
	{http.MethodDelete, "/workspaces/{id}", "workspaces", "write", false, (*exchange).deleteWorkspace},
	{http.MethodGet, "/workspaces/{id}/history", "workspaces", "read", true, (*exchange).workspaceHistory},
	{http.MethodPost, "/workspaces/{id}/suspend", "workspaces", "write", false, (*exchange).suspend},
	{http.MethodPost, "/workspaces/{id}/resume", "workspaces", "write", false, (*exchange).resume},
	{http.MethodGet, "/usage", "usage", "read", true, (*exchange).used},
	{http.MethodGet, "/{id}", "keys", "read", false, (*exchange).show},
	{http.MethodPatch, "/{id}", "keys", "write", false, (*exchange).change},
	{http.MethodDelete, "/{id}", "keys", "write", false, (*exchange).revoke},
	{http.MethodPost, "/{id}/rotate", "keys", "write", false, (*exchange).rotate},
}

// Operations are all that can be asked for.
func Operations() []Operation { return slices.Clone(operations) }

// Scopes are those of which a caller needs one: the first reaches the caller's own workspace, the last all of them. Who manages keys of
// all workspaces, with tollgate.admin.read or .write, can neither suspend nor delete one.
func (o *Operation) Scopes() []string {
	switch o.area {
	case "keys":
		return []string{"tollgate.keys." + o.action, "tollgate.admin." + o.action}
	case "workspaces":
		return []string{"tollgate.admin.workspaces." + o.action}
	}
	return []string{"tollgate." + o.area + "." + o.action, "tollgate.admin." + o.area + "." + o.action}
}

// Scopes are all that an operation of the API may need.
func Scopes() (all []string) {
	for _, o := range operations {
		for _, scope := range o.Scopes() {
			if !slices.Contains(all, scope) {
				all = append(all, scope)
			}
		}
	}
	return all
}

// find gives the operation of a method and a path, and the id in the path; nil: there is none.
func find(method, path string) (op *Operation, id string) {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	given, words := strings.Split(path, "/"), false
	for n := range operations {
		o := &operations[n]
		id, ok := o.matches(given)
		if !ok || words && strings.HasPrefix(o.Path, "/{id}") {
			continue
		}
		if o.Method == method {
			return o, id
		}
		words = words || !strings.HasPrefix(o.Path, "/{id}")
	}
	return nil, ""
}

func (o *Operation) matches(given []string) (id string, ok bool) {
	words := strings.Split(o.Path, "/")
	if len(words) != len(given) {
		return "", false
	}
	for n, word := range words {
		switch {
		case word == "{id}":
			id = given[n]
		case word != given[n]:
			return "", false
		}
	}
	return id, true
}
