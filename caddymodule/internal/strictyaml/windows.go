package strictyaml

import (
	"go.yaml.in/yaml/v3"

	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// Windows reads a workspace's own limits.
func (p *Reader) Windows(to *[]record.Window) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		var texts []string
		err := p.Texts(n, "limits", func(text string) error {
			texts = append(texts, text)
			_, err := record.ParseWindow(text)
			return err
		})
		if err != nil {
			return err
		}
		if *to, err = record.ParseWindows(texts); err != nil {
			return p.Errorf(n, "%w", err)
		}
		return nil
	}
}
