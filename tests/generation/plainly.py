"""Telling a story without an engine: one token after the other, everything read again each time."""

import numpy as np

from fabula.generation.backend import Draw
from fabula.generation.engine import Request
from tests.generation.backends import PlainBackend, Rule
from tests.generation.test_stops import before_stop


def tell_plainly(
    rule: Rule, vocab_size: int, context: int, tokenizer, end_of_text, request: Request
) -> tuple[list[int], str, str]:
    """Return the tokens drawn, the text and the stop reason."""
    backend = PlainBackend(vocab_size, context, rule)
    sampling, lead = request.sampling, request.lead
    held, drawn = list(request.tokens), []
    while True:
        if len(held) > context:
            held = held[:lead] + held[lead:][-max(1, (context - lead) // 2) :]
        backend.rows = [rule(held)]
        draw = Draw(
            row=0,
            sampling=sampling,
            context=np.array([*request.tokens[lead:], *drawn], np.int32),
            prompt_length=len(request.tokens) - lead,
            seed=request.seed,
            index=len(drawn),
            bias=request.steer(np.array(drawn, np.int32)) if request.steer else {},
        )
        (one,) = backend.draw([draw])
        drawn.append(one.token)
        held.append(one.token)
        ended = one.token in end_of_text
        text = tokenizer.decode(drawn).rstrip("\ufffd")
        text, stopped = before_stop(text, sampling.stop)
        if ended:
            return drawn, text, "end-of-text"
        if stopped:
            return drawn, text, "stop-text"
        if len(drawn) == sampling.max_new_tokens:
            return drawn, text, "max-new-tokens"
        if len(held) > context and sampling.past_context == "stop":
            return drawn, text, "context"
