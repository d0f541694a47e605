"""The README's picture: held-out bits per byte of every checkpoint of a run, and what five of them write.

`python bench/picture.py runs/nano --out docs/nano.png` reads the run's own files; nothing in it is typed in by hand.
"""

import argparse
import textwrap
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from fabula.generation import Sampling, Storyteller
from fabula.model.record import checkpoints, read_record
from fabula.model.resolve import training_store
from fabula.study.evaluate import evaluate

PROMPT = "Once upon a time, a boy found a silver key."
WRITERS = (0.03, 0.07, 0.125, 0.25, 1.0)
"""Shares of the run at which the checkpoint next to them writes."""
INK, BAND = "#1b4965", "#bee3db"


def main() -> None:
    """Draw one run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--stories", type=int, default=200, help="held-out stories to measure each checkpoint on")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    store = training_store(arguments.run)
    if store is None:
        raise SystemExit(f"the token store of {arguments.run} is not here any more")
    series = checkpoints(arguments.run / "checkpoints")
    measured = [evaluate(folder, store, limit=arguments.stories) for folder in series]
    draw(series, [(m.bits_per_byte, m.bits_per_byte_interval or (m.bits_per_byte,) * 2) for m in measured], arguments)


def draw(series: list[Path], bits: list[tuple[float, tuple[float, float]]], arguments: argparse.Namespace) -> None:
    """Draw the curve with its interval, and below it what some checkpoints write."""
    steps = [read_record(folder).step for folder in series]
    figure, (curve, words) = plt.subplots(2, 1, figsize=(9, 6.6), height_ratios=[1, 1], layout="constrained")
    curve.fill_between(steps, [low for _, (low, _) in bits], [high for _, (_, high) in bits], color=BAND)
    curve.plot(steps, [value for value, _ in bits], "o-", color=INK, markersize=4)
    curve.set_xscale("symlog", linthresh=1)
    ticks = [0, *(10**power for power in range(6) if 10**power <= steps[-1] / 3), steps[-1]]
    curve.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    curve.minorticks_off()
    curve.set_xlabel("optimizer step")
    curve.set_ylabel("held-out bits per byte")
    curve.set_title(f"{arguments.run.name}: every checkpoint on {arguments.stories} held-out stories (95 % interval)")
    curve.spines[["top", "right"]].set_visible(False)
    words.axis("off")
    words.set_title(f"“{PROMPT} …” (temperature 0.3, seed 0, unedited)", loc="left", fontsize=10)
    for row, share in enumerate(WRITERS):
        folder = series[min(range(len(steps)), key=lambda place: abs(steps[place] - share * steps[-1]))]
        sampling = Sampling(temperature=0.3, repetition_penalty=1.0, max_new_tokens=80)
        told = Storyteller.load(folder, device="cpu").generate(PROMPT, sampling)[0].text
        text = textwrap.shorten(told.replace("\ufffd", "?"), 300, placeholder=" …")
        top = 0.97 - row / len(WRITERS)
        words.text(0, top, f"step {read_record(folder).step:,}", weight="bold", color=INK, va="top", fontsize=9)
        words.text(0.11, top, textwrap.fill(text, 105, break_long_words=True), va="top", fontsize=9, parse_math=False)
    figure.savefig(arguments.out, dpi=140)


if __name__ == "__main__":
    main()
