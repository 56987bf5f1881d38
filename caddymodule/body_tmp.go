package caddymodule

import (
	"bytes"
	"encoding/json"
)

func parseBodyTmp(data []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	err = d.Decode(&v)
	return
}
