"""How the vault tells of an unexpected error: its type and the places it passed, never a value. Messages of
libraries quote what they were given, and here that is a card."""

import traceback

LIBRARIES = "site-packages"


def places(error: BaseException) -> str:
    """`ValueError at vault/card.py:31 (parse) < vault/views/public.py:20 (tokens)`, innermost first."""
    frames = list(reversed(traceback.extract_tb(error.__traceback__)))
    # Where it was raised, and the way there through our own code.
    told = frames[:1] + [frame for frame in frames[1:] if LIBRARIES not in frame.filename]
    where = [f"{_short(frame.filename)}:{frame.lineno} ({frame.name})" for frame in told]
    text = f"{type(error).__module__}.{type(error).__qualname__} at {' < '.join(where) or 'an unknown place'}"
    return f"{text}; caused by {places(error.__cause__)}" if error.__cause__ else text


def _short(filename: str) -> str:
    return "/".join(filename.split("/")[-2:])
