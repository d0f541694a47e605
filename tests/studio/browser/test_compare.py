"""Compare: five checkpoints side by side, and a slider through the whole training."""

import json
from typing import Any

from tests.studio.browser.conftest import STEPS, Visit, expect, wait


def columns(visit: Visit) -> dict[str, str]:
    """Return the stories by their headings."""
    shown = visit.page.locator(".column")
    return {
        shown.nth(i).locator("h2").inner_text(): shown.nth(i).locator(".story-text").inner_text()
        for i in range(shown.count())
    }


def test_five_checkpoints_tell_from_the_same_beginning(visit: Visit) -> None:
    asked: list[Any] = []
    page = visit.go("#compare?run=babble")
    page.on("request", lambda made: made.url.endswith("/studio/stories") and asked.append(json.loads(made.post_data)))
    page.get_by_label("How does the story begin?").fill("the dog")
    page.get_by_role("button", name="Tell", exact=True).click()
    visit.told(25)
    told = columns(visit)
    assert list(told) == ["Step 2", "Step 8", "Step 18", "Step 30", f"Step {STEPS}"]  # one from each phase
    assert len(set(told.values())) == 5
    assert all(told.values())
    (order,) = asked
    assert order["models"] == [f"babble/step-{step:05d}" for step in (2, 8, 18, 30, STEPS)]
    assert (order["prompt"], order["sampling"]["seed"]) == ("the dog", 0)
    expect(page.locator(".column .about").first).to_contain_text("Phase 1, steps 0\u20132")


def test_another_checkpoint_is_added_without_telling_the_others_again(visit: Visit) -> None:
    page = visit.go("#compare?run=babble&prompt=the+dog")
    visit.told(25)
    before = columns(visit)
    asked: list[Any] = []
    page.on("request", lambda made: made.url.endswith("/studio/stories") and asked.append(json.loads(made.post_data)))
    page.locator(".phases .chip", has_text="step 0").first.click()
    wait(lambda: len(columns(visit)) == 6 and bool(columns(visit)["Step 0"]), "no sixth column")
    visit.told(25)
    assert {title: text for title, text in columns(visit).items() if title != "Step 0"} == before
    assert [order["models"] for order in asked] == [["babble/step-00000"]]
    assert "models=" in page.url
    page.get_by_role("button", name="Remove babble, step 8").click()
    assert len(columns(visit)) == 5


def test_models_of_several_runs_stand_side_by_side(visit: Visit) -> None:
    visit.go(f"#compare?run=babble&models=babble/step-{STEPS:05d},studied/step-00002,alone&prompt=a+cat")
    visit.told(10)
    assert sorted(columns(visit)) == ["Step 2", f"Step {STEPS}", f"alone, step {STEPS}"]
    assert columns(visit)[f"alone, step {STEPS}"] == columns(visit)[f"Step {STEPS}"]  # the same weights


def test_the_slider_scrubs_through_training(visit: Visit) -> None:
    asked: list[Any] = []
    page = visit.go("#compare?run=babble")
    page.on("request", lambda made: made.url.endswith("/studio/stories") and asked.append(json.loads(made.post_data)))
    page.locator(".choice label", has_text="Through training").click()
    page.get_by_role("button", name="Tell", exact=True).click()
    visit.told(5)
    wait(lambda: page.get_by_role("button", name="Stop").count() == 0, "not all have told")
    slider = page.get_by_role("slider", name="Checkpoint")
    slider.focus()
    story = page.locator(".scrub .story-text")
    seen = {}
    for _ in range(6):
        seen[page.locator(".step").inner_text()] = story.inner_text()
        page.keyboard.press("ArrowLeft")
    assert list(seen) == [f"Step {step}" for step in (STEPS, 30, 18, 8, 2, 0)]
    assert len(set(seen.values())) == 6
    assert len(asked) == 1  # all were told by one request
    assert slider.get_attribute("aria-valuetext") == "Step 0. Phase 1, steps 0\u20132"
    assert "at=0" in page.url
    assert page.locator(".band").all_inner_texts()[0].startswith("phase 1")


def test_an_address_leads_to_a_step_of_training(visit: Visit) -> None:
    page = visit.go("#compare?run=babble&show=scrub&at=18&prompt=a+dog")
    visit.told(5)
    expect(page.locator(".step")).to_have_text("Step 18")
    assert page.locator(".scrub .story-text").inner_text().startswith("a dog")


def test_training_plays_by_itself(visit: Visit) -> None:
    page = visit.go("#compare?run=babble&show=scrub&prompt=a+dog")
    visit.told(5)
    page.get_by_role("button", name="Play").click()
    expect(page.locator(".step")).to_have_text("Step 0")
    expect(page.locator(".step")).to_have_text("Step 2")
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Play")).to_be_visible()


def test_a_story_goes_on_in_write(visit: Visit) -> None:
    page = visit.go("#compare?run=babble&prompt=the+dog")
    visit.told(25)
    story = columns(visit)["Step 18"]
    page.get_by_role("link", name="Go on in Write with babble, step 18").click()
    wait(lambda: page.locator(".view.write .token").count() > 0, "Write did not open")
    visit.told(3)
    assert story.strip() in visit.text()
    page.go_back()
    wait(lambda: page.locator(".view.compare").count() == 1, "back did not go back")
    assert columns(visit)["Step 18"] == story
