"""What far words are worth: the loss with the last k tokens alone, less the loss with the whole story so far.

Both losses are of the same target tokens, and nothing lies beyond the trained context (Khandelwal et al., 2018). The
last k tokens are the model's whole input, at positions 0 to k - 1, without an end-of-text before them: the model is
told nothing of where in the story it is. So a small k also carries what it costs to begin in the middle.
"""

from collections.abc import Sequence

import numpy as np

from fabula.study.scores import Scores
from fabula.study.scoring.language_model import LanguageModel, Tree
from fabula.study.stories import HeldOutStory

LENGTHS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
"""The k that a study tries."""
TARGETS = 500
ENOUGH_STORIES = 20
"""Stories that must be longer than k for k to be measured."""


def context_gain(
    model: LanguageModel,
    stories: Sequence[HeldOutStory],
    targets: int = TARGETS,
    seed: int = 0,
    lengths: Sequence[int] = LENGTHS,
) -> Scores:
    """Measure the gain of the whole story over its last k tokens, at targets that have more than k tokens before them.

    All k share the same targets: those that stand behind more tokens than the largest k for which there are
    `ENOUGH_STORIES` (no k at all where stories or context are that short).

    Args:
        model: the model.
        stories: held-out stories.
        targets: how many tokens to predict, drawn evenly from the stories that are long enough.
        seed: decides which.
        lengths: the k that are tried.

    Returns:
        One unit for each target and k: `condition` is k, the cluster is the story, the column is `gain` in nats.
    """
    reach = [min(len(story.tokens), model.context) for story in stories]
    tried = [k for k in lengths if sum(end > k for end in reach) >= ENOUGH_STORIES]
    chosen = _draw(reach, max(tried), targets, seed) if tried else []
    histories = [[model.end_of_text, *stories[story].tokens[:target].tolist()] for story, target in chosen]
    asked = [int(stories[story].tokens[target]) for story, target in chosen]
    full = _log_probabilities(model, histories, asked)
    gains = [full - _log_probabilities(model, [history[-k:] for history in histories], asked) for k in tried]
    names = [f"story-{story}:{target}" for story, target in chosen]
    return Scores(
        np.array(names * len(tried), np.str_),
        np.array([f"story-{story}" for story, _ in chosen] * len(tried), np.str_),
        np.repeat(np.array([str(k) for k in tried], np.str_), len(chosen)),
        {"gain": np.concatenate([np.empty(0), *gains])},
    )


def _draw(reach: Sequence[int], beyond: int, count: int, seed: int) -> list[tuple[int, int]]:
    """Draw (story, target) with at least `beyond` tokens of the story before the target, story after story in turn."""
    random = np.random.default_rng(seed)
    long_enough = [story for story, end in enumerate(reach) if end > beyond]
    ways = {story: (beyond + random.permutation(reach[story] - beyond)).tolist() for story in long_enough}
    chosen: list[tuple[int, int]] = []
    while ways and len(chosen) < count:
        for story in random.permutation(list(ways)).tolist():
            chosen.append((story, ways[story].pop()))
            if not ways[story]:
                del ways[story]
    return sorted(chosen[:count])


def _log_probabilities(model: LanguageModel, histories: Sequence[list[int]], asked: Sequence[int]) -> np.ndarray:
    """Return ln p of each asked token after its history; shape (histories,)."""
    trees = [Tree(tuple(history), ((token,),)) for history, token in zip(histories, asked, strict=True)]
    return np.array([branches[0][0] for branches in model.log_probabilities(trees)], np.float64)
