package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// module is files by their names. Each package p holds reads(), which reads the variable.
func module(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	files["go.mod"] = "module example.com/m\n\ngo 1.26\n"
	for name, content := range files {
		file := filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
		require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
	}
	return root
}

const reads = `func reads() bool { return os.Getenv("TOLLGATE_TEST_LONG") == "1" }` + "\n"

func TestFinds(t *testing.T) {
	in := func(text string) map[string]string {
		return map[string]string{"p/p_test.go": "package p\n\nimport (\n\t\"os\"\n\t\"testing\"\n)\n\n" + reads + text}
	}
	for name, c := range map[string]struct {
		files map[string]string
		want  []string
	}{
		"what asks itself, and no other": {in("func TestA(t *testing.T) { reads() }\nfunc TestB(t *testing.T) { t.Run(\"c\", func(*testing.T) {}) }"), []string{"example.com/m/p ^(TestA)$"}},
		"what names a variable": {in("var many = reads()\nvar table = map[string]func(){\"x\": f}\nfunc f() { _ = many }\nfunc TestA(t *testing.T) { table[\"x\"]() }\nfunc TestB(t *testing.T) {}"),
			[]string{"example.com/m/p ^(TestA)$"}},
		"what calls a method": {in("type s struct{}\ntype u struct{ s }\nfunc (s) Run() { reads() }\nfunc TestA(t *testing.T) { u{}.Run() }\nfunc TestB(t *testing.T) { t.Run(\"\", nil) }"),
			[]string{"example.com/m/p ^(TestA)$"}},
		"what calls through an interface": {in("type r interface{ run() }\ntype s struct{}\nfunc (s) run() { reads() }\nfunc of() r { return nil }\nfunc TestA(t *testing.T) { of().run() }\nfunc TestB(t *testing.T) {}"),
			[]string{"example.com/m/p ^(TestA)$"}},
		"what is generic": {in("type s[T any] struct{}\nfunc (s[T]) run() { reads() }\nfunc g[T any]() { s[T]{}.run() }\nfunc TestA(t *testing.T) { g[int]() }\nfunc TestB(t *testing.T) {}"),
			[]string{"example.com/m/p ^(TestA)$"}},
		"all, where TestMain asks": {in("func TestMain(m *testing.M) { reads() }\nfunc TestA(t *testing.T) {}"), []string{"example.com/m/p ."}},
		"what asks in another package, from within and from without": {map[string]string{
			"h/h.go":      "package h\n\nimport \"os\"\n\n" + reads + "func Long() bool { return reads() }\n",
			"p/p_test.go": "package p\n\nimport (\n\t\"testing\"\n\tother \"example.com/m/h\"\n)\nfunc TestA(t *testing.T) { other.Long() }\nfunc TestB(t *testing.T) {}\n",
			"q/q_test.go": "package q_test\n\nimport (\n\t\"testing\"\n\t. \"example.com/m/h\"\n)\nfunc TestC(t *testing.T) { Long() }\nfunc TestD(t *testing.T) {}\n",
		}, []string{"example.com/m/p ^(TestA)$", "example.com/m/q ^(TestC)$"}},
	} {
		t.Run(name, func(t *testing.T) {
			lines, err := list(module(t, c.files))
			require.NoError(t, err)
			require.Equal(t, c.want, lines)
		})
	}
}

func TestRefuses(t *testing.T) {
	for name, c := range map[string]struct{ file, want string }{
		"what no test reaches": {"package p\n\nimport (\n\t\"os\"\n\t\"testing\"\n)\n\n" + reads + "func TestA(t *testing.T) {}\n", "reads reads TOLLGATE_TEST_LONG, and no test reaches it"},
		"a module without":     {"package p\n", "nothing reads TOLLGATE_TEST_LONG"},
		"what does not build":  {"package p\n\nvar a = b\n", "undefined: b"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := list(module(t, map[string]string{"p/p_test.go": c.file}))
			require.ErrorContains(t, err, c.want)
		})
	}
}
