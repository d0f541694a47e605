"""What a token store holds, in figures: `fabula corpus show`."""

from typing import TYPE_CHECKING, Any

import numpy as np

from fabula.corpus.packing import pack
from fabula.corpus.store import Split, TokenStore

if TYPE_CHECKING:
    from rich.table import Table

QUANTILES = {"p1": 1, "p50": 50, "p95": 95, "p99": 99, "max": 100}
"""Percentiles of the stories' lengths."""
CONTEXTS = (256, 512, 1_024, 2_048)
"""Contexts, in tokens, for which stories that don't fit are counted."""
COUNTS = {
    "duplicates": "exact duplicates within the split",
    "removed_in_both": "left out: also in validation",
    "near_duplicates": "near-duplicates of training stories",
    "empty": "empty stories left out",
    "broken_encoding": "stories with a broken encoding",
}
"""Counts that the manifest keeps for each split, and how the table calls them."""


def describe(store: TokenStore) -> dict[str, Any]:
    """Return the figures of a store: plain JSON values.

    Per split: `stories`, `tokens` (end-of-text included), `bytes` (UTF-8), `bytes_per_token` (end-of-text not
    counted), `story_tokens` (quantiles of the stories' lengths, end-of-text included), `longer_than` (for some
    contexts, the stories that don't fit), `filled` (for these contexts, the share of the positions that whole stories,
    best-fit into windows, fill with targets), and the counts of `COUNTS`.
    """
    manifest = store.manifest
    return {
        "path": str(store.path),
        "source": manifest["source"],
        "revision": manifest["revision"],
        "hash": store.hash,
        "tokenizer": manifest["tokenizer"],
        "dtype": manifest["dtype"],
        "splits": {
            "train": _describe(store, store.train, manifest["splits"]["train"]),
            "validation": _describe(store, store.validation, manifest["splits"]["validation"]),
        },
    }


def table(description: dict[str, Any]) -> "Table":
    """Return what `describe` found as a table for the terminal, one column for each split."""
    from rich.table import Table

    splits = description["splits"].values()
    tokenizer = description["tokenizer"]
    shown = Table(
        title=f"{', '.join(description['source'])}: {tokenizer['kind']}, {tokenizer['vocab_size']:,} tokens",
        caption=f"hash {description['hash'][:16]}",
    )
    shown.add_column("")
    for name in description["splits"]:
        shown.add_column(name, justify="right")
    for key in ("stories", "tokens", "bytes"):
        shown.add_row(key, *(f"{split[key]:,}" for split in splits))
    shown.add_row("bytes per token", *(f"{split['bytes_per_token']:.3f}" for split in splits))
    for name in QUANTILES:
        shown.add_row(f"tokens in a story, {name}", *(f"{split['story_tokens'][name]:,}" for split in splits))
    for context in map(str, CONTEXTS):
        shown.add_row(f"stories over {context} tokens", *(f"{split['longer_than'][context]:,}" for split in splits))
    for context in map(str, CONTEXTS):
        shown.add_row(f"windows of {context} filled", *(f"{split['filled'][context]:.2%}" for split in splits))
    for key, meaning in COUNTS.items():
        shown.add_row(meaning, *(f"{split[key]:,}" for split in splits))
    return shown


def _describe(store: TokenStore, split: Split, counts: dict[str, int]) -> dict[str, Any]:
    lengths = np.diff(split.offsets)
    percentiles = np.percentile(lengths, list(QUANTILES.values()), method="higher")
    return {
        "stories": split.stories,
        "tokens": split.tokens,
        "bytes": counts["bytes"],
        "bytes_per_token": counts["bytes"] / (split.tokens - split.stories),
        "story_tokens": {name: int(value) for name, value in zip(QUANTILES, percentiles, strict=True)},
        "longer_than": {str(context): int((lengths > context).sum()) for context in CONTEXTS},
        "filled": {
            str(context): pack("stories", split, context, 0, store.hash, store.end_of_text_id).fill
            for context in CONTEXTS
        },
        **{key: counts[key] for key in COUNTS},
    }
