"""Explain: where a model stops believing a story, and where its heads look."""

from tests.studio.browser.conftest import Visit, expect, wait

STORY = "The cat sat under a tree. The dog ran and was happy. Qzx vwk jjq pfft zzgh! The cat found a red ball."


def read(visit: Visit) -> None:
    page = visit.go("#explain")
    page.get_by_label("Which story?").fill(STORY)
    page.get_by_role("button", name="Read").click()
    wait(lambda: page.locator(".sentence").count() == 4, "no sentences")


def test_the_sentence_that_nobody_believes_is_marked(visit: Visit) -> None:
    read(visit)
    page = visit.page
    worst = page.locator(".worst .sentence")
    expect(worst).to_have_count(1)
    expect(worst).to_contain_text("Qzx vwk")
    expect(worst).to_contain_text("Here the model stops believing it")
    assert page.locator(".story-text").inner_text() == STORY
    worst.click()
    lit = page.locator(".token.lit").all_inner_texts()
    assert "Qzxvwkjjqpfftzzgh!" in "".join(lit).replace(" ", "")


def test_a_word_shows_where_every_head_looks(visit: Visit) -> None:
    read(visit)
    page = visit.page
    page.locator(".tokens .token").nth(20).click()
    wait(lambda: page.locator(".head").count() == 4, "two layers of two heads")
    expect(page.get_by_role("group", name="Layer 2")).to_be_visible()
    page.locator("label.head").nth(3).click()
    expect(page.locator(".looks")).to_contain_text("Layer 2, head 2 looks mostly at")
    weights = page.locator(".tokens .token").evaluate_all(
        "tokens => tokens.map(token => token.style.getPropertyValue('--weight'))"
    )
    assert all(weights[:21])
    assert not any(weights[21:])  # nobody looks ahead
    page.get_by_role("button", name="What it expected here").click()
    expect(page.get_by_role("dialog")).to_contain_text("What the model expected")


def test_a_story_is_taken_over_from_write(visit: Visit) -> None:
    page = visit.go("#write")
    page.get_by_label("How does the story begin?").fill("the cat sat. then")
    page.get_by_role("button", name="Tell", exact=True).click()
    visit.told(5)
    story = visit.text().replace("∎", "").strip()
    page.get_by_role("link", name="Explain this story").click()
    wait(lambda: page.locator(".view.explain .sentence").count() > 0, "Explain did not read it")
    assert visit.text().strip() == story
