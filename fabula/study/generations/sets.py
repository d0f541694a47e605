"""What only several stories together show: variety, and whether they spread as held-out stories do."""

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from fabula.study.generations.form import sentence_lengths, sentence_sentiments, story_grade
from fabula.study.generations.reading import Reading
from fabula.study.generations.reference import Reference
from fabula.study.scores import Scores

Floats = NDArray[np.float64]

GROUP = 8
"""Stories measured together; the last group of a mode has fewer than twice as many."""
DISTINCT_WORDS = 800
"""Different n-grams are counted in so many words of a group; NaN where it has fewer."""
ZIPF_RANKS = 100
"""Most frequent words that the slope is fitted to."""


def measure_sets(readings: Mapping[str, Sequence[Reading]], reference: Reference) -> Scores:
    """Measure disjoint groups of `GROUP` stories; a unit is a group, a condition a mode."""
    groups = [(mode, number, group) for mode, part in readings.items() for number, group in enumerate(_groups(part))]
    rows = [_measures(group, reference) for _, _, group in groups]
    return Scores(
        np.array([f"{mode}/group-{number}" for mode, number, _ in groups]),
        np.array([f"group-{number}" for _, number, _ in groups]),
        np.array([mode for mode, _, _ in groups]),
        {name: np.array([row[name] for row in rows]) for name in rows[0]},
    )


def _groups(readings: Sequence[Reading]) -> list[Sequence[Reading]]:
    count = max(1, len(readings) // GROUP)
    bounds = [*range(0, count * GROUP, GROUP), len(readings)]
    return [readings[start:stop] for start, stop in itertools.pairwise(bounds)]


def _measures(group: Sequence[Reading], reference: Reference) -> dict[str, float]:
    tokens = [reading.tokens for reading in group]
    every = [token for part in tokens for token in part]
    held_out = reference.distributions[bool(group[0].story.prompt)]
    return {
        "distinct2": distinct_ngrams(every, 2),
        "distinct4": distinct_ngrams(every, 4),
        "self_bleu4": self_bleu(tokens),
        "zipf_slope": zipf_slope(every),
        "w1_sentiment": distance([v for reading in group for v in sentence_sentiments(reading)], held_out.sentiments),
        "w1_sentence_length": distance(
            [float(v) for reading in group for v in sentence_lengths(reading)], held_out.sentence_lengths
        ),
        "w1_fk_grade": distance([story_grade(reading) for reading in group], held_out.grades),
        "w1_words": distance([float(len(reading.words)) for reading in group], held_out.words),
    }


def distinct_ngrams(tokens: Sequence[str], n: int) -> float:
    """Return different n-grams / n-grams among the first `DISTINCT_WORDS` tokens (distinct-n; Li et al., 2016).

    The share falls with the length of the text, so the length is fixed; NaN for a shorter text.
    """
    if len(tokens) < DISTINCT_WORDS:
        return float("nan")
    cut = tokens[:DISTINCT_WORDS]
    grams = list(zip(*(cut[offset:] for offset in range(n)), strict=False))
    return len(set(grams)) / len(grams)


def zipf_slope(tokens: Sequence[str]) -> float:
    """Return the slope of ln frequency over ln rank of the `ZIPF_RANKS` most frequent tokens; NaN for fewer than ten.

    Natural text has about -1 (Holtzman et al., 2020, section 6).
    """
    counts = np.array(sorted(Counter(tokens).values(), reverse=True)[:ZIPF_RANKS], np.float64)
    if len(counts) < 10:
        return float("nan")
    return float(np.polyfit(np.log(np.arange(1, len(counts) + 1)), np.log(counts), 1)[0])


def distance(values: Sequence[float], held_out: Floats) -> float:
    """Return the Wasserstein-1 distance between measurements and those of held-out stories; NaN without any."""
    from scipy.stats import wasserstein_distance

    kept = np.array(values)[~np.isnan(values)] if len(values) else np.zeros(0)
    return float(wasserstein_distance(kept, held_out)) if len(kept) and len(held_out) else float("nan")


def self_bleu(texts: Sequence[Sequence[str]]) -> float:
    """Return the mean BLEU-4 of each text with all others as references (Self-BLEU; Zhu et al., 2018).

    BLEU without smoothing, with the brevity penalty (Papineni et al., 2002). Texts of fewer than 4 tokens are left
    out; NaN for fewer than two texts.
    """
    texts = [text for text in texts if len(text) >= 4]
    if len(texts) < 2:
        return float("nan")
    precisions_NT = np.array([_precisions(texts, n) for n in range(1, 5)])
    lengths = np.array([len(text) for text in texts])
    with np.errstate(divide="ignore"):
        bleu = np.exp(np.log(precisions_NT).mean(0)) * [_brevity(lengths, text) for text in range(len(texts))]
    return float(bleu.mean())


def _precisions(texts: Sequence[Sequence[str]], n: int) -> list[float]:
    """Return the share of each text's n-grams that another text has, each at most as often as the text with most."""
    counts = [Counter(zip(*(text[offset:] for offset in range(n)), strict=False)) for text in texts]
    most: dict[tuple[str, ...], tuple[int, int]] = {}
    for count in counts:
        for gram, times in count.items():
            first, second = most.get(gram, (0, 0))
            most[gram] = (times, first) if times > first else (first, max(second, times))

    def elsewhere(gram: tuple[str, ...], times: int) -> int:
        first, second = most[gram]
        return second if times == first else first

    return [
        sum(min(times, elsewhere(gram, times)) for gram, times in count.items()) / count.total() for count in counts
    ]


def _brevity(lengths: NDArray[np.int_], text: int) -> float:
    """Return BLEU's penalty for a text shorter than the other text nearest in length."""
    others = np.delete(lengths, text)
    nearest = others[np.abs(others - lengths[text]).argmin()]
    return min(1.0, float(np.exp(1 - nearest / lengths[text])))
