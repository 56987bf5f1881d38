package agentapi

import (
	"crypto/hmac"
	"encoding/base64"
	"encoding/binary"

	"github.com/google/uuid"
)

// position is where a page of a list ends: the sort value and id of its last lead, and the number of the page.
type position struct {
	page  int
	value millis
	id    string
}

// A cursor is page (4 bytes), value (8), id (16) and an HMAC over them, the workspace and the query: it continues
// exactly the list that it came from.
const (
	cursorPayload = 4 + 8 + 16
	cursorMAC     = 16
)

var cursorEncoding = base64.RawURLEncoding

func (v *vault) encodeCursor(p position, workspace, query string) (string, error) {
	id, err := uuid.Parse(p.id)
	if err != nil {
		return "", err
	}
	payload := binary.BigEndian.AppendUint32(nil, uint32(p.page))
	payload = binary.BigEndian.AppendUint64(payload, uint64(p.value))
	payload = append(payload, id[:]...)
	return cursorEncoding.EncodeToString(append(payload, v.signCursor(payload, workspace, query)...)), nil
}

// decodeCursor says false for anything that encodeCursor did not make for this workspace and query.
func (v *vault) decodeCursor(cursor, workspace, query string) (position, bool) {
	raw, err := cursorEncoding.DecodeString(cursor)
	// The decoder passes over line breaks; one list position has one cursor.
	if err != nil || len(raw) != cursorPayload+cursorMAC || cursorEncoding.EncodeToString(raw) != cursor {
		return position{}, false
	}
	payload := raw[:cursorPayload]
	if !hmac.Equal(raw[cursorPayload:], v.signCursor(payload, workspace, query)) {
		return position{}, false
	}
	return position{
		page:  int(binary.BigEndian.Uint32(payload)),
		value: millis(binary.BigEndian.Uint64(payload[4:])),
		id:    uuid.UUID(payload[12:]).String(),
	}, true
}

func (v *vault) signCursor(payload []byte, workspace, query string) []byte {
	return mac(v.cursor, workspace, query, string(payload))[:cursorMAC]
}
