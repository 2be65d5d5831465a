package sip

import "strings"

// MaxEdits is how many changes one Edit holds.
const MaxEdits = 16

// Edit collects changes to a message and applies them in one pass over its bytes. What is not changed comes out as
// it went in: unknown headers, order, case, folds and spacing. It is a value to keep and use again after
// Reset. Values given to it are not copied and must stay as they are until Append; they must pass CheckValue.
// The first error is kept and returned by Append too.
type Edit struct {
	ops [MaxEdits]editOp
	n   int
	err error
}

type editKind uint8

const (
	editPrepend editKind = iota
	editAdd
	editReplace
	editRemove
	editRemoveHeader
	editURI
)

type editOp struct {
	kind  editKind
	name  HeaderName
	i     int
	label string
	value []byte
}

// Reset forgets all changes.
func (e *Edit) Reset() { e.n, e.err = 0, nil }

func (e *Edit) add(op editOp) error {
	err := CheckValue(op.value)
	switch {
	case e.n == MaxEdits:
		err = ErrEdits
	case err != nil:
	case op.kind <= editAdd:
		err = checkName(op.label)
	}
	if err != nil {
		if e.err == nil {
			e.err = err
		}
		return err
	}
	e.ops[e.n] = op
	e.n++
	return nil
}

// Prepend puts a header line before the first one of that name, or before all if there is none. Of several for one name,
// the last call comes out on top.
func (e *Edit) Prepend(name string, value []byte) error {
	return e.add(editOp{kind: editPrepend, label: name, value: value})
}

// Add puts a header line behind all others.
func (e *Edit) Add(name string, value []byte) error {
	return e.add(editOp{kind: editAdd, label: name, value: value})
}

// ReplaceValue replaces value i, from 0, as Values counts them.
func (e *Edit) ReplaceValue(name HeaderName, i int, value []byte) error {
	return e.add(editOp{kind: editReplace, name: name, i: i, value: value})
}

// RemoveValue removes value i, from 0, as Values counts them in the message as it was; with the last one on a line, the line.
func (e *Edit) RemoveValue(name HeaderName, i int) error {
	return e.add(editOp{kind: editRemove, name: name, i: i})
}

// RemoveHeader removes all lines of that name; that there is none is no error.
func (e *Edit) RemoveHeader(name HeaderName) error {
	return e.add(editOp{kind: editRemoveHeader, name: name})
}

// ReplaceRequestURI replaces the Request-URI.
func (e *Edit) ReplaceRequestURI(uri []byte) error {
	if _, err := ParseURI(uri); err != nil {
		if e.err == nil {
			e.err = err
		}
		return err
	}
	return e.add(editOp{kind: editURI, value: uri})
}

// splice is raw[from:to] with what stands there instead.
type splice struct {
	from, to int
	op       *editOp // nil if only bytes go
}

// splices is the plan of Append. A header that is removed has a splice a line.
type splices struct {
	list [MaxHeaders + MaxEdits]splice
	n    int
}

// insert keeps the list in the order of the bytes: what is put in before what goes there, and of two things put
// in at one place the Prepend that came last first.
func (s *splices) insert(x splice) bool {
	if s.n == len(s.list) {
		return false
	}
	i := s.n
	for ; i > 0 && x.before(&s.list[i-1]); i-- {
		s.list[i] = s.list[i-1]
	}
	s.list[i] = x
	s.n++
	return true
}

func (x *splice) before(y *splice) bool {
	if x.from != y.from {
		return x.from < y.from
	}
	if x.from == x.to { // an insertion
		return y.from != y.to || x.op.kind == editPrepend
	}
	return false
}

// Append appends the changed message to dst and leaves m as it is. It returns dst and an error if a change
// could not be made: ErrNoValue, ErrOverlap, or ErrParse for a message that did not parse.
func (e *Edit) Append(dst []byte, m *Message) ([]byte, error) {
	if e.err != nil {
		return dst, e.err
	}
	if m.err != nil {
		return dst, ErrParse
	}
	var plan splices
	for i := range e.n {
		if err := e.plan(&plan, m, &e.ops[i]); err != nil {
			return dst, err
		}
	}
	out, pos, removed := dst, 0, false
	for i := range plan.n {
		s := &plan.list[i]
		if s.from < pos { // removals may overlap, nothing else may
			if s.op != nil || !removed {
				return dst, ErrOverlap
			}
			pos = max(pos, s.to)
			continue
		}
		out = append(out, m.raw[pos:s.from]...)
		pos, removed = s.to, s.op == nil
		if s.op == nil {
			continue
		}
		if s.op.kind <= editAdd {
			out = append(append(out, s.op.label...), ": "...)
		}
		out = append(out, s.op.value...)
		if s.op.kind <= editAdd {
			out = append(out, "\r\n"...)
		}
	}
	return append(out, m.raw[pos:]...), nil
}

func (e *Edit) plan(p *splices, m *Message, op *editOp) error {
	ok := true
	switch op.kind {
	case editPrepend:
		at := m.firstOf(op.label)
		ok = p.insert(splice{at, at, op})
	case editAdd:
		ok = p.insert(splice{m.section - 2, m.section - 2, op})
	case editURI:
		if !m.request {
			return ErrNoValue
		}
		at := len(m.method) + 1 // RFC 3261 7.1: one space
		ok = p.insert(splice{at, at + len(m.uri), op})
	case editRemoveHeader:
		for i := m.first[op.name%headerNames]; i != 0 && ok; i = m.lines[i-1].next {
			ok = p.insert(splice{int(m.lines[i-1].start), int(m.lines[i-1].end), nil})
		}
	case editReplace:
		it, found := m.valueAt(op.name, op.i)
		if !found {
			return ErrNoValue
		}
		ok = p.insert(splice{it.start, it.stop, op})
	case editRemove:
		it, found := m.valueAt(op.name, op.i)
		if !found {
			return ErrNoValue
		}
		from, to := e.removal(m, &it, op)
		ok = p.insert(splice{from, to, nil})
	}
	if !ok {
		return ErrEdits
	}
	return nil
}

// firstOf returns where the first header line of that name starts, or the first of all.
func (m *Message) firstOf(label string) int {
	for i := range m.count {
		if l := &m.lines[i]; sameName(m.raw[l.start:l.nameEnd], l.name, label) {
			return int(l.start)
		}
	}
	if m.count > 0 {
		return int(m.lines[0].start)
	}
	return m.section - 2
}

// sameName compares a name that was indexed as n with one that we put in, in its long form.
func sameName(b []byte, n HeaderName, label string) bool {
	if n != HeaderOther {
		return strings.EqualFold(n.String(), label)
	}
	return foldEqualString(b, label)
}

func (m *Message) valueAt(name HeaderName, i int) (ValueIter, bool) {
	it := m.Values(name)
	for it.Next() {
		if i == 0 {
			return it, true
		}
		i--
	}
	return it, false
}

// removal returns which bytes go with a value. If a value that stays follows on the line, all up to the next one
// goes; if none does, all from the end of the one before; and if it is the first and none stays, the line. So
// any set of values can go, and the removals only ever overlap with each other.
func (e *Edit) removal(m *Message, it *ValueIter, op *editOp) (from, to int) {
	l := &m.lines[it.index]
	var before, next ValueIter
	hasBefore, stays := false, false
	all := m.Values(op.name)
	for i := 0; all.Next(); i++ {
		if all.index != it.index {
			continue
		}
		switch {
		case i == op.i-1:
			before, hasBefore = all, true
		case i > op.i:
			if i == op.i+1 {
				next = all
			}
			stays = stays || !e.removes(op.name, i)
		}
	}
	switch {
	case stays:
		return it.start, next.start
	case hasBefore:
		return before.stop, it.stop
	default:
		return int(l.start), int(l.end)
	}
}

func (e *Edit) removes(name HeaderName, i int) bool {
	for j := range e.n {
		if op := &e.ops[j]; op.kind == editRemove && op.name == name && op.i == i {
			return true
		}
	}
	return false
}
