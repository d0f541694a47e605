"""How a model is told, as its own folder says."""

import json
from pathlib import Path

import pytest

from fabula.errors import UserError
from fabula.generation.own_sampling import own_sampling
from fabula.generation.sampling import Sampling
from fabula.generation.storyteller import Storyteller
from fabula.model.folder import GENERATION
from tests.tiny import one_thread as one_thread
from tests.tiny import tiny_checkpoint


def written(folder: Path, **values: object) -> Path:
    (folder / GENERATION).write_text(json.dumps(values), encoding="utf-8")
    return folder


def test_its_parameters_have_the_hubs_names(tmp_path: Path) -> None:
    said = {"temperature": 0.5, "top_p": 1, "top_k": 40, "repetition_penalty": 1.0, "no_repeat_ngram_size": 6}
    found = own_sampling(written(tmp_path, do_sample=True, eos_token_id=0, min_p=None, **said))
    assert found == Sampling(temperature=0.5, top_p=1.0, top_k=40, repetition_penalty=1.0, no_repeat_ngram=6)


@pytest.mark.parametrize("values", [{}, {"temperature": 0.5}, {"do_sample": False, "temperature": 0.5}])
def test_what_is_not_for_drawing_is_left_alone(values: dict[str, object], tmp_path: Path) -> None:
    assert own_sampling(tmp_path) == Sampling()
    assert own_sampling(written(tmp_path, **values)) == Sampling()


def test_a_parameter_out_of_range_is_named_with_its_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"generation_config.json: top_p = 1.5 must be at least 0 and at most 1"):
        own_sampling(written(tmp_path, do_sample=True, top_p=1.5))


def test_a_storyteller_tells_so_unless_it_is_told_otherwise(tmp_path: Path) -> None:
    folder = tiny_checkpoint(tmp_path / "model")
    greedy = Storyteller.load(folder, device="cpu").generate("One day", temperature=0, max_new_tokens=8)
    written(folder, do_sample=True, temperature=5.0, eos_token_id=0)
    own = Storyteller.load(folder, device="cpu")
    assert own.sampling == Sampling(temperature=5.0)
    assert own.generate("One day", max_new_tokens=8)[0].text != greedy[0].text
    assert own.generate("One day", Sampling(temperature=0, max_new_tokens=8))[0].text == greedy[0].text
