package server

import (
	"context"
	"time"
)

const (
	// rekeyEvery is how often rows are put under the master key in use, where some are not: about a thousand a turn.
	rekeyEvery = time.Second
	// reloadTurns is every how many turns the master keys are read anew: within store.KeyNotice many times.
	reloadTurns = 10
)

// rekey takes up new master keys and puts what is sealed under older ones under the one in use, until ctx ends.
func (s *Server) rekey(ctx context.Context) {
	ticker := time.NewTicker(rekeyEvery)
	defer ticker.Stop()
	for turn := 1; ; turn++ {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if turn%reloadTurns == 0 {
			s.reloadKeys()
		}
		s.rekeyOnce(ctx)
	}
}

// reloadKeys adds the master keys that an operator has put beside those that are loaded.
func (s *Server) reloadKeys() {
	if s.options.Masters == nil {
		return
	}
	masters, err := s.options.Masters()
	if err == nil {
		err = s.options.Keys.Add(masters)
	}
	if err != nil {
		s.options.Log.Error("master keys were not read anew; those that were read before are kept", "error", err)
	}
}

func (s *Server) rekeyOnce(ctx context.Context) {
	rewritten, err := s.database.Rekey(ctx)
	if err != nil && ctx.Err() == nil {
		s.options.Log.Warn("putting rows under the master key in use stopped early, tried again in a second", "rewritten", rewritten, "error", err)
	} else if rewritten > 0 {
		s.options.Log.Info("put rows under the master key in use", "rows", rewritten)
	}
}
