"""Scoring goes in parts, and nothing is held for a client that has left."""

import asyncio
from types import SimpleNamespace

import pytest

from fabula.generation.writing import reading
from fabula.generation.writing.reading import read_tokens
from fabula.studio.orders import FailedError
from fabula.studio.scoring import scored
from tests.generation.backends import PlainBackend

TOKENS = [0, *range(5, 40)]


class Asked:
    """A teller that answers at once, until a question that it keeps waiting or fails at."""

    def __init__(self, last: int = 1_000, error: Exception | None = None) -> None:
        self.backend = PlainBackend(50, 48)
        self.last, self.error = last, error
        self.questions = 0
        self.waits = asyncio.Event()

    async def ask(self, model, question):
        assert model == "brook"
        self.questions += 1
        if self.questions == self.last:
            if self.error:
                raise self.error
            self.waits.set()
            await asyncio.Event().wait()
        return question(SimpleNamespace(backend=self.backend))


@pytest.fixture(autouse=True)
def few_rows(monkeypatch):
    monkeypatch.setattr(reading, "ROWS", 10)


def test_a_text_is_read_in_questions_of_one_part_each():
    async def asked():
        teller = Asked()
        return await scored(teller, "brook", TOKENS, 3), teller

    found, teller = asyncio.run(asked())
    assert found == read_tokens(PlainBackend(50, 48), TOKENS, 3)
    assert teller.questions == 5  # 4 parts, and that there is no more
    assert not teller.backend.slots


def test_an_asker_that_leaves_gives_everything_back():
    async def left():
        teller = Asked(last=3)
        asking = asyncio.create_task(scored(teller, "brook", TOKENS))
        await teller.waits.wait()
        assert teller.backend.slots
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        await asyncio.sleep(0)
        assert asking.cancelled()
        return teller

    assert not asyncio.run(left()).backend.slots


def test_a_failure_gives_everything_back():
    async def failed():
        teller = Asked(last=3, error=FailedError("no"))
        with pytest.raises(FailedError):
            await scored(teller, "brook", TOKENS)
        await asyncio.sleep(0)
        return teller

    assert not asyncio.run(failed()).backend.slots
