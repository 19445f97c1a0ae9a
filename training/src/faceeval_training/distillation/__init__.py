"""Learning from the templates of another recogniser."""
