import pytest
from hypothesis import given
from hypothesis import strategies as st

from fabula.corpus.storyworld import stories
from fabula.study.cast import KIN, Cast

TEXTS = [
    "Once there was a girl named Orla. She had a kite. Oh, how she liked it! On Monday Mom gave Orla a hat.",
    "A dog called Flick lived in a barn. He liked to run. The farmer saw Flick and laughed.",
    "Flick met Orla. I saw a flick of his tail. They went to the Park with Mom and Dad.",
    "It was Sunday. Then the farmer looked for Orla and called Flick.",
]
NO_NAMES = ["Once", "Oh", "On", "Monday", "Mom", "Dad", "The", "They", "I", "It", "Sunday", "Then", "Park", "She"]


@pytest.fixture(scope="module")
def cast() -> Cast:
    return Cast.learn(TEXTS * 2)


def test_finds_names_and_their_pronouns_and_nothing_else(cast: Cast) -> None:
    assert cast.names == {"Flick": "he", "Orla": "she"}
    assert not set(cast.names) & set(NO_NAMES)


def test_mentions_stand_where_the_name_stands(cast: Cast) -> None:
    text = "Orla ran. \u201cFlick!\u201d called Orla. Orla's dog and Orlando saw Flick\u2019s bone."
    found = cast.mentions(text)
    assert [name for _, _, name in found] == ["Orla", "Flick", "Orla", "Orla", "Flick"]
    assert all(text[start:stop] == name for start, stop, name in found)


def test_a_common_word_is_a_name_only_where_its_capital_tells(cast: Cast) -> None:
    assert "Flick" in cast.ambiguous
    assert cast.mentions("Flick of the tail! It went left.") == []
    assert len(cast.mentions("Flick ran. Then Flick slept.")) == 2


def test_knows_the_characters_of_the_story_world() -> None:
    told = list(stories(5, 0, 150))
    cast = Cast.learn(story.text for story in told)
    people = [character for story in told for character in story.record.characters if character.named]
    people = [character for character in people if character.name not in KIN]
    right = [character.pronoun == cast.names.get(character.name) for character in people]
    assert sum(right) > 0.97 * len(right)
    assert set(cast.names) <= {character.name for character in people}


@given(st.lists(st.text(alphabet="aAbB \n.,'named", max_size=40), max_size=5), st.text(max_size=60))
def test_takes_any_text(texts: list[str], text: str) -> None:
    cast = Cast.learn([*TEXTS, *texts])
    assert all(text[start:stop] == name and name in cast.names for start, stop, name in cast.mentions(text))
