package command

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/output"
)

// polish gives a command and those below it the manners of ours: an example, help that fits a terminal, and errors that name what was
// most likely meant.
func polish(cmd *cobra.Command, words string) {
	if lines := examples[words]; lines != nil {
		cmd.Example = "  tollgate " + strings.Join(lines, "\n  tollgate ")
	}
	cmd.Long = wrap(cmd.Long, output.Width)
	cmd.SetUsageTemplate(strings.ReplaceAll(cmd.UsageTemplate(), ".FlagUsages ", fmt.Sprintf(".FlagUsagesWrapped %d ", output.Width)))
	cmd.SetFlagErrorFunc(FlagError)
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

// AnswerSlips gives the root of a program these manners: what was meant is named, and what may be a secret is not repeated. Cobra
// itself repeats whatever stands in the place of a command.
func AnswerSlips(root *cobra.Command) {
	unknown := func(word string) error {
		var names []string
		for _, cmd := range root.Commands() {
			if !cmd.Hidden {
				names = append(names, cmd.Name())
			}
		}
		return unknownCommand(root.Name(), word, names, "'"+root.Name()+" --help' lists those that there are")
	}
	root.Args = cobra.ArbitraryArgs
	root.RunE = func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return pflag.ErrHelp
		}
		return unknown(args[0])
	}
	root.SetUsageTemplate(strings.Replace(root.UsageTemplate(), "{{if .Runnable}}", "{{if and .Runnable .HasParent}}", 1))
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		if words := cmd.Flags().Args(); cmd == root && len(words) > 0 {
			return unknown(words[0]) // its flags cannot be known
		}
		return FlagError(cmd, err)
	})
}

// likeCommand is what may be shown of an argument in the place of a command: some write a secret there.
var likeCommand = regexp.MustCompile(`^[a-z-]{1,20}$`)

// unknownCommand names the command that was most likely meant, and otherwise gives the advice.
func unknownCommand(parent, word string, names []string, advice string) error {
	shown := "unknown command"
	if likeCommand.MatchString(word) {
		shown += fmt.Sprintf(" '%s %s'", parent, word)
	}
	if meant := nearest(word, names); meant != "" {
		return fmt.Errorf("%s: did you mean '%s %s'?", shown, parent, meant)
	}
	return fmt.Errorf("%s: %s", shown, advice)
}

// unknownFlag is what pflag says of a flag that a command does not have, if it looks like one.
var unknownFlag = regexp.MustCompile(`^unknown flag: --([a-z][a-z-]*)$`)

// FlagError is what a command says of a flag that cannot be read: which one was most likely meant. It repeats neither values nor what
// does not look like a flag: some write a secret there.
func FlagError(cmd *cobra.Command, err error) error {
	if invalid, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		flag := invalid.GetFlag()
		return fmt.Errorf("value of --%s is not valid: write a %s", flag.Name, flag.Value.Type())
	}
	if _, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		return err
	}
	advice := fmt.Sprintf("'%s --help' lists those that there are", cmd.CommandPath())
	found := unknownFlag.FindStringSubmatch(err.Error())
	if found == nil {
		return errors.New("unknown flag: " + advice)
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
	return fmt.Errorf("%w: %s", err, advice)
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
