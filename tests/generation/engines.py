"""Engines over the plain backend, what they are asked for, and drafts and paces of known behaviour."""

import random
from dataclasses import replace

import numpy as np

from fabula.generation.engine import Engine, Request
from fabula.generation.sampling import Sampling
from tests.generation.backends import PlainBackend, hashed
from tests.generation.plainly import tell_plainly
from tests.tiny import tiny_tokenizer

TOKENIZER = tiny_tokenizer()
VOCABULARY = TOKENIZER.get_vocab_size()
CONTEXT = 24
END = (0,)
COMMON = [TOKENIZER.token_to_id(letter) for letter in "abĠ"] + TOKENIZER.encode("é", add_special_tokens=False).ids


def storylike(order: int = 1_000_000):
    """Logits under which some letters, parts of letters and end-of-text are frequent enough for stories to differ."""
    plain = hashed(VOCABULARY, order)
    bonus = np.zeros(VOCABULARY, np.float32)
    bonus[COMMON] = 5
    bonus[0] = 2
    return lambda tokens: plain(tokens) + bonus


RULE = storylike()
PLAIN = Sampling(temperature=1, top_p=1, repetition_penalty=1, max_new_tokens=12)


def request(tokens=(0, 5, 6), lead=1, seed=0, **changes) -> Request:
    outside = {name: changes.pop(name) for name in ("steer", "alternatives", "probabilities") if name in changes}
    return Request(tuple(tokens), lead, replace(PLAIN, **changes), seed, **outside)


def told(story):
    return [one.token for one in story.drawn], story.text, story.stop_reason


def plainly(asked: Request, rule=RULE, context=CONTEXT):
    return tell_plainly(rule, VOCABULARY, context, TOKENIZER, END, asked)


def new_engine(rule=RULE, context=CONTEXT, end=END, **settings) -> Engine:
    return Engine(PlainBackend(VOCABULARY, context, rule), TOKENIZER, end, **settings)


def finish(engine: Engine) -> None:
    while engine.busy:
        engine.step()


def alone(asked: Request, **how):
    engine = new_engine(**how)
    story = engine.submit(asked)
    finish(engine)
    assert not engine.backend.slots
    return story


class Fickle:
    """A draft that guesses the truth for a while and then anything, tokens that don't exist included."""

    name = "fickle"
    least = 0.0

    def __init__(self, truths: dict[tuple[int, ...], list[int]], seed: int) -> None:
        self.truths = truths
        self.random = random.Random(seed)
        self.told: dict[int, list[int]] = {}
        self.prompts: dict[int, tuple] = {}
        self.guessed = 0

    def open(self, story, context, sampling, seed):
        assert story not in self.told
        self.told[story] = []
        self.prompts[story] = (tuple(context), sampling, seed)

    def guess(self, stories, most):
        guesses = []
        for story, count in zip(stories, most, strict=True):
            assert count > 0
            truth = self.truths.get(self.prompts[story], [])[len(self.told[story]) :]
            right = truth[: self.random.randrange(count + 1)]
            wrong = [self.random.randrange(-1, VOCABULARY + 2) for _ in range(self.random.randrange(count + 2))]
            guesses.append((right + wrong)[: self.random.choice([count, count, 1])])
            self.guessed += len(guesses[-1])
        return guesses

    def accept(self, story, tokens):
        assert tokens
        self.told[story] += tokens
        truth = self.truths.get(self.prompts[story])
        assert truth is None or truth[: len(self.told[story])] == self.told[story]

    def close(self, story):
        del self.told[story]


class Eager:
    """A pace that always wants the same number of guesses."""

    least = 0.0

    def __init__(self, guesses: int) -> None:
        self.guesses = guesses
        self.judged: list[tuple[int, int]] = []

    def ask(self, story):
        return self.guesses

    def drafted(self, tokens, seconds):
        pass

    def timed(self, rows, seconds):
        pass

    def record(self, story, guessed, accepted):
        self.judged.append((guessed, accepted))

    def forget(self, story):
        pass


def never_ends(tokens):
    return {0: -np.inf}
