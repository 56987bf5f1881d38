package strictyaml

import "go.yaml.in/yaml/v3"

// Parsing reads a list of texts by a parser of such lists, as record.ParseWindows. What is wrong with one of them is said at its line.
func Parsing[T any](p *Reader, name string, to *[]T, parse func([]string) ([]T, error)) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		var texts []string
		err := p.Texts(n, name, func(text string) error {
			texts = append(texts, text)
			_, err := parse(texts[len(texts)-1:])
			return err
		})
		if err != nil {
			return err
		}
		if *to, err = parse(texts); err != nil {
			return p.Errorf(n, "%w", err)
		}
		return nil
	}
}
