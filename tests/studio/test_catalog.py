"""What is served is what was named, as it is now; a request names ids, and no id is a path."""

import json
import os
import shutil
from pathlib import Path

import pytest

from fabula.errors import UserError
from fabula.model.record import read_record
from fabula.model.resolve import STORYTELLER
from fabula.studio import catalog as catalogs
from fabula.studio.catalog import Catalog, UnknownNameError
from fabula.studio.given import given
from fabula.training.packed import pack
from tests.studio.folders import STEPS, add_checkpoint, tiny_run
from tests.tiny import one_thread as one_thread
from tests.tiny import tiny_checkpoint


@pytest.fixture(autouse=True)
def looks_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogs, "LOOK_AGAIN_SECONDS", 0.0)


def ids(catalog: Catalog) -> list[str]:
    return [model.id for model in catalog.models()]


def test_a_run_is_all_its_checkpoints(tmp_path):
    run = tiny_run(tmp_path / "brook", 0, 20, STEPS)
    catalog = Catalog([str(run)])
    assert ids(catalog) == ["brook/step-00000", "brook/step-00020", "brook/step-00040"]
    assert catalog.default == "brook/step-00040"
    model = catalog.model("brook/step-00020")
    assert (model.label, model.run, model.step) == ("step 20 of 40", "brook", 20)
    assert model.tokens == read_record(model.folder).tokens
    assert (model.context, model.vocabulary, model.end_of_text) == (48, 300, (0,))
    (served,) = catalog.runs()
    assert served.models == tuple(ids(catalog))
    assert (served.id, served.steps, served.live, served.has_study) == ("brook", STEPS, False, False)
    assert (served.phases[0].name, served.phases[0].start, served.phases[0].end) == ("phase 1", 0, 2)
    assert served.phases[-1].end == STEPS
    assert catalog.run("brook") == served
    assert catalog.prompts("brook/step-00000").encode("Once")[0] == 0


def test_checkpoints_appear_as_a_training_writes_them_and_torn_ones_never(tmp_path):
    run = tiny_run(tmp_path / "brook")
    catalog = Catalog([str(run)])
    assert (ids(catalog), catalog.default) == ([], "")
    (run / "metrics.jsonl").write_text("{}\n")
    assert catalog.run("brook").live
    add_checkpoint(run, 10)
    torn = add_checkpoint(run, 20)
    (torn / "checkpoint.json").write_text('{"step": 20')
    shutil.copytree(run / "checkpoints" / "step-00010", run / "checkpoints" / "step-00015")
    (run / "checkpoints" / "step-00015" / "checkpoint.json").unlink()
    assert ids(catalog) == ["brook/step-00010"]
    add_checkpoint(run, STEPS)
    assert ids(catalog) == ["brook/step-00010", "brook/step-00040"]
    assert not catalog.run("brook").live, "it has come to its end"
    shutil.rmtree(run)
    assert ids(catalog) == []


def test_a_run_that_stands_still_is_not_live(tmp_path):
    run = tiny_run(tmp_path / "brook", 10)
    (run / "metrics.jsonl").write_text("{}\n")
    catalog = Catalog([str(run)])
    assert catalog.run("brook").live
    os.utime(run / "metrics.jsonl", (1, 1))
    assert not catalog.run("brook").live


def test_runs_that_begin_later_are_found_where_all_runs_are_served(tmp_path):
    catalog = Catalog([STORYTELLER], tmp_path / "runs")
    assert ids(catalog) == [STORYTELLER]
    tiny_run(tmp_path / "runs" / "brook", 10)
    (tmp_path / "runs" / "broken").mkdir()
    (tmp_path / "runs" / "broken" / "recipe.toml").write_text("what?")
    assert ids(catalog) == [STORYTELLER, "brook/step-00010"]
    assert catalog.default == STORYTELLER
    tiny_run(tmp_path / "other" / "elsewhere", 10)
    assert len(catalog.runs()) == 1


def test_single_models_have_the_names_of_their_folders(tmp_path):
    run = tiny_run(tmp_path / "brook", 10, 20)
    plain = tiny_checkpoint(tmp_path / "a model (new)")
    (plain / "checkpoint.json").unlink()
    catalog = Catalog([str(plain), str(run / "checkpoints" / "step-00020")])
    assert ids(catalog) == ["a-model-new", "brook/step-00020"]
    assert catalog.default == "a-model-new"
    assert catalog.runs() == []
    one = catalog.model("brook/step-00020")
    assert (one.run, one.step, one.label) == (None, 20, "brook, step 20")


def test_folders_of_one_name_have_different_ids(tmp_path):
    first, second = tiny_run(tmp_path / "a" / "brook", 10), tiny_run(tmp_path / "b" / "brook", 20)
    catalog = Catalog([str(first), str(second), str(first), str(second / "checkpoints" / "step-00020")])
    assert sorted(ids(catalog)) == ["brook-2/step-00020", "brook/step-00010"]
    assert catalog.model("brook-2/step-00020").run == "brook-2", "of its run, though it was named alone too"


def test_a_packed_series_is_unpacked_once(tmp_path):
    run = tiny_run(tmp_path / "brook", 10, STEPS)
    (run / "run.json").write_text(json.dumps({"corpus": {"path": ""}, "sessions": []}))
    packed = pack(run, tmp_path / "series", [])
    catalog = Catalog([str(packed)])
    assert ids(catalog) == ["series/step-00010", "series/step-00040"]
    folder = catalog.model("series/step-00010").folder
    written = folder.stat().st_mtime_ns
    assert not folder.is_relative_to(packed)
    assert ids(Catalog([str(packed)])) == ids(catalog)
    assert folder.stat().st_mtime_ns == written
    add_checkpoint(run, 20)
    pack(run, packed, [])
    assert len(ids(Catalog([str(packed)]))) == 3, "another content is another series"
    (packed / "step-00010.safetensors").write_bytes(b"")
    shutil.rmtree(folder.parents[2])
    with pytest.raises(UserError, match="was altered"):
        Catalog([str(packed)])
    (packed / "recipe.toml").unlink()
    with pytest.raises(UserError, match="no whole packed series"):
        Catalog([str(packed)])


@pytest.mark.parametrize(
    "id",
    ["", ".", "..", "/", "brook", "brook/", "../brook/checkpoints/step-00010", "brook/../brook/step-00010",
     "brook\\step-00010", "BROOK/step-00010", "brook/step-10", "storyteller", "a" * 10_000, "\0", "\ud83d"],
)  # fmt: skip
def test_no_id_is_a_path(tmp_path, monkeypatch, id):
    run = tiny_run(tmp_path / "brook", 10)
    catalog = Catalog([str(run)])
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnknownNameError) as refused:
        catalog.model(id)
    assert len(str(refused.value)) < 600
    for absolute in (str(run), str(run / "checkpoints" / "step-00010")):
        with pytest.raises(UnknownNameError):
            catalog.model(absolute)
        with pytest.raises(UnknownNameError):
            catalog.run(absolute)


def broken_run(folder: Path) -> str:
    tiny_run(folder / "brook", 10)
    (folder / "brook" / "recipe.toml").write_text("[train]\nsteps = 0\n")
    return str(folder / "brook")


def no_run(folder: Path) -> str:
    (folder / "brook" / "checkpoints").mkdir(parents=True)
    return str(folder / "brook")


def no_weights(folder: Path) -> str:
    (tiny_checkpoint(folder / "plain") / "model.safetensors").unlink()
    return str(folder / "plain")


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda folder: str(folder / "nothing"), "no model"),
        (lambda folder: str(folder), "neither a run"),
        (broken_run, "train.steps"),
        (no_run, "no recipe.toml"),
        (no_weights, "has no model"),
    ],
)
def test_what_cannot_be_served_is_said_before_anything_is(tmp_path, make, why):
    with pytest.raises(UserError, match=why) as refused:
        Catalog([make(tmp_path)])
    assert "\n" not in str(refused.value)


def test_an_empty_catalog_is_a_mistake(tmp_path):
    with pytest.raises(UserError, match="nothing to serve"):
        Catalog([], tmp_path / "runs")


def test_names_that_no_id_can_have_get_one(tmp_path):
    run = tiny_run(tmp_path / "…", 10)
    assert given(str(run), {}).id == "model"
