"""Reading, sampling and augmenting faces on disk."""
