package policy

import (
	"encoding/binary"
	"fmt"
	"net/textproto"
	"slices"
	"strings"
)

// slot is one part of the input that the key of a remembered decision holds.
type slot struct {
	kind slotKind
	// name is the query parameter's, the header's in canonical form, or the path parameter's.
	name string
}

type slotKind uint8

const (
	slotMethod slotKind = iota
	slotHost
	slotPath
	slotClientIP
	slotListedIP       // that of a key with an allowlist
	slotQuery          // all of it, as sent
	slotQueryParameter // the values of one name, as sent
	slotHeader
	slotPattern
	slotScopes
	slotParams
	slotParam
	slotKey
	slotWorkspace
	slotPlan
)

// fixed are the slots of the paths that have no name of the caller's in them.
var fixed = map[string][]slot{
	"request.method":    {{kind: slotMethod}},
	"request.host":      {{kind: slotHost}},
	"request.path":      {{kind: slotPath}},
	"request.client_ip": {{kind: slotClientIP}},
	"request.query":     {{kind: slotQuery}},
	"request.body":      nil, // a request with a body is never remembered where policies read it; without one there is nothing
	"route":             {{kind: slotPattern}, {kind: slotScopes}, {kind: slotParams}},
	"route.pattern":     {{kind: slotPattern}},
	"route.scopes":      {{kind: slotScopes}},
	"route.params":      {{kind: slotParams}},
	"key":               {{kind: slotKey}},
	"workspace":         {{kind: slotWorkspace}},
	"plan":              {{kind: slotPlan}},
}

// slotsOf gives the slots that hold all that is read. Where there are none that do, it says why.
func slotsOf(readings []reading) (slots []slot, why string) {
	for _, r := range readings {
		added, ok := slotsOfPath(r.path)
		if !ok {
			return nil, fmt.Sprintf("%s reads %s as a whole", place(r.at), r)
		}
		for _, s := range added {
			if !slices.Contains(slots, s) {
				slots = append(slots, s)
			}
		}
	}
	return slots, ""
}

func slotsOfPath(path []string) ([]slot, bool) {
	if len(path) > 2 {
		switch name := path[2]; path[0] + "." + path[1] {
		case "request.query":
			return []slot{{slotQueryParameter, name}}, true
		case "request.headers":
			canonical := textproto.CanonicalMIMEHeaderKey(name)
			if hidden(canonical) || strings.ToLower(canonical) != name {
				return nil, true // the input never has it
			}
			return []slot{{slotHeader, canonical}}, true
		case "route.params":
			return []slot{{slotParam, name}}, true
		}
	}
	// Below everything else the whole stands for its parts: a key for its scopes, the pattern for whatever it is taken for.
	for n := len(path); n > 0; n-- {
		if slots, known := fixed[strings.Join(path[:n], ".")]; known {
			return slots, true
		}
	}
	return nil, false
}

// partsOf tells what has to be built for policies that read these paths.
func partsOf(readings []reading) (p parts) {
	for _, r := range readings {
		if len(r.path) == 0 || r.path[0] == "request" && len(r.path) == 1 {
			return parts{query: true, headers: true, body: true}
		}
		if r.path[0] == "request" {
			p.query = p.query || r.path[1] == "query"
			p.headers = p.headers || r.path[1] == "headers"
			p.body = p.body || r.path[1] == "body"
		}
	}
	return p
}

// appendKey appends what the slots hold. Two inputs whose keys are equal, and whose keys and workspaces are the same
// records, are equal in all that the slots stand for, in value and in presence: each slot writes something that tells
// where it ends.
func appendKey(b []byte, slots []slot, in *Input) []byte {
	for i := range slots {
		s := &slots[i]
		switch s.kind {
		case slotMethod:
			b = appendText(b, in.Method)
		case slotHost:
			b = appendText(b, in.Host)
		case slotPath:
			b = appendText(b, in.Path)
		case slotClientIP:
			b = appendAddress(b, in)
		case slotListedIP:
			b = appendListedAddress(b, in)
		case slotQuery:
			b = appendText(b, in.RawQuery)
		case slotQueryParameter:
			b = appendParameter(b, s.name, in.RawQuery)
		case slotHeader:
			b = appendList(b, in.Header[s.name])
		case slotKey, slotWorkspace:
			b = appendIdentity(b, in)
		case slotPlan:
			b = appendPlan(b, in)
		default:
			b = appendRoute(b, s, in)
		}
	}
	return b
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// appendList appends the number of values and the values; an absent list is one of none, as in the input.
func appendList(b []byte, values []string) []byte {
	b = binary.AppendUvarint(b, uint64(len(values)))
	for _, value := range values {
		b = appendText(b, value)
	}
	return b
}

func appendAddress(b []byte, in *Input) []byte {
	address := in.address()
	if !address.IsValid() {
		return append(b, 0)
	}
	bytes := address.As16()
	return append(append(b, byte(address.BitLen())), bytes[:]...)
}

// appendListedAddress appends the address, but for a key without an allowlist only that it has none.
func appendListedAddress(b []byte, in *Input) []byte {
	if in.Identity != nil && len(in.Identity.Key.AllowedIPs) == 0 {
		return append(b, 1)
	}
	return appendAddress(b, in)
}

// appendParameter appends every value of a query parameter, as sent: what is encoded in two ways is remembered twice.
// Each is preceded by a 1, and a 0 ends them.
func appendParameter(b []byte, name, query string) []byte {
	for sent, value := range parameters(query) {
		if decodesTo(sent, name) {
			b = appendText(append(b, 1), value)
		}
	}
	return append(b, 0)
}

// decodesTo reports whether a name as sent is the given one.
func decodesTo(sent, name string) bool {
	if !strings.ContainsAny(sent, "%+") {
		return sent == name
	}
	return unescape(sent) == name
}

// appendIdentity only tells whether there is one: what it says of key and workspace, the owners stand for.
func appendIdentity(b []byte, in *Input) []byte {
	if in.Identity == nil {
		return append(b, 0)
	}
	return append(b, 1)
}

func appendPlan(b []byte, in *Input) []byte {
	switch {
	case in.Plan == nil:
		return append(b, 0)
	case in.Plan.Denied:
		b = append(b, 1)
	default:
		b = append(b, 2)
	}
	return appendText(b, in.Plan.Name)
}

func appendRoute(b []byte, s *slot, in *Input) []byte {
	if !in.found() {
		return append(b, 0)
	}
	b = append(b, 1)
	switch s.kind {
	case slotPattern:
		return appendText(b, in.Route.Route.Pattern)
	case slotScopes:
		return appendList(b, in.Route.Scopes)
	}
	for _, param := range in.Route.Params {
		if s.kind == slotParams {
			b = appendText(append(b, 1), param.Name)
			b = appendText(b, param.Value)
		} else if param.Name == s.name {
			b = appendText(append(b, 1), param.Value)
		}
	}
	return append(b, 0)
}
