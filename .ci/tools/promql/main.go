// Command promql reads Grafana dashboards (.json) and Prometheus rules (.yml) and says which of their queries Prometheus'
// own parser does not take. It takes the files as arguments.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"
)

// variables are what Grafana puts in the place of its own.
var variables = strings.NewReplacer("$__rate_interval", "1m", "$instance", ".+")

func main() {
	var wrong []error
	queries := 0
	for _, path := range os.Args[1:] {
		list, err := read(path)
		wrong = append(wrong, err)
		for _, query := range list {
			queries++
			if _, err := parser.NewParser(parser.Options{}).ParseExpr(variables.Replace(query)); err != nil {
				wrong = append(wrong, fmt.Errorf("%s: %s: %w", path, query, err))
			}
		}
	}
	if err := errors.Join(wrong...); err != nil || queries == 0 {
		fmt.Fprintln(os.Stderr, "promql:", err, queries, "queries read")
		os.Exit(1)
	}
	fmt.Println(queries, "queries parsed")
}

// read gives the queries of a file: all that is called expr.
func read(path string) ([]string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var content any
	if filepath.Ext(path) == ".json" {
		err = json.Unmarshal(data, &content)
	} else {
		err = yaml.Unmarshal(data, &content)
	}
	return queriesIn(content), err
}

func queriesIn(content any) (list []string) {
	switch content := content.(type) {
	case map[string]any:
		for name, value := range content {
			if query, ok := value.(string); ok && name == "expr" {
				list = append(list, query)
				continue
			}
			list = append(list, queriesIn(value)...)
		}
	case []any:
		for _, value := range content {
			list = append(list, queriesIn(value)...)
		}
	}
	return list
}
