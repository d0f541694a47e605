"""One model, one text, one sum of losses: and every number that bookkeeping can make of it.

The reference card claims a loss of 0.573 without saying of what. Here the same held-out loss is divided by tokens,
bytes, letters and words, diluted with padding and divided by gradient accumulation, and the loss on training stories
stands beside it, so that anyone can see which way of counting turns an honest number into the claimed one.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fabula.corpus.store import TokenStore
from fabula.errors import UserError
from fabula.model.record import RECORD, read_record
from fabula.recipe import Recipe
from fabula.study.exposure import times_seen
from fabula.study.scoring.ladder import token_losses
from fabula.study.scoring.language_model import Floats, LanguageModel, Tree
from fabula.study.scoring.llama import open_model
from fabula.study.stories import HeldOutStory, held_out_stories
from fabula.terminal import progress
from fabula.training.run import RunFolder

if TYPE_CHECKING:
    from rich.table import Table

CLAIMED = 0.573
"""The reference card's loss."""
PADDED_LENGTHS = (256, 512, 1_024, 2_048)
ACCUMULATIONS = (2, 4, 8, 16)
PREDICTED_STORIES = 64
"""Held-out stories whose padding the model predicts: the first ones."""
TRAINING_STORIES = 300
"""Training stories for each number of times seen."""
HOW_OFTEN = {0: "never", 1: "once", 2: "twice"}
RECENT_STEPS = 100
CHUNK = 256
"""Stories between two signs of progress."""


@dataclass(frozen=True)
class AuditLine:
    """One way to state the loss."""

    name: str
    value: float
    unit: str
    done: str
    """What was divided by what."""
    honest: bool
    """Whether the number is what its unit says; if not, it must not be called the model's loss."""
    closest: bool = False
    """Whether no other line lies nearer to the claimed number."""


@dataclass(frozen=True)
class Audit:
    """All ways to state one model's loss."""

    model: str
    corpus: str
    claimed: float
    stories: int
    """Held-out stories behind every line on held-out text, unless it says otherwise."""
    lines: tuple[AuditLine, ...]
    notes: tuple[str, ...]
    """What could not be told, and why."""

    def to_json(self) -> dict[str, Any]:
        """Return the record that `fabula study --audit --json` prints."""
        return asdict(self)

    def table(self) -> "Table":
        """Return the lines for a terminal; an arrow marks those nearest to the claimed number."""
        from rich.table import Table

        title = f"{self.model} on {self.corpus}: what its loss can be called (claimed: {self.claimed})"
        table = Table(title=title, title_justify="left", caption="\n".join(self.notes), caption_justify="left")
        for column in ("", "what", "value", "unit", "how", "honest"):
            table.add_column(column, justify="right" if column == "value" else "left", overflow="fold")
        for line in self.lines:
            style = "bold" if line.closest else ""
            mark, honest = "→" if line.closest else "", "yes" if line.honest else "[red]no[/]"
            table.add_row(mark, line.name, f"{line.value:.4f}", line.unit, line.done, honest, style=style)
        return table


def audit(folder: Path, store: TokenStore, device: str = "cpu", limit: int | None = None, seed: int = 0) -> Audit:
    """State one checkpoint's loss in every way that is common, honest or not.

    Args:
        folder: a checkpoint, or any model folder.
        store: a token store: its validation split is the held-out text. Training stories are looked at when it is the
            one that the checkpoint's run was trained on.
        device: where the model runs.
        limit: take only this many held-out stories, the first ones; None: all.
        seed: decides which training stories are looked at.

    Raises:
        UserError: a model or store that can't be used, or a loss that isn't finite.
    """
    model = open_model(folder, device)
    stories = held_out_stories([store.path], model.tokenizer, model.end_of_text, limit)
    losses = _losses(model, stories, "held-out stories")
    if not all(np.isfinite(values).all() for values in losses):
        raise UserError(f"{folder}: the loss is not a finite number; the weights are damaged or have diverged")
    recipe, reason = _recipe(folder, store)
    lines = _units(model, stories, losses)
    lines += _padded(losses)
    lines += _padding_predicted(model, stories)
    lines += _accumulated(losses, recipe)
    if recipe is not None:
        lines += _training(model, folder, store, recipe, seed)
    notes = (f"Training stories, metrics and this run's accumulation are left out: {reason}.",) if reason else ()
    return Audit(str(folder), str(store.path), CLAIMED, len(stories), _marked(lines), notes)


def _losses(model: LanguageModel, stories: Sequence[HeldOutStory], doing: str) -> list[Floats]:
    """Return the loss of every token of each story in nats, its closing end-of-text last."""
    found: list[Floats] = []
    with progress(f"reading {doing}", len(stories), "stories") as advance:
        for start in range(0, len(stories), CHUNK):
            part = stories[start : start + CHUNK]
            found += token_losses(model, part)
            advance(len(part))
    return found


def _recipe(folder: Path, store: TokenStore) -> tuple[Recipe | None, str]:
    """Return the recipe of the checkpoint's run, or why it says nothing about this store."""
    if not (folder / RECORD).is_file():
        return None, f"{folder} is not a checkpoint of a run"
    recipe = RunFolder(folder.parent.parent).recipe()
    if recipe is None:
        return None, f"{folder.parent.parent} has no recipe"
    if read_record(folder).corpus_hash != store.hash:
        return None, f"{folder} was trained on another token store"
    return recipe, ""


def _units(model: LanguageModel, stories: Sequence[HeldOutStory], losses: Sequence[Floats]) -> list[AuditLine]:
    """Divide the summed loss by everything that text is made of."""
    nats = _sum(losses)
    tokens = sum(map(len, losses))
    texts = model.tokenizer.decode_batch([story.tokens[:-1].tolist() for story in stories], skip_special_tokens=False)
    size = sum(story.size for story in stories)
    letters, words = sum(map(len, texts)), sum(len(text.split()) for text in texts)

    def line(name: str, value: float, unit: str, done: str) -> AuditLine:
        return AuditLine(name, value, unit, f"held-out loss {done}", True)

    return [
        line("held-out, per token", nats / tokens, "nats/token", f"/ {tokens:,} real tokens, end-of-texts included"),
        line("held-out, per byte", nats / size, "nats/byte", f"/ {size:,} UTF-8 bytes"),
        line("held-out, bits per byte", nats / size / math.log(2), "bits/byte", f"/ ln 2 / {size:,} UTF-8 bytes"),
        line("held-out, per character", nats / letters, "nats/character", f"/ {letters:,} characters"),
        line("held-out, per word", nats / words, "nats/word", f"/ {words:,} words between blanks"),
    ]


def _padded(losses: Sequence[Floats]) -> list[AuditLine]:
    """Pad or cut every story to one length and count its padding as tokens that were predicted without loss."""
    lines = []
    for length in PADDED_LENGTHS:
        nats = _sum([values[:length] for values in losses])
        done = f"stories padded or cut to {length:,} tokens; held-out loss / all positions, none lost on padding"
        lines.append(
            AuditLine(f"per padded token, {length:,}", nats / (length * len(losses)), "nats/position", done, False)
        )
    return lines


def _padding_predicted(model: LanguageModel, stories: Sequence[HeldOutStory]) -> list[AuditLine]:
    """Let the model predict padding, as it must where labels aren't masked and end-of-text is the padding token."""
    chosen = stories[:PREDICTED_STORIES]
    lengths = [length for length in PADDED_LENGTHS if length <= model.context]
    if not lengths:
        return []
    longest = max(lengths)
    trees = []
    for story in chosen:
        padding = [model.end_of_text] * longest
        trees.append(Tree((model.end_of_text,), (tuple([*story.tokens.tolist(), *padding][:longest]),)))
    losses_SP = -np.stack([branch for (branch,) in model.log_probabilities(trees)])
    return [
        AuditLine(
            f"padding predicted, {length:,}",
            float(losses_SP[:, :length].mean()),
            "nats/position",
            f"the same on {len(chosen)} stories, with what this model loses on padding",
            False,
        )
        for length in lengths
    ]


def _accumulated(losses: Sequence[Floats], recipe: Recipe | None) -> list[AuditLine]:
    """Divide the loss, already a mean, once more by the number of micro-batches that a step accumulates."""
    honest = _sum(losses) / sum(map(len, losses))
    own = -(-recipe.windows_per_step // recipe.train.micro_batch) if recipe else 1
    lines = []
    for count in sorted({*ACCUMULATIONS, own} - {1}):
        whose = ", as many micro-batches as this run accumulates" if count == own else ""
        done = f"held-out nats per token / {count}{whose}"
        lines.append(AuditLine(f"divided by accumulation, {count}", honest / count, "nats/token", done, False))
    return lines


def _training(model: LanguageModel, folder: Path, store: TokenStore, recipe: Recipe, seed: int) -> list[AuditLine]:
    """Measure training stories by how often the run had shown them, and quote the run's own metrics."""
    record = read_record(folder)
    seen = times_seen(recipe, store, record.step)
    lines = []
    for times in np.unique(seen).tolist():
        often = HOW_OFTEN.get(times, f"{times} times")
        indices = np.flatnonzero(seen == times)
        chosen = np.sort(np.random.default_rng(seed).permutation(indices)[:TRAINING_STORIES])
        stories = [_training_story(store, int(index)) for index in chosen]
        losses = _losses(model, stories, f"training stories seen {often}")
        value = _sum(losses) / sum(map(len, losses))
        done = f"{len(chosen):,} of the {len(indices):,} training stories that the run had shown {often}"
        lines.append(AuditLine(f"training stories seen {often}", value, "nats/token", done, True))
    return lines + _logged(folder, record.step)


def _training_story(store: TokenStore, index: int) -> HeldOutStory:
    split = store.train
    tokens = split.story(index).astype(np.int32)
    return HeldOutStory(tokens, int(split.story_bytes[index]), int(split.story_hashes[index]))


def _logged(folder: Path, step: int) -> list[AuditLine]:
    """Quote the run's metrics: the loss of batches before they were learned from."""
    losses = [
        float(entry["loss"])
        for entry in RunFolder(folder.parent.parent).metrics()
        if step - RECENT_STEPS < entry["step"] <= step
    ]
    if not losses:
        return []
    done = f"mean of the last {len(losses)} logged losses"
    return [
        AuditLine("training, last batch", losses[-1], "nats/token", "as logged; one batch, so it scatters", True),
        AuditLine("training, last batches", float(np.mean(losses)), "nats/token", done, True),
    ]


def _marked(lines: Sequence[AuditLine]) -> tuple[AuditLine, ...]:
    distances = [abs(line.value - CLAIMED) for line in lines]
    return tuple(
        replace(line, closest=math.isclose(distance, min(distances), abs_tol=1e-9))
        for line, distance in zip(lines, distances, strict=True)
    )


def _sum(losses: Sequence[Floats]) -> float:
    return float(sum(values.sum() for values in losses))
