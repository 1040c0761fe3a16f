"""Errors of the program."""


class UsageError(ValueError):
    """What was asked for cannot be done; the command line shows the message as one line and exits with 2."""
