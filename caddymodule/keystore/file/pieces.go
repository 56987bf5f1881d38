package file

import (
	"bytes"
	"crypto/sha256"

	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// piece is the text of one workspace in a keys file, and what was read of it. Pieces that have not changed are not parsed
// again: of a large file a change concerns few.
type piece struct {
	workspace  *record.Workspace
	identities map[record.Sum]*record.Identity
}

// byPieces reads a keys file piece by piece, and takes those that old has as well from there. It is nil where the text
// cannot be taken apart, and where anything in it is wrong: then it has to be read as a whole, which finds the place.
func byPieces(data []byte, old *snapshot) *snapshot {
	texts := split(data)
	if texts == nil {
		return nil
	}
	s := newSnapshot()
	s.pieces = make(map[[sha256.Size]byte]*piece, len(texts))
	for _, text := range texts {
		sum := sha256.Sum256(text)
		known := s.pieces[sum]
		if known == nil && old != nil {
			known = old.pieces[sum]
		}
		if known == nil {
			known = readPiece(text)
		}
		if known == nil || !s.add(known) {
			return nil
		}
		s.pieces[sum] = known
	}
	return s
}

// add takes over what was read of a piece. It reports whether all of it is new, as it has to be.
func (s *snapshot) add(p *piece) bool {
	if s.workspaces[p.workspace.ID] != nil {
		return false
	}
	s.workspaces[p.workspace.ID] = p.workspace
	for sum, identity := range p.identities {
		if s.identities[sum] != nil || s.keys[identity.Key.ID] != nil {
			return false
		}
		s.identities[sum], s.keys[identity.Key.ID] = identity, identity
	}
	return true
}

func readPiece(text []byte) *piece {
	s, err := parseWhole("", append([]byte(listName+":\n"), text...))
	if err != nil || len(s.workspaces) != 1 {
		return nil
	}
	for _, workspace := range s.workspaces {
		return &piece{workspace, s.identities}
	}
	return nil
}

// listName is the one word of a keys file at its left edge.
const listName = "workspaces"

// split gives the texts of the elements of the list "workspaces:" in YAML's block style, each from its dash to the next.
// It is nil where it is not sure. An element of a block list begins at a line whose dash has the list's own indentation, and
// no line within an element has as little or less, but in quotes and brackets: an element that was cut there ends within
// them, and is not well formed by itself.
func split(data []byte) (texts [][]byte) {
	dash := []byte(nil) // the list's indentation, and "- "
	named, begun := false, 0
	for at := 0; at < len(data); {
		end := at + 1 + bytes.IndexByte(data[at:], '\n')
		if end == at {
			end = len(data)
		}
		line := bytes.TrimRight(data[at:end], " \r\n")
		content := bytes.TrimLeft(line, " ")
		switch {
		case len(content) == 0 || content[0] == '#':
		case !named:
			if string(line) != listName+":" {
				return nil
			}
			named = true
		case dash == nil:
			if !bytes.HasPrefix(content, []byte("- ")) {
				return nil
			}
			dash, begun = line[:len(line)-len(content)+2], at
		case bytes.HasPrefix(line, dash):
			texts, begun = append(texts, data[begun:at]), at
		case len(line)-len(content) < len(dash):
			return nil
		}
		at = end
	}
	if dash == nil {
		return nil
	}
	return append(texts, data[begun:])
}
