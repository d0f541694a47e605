"""A request as baselines see it: words before, words that are scored."""

from collections.abc import Sequence
from dataclasses import dataclass

from fabula.study.items.item import Request
from fabula.study.text import word_spans, words


@dataclass(frozen=True)
class Reading:
    """The words of one request; punctuation marks are words too."""

    context: Sequence[str]
    """Words whose first letter stands before the target; requests with the same context share this list."""
    target: Sequence[str]
    """Words whose first letter stands in the target."""
    counted: Sequence[bool]
    """For each word of the target whether its first letter lies in one of the request's spans."""

    @property
    def scored(self) -> list[str]:
        """The words of the target that count."""
        return [word for word, counts in zip(self.target, self.counted, strict=True) if counts]


def read(requests: Sequence[Request]) -> list[Reading]:
    """Divide requests into words; a context that returns is read once."""
    contexts: dict[str, list[str]] = {}
    readings = []
    for request in requests:
        if _word_may_cross(request):
            readings.append(_read_whole(request))
            continue
        if request.context not in contexts:
            contexts[request.context] = words(request.context)
        readings.append(_reading(request, contexts[request.context], request.target, 0))
    return readings


def _word_may_cross(request: Request) -> bool:
    """Say whether a word might begin in the context and end in the target: no blank stands between them."""
    context, target = request.context[-1:], request.target[:1]
    return bool(context and target) and not (context.isspace() or target.isspace())


def _read_whole(request: Request) -> Reading:
    text = request.context + request.target
    context = [text[start:stop] for start, stop in word_spans(text) if start < len(request.context)]
    return _reading(request, context, text, len(request.context))


def _reading(request: Request, context: list[str], text: str, target_start: int) -> Reading:
    spans = [span for span in word_spans(text) if span[0] >= target_start]
    target = [text[start:stop] for start, stop in spans]
    if request.spans is None:
        return Reading(context, target, [True] * len(target))
    areas = request.spans
    counted = [any(low <= start - target_start < high for low, high in areas) for start, _ in spans]
    return Reading(context, target, counted)
