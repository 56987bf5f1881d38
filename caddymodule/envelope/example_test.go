package envelope_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/tollgate-gateway/tollgate/caddymodule/envelope"
	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
)

// A Writer stands around whatever answers, and Finish ends the answer.
func Example() {
	mapper, err := envelope.NewMapper(envelope.Config{
		MaxBody: envelope.DefaultMaxBody,
		Rules:   []envelope.Rule{{Code: refusal.CodeInvalid, Pattern: `^Field (?P<field>\S+) is required`}},
	})
	if err != nil {
		log.Fatal(err)
	}
	backend := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusUnprocessableEntity)
		fmt.Fprint(w, `{"errors": [{"message": "Field name is required"}]}`)
	})
	gateway := http.HandlerFunc(func(under http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		var w envelope.Writer
		w.Init(under, envelope.Options{Mapper: mapper, Method: r.Method, Context: r.Context(), Cancel: cancel})
		defer func() { w.Finish(nil, recover()) }()
		backend.ServeHTTP(&w, r.WithContext(ctx))
	})
	answer := httptest.NewRecorder()
	gateway.ServeHTTP(answer, httptest.NewRequest(http.MethodPost, "/leads", nil))
	fmt.Println(answer.Code, answer.Body)
	// Output: 422 {"success":false,"error":{"code":"VALIDATION_ERROR","message":"Field name is required","details":{"name":"Field name is required"}}}
}
