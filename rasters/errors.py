"""The one error that a person can mend: wrong input, named, with its remedy."""


class InputError(ValueError):
    """What the caller gave cannot be used.

    The message is one line: what is wrong, the file or option it came from, what was expected,
    and what to do. The command line prints it and exits with status 2.
    """
