"""The load test's own parts, on a studio small enough to be driven in seconds."""

import asyncio
from urllib.parse import urlsplit

import pytest

from bench.studio.attacks import attack, loris
from bench.studio.client import Address
from bench.studio.load import leave, load, quantile
from fabula.studio.connections import PatientConnection
from tests.studio.live import live
from tests.tiny import tiny_checkpoint

MODEL = "brook"


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    with live(tiny_checkpoint(tmp_path_factory.mktemp("models") / MODEL), most_waiting=70) as studio:
        yield studio


@pytest.fixture
def address(studio):
    parts = urlsplit(studio.url)
    return Address(parts.hostname, parts.port)


def test_every_accepted_story_comes_to_its_end(studio, address):
    told = studio.teller.figures.told
    found = asyncio.run(load(address, MODEL, 5, 0.5))
    assert not found.faults
    assert found.accepted == found.completed >= 5
    assert found.tokens == studio.teller.figures.told - told
    assert len(found.first) == found.completed
    assert all(gap >= 0 for gap in found.gaps)


def test_a_refused_client_waits_and_comes_again(studio, address):
    async def crowded():
        driven = asyncio.create_task(load(address, MODEL, 75, 0.3))
        with studio.held_up(MODEL):
            while not studio.teller.figures.refused:
                await asyncio.sleep(0.01)
        return await driven

    found = asyncio.run(crowded())
    assert found.refused
    assert not found.faults
    assert found.accepted == found.completed


def test_nothing_is_left_of_clients_that_vanish(studio, address):
    found = asyncio.run(leave(address, MODEL, 20, 2))
    assert found.open == 0
    assert len(found.memory) == 3
    assert studio.teller.idle


def test_every_hostile_request_is_refused(address):
    found = asyncio.run(attack(address, MODEL))
    assert [(one.name, one.answer) for one in found if not (one.right and one.alive)] == []


def test_slow_clients_are_cut_off(address, monkeypatch):
    monkeypatch.setattr(PatientConnection, "header_seconds", 0.4)
    monkeypatch.setattr(PatientConnection, "body_seconds", 0.6)
    found = asyncio.run(loris(address, 10))
    assert found.closed == 10
    assert found.seconds < 5
    assert found.slowest_health < 5


def test_quantiles():
    assert [quantile([3, 1, 2, 4], share) for share in (0, 0.5, 0.95)] == [1, 3, 4]
    assert quantile([], 0.5) != quantile([], 0.5)
