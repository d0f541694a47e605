"""The one error a user may cause."""

import difflib
from collections.abc import Iterable


class UserError(ValueError):
    """Something the user gave can't be used; the message is one line: what, where, what is allowed.

    The command line prints the message and exits with status 2. Everything else that escapes is a bug in Fabula
    and keeps its traceback.
    """


def did_you_mean(word: str, allowed: Iterable[str]) -> str:
    """End an error line: the nearest allowed word, or all of them when none is near."""
    allowed = list(allowed)
    near = difflib.get_close_matches(word, allowed, n=1)
    return f"did you mean {near[0]!r}?" if near else f"allowed: {', '.join(allowed)}"
