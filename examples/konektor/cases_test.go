package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
	"github.com/tollgate-gateway/tollgate/examples/konektor/agentapi"
)

// verdicts is what "test --json" says.
type verdicts struct {
	Cases []struct {
		Name, Expected, Explain, Error string
		Passed                         bool
		Differs                        []string
	}
	Failed int
}

// red are the names of the cases that fail.
func (v *verdicts) red() (names []string) {
	for _, c := range v.Cases {
		if !c.Passed {
			names = append(names, c.Name)
		}
	}
	return names
}

// desk is a folder with a copy of a shipped Caddyfile, of the policies beside it, and of the cases.
func desk(t *testing.T, caddyfile string) *harness.Desk {
	t.Helper()
	text, err := os.ReadFile(caddyfile)
	require.NoError(t, err)
	files := map[string]string{}
	for _, name := range []string{"cases.yaml", "cases_periods.yaml", "agentapi/openapi.yaml", "intro.md"} {
		content, err := os.ReadFile(name)
		require.NoError(t, err)
		files[name] = string(content)
	}
	policies, err := filepath.Abs(filepath.Join(filepath.Dir(caddyfile), "policies"))
	require.NoError(t, err)
	d := harness.NewDesk(t, string(text))
	for name, content := range files {
		d.Write(t, name, content)
	}
	if _, err := os.Stat(policies); err == nil {
		require.NoError(t, os.CopyFS(filepath.Join(d.Dir, "policies"), os.DirFS(policies)))
	}
	return d
}

// tested gives the command, and what it says.
func tested(t *testing.T, d *harness.Desk, files ...string) (v verdicts, err error) {
	t.Helper()
	o := d.Run("", append([]string{"test", "--json"}, files...)...)
	require.NoError(t, json.Unmarshal([]byte(o.Out), &v), o.Notes)
	for _, c := range v.Cases {
		require.Empty(t, c.Error, c.Name)
		if !c.Passed {
			require.NotEmpty(t, c.Differs, c.Name)
			require.Contains(t, c.Explain, "verdict: ", c.Name)
		}
	}
	return v, o.Err
}

// TestTheCasesHoldForTheShippedCaddyfiles: the table of SKILL.md, 12 endpoints and 6 single scopes among them.
func TestTheCasesHoldForTheShippedCaddyfiles(t *testing.T) {
	for name, caddyfile := range caddyfiles {
		t.Run(name, func(t *testing.T) {
			files := []string{"cases.yaml"}
			if name == "example" {
				files = append(files, "cases_periods.yaml")
			}
			v, err := tested(t, desk(t, caddyfile), files...)
			require.NoError(t, err)
			require.Empty(t, v.red())
			table := 0
			for _, c := range v.Cases {
				if strings.HasPrefix(c.Name, "scopes: ") {
					table++
				}
			}
			require.Equal(t, 13*6, table)
		})
	}
}

// TestTheTableOfCasesIsThatOfTheContract: it has each endpoint of the contract, and each single scope.
func TestTheTableOfCasesIsThatOfTheContract(t *testing.T) {
	text, err := os.ReadFile("cases.yaml")
	require.NoError(t, err)
	_, table, _ := strings.Cut(string(text), "- name: scopes")
	table, _, _ = strings.Cut(table, "- name: ")
	requests := plain(t)
	require.Len(t, requests, 12)
	for _, r := range requests {
		path, _, _ := strings.Cut(r.Target, "?")
		require.Contains(t, table, "\n      "+r.Operation.Method+" "+path+": ", "the endpoint has a row")
	}
	for _, scope := range scopes() {
		require.Contains(t, string(text), ": {scopes: ["+scope+"]}\n", "the scope has a caller")
	}
}

// TestTheCasesOfTheReadmeCanBePasted, beside the Caddyfile that teams copy.
func TestTheCasesOfTheReadmeCanBePasted(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?s)```yaml\n(defaults:.*?)```").FindAllStringSubmatch(string(readme), -1)
	require.Len(t, blocks, 1)
	d := desk(t, caddyfiles["copied by teams"])
	d.Write(t, "pasted.yaml", blocks[0][1])
	v, err := tested(t, d, "pasted.yaml")
	require.NoError(t, err, v.red())
	require.Len(t, v.Cases, 10)
}

// plant is a change of the configuration that somebody made by mistake, and the cases that must tell it.
type plant struct {
	// change are pairs of words in the Caddyfile or the document: what stands there once, and what comes in its place.
	change []string
	// policies are files of policies that are written.
	policies map[string]string
	red      []string
}

const agentPath = "/api/v2/agent"

// cells are the names of cases of a table: a request with some callers.
func cells(table, method, path string, callers ...string) (names []string) {
	for _, caller := range callers {
		names = append(names, table+": "+method+" "+path+" as "+caller)
	}
	return names
}

// single are the callers of the table of scopes but for the named ones.
func single(but ...string) (names []string) {
	for _, scope := range scopes() {
		if name := strings.TrimPrefix(scope, "agent."); !slices.Contains(but, name) {
			names = append(names, name)
		}
	}
	return names
}

var everyone = []string{"nobody", "stranger", "everything", "trial", "office", "thief"}

// TestPlantedRegressionsTurnTheirCasesRed and no other case.
func TestPlantedRegressionsTurnTheirCasesRed(t *testing.T) {
	plants := regressions()
	require.GreaterOrEqual(t, len(plants), 20)
	for name, p := range plants {
		t.Run(name, func(t *testing.T) {
			d := desk(t, "Caddyfile")
			text, err := os.ReadFile("Caddyfile")
			require.NoError(t, err)
			const document = "agentapi/openapi.yaml"
			files := map[string]string{"Caddyfile": string(text), document: agentapi.Document}
			for n := 0; n < len(p.change); n += 2 {
				in := "Caddyfile"
				if strings.Contains(files[document], p.change[n]) {
					in = document
				}
				require.Equal(t, 1, strings.Count(files["Caddyfile"], p.change[n])+strings.Count(files[document], p.change[n]), p.change[n])
				files[in] = strings.Replace(files[in], p.change[n], p.change[n+1], 1)
			}
			for name, content := range files {
				d.Write(t, name, content)
			}
			for file, content := range p.policies {
				d.Write(t, file, content)
			}
			v, err := tested(t, d, "cases.yaml", "cases_periods.yaml")
			require.ErrorContains(t, err, " cases fail")
			require.NotEmpty(t, p.red)
			require.ElementsMatch(t, p.red, v.red())
			require.Equal(t, len(p.red), v.Failed)
		})
	}
}
