"""Every time here is made up: no clock decides a test."""

import pytest

from fabula.generation.drafts.pace import KEPT, PROBE, Pace, RowCosts


def told(pace: Pace, rate: float, row_cost: float, steps: int, stories: int = 1, guess_cost: float = 0.0) -> list[int]:
    """Tell stories of which `rate` of the guesses are right, where a read of R rows takes 1 + row_cost (R - stories).

    Returns:
        How many guesses the first story was given in each step.
    """
    given = []
    owed = [0.0] * stories
    for _ in range(steps):
        asked = [pace.ask(story) for story in range(stories)]
        given.append(asked[0])
        if sum(asked):
            pace.drafted(sum(asked), sum(asked) * guess_cost + 1e-9)
        pace.timed(stories + sum(asked), 1 + row_cost * sum(asked))
        for story, guessed in enumerate(asked):
            accepted = 0
            while accepted < guessed:  # Right guesses come as evenly as the rate allows.
                owed[story] += rate
                if owed[story] < 1:
                    break
                owed[story] -= 1
                accepted += 1
            pace.record(story, guessed, accepted)
    return given


def usual(given: list[int]) -> int:
    """Return what most of the last steps were given."""
    last = given[-PROBE:]
    return max(set(last), key=last.count)


def test_wrong_guesses_are_given_up() -> None:
    given = told(Pace(), rate=0.0, row_cost=0.1, steps=300)
    assert usual(given) == 0
    assert sum(given[-PROBE:]) <= 2


def test_right_guesses_are_asked_for_in_plenty() -> None:
    assert usual(told(Pace(most=8), rate=1.0, row_cost=0.1, steps=300)) == 8
    assert usual(told(Pace(most=3), rate=1.0, row_cost=0.1, steps=300)) == 3


def test_rows_that_cost_as_much_as_reads_are_not_worth_it() -> None:
    assert usual(told(Pace(), rate=0.9, row_cost=1.0, steps=300)) == 0


def test_guesses_that_cost_as_much_as_reads_are_not_worth_it() -> None:
    assert usual(told(Pace(), rate=0.9, row_cost=0.05, steps=300, guess_cost=1.0)) == 0


@pytest.mark.parametrize("rate", [0.3, 0.5, 0.7, 0.85])
@pytest.mark.parametrize("row_cost", [0.02, 0.1, 0.3])
@pytest.mark.parametrize("guess_cost", [0.0, 0.1])
def test_the_number_of_guesses_is_nearly_the_best(rate: float, row_cost: float, guess_cost: float) -> None:
    def speed(guesses: int) -> float:
        tokens = sum(rate**place for place in range(guesses + 1))
        return tokens / (1 + (row_cost + guess_cost) * guesses)

    chosen = usual(told(Pace(most=8), rate, row_cost, steps=600, guess_cost=guess_cost))
    assert speed(chosen) >= 0.95 * max(speed(guesses) for guesses in range(9))


def test_many_stories_share_the_cost_of_a_read() -> None:
    """A row that costs a tenth of a read is cheap for one story, not for 32: each would have to bring 3.2 reads."""
    assert usual(told(Pace(), rate=0.6, row_cost=0.1, steps=200, stories=1)) > 0
    assert usual(told(Pace(), rate=0.6, row_cost=0.1, steps=200, stories=32)) == 0


def test_a_story_that_is_easy_to_guess_gets_more() -> None:
    pace = Pace()
    for _ in range(40):
        pace.ask(0)
        pace.ask(1)
        pace.timed(2, 1.0)
        pace.timed(10, 1.4)
        pace.record(0, 4, 4)
        pace.record(1, 4, 0)
    assert pace.ask(0) > pace.ask(1)


def test_guesses_are_tried_again_once_they_pay_again() -> None:
    pace = Pace()
    assert usual(told(pace, rate=0.0, row_cost=0.1, steps=300)) == 0
    assert usual(told(pace, rate=0.95, row_cost=0.1, steps=30 * PROBE)) > 2


def test_now_and_then_a_read_goes_without_guesses() -> None:
    given = told(Pace(), rate=1.0, row_cost=0.1, steps=4 * PROBE)
    assert given[-PROBE:].count(0) == 1


def test_the_first_read_measures_what_one_row_costs() -> None:
    pace = Pace()
    assert pace.ask(0) == 0
    pace.timed(1, 1.0)
    assert pace.ask(0) > 0


def test_what_is_worth_guessing_follows_the_costs() -> None:
    pace = Pace()
    pace.ask(0)
    assert 0 < pace.least < 0.1
    pace.timed(1, 1.0)
    found = []
    for twice in (1.0, 1.2, 1.5, 3.0):
        for _ in range(KEPT):
            pace.timed(2, twice)
        found.append(pace.least)
    assert found == sorted(found)
    assert found[1] == pytest.approx(0.15)
    assert 0 < found[0] < found[-1] < 1


def test_forgotten_stories_leave_no_trace() -> None:
    pace = Pace()
    for story in range(1000):
        pace.ask(story)
        pace.forget(story)
        pace.record(story, 3, 1)
        pace.forget(story)
    assert not pace._rates


def test_costs_lie_on_straight_lines_between_medians() -> None:
    costs = RowCosts()
    for seconds in (50.0, 1.0, 1.1, 0.9, 1.0):  # The first read warms up.
        costs.add(1, seconds)
    costs.add(5, 2.0)
    assert costs.seconds(1) == 1.0
    assert costs.seconds(3) == pytest.approx(1.5)
    assert costs.seconds(5) == 2.0
    assert costs.seconds(9) == pytest.approx(3.0)


def test_more_rows_never_take_less() -> None:
    costs = RowCosts()
    for rows, times in {1: [1.0, 1.0], 2: [9.0], 3: [1.2, 1.2, 1.2], 4: [1.4, 1.4], 5: [1.3, 1.3]}.items():
        for seconds in times:
            costs.add(rows, seconds)
    expected = [costs.seconds(rows) for rows in range(1, 6)]
    assert expected == sorted(expected)
    assert expected[0] == 1.0
    assert expected[1] == expected[4] == pytest.approx((9 + 3 * 1.2 + 2 * 1.4 + 2 * 1.3) / 8)
    for _ in range(4):
        costs.add(2, 1.1)  # One slow read is soon outvoted.
    assert costs.seconds(2) == pytest.approx(1.1)
    assert costs.seconds(4) == costs.seconds(5) == pytest.approx(1.35)


def test_a_coarse_clock_is_no_error() -> None:
    pace = Pace()
    pace.ask(0)
    for rows in (1, 4, 1):
        pace.timed(rows, 0.0)
        assert pace.ask(0) >= 0
        assert 0 < pace.least < 1


def test_neighbouring_numbers_of_rows_share_their_times() -> None:
    costs = RowCosts()
    for rows in range(1, 5000):
        costs.add(rows, rows / 1000)
    assert len(costs._times) < 120
    for rows in (1, 15, 100, 1000, 4000):
        assert costs.seconds(rows) == pytest.approx(rows / 1000, rel=0.1)
