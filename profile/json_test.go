package profile

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// What stands in a name comes back as it was, also half a surrogate pair.
func TestJSON(t *testing.T) {
	const odd = "a\xed\xa0\x80 \"ü\n"
	for _, tt := range []struct {
		in, out any
		want    string
	}{
		{&Case{Code: NoKey, Where: odd, What: odd, Other: "x"}, &Case{}, `"code":"no-key"`},
		{&Redirected{"Documents", odd, odd, "H:", odd, odd, true, odd, odd}, &Redirected{}, `"folder":"Documents"`},
		{&Redirected{Folder: "Desktop", Remote: `\\s\x`}, &Redirected{}, `{"folder":"Desktop","remote":"\\\\s\\x"}`},
		{&Group{SID: "S-1-5-32-544", Name: odd, Comment: odd, Builtin: true, Members: []string{"S-1-5-4"}}, &Group{}, `"members":["S-1-5-4"]`},
		{&Group{Members: []string{}}, &Group{}, `"members":[]`},
	} {
		b, err := json.Marshal(tt.in)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, tt.out); err != nil || !reflect.DeepEqual(tt.in, tt.out) {
			t.Errorf("%s gives %+v, want %+v (%v)", b, tt.out, tt.in, err)
		}
		if !strings.Contains(string(b), tt.want) {
			t.Errorf("%s lacks %s", b, tt.want)
		}
	}
}
