"""N-gram models of a language model's own tokens: same text, same tokens, so losses can be compared one by one."""

from collections.abc import Sequence
from dataclasses import dataclass

from tokenizers import Tokenizer

from fabula.study.baselines.counts import Symbols
from fabula.study.baselines.kneser_ney import Floats, KneserNey

ORDERS = 5


@dataclass(frozen=True, eq=False)
class TokenNGrams:
    """Models of the orders 1 to 5 over stories' tokens."""

    model: KneserNey
    end_of_text: int

    @classmethod
    def fit(cls, stories: Sequence[Symbols], vocab_size: int, end_of_text: int, orders: int = ORDERS) -> "TokenNGrams":
        """Fit on the tokens of training stories, without their end-of-texts."""
        return cls(KneserNey.fit(stories, vocab_size, end_of_text, orders), end_of_text)

    @classmethod
    def fit_texts(
        cls, texts: Sequence[str], tokenizer: Tokenizer, vocab_size: int, end_of_text: int, orders: int = ORDERS
    ) -> "TokenNGrams":
        """Fit on the text of training stories in the tokens of a prepared tokenizer."""
        encodings = tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return cls.fit([encoding.ids for encoding in encodings], vocab_size, end_of_text, orders)

    def log_probabilities(self, stories: Sequence[Symbols], order: int) -> list[Floats]:
        """Return ln p of every token of stories that are given without end-of-texts, and of their end.

        Returns:
            For each story shape (tokens + 1,), nats; the last is the closing end-of-text.
        """
        return self.model.log_probabilities([[self.end_of_text, *story, self.end_of_text] for story in stories], order)

    def distributions(self, story: Symbols, order: int) -> Floats:
        """Return p of every token where each token of a story, and its end, is predicted.

        Returns:
            Shape (tokens + 1, vocabulary); row t is what follows the first t tokens.
        """
        return self.model.distributions_along([self.end_of_text, *story], order)
