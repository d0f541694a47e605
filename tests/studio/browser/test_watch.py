"""Watch: a training's curves as they grow, its checkpoints as they land, and what it has learned."""

from tests.studio.browser.conftest import STEPS, Growing, Visit, expect, wait


def test_a_run_is_watched_while_it_goes_on(visit: Visit, growing: Growing) -> None:
    growing.go_on(21)  # A run whose records have not grown for two minutes rests.
    page = visit.go("#watch?run=growing")
    expect(page.locator(".state")).to_contain_text("Training")
    expect(page.locator(".state")).to_contain_text("step 21 of 40")
    expect(page.locator(".sample")).to_have_count(4)  # steps 0, 2, 8, 18
    loss = page.locator("figure", has_text="nats per token").locator("output")
    before = loss.inner_text()
    growing.go_on(STEPS)
    expect(page.locator(".state")).to_contain_text("step 40 of 40")
    expect(page.locator(".sample")).to_have_count(6)
    expect(page.locator(".sample h3").first).to_have_text(f"Step {STEPS}")
    assert loss.inner_text() != before
    expect(page.get_by_role("status").filter(has_text="Checkpoint at step")).to_have_count(1)


def test_curves_are_drawn_and_summarised(visit: Visit) -> None:
    page = visit.go("#watch?run=babble")
    expect(page.locator(".state")).to_contain_text("Finished")
    wait(lambda: page.locator(".curves .u-over").count() == 4, "four curves are drawn")
    for words in ("Loss went from", "Compression went from", "Learning rate went from", "Speed went from"):
        expect(page.locator(".curves .unseen", has_text=words)).to_have_count(1)
    page.locator(".choice label", has_text="Logarithm").click()
    wait(lambda: page.locator(".curves .u-over").count() == 4, "they are drawn by logarithm, too")
    page.locator(".curves .u-over").first.hover()
    expect(page.locator(".curves output").first).to_contain_text("at step")


def test_each_checkpoint_tells_a_sample_when_asked(visit: Visit) -> None:
    page = visit.go("#watch?run=babble")
    page.get_by_role("button", name="Tell from step 18").click()
    page.get_by_role("button", name="Tell from step 8").click()
    visit.told(10)
    told = [text for text in page.locator(".sample .story-text").all_inner_texts() if text.strip()]
    assert len(told) == 2
    page.get_by_role("button", name="Tell from all").click()
    wait(lambda: page.locator(".sample .story-text:visible").count() == 6, "all tell")


def test_what_it_has_learned_is_drawn_from_its_study(visit: Visit) -> None:
    page = visit.go("#watch?run=studied")
    wait(lambda: page.locator(".multiples .u-over").count() == 3, "three probes are drawn")
    expect(page.locator(".multiples .unseen").first).to_contain_text("From 0.5 at step 0 to 0.9 at step 40")
    expect(page.locator(".legend")).to_contain_text("chance")


def test_without_a_study_it_says_how_to_make_one(visit: Visit) -> None:
    page = visit.go("#watch?run=babble")
    expect(page.locator(".emergence")).to_contain_text("fabula study")
