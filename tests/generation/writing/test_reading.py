"""Reading a text: each token's probability and its alternatives, whatever part of the logits is in memory."""

import numpy as np
import pytest

from fabula.generation.engine import Engine, Request
from fabula.generation.sampling import Sampling
from fabula.generation.writing import reading
from fabula.generation.writing.reading import log_probabilities, read_tokens
from tests.generation.backends import PlainBackend, constant
from tests.tiny import tiny_tokenizer

TOKENS = [0, *range(5, 40)]


@pytest.mark.parametrize("rows", [1, 7, 35, 36, 64])
def test_tokens_are_read_alike_in_parts_of_any_size(monkeypatch, rows):
    backend = PlainBackend(50, 48)
    expected = log_probabilities(backend, TOKENS, len(TOKENS))
    monkeypatch.setattr(reading, "ROWS", rows)
    found = read_tokens(backend, TOKENS, 3)
    assert [one.token for one in found] == TOKENS[1:]
    assert [one.log_probability for one in found] == [row[t] for row, t in zip(expected, TOKENS[1:], strict=False)]
    for one, row in zip(found, expected, strict=False):
        best = np.argsort(-row, kind="stable")[:3]
        assert one.alternatives == tuple((token, row[token]) for token in best)
    assert not backend.slots


def test_equally_probable_alternatives_come_by_their_ids():
    (found,) = read_tokens(PlainBackend(20, 8, constant(20, t7=1.0)), [0, 3], 4)
    assert [token for token, _ in found.alternatives] == [7, 0, 1, 2]
    assert found.log_probability == found.alternatives[1][1]


def test_a_told_story_reads_as_it_was_drawn():
    backend = PlainBackend(50, 48)
    with Engine(backend, tiny_tokenizer(), (0,)) as engine:
        story = engine.submit(Request((0, 9), 1, Sampling(max_new_tokens=9), 4, None, 5, True))
        while engine.busy:
            engine.step()
    drawn = [one.token for one in story.drawn]
    found = read_tokens(backend, [0, 9, *drawn], 5)[1:]
    assert [one.token for one in found] == drawn
    assert [one.log_probability for one in found] == pytest.approx([one.log_probability for one in story.drawn])
    assert [[token for token, _ in one.alternatives] for one in found] == [
        [token for token, _ in one.alternatives] for one in story.drawn
    ]


def test_nothing_comes_of_a_single_token():
    assert read_tokens(PlainBackend(20, 8), [3], 2) == []
