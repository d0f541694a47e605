"""The report as a page: whole, self-contained, escaped, the same every time."""

import re
from html.parser import HTMLParser

import pytest

from fabula.errors import UserError
from fabula.files import read_json, to_json
from fabula.study.folder import StudyFolder
from fabula.study.report import write_report
from fabula.study.report.evidence import gather
from fabula.study.report.markup import VOID
from fabula.study.report.page import SECTIONS, page
from fabula.study.results import write_curves, write_results, write_verdicts
from tests.study.report.fabricated import fabricated

HTML_SIZE = 6 << 20


class Page(HTMLParser):
    """Checks that elements nest, and collects attributes and text."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.attributes, self.tags, self.texts = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag):
        assert self.open, tag
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.texts.append(data)

    @property
    def text(self):
        return " ".join("".join(self.texts).split())

    def values(self, name):
        return [value for _, attribute, value in self.attributes if attribute == name]


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """Three runs and a single model."""
    return fabricated(tmp_path_factory.mktemp("study") / "many", seeds=2, checkpoints=6, single=True)


@pytest.fixture(scope="module")
def html(many):
    return page(many)


@pytest.fixture(scope="module")
def read(html):
    return Page(html)


def test_it_nests_and_has_every_section(read):
    assert read.open == []
    assert [tag for tag in ("html", "head", "body", "main") if read.tags.count(tag) != 1] == []
    assert {name for name, _ in SECTIONS} <= set(read.values("id"))
    assert read.tags.count("h1") == 1


def test_it_needs_no_network_and_no_script(html, read):
    assert not {"script", "link", "img", "iframe", "object"} & set(read.tags)
    links = [*read.values("href"), *read.values("src")]
    assert links
    assert all(link.startswith("#") for link in links)
    assert "http" not in re.sub(r"\s", "", html).replace("https://", "http://").split("</style>")[0]
    assert not re.search(r"url\((?!#)|@import", html)


def test_its_links_and_references_lead_somewhere_and_ids_are_unique(html, read):
    ids = read.values("id")
    assert len(ids) == len(set(ids))
    wanted = {link[1:] for link in read.values("href")} | set(re.findall(r"url\(#([^)]+)\)", html))
    assert wanted <= set(ids)


def test_hostile_text_stays_text(html, read):
    assert "<script" not in html
    assert '<script>alert("1")</script> & <b>ran</b>' in read.text
    assert "<loudly>" in read.text
    assert "loudly" not in read.tags


def test_the_same_files_give_the_same_bytes(many, html):
    assert page(many) == html


def test_it_stays_small(html):
    assert len(html.encode()) < HTML_SIZE


def test_verdicts_are_words_and_symbols_beside_numbers(read):
    for words in ("✓ supported", "✕ not supported", "? inconclusive", "prefers the sentence that belongs"):
        assert words in read.text
    assert "steps 250\u20131,000" in read.text
    assert "2 runs that differ only in their seed" in read.text


def test_every_figure_says_where_it_comes_from(read):
    figures = read.tags.count("figure")
    assert figures >= 9
    assert read.tags.count("figcaption") == figures
    assert len([name for name in read.values("id") if name.startswith("figure-")]) == figures
    assert f"Figure {figures}" in read.text


def test_what_failed_is_told(read):
    for words in (
        "1 of 60 items is in the training text",
        "not among the probes of this study",
        "did not change enough to be dated",
        "no checkpoint at steps",
    ):
        assert words in read.text


def test_a_single_model_leaves_out_what_it_cannot_show(tmp_path):
    text = Page(page(fabricated(tmp_path / "solo", seeds=0, single=True, stories=False))).text
    for words in (
        "One checkpoint only, so there are no curves.",
        "so there is no ladder",
        "no map of gains",
        "No probe can be dated",
        "The phase test was not made",
        "No stories were generated",
        "No samples are on record",
        "At the last checkpoint",
    ):
        assert words in text


def test_one_run_of_one_checkpoint_works(tmp_path):
    found = Page(page(fabricated(tmp_path / "one", seeds=1, checkpoints=1)))
    assert found.open == []
    assert "One checkpoint only" in found.text


def test_a_study_without_items_or_verdicts_works(tmp_path):
    evidence = fabricated(tmp_path / "bare", seeds=1, checkpoints=2, stories=False)
    evidence.folder.gates.unlink()
    for path in evidence.folder.gates.parent.iterdir():
        path.unlink()
    text = Page(page(evidence)).text
    assert "No questions are on record" in text
    assert "No checks are on record" in text


def written(folder: StudyFolder, evidence) -> StudyFolder:
    folder.write_study(evidence.study)
    rows = [row for found in evidence._rows.values() for row in found]
    write_results(folder.results, rows)
    write_verdicts(folder.verdicts, evidence.verdicts)
    write_curves(folder.curves, evidence.curves)
    return folder


def test_it_is_written_from_files_alone(tmp_path):
    evidence = fabricated(tmp_path / "study", seeds=1, checkpoints=2)
    folder = written(evidence.folder, evidence)
    assert write_report(folder) == folder.report
    content = folder.report.read_text(encoding="utf-8")
    assert content == page(gather(folder))


def test_damaged_files_are_named(tmp_path):
    evidence = fabricated(tmp_path / "study", seeds=1, checkpoints=1)
    folder = written(evidence.folder, evidence)
    stories = folder.stories("demo-0", 4_000)
    content = read_json(stories)
    del content[0]["text"]
    stories.write_text(to_json(content), encoding="utf-8")
    with pytest.raises(UserError, match="can't be read as stories"):
        write_report(folder)
    stories.unlink()
    folder.verdicts.unlink()
    with pytest.raises(UserError, match="verdicts"):
        write_report(folder)
