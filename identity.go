package latchkey

// Outcome answers what is stored about identity documents (contract 10.3).
type Outcome struct {
	// ErrorMessage is null when all is well.
	ErrorMessage Maybe `json:"errorMessage"`
	Success      bool  `json:"success"`
}
