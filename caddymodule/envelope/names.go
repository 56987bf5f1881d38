package envelope

import (
	"slices"
	"strings"

	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
)

// role is what a member of an error body may be, by its name. Which of its roles it has is decided by its value and by its
// neighbours: see walk.
type role uint32

const (
	core    role = 1 << iota // a text for people that no field is called like: an object with one says something
	text                     // a text for people
	heading                  // a text that stands above another one, or a code: it says least
	list                     // what is wrong, one by one
	keyed                    // an object of it is by field, whatever the names and texts in it are
	wrapper                  // an object that is an error, or that holds one
	holder                   // an object that may hold one, or data: its texts count if there are none outside of it
	field                    // the name of the field at fault
	fields                   // a list of such names
	maybe                    // the name of the field, in an entry that says something and names none otherwise
	nearby                   // an object beside a text that may name the field
	general                  // what is wrong with no field, within an object by field
	about                    // says more of the error, nothing of a field: codes, ids, links
	code                     // a word for programs, which stands where no text does
	own                      // the backend's own affair: it is not looked at
	echo                     // what the caller sent: it is not looked at
	thrown                   // an exception: a text of it is its class and where it was thrown
)

// word is a name with its roles. rank orders the texts of one object: the most telling first.
type word struct {
	roles role
	rank  int
}

// words is the table of names, in the form of normal. A name that is not here is looked for by its ending or a part of it
// (endings, parts); one that is nowhere may be a field's.
var words = func() map[string]word {
	table := make(map[string]word)
	rank := 0
	add := func(roles role, names ...string) {
		for _, name := range names {
			rank++
			w := table[name]
			w.roles |= roles
			if w.rank == 0 {
				w.rank = rank
			}
			table[name] = w
		}
	}
	// Texts, the most telling first. A few are lists or objects as well, by their value.
	add(core|text|list, "message")
	add(core|text, "usermessage", "displaymessage", "errormessage", "errormsg", "msg", "mensagem", "mensaje")
	add(core|text|list, "detail", "errordetail")
	add(text|list, "details", "errordetails", "additionaldetails", "detalhe", "detalhes")
	add(core|text, "errordescription", "errortext", "faultstring", "defaultmessage", "errorsummary")
	add(text, "description", "longmessage", "briefsummary", "summary", "text", "diagnostics", "hint", "suggestion", "feedback", "localizedmessage")
	add(heading, "context", "title", "statustext", "statusmessage", "reasonphrase")
	add(heading|list, "reason", "cause", "problem", "issue", "failure")
	add(core|heading|list|wrapper, "error", "err", "erro", "fault")
	add(heading|list|keyed, "errors")
	// Lists of what is wrong, and objects by field.
	add(list|keyed, "errorlist", "erros", "errores", "issues", "violations", "messages", "errormessages", "children", "validation", "modelstate", "fielderrors", "humanized",
		"properties")
	add(list|keyed|fields, "fields", "fieldlist", "campos", "invalidfields", "missingfields", "requiredfields", "unknownfields", "missingparameters", "missing")
	add(list, "fieldviolations", "problems", "failures", "causes", "reasons", "extra", "invalid", "rootcause", "inner", "subproblems", "constraints", "errorchain", "items", "alerts", "notifications", "conflicts")
	// Objects with errors in them.
	add(wrapper|thrown, "exception")
	add(wrapper, "json", "body", "response", "responsestatus", "envelope", "errorresponse", "embedded", "zoderror", "reply", "output")
	add(holder, "data", "result", "results", "meta", "status", "info", "extensions", "payload", "content", "responsemetadata", "ocs")
	// Names of fields: the first that names one stands.
	add(field, "pointer", "jsonpointer", "loc", "instancepath", "datapath", "jsonpath", "propertypath", "fieldpath", "field", "fieldname", "param", "parameter", "paramname",
		"parametername", "property", "propertyname", "propertyref", "attribute", "attr", "member", "element", "argument", "argumentname", "apiname", "column", "fieldid", "fieldkey", "keypath", "campo",
		"errorfield", "failedfield", "errorpath", "errorparam", "requestpointer", "missingproperty")
	add(fields, "fieldnames", "members", "membernames", "paths", "expression", "keys", "invalidparameters", "invalidproperties", "propertynames")
	add(maybe, "path", "name", "key", "target", "in", "location")
	add(nearby, "source", "extensions", "context", "meta", "details", "info", "input", "inputpath")
	add(echo, "input")
	// What concerns no field, in an object by field.
	add(general|list, "nonfielderrors", "base", "fullmessages", "formerrors", "globalerrors")
	// What errors say of themselves.
	add(about|code, "code", "errorcode", "errcode", "errortype", "type", "rule", "tag", "keyword", "kind", "constraint", "constraintid", "subcode", "errorid", "exctype")
	add(about, "status", "statuscode", "httpstatus", "httpcode", "httpstatuscode", "success", "ok", "id", "timestamp", "time", "date", "path", "instance", "url", "uri", "href",
		"link", "links", "help", "helpurl", "helplink", "docurl", "documentationurl", "documentation", "moreinfo", "docs", "requestid", "traceid", "correlationid",
		"transactionid", "version", "apiversion", "severity", "category", "domain", "locale", "lang", "method", "locations", "locationtype", "objectname", "object", "resource",
		"schemas", "errno", "level", "phrase", "action", "metadata", "warnings", "errorcount", "template", "messagetemplate", "codes", "logref", "fatal",
		"retryable", "temporary", "timeout", "name", "trackingid", "model", "collection", "origin", "classname")
	add(own, "trace", "traces", "stack", "backtrace", "traceback", "debug", "exc", "exceptionmessage", "exceptiontype", "exceptionclass", "innerexception",
		"internalexception", "internalmessage", "innermessage", "internal", "drivererror", "original", "originalerror", "sql", "suppressed",
		"developermessage", "devmessage", "technicalmessage", "errordevelopermessage", "underlying", "dump")
	add(echo, "request", "value", "values", "rejectedvalue", "invalidvalue", "attemptedvalue", "received", "actual", "expected", "arguments", "args", "params", "variables", "headers",
		"cookies", "stringvalue", "oldvalue", "newvalue", "config", "options", "file", "line", "function", "class", "parent", "env", "process", "server", "host", "hostname")
	return table
}()

// endings and parts tell the roles of names that are not in the table; one with an ownPart and an ownEnding is the backend's.
var (
	ownParts   = []string{"debug", "stack", "trace", "internal", "inner", "developer", "technical"}
	ownEndings = []string{"message", "msg", "text", "detail", "details", "info", "description", "error", "errors", "exception", "trace", "data"}
	endings    = []hint{
		{"message", text | list}, {"messages", list | keyed}, {"msg", text}, {"description", text}, {"details", text | list}, {"detail", text | list},
		{"text", text}, {"fieldname", field}, {"attributename", field}, {"columnname", field}, {"paramname", field},
		{"parametername", field}, {"field", field}, {"fieldpath", field}, {"param", field}, {"property", field}, {"attribute", field}, {"reason", heading},
	}
	parts = []hint{
		{"error", list | keyed | wrapper}, {"violation", list | keyed}, {"invalid", list | keyed}, {"validat", list | keyed},
		{"problem", list}, {"issue", list}, {"failure", list}, {"fault", list | wrapper}, {"exception", wrapper | thrown},
	}
)

// hint is what a part of a name tells.
type hint struct {
	part  string
	roles role
}

// otherRank is the rank of texts that are not in the table: behind all that are.
const otherRank = 1 << 10

// lookUp is what the table says of a member's name.
func lookUp(name string) word {
	if name == "" || len(name) > maxField || name[0] == '@' || name[0] == '$' {
		return word{roles: about}
	}
	name = normal(name)
	if w, found := words[name]; found {
		return w
	}
	if hasPart(name, ownParts, strings.Contains) && hasPart(name, ownEndings, strings.HasSuffix) {
		return word{own, otherRank}
	}
	for _, h := range endings {
		if strings.HasSuffix(name, h.part) {
			return word{h.roles, otherRank}
		}
	}
	for _, h := range parts {
		if strings.Contains(name, h.part) {
			return word{h.roles, otherRank}
		}
	}
	return word{}
}

func hasPart(name string, parts []string, has func(string, string) bool) bool {
	return slices.ContainsFunc(parts, func(part string) bool { return has(name, part) })
}

func (w word) may(r role) bool { return w.roles&r != 0 }

// normal is a name in lower case, without a namespace ("hydra:description", "odata.error") and without separators
// ("error_message", "error-message" and "ErrorMessage" are one name).
func normal(name string) string {
	name = name[1+strings.LastIndexByte(name, ':'):]
	name = strings.TrimPrefix(name, "odata.")
	plain := true
	for i := range len(name) {
		if c := name[i]; c < 'a' || c > 'z' {
			plain = false
			break
		}
	}
	if plain {
		return name
	}
	b := make([]byte, 0, len(name))
	for i := range len(name) {
		switch c := name[i]; {
		case c >= 'A' && c <= 'Z':
			b = append(b, c+'a'-'A')
		case c == '_' || c == '-' || c == ' ' || c == '#':
		default:
			b = append(b, c)
		}
	}
	return string(b)
}

// isOurCode tells the codes of the envelope.
func isOurCode(v any) bool {
	s, _ := v.(string)
	return refusal.Code(s).Known()
}
