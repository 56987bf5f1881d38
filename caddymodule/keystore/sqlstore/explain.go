package sqlstore

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
)

// ErrDamaged is a database whose content this program did not leave so.
var ErrDamaged = errors.New("damaged")

// Failure is an error of a database in words for an operator: it names the store and says what to do.
type Failure struct {
	// Text is the whole sentence, in one line.
	Text string
	// Err is the cause; errors.Is finds it.
	Err error
}

func (f *Failure) Error() string { return f.Text }
func (f *Failure) Unwrap() error { return f.Err }

// refused is the error of a function that a caller handed over: the caller's own, which is given back as it is.
type refused struct{ error }

// Explain makes an error of the database one that names the store and says what to do about it. Every public method of a
// store ends here, reads and writes alike, and nothing below does: an error is explained once. What is in words already
// stays as it is: a Problem, a Failure, a caller's own error, an unknown key.
func (s *Store) Explain(err error) error {
	if err == nil || errors.Is(err, keystore.ErrUnknown) {
		return err
	}
	var own refused
	var problem *keystore.Problem
	var failure *Failure
	switch {
	case errors.As(err, &own):
		return own.error
	case errors.As(err, &problem), errors.As(err, &failure):
		return err
	case isScan(err):
		err = fmt.Errorf("%w: %w", keystore.ErrUnreadable, err)
	case errors.Is(err, sql.ErrNoRows):
		err = fmt.Errorf("%w: a row is missing that every key store has", ErrDamaged)
	}
	cause, advice := s.inOneLine(err), ""
	switch {
	case errors.Is(err, ErrDamaged), s.Dialect.Damaged(err):
		return &keystore.Problem{Kind: keystore.ErrMissing, Text: fmt.Sprintf(
			"%s is not a key store, or a damaged one (%s): restore a backup, or name another", s.Place, cause)}
	case errors.Is(err, keystore.ErrUnreadable):
		advice = ": restore a backup"
	case s.Dialect.Advice(err) != "":
		advice = ": " + s.Dialect.Advice(err)
	}
	return &Failure{Text: fmt.Sprintf("key store %s: %s%s", s.Place, cause, advice), Err: err}
}

// inOneLine is the error's text without the secret, wherever a driver may put it.
func (s *Store) inOneLine(err error) string {
	text := strings.Join(strings.Fields(err.Error()), " ")
	if s.Secret != "" {
		text = strings.ReplaceAll(text, s.Secret, "***")
	}
	return text
}

// isScan reports whether a value in the database is not of its column's type. Package sql has no type for that.
func isScan(err error) bool { return strings.Contains(err.Error(), "sql: Scan error on column") }
