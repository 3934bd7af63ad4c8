package migxml

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strings"
)

// ListXML is the text of a Config.xml that lists the components of c as they
// are, for people to edit. The policies and the groups stand in it as examples
// in a comment, as ScanState writes them.
func (c *Config) ListXML() []byte {
	var b bytes.Buffer
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>
<!--
  A component with migrate="no" is as if it were not in its rule file, a group with migrate="no"
  takes along all that is in it. What is not listed is migrated.
-->
<Configuration>
`)
	for _, s := range []struct {
		name string
		list []*ConfigComponent
	}{{"Applications", c.Applications}, {"Documents", c.Documents}, {"WindowsComponents", c.WindowsComponents}} {
		if len(s.list) == 0 {
			fmt.Fprintf(&b, "  <%s/>\n", s.name)
			continue
		}
		fmt.Fprintf(&b, "  <%s>\n", s.name)
		writeComponents(&b, s.list, "    ")
		fmt.Fprintf(&b, "  </%s>\n", s.name)
	}
	b.WriteString("  <!--\n  What follows has no effect as long as it stands in this comment.\n\n")
	b.WriteString(configExamples)
	b.WriteString("  -->\n</Configuration>\n")
	return b.Bytes()
}

func writeComponents(b *bytes.Buffer, list []*ConfigComponent, indent string) {
	for _, k := range list {
		if strings.Contains(k.ID, "*") {
			// ParseConfig refuses such an ID: a wildcard is most likely meant.
			fmt.Fprintf(b, "%s<!-- %s cannot be switched off: its name has an asterisk -->\n", indent, comment(k.DisplayName))
			writeComponents(b, k.Components, indent)
			continue
		}
		migrate := "no"
		if k.Migrate {
			migrate = "yes"
		}
		fmt.Fprintf(b, `%s<component displayname="%s" migrate="%s" ID="%s"`, indent, attribute(k.DisplayName), migrate, attribute(k.ID))
		if len(k.Components) == 0 {
			b.WriteString("/>\n")
			continue
		}
		b.WriteString(">\n")
		writeComponents(b, k.Components, indent+"  ")
		b.WriteString(indent + "</component>\n")
	}
}

func attribute(s string) string {
	var b strings.Builder
	xml.EscapeText(&b, []byte(s)) // a Builder takes everything
	return b.String()
}

// comment is s as it can stand in a comment, which two hyphens would end.
func comment(s string) string {
	for strings.Contains(s, "--") {
		s = strings.ReplaceAll(s, "--", "- -")
	}
	return s
}

const configExamples = `  <Policies>
    <ErrorControl>
      <fileError>
        <nonFatal errorCode="23">C:\Users\*\AppData\* [*]</nonFatal>
        <fatal errorCode="any">C:\Users\* [*]</fatal>
      </fileError>
      <registryError>
        <nonFatal errorCode="any">* [*]</nonFatal>
      </registryError>
    </ErrorControl>
    <HardLinkStoreControl>
      <fileLocked>
        <createHardLink>C:\Users\* [*]</createHardLink>
        <errorHardLink>C:\* [*]</errorHardLink>
      </fileLocked>
    </HardLinkStoreControl>
  </Policies>
  <ProfileControl>
    <localGroups>
      <mappings>
        <changeGroup from="Administrators" to="Users" appliesTo="MigratedUsers">
          <include><pattern>*</pattern></include>
          <exclude><pattern>DOMAIN\helpdesk*</pattern></exclude>
        </changeGroup>
      </mappings>
    </localGroups>
  </ProfileControl>
`
