package describe

import (
	"crypto/sha256"
	"encoding/hex"
)

// index is the index of Agent Skills discovery 0.2.0, for the SKILL.md with that digest.
func (s *Site) index(base string, digest [sha256.Size]byte) []byte {
	var o, skill object
	o.text("$schema", "https://schemas.agentskills.io/discovery/0.2.0/schema.json")
	skill.text("name", s.options.Name)
	skill.text("type", "skill-md")
	skill.text("description", s.options.Description)
	skill.text("url", base+Skill.Path(s.options.Path))
	skill.text("digest", "sha256:"+hex.EncodeToString(digest[:]))
	o.raw("skills", array(skill.end()))
	return append(o.end(), '\n')
}

// catalog is the catalogue of the site's APIs, which is one (RFC 9727, appendix A).
func (s *Site) catalog() []byte {
	link := func(kind Kind, media string) []byte {
		var o object
		o.text("href", anywhere+kind.Path(s.options.Path))
		o.text("type", media)
		return array(o.end())
	}
	var o, api object
	api.text("anchor", anywhere+s.options.Path)
	api.raw("service-desc", link(OpenAPI, "application/json"))
	api.raw("service-doc", link(Skill, "text/markdown"))
	o.raw("linkset", array(api.end()))
	return append(o.end(), '\n')
}

// llms is llms.txt.
func (s *Site) llms() []byte {
	o := &s.options
	text := "# " + line(o.Title) + "\n\n> " + line(o.Description) + "\n\n"
	text += "What the documents name is what the caller may do: without a key what is public, with `Authorization: Bearer <key>` what that key may call.\n\n## Docs\n\n"
	text += "- [SKILL.md](" + anywhere + Skill.Path(o.Path) + "): how to use the API, to be read first\n"
	text += "- [openapi.json](" + anywhere + OpenAPI.Path(o.Path) + "): the operations and their schemas, OpenAPI 3.1\n"
	if o.Contact != "" {
		text += "\n## Optional\n\n- [Keys](" + contactLink(o.Contact) + "): where a key is had\n"
	}
	return []byte(text)
}
