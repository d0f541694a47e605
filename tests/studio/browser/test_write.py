"""Write: a story, its probabilities, its branches, what is kept and what is taken away."""

import json
import re
from pathlib import Path

import pytest

from fabula.generation.writing.tree import Tree
from tests.studio.browser.conftest import Visit, expect, playwright, serve, wait

PROMPT = "the cat sat"


def tell(visit: Visit) -> playwright.Page:
    page = visit.go("#write")
    page.get_by_label("How does the story begin?").fill(PROMPT)
    page.get_by_role("button", name="Tell", exact=True).click()
    visit.told(5)
    return page


def branch(visit: Visit, place: int) -> None:
    """Take the most probable other token at a place of the story."""
    visit.page.locator(".tokens .token").nth(place).click()
    visit.page.locator(".alternatives li button").first.click()
    visit.told(place + 1)


def names(page: playwright.Page) -> list[str]:
    return page.locator("[role=treeitem] .name").all_inner_texts()


def test_a_story_streams_in_and_says_how_it_ended(visit: Visit) -> None:
    page = tell(visit)
    assert visit.text().startswith(PROMPT)
    expect(page.locator(".status")).to_contain_text(re.compile(r"(The end|Cut off).* tokens in .* seed 0"))
    assert names(page) == ["Telling 1"]


def test_the_same_seed_tells_the_same_and_another_another(visit: Visit) -> None:
    page = tell(visit)
    first = visit.text()
    page.get_by_role("button", name="Another").click()
    wait(lambda: names(page) == ["Telling 1", "Telling 2"], "no second story")
    visit.told(5)
    assert visit.text() != first
    page.get_by_label("Luck of the draw").fill("0")
    page.get_by_role("button", name="Tell", exact=True).click()
    assert visit.text() == first
    assert names(page) == ["Telling 1", "Telling 2"]


def test_tokens_are_coloured_with_a_scale_and_a_number(visit: Visit) -> None:
    page = tell(visit)
    plain = page.locator(".tokens .token").nth(2).evaluate("token => getComputedStyle(token).textDecorationLine")
    assert plain == "none"
    for mode, letter in (("Probability", "p"), ("Surprise", "s")):
        page.locator(f".choice label:has-text('{mode}')").first.click()
        strong = page.locator(f".tokens .token.{letter}4, .tokens .token.{letter}3").first
        assert strong.evaluate("token => getComputedStyle(token).textDecorationLine") == "underline"
        expect(page.locator(".scale").first).to_be_visible()
    page.locator(".tokens .token").nth(2).hover()
    expect(page.locator(".readout")).to_contain_text(re.compile(r"[\d.]+ % · [\d.]+ bits of surprise"))


def test_choosing_an_alternative_branches_the_story_there(visit: Visit) -> None:
    page = tell(visit)
    tokens = page.locator(".tokens .token").all_inner_texts()
    page.locator(".tokens .token").nth(4).click()
    panel = page.get_by_role("dialog", name="What else could have come")
    shares = [float(share.split()[-2]) for share in panel.locator(".share").all_inner_texts()]
    assert shares[:5] == sorted(shares[:5], reverse=True)
    chosen = panel.locator("li button .word").first.inner_text()
    panel.locator("li button").first.click()
    visit.told(5)
    branched = page.locator(".tokens .token").all_inner_texts()
    assert branched[:4] == tokens[:4]
    assert branched[4] != tokens[4]
    assert names(page) == ["Telling 1", chosen]
    expect(page.locator("[role=treeitem]").nth(1)).to_have_attribute("aria-level", "2")
    expect(page.locator("[role=treeitem]").nth(1)).to_have_attribute("aria-selected", "true")


def test_branches_are_walked_renamed_and_deleted(visit: Visit) -> None:
    page = tell(visit)
    branch(visit, 3)
    second = visit.text()
    page.locator("[role=treeitem]").first.click()
    assert visit.text() != second
    page.get_by_role("button", name="Rename").click()
    page.get_by_label("Name of the branch").fill("the cat's way")
    page.keyboard.press("Enter")
    assert names(page)[0] == "the cat's way"
    page.get_by_role("button", name="Rename").click()
    page.get_by_label("Name of the branch").fill(names(page)[1])
    page.keyboard.press("Enter")
    expect(page.locator(".branches .problem")).to_contain_text("already")
    page.locator("[role=treeitem]").nth(1).click()
    page.get_by_role("button", name="Delete").click()
    assert names(page) == ["the cat's way"]


@pytest.mark.parametrize(("button", "ending"), [("Export as Markdown", ".md"), ("Export as JSON", ".json")])
def test_a_tree_is_exported_and_comes_back(visit: Visit, tmp_path: Path, button: str, ending: str) -> None:
    page = tell(visit)
    branch(visit, 3)
    story = visit.text()
    with page.expect_download() as download:
        page.get_by_role("button", name=button).click()
    assert download.value.suggested_filename == f"the-cat-sat{ending}"
    file = tmp_path / f"tree{ending}"
    download.value.save_as(file)
    if ending == ".md":
        assert f"> {PROMPT}" in file.read_text()
        assert "## Telling 1" in file.read_text()
        return
    tree = Tree.from_json(json.loads(file.read_text()))
    assert tree.text(tree.branches[1].name).strip() == story.replace("∎", "").strip()
    page.get_by_role("button", name="Delete").click()
    page.locator("input[type=file]").set_input_files(file)
    wait(lambda: len(names(page)) == 2, "the tree did not come back")


def test_what_is_no_tree_is_not_imported(visit: Visit, tmp_path: Path) -> None:
    page = tell(visit)
    (tmp_path / "no.json").write_text('{"format_version": 1, "branches": []}')
    page.locator("input[type=file]").set_input_files(tmp_path / "no.json")
    expect(page.locator(".import .problem")).to_contain_text("not a tree of stories")
    assert names(page) == ["Telling 1"]


def test_a_reload_loses_nothing_and_the_address_tells_the_same(visit: Visit) -> None:
    page = tell(visit)
    branch(visit, 3)
    story, branches = visit.text(), names(page)
    page.reload()
    wait(lambda: names(page) == branches, "the branches are gone")
    assert visit.text() == story
    assert "prompt=the+cat+sat" in page.url


def test_a_new_prompt_begins_anew_and_the_old_story_waits(visit: Visit) -> None:
    page = tell(visit)
    first = visit.text()
    page.get_by_label("How does the story begin?").fill("one day")
    page.get_by_role("button", name="Tell", exact=True).click()
    wait(lambda: visit.text().startswith("one day"), "the new story did not begin")
    visit.told(5)
    page.get_by_role("region", name="Earlier stories").get_by_role("button").first.click()
    assert visit.text() == first
    page.go_back()
    page.go_back()
    wait(lambda: visit.page.get_by_label("How does the story begin?").input_value() == PROMPT, "back did not go back")


def test_a_busy_server_is_said_in_words_and_tried_again(visit: Visit) -> None:
    refused = {"error": {"message": "too many stories are waiting", "type": "rate_limit_error", "code": "busy"}}
    page = visit.go("#write")
    page.route(
        "**/studio/stories",
        lambda route: route.fulfill(status=429, headers={"Retry-After": "1"}, body=json.dumps(refused)),
        times=1,
    )
    page.get_by_role("button", name="Tell", exact=True).click()
    expect(page.locator(".trouble")).to_contain_text("Too many stories are waiting")
    page.get_by_role("button", name="Try again", exact=True).click()
    visit.told(3)
    expect(page.locator(".trouble")).to_have_count(0)
    assert len(visit.faults) == 1  # Chromium itself logs the 429.
    visit.faults.clear()


def test_a_model_that_fails_is_said_in_words(visit: Visit) -> None:
    error = json.dumps({"story": 0, "message": "the model's weights are damaged"})
    stream = f"event: error\ndata: {error}\n\nevent: done\ndata: {{}}\n\n"
    page = visit.go("#write")
    page.route("**/studio/stories", lambda route: route.fulfill(content_type="text/event-stream", body=stream), times=1)
    page.get_by_role("button", name="Tell", exact=True).click()
    expect(page.get_by_role("alert").filter(has_text="the model's weights are damaged")).to_be_visible()


def test_a_server_that_is_gone_is_said_in_words(visit: Visit, trained: Path) -> None:
    studio = serve(trained)
    with studio as visit.address:
        page = visit.go("#write")
        studio.stop()
        page.get_by_role("button", name="Tell", exact=True).click()
        expect(page.locator(".trouble")).to_contain_text("Is “fabula serve” still running?")
    visit.faults.clear()
