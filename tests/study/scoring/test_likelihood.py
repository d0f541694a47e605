"""Requests in tokens, and what a model answers to items."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fabula.study.items.item import Item, Request
from fabula.study.scoring.likelihood import ModelScorer, score_items
from tests.study.scoring.stand_in import StandIn, bigram
from tests.tiny import STORIES

WORDS = st.lists(
    st.sampled_from(["the", "cat", "Tom", ".", "red", "café", "🎂", ",", "“Oh", "no!”", "12"]), min_size=1, max_size=6
)


@pytest.fixture(scope="module")
def scorer() -> ModelScorer:
    return ModelScorer(StandIn(bigram(), context=200))


def joined(scorer: ModelScorer, text: str) -> list[int]:
    return [0, *scorer.model.tokenizer.encode(text, add_special_tokens=False).ids]


@settings(deadline=None)
@given(WORDS, WORDS)
def test_a_target_that_begins_with_a_space_parts_from_its_context(scorer, context, target):
    context, target = " ".join(context), " " + " ".join(target)
    (question,) = scorer.questions([Request(context, target)])
    decode = scorer.model.tokenizer.decode
    assert decode(question.prefix[1:], skip_special_tokens=False) == context
    assert decode(question.branch, skip_special_tokens=False) == target
    assert question.prefix[0] == 0
    assert question.counted.all()


def test_a_token_across_the_border_belongs_to_the_target(scorer):
    whole = joined(scorer, "Tom. The ball")
    (question,) = scorer.questions([Request("Tom. Th", "e ball", ((0, 1),))])
    assert [*question.prefix, *question.branch] == whole
    assert scorer.model.tokenizer.decode(question.prefix[1:]) == "Tom."
    assert question.branch[0] == scorer.model.tokenizer.encode(" The").ids[0]
    # Of that token only the part in the target is looked at.
    assert np.flatnonzero(question.counted).tolist() == [0]


@pytest.mark.parametrize(
    ("spans", "counted"),
    [
        (((1, 4),), [" the"]),
        (((0, 1),), []),
        (((2, 4),), []),
        (((1, 4), (9, 11)), [" the", " sat"]),
        ((), []),
        (None, [" the", " cat", " sat"]),
    ],
)
def test_a_token_counts_where_its_first_letter_does(spans, counted):
    scorer = ModelScorer(StandIn(bigram(), context=200))
    (question,) = scorer.questions([Request("Then", " the cat sat", spans)])
    decode = scorer.model.tokenizer.decode
    pieces = [decode([token]) for token in question.branch]
    assert "".join(pieces) == " the cat sat"
    kept = "".join(piece for piece, counts in zip(pieces, question.counted, strict=True) if counts)
    assert kept == "".join(counted)


def test_every_token_of_a_letter_in_a_span_counts(scorer):
    (question,) = scorer.questions([Request("A", " 🎈 is", ((1, 2),))])
    assert question.counted.sum() >= 2
    assert scorer.model.tokenizer.decode(np.array(question.branch)[question.counted]).strip() == "🎈"


def test_likelihoods_are_the_models_sums(scorer):
    requests = [
        Request("", " Tom had a ball."),
        Request("Tom had", " a red ball."),
        Request("Tom had", " a red ball.", ((3, 6),)),
        Request("Tom had", " a cat."),
        Request("Tom had", " a red ball."),
        Request("Tom had", ""),
    ]
    found = scorer.log_likelihoods(requests)
    rule = bigram()
    for value, request in zip(found, requests, strict=True):
        (question,) = scorer.questions([request])
        sequence = [question.prefix[-1], *question.branch]
        terms = [rule([before])[after] for before, after in itertools.pairwise(sequence)]
        assert value == pytest.approx(sum(np.array(terms)[question.counted]))
    assert found[1] == found[4]
    assert found[5] == 0
    assert scorer.log_likelihoods([]).shape == (0,)


def test_a_context_is_asked_once(monkeypatch):
    model = StandIn(bigram(), context=200)
    asked = []
    monkeypatch.setattr(
        model, "log_probabilities", lambda trees: asked.extend(trees) or StandIn.log_probabilities(model, trees)
    )
    contexts, targets = ("Tom saw the", "The cat saw the"), (" ball", " bird", " mat")
    ModelScorer(model).log_likelihoods([Request(c, t) for c in contexts for t in targets for _ in range(2)])
    assert [len(tree.branches) for tree in asked] == [3, 3]


def test_what_fits_the_context():
    scorer = ModelScorer(StandIn(bigram()))
    target = " and then"
    tokens = len(scorer.model.tokenizer.encode(STORIES[0] + target, add_special_tokens=False).ids)
    item = Item("p", "c", "choice", (STORIES[0],), (" x", target))
    # End-of-text takes a position, the last token takes none.
    scorer.model.context = tokens
    assert scorer.fits(item)
    scorer.log_likelihoods(item.requests())
    scorer.model.context = tokens - 1
    assert not scorer.fits(item)


def test_scores_name_their_items():
    model = StandIn(bigram(), context=200)
    items = [
        Item("p", "a", "choice", ("Tom had a",), (" ball.", " cat."), gold=1, condition="x"),
        Item("p", "b", "mirrored", ("Tom saw the cat", "The cat saw Tom"), (" run.", " fall.")),
    ]
    scores = score_items(items, model)
    assert scores.units.tolist() == [item.id for item in items]
    assert scores.clusters.tolist() == ["a", "b"]
    assert scores.conditions.tolist() == ["x", ""]
    assert sorted(scores.columns) == ["choice", "correct", "margin", "pair"]
    ball, cat = ModelScorer(model).log_likelihoods(items[0].requests())
    assert scores.columns["margin"][0] == pytest.approx(cat - ball)
    assert scores.columns["correct"][0] == float(cat > ball)
