package limit

import "sync"

// Seats bound how many things are in hand at once on this node that take much memory, such as files, in all and for each who asks. Limits of
// volume do not: who begins and never ends is never over them. They protect the machine and never stand before a secret. The zero value is
// ready. Safe for concurrent use.
type Seats struct {
	mu  sync.Mutex
	all int
	of  map[string]int
}

// Take takes a seat until done is called, which must be once. ok is false where all or those of who are taken.
func (s *Seats) Take(who string, mostOfOne, most int) (done func(), ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all >= most || s.of[who] >= mostOfOne {
		return nil, false
	}
	if s.of == nil {
		s.of = map[string]int{}
	}
	s.all++
	s.of[who]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.all--
		if s.of[who]--; s.of[who] == 0 {
			delete(s.of, who)
		}
	}, true
}

// Taken is how many are taken.
func (s *Seats) Taken() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all
}
