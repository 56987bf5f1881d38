package envelope

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
)

// keptErrors is the member that Config.KeepErrors adds.
const keptErrors = "errors"

// keptError is one of its entries.
type keptError struct {
	Message string `json:"message"`
}

// withErrors adds to an envelope what Config.KeepErrors promises, behind all its other members. It says nothing that the
// envelope does not say: the message, then each detail, as JSON if it is not a text. The envelope must not have such a member.
func withErrors(body []byte) []byte {
	var whole object
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if d.Decode(&whole) != nil {
		return body // no envelope of ours
	}
	said, _ := whole["error"].(object)
	message, _ := said["message"].(string)
	details, _ := said["details"].(object)
	list := []keptError{{message}}
	for _, name := range slices.Sorted(maps.Keys(details)) {
		text, ok := details[name].(string)
		if !ok {
			value, _ := json.Marshal(details[name]) // it came out of JSON
			text = string(value)
		}
		list = append(list, keptError{text})
	}
	added, _ := json.Marshal(list) // texts always marshal
	end := bytes.LastIndexByte(body, '}')
	kept := make([]byte, 0, len(body)+len(added)+len(keptErrors)+4)
	kept = append(append(kept, body[:end]...), `,"`+keptErrors+`":`...)
	return append(append(kept, added...), body[end:]...)
}
