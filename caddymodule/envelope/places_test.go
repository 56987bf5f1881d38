package envelope

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
)

func placed(t testing.TB, p Places, rules ...Rule) *Mapper {
	m, err := NewMapper(Config{MaxBody: DefaultMaxBody, SoftFailures: true, Places: p, Rules: rules})
	require.NoError(t, err)
	return m
}

func TestPlaces(t *testing.T) {
	all := Places{Message: "err.text", Fields: "err.fields", FieldName: "name", FieldText: "why", Code: "err.no"}
	for _, tt := range []struct {
		name    string
		places  Places
		body    string
		message string
		details map[string]any
	}{
		{"all of them", all, `{"ok":false,"err":{"no":4001,"text":"order not valid","fields":[{"name":"qty","why":"must be above 0"}]}}`, "order not valid", texts{"qty": "must be above 0", "backend_code": 4001.0}},
		{"a place outdoes what would be found", Places{Message: "a"}, `{"a":"x","message":"y z","errors":["b c"]}`, "x", nil},
		{"fields are found where no place is given", Places{Message: "a"}, `{"a":"x","errors":{"f":["g"]}}`, "x", texts{"f": "g"}},
		{"the message is found where no place is given", Places{Fields: "list", FieldName: "n", FieldText: "t"}, `{"message":"m","list":[{"n":"f","t":"g"}],"errors":{"h":["i"]}}`, "m", texts{"f": "g"}},
		{"what is not in its place is looked for", all, `{"message":"m n","errors":{"f":["g"]}}`, "m n", texts{"f": "g"}},
		{"deep places and lists", Places{Message: "a.0.b.c", Fields: "l", FieldName: "x.y", FieldText: "z.0"}, `{"a":[{"b":{"c":"m"}}],"l":[{"x":{"y":"/f/0"},"z":["g"]}]}`, "m", texts{"f.0": "g"}},
		{"a number outside of the list", Places{Message: "a.7"}, `{"a":["b"],"message":"m"}`, "m", nil},
		{"fields by name", all, `{"err":{"text":"m","fields":{"qty":"must be above 0","sku":{"why":"is unknown"},"lot":["a","b"]}}}`, "m", texts{"qty": "must be above 0", "sku": "is unknown", "lot": "a; b"}},
		{"an element without a name is left out", all, `{"err":{"text":"m","fields":[{"why":"x"},{"name":"a"},7,null]}}`, "m", texts{"a": std}},
		{"a code that is a text", all, `{"err":{"text":"m","no":"E-7"}}`, "m", texts{"backend_code": "E-7"}},
		{"a code that is neither", all, `{"err":{"text":"m","no":{"a":1}}}`, "m", nil},
		{"a code that tells of the inside", all, `{"err":{"text":"m","no":"ECONNREFUSED"}}`, "m", nil},
		{"a text that tells of the inside", all, `{"err":{"text":"no answer from 10.0.0.5:27017","no":7}}`, std, texts{"backend_code": 7.0}},
		{"a field's text that does", all, `{"err":{"text":"m","fields":[{"name":"a","why":"SQLSTATE 1"}]}}`, "m", texts{"a": std}},
		{"a number as a text", all, `{"err":{"text":4001}}`, "4001", nil},
		{"an empty text", all, `{"err":{"text":"  "},"message":"m"}`, "m", nil},
		{"a body that is a list", Places{Message: "0.text"}, `[{"text":"m"}]`, "m", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := requireEnvelope(t, placed(t, tt.places).Map(400, "application/json", []byte(tt.body)).Body)
			require.Equal(t, tt.message, e.Error.Message)
			require.Equal(t, tt.details, e.Error.Details)
		})
	}
}

func TestPlacesAndTheRest(t *testing.T) {
	p := Places{Message: "err.text", Code: "err.no"}
	m := placed(t, p, on(refusal.CodeForbidden, "^Not yours$"))
	a := m.Map(200, "application/json", []byte(`{"success":false,"err":{"text":"Not yours","no":7}}`))
	require.Equal(t, 403, a.Status, "rules look at what is in its place")
	require.JSONEq(t, `{"success":false,"error":{"code":"FORBIDDEN","message":"Not yours","details":{"backend_code":7}}}`, string(a.Body))
	require.Equal(t, standardBody(refusal.CodeInternal), m.Map(500, "application/json", []byte(`{"err":{"text":"secret","no":7}}`)).Body)
	const valid = `{"success":false,"error":{"code":"VALIDATION_ERROR","message":"m","details":null},"err":{"no":7}}`
	require.Equal(t, valid, string(m.Map(400, "application/json", []byte(valid)).Body), "a valid envelope passes")
}

func TestPlacesAreChecked(t *testing.T) {
	for _, p := range []Places{{Message: "a..b"}, {Message: "."}, {Message: "a b"}, {Code: "$.a"}, {Code: "/a"}, {Code: "a[0]"}, {Fields: "a"}, {Fields: "a", FieldName: "b"},
		{FieldName: "a", FieldText: "b"}, {Message: "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q"}} {
		_, err := NewMapper(Config{MaxBody: 1, Places: p})
		require.ErrorContains(t, err, "reading ", "%+v", p)
		require.ErrorContains(t, err, "such as", "%+v", p)
	}
	_, err := NewMapper(Config{MaxBody: 1, Off: true, Places: Places{Code: "a"}})
	require.ErrorContains(t, err, "drop them, or off")
}

func TestUnread(t *testing.T) {
	m := newMapper(t)
	for body, want := range map[string]*Unread{
		`{"b":1,"a":{"d":null,"c":"x"},"e":{},"f\n\u202e":[]}`: {UnreadJSON, []string{"a.c", "a.d", "b", "e", "f"}},
		`[1]`:                            {UnreadJSON, nil},
		` `:                              nil,
		`{"message":"m"}`:                nil,
		`{"errors":[{"field":"a"}]}`:     nil,
		`{"message":"SQLSTATE 1"}`:       nil,
		`{"details":{"balance":1}}`:      nil,
		`<a/>`:                           {UnreadOther, nil},
		`{"success":false,"error":null}`: {UnreadJSON, []string{"error", "success"}},
	} {
		require.Equal(t, want, m.Map(400, "application/xml", []byte(body)).Unread, body)
	}
	require.Equal(t, UnreadHTML, m.Map(400, "text/HTML; charset=x", []byte("<h1>")).Unread.Kind)
	require.Nil(t, m.Map(500, "text/html", []byte("<h1>")).Unread)
	require.Len(t, m.Map(400, "", []byte(`{`+manyFields(1000)+`,"n":1}`)).Unread.Members, maxMembers+1)
}
