package cases

import (
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
	"time"
)

// The elements of a JUnit report, with the attributes that the schema of Jenkins (junit-10.xsd) has, which CI servers read.
type (
	suites struct {
		XMLName  xml.Name `xml:"testsuites"`
		Name     string   `xml:"name,attr"`
		Tests    int      `xml:"tests,attr"`
		Failures int      `xml:"failures,attr"`
		Errors   int      `xml:"errors,attr"`
		Time     string   `xml:"time,attr"`
		Suites   []*suite `xml:"testsuite"`
	}
	suite struct {
		Name     string  `xml:"name,attr"`
		Tests    int     `xml:"tests,attr"`
		Failures int     `xml:"failures,attr"`
		Errors   int     `xml:"errors,attr"`
		Skipped  int     `xml:"skipped,attr"`
		Time     string  `xml:"time,attr"`
		Cases    []tests `xml:"testcase"`
		took     time.Duration
	}
	tests struct {
		Name      string   `xml:"name,attr"`
		ClassName string   `xml:"classname,attr"`
		Time      string   `xml:"time,attr"`
		Failure   *problem `xml:"failure"`
		Error     *problem `xml:"error"`
	}
	problem struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",chardata"`
	}
)

// JUnit writes the report as JUnit's XML: a suite for each file.
func (r *Report) JUnit(w io.Writer) error {
	all := suites{Name: "tollgate test", Tests: len(r.Results), Time: inSeconds(r.Took)}
	byFile := map[string]*suite{}
	for n := range r.Results {
		result := &r.Results[n]
		s := byFile[result.File]
		if s == nil {
			s = &suite{Name: result.File}
			byFile[result.File] = s
			all.Suites = append(all.Suites, s)
		}
		c := tests{Name: result.Name, ClassName: result.File, Time: inSeconds(result.Took)}
		text := ""
		if !result.Passed() { // why is only asked of what fails: it takes as long as judging
			text = fmt.Sprintf("%s:%d\n%s", result.File, result.Line, result.why())
		}
		switch {
		case result.Err != nil:
			c.Error = &problem{Message: result.Err.Error(), Type: "error", Text: text}
			s.Errors++
			all.Errors++
		case !result.Passed():
			c.Failure = &problem{Message: result.Differs[0], Type: "failure", Text: text}
			s.Failures++
			all.Failures++
		}
		s.Tests++
		s.took += result.Took
		s.Time = inSeconds(s.took)
		s.Cases = append(s.Cases, c)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	encoder := xml.NewEncoder(w)
	encoder.Indent("", "\t")
	if err := encoder.Encode(&all); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func inSeconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 6, 64) }
