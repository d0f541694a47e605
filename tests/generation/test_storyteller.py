"""The storyteller: prompts in, whole stories out, from a plain backend and from real ones."""

import importlib
import json
import math
import shutil
import subprocess
import sys

import pytest
import torch
from tokenizers.processors import TemplateProcessing

import fabula
from fabula import generation
from fabula.errors import UserError
from fabula.generation import Sampling, Storyteller, loading
from fabula.generation.drafts.ngram import NgramDraft
from fabula.generation.torch_backend import TorchBackend
from tests.generation.backends import PlainBackend, constant
from tests.generation.engines import RULE
from tests.model.reference import reference_model
from tests.tiny import tiny_checkpoint, tiny_model, tiny_tokenizer

native_library = importlib.import_module("fabula.native.library")
VOCABULARY = tiny_tokenizer().get_vocab_size()
PROMPT = "Once upon a time"
CONTEXT = 48
WILD = Sampling(temperature=1.5, top_p=1, max_new_tokens=25)

native = pytest.mark.skipif(native_library.library() is None, reason=native_library.why_not())
BACKENDS = [pytest.param("torch"), pytest.param("native", marks=native)]


def storyteller(rule=RULE, context=CONTEXT, end_of_text=(0,), **settings) -> Storyteller:
    return Storyteller(PlainBackend(VOCABULARY, context, rule), tiny_tokenizer(), end_of_text, **settings)


@pytest.fixture
def teller():
    return storyteller()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_checkpoint(
        tmp_path_factory.mktemp("run") / "checkpoints" / "step-00007", tiny_model(vocab_size=VOCABULARY)
    )


@pytest.fixture(scope="module", params=BACKENDS)
def real(folder, request):
    return Storyteller.load(folder, backend=request.param, device="cpu")


def stories(tellings):
    return [(telling.text, telling.tokens, telling.stop_reason) for telling in tellings]


def test_a_story_is_the_same_whatever_is_told_beside_it(teller):
    many = teller.generate(PROMPT, WILD, n=70, seed=100)
    assert [telling.seed for telling in many] == list(range(100, 170))
    assert len({telling.text for telling in many}) > 60
    for place in (0, 3, 69):
        assert stories(teller.generate(PROMPT, WILD, seed=100 + place)) == stories([many[place]])


def test_several_prompts_are_told_together(teller):
    prompts = [PROMPT, "", "The cat", PROMPT]
    together = teller.generate(prompts, WILD, n=2, seed=5)
    assert [telling.prompt for telling in together] == [prompt for prompt in prompts for _ in range(2)]
    assert [telling.seed for telling in together] == [5, 6] * 4
    alone = [teller.generate(prompt, WILD, n=2, seed=5) for prompt in prompts]
    assert stories(together) == stories([telling for tellings in alone for telling in tellings])
    assert teller.generate([], WILD) == []


def test_a_stream_gives_the_text_that_generate_returns(teller):
    for seed in range(10):
        pieces = list(teller.stream(PROMPT, WILD, seed=seed))
        (telling,) = teller.generate(PROMPT, WILD, seed=seed)
        assert "".join(piece.text for piece in pieces) == telling.text
        assert (pieces[-1].tokens, pieces[-1].stop_reason) == (telling.tokens, telling.stop_reason)
        assert all(piece.text and piece.stop_reason is None for piece in pieces[:-1])
        drawn = [one for piece in pieces for one in piece.drawn]
        assert [one.token for one in drawn] == [one.token for one in telling.drawn]
        assert [piece.tokens for piece in pieces] == [
            sum(len(piece.drawn) for piece in pieces[: place + 1]) for place in range(len(pieces))
        ]


def test_a_stream_that_is_left_early_frees_its_slot():
    teller = storyteller(constant(VOCABULARY, t9=90))
    pieces = teller.stream(PROMPT, WILD)
    next(pieces)
    assert teller.backend.slots
    pieces.close()
    assert not teller.backend.slots
    teller.stream(PROMPT, WILD).close()


def test_streams_and_stories_may_be_told_in_turns(teller):
    expected = [list(teller.stream(PROMPT, WILD, seed=seed)) for seed in (1, 2)]
    first, second = (teller.stream(PROMPT, WILD, seed=seed) for seed in (1, 2))
    begun = [next(first), next(second)]
    (beside,) = teller.generate(PROMPT, WILD, seed=3)
    told = [[begun[0], *first], [begun[1], *second]]
    assert [[piece.text for piece in pieces] for pieces in told] == [
        [piece.text for piece in pieces] for pieces in expected
    ]
    assert stories([beside]) == stories(teller.generate(PROMPT, WILD, seed=3))
    assert not teller.backend.slots


def test_fields_of_sampling_may_be_given_by_name(teller):
    assert stories(teller.generate(PROMPT, temperature=0, max_new_tokens=7)) == stories(
        teller.generate(PROMPT, Sampling(temperature=0, max_new_tokens=7))
    )
    with pytest.raises(UserError, match=r"no parameter 'temprature' of sampling: did you mean 'temperature'\?"):
        teller.generate(PROMPT, temprature=0.3)
    with pytest.raises(UserError, match="top_p = 2"):
        teller.stream(PROMPT, top_p=2)


def test_probabilities_are_given_when_asked_for(teller):
    (without,) = teller.generate(PROMPT, WILD)
    (telling,) = teller.generate(PROMPT, WILD, probabilities=True, alternatives=2)
    assert stories([telling]) == stories([without])
    assert without.log_probability is None
    assert telling.log_probability == pytest.approx(math.fsum(one.log_probability for one in telling.drawn))
    assert telling.log_probability < 0
    assert all(len(one.alternatives) == 2 for one in telling.drawn)


def test_a_story_ends_before_a_stop_text(teller):
    (whole,) = teller.generate(PROMPT, WILD, seed=1)
    middle = whole.text[len(whole.text) // 2 :][:2]
    (telling,) = teller.generate(PROMPT, WILD, seed=1, stop=(middle,))
    assert telling.stop_reason == "stop-text"
    assert telling.text == whole.text[: whole.text.index(middle)]
    assert "".join(piece.text for piece in teller.stream(PROMPT, WILD, seed=1, stop=[middle])) == telling.text


def test_the_time_of_a_story_is_its_own(teller):
    for telling in teller.generate(PROMPT, WILD, n=80):
        assert telling.seconds > 0
        assert telling.tokens_per_second == pytest.approx(telling.tokens / telling.seconds)


def test_it_stops_at_end_of_text():
    teller = storyteller(end_of_text=tuple(range(VOCABULARY)))
    (telling,) = teller.generate(PROMPT)
    assert (telling.text, telling.tokens, telling.stop_reason) == ("", 1, "end-of-text")
    (piece,) = teller.stream(PROMPT)
    assert (piece.text, piece.tokens, piece.stop_reason) == ("", 1, "end-of-text")


def test_a_prompt_that_fills_the_context_gives_one_token_and_a_longer_one_is_refused():
    teller = storyteller(constant(VOCABULARY, t9=90))
    full = teller.tokenizer.decode(list(range(1, 30)))
    while len(teller.encode(full)) < CONTEXT:
        full += "x"
    (telling,) = teller.generate(full)
    assert (telling.tokens, telling.stop_reason) == (1, "context")
    for call in (teller.generate, teller.stream):
        with pytest.raises(UserError, match=f"has {CONTEXT + 1} tokens .* context holds {CONTEXT}"):
            call(full + "x")


def test_an_empty_prompt_begins_a_story_from_nothing(teller):
    assert teller.encode("") == [0]
    (telling,) = teller.generate("", max_new_tokens=8)
    assert telling.tokens
    assert telling.prompt == ""


def test_end_of_text_in_a_prompt_is_letters(teller):
    tokens = teller.encode("The end<|endoftext|>Once")
    assert tokens.count(0) == 1
    assert teller.tokenizer.decode(tokens[1:]) == "The end<|endoftext|>Once"


def test_the_leading_end_of_text_is_not_penalized():
    teller = storyteller(constant(VOCABULARY, t0=1, t9=0.5))
    (telling,) = teller.generate("Tom", temperature=0, repetition_penalty=1e9)
    assert (telling.tokens, telling.stop_reason) == (1, "end-of-text")


def test_a_prompt_that_is_no_text_is_refused(teller):
    with pytest.raises(UserError, match="character 3 is half a surrogate"):
        teller.encode("abc\udcff")


@pytest.mark.parametrize("n", [0, -1, 1.5])
def test_n_must_be_a_positive_whole_number(teller, n):
    with pytest.raises(UserError, match=f"n = {n} must"):
        teller.generate(PROMPT, n=n)


def test_a_tokenizer_with_its_own_beginning_keeps_it():
    tokenizer = tiny_tokenizer()
    word = tokenizer.id_to_token(9)
    tokenizer.post_processor = TemplateProcessing(single=f"{word} $A", pair=None, special_tokens=[(word, 9)])
    teller = Storyteller(PlainBackend(VOCABULARY, CONTEXT), tokenizer, (0,))
    assert teller.encode("Tom") == [9, *tiny_tokenizer().encode("Tom", add_special_tokens=False).ids]


def test_a_tokenizer_with_more_tokens_than_the_model_is_refused():
    teller = Storyteller(PlainBackend(100, CONTEXT), tiny_tokenizer(), (0,))
    with pytest.raises(UserError, match="the model has 100 tokens"):
        teller.generate("Once upon a time")


def test_greedy_is_what_transformers_generates(real, folder):
    tokens = real.encode(PROMPT)
    model = tiny_model(vocab_size=VOCABULARY)
    reference = reference_model(model).generate(
        torch.tensor([tokens]), max_new_tokens=20, do_sample=False, eos_token_id=0, pad_token_id=0
    )[0, len(tokens) :]
    expected = real.tokenizer.decode(reference.tolist()).rstrip("\ufffd")
    told = real.generate(PROMPT, n=3, temperature=0, repetition_penalty=1, max_new_tokens=20)
    assert {telling.text for telling in told} == {expected}


def test_a_real_model_streams_what_it_generates(real):
    for seed in range(3):
        pieces = list(real.stream(PROMPT, WILD, seed=seed))
        (telling,) = real.generate(PROMPT, WILD, seed=seed)
        assert "".join(piece.text for piece in pieces) == telling.text


@pytest.mark.parametrize("past_context", ["stop", "slide"])
def test_an_exact_model_tells_the_same_story_beside_others_and_with_a_draft(real, past_context):
    if not real.backend.exact:
        pytest.skip("equal up to rounding only")
    sampling = Sampling(temperature=1.2, max_new_tokens=80, past_context=past_context)
    together = real.generate([PROMPT, "The cat sat on the mat. Then the cat", ""], sampling, n=4)
    alone = [
        telling
        for prompt in (PROMPT, "The cat sat on the mat. Then the cat", "")
        for seed in range(4)
        for telling in real.generate(prompt, sampling, seed=seed)
    ]
    assert stories(together) == stories(alone)
    drafting = Storyteller(real.backend, real.tokenizer, real.end_of_text, draft=NgramDraft())
    assert stories(drafting.generate([PROMPT, "The cat sat on the mat. Then the cat", ""], sampling, n=4)) == stories(
        alone
    )


def test_a_run_and_its_checkpoint_load_the_same(folder):
    run, checkpoint = fabula.load(folder.parents[1], device="cpu"), generation.load(str(folder), device="cpu")
    assert stories(run.generate(PROMPT, max_new_tokens=10)) == stories(checkpoint.generate(PROMPT, max_new_tokens=10))
    assert checkpoint.lead == [0]


def test_a_plain_folder_whose_tokenizer_adds_nothing_gets_a_leading_end_of_text(folder, tmp_path):
    plain = shutil.copytree(folder, tmp_path / "plain")
    (plain / "tokenizer.json").write_text(tiny_tokenizer().to_str())
    (plain / "generation_config.json").unlink()
    (plain / "checkpoint.json").unlink()
    ours, theirs = (Storyteller.load(path, device="cpu") for path in (folder, plain))
    assert theirs.encode(PROMPT) == ours.encode(PROMPT)
    assert theirs.end_of_text == (0,)


def test_any_of_several_ends_of_text_ends_a_story(folder, tmp_path):
    plain = shutil.copytree(folder, tmp_path / "plain")
    (plain / "generation_config.json").write_text(json.dumps({"eos_token_id": list(range(VOCABULARY))}))
    (telling,) = Storyteller.load(plain, device="cpu").generate(PROMPT)
    assert (telling.tokens, telling.stop_reason) == (1, "end-of-text")


def without_kernel(monkeypatch):
    monkeypatch.setattr(native_library, "library", lambda: None)
    monkeypatch.setattr(native_library, "why_not", lambda: "it was not built")
    loading._say_fallback.cache_clear()


def test_without_the_kernel_pytorch_tells_and_says_so_once(folder, monkeypatch, capsys):
    without_kernel(monkeypatch)
    first = Storyteller.load(folder, device="cpu")
    assert isinstance(first.backend, TorchBackend)
    Storyteller.load(folder, device="cpu")
    said = capsys.readouterr().err
    assert said.count("the native kernel can't be used (it was not built)") == 1
    Storyteller.load(folder, device="cpu", backend="torch")
    assert capsys.readouterr().err == ""


def test_backends_that_are_not_there_are_refused(folder, monkeypatch):
    with pytest.raises(UserError, match=r"backend = 'naitve': did you mean 'native'\?"):
        Storyteller.load(folder, backend="naitve")
    without_kernel(monkeypatch)
    with pytest.raises(UserError, match="the native backend can't be used: it was not built"):
        Storyteller.load(folder, backend="native")


@native
def test_the_kernel_computes_where_the_device_is_the_cpu(folder):
    assert Storyteller.load(folder, device="cpu").backend.exact
    assert Storyteller.load(folder, precision="int8").backend.exact
    assert not Storyteller.load(folder, device="cpu", backend="torch").backend.exact
    with pytest.raises(UserError, match="device = 'cuda' needs backend = 'torch'"):
        Storyteller.load(folder, backend="native", device="cuda")


def test_where_there_may_be_a_gpu_pytorch_is_asked(folder, monkeypatch):
    asked = []
    monkeypatch.setattr(loading, "may_have_cuda", lambda: True)
    monkeypatch.setattr(loading, "choose_device", lambda name: asked.append(name) or "cpu")
    Storyteller.load(folder)
    assert asked == ["auto"]


def test_drafts_may_be_named(folder, tmp_path):
    plain = Storyteller.load(folder, device="cpu")
    assert isinstance(Storyteller.load(folder, device="cpu", draft="ngram").draft, NgramDraft)
    drafting = Storyteller.load(folder, device="cpu", draft=folder)
    if plain.backend.exact:
        assert stories(drafting.generate(PROMPT, WILD, n=3)) == stories(plain.generate(PROMPT, WILD, n=3))
    other = tiny_checkpoint(tmp_path / "other", tokenizer=tiny_tokenizer(280))
    with pytest.raises(UserError, match="another vocabulary"):
        Storyteller.load(folder, device="cpu", draft=other)
    with pytest.raises(UserError, match="no model 'nothing'"):
        Storyteller.load(folder, device="cpu", draft="nothing")


@native
def test_a_story_of_the_kernel_never_waits_for_pytorch(folder):
    program = (
        "import sys, fabula\n"
        f"teller = fabula.load({str(folder)!r}, device='cpu')\n"
        "assert teller.generate('Once', max_new_tokens=3)[0].tokens\n"
        "assert 'torch' not in sys.modules\n"
        "assert not {'pyarrow', 'huggingface_hub', 'transformers'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)


def test_names_are_found_when_they_are_used():
    assert "Storyteller" in dir(generation)
    assert fabula.load is generation.load
    assert generation.Telling.__module__ == "fabula.generation.storyteller"
    for module in (fabula, generation):
        with pytest.raises(AttributeError, match="has no attribute 'Storytaler'"):
            _ = module.Storytaler
    assert all(hasattr(generation, name) for name in generation.__all__)
