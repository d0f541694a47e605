"""For everybody: by keyboard alone, on a phone, in the dark, on a projector, with a screen reader."""

from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.studio.browser.conftest import SIZE, Visit, expect, serve, wait

VIEWS = ("write", "compare", "scrub", "watch", "explain")
PHONE = {"viewport": {"width": 360, "height": 740}}


def fill(visit: Visit, view: str) -> None:
    """Open a view and have it show all that it can."""
    page = visit.page
    if view == "write":
        visit.go("#write?prompt=the+cat&tell=1")
        visit.told(5)
        page.locator(".choice label", has_text="Surprise").first.click()
        page.locator(".tokens .token").nth(2).click()
        expect(page.get_by_role("dialog")).to_be_visible()
    elif view in ("compare", "scrub"):
        visit.go(f"#compare?run=babble&prompt=the+cat&show={'scrub' if view == 'scrub' else 'side'}")
        visit.told(5)
        page.locator(".choice label", has_text="Probability").first.click()
    elif view == "watch":
        visit.go("#watch?run=studied")
        page.get_by_role("button", name="Tell from step 18").click()
        wait(lambda: page.locator(".multiples .u-over").count() == 3, "no curves")
        visit.told(3)
    else:
        visit.go("#explain?text=The+cat+sat.+The+dog+ran.+A+ball+was+red.")
        wait(lambda: page.locator(".sentence").count() == 3, "no sentences")
        page.locator(".tokens .token").nth(6).click()
        wait(lambda: page.locator(".head").count() == 4, "no heads")
        page.locator("label.head").nth(1).click()


@pytest.mark.parametrize("visit", [{"color_scheme": "light"}, {"color_scheme": "dark"}], indirect=True, ids=str)
@pytest.mark.parametrize("view", VIEWS)
def test_axe_finds_no_serious_violation(visit: Visit, view: str) -> None:
    fill(visit, view)
    found = Axe().run(visit.page, options={"resultTypes": ["violations"]}).response["violations"]
    serious = {
        violation["id"]: [node["html"][:200] for node in violation["nodes"]]
        for violation in found
        if violation["impact"] in ("serious", "critical")
    }
    assert serious == {}


@pytest.mark.parametrize("visit", [PHONE], indirect=True, ids=["360px"])
@pytest.mark.parametrize("view", VIEWS)
def test_a_phone_scrolls_in_one_direction_only(visit: Visit, view: str) -> None:
    fill(visit, view)
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= 360
    outside = visit.page.evaluate(
        "[...document.querySelectorAll('main button, main input, main .token')]"
        ".filter(one => one.checkVisibility() && one.getBoundingClientRect().right > 361)"
        ".map(one => one.outerHTML.slice(0, 120))"
    )
    assert outside == []


@pytest.mark.parametrize("visit", [{"color_scheme": "dark"}], indirect=True, ids=["dark"])
def test_the_theme_follows_the_system_until_the_reader_chooses(visit: Visit) -> None:
    page = visit.go("#write")

    def darkness() -> Any:
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    dark = darkness()
    page.get_by_role("button", name="Theme").click()  # system -> light
    light = darkness()
    assert light != dark
    page.reload()
    expect(page.locator(".view")).to_be_visible()
    assert darkness() == light
    page.get_by_role("button", name="Theme").click()  # light -> dark
    assert darkness() == dark


@pytest.mark.parametrize("visit", [{"viewport": {"width": 1920, "height": 1080}}], indirect=True, ids=["1920px"])
def test_text_grows_for_a_projector(visit: Visit) -> None:
    page = visit.go("#write?prompt=the+cat&tell=1")
    visit.told(3)

    def size() -> Any:
        return page.evaluate("parseFloat(getComputedStyle(document.querySelector('.story-text')).fontSize)")

    normal = size()
    page.get_by_role("button", name="Larger text").click()
    assert size() > 1.2 * normal
    assert page.evaluate("document.documentElement.scrollWidth") <= 1920


def test_by_keyboard_alone(visit: Visit) -> None:
    """Tell a story, walk its tokens, branch, walk the tree, rename, compare: without a pointer."""
    page = visit.go("#write")
    press = page.keyboard.press

    def tab_to(what: str, most: int = 40) -> None:
        for _ in range(most):
            press("Tab")
            if page.evaluate(f"document.activeElement.matches({what!r})"):
                shown = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
                assert shown != "none" or page.evaluate("document.activeElement.matches('input')")
                return
        raise AssertionError(f"Tab never comes to {what}")

    tab_to("textarea")
    page.keyboard.type("the cat")
    press("Control+Enter")
    visit.told(5)
    tab_to(".token")
    press("ArrowRight")
    press("ArrowRight")
    expect(page.locator(".readout")).to_contain_text("bits of surprise")
    press("ArrowDown")
    press("Home")
    press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert page.evaluate("document.activeElement.dataset.index") == "0"
    press("Enter")
    press("ArrowDown")
    press("Enter")
    wait(lambda: page.locator("[role=treeitem]").count() == 2, "no branch")
    visit.told(1)
    tab_to("[role=treeitem]")
    press("ArrowLeft")
    expect(page.locator("[role=treeitem]").first).to_have_attribute("aria-selected", "true")
    press("F2")
    page.keyboard.type("by hand")
    press("Enter")
    expect(page.locator("[role=treeitem] .name").first).to_have_text("by hand")
    page.locator("body").evaluate("() => document.querySelector('nav a[data-view=compare]').focus()")
    press("Enter")
    expect(page.locator(".view.compare")).to_be_visible()
    tab_to("textarea")
    press("Enter")
    visit.told(10)
    assert page.locator(".column").count() == 5


def test_a_story_is_announced_in_sentences(visit: Visit) -> None:
    page = visit.go("#write?prompt=the+cat+sat.&tell=1")
    visit.told(5)
    log = page.get_by_role("log")
    expect(log).to_contain_text("the cat sat.")
    expect(log.locator("p").last).to_contain_text("The end")
    assert page.locator(".tokens").get_attribute("aria-live") is None


@pytest.mark.parametrize("visit", [{"viewport": SIZE}], indirect=True, ids=["reloads"])
@pytest.mark.parametrize("view", ["write", "compare", "watch", "explain"])
def test_every_view_has_an_address_and_back_works(visit: Visit, view: str) -> None:
    page = visit.go(f"#{view}")
    expect(page.locator(f".view.{view}")).to_be_visible()
    expect(page.locator("nav a[aria-current]")).to_have_text(view.capitalize())
    other = "explain" if view == "write" else "write"
    page.locator(f"nav a[data-view={other}]").click()
    expect(page.locator(f".view.{other}")).to_be_visible()
    page.go_back()
    expect(page.locator(f".view.{view}")).to_be_visible()


def test_a_token_is_taken_from_the_address_and_kept(visit: Visit, trained: Path) -> None:
    with serve(trained, token="open-sesame") as visit.address:
        page = visit.page
        page.goto(f"{visit.address}/#write")
        expect(page.locator(".trouble")).to_contain_text("with its token")
        visit.faults.clear()  # Chromium logs the 401 itself.
        page.goto(f"{visit.address}/#token=open-sesame")
        expect(page.locator(".view.write")).to_be_visible()
        assert "sesame" not in page.url
        page.reload()
        expect(page.locator(".view.write")).to_be_visible()
        page.get_by_role("button", name="Tell", exact=True).click()
        visit.told(3)
