package policy

import (
	"cmp"
	"context"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Report describes one generation of policies.
type Report struct {
	// Generation is its number; 0 for policies that were only checked.
	Generation uint64
	// Remembered tells that decisions are remembered. Otherwise Why says what keeps them from it, with file and line.
	Remembered bool
	Why        string
	// Reads are the input paths on which a decision depends; with equal values there it is the same.
	Reads []string
	// Warnings say what most likely is a mistake, with file and line: rules that no decision asks, refusals that may fail the
	// decision they are part of.
	Warnings []string
	// Files are all policy files, the embedded ones among them, by name.
	Files []FileReport
}

// FileReport describes one policy file.
type FileReport struct {
	// Name is the file's; Embedded tells that it is the gateway's own.
	Name     string
	Embedded bool
	// Package is what it belongs to, such as tollgate.authz.
	Package string
	// Reads are the input paths that stand in its rules.
	Reads []string
	// Why says what in this file keeps decisions from being remembered, with its line; else it is empty.
	Why string
	// Unchecked are the places where the schema cannot see which names of the input are read, with file and line: a part
	// of it is given to a function, or a name is computed.
	Unchecked []string
}

// Report describes the policies that decide now.
func (e *Engine) Report() Report { return e.current.Load().report() }

// Check loads the policies of paths as an Engine would, and describes them. The error says file, line and why.
func Check(ctx context.Context, paths []string) (Report, error) {
	g, err := load(ctx, 0, paths, 1)
	if err != nil {
		return Report{}, err
	}
	return g.report(), nil
}

func (g *generation) report() Report {
	readings := reachedFrom(g.compiler, decisionRef).sorted()
	report := Report{Generation: g.number, Remembered: g.memory != nil, Why: g.why, Reads: paths(readings), Warnings: g.warnings}
	if g.memory == nil && g.why == "" {
		report.Why = "remembering is switched off"
	}
	for name, module := range g.compiler.Modules {
		own := ownReadingsOf(g.compiler, module.Rules)
		_, why := slotsOf(own)
		file := FileReport{Name: name, Embedded: !g.sources.own[name], Package: packageName(module), Reads: paths(own), Why: why}
		for _, r := range uncheckedIn(module.Rules) {
			file.Unchecked = append(file.Unchecked, place(r.at)+": "+r.String())
		}
		report.Files = append(report.Files, file)
	}
	slices.SortFunc(report.Files, func(a, b FileReport) int { return cmp.Compare(a.Name, b.Name) })
	return report
}

func paths(readings []reading) []string {
	list := make([]string, len(readings))
	for i, r := range readings {
		list[i] = r.String()
	}
	return list
}

// packageName is the name without "data.".
func packageName(module *ast.Module) string { return module.Package.String()[len("package "):] }
