"""What a reader should look at in a told story: places to underline, each with the reason in plain words."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from fabula.study.generations.characters import late_names, mentions, pronouns
from fabula.study.generations.form import is_known
from fabula.study.generations.memorised import seen_passages
from fabula.study.generations.quotations import quotations
from fabula.study.generations.reading import Reading
from fabula.study.generations.reference import SEEN_ORDERS, Reference
from fabula.study.generations.repetition import longest_loop, repeated_sentences
from fabula.study.generations.telling import Flag, Story
from fabula.study.text import words

LOOP_WORDS = 8
"""A shorter loop ("thank you, thank you") is how people talk."""
MEMORISED = max(SEEN_ORDERS)


def with_flags(stories: Iterable[Story], reference: Reference, mode: str = "samples") -> list[Story]:
    """Return all stories, those of one mode with their flags."""
    return [
        replace(story, flags=tuple(flags(story.text, story.prompt, reference, story.ended)))
        if story.mode == mode
        else story
        for story in stories
    ]


def flags(text: str, prompt: str, reference: Reference, ended: bool = True) -> list[Flag]:
    """Return what is odd in a continuation, by its place; flags of different kinds may overlap.

    Args:
        text: the continuation.
        prompt: what stood before it.
        reference: what the story is measured against.
        ended: whether the story came to its end; one that was cut off may leave a quotation open.
    """
    reading = Reading(Story(prompt, text, "", 0, 0, "end-of-text" if ended else "max-new-tokens"))
    told = [*_characters(reading, reference), *_quotations(reading)]
    shift = len(prompt)
    inside = [
        Flag(max(flag.start - shift, 0), flag.stop - shift, flag.kind, flag.explanation)
        for flag in told
        if flag.stop > shift
    ]
    found = [*inside, *_loops(reading), *_words(reading, reference), *_memorised(reading, reference)]
    if reference.linter:
        found += [Flag(*lint.span, "lint", lint.message) for lint in reference.linter(text)]
    return sorted(found, key=lambda flag: (flag.start, flag.stop, flag.kind))


def _characters(reading: Reading, reference: Reference) -> Iterator[Flag]:
    named = mentions(reference.cast, reading.whole)
    for mention in late_names(reading.whole, named):
        yield Flag(mention.start, mention.stop, "late-name", f"Nobody told who {mention.name} is.")
    for pronoun in pronouns(reading.whole, named, reference.cast):
        if not pronoun.matches:
            own = reference.cast.names[pronoun.name]
            said = reading.whole[pronoun.start : pronoun.stop]
            yield Flag(
                pronoun.start, pronoun.stop, "pronoun", f"{pronoun.name} is '{own}' in most stories, not '{said}'."
            )


def _quotations(reading: Reading) -> Iterator[Flag]:
    for place in quotations(reading.whole, reading.story.ended).bad:
        yield Flag(place, place + 1, "quote", "This quotation mark has no partner.")


def _loops(reading: Reading) -> Iterator[Flag]:
    spans = [span for span in reading.spans if reading.story.text[span[0]].isalnum()]
    loop = longest_loop(reading.words)
    inside = (0, 0)
    if loop and loop.stop - loop.start >= LOOP_WORDS:
        inside = spans[loop.start][0], spans[loop.stop - 1][1]
        times = (loop.stop - loop.start) // loop.period
        unit = "The same word" if loop.period == 1 else f"The same {loop.period} words"
        yield Flag(*inside, "loop", f"{unit} {times} times in a row.")
    again = [
        number
        for number in repeated_sentences(reading.sentence_words)
        if not (inside[0] <= reading.sentence_spans[number][0] < inside[1])
    ]
    for first, last in _runs(again):
        what = "this sentence" if first == last else f"these {last - first + 1} sentences"
        start, stop = reading.sentence_spans[first][0], reading.sentence_spans[last][1]
        yield Flag(start, stop, "loop", f"The story has {what} already.")


def _runs(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield the first and the last of numbers that follow each other."""
    for _, run in itertools.groupby(enumerate(numbers), lambda pair: pair[1] - pair[0]):
        members = [number for _, number in run]
        yield members[0], members[-1]


def _words(reading: Reading, reference: Reference) -> Iterator[Flag]:
    for start, stop in reading.spans:
        word = reading.story.text[start:stop]
        if word[0].isalpha() and not is_known(word.lower(), reference.lexicon):
            yield Flag(start, stop, "non-word", f"'{word}' stands in the training text once or never.")


def _memorised(reading: Reading, reference: Reference) -> Iterator[Flag]:
    for start, stop in seen_passages(reading.story.text, reference.seen[MEMORISED]):
        count = len(words(reading.story.text[start:stop]))
        which = "These" if count == MEMORISED else f"Any {MEMORISED} in a row of these"
        yield Flag(start, stop, "memorised", f"{which} {count} words and marks stand in the training text.")
