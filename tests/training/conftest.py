"""A corpus and a recipe so small that a whole run takes a second."""

import random
from pathlib import Path

import pytest

from fabula import recipe as recipes
from fabula.recipe import Recipe

TEXT = "the cat dog sat ran found a ball under tree and was happy sad very then one day mom said yes no big red"
WORDS = TEXT.split()


@pytest.fixture
def stories(tmp_path: Path) -> Path:
    draw = random.Random(0)
    texts = [" ".join(draw.choices(WORDS, k=draw.randint(5, 40))).capitalize() + "." for _ in range(300)]
    path = tmp_path / "stories.txt"
    path.write_text("\n<|endoftext|>\n".join(texts), encoding="utf-8")
    return path


@pytest.fixture
def tiny(stories: Path) -> Recipe:
    return recipes.parse(f"""
        [corpus]
        source = ["{stories}"]
        [tokenizer]
        vocab_size = 320
        [model]
        hidden = 32
        layers = 2
        heads = 2
        intermediate = 48
        context = 64
        tied = true
        [train]
        steps = 12
        tokens_per_step = 512
        micro_batch = 4
        save_every = 4
        device = "cpu"
        precision = "float32"
        compile = "off"
        threads = 1
        [optimizer]
        learning_rate = 1e-2
        [series]
        steps = [0, 5]
        """)
