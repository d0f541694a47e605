"""Stories as `fabula generate` shows them: as they come, with probabilities, as JSON, and a line on how it went."""

import json
import math
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from fabula.generation.characters import Characters
from fabula.generation.settled import Settled
from fabula.generation.story import Request, StopReason, Story
from fabula.generation.storyteller import Storyteller, Telling
from fabula.generation.writing.steps import Step, steps
from fabula.terminal import progress, say

STOPPED: Mapping[StopReason, str] = {
    "end-of-text": "the story is at its end",
    "max-new-tokens": "cut off by --max-new-tokens",
    "context": "cut off where the model's context is full",
    "stop-text": "ended before a --stop text",
    "cancelled": "interrupted",
}
SHADES = ((0.5, "32"), (0.2, "36"), (0.05, "33"), (0.01, "35"), (0.0, "1;31"))
"""From which probability on a token has which colour (green, cyan, yellow, magenta, bold red), as terminals number
them."""


@dataclass(frozen=True)
class Told:
    """A story to be shown."""

    prompt: str
    text: str
    stop_reason: StopReason
    seed: int
    seconds: float
    steps: Sequence[Step]
    draft: Mapping[str, int] = field(default_factory=dict)
    """Tokens guessed and accepted, where there was a draft."""
    ranking: Sequence[Mapping[str, Any]] = ()
    """All that it was chosen from, the best first."""

    @classmethod
    def from_story(cls, storyteller: Storyteller, prompt: str, story: Story) -> "Told":
        """Take a story that has stopped."""
        assert story.stop_reason is not None
        request, seconds = story.request, story.stopped - story.started
        tokens = steps(storyteller, request.tokens[request.lead :], story.drawn, story.text)
        draft = {"guessed": story.guessed, "accepted": story.accepted} if storyteller.draft else {}
        return cls(prompt, story.text, story.stop_reason, request.seed, seconds, tokens, draft)

    @classmethod
    def chosen(cls, storyteller: Storyteller, telling: Telling, ranking: Sequence[Mapping[str, Any]]) -> "Told":
        """Take the best of several stories."""
        prompt = storyteller.encode(telling.prompt)[len(storyteller.lead) :]
        tokens = steps(storyteller, prompt, telling.drawn, telling.text)
        reason, seed, seconds = telling.stop_reason, telling.seed, telling.seconds
        return cls(telling.prompt, telling.text, reason, seed, seconds, tokens, ranking=ranking)

    def to_json(self, every_token: bool) -> dict[str, Any]:
        """Return the story as values that JSON knows."""
        values: dict[str, Any] = {
            "prompt": self.prompt,
            "text": self.text,
            "tokens": len(self.steps),
            "stop_reason": self.stop_reason,
            "seed": self.seed,
            "seconds": self.seconds,
            "tokens_per_second": len(self.steps) / max(self.seconds, 1e-9),
        }
        if self.draft:
            values["draft"] = self.draft
        if self.ranking:
            values["ranking"] = self.ranking
        if every_token:
            values["steps"] = [asdict(step) for step in self.steps]
        return values

    def report(self) -> None:
        """Say on standard error how it was told."""
        for place, one in enumerate(self.ranking):
            say(f"[{place + 1}. {_ranked(one)}]")
        speed = f"{len(self.steps)} tokens, {len(self.steps) / max(self.seconds, 1e-9):,.0f}/s, seed {self.seed}"
        draft = ""
        if self.draft:
            draft = f"; {self.draft['accepted']} of the draft's {self.draft['guessed']} guesses were right"
        say(f"[{speed}: {STOPPED[self.stop_reason]}{draft}]")


def _ranked(one: Mapping[str, Any]) -> str:
    parts = [f"seed {one['seed']}", f"{one['score']:.3f} nats a token"]
    if one.get("surprise"):
        parts.append("surprise of " + ", ".join(f"{word} {nats:.1f}" for word, nats in one["surprise"].items()))
    parts += [f"without {word}" for word in one.get("missing", ())]
    parts += [fault.replace("-", " ") for fault in one["faults"]]
    return ", ".join(parts)


def told_together(storyteller: Storyteller, prompts: Sequence[str], requests: Sequence[Request]) -> Iterator[Told]:
    """Tell stories all together; yield them in their order, each as soon as it and those before it have stopped.

    When the user interrupts, what has come so far is yielded before the interruption goes on.
    """
    interrupted = False
    shown = 0
    with storyteller.engine() as engine, progress("telling stories", len(requests), "stories") as advance:
        stories = [engine.submit(request) for request in requests]
        try:
            while engine.busy:
                advance(sum(story.stop_reason is not None for story in engine.step()))
                while shown < len(stories) and stories[shown].stop_reason:
                    yield Told.from_story(storyteller, prompts[shown], stories[shown])
                    shown += 1
        except KeyboardInterrupt:
            interrupted = True
    for prompt, story in zip(prompts[shown:], stories[shown:], strict=True):
        if story.drawn:
            yield Told.from_story(storyteller, prompt, story)
    if interrupted:
        raise KeyboardInterrupt


class Page:
    """Standard output, where stories are read: plain, or with the probability of each token.

    On a terminal the probabilities are colours; elsewhere, or with NO_COLOR, every token has its own line.
    """

    def __init__(self, probabilities: bool) -> None:
        """Say whether each token's probability is to be seen."""
        self._coloured = probabilities and sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        self._listed = probabilities and not self._coloured
        self._probabilities = probabilities

    def stream(self, storyteller: Storyteller, prompt: str, request: Request, *, first: bool = True) -> None:
        """Tell a story and show it as it comes.

        When the user interrupts, the story ends here and the interruption goes on.
        """
        interrupted = False
        with storyteller.engine() as engine:
            story = engine.submit(request)
            settled = Settled(story, Characters(storyteller.tokenizer), storyteller.end_of_text)
            self._begin(prompt, first)
            try:
                while story.stop_reason is None:
                    engine.step()
                    self._show((text, one.log_probability) for text, one in settled.new())
            except KeyboardInterrupt:
                interrupted = True
        self._show((text, one.log_probability) for text, one in settled.new())
        self._end()
        Told.from_story(storyteller, prompt, story).report()
        if interrupted:
            raise KeyboardInterrupt

    def show(self, told: Told, *, first: bool = True) -> None:
        """Show a story that has been told."""
        self._begin(told.prompt, first)
        self._show((step.text, step.log_probability) for step in told.steps)
        self._end()
        told.report()

    def _begin(self, prompt: str, first: bool) -> None:
        if not first:
            print()
        elif self._coloured:
            print(_legend(sys.stderr.isatty()), file=sys.stderr, flush=True)
        print(prompt, end="\n" if self._listed else "", flush=True)

    def _show(self, tokens: Iterator[tuple[str, float]]) -> None:
        for text, log_probability in tokens:
            if self._listed:
                spelled = json.dumps(text, ensure_ascii=False) if text else "(nothing to read)"
                print(f"{math.exp(log_probability):8.2%}  {spelled}", flush=True)
            elif self._coloured:
                print(_shaded(text, math.exp(log_probability)), end="", flush=True)
            else:
                print(text, end="", flush=True)

    def _end(self) -> None:
        if not self._listed:
            print(flush=True)


def _legend(coloured: bool) -> str:
    names = [f"{least:.0%} or more" for least, _ in SHADES[:-1]] + [f"below {SHADES[-2][0]:.0%}"]
    shades = [_shaded(name, least) if coloured else name for name, (least, _) in zip(names, SHADES, strict=True)]
    return "probability of each token:  " + "  ".join(shades)


def _shaded(text: str, probability: float) -> str:
    """Colour a text; done here because a library of rich text would change tabs and other letters."""
    number = next((number for least, number in SHADES if probability >= least), SHADES[-1][1])
    return f"\x1b[{number}m{text}\x1b[0m" if text else ""
