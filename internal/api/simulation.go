package api

import (
	"errors"
	"net/http"
	"slices"

	"github.com/latchkey-id/latchkey"
	"github.com/latchkey-id/latchkey/internal/customer"
)

// A simulationError is an answer in the shape E5 (contract 3.3, 14).
type simulationError struct {
	status            int
	code, description string
}

func (e simulationError) Error() string { return e.code }

func (e simulationError) body() latchkey.SimulationError {
	return latchkey.SimulationError{Code: e.code, Category: "CLIENT", Description: e.description}
}

// simulated runs a trial on a review and gives its errors the shape of the simulation. An error of anything but the review is
// as everywhere.
func (d *Door) simulated(fn func(c *call, id customer.ProfileID, review string) (any, error)) func(*call) (any, error) {
	return func(c *call) (any, error) {
		id, err := c.number("profile")
		if err != nil {
			return nil, err
		}
		review, err := c.reviewID()
		if err != nil {
			_, err = d.review(c)
		}
		var answer any
		if err == nil {
			answer, err = fn(c, customer.ProfileID(id), review)
		}
		switch {
		case errors.Is(err, customer.ErrNoReview):
			return nil, simulationError{http.StatusNotFound, "kyc_review.not_found", "There is no such review"}
		case errors.Is(err, customer.ErrReviewState):
			return nil, simulationError{http.StatusBadRequest, "kyc_review.state_update_not_allowed", "The review cannot change like this now"}
		case errors.Is(err, customer.ErrRequirement):
			return nil, badSimulation("The review does not ask for this requirement")
		}
		return answer, err
	}
}

func badSimulation(description string) simulationError {
	return simulationError{http.StatusBadRequest, "invalid-request", description}
}

// simulatedRequirements lists what keeps a review from passing (contract 14).
func (d *Door) simulatedRequirements(c *call, id customer.ProfileID, review string) (any, error) {
	r, err := d.Customers.Review(c.r.Context(), c.caller(), id, review)
	answer := latchkey.SimulatedRequirements{Requirements: []latchkey.SimulatedRequirement{}}
	for _, q := range r.Requirements {
		if q.State != customer.Checked {
			answer.Requirements = append(answer.Requirements, latchkey.SimulatedRequirement{Key: string(q.Key), State: string(q.State)})
		}
	}
	return answer, err
}

// step reads the body of a trial. Keys that are not documented are refused.
func (c *call) step() (latchkey.SimulatedStep, []customer.RequirementKey, error) {
	var in latchkey.SimulatedStep
	if err := c.body.into(&in); err != nil {
		return in, nil, badSimulation("The body cannot be read")
	}
	texts := in.Requirements
	if in.Requirement != "" {
		texts = append(texts, in.Requirement)
	}
	var keys []customer.RequirementKey
	for _, text := range texts {
		if !slices.Contains(customer.RequirementKeys(), customer.RequirementKey(text)) {
			return in, nil, badSimulation("There is no such requirement")
		}
		keys = append(keys, customer.RequirementKey(text))
	}
	return in, keys, nil
}

// addRequirement adds one, or alternatives where several are named; where none is, the one that the documentation adds.
func (d *Door) addRequirement(c *call, id customer.ProfileID, review string) (any, error) {
	_, keys, err := c.step()
	if err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		keys = []customer.RequirementKey{customer.RequireUseCase}
	}
	return answered{http.StatusOK, nil}, d.Customers.RequireMore(c.r.Context(), c.caller(), id, review, keys...)
}

// provideRequirement provides one without what it asks for.
func (d *Door) provideRequirement(c *call, id customer.ProfileID, review string) (any, error) {
	_, keys, err := c.step()
	if err == nil && len(keys) != 1 {
		err = badSimulation("Name one requirement")
	}
	if err != nil {
		return nil, err
	}
	return answered{http.StatusAccepted, nil}, d.Customers.Pretend(c.r.Context(), c.caller(), id, review, customer.InReview, keys)
}

// verifyReview approves or rejects requirements, all that are open when none is named.
func (d *Door) verifyReview(c *call, id customer.ProfileID, review string) (any, error) {
	in, keys, err := c.step()
	if err != nil {
		return nil, err
	}
	state := customer.Checked
	switch in.RequestedAction {
	case "APPROVE", "":
	case "REJECT":
		state = customer.NotProvided
	default:
		return nil, badSimulation("The action is neither APPROVE nor REJECT")
	}
	return answered{http.StatusOK, nil}, d.Customers.Pretend(c.r.Context(), c.caller(), id, review, state, keys)
}
