package config

import (
	"unicode/utf8"

	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/token"
)

// tokenize splits the text as goccy/go-yaml does, and puts back together what
// it splits wrongly: within braces it takes the colon of a plain a:b for the
// end of a key. YAML 1.2 7.3.3 says that a colon ends a key only before white
// space or a flow indicator, so {sip: [udp://0.0.0.0:5060]} and
// {addresses: [2001:db8::11]} hold one value each.
func tokenize(data []byte) token.Tokens {
	split := lexer.Tokenize(string(data))
	var joined token.Tokens
	for i := 0; i < len(split); i++ {
		t := split[i]
		for i+2 < len(split) && plainToken(t) && split[i+1].Type == token.MappingValueType &&
			plainToken(split[i+2]) && touch(t, split[i+1]) && touch(split[i+1], split[i+2]) {
			next := split[i+2]
			t = token.New(t.Value+":"+next.Value, t.Origin+":"+next.Origin, t.Position)
			i += 2
		}
		t.Prev, t.Next = nil, nil
		joined.Add(t)
	}
	return joined
}

// plainToken says whether t is an unquoted scalar on one line.
func plainToken(t *token.Token) bool {
	return t.CharacterType == token.CharacterTypeMiscellaneous && t.Type != token.CommentType
}

// touch says whether b begins where a ends.
func touch(a, b *token.Token) bool {
	return a.Position.Line == b.Position.Line && a.Position.Column+utf8.RuneCountInString(a.Value) == b.Position.Column
}
