"""GPT-2's byte-level BPE, from any of its files, and byte-level BPEs trained on a corpus.

Every tokenizer that leaves this file encodes text without special tokens (the letters `<|endoftext|>` inside a
story stay letters) and decodes to exactly the text it was given.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

from fabula.corpus.readers import END_OF_TEXT
from fabula.errors import UserError
from fabula.files import read_json
from fabula.recipe import Tokenizer as TokenizerRecipe

GPT2_TOKENS = 50_257
GPT2_END_OF_TEXT = 50_256
GPT2_PAIRS = (("encoder.json", "vocab.bpe"), ("vocab.json", "merges.txt"))
"""The two names under which GPT-2's vocabulary and merges are distributed."""
LARGEST_TRAINED = 65_535
"""Tokens in a trained vocabulary: ids fit the store's uint16."""
SMALLEST_TRAINED = 257
"""256 bytes and end-of-text."""
TRAINING_BATCH = 256
"""Stories handed to the trainer at once."""
PROBE = " Hello  world,\n\tÀ é 😀 don't\r\n\x00 THE <|endoftext|> end "
"""A text that tokenizers which lower, strip or normalize don't give back."""


def load(recipe: TokenizerRecipe) -> Tokenizer:
    """Return the tokenizer that a recipe names by `path`, or GPT-2's from the hub.

    Raises:
        UserError: a file that is missing, isn't a tokenizer, loses text, or isn't GPT-2's where `kind` says so.
    """
    path = Path(recipe.path).expanduser() if recipe.path else _from_hub()
    tokenizer = _from_folder(path) if path.is_dir() else _from_json(path)
    if _is_gpt2(tokenizer):
        # Rebuilt, so that GPT-2 is one and the same tokenizer.json whichever files it came from.
        model = json.loads(tokenizer.to_str())["model"]
        return byte_level_bpe(model["vocab"], [tuple(merge) for merge in model["merges"]])
    if recipe.kind == "gpt2":
        raise UserError(f"{path} is not GPT-2's tokenizer; for another one set tokenizer.kind = bpe")
    return tokenizer


def train_bpe(texts: Iterable[str], vocab_size: int) -> Tokenizer:
    """Train a byte-level BPE with GPT-2's pre-tokenizer on a stream of texts.

    The same texts give the same tokenizer, whatever the number of processors. Id 0 is end-of-text, then come all
    256 bytes, then the merges. A small corpus may have fewer merges than `vocab_size` asks for.

    Raises:
        UserError: `vocab_size` doesn't fit the token store.
    """
    if not SMALLEST_TRAINED <= vocab_size <= LARGEST_TRAINED:
        raise UserError(
            f"tokenizer.vocab_size = {vocab_size} must be between {SMALLEST_TRAINED:,} and {LARGEST_TRAINED:,}"
        )
    tokenizer = byte_level_bpe({}, [])
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[AddedToken(END_OF_TEXT, special=True, normalized=False)],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_batches(texts), trainer)
    return prepare(tokenizer)


def byte_level_bpe(vocabulary: dict[str, int], merges: list[tuple[str, str]]) -> Tokenizer:
    """Build a byte-level BPE in GPT-2's manner: no added prefix space, one special token that ends a text."""
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    if vocabulary:
        tokenizer.add_special_tokens([AddedToken(END_OF_TEXT, special=True, normalized=False)])
    return prepare(tokenizer)


def prepare(tokenizer: Tokenizer) -> Tokenizer:
    """Set what tokenizer.json doesn't say or may say wrongly: nothing is cut, padded or taken for a special token."""
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.encode_special_tokens = True
    return tokenizer


def end_of_text_id(tokenizer: Tokenizer) -> int:
    """Return the id of the token that ends a story.

    Raises:
        UserError: the tokenizer has none.
    """
    token = tokenizer.token_to_id(END_OF_TEXT)
    if token is None:
        raise UserError(f"the tokenizer has no {END_OF_TEXT} token to end a story with")
    return int(token)


def id_count(tokenizer: Tokenizer) -> int:
    """Return the largest id plus one: the rows a model's embedding needs."""
    return max(tokenizer.get_vocab(with_added_tokens=True).values()) + 1


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    for text in texts:
        batch.append(text)
        if len(batch) == TRAINING_BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _from_hub() -> Path:
    from fabula.corpus import hub  # here: it brings an HTTP library, and a tokenizer on the disk needs none

    return hub.gpt2_tokenizer()


def _from_folder(folder: Path) -> Tokenizer:
    if (folder / "tokenizer.json").is_file():
        return _from_json(folder / "tokenizer.json")
    for vocabulary, merges in GPT2_PAIRS:
        if (folder / vocabulary).is_file() and (folder / merges).is_file():
            return _from_pair(folder / vocabulary, folder / merges)
    pairs = " or ".join(" + ".join(pair) for pair in GPT2_PAIRS)
    raise UserError(f"{folder} holds no tokenizer; a folder needs tokenizer.json or {pairs}")


def _from_pair(vocabulary: Path, merges: Path) -> Tokenizer:
    ids: Any = read_json(vocabulary)
    if not isinstance(ids, dict) or END_OF_TEXT not in ids:
        raise UserError(f"{vocabulary} is not a vocabulary: it must map tokens to ids and hold {END_OF_TEXT}")
    try:
        lines = merges.read_text(encoding="utf-8").split("\n")
    except UnicodeDecodeError:
        raise UserError(f"{merges} is not a UTF-8 text file of merges") from None
    rules = [tuple(line.split(" ")) for line in lines if line and not line.startswith("#version")]
    try:
        return byte_level_bpe(ids, rules)  # type: ignore[arg-type]
    except Exception as error:  # The library raises nothing more precise.
        raise UserError(f"{vocabulary} and {merges.name} don't fit together: {error}") from None


def _from_json(path: Path) -> Tokenizer:
    if not path.exists():
        raise UserError(f"{path} does not exist")
    try:
        tokenizer = prepare(Tokenizer.from_file(str(path)))
        restored = tokenizer.decode(tokenizer.encode(PROBE, add_special_tokens=False).ids, skip_special_tokens=False)
    except Exception as error:  # The library raises nothing more precise.
        raise UserError(f"{path} is not a tokenizer.json: {error}") from None
    end_of_text_id(tokenizer)
    if restored != PROBE:
        raise UserError(f"{path}: this tokenizer changes the text it encodes; a byte-level BPE is needed")
    return tokenizer


def _is_gpt2(tokenizer: Tokenizer) -> bool:
    ids = tokenizer.encode("Hello world", add_special_tokens=False).ids
    return (
        id_count(tokenizer) == GPT2_TOKENS
        and tokenizer.token_to_id(END_OF_TEXT) == GPT2_END_OF_TEXT
        and ids == [15_496, 995]
    )
