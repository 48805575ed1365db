package limit

import "testing"

// A seat is for one, until it is given back; nobody has all of them.
func TestSeats(t *testing.T) {
	var s Seats
	take := func(who string, want bool) func() {
		t.Helper()
		done, ok := s.Take(who, 2, 3)
		if ok != want || (done != nil) != want {
			t.Errorf("%s: %v with %d taken", who, ok, s.Taken())
		}
		return done
	}
	first := take("a", true)
	take("a", true)
	take("a", false)
	b := take("b", true)
	take("c", false)
	first()
	c := take("c", true)
	b()
	take("a", true)
	take("b", false)
	c()
	if take("b", true); s.Taken() != 3 || len(s.of) != 2 {
		t.Errorf("%d taken, by %v", s.Taken(), s.of)
	}
}
