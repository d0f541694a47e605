"""The storyteller: reproducible, whole characters, stops where it must."""

import json
import shutil

import pytest
import torch
from tokenizers.processors import TemplateProcessing

from fabula import generation
from fabula.errors import UserError
from fabula.generation import Sampling, Storyteller
from fabula.generation.engine import WIDTH
from tests.model.reference import reference_model
from tests.tiny import tiny_checkpoint, tiny_model, tiny_tokenizer

VOCABULARY = tiny_tokenizer().get_vocab_size()
PROMPT = "Once upon a time"
CONTEXT = 48


def storyteller(**changes) -> Storyteller:
    return Storyteller(tiny_model(vocab_size=VOCABULARY, **changes), tiny_tokenizer(), (0,))


@pytest.fixture(scope="module")
def teller():
    return storyteller(context=CONTEXT)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_checkpoint(
        tmp_path_factory.mktemp("run") / "checkpoints" / "step-00007", tiny_model(vocab_size=VOCABULARY)
    )


def stories(tellings):
    return [(telling.text, telling.tokens, telling.stop_reason) for telling in tellings]


def constant(end_of_text_logit: float, **changes) -> Storyteller:
    """A model that always gives end-of-text this logit, whatever it reads, and every other token 0."""
    teller = storyteller(**changes)
    with torch.no_grad():
        teller.model.lm_head.weight.zero_()
        teller.model.model.norm.weight.zero_()
        teller.model.model.norm.weight[0] = 1
        teller.model.model.embed_tokens.weight[:, 0] = 50
        hidden = teller.model.hidden(torch.tensor([[0]]))[0, 0, 0]
        teller.model.lm_head.weight[0, 0] = end_of_text_logit / hidden
    return teller


def never_ends(**changes) -> Storyteller:
    return constant(-30, **changes)


def always_ends(**changes) -> Storyteller:
    teller = storyteller(**changes)
    teller.end_of_text = tuple(range(VOCABULARY))
    return teller


@pytest.mark.parametrize("threads", [1, 2])
def test_a_story_is_the_same_to_the_bit_whatever_is_told_beside_it(teller, threads):
    torch.set_num_threads(threads)
    sampling = Sampling(seed=100, temperature=1.5, top_p=1, max_new_tokens=25)
    many = teller.tell(PROMPT, sampling, n=WIDTH + 3)
    assert [telling.seed for telling in many] == list(range(100, 100 + WIDTH + 3))
    assert len({telling.text for telling in many}) == len(many)
    for place in (0, 3, WIDTH - 1, WIDTH + 2):
        alone = teller.tell(PROMPT, Sampling(seed=100 + place, temperature=1.5, top_p=1, max_new_tokens=25))
        assert stories(alone) == stories([many[place]])


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("width", [64, 96])
def test_the_logits_of_a_row_do_not_depend_on_the_other_rows(width, threads):
    """What the promise above rests on: with one shape, every row is added up in the same order."""
    torch.set_num_threads(threads)
    teller = storyteller(hidden=width, heads=4, intermediate=3 * width)
    tokens = teller.encode(PROMPT)
    nexts = torch.randint(VOCABULARY, (WIDTH, 6), generator=torch.Generator().manual_seed(0))

    def logits(rows):
        cache, _ = teller._prefill(tokens, 10)
        return torch.stack([teller._logits(step[:, None], cache) for step in rows.T], 1)

    together = logits(nexts)
    assert torch.equal(logits(nexts.roll(3, 0)), together.roll(3, 0))
    for row in range(WIDTH):
        assert torch.equal(logits(nexts[row].expand(WIDTH, -1))[0], together[row])


def test_greedy_is_what_transformers_generates(teller):
    tokens = teller.encode(PROMPT)
    reference = reference_model(teller.model).generate(
        torch.tensor([tokens]), max_new_tokens=20, do_sample=False, eos_token_id=0, pad_token_id=0
    )[0, len(tokens) :]
    expected = teller.tokenizer.decode(reference.tolist()).rstrip("\ufffd")
    sampling = Sampling(temperature=0, repetition_penalty=1, max_new_tokens=20)
    assert {telling.text for telling in teller.tell(PROMPT, sampling, 3)} == {expected}


def test_a_stream_gives_the_text_that_tell_returns(teller):
    for seed in range(3):
        sampling = Sampling(seed=seed, temperature=2, top_p=1, max_new_tokens=25)
        pieces = list(teller.stream(PROMPT, sampling))
        (telling,) = teller.tell(PROMPT, sampling)
        assert "".join(piece.text for piece in pieces) == telling.text
        assert (pieces[-1].tokens, pieces[-1].stop_reason) == (telling.tokens, telling.stop_reason)
        assert all(piece.text and piece.stop_reason is None for piece in pieces[:-1])
        assert all("\ufffd" not in piece.text or len(piece.text) > 1 for piece in pieces)


def test_a_stream_can_be_left_early(teller):
    pieces = teller.stream(PROMPT, Sampling())
    next(pieces)
    pieces.close()


def test_it_stops_at_end_of_text():
    (telling,) = always_ends().tell(PROMPT, Sampling())
    assert (telling.text, telling.tokens, telling.stop_reason) == ("", 1, "end-of-text")
    (piece,) = always_ends().stream(PROMPT, Sampling())
    assert (piece.text, piece.tokens, piece.stop_reason) == ("", 1, "end-of-text")


def test_it_stops_at_the_limit():
    (telling,) = never_ends().tell(PROMPT, Sampling(max_new_tokens=5, temperature=0))
    assert (telling.tokens, telling.stop_reason) == (5, "max-new-tokens")


@pytest.mark.parametrize("extra", [-1, 0, 1, 500])
def test_it_stops_at_the_end_of_the_context(extra):
    teller = never_ends(context=CONTEXT)
    room = CONTEXT - len(teller.encode(PROMPT)) + 1
    (telling,) = teller.tell(PROMPT, Sampling(max_new_tokens=room + extra, temperature=0))
    assert telling.tokens == room + min(extra, 0)
    assert telling.stop_reason == ("context" if extra > 0 else "max-new-tokens")


def test_a_prompt_that_fills_the_context_gives_one_token_and_a_longer_one_is_refused():
    teller = never_ends(context=CONTEXT)
    full = teller.tokenizer.decode(list(range(1, 30)))
    while len(teller.encode(full)) < CONTEXT:
        full += "x"
    (telling,) = teller.tell(full, Sampling())
    assert (telling.tokens, telling.stop_reason) == (1, "context")
    for call in (teller.tell, teller.stream):
        with pytest.raises(UserError, match=f"has {CONTEXT + 1} tokens .* context holds {CONTEXT}"):
            call(full + "x", Sampling())


def test_stories_of_one_batch_stop_each_for_itself(teller):
    tellings = teller.tell(PROMPT, Sampling(temperature=3, top_p=1, max_new_tokens=25), n=16)
    reasons = {telling.stop_reason for telling in tellings}
    assert "end-of-text" in reasons
    assert len(reasons) > 1
    for telling in tellings:
        assert telling.seconds > 0
        assert telling.tokens_per_second == pytest.approx(telling.tokens / telling.seconds)


def test_an_empty_prompt_begins_a_story_from_nothing(teller):
    assert teller.encode("") == [0]
    (telling,) = teller.tell("", Sampling(max_new_tokens=8))
    assert telling.tokens
    assert telling.prompt == ""


def test_end_of_text_in_a_prompt_is_letters(teller):
    tokens = teller.encode("The end<|endoftext|>Once")
    assert tokens.count(0) == 1
    assert teller.tokenizer.decode(tokens[1:]) == "The end<|endoftext|>Once"


def test_the_leading_end_of_text_is_not_penalized():
    """With the penalty, a small advantage of end-of-text would be gone and the first other token would win."""
    (telling,) = constant(1.0).tell("Tom", Sampling(temperature=0, repetition_penalty=1e9))
    assert (telling.tokens, telling.stop_reason) == (1, "end-of-text")
    (telling,) = constant(-1.0).tell("Tom", Sampling(temperature=0, repetition_penalty=1e9, max_new_tokens=3))
    assert telling.tokens == 3


def test_a_prompt_that_is_no_text_is_refused(teller):
    with pytest.raises(UserError, match="character 3 is half a surrogate"):
        teller.encode("abc\udcff")


def test_n_must_be_positive(teller):
    with pytest.raises(UserError, match="n = 0"):
        teller.tell(PROMPT, Sampling(), n=0)


def test_a_run_and_its_checkpoint_load_the_same(folder):
    run, checkpoint = generation.load(folder.parents[1]), generation.load(str(folder))
    sampling = Sampling(max_new_tokens=10)
    assert stories(run.tell(PROMPT, sampling)) == stories(checkpoint.tell(PROMPT, sampling))
    assert checkpoint.lead == [0]


def test_a_plain_folder_whose_tokenizer_adds_nothing_gets_a_leading_end_of_text(folder, tmp_path):
    plain = shutil.copytree(folder, tmp_path / "plain")
    (plain / "tokenizer.json").write_text(tiny_tokenizer().to_str())
    (plain / "generation_config.json").unlink()
    (plain / "checkpoint.json").unlink()
    ours, theirs = Storyteller.load(folder), Storyteller.load(plain)
    assert theirs.encode(PROMPT) == ours.encode(PROMPT)
    assert theirs.end_of_text == (0,)


def test_a_tokenizer_with_its_own_beginning_keeps_it():
    tokenizer = tiny_tokenizer()
    word = tokenizer.id_to_token(9)
    tokenizer.post_processor = TemplateProcessing(single=f"{word} $A", pair=None, special_tokens=[(word, 9)])
    teller = Storyteller(tiny_model(vocab_size=VOCABULARY), tokenizer, (0,))
    assert teller.encode("Tom") == [9, *tiny_tokenizer().encode("Tom", add_special_tokens=False).ids]


def test_any_of_several_ends_of_text_ends_a_story(folder, tmp_path):
    plain = shutil.copytree(folder, tmp_path / "plain")
    (plain / "generation_config.json").write_text(json.dumps({"eos_token_id": list(range(VOCABULARY))}))
    (telling,) = Storyteller.load(plain).tell(PROMPT, Sampling())
    assert (telling.tokens, telling.stop_reason) == (1, "end-of-text")


def test_a_tokenizer_with_more_tokens_than_the_model_is_refused():
    teller = Storyteller(tiny_model(vocab_size=100), tiny_tokenizer(), (0,))
    with pytest.raises(UserError, match="the model has 100 tokens"):
        teller.tell("Once upon a time", Sampling())
