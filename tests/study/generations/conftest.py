"""A small corpus of stories that only these tests tell, and what is learned from it."""

import pytest

from fabula.corpus.tokenizer import train_bpe
from fabula.study.baselines.words import WordNGram, WordTables
from fabula.study.cast import Cast
from fabula.study.generations.reference import Reference
from tests.tiny import one_thread as one_thread

NAMES = {"Nora": "she", "Elsie": "she", "Hugo": "he", "Otto": "he", "Ida": "she", "Bruno": "he"}
THINGS = ("lantern", "kite", "drum", "basket", "ladder", "whistle")


def story(name: str, other: str, thing: str) -> str:
    """A whole story with two characters, dialogue and an end."""
    pronoun = NAMES[name]
    return (
        f"Once there was a child named {name}. {name} had a red {thing} and a small garden.\n"
        f'One morning the {thing} was gone. "Where is my {thing}?" asked {name}. {pronoun.title()} looked behind the '
        f'gate and under the bench. Then a friend named {other} came by. "I saw it near the well," said {other}.\n'
        f"They ran to the well together. There lay the {thing}, wet but whole. {name} was glad and thanked {other}. "
        f"That evening {name} and {other} played with the {thing} until the stars came out."
    )


def corpus() -> list[str]:
    """Every pair of names with every thing."""
    return [story(name, other, thing) for name in NAMES for other in NAMES if name != other for thing in THINGS]


@pytest.fixture(scope="session")
def train() -> list[str]:
    return [text for number, text in enumerate(corpus()) if number % 5]


@pytest.fixture(scope="session")
def stories() -> list[str]:
    """Held-out stories."""
    return corpus()[::5]


@pytest.fixture(scope="session")
def tokenizer(train):
    return train_bpe(train, 400)


@pytest.fixture(scope="session")
def cast() -> Cast:
    return Cast(NAMES)


@pytest.fixture(scope="session")
def reference(train, stories, tokenizer, cast) -> Reference:
    return Reference.learn(train, stories, tokenizer, WordNGram(WordTables.fit(train), 5), cast)
