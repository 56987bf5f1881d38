package command

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"github.com/tollgate-gateway/tollgate/caddymodule/apikey"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/config"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/output"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// importedView is a key as --json gives it after an import.
type importedView struct {
	Line      int    `json:"line"`
	ID        string `json:"id"`
	Workspace string `json:"workspace"`
}

// importKeys takes over secrets that somebody else made. Whatever is wrong with any of them, none is taken.
func importKeys(i *invocation) error {
	c, app, err := i.gateway()
	if err != nil {
		return err
	}
	template, err := granted(i)
	if err != nil {
		return err
	}
	i.warnOfScopes(c, template.Scopes)
	sums, err := i.readSums(app.KeyPrefix)
	if err != nil {
		return err
	}
	keys := make([]keystore.NewKey, len(sums))
	views, rows := make([]importedView, len(sums)), [][]string{}
	for n, sum := range sums {
		keys[n] = keystore.NewKey{Key: template, Sum: sum}
		keys[n].Key.ID = apikey.NewID()
		views[n] = importedView{Line: n + 1, ID: keys[n].Key.ID, Workspace: i.text("workspace")}
		rows = append(rows, []string{fmt.Sprint(n + 1), keys[n].Key.ID})
	}
	return i.write(app, false, func(s *config.Store, act keystore.Act) (done, error) {
		if err := refuseKnown(i, s, sums); err != nil {
			return done{}, err
		}
		if err := s.CreateKeys(i, act, i.text("workspace"), keys); err != nil {
			return done{}, err
		}
		return done{committed: fmt.Sprintf("%d keys were imported, from %s on: see all with: key list", len(keys), views[0].ID), print: func() error {
			if i.json() {
				return output.JSON(i.out(), views)
			}
			return output.Table(i.out(), output.Width, []output.Column{output.Whole("LINE"), output.Whole("KEY")}, rows)
		}}, nil
	})
}

// readSums reads standard input: a secret, or with --sha256 a hash, in each line.
func (i *invocation) readSums(prefix string) ([]record.Sum, error) {
	read := func(line string) (record.Sum, error) { return importedSecret(prefix, line) }
	if hashes, _ := i.cmd.Flags().GetBool("sha256"); hashes {
		read = importedHash
	}
	i.prompt("write one secret a line, then Ctrl-D")
	var sums []record.Sum
	seen := map[record.Sum]int{}
	lines := bufio.NewScanner(i.stdin())
	for lines.Scan() {
		sum, err := read(lines.Text())
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", len(sums)+1, err)
		}
		if first := seen[sum]; first > 0 {
			return nil, fmt.Errorf("line %d is the same as line %d", len(sums)+1, first)
		}
		sums = append(sums, sum)
		seen[sum] = len(sums)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading line %d of standard input: %w", len(sums)+1, err)
	}
	if len(sums) == 0 {
		return nil, errors.New("standard input is empty: write one secret a line")
	}
	return sums, nil
}

// stdin is standard input as UTF-8, without the mark at its beginning that some editors and shells write. With the mark of
// UTF-16 it is decoded.
func (i *invocation) stdin() io.Reader {
	return transform.NewReader(i.cmd.InOrStdin(), unicode.BOMOverride(transform.Nop))
}

// prompt tells somebody at a terminal what is waited for.
func (i *invocation) prompt(text string) {
	if file, ok := i.cmd.InOrStdin().(*os.File); ok {
		if info, err := file.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			i.note("%s", text)
		}
	}
}

// importedSecret checks a secret as the gateway will. No error holds it.
func importedSecret(prefix, line string) (record.Sum, error) {
	if err := apikey.CheckToken(line); err != nil {
		return record.Sum{}, err
	}
	if !apikey.Check(prefix, line) {
		return record.Sum{}, fmt.Errorf("the secret begins like one of ours ('%s_') and has a wrong checksum: the gateway would refuse it", prefix)
	}
	return record.SumOf(line), nil
}

func importedHash(line string) (sum record.Sum, err error) {
	raw, err := hex.DecodeString(line)
	if err != nil || len(raw) != len(sum) {
		return sum, fmt.Errorf("this is not a SHA-256 hash: write %d hexadecimal digits", 2*len(sum))
	}
	return record.Sum(raw), nil
}

// refuseKnown names the line of a secret that the store has already. The store itself would only name the key.
func refuseKnown(i *invocation, s *config.Store, sums []record.Sum) error {
	for n, sum := range sums {
		identity, err := s.Lookup(i, sum)
		switch {
		case err == nil:
			return fmt.Errorf("line %d: this secret belongs to key %s already", n+1, identity.Key.ID)
		case !errors.Is(err, keystore.ErrUnknown):
			return err
		}
	}
	return nil
}

// hashSecret prints what a keys file holds in place of a secret.
func hashSecret(i *invocation) error {
	i.prompt("write the secret, then Ctrl-D")
	text, err := io.ReadAll(io.LimitReader(i.stdin(), 4096))
	if err != nil {
		return fmt.Errorf("reading standard input: %w", err)
	}
	prefix, err := i.keyPrefix()
	if err != nil {
		return err
	}
	sum, err := importedSecret(prefix, strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r"))
	if err != nil {
		return fmt.Errorf("reading standard input: %w", err)
	}
	hash := hex.EncodeToString(sum[:])
	if i.json() {
		return output.JSON(i.out(), map[string]string{"sha256": hash})
	}
	_, err = fmt.Fprintln(i.out(), hash)
	return err
}

// keyPrefix is the configuration's. Where there is none at all, it is the default: a hash can be had anywhere.
func (i *invocation) keyPrefix() (string, error) {
	app, err := i.app()
	switch {
	case errors.Is(err, config.ErrNone):
		return apikey.DefaultPrefix, nil
	case err != nil:
		return "", err
	}
	return app.KeyPrefix, nil
}
