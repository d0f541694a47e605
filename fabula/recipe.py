"""A recipe says everything that decides a run: TOML in, frozen dataclasses, TOML out, and all validation.

The text under each field is its documentation: `fabula train --help` and the recipe reference are made from it.
"""

import ast
import dataclasses
import functools
import inspect
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints

import tomli_w

from fabula.errors import UserError, did_you_mean
from fabula.fields import Range, checked, from_text

Count = Annotated[int, Range(1)]
CountOrZero = Annotated[int, Range(0)]
Positive = Annotated[float, Range(0, low_open=True)]
NotNegative = Annotated[float, Range(0)]
Share = Annotated[float, Range(0, 1)]
BelowOne = Annotated[float, Range(0, 1, high_open=True)]


@dataclass(frozen=True)
class Corpus:
    """Which stories to learn from."""

    source: tuple[str, ...] = ("storyworld",)
    """`storyworld`, `tinystories`, `tinystories-v2`, a token store, or .txt .jsonl .parquet files (also .gz, .zst)."""
    validation: tuple[str, ...] = ()
    """Files of held-out stories, when `source` is files; empty: hold out `validation_fraction` of them."""
    validation_fraction: BelowOne = 0.02
    """Share of the stories in files that is held out when `validation` is empty, chosen by each story's hash."""
    stories: CountOrZero = 0
    """How many training stories to take from `source`; 0 takes all (storyworld, which never ends: 40,000)."""
    seed: CountOrZero = 0
    """The story world's seed."""
    long_share: Share = 0.0
    """Share of the story world's stories that need their early facts late; a tenth of them have up to 2,000 tokens."""

    def __post_init__(self) -> None:
        if self.long_share and self.source != ("storyworld",):
            given = ", ".join(self.source)
            raise UserError(f"corpus.long_share = {self.long_share} is for corpus.source = storyworld, not for {given}")


@dataclass(frozen=True)
class Tokenizer:
    """How text becomes tokens."""

    kind: Literal["gpt2", "bpe"] = "bpe"
    """`gpt2`: GPT-2's byte-level BPE. `bpe`: a byte-level BPE trained on the corpus's training stories."""
    vocab_size: Annotated[int, Range(257, 65_535)] = 4_096
    """Tokens in a trained BPE, end-of-text included (GPT-2's is always 50,257)."""
    path: str = ""
    """A tokenizer.json, or a folder with GPT-2's encoder.json + vocab.bpe or vocab.json + merges.txt; else the hub."""


@dataclass(frozen=True)
class Model:
    """The shape of the Llama decoder; its vocabulary is the tokenizer's."""

    hidden: Count = 768
    """Width of the residual stream."""
    layers: Count = 12
    """Decoder blocks."""
    heads: Count = 12
    """Query heads; they divide `hidden` into even parts."""
    kv_heads: CountOrZero = 0
    """Key and value heads, a divisor of `heads`; 0: as many as `heads`."""
    intermediate: Count = 3_072
    """Width inside the SwiGLU feed-forward block."""
    context: Annotated[int, Range(2)] = 2_048
    """Tokens in a training window, and the longest story the model is trained for."""
    tied: bool = False
    """Whether the output projection shares the embedding's weights."""
    rope_theta: Positive = 10_000.0
    """Base of the rotary position frequencies."""
    norm_epsilon: Positive = 1e-6
    """Added to the mean square inside RMSNorm."""
    initializer_range: Positive = 0.02
    """Standard deviation of the initial weights."""
    scale_residual_init: bool = False
    """Whether the two projections that write to the residual stream start smaller by sqrt(2 * layers), as in GPT-2."""


@dataclass(frozen=True)
class Train:
    """How long, in what batches, on what machine."""

    steps: Count = 4_000
    """Optimizer steps in the whole run."""
    tokens_per_step: Count = 262_144
    """Positions in one step's batch over all processes: a multiple of `model.context`."""
    ramp_from: CountOrZero = 0
    """Positions in the first steps' batches, which then grow by as many at a time to `tokens_per_step`; 0: no ramp."""
    ramp_fraction: BelowOne = 0.25
    """Share of the steps in which the batch grows."""
    micro_batch: Count = 8
    """Windows in one forward pass of one process; gradients accumulate until the step's batch is complete."""
    packing: Literal["stories", "stream"] = "stories"
    """`stories`: whole stories, kept apart by a document mask. `stream`: one endless text cut into windows."""
    seed: CountOrZero = 0
    """Decides the initial weights and the order of the data."""
    start_from: str = ""
    """A model of this shape to teach further, beginning with its weights and tokenizer; empty: weights are drawn."""
    gradient_clip: NotNegative = 1.0
    """Largest allowed norm of the gradient; 0: no clipping."""
    dropout: BelowOne = 0.0
    """Share of what attention and feed-forward add to the residual stream that training zeroes; 0: none."""
    z_loss: NotNegative = 0.0
    """Weight of the squared log of the softmax's normalizer in what is minimized; the reported loss is without it."""
    save_every: Count = 100
    """Steps between resume states: the most that a sudden death can lose."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """`auto` takes the GPU when there is one."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Of the matrix products; weights and optimizer stay float32. `auto`: bfloat16 where that is clearly faster."""
    compile: Literal["auto", "on", "off"] = "auto"
    """torch.compile; `auto`: on CUDA, and in long runs on a CPU that has a C++ compiler but not Fabula's own kernel."""
    threads: CountOrZero = 0
    """CPU threads; 0: one for each processor at hand."""
    loss_chunk: CountOrZero = 0
    """Tokens whose logits exist at once in the linear cross-entropy; 0: as suits the vocabulary and the device."""
    trackers: tuple[Literal["tensorboard", "trackio", "wandb"], ...] = ()
    """Where to send the metrics besides metrics.jsonl."""


@dataclass(frozen=True)
class Optimizer:
    """AdamW (Loshchilov and Hutter, 2019), or Muon (Jordan et al., 2024) with AdamW for what isn't its own."""

    kind: Literal["adamw", "muon"] = "adamw"
    """`adamw` for all parameters. `muon`: Muon for the matrices inside the blocks, AdamW for the rest."""
    learning_rate: Positive = 5e-4
    """Peak learning rate of AdamW; the schedule scales it."""
    weight_decay: NotNegative = 0.01
    """Decoupled weight decay."""
    decay: Literal["all", "matrices"] = "matrices"
    """Which parameters decay: `all`, as torch's AdamW does by default, or `matrices`, sparing the norms' gains."""
    beta1: BelowOne = 0.9
    """Decay of the gradient's mean, where the schedule doesn't cycle it."""
    beta2: BelowOne = 0.999
    """Decay of the gradient's mean square."""
    epsilon: Positive = 1e-8
    """Added to the root of the mean square."""
    base_width: CountOrZero = 0
    """`model.hidden` at which `learning_rate` was found, to fit it to this model's by µP's rule; 0: taken as it is."""
    matrix_learning_rate: Positive = 0.02
    """Muon: peak learning rate, the spectral norm of a step of a square matrix; the schedule scales it."""
    momentum: BelowOne = 0.95
    """Muon: decay of the gradient's mean (Nesterov's)."""
    matrix_weight_decay: NotNegative = 0.0
    """Muon: decoupled weight decay."""


@dataclass(frozen=True)
class Schedule:
    """How the learning rate (and with OneCycle beta1) moves over the run."""

    kind: Literal["onecycle", "cosine", "constant", "trapezoid"] = "onecycle"
    """`onecycle`: torch's; else linear warm-up, then `cosine` decay, `constant`, or `trapezoid`: flat, then falling."""
    warmup_fraction: Annotated[float, Range(0, 1, high_open=True)] = 0.3
    """Share of the steps in which the learning rate rises."""
    div_factor: Annotated[float, Range(1)] = 25.0
    """OneCycle: the first learning rate is the peak divided by this."""
    final_div_factor: Annotated[float, Range(1)] = 1e4
    """The last learning rate is this many times below OneCycle's first one, or below the others' peak."""
    decay_fraction: Annotated[float, Range(0, 1)] = 0.5
    """Trapezoid: share of the steps, the last ones, in which the learning rate falls."""
    cycle_beta1: bool = True
    """OneCycle: whether beta1 falls while the learning rate rises, and rises while it falls."""
    beta1_low: BelowOne = 0.85
    """OneCycle: beta1 at the peak."""
    beta1_high: BelowOne = 0.95
    """OneCycle: beta1 at both ends."""


@dataclass(frozen=True)
class Series:
    """Which steps become checkpoints."""

    steps: tuple[CountOrZero, ...] = ()
    """Exactly these (the last step is always added); empty: the card's series, scaled to the run's length."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """How checkpoints store their weights."""


@dataclass(frozen=True)
class Study:
    """How `fabula study` measures the run, where its options say nothing else; decides nothing that is learned."""

    suite: Literal["glance", "fast", "full"] = "fast"
    """`glance`: a first look in a minute or two. `fast`: 300 items a probe. `full`: what verdicts should rest on."""
    probes: tuple[str, ...] = ()
    """Only these probes; empty: all."""
    seed: CountOrZero = 0
    """Decides items, bootstrap draws and the stories that are told."""


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a run."""

    corpus: Corpus = field(default_factory=Corpus)
    tokenizer: Tokenizer = field(default_factory=Tokenizer)
    model: Model = field(default_factory=Model)
    train: Train = field(default_factory=Train)
    optimizer: Optimizer = field(default_factory=Optimizer)
    schedule: Schedule = field(default_factory=Schedule)
    series: Series = field(default_factory=Series)
    study: Study = field(default_factory=Study)

    def __post_init__(self) -> None:
        model, train = self.model, self.train
        if model.hidden % model.heads:
            raise UserError(f"model.heads = {model.heads} must divide model.hidden = {model.hidden} without remainder")
        if (model.hidden // model.heads) % 2:
            raise UserError(
                f"model.hidden / model.heads = {model.hidden // model.heads} must be even: rotary positions turn pairs"
            )
        if model.kv_heads and model.heads % model.kv_heads:
            raise UserError(f"model.kv_heads = {model.kv_heads} must divide model.heads = {model.heads}")
        if train.tokens_per_step % model.context:
            raise UserError(
                f"train.tokens_per_step = {train.tokens_per_step} must be a multiple of model.context = {model.context}"
            )
        if train.ramp_from and (train.ramp_from % model.context or train.tokens_per_step % train.ramp_from):
            raise UserError(
                f"train.ramp_from = {train.ramp_from} must be a multiple of model.context = {model.context} that "
                f"divides train.tokens_per_step = {train.tokens_per_step} without remainder"
            )
        if self.schedule.beta1_low > self.schedule.beta1_high:
            raise UserError("schedule.beta1_low must not be above schedule.beta1_high")
        if self.schedule.kind == "trapezoid" and self.schedule.warmup_fraction + self.schedule.decay_fraction > 1:
            raise UserError("schedule.warmup_fraction and schedule.decay_fraction must not add up to more than 1")
        beyond = [step for step in self.series.steps if step > train.steps]
        if beyond:
            raise UserError(f"series.steps holds {beyond[0]}, beyond the last step, train.steps = {train.steps}")
        if not self.corpus.source:
            raise UserError("corpus.source is empty: name a corpus or at least one file")

    @property
    def windows_per_step(self) -> int:
        """Windows of `model.context` positions in one step's batch, over all processes."""
        return self.train.tokens_per_step // self.model.context

    @property
    def smallest_batch(self) -> int:
        """Windows in the first step's batch, over all processes."""
        return (self.train.ramp_from or self.train.tokens_per_step) // self.model.context

    def windows_before(self, step: int) -> int:
        """Return how many windows the first `step` batches hold: a ramp's stages, equally long, or all alike."""
        stages = self.windows_per_step // self.smallest_batch
        length = int(self.train.ramp_fraction * self.train.steps / max(stages - 1, 1))
        stage = min(step // length, stages - 1) if length else stages - 1
        return self.smallest_batch * (length * stage * (stage + 1) // 2 + (step - stage * length) * (stage + 1))


SECTIONS: dict[str, type] = get_type_hints(Recipe)


def shipped_recipes() -> list[str]:
    """Return the names of the recipes inside the package."""
    return sorted(file.name.removesuffix(".toml") for file in files("fabula.recipes").iterdir() if _is_toml(file.name))


def load(name_or_path: str) -> Recipe:
    """Read a shipped recipe by name, or a TOML file.

    Raises:
        UserError: nothing of that name, not TOML, or a field that is unknown or out of range.
    """
    path = Path(name_or_path)
    if name_or_path in shipped_recipes():
        text = files("fabula.recipes").joinpath(f"{name_or_path}.toml").read_text(encoding="utf-8")
    elif path.is_file():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            raise UserError(f"{path} is not a text file; a recipe is TOML") from None
    elif path.is_dir():
        raise UserError(f"{path} is a folder; a recipe is a TOML file or one of: {', '.join(shipped_recipes())}")
    else:
        raise UserError(f"no recipe {name_or_path!r}: {did_you_mean(name_or_path, shipped_recipes())}")
    return parse(text, name_or_path)


def parse(text: str, where: str = "recipe") -> Recipe:
    """Turn TOML text into a recipe; `where` stands in front of every error."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{where}: not valid TOML: {error}") from None
    try:
        return from_table(table)
    except UserError as error:
        raise UserError(f"{where}: {error}") from None


def from_table(table: Mapping[str, Any], base: Recipe | None = None) -> Recipe:
    """Build a recipe from nested values, with what they leave out taken from `base` (or the defaults)."""
    base = base or Recipe()
    sections = {}
    for name, values in table.items():
        if name not in SECTIONS:
            raise UserError(f"unknown section [{name}]: {did_you_mean(name, SECTIONS)}")
        if not isinstance(values, Mapping):
            raise UserError(f"{name} = {values!r} must be a section of fields")
        hints = get_type_hints(SECTIONS[name], include_extras=True)
        for key in values:
            if key not in hints:
                raise UserError(f"unknown field {name}.{key}: {did_you_mean(key, hints)}")
        values = {key: checked(f"{name}.{key}", value, hints[key]) for key, value in values.items()}
        sections[name] = dataclasses.replace(getattr(base, name), **values)
    return dataclasses.replace(base, **sections)


def override(recipe: Recipe, settings: Mapping[str, str]) -> Recipe:
    """Apply `--section.field VALUE` settings given as text.

    Raises:
        UserError: an unknown field, or text that isn't a value of the field's type.
    """
    table: dict[str, dict[str, Any]] = {}
    for name, text in settings.items():
        section, _, key = name.partition(".")
        if section not in SECTIONS:
            raise UserError(f"unknown option --{name}: {did_you_mean(name, field_names())}")
        hints = get_type_hints(SECTIONS[section], include_extras=True)
        if key not in hints:
            raise UserError(f"unknown option --{name}: {did_you_mean(name, field_names())}")
        table.setdefault(section, {})[key] = from_text(name, text, hints[key])
    return from_table(table, recipe)


def to_toml(recipe: Recipe) -> str:
    """Return the recipe as TOML with every field written out."""
    table = {
        section: {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}
        for section, values in dataclasses.asdict(recipe).items()
    }
    return tomli_w.dumps(table)


def differences(old: Recipe, new: Recipe) -> list[str]:
    """Name each field in which two recipes differ, with both values."""
    before, after = dataclasses.asdict(old), dataclasses.asdict(new)
    return [
        f"{section}.{key}: {before[section][key]!r} -> {after[section][key]!r}"
        for section in before
        for key in before[section]
        if before[section][key] != after[section][key]
    ]


def field_names() -> list[str]:
    """Return every `section.field`."""
    return [f"{section}.{entry.name}" for section, kind in SECTIONS.items() for entry in fields(kind)]


@functools.cache
def field_help() -> dict[str, str]:
    """Return the sentence that stands under each `section.field` in this file."""
    sentences = {}
    classes = {kind.__name__: section for section, kind in SECTIONS.items()}
    for node in ast.parse(inspect.getsource(sys.modules[__name__])).body:
        if isinstance(node, ast.ClassDef) and node.name in classes:
            for entry, sentence in zip(node.body, node.body[1:], strict=False):
                if (
                    isinstance(entry, ast.AnnAssign)
                    and isinstance(entry.target, ast.Name)
                    and isinstance(sentence, ast.Expr)
                    and isinstance(sentence.value, ast.Constant)
                ):
                    sentences[f"{classes[node.name]}.{entry.target.id}"] = str(sentence.value.value)
    return sentences


def _is_toml(name: str) -> bool:
    return name.endswith(".toml")
