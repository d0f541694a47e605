"""One contender, once: `python -m bench.corpus.worker SPEC` turns a text into tokens on the disk and says how long.

The answer is one JSON line on standard output. Imports are not counted, nor is the digest that is taken afterwards.
"""

import hashlib
import json
import os
import sys
import time
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.memory import memory

Stories = Iterable[NDArray[Any]]
DONE = "done"
"""The file that a worker makes when its tokens are on the disk: what follows is not measured."""
ROWS = 1_000
"""Stories that are read back together."""


def main() -> None:
    """Measure what the specification names and print it."""
    spec = json.loads(sys.argv[1])
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print must not mix with the answer
    try:
        found = ENGINES[spec["engine"]](spec)
    except ImportError as error:
        found = {"missing": str(error)}
    print(json.dumps(found), file=answers, flush=True)


def fabula(spec: dict[str, Any]) -> dict[str, Any]:
    """Run what `fabula corpus build` runs, with the encoders that the specification allows."""
    from fabula.corpus import fast_tokenizer
    from fabula.corpus.build import build
    from fabula.recipe import Corpus, Tokenizer

    fast_tokenizer.CANDIDATES = {
        name: make for name, make in fast_tokenizer.CANDIDATES.items() if name in spec["encoders"]
    }
    begun = time.perf_counter()
    store = build(
        Corpus(source=(spec["text"],)), Tokenizer(kind="bpe", path=spec["tokenizer"]), Path(spec["folder"]) / "store"
    )
    seconds = time.perf_counter() - begun
    peak = _done(spec)
    used = store.manifest["tokenized_by"]
    if spec["encoders"] and used.split()[0] not in spec["encoders"]:
        return {"missing": f"{' '.join(spec['encoders'])} isn't installed, or the text is too small for it"}
    splits = (store.train, store.validation)
    stories = (split.story(index) for split in splits for index in range(split.stories))
    return {"seconds": seconds, "version": used, "peak": peak, **_digest(stories)}


def datasets(spec: dict[str, Any]) -> dict[str, Any]:
    """Read with `Dataset.from_generator`, tokenize with `map` in batches and processes, write one file of tokens."""
    os.environ["HF_DATASETS_CACHE"] = spec["folder"]
    import datasets as library
    from transformers import PreTrainedTokenizerFast

    from fabula.corpus.readers import StoryFiles

    begun = time.perf_counter()
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=spec["tokenizer"])  # type: ignore[no-untyped-call]
    end = tokenizer.convert_tokens_to_ids("<|endoftext|>")

    def stories(text: str) -> Iterator[dict[str, str]]:
        for story in StoryFiles([Path(text)]):
            yield {"text": story.text}

    def tokenize(batch: dict[str, list[str]]) -> dict[str, list[list[int]]]:
        found = tokenizer(batch["text"], add_special_tokens=False, return_attention_mask=False)
        return {"ids": [[*ids, end] for ids in found["input_ids"]]}

    told = library.Dataset.from_generator(stories, gen_kwargs={"text": spec["text"]}, cache_dir=spec["folder"])
    tokens = told.map(tokenize, batched=True, num_proc=spec["processes"], remove_columns=["text"])
    with (Path(spec["folder"]) / "tokens.bin").open("wb") as file:
        for batch in tokens.with_format("numpy").iter(ROWS):
            file.write(np.concatenate(list(batch["ids"])).astype(np.uint16).tobytes())
    seconds = time.perf_counter() - begun
    peak = _done(spec)
    rows = (ids for batch in tokens.with_format("numpy").iter(ROWS) for ids in batch["ids"])
    version = f"datasets {library.__version__}"
    return {"seconds": seconds, "version": version, "peak": peak, **_digest(rows)}


def _done(spec: dict[str, Any]) -> int:
    """Tell the measuring process that it is over, and return the most bytes that this one held."""
    peak = memory()["peak"]
    (Path(spec["folder"]) / DONE).touch()
    return peak


def _digest(stories: Stories) -> dict[str, Any]:
    """Return a hash of the stories' tokens, whatever the stories' order, and how many tokens there are."""
    hashes = array("Q")
    tokens = 0
    for ids in stories:
        content = np.asarray(ids, np.uint32).tobytes()
        hashes.append(int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "little"))
        tokens += len(ids)
    ordered = np.sort(np.array(hashes, np.uint64))
    return {"digest": hashlib.sha256(ordered.tobytes()).hexdigest(), "tokens": tokens, "stories": len(hashes)}


ENGINES = {"fabula": fabula, "datasets": datasets}

if __name__ == "__main__":
    main()
