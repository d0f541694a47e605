"""What is measured, in the words of the report: every probe, the claim it belongs to, and how its number is read.

The designs D1 to D4 say why a number can be trusted:

- D1, mirrored template: two contexts of the same words with two targets; n-grams, caches and overlap get exactly 50 %.
- D2, exact tie: the same target after its own and after an altered context; n-grams tie by construction.
- D3, matched: wrong answers matched to the right one in length, cast and overlap with the context.
- D4, plain minimal pair: means something only beside the n-gram baselines' score on the same items.
"""

from dataclasses import dataclass
from typing import Literal

Rule = Literal["accuracy", "gain", "band", "ratio", "none"]
"""How a verdict is reached (`verdicts.toml` has the thresholds): `accuracy` above baseline, `gain` in nats above a
threshold, inside the held-out `band`, a `ratio` not above a limit, or `none`: shown, never judged."""


@dataclass(frozen=True)
class Claim:
    """One sentence of the reference card."""

    name: str
    title: str
    """What the card says emerges."""
    phase: int | None
    """Index among the five phases (`fabula.training.series.PHASES`); None: a claim about the finished model."""
    wording: str
    """What may be said when it is supported."""


CLAIMS = (
    Claim("C1", "Lexical learning: grammar, sentence formation, common patterns", 0, "learned common local patterns"),
    Claim(
        "C2", "Relations between entities, actions and places", 1, "prefers the character or thing that belongs there"
    ),
    Claim("C3", "Narrative coherence", 2, "prefers the sentence that belongs to the story so far"),
    Claim("C4", "Emotional consistency, long-range memory, theme", 3, "prefers what fits an earlier event or fact"),
    Claim("C5", "Fluent, stable generation without loops", 4, "writes stories whose form is that of held-out ones"),
    Claim("C6", "Causal reasoning", None, "prefers the usual consequence"),
    Claim("C7", "Reliable 2048-token context", None, "predicts as well far into its context as at the start"),
)


@dataclass(frozen=True)
class Probe:
    """One number a checkpoint gets."""

    name: str
    claim: str
    title: str
    """A few words for axes and tables."""
    question: str
    """What is asked of the model, for a reader who never saw the project."""
    primary: bool = False
    """Whether the claim's verdict rests on it; secondary probes never rescue a claim."""
    rule: Rule = "accuracy"
    design: Literal["D1", "D2", "D3", "D4", ""] = ""
    chance: float = 0.5
    ceiling: float | None = None
    """The best possible value, where it is known by construction; None: unknown (natural items without an audit)."""
    panel: str = ""
    """The file of scores that holds it; empty: its own name (an item probe)."""
    column: str = "correct"
    """The column of that file."""
    condition: str | None = None
    """The part of that file; None: all of it."""
    unit: str = "share"

    @property
    def scores(self) -> str:
        """Name of the file of scores."""
        return self.panel or self.name


ITEM_PROBES = (
    Probe("grammar", "C1", "Grammar", "Which of two sentences breaks no rule of English?", True, "accuracy", "D4", ceiling=1.0),
    Probe("binding", "C2", "Who has what", "Two people put two things in two places: which thing is found in which place?", True, "accuracy", "D1", ceiling=1.0),
    Probe("name_cloze", "C2", "Which character", "Two characters are on stage: whose name comes next?", True, "accuracy", "D4"),
    Probe("argument_swap", "C2", "Who does what to what", "Is the sentence likelier than the same one with subject and object exchanged?", False, "accuracy", "D4"),
    Probe("first_pronoun", "C2", "He or she", "Which pronoun follows the only name so far?", False, "accuracy", "D4", ceiling=1.0),
    Probe("intruder", "C3", "Next sentence", "Which sentence comes next: the true one, or a matched one of another story?", True, "accuracy", "D3"),
    Probe("far_context", "C3", "Far context", "Are a passage's new words likelier after the story's own beginning than after another's?", True, "accuracy", "D2"),
    Probe("ending", "C3", "Ending", "Which of four matched sentences ends the story?", True, "accuracy", "D3", chance=0.25),
    Probe("resolution", "C3", "Conflict resolved", "The same, for stories in which something bad happens.", False, "accuracy", "D3", chance=0.25),
    Probe("order", "C3", "Order of sentences", "Is the story likelier than with its sentences shuffled (words at the seams don't count)?", False, "accuracy", "D2"),
    Probe("adjacent_swap", "C3", "Two sentences swapped", "The same, with two neighbouring sentences exchanged.", False, "accuracy", "D2"),
    Probe("state", "C3", "What is true now", "A thing keeps its colour and moves when it is moved: which place, which colour?", False, "accuracy", "D1", ceiling=1.0),
    Probe("connective", "C3", "But or so", "Which connective joins the two clauses?", False, "accuracy", "D4"),
    Probe("emotion", "C4", "Feeling after an event", "After what happened, is the character happy or sad?", True, "accuracy", "D1", ceiling=1.0),
    Probe("emotion_word", "C4", "Feeling in a real story", "Which of two opposite feelings stands in the story?", False, "accuracy", "D4"),
    Probe("memory", "C4", "Memory at a distance", "Two names were given: which belongs to the dog, some hundred words later?", True, "accuracy", "D1", ceiling=1.0),
    Probe("cause", "C6", "Cause and consequence", "Which consequence follows which cause?", True, "accuracy", "D1", ceiling=1.0),
    Probe("world_binding", "C2", "Who has what (story world)", "Who of the two holds the thing, by the record of what happened?", False, "accuracy", "D1", ceiling=1.0),
    Probe("world_state", "C3", "What is true now (story world)", "Where is the character now, after the moves that were told?", False, "accuracy", "D1", ceiling=1.0),
    Probe("world_memory", "C4", "Memory (story world)", "Which early fact returns at the end?", False, "accuracy", "D1", ceiling=1.0),
    Probe("world_emotion", "C4", "Feeling (story world)", "What does the character feel, by the record of what happened?", False, "accuracy", "D1", ceiling=1.0),
    Probe("world_cause", "C6", "Cause (story world)", "Why did it happen, by the record?", False, "accuracy", "D1", ceiling=1.0),
)  # fmt: skip
"""Probes made of items: their scores' columns are those of `fabula.study.items.item.Outcomes`."""

PANEL_PROBES = (
    Probe("ladder", "C1", "Against n-grams", "Nats per byte below a bigram model of the same tokens?", True, "gain", panel="ladder", column="gain2", unit="nats/byte", chance=0.0),
    Probe("context_gain", "C4", "Use of far words", "By how many nats do words more than 64 tokens back help?", True, "gain", panel="context_gain", column="gain", condition="64", unit="nats/token", chance=0.0),
    Probe("position_loss", "C7", "No harm far in", "Loss in the last 256 positions of the context over that in the first 256", True, "ratio", panel="position", column="nats", unit="ratio", chance=1.0),
)  # fmt: skip
"""Probes on held-out text that are no questions."""

GENERATION_PROBES: tuple[Probe, ...] = ()
"""Probes on the stories that the model writes."""

PROBES = (*ITEM_PROBES, *PANEL_PROBES, *GENERATION_PROBES)


def probe(name: str) -> Probe:
    """Return the probe of that name."""
    return next(entry for entry in PROBES if entry.name == name)
