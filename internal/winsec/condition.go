package winsec

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/coldstate/coldstate/internal/le"
	"github.com/coldstate/coldstate/internal/wstr"
)

// maxTokens bounds the work on one condition: each operator copies its
// operands. Conditions of real volumes have about five tokens.
const maxTokens = 500

// attributePrefix tells where an attribute of a condition comes from, by its
// token.
var attributePrefix = map[uint8]string{0xf8: "", 0xf9: "@User.", 0xfa: "@Resource.", 0xfb: "@Device."}

// prefixed and infix are the operators of conditions, by their tokens.
var (
	prefixed = map[uint8]string{
		0x87: "Exists ", 0x8d: "Not_Exists ", 0xa2: "!",
		0x89: "Member_of ", 0x8a: "Device_Member_of ", 0x8b: "Member_of_Any ", 0x8c: "Device_Member_of_Any ",
		0x90: "Not_Member_of ", 0x91: "Not_Device_Member_of ", 0x92: "Not_Member_of_Any ", 0x93: "Not_Device_Member_of_Any ",
	}
	infix = map[uint8]string{
		0x80: " == ", 0x81: " != ", 0x82: " < ", 0x83: " <= ", 0x84: " > ", 0x85: " >= ",
		0x86: " Contains ", 0x88: " Any_of ", 0x8e: " Not_Contains ", 0x8f: " Not_Any_of ",
		0xa0: " && ", 0xa1: " || ",
	}
)

// condition is the conditional expression in b as text, in parentheses
// ([MS-DTYP] 2.4.4.17, 2.5.1.2.2). It stands there in postfix order, padded to
// four bytes with zeros. It is false when b is none, or has no such text.
func condition(b []byte) (text string, ok bool) {
	rest, found := strings.CutPrefix(string(b), "artx")
	if !found {
		return "", false
	}
	r := le.New([]byte(rest), 0)
	var stack []string
	for tokens := 0; r.Rest() > 0; tokens++ {
		t := r.Uint8()
		if t == 0 {
			if pad := string(r.Bytes(r.Rest())); len(pad) > 2 || strings.Trim(pad, "\x00") != "" {
				return "", false
			}
			break
		}
		n := len(stack)
		switch op1, op2 := prefixed[t], infix[t]; {
		case tokens == maxTokens:
			return "", false
		case op1 != "" && n >= 1:
			stack[n-1] = "(" + op1 + stack[n-1] + ")"
		case op2 != "" && n >= 2:
			stack[n-2] = "(" + stack[n-2] + op2 + stack[n-1] + ")"
			stack = stack[:n-1]
		default:
			s, ok := literal(t, r, true)
			if !ok {
				return "", false
			}
			stack = append(stack, s)
		}
	}
	if r.Err() != nil || len(stack) != 1 || stack[0][0] != '(' {
		return "", false
	}
	return stack[0], true
}

// literal is the operand whose token is t and whose value follows in r.
func literal(t uint8, r *le.Reader, composite bool) (text string, ok bool) {
	if t >= 1 && t <= 4 {
		n, sign, base := r.Int64(), r.Uint8(), r.Uint8()
		format := map[uint8]int{1: 8, 2: 10, 3: 16}[base]
		if r.Err() != nil || format == 0 || sign < 1 || sign > 3 {
			return "", false
		}
		abs, prefix := uint64(n), map[int]string{8: "0", 10: "", 16: "0x"}[format]
		if n < 0 {
			abs = -abs
		}
		s := map[uint8]string{1: "+", 2: "-", 3: ""}[sign]
		if s != "-" && n < 0 || s == "-" && n > 0 {
			return "", false
		}
		return s + prefix + strconv.FormatUint(abs, format), true
	}
	size := int64(r.Uint32())
	if size > int64(r.Rest()) {
		return "", false
	}
	b := r.Bytes(int(size))
	prefix, attribute := attributePrefix[t]
	switch {
	case r.Err() != nil:
		return "", false
	case attribute:
		return prefix + attributeName(wstr.FromUTF16LE(b)), size > 0 && size%2 == 0
	case t == 0x10:
		s := wstr.FromUTF16LE(b)
		return `"` + s + `"`, size%2 == 0 && !strings.ContainsAny(s, "\"\x00")
	case t == 0x18:
		return "#" + hex.EncodeToString(b), true
	case t == 0x51:
		sid, n, err := ParseSID(b)
		return "SID(" + sid.sddl() + ")", err == nil && n == len(b)
	case t == 0x50 && composite:
		list := le.New(b, 0)
		var parts []string
		for list.Rest() > 0 {
			s, ok := literal(list.Uint8(), list, false)
			if !ok {
				return "", false
			}
			parts = append(parts, s)
		}
		return "{" + strings.Join(parts, ", ") + "}", list.Err() == nil
	}
	return "", false
}

// attributeName writes other characters than letters, digits and :./_ as %
// and four digits.
func attributeName(s string) string {
	var out []byte
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 0x80, '0' <= c && c <= '9', 'a' <= c|0x20 && c|0x20 <= 'z', c == ':', c == '.', c == '/', c == '_':
			out = append(out, c)
		default:
			out = fmt.Appendf(out, "%%%04x", c)
		}
	}
	return string(out)
}
