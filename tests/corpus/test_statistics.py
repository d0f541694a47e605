import io
import json

import numpy as np
import pytest
from rich.console import Console

from fabula.corpus.build import build
from fabula.corpus.statistics import describe, table
from fabula.recipe import Corpus, Tokenizer


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("statistics")
    lengths = [10] * 98 + [300, 700]
    lines = [f"{i} " + "fox " * length for i, length in enumerate(lengths)]
    (folder / "train.txt").write_text("\n".join([*lines, lines[0], "", "A held-out story."]))
    (folder / "validation.txt").write_text("A held-out story.\n")
    corpus = Corpus(source=(str(folder / "train.txt"),), validation=(str(folder / "validation.txt"),))
    return build(corpus, Tokenizer(vocab_size=300), folder / "store")


def test_figures_of_a_store(store):
    description = describe(store)
    train = description["splits"]["train"]
    lengths = np.diff(store.train.offsets)
    assert train["stories"] == 101
    assert train["story_tokens"]["max"] == lengths.max() > 700
    assert train["story_tokens"]["p50"] == np.median(lengths)
    assert train["longer_than"] == {"256": 2, "512": 1, "1024": 0, "2048": 0}
    assert (train["duplicates"], train["empty"], train["removed_in_both"]) == (1, 1, 1)
    assert train["bytes_per_token"] == store.train.story_bytes.sum() / (lengths - 1).sum()
    assert description["splits"]["validation"]["stories"] == 1
    assert json.loads(json.dumps(description)) == description


def test_the_table_names_every_figure(store):
    console = Console(record=True, width=100, file=io.StringIO())
    console.print(table(describe(store)))
    shown = console.export_text()
    for word in ("validation", "bytes per token", "tokens in a story, p99", "near-duplicates", "stories over 512"):
        assert word in shown
