package command

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// columns is how wide help is: what a terminal shows without breaking lines.
const columns = 80

// polish gives a command and those below it the manners of ours: an example, help that fits a terminal, and errors that name what was
// most likely meant.
func polish(cmd *cobra.Command, words string) {
	if text, found := examples[words]; found && cmd.Example == "" {
		cmd.Example = "  tollgate " + text
	}
	cmd.Long = wrap(cmd.Long, columns)
	cmd.SetUsageTemplate(strings.ReplaceAll(cmd.UsageTemplate(), ".FlagUsages ", fmt.Sprintf(".FlagUsagesWrapped %d ", columns)))
	cmd.SetFlagErrorFunc(flagError)
	for _, sub := range cmd.Commands() {
		polish(sub, words+" "+sub.Name())
	}
}

// wrap breaks the lines of paragraphs anew. What is indented stays as it is.
func wrap(text string, width int) string {
	var paragraphs []string
	for paragraph := range strings.SplitSeq(text, "\n\n") {
		if strings.HasPrefix(paragraph, " ") || strings.Contains(paragraph, "\n ") {
			paragraphs = append(paragraphs, paragraph)
			continue
		}
		var lines []string
		line := ""
		for word := range strings.FieldsSeq(paragraph) {
			switch {
			case line == "":
				line = word
			case len(line)+1+len(word) > width:
				lines, line = append(lines, line), word
			default:
				line += " " + word
			}
		}
		paragraphs = append(paragraphs, strings.Join(append(lines, line), "\n"))
	}
	return strings.Join(paragraphs, "\n\n")
}

// likeCommand is what may be shown of an argument in the place of a command: some write a secret there.
var likeCommand = regexp.MustCompile(`^[a-z-]{1,20}$`)

// unknownCommand names the command that was most likely meant.
func unknownCommand(parent, word string, names []string) error {
	shown := "unknown command"
	if likeCommand.MatchString(word) {
		shown += fmt.Sprintf(" '%s %s'", parent, word)
	}
	if meant := nearest(word, names); meant != "" {
		return fmt.Errorf("%s: did you mean '%s %s'?", shown, parent, meant)
	}
	return fmt.Errorf("%s: write one of %s after '%s'", shown, strings.Join(names, ", "), parent)
}

// unknownFlag is what pflag says of a flag that a command does not have.
var unknownFlag = regexp.MustCompile(`^unknown flag: --([a-z][a-z-]*)$`)

// flagError names the flag that was most likely meant.
func flagError(cmd *cobra.Command, err error) error {
	found := unknownFlag.FindStringSubmatch(err.Error())
	switch {
	case found == nil && strings.HasPrefix(err.Error(), "unknown flag"):
		return fmt.Errorf("unknown flag: '%s --help' lists those that there are", cmd.CommandPath())
	case found == nil:
		return err
	}
	var flags []string
	cmd.Flags().VisitAll(func(flag *pflag.Flag) {
		if !flag.Hidden {
			flags = append(flags, flag.Name)
		}
	})
	if meant := nearest(found[1], flags); meant != "" {
		return fmt.Errorf("%w: did you mean --%s?", err, meant)
	}
	return fmt.Errorf("%w: '%s --help' lists those that there are", err, cmd.CommandPath())
}

// nearest is the name that a word was most likely to be; empty: none is near.
func nearest(word string, names []string) string {
	best, least := "", 3 // a third of a short word is another word
	for _, name := range names {
		d := distance(word, name)
		if d < least && d <= (len(name)+1)/2 {
			best, least = name, d
		}
	}
	return best
}

// distance is how many letters must be put in, left out, changed, or swapped with the next one (optimal string alignment).
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			change := rows[i-1][j-1]
			if a[i-1] != b[j-1] {
				change++
			}
			rows[i][j] = min(change, rows[i-1][j]+1, rows[i][j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
