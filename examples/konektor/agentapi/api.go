package agentapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// Base is the path that all endpoints share.
const Base = "/api/v2/agent"

// databaseName is the file in Options.Folder.
const databaseName = "konektor.db"

// Options say where the data lies and with which key it is sealed. The zero value is a backend for a demo: a temporary
// folder that Close removes, a generated key, no data.
type Options struct {
	// Folder holds the database; it is created with mode 0700 if it is missing. Empty means a temporary one.
	Folder string
	// Key seals personal data: KeySize bytes. It may be left out only together with Folder, else the data could never
	// be read again.
	Key []byte
	// Seed names workspaces that get realistic data when they have none yet; the same for the same name and day.
	Seed []string
	// Logger receives failures, never personal data. Nil means none.
	Logger *slog.Logger
	// Now is the clock. Nil means time.Now.
	Now func() time.Time
}

// API is the running backend. It is an http.Handler and safe for concurrent use.
type API struct {
	store     *store
	mux       *http.ServeMux
	log       *slog.Logger
	now       func() time.Time
	temporary string
}

// New opens the database, creating and seeding it where needed. The caller closes the API.
func New(ctx context.Context, options Options) (*API, error) {
	a := &API{log: options.Logger, now: options.Now}
	if a.log == nil {
		a.log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if a.now == nil {
		a.now = time.Now
	}
	if err := a.open(ctx, options); err != nil {
		_ = a.Close()
		return nil, err
	}
	a.mux = a.newMux()
	return a, nil
}

func (a *API) open(ctx context.Context, options Options) error {
	folder, key := options.Folder, options.Key
	if folder == "" {
		temporary, err := os.MkdirTemp("", "konektor-")
		if err != nil {
			return fmt.Errorf("making a temporary folder: %w", err)
		}
		folder, a.temporary = temporary, temporary
		if key == nil {
			key = GenerateKey()
		}
	}
	vault, err := newVault(key)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("making the data folder: %w", err)
	}
	a.store, err = openStore(ctx, filepath.Join(folder, databaseName), vault)
	if err != nil {
		return err
	}
	for _, workspace := range options.Seed {
		if err := a.store.seed(ctx, workspace, a.now()); err != nil {
			return fmt.Errorf("seeding workspace %q: %w", workspace, err)
		}
	}
	return nil
}

// Close ends all work on the database and removes it if it was a temporary one. It may be called twice.
func (a *API) Close() error {
	var err error
	if a.store != nil {
		err = a.store.close()
	}
	if a.temporary != "" {
		err = errors.Join(err, os.RemoveAll(a.temporary))
	}
	return err
}

// ServeHTTP answers one request in the envelope; a panic of a handler becomes a 500.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer func() {
		if p := recover(); p != nil {
			if p == http.ErrAbortHandler {
				panic(p)
			}
			a.refuse(w, r, fmt.Errorf("handler panicked: %v", p))
		}
	}()
	a.mux.ServeHTTP(w, r)
}

// clock is the present in the precision in which times are stored.
func (a *API) clock() millis { return millisOf(a.now()) }

var _ http.Handler = (*API)(nil)
