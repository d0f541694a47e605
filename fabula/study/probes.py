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
    control: str = ""
    """For the rule `band`: the broken stories that held-out ones are set against (`fabula.study.generations.controls`),
    chosen because they are broken in what this probe measures."""

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
    Probe("world_recall", "C4", "Memory in long stories", "A long story needs a fact that it told some hundred words ago: which of two?", False, "accuracy", "D1", ceiling=1.0),
    Probe("world_emotion", "C4", "Feeling (story world)", "What does the character feel, by the record of what happened?", False, "accuracy", "D1", ceiling=1.0),
    Probe("world_cause", "C6", "Cause (story world)", "Why did it happen, by the record?", False, "accuracy", "D1", ceiling=1.0),
)  # fmt: skip
"""Probes made of items: their scores' columns are those of `fabula.study.items.item.Outcomes`."""

PANEL_PROBES = (
    Probe("ladder", "C1", "Against n-grams", "Nats per byte below a bigram model of the same tokens?", True, "gain", panel="ladder", column="gain2", unit="nats/byte", chance=0.0),
    Probe("beyond_counting", "C1", "Beyond counting", "Nats per byte below a 5-gram model of the same tokens?", False, "gain", panel="ladder", column="gain5", unit="nats/byte", chance=0.0),
    Probe("context_gain", "C4", "Use of far words", "By how many nats do words more than 64 tokens back help?", True, "gain", panel="context_gain", column="gain", condition="64", unit="nats/token", chance=0.0),
    Probe("position_loss", "C7", "No harm far in", "Loss in the last 256 positions of the context over that in the first 256", True, "ratio", panel="position", column="nats", unit="ratio", chance=1.0),
    Probe("known_end", "C5", "Knows the end", "Is the end of the story likelier where it is than after the story's other sentences?", False, "none", panel="ends", column="auc"),
    Probe("copying", "C4", "Copies what it saw", "By how many nats are random words likelier when they come a second time?", False, "none", panel="copying", column="gain", unit="nats/token", chance=0.0),
    Probe("contradiction", "C3", "Contradictions (story world)", "How many continuations of stories whose facts are on record state something that can't be true?", False, "none", panel="contradictions", column="any", chance=0.0),
)  # fmt: skip
"""Probes on held-out text that are no questions."""

GENERATION_PROBES: tuple[Probe, ...] = (
    Probe("loops", "C5", "Loops", "Taking the likeliest word each time: how much of the story's wording (4 words in a row) is a repetition?", True, "band", panel="generation", column="rep4", condition="greedy", control="loop", chance=0.0),
    Probe("mood", "C5", "Mood", "How far is the sentences' mood (VADER) spread otherwise than in held-out stories?", True, "band", panel="generation_sets", column="w1_sentiment", condition="sampled", control="loop", unit="distance", chance=0.0),
    Probe("flow", "C5", "Sentence flow", "How surprising is the wording to a 5-gram of the training text: neither odd nor dull?", True, "band", panel="generation", column="reference_nats", condition="sampled", control="scrambled", unit="nats/word", chance=0.0),
    Probe("staying", "C5", "Characters stay", "How many of the characters of a story's beginning are still there at its end?", True, "band", panel="generation", column="name_persistence", condition="sampled", control="glued", chance=0.0),
    Probe("quotes", "C5", "Dialogue closes", "In how many stories does every quotation mark have its partner?", True, "band", panel="generation", column="quote_balance", condition="sampled", control="five-gram", chance=0.0),
    Probe("pacing", "C5", "Pacing", "How many words longer or shorter are sentences than in held-out stories, over their whole spread?", True, "band", panel="generation_sets", column="w1_sentence_length", condition="sampled", control="scrambled", unit="words", chance=0.0),
    Probe("story_end", "C5", "Stories end", "How many stories come to an end by themselves?", True, "band", panel="generation", column="ended", condition="sampled", control="loop", chance=0.0),
    Probe("sampled_repetition", "C5", "Repetition in samples", "The same share of repeated wording, words drawn by their probability.", False, "band", panel="generation", column="rep4", condition="sampled", control="loop", chance=0.0),
    Probe("sentence_repeat", "C5", "Sentences told twice", "Taking the likeliest word each time: how many sentences has the story already?", False, "band", panel="generation", column="sentence_repeat", condition="greedy", control="loop", chance=0.0),
    Probe("variety", "C5", "Variety", "How many different sequences of 4 words are there in 800 words of several stories?", False, "band", panel="generation_sets", column="distinct4", condition="sampled", control="loop", chance=0.0),
    Probe("greedy_flow", "C5", "Flow without chance", "Taking the likeliest word each time: how surprising, or how dull, is the wording to a 5-gram?", False, "band", panel="generation", column="reference_nats", condition="greedy", control="scrambled", unit="nats/word", chance=0.0),
    Probe("story_length", "C5", "Length of stories", "How many words longer or shorter are stories than held-out ones, over their whole spread?", False, "band", panel="generation_sets", column="w1_words", condition="sampled", control="five-gram", unit="words", chance=0.0),
    Probe("last_mark", "C5", "Last sentence", "How many of the stories that end do so with the end of a sentence?", False, "band", panel="generation", column="ends_form", condition="sampled", control="scrambled", chance=0.0),
    Probe("speech", "C5", "Dialogue", "In how many stories does somebody speak, and is it told who?", False, "none", panel="generation", column="dialogue", condition="sampled", chance=0.0),
    Probe("reading_grade", "C5", "Reading grade", "Which school grade (Flesch-Kincaid) are the stories for?", False, "none", panel="generation", column="fk_grade", condition="sampled", unit="grade", chance=0.0),
    Probe("memorised", "C5", "Memorised", "How many of the stories' sequences of 13 words stand in the training text?", False, "none", panel="generation", column="seen13", condition="sampled", chance=0.0),
    Probe("sentence_form", "C1", "Form of sentences", "How many sentences start with a capital and end with a full stop, question mark or exclamation mark?", False, "band", panel="generation", column="sentence_form", condition="sampled", control="scrambled", chance=0.0),
    Probe("nonwords", "C1", "Words that are none", "How many of the told words does the training text not have?", False, "none", panel="generation", column="nonword", condition="sampled", chance=0.0),
    Probe("late_names", "C3", "Strangers", "In how many stories does a name come up late and nobody is told who that is?", False, "band", panel="generation", column="late_names", condition="sampled", control="glued", chance=0.0),
    Probe("pronouns", "C3", "He or she throughout", "In stories of one character: how many pronouns are the character's own?", False, "none", panel="generation", column="pronoun_match", condition="sampled", chance=0.0),
    Probe("theme", "C4", "Theme", "How many of the content words in a story's second half are from its first half?", False, "band", panel="generation", column="theme_recurrence", condition="sampled", control="glued", chance=0.0),
    Probe("overrun", "C7", "Far beyond a story's length", "Told on until the context is full: how much more wording is repeated in the last 256 tokens than in the first?", True, "band", panel="overrun", column="rep4_rise", condition="last", control="loop", chance=0.0),
    Probe("overrun_repetition", "C7", "Repetition at the end of the context", "How much of the wording in the last 256 tokens is a repetition?", False, "band", panel="overrun", column="rep4", condition="last", control="loop", chance=0.0),
    Probe("overrun_nonwords", "C7", "Words at the end of the context", "How many more of the words are none in the last 256 tokens than in the first?", False, "none", panel="overrun", column="nonword_rise", condition="last", chance=0.0),
)  # fmt: skip
"""Probes on the stories that the model writes. Each is set against held-out stories, told from the same beginnings; the
held-out value is not always 0 or 1, so what counts is the distance from it."""

TOLD = ("generation", "generation_sets", "overrun")
"""Panels that are measured on the stories a checkpoint tells; they come together."""

PROBES = (*ITEM_PROBES, *PANEL_PROBES, *GENERATION_PROBES)


def probe(name: str) -> Probe:
    """Return the probe of that name."""
    return next(entry for entry in PROBES if entry.name == name)
