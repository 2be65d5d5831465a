package sip

import "slices"

// Params are the parameters of a Via, a name-addr or a URI as they stand: ";a=b;c". They may hold white space and
// folds around ";" and "=" in a header, never in a URI. Those that a parse function returned are well-formed.
type Params []byte

// ParamIter walks Params.
type ParamIter struct {
	b              []byte
	pos            int
	name, nameEnd  int
	value, rawStop int // the value and the parameter end together; value is 0 if there is no "="
	bad            bool
}

// Iter walks the parameters in order.
func (p Params) Iter() ParamIter { return ParamIter{b: p} }

// Get returns the value of the first parameter of that name, which is compared without regard to case (RFC 3261
// 7.3.1). value is nil for a parameter without "=". Quotes are cut off if nothing inside is escaped. Escapes (%41) are not
// resolved: URI.Param does that. name is given in lower case.
func (p Params) Get(name string) (value []byte, ok bool) {
	for it := p.Iter(); it.Next(); {
		if foldEqual(it.Name(), name) {
			return it.Value(), true
		}
	}
	return nil, false
}

// Next goes to the next parameter. It returns false at the end, and at anything that is no parameter.
func (it *ParamIter) Next() bool {
	b := it.b
	i := skipLWS(b, it.pos)
	if i == len(b) || it.bad {
		it.pos = i
		return false
	}
	if b[i] != ';' {
		it.bad = true
		return false
	}
	start := skipLWS(b, i+1) // RFC 3261 25.1: SEMI and EQUAL take white space on both sides
	i = start
	for i < len(b) && isParamName(b[i]) {
		i++
	}
	if i == start {
		it.bad = true
		return false
	}
	it.name, it.nameEnd, it.value = start, i, 0
	end := i
	if i = skipLWS(b, i); i < len(b) && b[i] == '=' {
		it.value = skipLWS(b, i+1)
		end = paramValueEnd(b, it.value)
		if end < 0 {
			it.bad = true
			return false
		}
	}
	it.rawStop = end
	it.pos = end
	return true
}

// Name returns the name as written.
func (it *ParamIter) Name() []byte { return it.b[it.name:it.nameEnd] }

// Value returns the value, its quotes cut off if nothing inside is escaped; nil if there is no "=".
func (it *ParamIter) Value() []byte {
	v := it.RawValue()
	if len(v) < 2 || v[0] != '"' {
		return v
	}
	if slices.Contains(v, '\\') {
		return v
	}
	return v[1 : len(v)-1]
}

// RawValue returns the value as written, with its quotes; nil if there is no "=".
func (it *ParamIter) RawValue() []byte {
	if it.value == 0 {
		return nil
	}
	return it.b[it.value:it.rawStop]
}

// Raw returns the parameter as written, from its name to the end of its value.
func (it *ParamIter) Raw() []byte { return it.b[it.name:it.rawStop] }

// Err returns the static 400 if Next stopped at something that is no parameter.
func (it *ParamIter) Err() error {
	if it.bad {
		return errParams
	}
	return nil
}

// paramValueEnd returns where the value at i ends: a quoted string, or all up to white space or one of ; , < > "
// which covers token, host and pvalue. It returns -1 if a quoted string does not close.
func paramValueEnd(b []byte, i int) int {
	if i < len(b) && b[i] == '"' {
		return quotedEnd(b, i)
	}
	const stop uint64 = lwsLo | 1<<';' | 1<<',' | 1<<'<' | 1<<'>' | 1<<'"'
	for i < len(b) && stop>>b[i]&1 == 0 {
		i++
	}
	return i
}

// nameSet finds parameters that stand twice, which RFC 3261 7.3.1 and 19.1.1 forbid: two readers would take
// different ones. It holds the few that a header has; unique does the rest.
type nameSet struct {
	n     int
	names [6]struct{ off, end uint16 }
}

// add returns false if the parameter's name is in the set.
func (s *nameSet) add(it *ParamIter) bool {
	b := it.b
	for i := range min(s.n, len(s.names)) {
		if foldEqualBytes(b[s.names[i].off:s.names[i].end], b[it.name:it.nameEnd]) {
			return false
		}
	}
	if s.n < len(s.names) {
		s.names[s.n].off, s.names[s.n].end = uint16(it.name), uint16(it.nameEnd)
	}
	s.n++
	return true
}

// unique is asked at the end: it reports whether all names were, those too that the set had no room for.
func (s *nameSet) unique(p Params) bool {
	return s.n <= len(s.names) || s.n <= MaxParams && uniqueNames(p)
}

// uniqueNames compares each name with each. It is of a bounded number, and of a header section's offsets.
func uniqueNames(p Params) bool {
	var names [MaxParams][]byte
	it := p.Iter()
	for n := 0; it.Next(); n++ {
		for _, other := range names[:n] {
			if foldEqualBytes(other, it.Name()) {
				return false
			}
		}
		names[n] = it.Name()
	}
	return true
}
