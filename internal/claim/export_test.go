package claim

import (
	"context"

	"github.com/latchkey-id/latchkey/internal/limit"
)

// KeepPassword is the transaction of SetPassword without its slow hash, for tests that take ten thousands of steps.
func (cs Claims) KeepPassword(ctx context.Context, in Post, hash string) error {
	return cs.keepPassword(ctx, in, hash)
}

// CountAgain is the first transaction of PasswordAgain.
func (cs Claims) CountAgain(ctx context.Context, in Post) (string, limit.Key, error) {
	return cs.countAgain(ctx, in)
}

// AnswerAgain is the second transaction of PasswordAgain.
func (cs Claims) AnswerAgain(ctx context.Context, in Post, hash string, tries limit.Key, matches bool) error {
	return cs.answerAgain(ctx, in, hash, tries, matches)
}
