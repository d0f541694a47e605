"""The measures that the story world promises, on a few thousand stories and, slowly, on twenty thousand."""

import json

import pytest

from fabula.corpus.storyworld.measures import Measures, four_gram_share, measure, words_of


def check(measures: Measures) -> None:
    assert measures.identical == 0
    assert 1200 <= measures.types <= 2500
    assert 150 <= measures.mean_words <= 220
    assert measures.sd_words >= 40
    assert measures.four_gram_share >= 0.40
    assert measures.contradictions == 0


def test_measures_of_a_few_thousand_stories() -> None:
    measures = measure(1, 2500, check=False)
    check(measures)
    assert sum(measures.schemas.values()) == 2500
    assert len(measures.schemas) >= 16
    assert json.loads(json.dumps(measures.to_json())) == measures.to_json()


def test_the_number_of_processes_changes_no_measure() -> None:
    one, two = measure(2, 300, 1).to_json(), measure(2, 300, 2).to_json()
    for speed in ("stories_per_second", "stories_per_cpu_second", "processes"):
        del one[speed], two[speed]
    assert one == two
    assert one["checked"] == 300


@pytest.mark.slow
def test_measures_of_twenty_thousand_stories() -> None:
    check(measure(1, 20_000, 2))


def test_words_and_four_grams() -> None:
    assert words_of('"Don\'t," said Tom.') == ["don't", "said", "tom"]
    assert four_gram_share(["a b c d e", "a b c d f"]) == 3 / 4
    assert four_gram_share(["a b"]) == 0.0


@pytest.mark.parametrize(("count", "processes"), [(0, 1), (1, 0)])
def test_there_is_nothing_to_measure_without_stories_or_processes(count: int, processes: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        measure(1, count, processes)
