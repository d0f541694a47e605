"""From a prompt's text to the tokens that a model reads, without the model: a server reads prompts before it loads."""

from pathlib import Path

from tokenizers import Tokenizer

from fabula.corpus.tokenizer import prepare
from fabula.errors import UserError
from fabula.model.folder import end_of_text_ids, load_config, load_tokenizer


class Prompts:
    """What a model makes of a text: its tokenizer, what it puts first, and how much fits."""

    def __init__(self, tokenizer: Tokenizer, end_of_text: tuple[int, ...], context: int, vocab_size: int) -> None:
        """Take a model's tokenizer and its two sizes; `end_of_text` are the ids that end a story, the usual first."""
        self.tokenizer = prepare(tokenizer)
        self.end_of_text = end_of_text
        self.context = context
        self.vocab_size = vocab_size
        self.lead = list(tokenizer.encode("", add_special_tokens=True).ids) or [end_of_text[0]]
        """What stands before every prompt."""

    @classmethod
    def load(cls, folder: Path) -> "Prompts":
        """Read what a model folder says about prompts; its weights are not touched.

        Raises:
            UserError: the folder, its tokenizer or its end-of-text can't be used.
        """
        config, tokenizer = load_config(folder), load_tokenizer(folder)
        end_of_text = end_of_text_ids(folder, tokenizer, config.vocab_size)
        return cls(tokenizer, end_of_text, config.context, config.vocab_size)

    def encode(self, prompt: str) -> list[int]:
        """Return a prompt's tokens, led by end-of-text.

        Raises:
            UserError: no Unicode text, more tokens than the model's context, or tokens that the model doesn't know.
        """
        try:
            prompt.encode()
        except UnicodeEncodeError as error:
            raise UserError(
                f"the prompt is not Unicode text: character {error.start} is half a surrogate pair"
            ) from None
        tokens = self.lead + list(self.tokenizer.encode(prompt, add_special_tokens=False).ids)
        if len(tokens) > self.context:
            raise UserError(
                f"the prompt has {len(tokens):,} tokens with its leading end-of-text; "
                f"the model's context holds {self.context:,}"
            )
        if max(tokens) >= self.vocab_size:
            raise UserError(f"the tokenizer gives token {max(tokens)}; the model has {self.vocab_size:,} tokens")
        return tokens
