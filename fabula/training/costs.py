"""What a recipe costs, counted before anything runs: weights, FLOPs, and the memory of a step.

Counts per position are for a window's position, filled or not: padding is multiplied like everything else.
"""

from dataclasses import dataclass

from fabula.model.config import LlamaConfig
from fabula.model.loss import chunk_size
from fabula.recipe import Recipe

STATE_BYTES = {"adamw": 8, "muon": 4}
"""Of the update rule, for each weight of a block's matrix: two moments or one; float32. All others are AdamW's."""
ITERATIONS = 5
"""Newton-Schulz iterations of Muon."""


@dataclass(frozen=True)
class Span:
    """A quantity that is known to lie between two values."""

    low: float
    high: float

    def __add__(self, other: "Span") -> "Span":
        return Span(self.low + other.low, self.high + other.high)

    def __mul__(self, factor: float) -> "Span":
        return Span(self.low * factor, self.high * factor)

    @property
    def middle(self) -> float:
        """The geometric mean: half as likely to be a factor too high as too low."""
        return float((self.low * self.high) ** 0.5)

    def at_least(self, other: "Span") -> "Span":
        """Raise both ends to another span's."""
        return Span(max(self.low, other.low), max(self.high, other.high))


@dataclass(frozen=True)
class Pace:
    """The seconds that a training is made of."""

    window: Span
    """Forward and backward of one window, among the others of its micro-batch."""
    update: Span
    """Once a step: clipping and the optimizer."""

    def step(self, windows: float) -> Span:
        """Return the time of a step of so many windows."""
        return self.window * windows + self.update

    def run(self, recipe: Recipe) -> Span:
        """Return the time of all steps."""
        return self.window * recipe.windows_before(recipe.train.steps) + self.update * recipe.train.steps


@dataclass(frozen=True)
class Weights:
    """How many weights a model has, by what is done with them."""

    embedding: int
    """Looked up; multiplied as well where the output projection shares them."""
    matrices: int
    """Inside the blocks."""
    head: int
    """The output projection's own; 0 where it shares the embedding's."""
    gains: int
    """Of the norms."""

    @property
    def total(self) -> int:
        """All of them."""
        return self.embedding + self.matrices + self.head + self.gains


def weights(config: LlamaConfig) -> Weights:
    """Count a model's weights."""
    attention = config.hidden * config.head_width * (2 * config.heads + 2 * config.kv_heads)
    vocabulary = config.vocab_size * config.hidden
    return Weights(
        embedding=vocabulary,
        matrices=config.layers * (attention + 3 * config.hidden * config.intermediate),
        head=0 if config.tied else vocabulary,
        gains=(2 * config.layers + 1) * config.hidden,
    )


@dataclass(frozen=True)
class Flops:
    """Training FLOPs of one position, forward and backward."""

    products: float
    """6 for each weight in a matrix product. The chunked loss computes its gradient from the logits that it has, so
    nothing of the output projection is done twice."""
    attention: float
    """Scores and values: 12 for each layer, channel and position attended to."""
    recomputed: float
    """Scores again in backward, where attention doesn't keep them: 2 for each of those."""

    @property
    def useful(self) -> float:
        """What `Llama.flops_per_token` counts, and MFU is a share of."""
        return self.products + self.attention

    @property
    def executed(self) -> float:
        """With what is computed twice."""
        return self.useful + self.recomputed


def flops(config: LlamaConfig, attended: float) -> Flops:
    """Count the FLOPs of a position that attends to `attended` positions on average."""
    scores = config.layers * config.heads * config.head_width * attended
    multiplied = weights(config).matrices + config.vocab_size * config.hidden
    return Flops(6.0 * multiplied, 12.0 * scores, 2.0 * scores)


def update_flops(config: LlamaConfig, kind: str) -> float:
    """Count the FLOPs of one step's update: Muon's orthogonalisation; AdamW multiplies no matrices."""
    if kind != "muon":
        return 0.0
    shapes = [
        (config.hidden, config.heads * config.head_width, 2),
        (config.hidden, config.kv_heads * config.head_width, 2),
        (config.hidden, config.intermediate, 3),
    ]
    total = 0.0
    for rows, columns, count in shapes:
        short, long = sorted((rows, columns))
        # X X^T, its square, and the product with X.
        total += count * ITERATIONS * (4.0 * short**2 * long + 2.0 * short**3)
    return config.layers * total


@dataclass(frozen=True)
class Memory:
    """Bytes that a step holds at its peak, by what they are for."""

    weights: float
    gradients: float
    optimizer: float
    copies: float
    """Weights in the products' precision, as autocast keeps them through a micro-batch."""
    activations: Span
    """Kept for backward: less where the compiler chooses what to compute again, more where nobody does."""
    loss: Span
    """One chunk's logits and their gradient, and the output projection's gradient."""

    @property
    def total(self) -> Span:
        """All together."""
        fixed = self.weights + self.gradients + self.optimizer + self.copies
        return Span(fixed, fixed) + self.activations + self.loss


def memory(recipe: Recipe, config: LlamaConfig, micro_batch: int, precision: str, device: str = "cuda") -> Memory:
    """Return what a step of `micro_batch` windows holds in `precision`, on a device whose attention keeps no scores."""
    count = weights(config)
    width = 2 if precision == "bfloat16" else 4
    positions = micro_batch * config.context
    head = config.vocab_size * config.hidden
    chunk = recipe.train.loss_chunk or chunk_size(config.vocab_size, device)
    matrices = STATE_BYTES[recipe.optimizer.kind] * count.matrices
    return Memory(
        weights=4.0 * count.total,
        gradients=4.0 * count.total,
        optimizer=matrices + STATE_BYTES["adamw"] * (count.total - count.matrices),
        copies=2.0 * count.matrices if width == 2 else 0.0,
        activations=activations(config, width) * positions,
        loss=_loss(config, width, min(chunk, positions)) + Span(4.0, 12.0) * head,
    )


def activations(config: LlamaConfig, width: int) -> Span:
    """Return the bytes kept for one position's backward, in all layers; products' inputs have `width` bytes a number.

    The residual stream is float32. A layer keeps, at the least, the stream at its two norms and the norms' results; q,
    k, v and attention's result; gate and up. Without a compiler also the norms' middle values, in float32, a cast copy
    for each product that reads their results, silu(gate), and the feed-forward block's inner values.
    """
    stream = config.hidden
    heads = (2 * config.heads + 2 * config.kv_heads) * config.head_width
    read = 5 if width == 2 else 2
    low = 8 * stream + 2 * width * stream + width * heads + 2 * width * config.intermediate
    high = 16 * stream + read * width * stream + width * heads + 4 * width * config.intermediate
    log_sums = 4 * config.heads
    around = 4 * stream  # the embedding's result, the last norm's, and the loss's gradient of it
    return Span(config.layers * (low + log_sums) + 2 * around, config.layers * (high + log_sums) + 4 * around)


def _loss(config: LlamaConfig, width: int, chunk: int) -> Span:
    """Return the bytes of a chunk's logits: in place and compiled, or step by step in float32 beside its copies."""
    numbers = float(chunk * config.vocab_size)
    return Span(numbers * (width + 4), numbers * (2 * width + 12))


def traffic(config: LlamaConfig, width: int) -> Span:
    """Return the bytes that one position moves through a GPU's memory in forward and backward.

    What is kept is written once and read twice, and so is its gradient; the logits are passed over three times at
    the least, and by separate operations, in float32, about four times as often.
    """
    kept = activations(config, width)
    logits = Span(6.0 * width, 38.0) * config.vocab_size
    return Span(6 * kept.low, 8 * kept.high) + logits
