package server

import (
	"context"
	"time"
)

const (
	// usesEvery is how often it is written down which accesses were used today.
	usesEvery = 30 * time.Second
	// lastUses bounds the turn at the end.
	lastUses = 5 * time.Second
)

// saveUses writes down which accesses were used until ctx ends, and then what is left. Requests never wait for it.
func (s *Server) saveUses(ctx context.Context) {
	ticker := time.NewTicker(usesEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			last, end := context.WithTimeout(context.WithoutCancel(ctx), lastUses)
			defer end()
			s.saveUsesOnce(last)
			return
		case <-ticker.C:
			s.saveUsesOnce(ctx)
		}
	}
}

func (s *Server) saveUsesOnce(ctx context.Context) {
	if _, err := s.tokens.SaveUses(ctx); err != nil && ctx.Err() == nil {
		s.options.Log.Warn("uses of accesses were not written down, tried again in half a minute", "error", err)
	}
}
