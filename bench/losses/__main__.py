"""What a held-out loss costs: recipes trained side by side on fewer and more tokens, with several seeds.

Every run is `fabula train` in a process of its own and `fabula evaluate` on held-out stories. The table has each
recipe's held-out loss (mean over seeds, 95 % t-interval) and its difference to the baselines seed by seed; below stands
with what share of a baseline's tokens the others reach its loss, interpolated between measured budgets.

Finished runs are kept in --out and never done again; after control-C the same command goes on. --plan names a file
like bench/losses/plan.toml, which is taken without it.
"""

import argparse
import contextlib
import shlex
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.losses import plan as plans
from bench.losses.plan import Arm, Plan, Run
from bench.losses.runs import Place, best_choice, do_all
from bench.losses.tables import markdown
from bench.machine import cores, describe
from bench.tables import paste
from fabula.errors import UserError
from fabula.files import to_json
from fabula.terminal import say


def main() -> None:
    """Train what isn't trained yet, and print the tables."""
    parsed = _parser().parse_args()
    try:
        plan = Plan.read(parsed.plan, {words[0]: words[1:] for words in parsed.corpus})
        comparison = Comparison(plan, parsed)
        if parsed.dry_run:
            comparison.list()
        else:
            comparison.train()
            _publish(comparison, parsed)
    except UserError as error:
        raise SystemExit(f"bench: {error}") from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


class Comparison:
    """What the command line chose of a plan."""

    def __init__(self, plan: Plan, parsed: argparse.Namespace) -> None:
        self.plan = plan
        self.seeds: list[int] = parsed.seeds or plan.seeds
        self.place = Place(parsed.out.resolve(), parsed.threads, parsed.at_once, plan.held_out_stories)
        self.arms = list(plan.arms(parsed.sizes, parsed.corpora, parsed.contenders))
        for name in plan.missing:
            if not parsed.corpora:
                say(f"without {name}: --corpus {name} TRAINING_FILE HELD_OUT_FILE would say where it is")

    def first_runs(self) -> list[Run]:
        """Return what can be trained at once: everything but what waits for a choice."""
        runs = [
            self.plan.run(arm, seed, None)
            for seed in self.seeds
            for arm in self.arms
            if self.plan.choices(arm.contender) == [None]
        ]
        return [*self._candidates(), *runs]

    def _candidates(self) -> list[Run]:
        """Return the runs that a choice is made by: those of the first seed with the largest budget."""
        return [run for arm in self.arms if self._is_largest(arm) for run in self._tried(arm)]

    def _tried(self, arm: Arm) -> list[Run]:
        choices = [choice for choice in self.plan.choices(arm.contender) if choice is not None]
        return [self.plan.run(arm, self.seeds[0], choice) for choice in choices]

    def _is_largest(self, arm: Arm) -> bool:
        return arm.share == self._largest_share(arm)

    def _largest_share(self, arm: Arm) -> float:
        return max(float(share) for share in self.plan.contenders[arm.contender]["shares"])

    def chosen_runs(self) -> list[Run]:
        """Return what remains once its choices are made: all seeds with the best value.

        Raises:
            UserError: a run that a choice needs isn't finished.
        """
        runs = []
        for arm in self.arms:
            tried = self._tried(replace(arm, share=self._largest_share(arm)))
            if tried:
                best = best_choice(tried, self.place).choice
                runs += [self.plan.run(arm, seed, best) for seed in self.seeds]
        return runs

    def train(self) -> None:
        """Do all runs that aren't finished."""
        failed = do_all(self.first_runs(), self.place)
        try:
            failed += do_all(self.chosen_runs(), self.place)
        except UserError as error:
            failed.append(str(error))
        for line in failed:
            say(f"failed: {line}")

    def results(self) -> dict[Arm, dict[int, dict[str, Any]]]:
        """Return what is finished, by arm and seed."""
        runs = [run for run in self.first_runs() if run.choice is None]
        with contextlib.suppress(UserError):  # what a choice needs isn't finished
            runs += self.chosen_runs()
        found: dict[Arm, dict[int, dict[str, Any]]] = {arm: {} for arm in self.arms}
        for run in runs:
            result = self.place.result(run)
            if result:
                found[run.arm][run.seed] = {**result, "choice": self._stated_choice(run)}
        return found

    def _stated_choice(self, run: Run) -> str:
        if run.choice is None:
            return ""
        tried = [choice for choice in self.plan.choices(run.arm.contender) if choice is not None]
        edge = run.choice in (min(tried), max(tried))
        return f"{run.choice:g}{', the edge of those tried' if edge else ''}"

    def list(self) -> None:
        """Print what would be trained, without training."""
        runs = self.first_runs()
        for run in runs:
            print(f"{run.tokens / 1e6:6.2f} M tokens  {run.name}{'  (finished)' * bool(self.place.result(run))}")
        waiting = [arm for arm in self.arms if self._tried(arm)]
        due = sum(run.tokens for run in runs if self.place.result(run) is None) / 1e6
        print(f"{len(runs)} runs, {due:.1f} M tokens not yet trained on")
        if waiting:
            print(f"then the chosen values with the other seeds: {', '.join(sorted({a.contender for a in waiting}))}")


def _publish(comparison: Comparison, parsed: argparse.Namespace) -> None:
    results = comparison.results()
    found = {
        "machine": describe(),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "command": _command(),
        "results": [{**vars(arm), "seeds": seeds} for arm, seeds in results.items()],
    }
    place = comparison.place
    conditions = (
        f"{found['machine']}, {found['date']}; {place.at_once} trainings at a time, {place.threads} threads each; "
        f"{place.held_out_stories} held-out stories. Command: `{found['command']}`.\n\n"
    )
    text = conditions + markdown(results, comparison.plan.baselines)
    if parsed.json:
        parsed.json.write_text(to_json(found), encoding="utf-8")
    if parsed.markdown:
        paste(parsed.markdown, "losses", text)
    print(text)


def _command() -> str:
    """Return the command without places of this machine, which mean nothing elsewhere."""
    words = [Path(word).name if Path(word).is_absolute() else word for word in sys.argv[1:]]
    return shlex.join(["python", "-m", "bench.losses", *words])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.losses", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--plan", type=Path, default=plans.SHIPPED, help="what is compared (default: the shipped plan)")
    parser.add_argument(
        "--corpus", nargs="+", action="append", default=[], metavar=("NAME", "FILE"),
        help="files of a corpus that the plan names: training stories, then held-out ones",
    )  # fmt: skip
    parser.add_argument("--sizes", nargs="+", default=[], help="only these of the plan")
    parser.add_argument("--corpora", nargs="+", default=[], help="only these of the plan")
    parser.add_argument("--contenders", nargs="+", default=[], help="only these of the plan")
    parser.add_argument("--seeds", nargs="+", type=int, help="instead of the plan's")
    parser.add_argument("--at-once", type=int, default=cores(), help="trainings at a time (default: one a core)")
    parser.add_argument("--threads", type=int, default=1, help="of each training")
    parser.add_argument("--dry-run", action="store_true", help="only list the runs")
    parser.add_argument("--json", type=Path, help="write all results to this file")
    parser.add_argument("--markdown", type=Path, help="put the tables into this document, between their marks")
    return parser


if __name__ == "__main__":
    main()
