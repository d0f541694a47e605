"""The model card: every number from a record, or no card."""

import json
import math
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from fabula import recipe as recipes
from fabula.errors import UserError
from fabula.publish import wording
from fabula.publish.card import Card, Subject, write_card
from fabula.publish.records import NOTHING, Records
from fabula.study.folder import StudyFolder
from fabula.study.results import write_results
from fabula.study.series import weights_hash
from tests.publish.run import HIGH, LABEL, LOW, NATS, STEP, loss_row, rewrite, studied_run, verdicts, write_records

TEXTS = {name: value for name, value in vars(wording).items() if name.isupper() and isinstance(value, str)}
CHECKPOINT = f"step-{STEP:05d}"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run that no test changes."""
    return studied_run(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def text(run, tmp_path_factory):
    return write_card(run, tmp_path_factory.mktemp("card") / "card.md").read_text()


@pytest.fixture
def own_run(tmp_path):
    """A run for a test that changes it."""
    return studied_run(tmp_path)


def body(card: str) -> str:
    return card.split("## Where the numbers come from")[0]


def sources(card: str) -> list[list[str]]:
    table = card.split("| written | file | record |\n| --- | --- | --- |\n")[1].split("\n\n")[0]
    return [re.split(r" (?<!\\)\| ", line.strip("| ")) for line in table.splitlines()]


@pytest.mark.parametrize("name", TEXTS)
def test_no_text_holds_a_digit_of_its_own(name):
    left = re.sub(r"<<[^>]*>>", "", TEXTS[name])
    for term in wording.TECHNICAL:
        left = left.replace(term, "")
    assert not re.findall(r".*\d.*", left)


def test_no_text_says_that_a_model_understands():
    assert not re.findall(r"understand|knows how|is able to", " ".join(TEXTS.values()).lower())


def test_every_number_of_the_body_is_among_the_sources(text):
    left = body(text)
    for term in [*wording.TECHNICAL, *sorted((row[0] for row in sources(text)), key=len, reverse=True)]:
        left = left.replace(term, "")
    assert not re.findall(r".*\d.*", left)


def test_every_source_says_where(text):
    for written, file, record in sources(text):
        assert written
        assert file
        assert record.strip("`")


def test_its_numbers_are_the_records(text):
    assert f"held-out loss: {NATS / math.log(2):.4f} bits/byte" in text
    assert f"[{LOW / math.log(2):.4f}, {HIGH / math.log(2):.4f}]" in text
    assert "| parameters | 23,456 |" in text
    assert f"Its last checkpoint stands at step\n{STEP} of {STEP}, after 40,000 target tokens." in text
    assert "seed 0, 777\ntraining stories" in text
    assert "13.3 min, 1.00 GiB" in text
    assert "Fabula 9.8.7, PyTorch 6.5.4, Python 3.21" in text
    assert "What is true now (one of its words is in the training text)" in text


def test_every_phase_states_its_verdict(text):
    parts = text.split("\n### ")[1:]
    assert [part.splitlines()[0] for part in parts[:5]] == [f"Steps {100 * n} to {100 * n + 99}" for n in range(5)]
    assert "Measured, at the end of these steps and of training: **supported**" in parts[0]
    assert "Measured, at the end of these steps and of training: **not supported**" in parts[1]
    assert "breaks no rule of English? | 61.2 % | 59.9 % to 67.9 % | 54.3 % | 100.0 % | 321 | supported |" in parts[0]
    for part in parts:
        assert "**inconclusive**" in part
        assert "(as far as this test goes)" in part
    assert len(parts) == len(verdicts().claims)


def test_the_front_matter_is_one_that_the_hub_reads(run, text, tmp_path):
    from huggingface_hub import ModelCard

    (tmp_path / "README.md").write_text(text)
    data = ModelCard.load(tmp_path / "README.md").data
    assert (data.license, data.language, data.library_name, data.pipeline_tag) == (
        "apache-2.0", "en", "transformers", "text-generation",
    )  # fmt: skip
    assert data.datasets is None
    assert data.model_name == LABEL
    [result] = data.eval_results
    assert (result.metric_type, result.metric_value) == ("bits_per_byte", pytest.approx(NATS / math.log(2), abs=1e-4))
    assert result.dataset_name == "tiny"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (("tinystories",), "CDLA-Sharing"),
        (("/home/someone/secret/mine.txt",), "Source: mine.txt"),
        (("storyworld",), "built-in story world"),
    ],
)
def test_the_dataset(tmp_path, source, said):
    recipe = recipes.from_table({"train": {"steps": STEP}, "corpus": {"source": list(source)}})
    card = write_card(studied_run(tmp_path, recipe)).read_text()
    assert said in card
    assert ("roneneldan/TinyStories" in card) == (source == ("tinystories",))
    assert "secret" not in card
    assert str(tmp_path) not in card


def test_only_the_reference_shape_is_set_against_the_reference_card(own_run, text):
    assert "190.55" not in text
    (own_run / "recipe.toml").write_text(recipes.to_toml(recipes.load("test-1")))
    card = Card(Subject.find(str(own_run)))
    assert not card.is_reference_shape()
    card.records.contents["config"] |= {"vocab_size": 50_257}
    card.records.value("study", f"series[label={LABEL}]")["parameters"] = 190_460_160
    card.derive()
    assert card.is_reference_shape()
    written = card.text()
    assert "which states 190.55 M parameters" in written
    assert "has 190,460,160, which is 89,840 fewer" in written
    assert "loss of 0.573 is a claim" in written


def test_the_pinned_loss_is_added_when_it_is_on_record(own_run):
    record = {
        "nats_per_token": 2.03, "nats_per_token_interval": [2.01, 2.05], "bits_per_byte": 0.798,
        "bits_per_byte_interval": [0.79, 0.8061], "stories": 2_234, "stories_in_training": 0,
        "model": f"elsewhere/checkpoints/{CHECKPOINT}",
    }  # fmt: skip
    (own_run / "evaluation.json").write_text(json.dumps(record))
    assert "| all held-out stories, nats/token | 2.0300 | 2.0100 to 2.0500 |" in write_card(own_run).read_text()
    (own_run / "evaluation.json").write_text(json.dumps(record | {"model": "runs/brook/checkpoints/step-00001"}))
    with pytest.raises(UserError, match="measured step-00001, not step-00400"):
        write_card(own_run)


@pytest.mark.parametrize("file", ["study/study.json", "study/verdicts.json", "study/results.parquet"])
def test_without_a_study_there_is_no_card(own_run, file):
    (own_run / file).unlink()
    with pytest.raises(UserError, match=rf"{file} is missing, and a card states no number .*: fabula study {own_run}"):
        write_card(own_run)
    assert not (own_run / "README.md").exists()


@pytest.mark.parametrize("file", ["run.json", "metrics.jsonl"])
def test_without_the_runs_records_there_is_no_card(own_run, file):
    (own_run / file).unlink()
    with pytest.raises(UserError, match=rf"{file} is missing.*fabula train"):
        write_card(own_run)


@pytest.mark.parametrize(
    ("file", "change", "missing"),
    [
        ("run.json", lambda values: values["versions"].pop("torch"), "versions.torch"),
        ("study/verdicts.json", lambda values: values["order_probability"].clear(), "order_probability"),
        ("study/verdicts.json", lambda values: values["probes"][0].pop("value"), "probe=grammar,group=river].value"),
        ("study/verdicts.json", lambda values: values["claims"][2].pop("wording"), "claim=C3,group=river].wording"),
    ],
)
def test_a_number_without_a_record_is_refused(own_run, file, change, missing):
    rewrite(own_run / file, change)
    with pytest.raises(UserError, match=re.escape(missing)):
        write_card(own_run)


def test_a_study_without_the_held_out_loss_is_refused(own_run):
    write_results(StudyFolder(own_run / "study").results, [replace(loss_row(), measure="gain2")])
    with pytest.raises(UserError, match=r"results.parquet has no record \[series=brook.*measure=nats_per_byte\]"):
        write_card(own_run)


def test_a_claim_that_was_not_measured_says_so(own_run):
    rewrite(own_run / "study" / "verdicts.json", lambda values: values["claims"].pop(2))
    card = write_card(own_run).read_text()
    assert "### Narrative coherence\n\nClaimed, and not measured by this study." in card
    assert "- not measured: narrative coherence" in card


def test_numbers_that_do_not_apply_are_dashes(own_run):
    def forget(values):
        values["probes"][0] |= {"value": None, "interval": None, "baseline": None, "half": None}

    rewrite(own_run / "study" / "verdicts.json", forget)
    cells = ["breaks no rule of English?", NOTHING, "", NOTHING, "100.0 %", NOTHING, "supported"]
    assert " | ".join(cells) in write_card(own_run).read_text()


def test_a_study_of_other_weights_is_refused(own_run):
    rewrite(own_run / "study" / "study.json", lambda values: values["series"][0]["checkpoints"][0].update(weights="0"))
    with pytest.raises(UserError, match="says nothing of step-00400"):
        write_card(own_run)


def test_a_study_of_several_runs_can_be_named(own_run, tmp_path):
    elsewhere = (own_run / "study").rename(tmp_path / "seeds")
    card = write_card(own_run, study=elsewhere).read_text()
    assert "| `verdicts.json` | `rules_version` |" in card
    assert str(tmp_path) not in card


@pytest.mark.parametrize(("name", "said"), [("nothing", "no model"), ("checkpoints", "is neither a run")])
def test_what_is_no_run_or_model_is_refused(own_run, name, said):
    with pytest.raises(UserError, match=said):
        write_card(own_run / name)


def test_a_run_without_its_recipe_is_refused(own_run):
    (own_run / "recipe.toml").unlink()
    with pytest.raises(UserError, match=r"recipe.toml is missing.*fabula train"):
        write_card(own_run, own_run / "card.md")


@pytest.fixture
def model(own_run, tmp_path):
    """A model that was taken out of its run, its study, and a folder for what is kept of the run's records."""
    folder, study, records = (tmp_path / name for name in ("teller", "teller-study", "records"))
    shutil.copytree(own_run / "checkpoints" / CHECKPOINT, folder)
    (folder / "checkpoint.json").unlink()
    (own_run / "study").rename(study)
    single = {"label": "teller", "group": "teller", "seed": None, "steps": 0}
    weights = weights_hash(folder)

    def alone(values):
        values["series"][0] |= single | {"checkpoints": [{"step": 0, "tokens": None, "path": "", "weights": weights}]}

    def without_time(values):
        for entry in values["claims"]:
            entry |= {"group": "teller", "timing": None, "window": None}
        for entry in values["probes"]:
            entry |= {"group": "teller", "half": None}
        values |= {"phases": {"teller": "inconclusive"}, "order_probability": {"teller": None}}

    rewrite(study / "study.json", alone)
    rewrite(study / "verdicts.json", without_time)
    row = replace(loss_row(), series="teller", group="teller", seed=None, step=0, tokens=None)
    write_results(StudyFolder(study).results, [row])
    records.mkdir()
    return folder


def test_a_model_without_a_run_has_a_card_of_what_is_known(model, tmp_path):
    card = write_card(model, tmp_path / "card.md", tmp_path / "teller-study").read_text()
    assert "# teller: a narrative model" in card
    assert "a single model, not a series" in card
    assert "How it was trained is not on record here." in card
    assert f"held-out loss: {NATS / math.log(2):.4f} bits/byte" in card
    assert "### Steps" not in card
    assert "training loss of the last batch" not in card
    assert 'model_path = "."' in card
    assert card.count("**supported**") == 1
    assert str(tmp_path) not in card


def test_what_is_kept_of_its_run_is_in_its_card(own_run, model, tmp_path):
    records = tmp_path / "records"
    for name in ("recipe.toml", "run.json"):
        shutil.copyfile(own_run / name, records / name)
    asked = (model, tmp_path / "card.md", tmp_path / "teller-study", records)
    card = write_card(*asked).read_text()
    assert "Fabula 9.8.7, PyTorch 6.5.4, Python 3.21" in card
    assert "time, peak memory" not in card
    shutil.copyfile(own_run / "metrics.jsonl", records / "metrics.jsonl")
    assert "13.3 min, 1.00 GiB" in write_card(*asked).read_text()


def test_a_licence_on_record_is_stated(own_run, model, tmp_path):
    records = tmp_path / "records"
    recipe = recipes.from_table({"corpus": {"source": ["mine.txt"]}})
    write_records(records, recipe)
    asked = (model, tmp_path / "card.md", tmp_path / "teller-study", records)
    assert "origin and licence are not on record" in write_card(*asked).read_text()
    rewrite(records / "run.json", lambda values: values.update(data={"licence": "Mine, all of it"}))
    assert "Mine, all of it." in write_card(*asked).read_text()


def test_another_models_weights_and_sampling_are_said(model, tmp_path):
    records = tmp_path / "records"
    write_records(records, recipes.from_table({"train": {"start_from": "/somewhere/runs/first"}}))
    rewrite(records / "run.json", lambda values: values.update(mean_of=["last", "plainest"]))
    rewrite(model / "generation_config.json", lambda values: values.update(do_sample=True, temperature=0.25))
    card = write_card(model, tmp_path / "card.md", tmp_path / "teller-study", records).read_text()
    assert "| begun with the weights of | first |" in card
    assert "| its weights are the mean of those of | last, plainest |" in card
    assert "temperature=0.25" in card
    assert "somewhere" not in card


def test_a_models_card_needs_a_place_and_a_study_of_its_weights(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="is no run: name the file"):
        write_card("teller")
    assert write_card("teller", tmp_path / "card.md").is_file()  # teller-study is where `fabula study` puts it
    save_file({"other": torch.zeros(2)}, model / "model.safetensors")
    with pytest.raises(UserError, match="teller-study says nothing of teller as it is now: fabula study teller"):
        write_card("teller", tmp_path / "card.md")


def test_it_is_written_where_it_is_asked_for(own_run, tmp_path):
    assert write_card(own_run) == own_run / "README.md"
    assert write_card(own_run, tmp_path / "new" / "card.md") == tmp_path / "new" / "card.md"
    assert write_card(own_run, tmp_path) == tmp_path / "README.md"


def test_a_dot_names_the_run_too(own_run, monkeypatch):
    expected = write_card(own_run).read_text()
    monkeypatch.chdir(own_run)
    assert write_card(Path()).read_text() == expected


def test_records_of_every_kind(run):
    records = Records(run, run / "checkpoints" / CHECKPOINT, run / "study")
    assert records.value("metrics", "[-1].step") == STEP
    assert records.value("metrics", "[step=7].seconds") == 14
    assert records.value("recipe", "train.steps") == STEP
    assert records.value("probes", "[grammar].title") == "Grammar"
    for path in ("[step=7.5]", "[99999].step", "[-1].pace", "[-1].step.more", "[step]"):
        with pytest.raises(UserError, match="no record"):
            records.value("metrics", path)


def test_a_damaged_record_is_named(own_run):
    (own_run / "study" / "results.parquet").write_bytes(b"PAR1")
    with pytest.raises(UserError, match=r"results.parquet can't be read"):
        write_card(own_run)


@pytest.mark.slow
def test_the_snippet_runs(own_run, monkeypatch, capsys):
    pytest.importorskip("transformers")
    card = write_card(own_run).read_text()
    snippet = card.split("```python\n")[1].split("```")[0].replace("=512", "=8")
    monkeypatch.chdir(own_run)
    exec(compile(snippet, "card", "exec"), {})
    assert capsys.readouterr().out.startswith("Once upon a time")
