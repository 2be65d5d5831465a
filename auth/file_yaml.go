package auth

import (
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// parse fills f from the text of its file. It walks the syntax tree instead of decoding into structs, for
// two reasons: every error has its line and column, and a user called 007 or no keeps that name.
func (f *File) parse(text []byte) error {
	tree, err := parser.ParseBytes(text, 0)
	if err != nil {
		var syntax yaml.Error
		if errors.As(err, &syntax) && syntax.GetToken() != nil {
			return f.errorAt(syntax.GetToken(), fmt.Errorf("%s; %s", oneLine(syntax.GetMessage()), syntaxAdvice(syntax.GetMessage())))
		}
		return fmt.Errorf("%s: %s; %s", f.path, oneLine(err.Error()), syntaxAdvice(""))
	}
	if len(tree.Docs) != 1 || tree.Docs[0].Body == nil {
		return fmt.Errorf("%s:1:1: want one document with the keys realm and users", f.path)
	}
	var users ast.Node
	err = f.eachPair(tree.Docs[0].Body, func(key *token.Token, value ast.Node) error {
		switch key.Value {
		case "realm":
			realm, err := f.scalar(value)
			if err == nil {
				if err = checkRealm(realm); err != nil {
					err = f.errorAt(value.GetToken(), err)
				}
			}
			f.realm = realm
			return err
		case "users":
			users = value
			return nil
		default:
			return f.errorAt(key, fmt.Errorf("unknown key %q: want realm and users", key.Value))
		}
	})
	if err != nil {
		return err
	}
	if f.realm == "" {
		return fmt.Errorf("%s:1:1: no realm: add the SIP domain the HA1 values were made for, `realm: example.com`", f.path)
	}
	if users == nil || users.Type() == ast.NullType {
		return nil
	}
	return f.eachPair(users, f.parseUser)
}

// syntaxAdvice says what to do about an error of the YAML parser.
func syntaxAdvice(message string) string {
	if strings.Contains(message, "already defined") {
		return "keep one of them"
	}
	return "check the indentation, the colons and the quotes around this place, or make the file anew with `sipway user add`"
}

// oneLine keeps the first line of a message: the parser puts a part of the file behind it.
func oneLine(message string) string {
	first, _, _ := strings.Cut(message, "\n")
	return first
}

// parseUser reads `name: {sha-256: hex, md5: hex}`.
func (f *File) parseUser(key *token.Token, value ast.Node) error {
	if err := checkUser(key.Value); err != nil {
		return f.errorAt(key, err)
	}
	var u user
	err := f.eachPair(value, func(k *token.Token, v ast.Node) error {
		text, err := f.scalar(v)
		if err != nil {
			return err
		}
		switch k.Value {
		case "sha-256":
			err = u.setHA1(SHA256, text)
		case "md5":
			err = u.setHA1(MD5, text)
		case "password":
			return f.errorAt(k, errors.New("passwords are not kept here, only HA1 values: use `sipway user add`"))
		default:
			return f.errorAt(k, fmt.Errorf("unknown key %q: want sha-256 and md5", k.Value))
		}
		if err != nil {
			return f.errorAt(v.GetToken(), fmt.Errorf("user %q: %w", key.Value, err))
		}
		return nil
	})
	if err != nil {
		return err
	}
	if !u.has[SHA256] && !u.has[MD5] {
		return f.errorAt(key, fmt.Errorf("user %q has no HA1 value: use `sipway user passwd`", key.Value))
	}
	f.users[key.Value] = u
	return nil
}

// eachPair calls do for the keys of a mapping, in order. A key twice is an error, as is any other node.
func (f *File) eachPair(node ast.Node, do func(key *token.Token, value ast.Node) error) error {
	var pairs []*ast.MappingValueNode
	switch n := node.(type) {
	case *ast.MappingNode:
		pairs = n.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{n}
	default:
		return f.errorAt(node.GetToken(), errors.New("want `key: value` pairs here"))
	}
	seen := make(map[string]bool, len(pairs))
	for _, p := range pairs {
		if _, err := f.scalar(p.Key); err != nil {
			return err
		}
		key := p.Key.GetToken()
		if seen[key.Value] {
			return f.errorAt(key, fmt.Errorf("%q stands here twice; keep one of them", key.Value))
		}
		seen[key.Value] = true
		if err := do(key, p.Value); err != nil {
			return err
		}
	}
	return nil
}

// scalar returns the text of a plain or quoted value as it is written: 0123 stays 0123.
func (f *File) scalar(node ast.Node) (string, error) {
	switch node.Type() {
	case ast.StringType, ast.IntegerType, ast.FloatType, ast.BoolType, ast.InfinityType, ast.NanType:
		return node.GetToken().Value, nil
	default:
		return "", f.errorAt(node.GetToken(), errors.New("want a plain value here"))
	}
}

// errorAt says where in the file err is.
func (f *File) errorAt(at *token.Token, err error) error {
	if at == nil || at.Position == nil {
		return fmt.Errorf("%s: %w", f.path, err)
	}
	return fmt.Errorf("%s:%d:%d: %w", f.path, at.Position.Line, at.Position.Column, err)
}
