"""The one error that commands show as a sentence instead of a traceback."""


class TrainingError(Exception):
    """Something the user can put right; the message says what happened and what to do."""
