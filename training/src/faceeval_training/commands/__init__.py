"""One file a command of `python -m faceeval_training`."""
