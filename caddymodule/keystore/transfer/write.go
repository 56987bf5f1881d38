package transfer

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"hash"
	"io"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// Writer writes a stream. What is not valid by the rules of the stores is refused: nobody could read it back.
type Writer struct {
	to     io.Writer
	sum    hash.Hash
	line   bytes.Buffer
	encode *json.Encoder
	counts Counts
}

// NewWriter begins a stream with its header. The writer should be a buffered one.
func NewWriter(to io.Writer, header Header) (*Writer, error) {
	w := &Writer{to: to, sum: sha256.New()}
	w.encode = json.NewEncoder(&w.line)
	w.encode.SetEscapeHTML(false)
	return w, w.write(headerLine{Record: "header", Format: Format, Version: Version, Schema: header.Schema,
		MadeAt: instant(header.MadeAt), Tollgate: header.Tollgate, History: header.History})
}

// Records are what an Exporter calls.
func (w *Writer) Records(history bool) keystore.Records {
	to := keystore.Records{Workspace: w.workspace, Key: w.key}
	if history {
		to.Event = w.event
	}
	return to
}

func (w *Writer) workspace(workspace *record.Workspace) error {
	w.counts.Workspaces++
	if err := keystore.CheckWorkspace(workspace); err != nil {
		return fmt.Errorf("workspace %s: %w", workspace.ID, err)
	}
	return w.named("workspace", workspace.ID, lineOfWorkspace(workspace))
}

func (w *Writer) key(key *keystore.MovedKey) error {
	w.counts.Keys++
	w.counts.Secrets += len(key.Secrets)
	if err := checkKey(key); err != nil {
		return fmt.Errorf("key %s: %w", key.ID, err)
	}
	return w.named("key", key.ID, lineOfKey(key))
}

func (w *Writer) event(event *keystore.Event) error {
	w.counts.Events++
	if err := checkEvent(event); err != nil {
		return fmt.Errorf("revision %d of the history: %w", event.Revision, err)
	}
	return w.named("revision", fmt.Sprint(event.Revision), lineOfEvent(event))
}

// Close ends the stream with its trailer, and says what it holds.
func (w *Writer) Close() (Counts, error) {
	return w.counts, w.write(trailerLine{Record: "end", Counts: w.counts, SHA256: sum(w.sum.Sum(nil))})
}

func (w *Writer) named(what, id string, line any) error {
	if err := w.write(line); err != nil {
		return fmt.Errorf("%s %s: %w", what, id, err)
	}
	return nil
}

func (w *Writer) write(line any) error {
	w.line.Reset()
	if err := w.encode.Encode(line); err != nil {
		return err
	}
	if w.line.Len() > MaxLine {
		return fmt.Errorf("it has %d bytes as JSON: at most %d are moved", w.line.Len(), MaxLine)
	}
	w.sum.Write(w.line.Bytes())
	_, err := w.to.Write(w.line.Bytes())
	return err
}
