package command_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
)

// What is different each time, in the texts that goldens hold.
var (
	anyKey    = regexp.MustCompile(`key_[0-9A-Za-z]{16}`)
	anySecret = regexp.MustCompile(`tg_[0-9A-Za-z]{40}`)
	anyPrint  = regexp.MustCompile(`(?m)^[0-9a-f]{8}  |"fingerprint":"[0-9a-f]{8}"|\b[0-9a-f]{8}$`)
	anyHex    = regexp.MustCompile(`[0-9a-f]{8}`)
	anyTime   = regexp.MustCompile(`20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`)
	anyCut    = regexp.MustCompile(`20\d\d-\d\d-\d\dT[\d:.]*…`)
	anyUnix   = regexp.MustCompile(`"reset":\d{10}`)
	anyActor  = regexp.MustCompile(`command \S+@[^\s"]+( *)`)
)

// steady puts names in the place of what is different each time, of the same width where tables need it.
func steady(d *harness.Desk, text string) string {
	text = strings.ReplaceAll(text, d.Dir, "DIR")
	name := func(pattern *regexp.Regexp, format string) {
		text = pattern.ReplaceAllStringFunc(text, func(found string) string {
			if d.Names[found] == "" {
				d.Names[found] = fmt.Sprintf(format, len(d.Names))
			}
			return d.Names[found]
		})
	}
	name(anySecret, "tg_"+strings.Repeat("*", 37)+"%03d")
	name(anyKey, "key_%016d")
	text = anyPrint.ReplaceAllStringFunc(text, func(found string) string { return anyHex.ReplaceAllString(found, "0a1b2c3d") })
	text = anyTime.ReplaceAllString(text, "2026-MM-DDThh:mm:ssZ")
	text = anyCut.ReplaceAllString(text, "2026-MM-DDThh…")
	text = anyUnix.ReplaceAllString(text, `"reset":1234567890`)
	return anyActor.ReplaceAllString(text, "command ACTOR  ")
}

// TestCommandTranscripts gives the commands of each transcript, which begin with "$ ", and compares what they print. A
// line "< text" is standard input, "KEY" the last key that was made. Notes for people beside the answer begin with "! ".
func TestCommandTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/commands/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		golden, err := os.ReadFile(file)
		require.NoError(t, err)
		absolute, err := filepath.Abs(file)
		require.NoError(t, err)
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			got := transcript(harness.NewDesk(t, harness.DeskCaddyfile), string(golden))
			if *update {
				require.NoError(t, os.WriteFile(absolute, []byte(got), 0o600))
				return
			}
			require.Equal(t, string(golden), got)
		})
	}
}

// transcript gives the commands of a golden and writes down what happens.
func transcript(d *harness.Desk, golden string) string {
	var got strings.Builder
	stdin, key := "", "KEY"
	for line := range strings.Lines(golden) {
		text, input := strings.CutPrefix(line, "< ")
		given, isCommand := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "$ ")
		switch {
		case input:
			stdin += text
			got.WriteString(line)
		case strings.HasPrefix(line, "#"):
			got.WriteString(line)
		case isCommand:
			o := d.Run(stdin, harness.Words(strings.ReplaceAll(given, "KEY", key))...)
			stdin = ""
			if made := anyKey.FindString(o.Out); made != "" && strings.Contains(given, "create") {
				key = made
			}
			got.WriteString(line + steady(d, o.Out))
			for note := range strings.Lines(o.Notes) {
				got.WriteString("! " + steady(d, note))
			}
			got.WriteString("\n")
		}
	}
	return got.String()
}
