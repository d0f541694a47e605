"""A study's questions as tasks of lm-evaluation-harness."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fabula.corpus.tokenizer import id_count
from fabula.errors import UserError
from fabula.publish.lm_eval import export_lm_eval
from fabula.study.items.item import Item, outcomes
from tests.publish.items import PROBES, binding, endings, feelings, grammar, names, write_items
from tests.tiny import tiny_checkpoint, tiny_model, tiny_tokenizer

EXPRESSIBLE = {"grammar": grammar, "name_cloze": names, "ending": endings, "emotion_word": feelings, "binding": binding}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return write_items(tmp_path_factory.mktemp("run") / "study")


@pytest.fixture(scope="module")
def exported(study, tmp_path_factory):
    return export_lm_eval(study, tmp_path_factory.mktemp("export") / "tasks")


def config(folder, probe):
    return json.loads((folder / f"fabula_{probe}.yaml").read_text())


def documents(folder, probe):
    path = Path(config(folder, probe)["dataset_kwargs"]["data_files"]["test"])
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def write(folder, items):
    folder.mkdir()
    for item in items:
        with (folder / f"{item.probe}.jsonl").open("a") as file:
            file.write(json.dumps(item.to_json()) + "\n")
    return folder


def test_there_is_a_task_for_each_probe_and_a_group(exported):
    tasks = {path.stem for path in exported.glob("*.yaml")}
    assert tasks == {"fabula", *(f"fabula_{name}" for name in EXPRESSIBLE)}
    group = json.loads((exported / "fabula.yaml").read_text())
    inner = {entry["group"]: (entry["task"], entry["aggregate_metric_list"][0]["metric"]) for entry in group["task"]}
    assert inner["by_mutual_information"] == (["fabula_ending"], "acc_mutual_info")
    assert set(inner["by_likelihood"][0]) == {f"fabula_{name}" for name in EXPRESSIBLE if name != "ending"}


def test_the_yaml_is_yaml(exported):
    yaml = pytest.importorskip("yaml")
    for path in exported.glob("*.yaml"):
        assert yaml.safe_load(path.read_text()) == json.loads(path.read_text())


def test_every_column_that_a_task_names_is_there(exported):
    for name in EXPRESSIBLE:
        task = config(exported, name)
        assert task["task"] == f"fabula_{name}"
        assert task["target_delimiter"] == ""
        for document in documents(exported, name):
            assert {task[field] for field in ("doc_to_text", "doc_to_target", "doc_to_choice")} <= set(document)


def test_choices_keep_their_order_and_gold(exported):
    assert [(d["id"], d["context"], d["choices"], d["label"]) for d in documents(exported, "ending")] == [
        (item.id, item.contexts[0], list(item.targets), item.gold) for item in endings()
    ]
    assert {metric["metric"] for metric in config(exported, "ending")["metric_list"]} == {"acc", "acc_mutual_info"}
    assert {metric["metric"] for metric in config(exported, "grammar")["metric_list"]} == {"acc"}
    assert {document["label"] for document in documents(exported, "ending")} == {0, 1, 2, 3}


def test_a_contrast_has_its_contexts_as_choices(exported):
    for item, document in zip(feelings(), documents(exported, "emotion_word"), strict=True):
        assert (document["contexts"], document["target"]) == (list(item.contexts), item.targets[0])
        assert document["label"] == item.gold


def test_a_mirrored_item_becomes_two_documents(exported):
    found = documents(exported, "binding")
    assert len(found) == 2 * len(binding())
    for item, first, second in zip(binding(), found[::2], found[1::2], strict=True):
        assert first["contexts"] == second["contexts"] == list(item.contexts)
        assert [(d["target"], d["label"]) for d in (first, second)] == [(item.targets[0], 0), (item.targets[1], 1)]


def test_what_cannot_be_expressed_is_left_out_and_listed(exported):
    readme = (exported / "README.md").read_text()
    assert "- `order`: 2 items; its score counts only some tokens" in readme
    assert "fabula_order" not in readme
    assert f"--include_path {exported}" in readme


@pytest.mark.parametrize(
    ("contexts", "reason"),
    [(("A dog. ", "A cat. "), "ends with a blank"), (("A dog.", ""), "contexts is empty")],
)
def test_other_obstacles(tmp_path, contexts, reason):
    items = [*feelings(), Item("emotion_word", "x", "contrast", contexts, (" It ran.",))]
    out = export_lm_eval(write(tmp_path / "items", items), tmp_path / "out")
    assert len(documents(out, "emotion_word")) == len(feelings())
    assert reason in (out / "README.md").read_text()


@pytest.mark.parametrize("where", ["run", "run/study", "run/study/items"])
def test_a_run_a_study_and_its_items_are_the_same(tmp_path, where):
    write_items(tmp_path / "run" / "study")
    (tmp_path / "run" / "metrics.jsonl").write_text('{"step": 1}\n')
    out = export_lm_eval(tmp_path / where, tmp_path / "out")
    assert len(list(out.glob("fabula_*.yaml"))) == len(EXPRESSIBLE)


def test_an_export_may_be_repeated_but_nothing_else_is_replaced(study, tmp_path):
    first = export_lm_eval(study, tmp_path / "out")
    (first / "fabula_grammar.yaml").write_text("stale")
    export_lm_eval(study, tmp_path / "out")
    assert config(first, "grammar")["task"] == "fabula_grammar"
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("Dear")
    with pytest.raises(UserError, match="choose another --out"):
        export_lm_eval(study, tmp_path / "mine")
    assert (tmp_path / "mine" / "letter.txt").read_text() == "Dear"


def test_no_items(tmp_path):
    with pytest.raises(UserError, match="fabula study RUN"):
        export_lm_eval(tmp_path, tmp_path / "out")


def test_damaged_items(tmp_path):
    (tmp_path / "grammar.jsonl").write_text('{"probe": "grammar"}\n')
    with pytest.raises(UserError, match="one a line"):
        export_lm_eval(tmp_path, tmp_path / "out")


def test_nothing_that_can_be_expressed(tmp_path):
    folder = write(tmp_path / "items", PROBES["order"]())
    with pytest.raises(UserError, match="can't express"):
        export_lm_eval(folder, tmp_path / "out")


def test_one_task_has_one_design(tmp_path):
    mixed = [grammar()[0], Item("grammar", "x", "contrast", ("A.", "B."), (" C.",))]
    with pytest.raises(UserError, match="several designs"):
        export_lm_eval(write(tmp_path / "items", mixed), tmp_path / "out")


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("lm_eval") is None, reason="lm_eval is not installed (pip install lm-eval)"
)
def test_the_harness_and_our_scorer_agree(exported, tmp_path):
    from fabula.study.scoring.likelihood import ModelScorer
    from fabula.study.scoring.llama import open_model

    model = tiny_model(vocab_size=id_count(tiny_tokenizer()), context=256)
    folder = tiny_checkpoint(tmp_path / "model", model)
    settings = f"pretrained={folder},dtype=float32,add_bos_token=True"
    agree(run_harness(exported, tmp_path / "out", "hf", settings), ModelScorer(open_model(folder)))


def agree(found, scorer):
    """Compare the harness's results and samples with our own scorer's answers to the same items."""
    results, samples = found
    for name, make in EXPRESSIBLE.items():
        metric = "acc_mutual_info" if name == "ending" else "acc"
        expected = outcomes(make(), scorer).correct.mean()
        assert results[f"fabula_{name}"][f"{metric},none"] == pytest.approx(expected, abs=1e-3), name
        theirs = [float(value) for sample in samples[name] for [(value, _)] in sample["resps"]]
        assert theirs == pytest.approx(scorer.log_likelihoods(requests(name, make())).tolist(), abs=1e-3), name


def requests(name, items):
    """Return our requests in the harness's order: a mirrored item's table by target, not by context."""
    grouped = [item.requests() for item in items]
    if name == "binding":
        grouped = [[group[index] for index in (0, 2, 1, 3)] for group in grouped]
    return [request for group in grouped for request in group]


def run_harness(tasks, out, model, settings):
    """Run the harness without a network, as the exported README.md says."""
    arguments = [
        "--model", model, "--model_args", settings, "--tasks", "fabula",
        "--include_path", tasks, "--device", "cpu", "--log_samples", "--output_path", out,
    ]  # fmt: skip
    offline = dict.fromkeys(("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE"), "1")
    environment = {**os.environ, **offline, "HF_DATASETS_CACHE": str(out / "cache")}
    subprocess.run([sys.executable, "-m", "lm_eval", *map(str, arguments)], check=True, env=environment, timeout=500)
    [results] = out.rglob("results_*.json")
    samples = {}
    for name in EXPRESSIBLE:
        [path] = out.rglob(f"samples_fabula_{name}_[0-9]*.jsonl")
        samples[name] = [json.loads(line) for line in path.read_text().splitlines()]
    return json.loads(results.read_text())["results"], samples
