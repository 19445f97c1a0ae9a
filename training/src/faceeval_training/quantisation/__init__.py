"""INT8: after training and within it."""
