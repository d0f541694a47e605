"""A study's questions as tasks of EleutherAI's lm-evaluation-harness 0.4.13, so that any model can be asked them there.

Everything is JSONL and YAML without a line of Python: the harness reads each field by the name of its column. A YAML
file is written in JSON's notation, which YAML includes, because it quotes every text without surprises.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fabula.errors import UserError
from fabula.files import new_folder
from fabula.study.items.item import Item, read_items
from fabula.study.probes import ITEM_PROBES, probe

GROUP = "fabula"
PREFIX = f"{GROUP}_"
HARNESS = "0.4.13"
"""The version that the tests agree with."""
BY_LIKELIHOOD, BY_MUTUAL_INFORMATION = "by_likelihood", "by_mutual_information"
"""Inner groups: the metric that counts is `acc` in the first and `acc_mutual_info` in the second."""
MASKED = "its score counts only some tokens (spans), and the harness counts all"
BLANK_END = "its context ends with a blank, which the harness would move into what is scored"
NO_CONTEXT = "one of its contexts is empty, and the harness can't compare that with another"


@dataclass(frozen=True)
class Task:
    """One probe as a task of the harness."""

    probe: str
    pmi: bool
    """Scored by log p(choice | context) - log p(choice)."""
    by_context: bool
    """Contexts are compared under one target, not targets under one context."""
    documents: tuple[dict[str, Any], ...]
    """What the harness reads: two for a mirrored item, one for any other."""
    items: int

    @property
    def name(self) -> str:
        """What stands behind --tasks."""
        return PREFIX + self.probe

    @property
    def metric(self) -> str:
        """The harness's metric that equals the study's accuracy."""
        return "acc_mutual_info" if self.pmi else "acc"

    def config(self, data: Path) -> dict[str, Any]:
        """Return the task's YAML content for questions that lie in the file `data`.

        In a contrast the harness takes the answer's number from `doc_to_text` and the contexts from `doc_to_choice`,
        as in its Winogrande.
        """
        columns = ("label", "target", "contexts") if self.by_context else ("context", "label", "choices")
        return {
            "task": self.name,
            "dataset_path": "json",
            "dataset_kwargs": {"data_files": {"test": str(data)}},
            "output_type": "multiple_choice",
            "test_split": "test",
            "num_fewshot": 0,
            **dict(zip(("doc_to_text", "doc_to_target", "doc_to_choice"), columns, strict=True)),
            "target_delimiter": "",
            "metric_list": [_metric(name) for name in (["acc", "acc_mutual_info"] if self.pmi else ["acc"])],
            "metadata": {"version": 1.0},
        }


@dataclass(frozen=True)
class LeftOut:
    """Items of a probe that the harness can't express."""

    probe: str
    items: int
    reason: str


def export_lm_eval(study_items: Path, out: Path) -> Path:
    """Write a folder of harness tasks from a study's items; returns `out`.

    Args:
        study_items: a run that was studied, a study's folder, or its `items/`.
        out: the new folder, for `--include_path`. It holds absolute paths; its README.md says how to move it.

    Raises:
        UserError: no items, items that can't be read, or none that the harness can express.
    """
    out = out.resolve()
    tasks, left_out = [], []
    for path in _item_files(study_items):
        task, missing = _task(path.stem, read_items(path))
        tasks += [task] if task.documents else []
        left_out += missing
    if not tasks:
        raise UserError(f"{study_items}: the harness can't express any of these items ({left_out[0].reason})")
    if out.exists() and not (out / f"{GROUP}.yaml").is_file():
        raise UserError(f"{out} exists and holds no exported tasks; choose another --out")
    with new_folder(out) as folder:
        (folder / "data").mkdir()
        for task in tasks:
            data = Path("data") / f"{task.probe}.jsonl"
            lines = (json.dumps(document, ensure_ascii=False) + "\n" for document in task.documents)
            (folder / data).write_text("".join(lines), encoding="utf-8")
            (folder / f"{task.name}.yaml").write_text(_yaml(task.config(out / data)), encoding="utf-8")
        (folder / f"{GROUP}.yaml").write_text(_yaml(_group(tasks)), encoding="utf-8")
        (folder / "README.md").write_text(_readme(tasks, left_out, out), encoding="utf-8")
    return out


def _item_files(path: Path) -> list[Path]:
    """Return the files of questions below a run, a study or a folder of items."""
    names = {f"{entry.name}.jsonl" for entry in ITEM_PROBES}
    for folder in (path / "study" / "items", path / "items", path):
        files = [file for file in sorted(folder.glob("*.jsonl")) if file.name in names]
        if files:
            return files
    raise UserError(f"{path} holds no study's items; make them with: fabula study RUN")


def _task(name: str, items: Iterable[Item]) -> tuple[Task, list[LeftOut]]:
    """Turn one probe's items into a task, and count what doesn't fit, by reason."""
    documents: list[dict[str, Any]] = []
    reasons: Counter[str] = Counter()
    designs, kept = set(), 0
    for item in items:
        reason = _obstacle(item)
        if reason:
            reasons[reason] += 1
            continue
        kept += 1
        designs.add(item.design)
        documents += _documents(item)
    if len(designs & {"choice", "pmi"}) + bool(designs & {"contrast", "mirrored"}) > 1:
        raise UserError(f"the items of {name} have several designs ({', '.join(sorted(designs))}); a task has one")
    task = Task(name, "pmi" in designs, bool(designs & {"contrast", "mirrored"}), tuple(documents), kept)
    return task, [LeftOut(name, count, reason) for reason, count in reasons.items()]


def _obstacle(item: Item) -> str | None:
    """Say why the harness would measure something else than we do, if it would."""
    if any(spans is not None for spans in item.spans):
        return MASKED
    if any(context != context.rstrip() for context in item.contexts):
        return BLANK_END
    if item.design in ("contrast", "mirrored") and not all(item.contexts):
        return NO_CONTEXT
    return None


def _documents(item: Item) -> Iterator[dict[str, Any]]:
    """Write an item as the harness reads it."""
    about = {"id": item.id, "cluster": item.cluster, "condition": item.condition}
    if item.design in ("choice", "pmi"):
        yield {**about, "context": item.contexts[0], "choices": list(item.targets), "label": item.gold}
    elif item.design == "contrast":
        yield {**about, "contexts": list(item.contexts), "target": item.targets[0], "label": item.gold}
    else:
        for number, target in enumerate(item.targets):
            yield {**about, "contexts": list(item.contexts), "target": target, "label": number}


def _group(tasks: Iterable[Task]) -> dict[str, Any]:
    """Return the group: all tasks, averaged apart where different metrics count."""

    def inner(name: str, metric: str) -> list[dict[str, Any]]:
        names = [task.name for task in tasks if task.metric == metric]
        aggregate = [{"metric": metric, "aggregation": "mean", "weight_by_size": False}]
        return [{"group": name, "task": names, "aggregate_metric_list": aggregate}] if names else []

    groups = [*inner(BY_LIKELIHOOD, "acc"), *inner(BY_MUTUAL_INFORMATION, "acc_mutual_info")]
    return {"group": GROUP, "task": groups, "metadata": {"version": 1.0}}


def _metric(name: str) -> dict[str, Any]:
    return {"metric": name, "aggregation": "mean", "higher_is_better": True}


def _yaml(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=2, ensure_ascii=True) + "\n"


README = """# Fabula's probes for lm-evaluation-harness

Written by `fabula export --to lm-eval` for `pip install "lm_eval[hf]=={version}"`. Run all of them, without a network:

```sh
HF_HUB_OFFLINE=1 HF_DATASETS_OFFLINE=1 lm_eval --model hf \\
  --model_args pretrained=MODEL,dtype=float32,add_bos_token=True \\
  --tasks {group} --include_path {out} --device cpu
```

`MODEL` is a checkpoint's folder or a hub name. `--tasks {example}` asks one probe. `--log_samples --output_path DIR`
keeps every answer, with the item's `id`, `cluster` and `condition`.

- `add_bos_token=True` is needed: every context stands behind end-of-text, as in training. Fabula's tokenizers put it
  there themselves, and the flag doesn't make it two. Without a context the harness starts from `bos_token`,
  which is end-of-text in Fabula's checkpoints.
- `dtype=float32`: otherwise rounding decides close questions.
- The harness counts the first of equally likely answers, the study shares the point; models hardly ever tie.
- The harness's standard errors take items for independent. Items of one `cluster` are not: trust the study's intervals.
- A text longer than the model's context loses its beginning without a word; the study leaves such items out.
- A group's mean goes over unlike probes; read the probes.

The task files name their data with absolute paths, as the harness asks. After moving the folder, run in it:
`sed -i 's|{out}|'"$PWD"'|' {group}_*.yaml`

| task | asks | metric | items | documents |
| --- | --- | --- | --- | --- |
{rows}

A mirrored item becomes two documents, one for each target: how often is it likelier after its own context?
{left_out}"""


def _readme(tasks: Iterable[Task], left_out: list[LeftOut], out: Path) -> str:
    tasks = list(tasks)
    rows = [
        f"| `{task.name}` | {probe(task.probe).question} | `{task.metric}` | {task.items:,} | {len(task.documents):,} |"
        for task in tasks
    ]
    missing = [f"- `{entry.probe}`: {entry.items:,} items; {entry.reason}." for entry in left_out]
    return README.format(
        version=HARNESS,
        group=GROUP,
        out=out,
        example=tasks[0].name,
        rows="\n".join(rows),
        left_out="\nLeft out:\n\n" + "\n".join(missing) + "\n" if missing else "",
    )
