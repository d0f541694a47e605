"""Only this studio's own page, and programs that know its token, are answered; and nobody can send too much."""

import socket

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse

from fabula.studio.security import BODY_LIMIT, Access, BodyLimit, Guard
from tests.studio.asking import ask

TOKEN = "a-token-of-somebody"


async def echo(scope, receive, send):
    """Answer with what was sent."""
    body = await Request(scope, receive).body()
    await PlainTextResponse(body)(scope, receive, send)


def guarded(access: Access | None = None):
    return Guard(echo, access or Access())


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8000", "localhost:8000", "LocalHost:8000", "[::1]:8000", "localhost", "localhost:9000"]
)
def test_names_of_this_machine_are_answered_also_through_a_tunnel(host):
    assert ask(guarded(), headers={"host": host}).status == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example:8000", "127.0.0.1.evil.example", "localhost.evil.example:8000", "evil.example:localhost", "",
     "127.0.0.2:8000", "0.0.0.0:8000", "[::1].evil.example", "localhost@evil.example", "2130706433:8000"],
)  # fmt: skip
def test_a_rebound_name_is_refused(host):
    answer = ask(guarded(), headers={"host": host})
    assert answer.status == 421
    assert "Host" in answer.error


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://127.0.0.1:8000", 200),
        ("https://127.0.0.1:8000", 200),
        ("http://127.0.0.1:3000", 403),
        ("http://localhost:8000", 403),
        ("http://evil.example", 403),
        ("http://127.0.0.1:8000.evil.example", 403),
        ("null", 403),
        ("", 403),
    ],
)
def test_pages_of_other_origins_are_refused_wherever_they_ask(origin, status):
    for path in ("/", "/v1/completions", "/health"):
        answer = ask(guarded(), path, "POST", {"origin": origin})
        assert answer.status == status
        assert status == 200 or answer.error == "sent by another site's page"


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_what_another_site_embeds_is_refused_but_it_may_link_to_the_page(site):
    for path in ("/v1/models", "/studio/models", "/metrics", "/openapi.json"):
        assert ask(guarded(), path, headers={"sec-fetch-site": site}).status == 403
    for path in ("/", "/page/early.js", "/health"):
        assert ask(guarded(), path, headers={"sec-fetch-site": site}).status == 200
    assert ask(guarded(), "/v1/models", headers={"sec-fetch-site": "same-origin"}).status == 200


@pytest.mark.parametrize(
    "sent",
    [None, "", "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}", TOKEN,
     f"Bearer {TOKEN} {TOKEN}", "Bearer \xff\xfe", f"Bearer {TOKEN.upper()}"],
)  # fmt: skip
def test_without_the_token_only_the_page_is_served(sent):
    guard = guarded(Access(token=TOKEN))
    headers = {} if sent is None else {"authorization": sent}
    for path in ("/v1/models", "/studio/stories", "/metrics", "/openapi.json", "/nothing", "//", "/page", "/PAGE/a"):
        answer = ask(guard, path, headers=headers)
        assert answer.status == 401, path
        assert answer.headers["www-authenticate"] == "Bearer"
        assert TOKEN not in answer.error
    for path in ("/", "/page/early.js", "/health", "/favicon.ico"):
        assert ask(guard, path, headers=headers).status == 200


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_with_the_token_everything_is(scheme):
    guard = guarded(Access(token=TOKEN))
    assert ask(guard, "/v1/models", headers={"authorization": f"{scheme} {TOKEN}"}).status == 200


def test_the_address_at_which_a_connection_came_in_is_a_name_of_this_machine():
    access = Access.on("0.0.0.0", TOKEN, ["studio.example"])
    for host in ("192.0.2.7:8000", "studio.example", "STUDIO.example:443", socket.gethostname(), "localhost:8000"):
        assert ask(guarded(access), headers={"host": host}, server=("192.0.2.7", 8000)).status == 200, host
    for host in ("192.0.2.8:8000", "other.example", "0.0.0.0.evil.example"):
        assert ask(guarded(access), headers={"host": host}, server=("192.0.2.7", 8000)).status == 421, host
    six = Access.on("2001:db8::1", TOKEN)
    assert ask(guarded(six), headers={"host": "[2001:db8::1]:8000"}, server=("2001:db8::1", 8000)).status == 200


@pytest.mark.parametrize("headers", [{}, {"host": "evil.example"}, {"origin": "http://evil.example"}])
def test_every_answer_keeps_to_its_own_page(headers):
    answer = ask(guarded(), headers=headers)
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'self';")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert answer.headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in answer.headers


PARTS = [b"x" * 1000] * 3


@pytest.mark.parametrize(
    ("limit", "headers", "body", "status"),
    [
        (3000, {"content-length": "3000"}, PARTS, 200),
        (2999, {"content-length": "3000"}, PARTS, 413),
        (3000, {}, PARTS, 200),
        (2999, {}, PARTS, 413),
        (2999, {"transfer-encoding": "chunked"}, PARTS, 413),
        (2999, {"content-length": "10"}, PARTS, 413),
        (3000, {"content-length": "9" * 5000}, b"", 413),
        (3000, {"content-length": "0" * 5000 + "1"}, b"x", 200),
        (3000, {"content-length": "²"}, b"x", 200),
        (3000, {}, b"", 200),
    ],
)
def test_a_body_is_as_large_as_the_limit_and_no_larger(limit, headers, body, status):
    answer = ask(BodyLimit(echo, limit), "/", "POST", headers, body)
    assert answer.status == status
    if status == 200:
        assert answer.body == (body if isinstance(body, bytes) else b"".join(body))
    else:
        assert f"{limit:,} bytes" in answer.error


def test_the_limit_is_a_mebibyte():
    assert BODY_LIMIT == 2**20
    assert ask(BodyLimit(echo), "/", "POST", {}, b"x" * 2**20).status == 200
    assert ask(BodyLimit(echo), "/", "POST", {}, b"x" * (2**20 + 1)).status == 413


def test_an_address_and_headers_of_any_length_are_not_read():
    assert ask(guarded(), headers={"x": "a" * 16_000}).status == 200
    assert ask(guarded(), headers={"x": "a" * 16_384}).status == 431
    assert ask(guarded(), "/" + "a" * 16_384).status == 431
