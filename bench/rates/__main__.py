"""Peak learning rates against held-out loss at several widths: does the best rate stay the best one?

`python -m bench.rates nano-fast --widths 96 192 384 --rates 2e-3 4e-3 8e-3 --matrix-rates 0.01 0.02 0.04 --out rates`
trains the recipe's shape at each width (heads as wide as its own, the feed-forward block in proportion) in three ways:
AdamW with one rate for all widths, AdamW by the width rule (`optimizer.base_width`, the smallest width), and Muon by
the same rule, whose matrices' rate is varied. Figures go to rates.json, and what is there isn't trained again;
rates.png is drawn from it, and the tables are printed, of all that is there. Options of the form --section.field VALUE
change the recipe, as in `fabula train`.
"""

import argparse
import shlex
import sys
import time
from pathlib import Path

from bench.machine import describe
from bench.rates.picture import draw
from bench.rates.tables import markdown
from bench.rates.trials import WAYS, Trial, run
from bench.tables import paste
from fabula import recipe as recipes
from fabula.errors import UserError


def main() -> None:
    """Train what is missing, then draw and print."""
    arguments, rest = _parser().parse_known_args()
    try:
        base = recipes.override(recipes.load(arguments.recipe), _settings(rest))
        trials = [
            Trial(way, width, rate, seed)
            for seed in arguments.seeds
            for way in WAYS
            for rate in (arguments.matrix_rates if way == "muon" else arguments.rates)
            for width in sorted(arguments.widths)
        ]
        record = run(trials, base, arguments.out, arguments.stories)
    except UserError as error:
        raise SystemExit(f"bench: {error}") from None
    draw(
        record["trials"],
        arguments.picture or arguments.out / "rates.png",
        f"{arguments.recipe}, {base.train.steps:,} steps",
    )
    conditions = {"machine": describe(), "date": time.strftime("%Y-%m-%d", time.gmtime()), "command": _command()}
    step = {"steps": base.train.steps, "tokens_per_step": base.train.tokens_per_step}
    text = markdown({**record, **conditions, **step})
    if arguments.markdown:
        paste(arguments.markdown, "rates", text)
    print(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.rates", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("recipe")
    parser.add_argument("--widths", type=int, nargs="+", default=[96, 192, 384])
    parser.add_argument("--rates", type=float, nargs="*", default=[], help="AdamW's, tried with and without the rule")
    parser.add_argument("--matrix-rates", type=float, nargs="*", default=[], help="Muon's")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--stories", type=int, default=300, help="held-out stories to measure on")
    parser.add_argument("--out", type=Path, required=True, help="folder of the figures")
    parser.add_argument("--picture", type=Path, help="draw here instead of OUT/rates.png")
    parser.add_argument("--markdown", type=Path, help="put the tables into this document, between their marks")
    return parser


def _settings(words: list[str]) -> dict[str, str]:
    if len(words) % 2 or not all(name.startswith("--") for name in words[::2]):
        raise UserError(f"what is {' '.join(words)!r}? Recipe fields are given as --section.field VALUE")
    return {name.removeprefix("--"): value for name, value in zip(words[::2], words[1::2], strict=True)}


def _command() -> str:
    """Return the command without places of this machine, which mean nothing elsewhere."""
    words = [Path(word).name if Path(word).is_absolute() else word for word in sys.argv[1:]]
    return shlex.join(["python", "-m", "bench.rates", *words])


if __name__ == "__main__":
    main()
