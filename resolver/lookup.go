package resolver

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// lookup is one Resolve under way. It belongs to one goroutine.
type lookup struct {
	r      *Resolver
	d      *Destination
	policy Policy
	again  func() Draw
	began  time.Time

	facts    []fact       // in the order asked
	arrivals chan arrival // made when first something is asked upstream
	asked    int          // questions that took part of the budget
	end      *time.Timer  // the limit for all of it; runs from the first wait
	late     *time.Timer  // patience with the second family of a name
}

// fact is a question with its answer, once it is there.
type fact struct {
	q       Question
	answer  Answer
	known   bool
	source  string
	elapsed time.Duration
}

// run calls Select again after every answer, until nothing is open.
func (l *lookup) run(ctx context.Context) *Result {
	known := l.known // once: each use as a value allocates
	for {
		sel := Select(l.d, &l.policy, known, l.again(), nil)
		if len(sel.Need) == 0 {
			return l.result(sel)
		}
		// What our own zones and the cache know is there at once and may open new questions.
		if l.ask(sel.Need, sel.Ahead) {
			continue
		}
		if l.end == nil {
			l.end = time.NewTimer(l.r.o.Limit)
			defer l.end.Stop()
		}
		l.wait(ctx, sel.Need)
	}
}

// known is what Select sees.
func (l *lookup) known(q Question) (Answer, bool) {
	if f := l.find(q); f != nil && f.known {
		return f.answer, true
	}
	return Answer{}, false
}

func (l *lookup) find(q Question) *fact {
	for i := range l.facts {
		if l.facts[i].q == q {
			return &l.facts[i]
		}
	}
	return nil
}

// ask answers what it can at once and sends the rest. It reports whether something needed is known now.
func (l *lookup) ask(need, ahead []Question) bool {
	progress := false
	for _, q := range need {
		if l.find(q) == nil && l.begin(q) {
			progress = true
		}
	}
	if progress {
		return true // perhaps what lies ahead is not needed any more
	}
	for _, q := range ahead {
		if l.find(q) == nil {
			l.begin(q)
		}
	}
	return false
}

// begin starts on a question: special names, our own zones, the cache, then the network. It reports whether
// the answer is there.
func (l *lookup) begin(q Question) bool {
	if a, source, ok := l.r.local(q, l.began); ok {
		l.facts = append(l.facts, fact{q: q, answer: a, known: true, source: source})
		return true
	}
	if l.asked >= l.r.o.Budget {
		set := failed(q, Limit, fmt.Sprintf("not asked: %d questions for one URI are the most", l.r.o.Budget))
		l.facts = append(l.facts, fact{q: q, answer: Answer{set, 0}, known: true})
		return true
	}
	if l.arrivals == nil {
		l.arrivals = make(chan arrival, l.r.o.Budget) // room for all: nobody who answers ever blocks
	}
	l.asked++
	l.facts = append(l.facts, fact{q: q, source: "dns"})
	l.r.flights.join(q, l.arrivals)
	return false
}

// wait takes at least one answer, or gives up on those needed that take too long.
func (l *lookup) wait(ctx context.Context, need []Question) {
	var late <-chan time.Time
	impatient := l.impatient(need)
	if len(impatient) > 0 {
		if l.late == nil {
			l.late = time.NewTimer(l.r.o.Patience)
		}
		late = l.late.C
	}
	select {
	case a := <-l.arrivals:
		l.take(a)
		for more := true; more; { // all that is there: one pass of Select for many answers
			select {
			case a := <-l.arrivals:
				l.take(a)
			default:
				more = false
			}
		}
	case <-late:
		l.late = nil
		l.abandon(impatient, "not waited for: the other address family has answered")
	case <-l.end.C:
		l.end.Reset(0) // it stays over
		l.abandon(need, "no answer in "+l.r.o.Limit.String()+l.r.whom)
	case <-ctx.Done():
		l.abandon(need, "not waited for: "+context.Cause(ctx).Error())
	}
}

func (l *lookup) take(a arrival) {
	l.asked += a.asked - 1
	// What was given up on stays so: Select must not see facts change.
	if f := l.find(a.set.Question); f != nil && !f.known {
		f.answer, f.known, f.elapsed = Answer{a.set, min(a.set.TTL, maxTTL)}, true, a.elapsed
	}
}

// impatient lists the address questions that hold up a name whose other family is there (RFC 7984 3.1; the
// delay is RFC 8305's idea). It is empty while something else holds the lookup up as well.
func (l *lookup) impatient(need []Question) []Question {
	for _, q := range need {
		other := Question{q.Name, TypeA}
		switch q.Type {
		case TypeA:
			other.Type = TypeAAAA
		case TypeAAAA:
		default:
			return nil
		}
		if a, ok := l.known(other); !ok || len(a.Addrs) == 0 {
			return nil
		}
	}
	return need
}

// abandon settles questions without an answer. The flights go on: what arrives is for the cache.
func (l *lookup) abandon(qs []Question, why string) {
	for _, q := range qs {
		if f := l.find(q); f != nil && !f.known {
			f.answer, f.known = Answer{failed(q, NoAnswer, why), 0}, true
		}
	}
}

// result makes what the caller gets.
func (l *lookup) result(sel Selection) *Result {
	if l.late != nil {
		l.late.Stop()
	}
	res := &Result{URI: l.d.URI, Identity: l.d.Identity, Targets: sel.Targets, Err: sel.Err}
	if l.r.o.Trace {
		res.Trace = l.trace()
	}
	return res
}

// trace lists the finished steps, with the notes of a last pass of Select.
func (l *lookup) trace() []Step {
	notes, used := map[Question][]string{}, map[Question]bool{}
	known := func(q Question) (Answer, bool) {
		used[q] = true
		return l.known(q)
	}
	Select(l.d, &l.policy, known, l.again(), func(q Question, text string) {
		notes[q] = append(notes[q], text)
	})
	target := l.d.Host
	if l.d.Addr.IsValid() {
		target = l.d.Addr.String()
	}
	steps := []Step{{Step: "uri", Name: target, Note: strings.Join(notes[Question{}], "; ")}}
	for _, f := range l.facts {
		s := Step{Step: strings.ToLower(f.q.Type.String()), Name: undot(f.q.Name), Source: f.source, Elapsed: f.elapsed}
		note := notes[f.q]
		if f.known {
			s.RCode, s.TTL, s.Records = f.answer.RCode, f.answer.Left, f.answer.Records()
			note = append([]string{}, status(f.answer)...)
			note = append(note, notes[f.q]...)
		}
		if !used[f.q] {
			note = append(note, "asked ahead and not needed")
		}
		s.Note = strings.Join(note, "; ")
		steps = append(steps, s)
	}
	return steps
}

// status says what an answer without records is.
func status(a Answer) []string {
	switch {
	case a.Failed():
		return []string{a.why()}
	case a.RCode == NXDomain:
		return []string{a.RCode.String()}
	case a.Empty():
		return []string{"no such record"}
	default:
		return nil
	}
}

// local answers without the network: special names, our own zones, the cache, in this order, so that what we
// publish and what we follow are one truth.
func (r *Resolver) local(q Question, now time.Time) (Answer, string, bool) {
	if set := special(q); set != nil {
		return Answer{set, set.TTL}, "special", true
	}
	if set := r.own(q); set != nil && set.next == "" {
		return Answer{set, set.TTL}, "zone", true
	}
	if a, ok := r.cache.get(q, now); ok {
		return a, "cache", true
	}
	return Answer{}, "", false
}

// own asks our own zones; nil when the name is in none of them or delegated away.
func (r *Resolver) own(q Question) *RRset {
	if r.o.Own == nil {
		return nil
	}
	const id = 0
	query, err := appendQuery(nil, q, id, false)
	if err != nil {
		return nil
	}
	b := r.o.Own.Answer(query)
	if b == nil {
		return nil
	}
	if _, err := matches(b, q, id); err != nil {
		return nil
	}
	set, err := parseAnswer(b, q)
	if err != nil || set.RCode == Refused || set.RCode == 9 { // 9 is NOTAUTH (RFC 2136 2.2)
		return nil
	}
	return set
}

// chase is what a flight does: it asks, and follows an alias chain that the answer did not finish. It also
// says how many questions that took.
func (r *Resolver) chase(ctx context.Context, q Question) (*RRset, int) {
	whole := r.step(ctx, q)
	asked := 1
	for ; whole.next != ""; asked++ { // each time round join has one alias more, until it is one too many
		whole = join(whole, r.step(ctx, Question{whole.next, q.Type}))
	}
	return whole, asked
}

// step is one answer, complete or not.
func (r *Resolver) step(ctx context.Context, q Question) *RRset {
	if set := special(q); set != nil {
		return set
	}
	if set := r.own(q); set != nil {
		return set
	}
	if a, ok := r.cache.get(q, r.o.Now()); ok {
		aged := *a.RRset // the set itself is shared and stays as it is
		aged.TTL = min(aged.TTL, a.Left)
		return &aged
	}
	if set := r.source(ctx, q); set != nil && set.Question == q {
		return set
	}
	return failed(q, ServFail, "the source gave the answer to another question")
}

// join makes one answer of an alias and what stands behind it.
func join(alias, rest *RRset) *RRset {
	whole := *rest
	whole.Question = alias.Question
	whole.TTL = min(alias.TTL, rest.TTL)
	whole.Aliases = append(append([]string{}, alias.Aliases...), rest.Aliases...)
	if len(whole.Aliases) > maxChain {
		return failed(alias.Question, Limit, chainTooLong)
	}
	return &whole
}
