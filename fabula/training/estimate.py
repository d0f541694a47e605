"""What a run will take, said before it: time, price and memory, here and on GPUs that one can rent."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from fabula.corpus import packing
from fabula.corpus import tokenizer as tokenizers
from fabula.corpus.build import find_store
from fabula.corpus.store import TokenStore
from fabula.errors import UserError, did_you_mean
from fabula.model.config import LlamaConfig
from fabula.recipe import Recipe
from fabula.training import costs, gpus
from fabula.training.calibration import Calibration, MadeUpStore, calibrate
from fabula.training.costs import Pace, Span
from fabula.training.processes import processes
from fabula.training.series import checkpoint_steps
from fabula.training.start import with_its_tokenizer

HERE = "here"
"""Names this machine among the devices."""
SAVING = Span(0.3e9, 1.5e9)
"""Bytes per second at which checkpoints and resume states are written and hashed; assumed."""
START_SECONDS = Span(3.0, 15.0)
"""From the command to the first step, the corpus being there; assumed."""
PROCESS = Span(0.4e9, 0.9e9)
"""Bytes of a process that trains on a CPU, before its model; assumed."""
COMPILE_SECONDS = Span(10.0, 90.0)
"""Of torch.compile, the first time; assumed."""
STATE_BYTES = 12
"""For each weight in a resume state: weight and two moments."""


@dataclass(frozen=True)
class Prediction:
    """A run on one kind of device."""

    device: str
    count: int
    """How many of them."""
    step_seconds: Span
    """Of a whole step, at its largest."""
    seconds: Span
    """Of the whole run: steps, checkpoints, start."""
    tokens_per_second: Span
    """Real targets."""
    flops_share: Span
    """Useful FLOP/s over the device's own: a GPU's data sheet (MFU), here the products' measured speed."""
    price_per_hour: Span | None
    """Of one device."""
    price: Span | None
    memory_bytes: Span
    memory_limit: float
    micro_batch: int
    """Windows in a forward pass of one process."""
    largest_micro_batch: int | None
    """The most that surely fit; None: not worked out."""
    measured: bool
    """Whether the speed was measured on the device."""

    @property
    def fits(self) -> str:
        """`yes`, `perhaps` or `no`."""
        if self.memory_bytes.high <= self.memory_limit:
            return "yes"
        return "perhaps" if self.memory_bytes.low <= self.memory_limit else "no"


@dataclass(frozen=True)
class Estimate:
    """A recipe's costs."""

    parameters: int
    steps: int
    positions: int
    """In all windows of the run."""
    tokens: float
    """Real targets among them."""
    epochs: float | None
    attended: float
    """Positions that a target's query sees, on average."""
    attended_from: str
    """Where that is from: the corpus, or an assumption."""
    flops_per_token: float
    """Useful, as metrics.jsonl counts them."""
    executed_flops: float
    """Of the whole run, with what is computed twice."""
    calibration: Calibration | None
    predictions: tuple[Prediction, ...]

    def to_json(self) -> dict[str, Any]:
        """Return everything, ranges as [low, high]."""
        found: dict[str, Any] = _plain(asdict(self))
        for prediction, of in zip(found["predictions"], self.predictions, strict=True):
            prediction["fits"] = of.fits
        return {**found, "prices_from": gpus.PRICES_FROM}


def estimate(recipe: Recipe, prices: Mapping[str, float] | None = None, count: int = 1, here: bool = True) -> Estimate:
    """Predict a run. Nothing is written, downloaded or built.

    Args:
        recipe: what would be trained.
        prices: dollars for an hour, by the device's name, in place of the assumed ones.
        count: GPUs in a machine.
        here: whether to measure some steps on this machine.

    Raises:
        UserError: an unknown device among the prices, a corpus or device that isn't there, or a step that doesn't
            divide among the GPUs.
    """
    prices = prices or {}
    known = [HERE, *(gpu.name for gpu in gpus.GPUS)]
    for name in prices:
        if name not in known:
            raise UserError(f"no price can be given for {name!r}: {did_you_mean(name, known)}")
    recipe = with_its_tokenizer(recipe)
    store = find_store(recipe.corpus, recipe.tokenizer)
    vocabulary = store.vocab_size if store else _vocabulary(recipe)
    packed = _pack(recipe, store, vocabulary)
    share = _share(recipe, count)
    run = _Run(recipe, LlamaConfig.from_recipe(recipe.model, vocabulary), packed, prices)
    calibration = calibrate(recipe, store, vocabulary, processes()) if here else None
    predictions = [run.here(calibration)] if calibration else []
    predictions += [run.on(gpu, count, share) for gpu in gpus.GPUS]
    work = costs.flops(run.config, packed.attended)
    windows = recipe.windows_before(recipe.train.steps)
    positions = windows * recipe.model.context
    return Estimate(
        parameters=costs.weights(run.config).total,
        steps=recipe.train.steps,
        positions=positions,
        tokens=positions * packed.fill,
        epochs=windows / packed.windows if store else None,
        attended=packed.attended,
        attended_from=_source_of_attended(recipe, store),
        flops_per_token=work.useful,
        executed_flops=work.executed * positions
        + recipe.train.steps * costs.update_flops(run.config, recipe.optimizer.kind),
        calibration=calibration,
        predictions=tuple(predictions),
    )


@dataclass(frozen=True)
class _Run:
    """What all devices have to do."""

    recipe: Recipe
    config: LlamaConfig
    packed: packing.Packing
    prices: Mapping[str, float]

    def on(self, gpu: gpus.Gpu, count: int, share: int) -> Prediction:
        """Predict from the data sheet."""
        most = gpus.largest_micro_batch(gpu, self.recipe, self.config, share)
        wanted = min(self.recipe.train.micro_batch, share)
        pace = gpus.pace(gpu, count, self.recipe, self.config, self.packed.attended, wanted)
        given = self.prices.get(gpu.name)
        return self._prediction(
            gpu.name,
            count,
            pace,
            compiled=self.recipe.train.compile != "off",
            speed=gpu.flops,
            price=Span(given, given) if given is not None else gpu.price,
            memory_bytes=gpus.needed_memory(self.recipe, self.config, wanted),
            memory_limit=gpu.memory,
            micro_batch=wanted,
            largest_micro_batch=most,
            measured=False,
        )

    def here(self, calibration: Calibration) -> Prediction:
        """Predict from what was measured."""
        windows = min(self.recipe.train.micro_batch, self.recipe.smallest_batch)
        modelled = costs.memory(self.recipe, self.config, windows, calibration.precision, "cpu").total
        found = calibration.memory_bytes
        given = self.prices.get(HERE)
        return self._prediction(
            HERE,
            1,
            calibration.pace,
            compiled=calibration.compiled,
            speed=calibration.product_flops,
            price=Span(given, given) if given is not None else None,
            memory_bytes=Span(found, found) if found else modelled + PROCESS,
            memory_limit=calibration.memory_limit,
            micro_batch=windows,
            largest_micro_batch=None,
            measured=True,
        )

    def _prediction(
        self, device: str, count: int, pace: Pace, *, compiled: bool, speed: float, price: Span | None, **rest: Any
    ) -> Prediction:
        train = self.recipe.train
        saving = self._saved_bytes()
        seconds = pace.run(self.recipe) + Span(saving / SAVING.high, saving / SAVING.low) + START_SECONDS
        if compiled:
            seconds += COMPILE_SECONDS
        step = pace.step(self.recipe.windows_per_step)
        useful = costs.flops(self.config, self.packed.attended).useful * train.tokens_per_step
        targets = train.tokens_per_step * self.packed.fill
        return Prediction(
            device=device,
            count=count,
            step_seconds=step,
            seconds=seconds,
            tokens_per_second=Span(targets / step.high, targets / step.low),
            flops_share=Span(useful / step.high / (speed * count), useful / step.low / (speed * count)),
            price_per_hour=price,
            price=Span(seconds.low * price.low, seconds.high * price.high) * (count / 3600) if price else None,
            **rest,
        )

    def _saved_bytes(self) -> float:
        """Return what the run writes: checkpoints and resume states."""
        series, train = self.recipe.series, self.recipe.train
        number = 4 if series.dtype == "float32" else 2
        checkpoints = number * len(checkpoint_steps(series, train.steps))
        states = STATE_BYTES * -(-train.steps // train.save_every)
        return float(costs.weights(self.config).total * (checkpoints + states))


def _share(recipe: Recipe, count: int) -> int:
    share, rest = divmod(recipe.smallest_batch, count)
    if rest or share % min(recipe.train.micro_batch, share):
        raise UserError(
            f"a step's {recipe.smallest_batch} windows don't split evenly among {count} GPUs and micro-batches of "
            f"train.micro_batch = {recipe.train.micro_batch}"
        )
    return share


def _vocabulary(recipe: Recipe) -> int:
    """Return the vocabulary that the store will have."""
    if recipe.tokenizer.path:
        return tokenizers.id_count(tokenizers.load(recipe.tokenizer))
    return tokenizers.GPT2_TOKENS if recipe.tokenizer.kind == "gpt2" else recipe.tokenizer.vocab_size


def _pack(recipe: Recipe, store: TokenStore | None, vocabulary: int) -> packing.Packing:
    split: packing.Tokens = store.train if store else MadeUpStore(vocabulary, recipe.model.context, 0).train
    end_of_text = store.end_of_text_id if store else 0
    try:
        return packing.pack(
            recipe.train.packing,
            split,
            recipe.model.context,
            recipe.train.seed,
            store.hash if store else "",
            end_of_text,
        )
    except ValueError as error:
        raise UserError(f"the corpus can't be packed for training: {error}") from None


def _source_of_attended(recipe: Recipe, store: TokenStore | None) -> str:
    if recipe.train.packing == "stream":
        return "half of the window"
    return "the corpus" if store else "assumed: the corpus isn't built yet"


def _plain(value: Any) -> Any:
    """Turn spans, which `asdict` made into tables, into pairs."""
    if isinstance(value, dict):
        if value.keys() == {"low", "high"}:
            return [value["low"], value["high"]]
        return {key: _plain(entry) for key, entry in value.items()}
    return [_plain(entry) for entry in value] if isinstance(value, list | tuple) else value
