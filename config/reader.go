package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Bounds on a configuration file. It comes from the operator, so they only have
// to keep a mistake (a wrong file name, a binary) from costing much.
const (
	maxFile   = 1 << 20
	maxDepth  = 64 // brackets open at the same time
	maxErrors = 20 // reported together; more are cut
)

// reader walks the tree of one file and collects what is wrong with it.
type reader struct {
	file string
	dir  string // relative paths in the file begin here
	errs Errors
}

// value is one node of the tree and what to call it.
type value struct {
	node ast.Node
	name string // the key it stands under, or a description
	at   Position
}

// field is one key that a mapping knows.
type field struct {
	key   string
	set   func(value) // nil with later
	later string      // not in this version: what it would do
}

func (r *reader) fail(at Position, todo, format string, args ...any) {
	r.errs = append(r.errs, &Error{Pos: at, Msg: fmt.Sprintf(format, args...), Hint: todo})
}

func (r *reader) failValue(v value, p *problem) {
	r.fail(v.at, p.todo, "%s %s", v.name, p.what)
}

func (r *reader) pos(t *token.Token) Position {
	if t == nil || t.Position == nil {
		return Position{File: r.file}
	}
	return Position{File: r.file, Line: max(t.Position.Line, 1), Col: max(t.Position.Column, 1)}
}

// parse returns the root of the tree, nil if there is none or it is not YAML.
func (r *reader) parse(data []byte) ast.Node {
	if len(data) > maxFile {
		r.fail(Position{File: r.file}, "is this the right file?", "the file has more than %d bytes", maxFile)
		return nil
	}
	if at, deep := tooDeep(data); deep {
		at.File = r.file
		r.fail(at, "no part of the configuration nests that far", "more than %d brackets are open", maxDepth)
		return nil
	}
	f, err := parseYAML(data)
	if err != nil {
		r.failSyntax(err)
		return nil
	}
	var root ast.Node
	for _, d := range f.Docs {
		if d.Body == nil || d.Body.Type() == ast.CommentType {
			continue
		}
		if root != nil {
			r.fail(r.pos(d.Body.GetToken()), "keep one and remove the `---`", "the file holds more than one document")
			return nil
		}
		root = d.Body
	}
	if root == nil {
		r.fail(Position{File: r.file, Line: 1, Col: 1}, "begin with `domains: {example.com: {}}`", "the file is empty")
	}
	return root
}

// parseYAML guards against panics of the parser, so that a strange file is an
// error like any other.
func parseYAML(data []byte) (f *ast.File, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the YAML cannot be read (%v)", p)
		}
	}()
	return parser.Parse(tokenize(data), 0)
}

func (r *reader) failSyntax(err error) {
	var at Position
	what := err.Error()
	if located := yaml.Error(nil); errors.As(err, &located) {
		at = r.pos(located.GetToken())
		what = located.GetMessage()
	} else {
		at = Position{File: r.file}
	}
	todo := "check the indentation, the colons and the quotes around this place"
	if strings.Contains(what, "already defined") {
		todo = "keep one of them"
	}
	r.fail(at, todo, "%s", oneLine(what))
}

// oneLine takes out what could break a line or a terminal.
func oneLine(s string) string {
	q := quote(s)
	return strings.ReplaceAll(q[1:strings.LastIndexByte(q, '"')], `\"`, `"`)
}

// tooDeep says where brackets nest too far for a recursive parser to be safe.
// It does not know strings; no sane string opens that many either.
func tooDeep(data []byte) (at Position, deep bool) {
	depth, line, start := 0, 1, 0
	for i, c := range data {
		switch c {
		case '\n':
			line, start = line+1, i+1
		case '[', '{':
			if depth++; depth > maxDepth {
				return Position{Line: line, Col: i - start + 1}, true
			}
		case ']', '}':
			depth = max(depth-1, 0)
		}
	}
	return at, false
}

// entries calls fn for each key of a mapping. It returns false if v is none.
func (r *reader) entries(v value, fn func(key string, at Position, item value)) bool {
	m, ok := v.node.(ast.MapNode)
	if !ok {
		r.fail(v.at, "indent its keys below it, or write {key: value}", "%s has to hold keys and values, not %s", v.name, kind(v.node))
		return false
	}
	for it := m.MapRange(); it.Next(); {
		key, keyAt := it.Key(), r.pos(it.Key().GetToken())
		if it.KeyValue().Key.IsMergeKey() {
			r.fail(keyAt, "write the values out", "merge keys (<<) are not part of the format")
			continue
		}
		k, ok := scalar(key)
		if !ok {
			r.fail(keyAt, "use a plain word as key", "this key is not a word")
			continue
		}
		at := keyAt
		if it.Value() != nil && it.Value().Type() != ast.NullType {
			at = r.pos(start(it.Value()))
		}
		fn(k, keyAt, value{node: it.Value(), name: k, at: at})
	}
	return true
}

// fields reads a mapping whose keys are known. Those of later versions are
// told from typing errors, and never proposed.
func (r *reader) fields(v value, known ...field) {
	keys := make([]string, 0, len(known))
	for _, f := range known {
		if f.later == "" {
			keys = append(keys, f.key)
		}
	}
	slices.Sort(keys)
	r.entries(v, func(key string, at Position, item value) {
		i := slices.IndexFunc(known, func(f field) bool { return f.key == key })
		switch {
		case i < 0:
			todo := "known here: " + choices(keys)
			if near := nearest(key, keys); near != "" {
				todo = fmt.Sprintf("did you mean %q?", near)
			} else if strings.Contains(key, ":") {
				todo = "put a space behind the colon"
			}
			r.fail(at, todo, "unknown key %s", quote(key))
		case known[i].later != "":
			r.fail(at, "remove it", "%q is not yet in this version: %s", key, known[i].later)
		case item.node == nil || item.node.Type() == ast.NullType:
			r.fail(at, "give it a value or remove it", "%q has no value", key)
		default:
			known[i].set(item)
		}
	})
}

// items returns the elements of a list, nil and an error if v is none or empty.
func (r *reader) items(v value) []value {
	s, ok := v.node.(*ast.SequenceNode)
	if !ok {
		todo := "write [one, another] or a `- ` line for each"
		if one, ok := scalar(v.node); ok {
			todo = "write [" + oneLine(one) + "]"
		}
		r.fail(v.at, todo, "%s has to be a list, not %s", v.name, kind(v.node))
		return nil
	}
	if len(s.Values) == 0 {
		r.fail(v.at, "name at least one or remove the key", "%s is an empty list", v.name)
		return nil
	}
	all := make([]value, 0, len(s.Values))
	for _, n := range s.Values {
		at := v.at
		if n != nil {
			at = r.pos(start(n))
		}
		all = append(all, value{node: n, name: v.name, at: at})
	}
	return all
}

// text returns a scalar as it was written.
func (r *reader) text(v value) (string, bool) {
	s, ok := scalar(v.node)
	switch {
	case !ok:
		r.fail(v.at, "write one value", "%s has to be one value, not %s", v.name, kind(v.node))
		return "", false
	case s == "":
		r.fail(v.at, "give it a value or remove it", "%s is empty", v.name)
		return "", false
	case strings.Contains(s, "${"):
		r.fail(v.at, "only secrets may come from the environment; write the value", "%s holds %s, which nothing expands", v.name, quote(s))
		return "", false
	}
	return s, true
}

// read returns a scalar turned into a T by parse, and reports what parse says.
func read[T any](r *reader, v value, parse func(string) (T, *problem)) (t T, ok bool) {
	s, ok := r.text(v)
	if !ok {
		return t, false
	}
	t, bad := parse(s)
	if bad != nil {
		r.failValue(v, bad)
		return t, false
	}
	return t, true
}

// into returns a setter that reads a scalar into dst.
func into[T any](r *reader, dst *T, parse func(string) (T, *problem)) func(value) {
	return func(v value) {
		if t, ok := read(r, v, parse); ok {
			*dst = t
		}
	}
}

// list reads a list of scalars into dst.
func list[T any](r *reader, dst *[]T, parse func(string) (T, *problem)) func(value) {
	return func(v value) {
		for _, item := range r.items(v) {
			if t, ok := read(r, item, parse); ok {
				*dst = append(*dst, t)
			}
		}
	}
}

// scalar returns the text of a plain, quoted or block scalar.
func scalar(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, true
	default:
		return "", false
	}
}

// start returns the first token of a node; a block mapping's own token is the
// colon behind its first key.
func start(n ast.Node) *token.Token {
	if m, ok := n.(ast.MapNode); ok {
		if f, ok := n.(*ast.MappingNode); ok && f.IsFlowStyle {
			return n.GetToken()
		}
		if it := m.MapRange(); it.Next() {
			return it.Key().GetToken()
		}
	}
	return n.GetToken()
}

func kind(n ast.Node) string {
	switch n.(type) {
	case nil, *ast.NullNode:
		return "nothing"
	case ast.MapNode:
		return "keys and values"
	case *ast.SequenceNode:
		return "a list"
	case *ast.AliasNode, *ast.AnchorNode:
		return "an anchor or alias, which are not part of the format"
	case *ast.TagNode:
		return "a tag, which is not part of the format"
	default:
		return "one value"
	}
}
