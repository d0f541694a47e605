"""Words and sentences of story text, by rules small enough to be read."""

import re

WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*|\d+|[^\w\s]|_")
"""A word with its apostrophes, a number, or one mark of punctuation."""
END = re.compile(r"[.!?]+(?P<closing>[\"\u201d'\u2019)\]]*)(?=\s|$)|\n+")
"""Where a sentence may end."""
SPEECH_VERBS = (
    "said|says|asked|cried|shouted|replied|answered|whispered|yelled|called|exclaimed|thought|laughed|told|smiled"
)
TAG = re.compile(rf"\s+(?:[a-z]|(?:[A-Z]\w+|The \w+|His \w+|Her \w+) (?:{SPEECH_VERBS})\b)")
"""What follows a closing quotation mark when the sentence goes on: 'she said', 'Tom asked'."""

Span = tuple[int, int]
"""Characters [start, stop) of a text."""


def word_spans(text: str) -> list[Span]:
    """Return where each word and each mark of punctuation stands."""
    return [match.span() for match in WORD.finditer(text)]


def words(text: str) -> list[str]:
    """Return the words and marks of punctuation, as they are written."""
    return WORD.findall(text)


def sentence_spans(text: str) -> list[Span]:
    """Return where each sentence stands, without the blanks around it.

    A sentence ends with '.', '!' or '?' and the quotation marks behind it, or with a line. It goes on behind a
    quotation that is followed by a lower-case word or by who said it.
    """
    spans: list[Span] = []
    start = 0
    for match in END.finditer(text):
        if match["closing"] and TAG.match(text, match.end()):
            continue
        _append(spans, text, start, match.end())
        start = match.end()
    _append(spans, text, start, len(text))
    return spans


def sentences(text: str) -> list[str]:
    """Return the sentences of a text."""
    return [text[start:stop] for start, stop in sentence_spans(text)]


def _append(spans: list[Span], text: str, start: int, stop: int) -> None:
    inside = text[start:stop]
    if inside.strip():
        spans.append((start + len(inside) - len(inside.lstrip()), start + len(inside.rstrip())))
