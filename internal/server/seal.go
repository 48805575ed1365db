package server

import (
	"context"
	"time"
)

const (
	// sealEvery is how often events are put into the chain, and so how long one may stand outside it.
	sealEvery = time.Second
	// usually is every how many turns the sealer looks for events of long transactions, thoroughly for those of nodes whose clock is wrong.
	usually, thoroughly = 5, 60
	// lastSeal bounds the turn at the end, which puts into the chain what came in before the server stopped.
	lastSeal = 5 * time.Second
)

// seal puts events into the chain until ctx ends, and then those that are left, and signs the receipts whose place that gave.
// Requests never wait for it (design 10.26).
func (s *Server) seal(ctx context.Context) {
	ticker := time.NewTicker(sealEvery)
	defer ticker.Stop()
	for turn := 0; ; turn++ {
		s.sealOnce(ctx, turn)
		select {
		case <-ctx.Done():
			last, end := context.WithTimeout(context.WithoutCancel(ctx), lastSeal)
			defer end()
			s.sealOnce(last, 0)
			return
		case <-ticker.C:
		}
	}
}

func (s *Server) sealOnce(ctx context.Context, turn int) {
	chain := s.database.Chain()
	seal := chain.SealLast
	if turn%usually == 0 {
		seal = func(ctx context.Context) (int, error) { return chain.Seal(ctx, turn%thoroughly == 0) }
	}
	if _, err := seal(ctx); err != nil && ctx.Err() == nil {
		s.options.Log.Warn("events were not put into the chain, tried again in a second", "error", err)
	}
	if _, err := s.receipts.Sign(ctx); err != nil && ctx.Err() == nil {
		s.options.Log.Warn("receipts were not signed, tried again in a second", "error", err)
	}
}

// dropAudit drops events that are older than the operator keeps them.
func (s *Server) dropAudit(ctx context.Context) {
	if s.options.AuditKeep <= 0 {
		return
	}
	dropped, err := s.database.DropAudit(ctx, s.options.Now().Add(-s.options.AuditKeep))
	if err != nil && ctx.Err() == nil {
		s.options.Log.Warn("dropping old events stopped early, tried again in a minute", "dropped", dropped, "error", err)
	} else if dropped > 0 {
		s.options.Log.Info("dropped old events", "events", dropped)
	}
}
