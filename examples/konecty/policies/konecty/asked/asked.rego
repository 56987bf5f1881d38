# METADATA
# title: What a query asks Konecty for
# description: |
#   Reads a query as the server does: {"document": …, "fields": …, "filter": …, "sort": …, "relations": […]}, relations
#   within relations at any depth, a sort that is JSON text. A find and the reading of a record are such queries too.
package konecty.asked

# METADATA
# title: texts(query) are the texts of a query, each with where it stands
# description: |
#   under is the last name of its path, so that what is in a list stands under the list's; last is the last of its path,
#   name or number. A sort that is JSON is read, and what it holds stands in its place.
# custom:
#   code: FORBIDDEN
texts(query) := {text |
	walk(query, [path, value])
	is_string(value)
	not _is_json_sort(path, value)
	text := _text(path, value)
} | {text |
	walk(query, [outer, value])
	is_string(value)
	_is_json_sort(outer, value)
	walk(json.unmarshal(value), [inner, within])
	is_string(within)
	text := _text(array.concat(outer, inner), within)
}

_text(path, value) := {
	"last": path[count(path) - 1],
	"under": _under(path),
	"in_value": _in_value(path),
	"text": value,
}

_under(path) := path[count(path) - 1] if {
	is_string(path[count(path) - 1])
} else := named[count(named) - 1] if {
	named := [name | some name in path; is_string(name)]
}

# What a condition compares with is no name to the server, whatever it holds.
default _in_value(_) := false

_in_value(path) if {
	some i, "conditions" in path
	path[i + 2] == "value"
}

_is_json_sort(path, value) if {
	_is_sort(path)
	json.is_valid(value)
}

_is_sort(path) if {
	path[count(path) - 1] == "sort"
	not _in_value(path)
}

# METADATA
# title: unreadable(query) tells that a sort of a query is no JSON
# custom:
#   code: VALIDATION_ERROR
unreadable(query) if {
	walk(query, [path, value])
	is_string(value)
	_is_sort(path)
	not json.is_valid(value)
}

# METADATA
# title: documents(texts) are the documents that a query reads, those of its relations included
# custom:
#   code: FORBIDDEN
documents(texts) := {text.text |
	some text in texts
	text.last == "document"
	not text.in_value
}

# METADATA
# title: parts(query) are the parts of a query that read a document; only the first has a path of length 0
# custom:
#   code: FORBIDDEN
parts(query) := {{"path": path, "part": part} |
	walk(query, [path, part])
	is_object(part)
	part.document
	not _in_value(path)
}

# METADATA
# title: names(texts) are the names of fields in a query, each with the word that it stands under
# description: Those that stand under "fields" are separated by commas, with white space around them.
# custom:
#   code: FORBIDDEN
names(texts) := {{"under": text.under, "name": text.text} |
	some text in texts
	text.under in {"field", "term", "property", "lookup", "left", "right", "groupBy"}
	not text.in_value
} | {{"under": "fields", "name": name} |
	some text in texts
	text.under == "fields"
	not text.in_value
	some name in listed(text.text)
}

# METADATA
# title: listed(text) are the names of a list of fields
# custom:
#   code: FORBIDDEN
listed(text) := [trim_space(name) | some name in split(text, ",")]

# METADATA
# title: is_name(under, name) tells that a name is one to the server too, however it reads it
# description: |
#   The server drops white space from lists of fields, and the first ".data" from the term of a condition: both would make
#   another name of one that is judged here.
# custom:
#   code: VALIDATION_ERROR
is_name(under, name) if {
	regex.match(`^[\p{L}_][\p{L}\p{N}_-]*(\.[\p{L}\p{N}_-]+)*$`, name)
	not _changed(under, name)
}

is_name(under, "$textScore") if under in {"fields", "property", "term"}

is_name("fields", "")

_changed("term", name) if regex.match(`\.data[\p{L}\p{N}_-]`, name)

# METADATA
# title: credentials(texts) are the texts of a query that name credentials, in any letter case and at any place
# description: Those are services and password, and whatever is under them, of the session's own user as well.
# custom:
#   code: FORBIDDEN
credentials(texts) := {text.text |
	some text in texts
	not text.in_value
	not text.last in {"document", "textSearch"}
	_names_credentials(text.text)
} | {text.text |
	some text in texts
	text.in_value
	startswith(text.text, "$user.")
	not _harmless(text.text)
}

# Values that begin so are read from the session's own user, by paths of a language of their own.
_harmless(text) if {
	regex.match(`^\$user(\.[\p{L}_][\p{L}\p{N}_-]*)+$`, text)
	not _names_credentials(text)
}

_names_credentials(text) if regex.match(`(?i)(^|[^\p{L}\p{N}_])(services|password)($|[^\p{L}\p{N}_])`, text)

# METADATA
# title: operators(query) are names that mean something to the database and nothing to Konecty
# custom:
#   code: VALIDATION_ERROR
operators(query) := {name |
	walk(query, [path, _])
	name := path[count(path) - 1]
	is_string(name)
	startswith(name, "$")
	name != "$date"
}

# METADATA
# title: is_long(query) tells that a query is too long to be judged in time
# custom:
#   code: VALIDATION_ERROR
is_long(query) if count([1 | walk(query, _)]) > 600
