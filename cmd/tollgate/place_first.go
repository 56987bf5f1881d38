package main

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
)

// loading are Caddy's commands that read a configuration.
var loading = map[string]bool{"run": true, "start": true, "reload": true, "validate": true, "adapt": true}

// sayPlaceFirst makes the commands that read a configuration end with one plain line on standard error, in which file and
// line of the error come first. Caddy itself writes the error to the log, behind the names of all the modules it was
// loading, and where the configuration's own log goes to a file the error goes there alone.
func sayPlaceFirst(root *cobra.Command) {
	for _, command := range root.Commands() {
		run := command.RunE
		if !loading[command.Name()] || run == nil {
			continue
		}
		command.RunE = func(cmd *cobra.Command, args []string) error {
			err := run(cmd, args)
			if err != nil {
				_, _ = fmt.Fprintln(cmd.ErrOrStderr(), "Error: "+placeFirst(err.Error()))
			}
			return err
		}
	}
}

var (
	placeInside = regexp.MustCompile(`(?:^|: )([^\s:]+:\d+: )`)
	placeAtEnd  = regexp.MustCompile(`^(?s)(.*), at ([^\s:]+:\d+)$`)
	// adapting is what Caddy puts before the errors of a Caddyfile's words.
	adapting = regexp.MustCompile(`^(?:adapting config using \S+: )?(?:parsing caddyfile tokens for '[^']*': )?`)
)

// placeFirst is an error as Caddy gives it, from the file and line on that it names. Without one it is as it came.
func placeFirst(text string) string {
	if parts := placeAtEnd.FindStringSubmatch(text); parts != nil {
		return parts[2] + ": " + adapting.ReplaceAllString(parts[1], "")
	}
	if at := placeInside.FindStringSubmatchIndex(text); at != nil {
		return text[at[2]:]
	}
	return strings.TrimSpace(text)
}
