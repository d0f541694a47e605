"""Branch and continue: at any token of a story, take another, and see where it leads.

A tree is a value: telling a new branch returns a new tree. Its places are counted in tokens from the story's beginning,
whichever branches those belong to.

A branch is a story of its own: the model reads prompt, shared tokens and the chosen token, and draws the rest with the
branch's seed. The i-th branch of a tree has the seed `sampling.seed + i`, as the i-th story of one prompt has; so the
same tree grows again from the same choices. Repetition penalty and n-gram ban count all that was read; presence and
frequency penalty count what the branch itself drew, as the shared part is its prompt.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from fabula.errors import UserError
from fabula.generation.backend import Drawn
from fabula.generation.sampling import Sampling
from fabula.generation.story import Request, StopReason
from fabula.generation.storyteller import Storyteller, changed
from fabula.generation.writing.reading import log_probabilities
from fabula.generation.writing.steps import Alternative, Step, alternative, steps, token_texts
from fabula.generation.writing.tree import Branch, Tree

SHOWN = 5
"""Alternatives that a tree keeps beside each token."""


def begin(
    storyteller: Storyteller,
    prompt: str,
    sampling: Sampling | None = None,
    *,
    most: int = SHOWN,
    name: str = "main",
    **changes: Any,
) -> Tree:
    """Tell a story and return it as a tree of one branch.

    Args:
        storyteller: who tells.
        prompt: how the story begins.
        sampling: how tokens are drawn, in all branches; without it, as the storyteller's own.
        most: alternatives kept beside each token.
        name: of the first branch.
        changes: fields of `sampling` to replace.

    Raises:
        UserError: as `Storyteller.generate`.
    """
    tree = Tree(prompt, changed(sampling or storyteller.sampling, changes), ())
    return tree.with_branch(_told(storyteller, tree, name, None, (), (), most))


def alternatives(
    storyteller: Storyteller, tree: Tree, name: str, at: int, most: int = SHOWN
) -> tuple[Alternative, ...]:
    """Return the most probable tokens at a place of a branch's story, the most probable first.

    The model reads the story up to there; for what the tree was told with, `Step.alternatives` has them already.

    Raises:
        UserError: no such branch or place, or a story that no longer fits the model's context.
    """
    before = _before(storyteller, tree, name, at)
    if most < 1:
        raise UserError(f"most = {most} must be at least 1")
    (log_probabilities_V,) = log_probabilities(storyteller.backend, before)
    best = np.argsort(-log_probabilities_V, kind="stable")[:most]
    return tuple(alternative(storyteller, int(token), float(log_probabilities_V[token])) for token in best)


def branch_off(
    storyteller: Storyteller, tree: Tree, name: str, at: int, token: int, *, new: str = "", most: int = SHOWN
) -> Tree:
    """Tell the story of a branch again from one of its places on, with another token there.

    Args:
        storyteller: who tells; the model that told the tree, or another with the same tokenizer.
        tree: what was told so far.
        name: a branch.
        at: a place in its story; at the end of a story that no end-of-text ended it goes on there.
        token: what comes there.
        new: the new branch's name; empty: `branch-1`, `branch-2`, ...
        most: alternatives kept beside each token.

    Raises:
        UserError: no such branch, place or token, a name that is taken, or a story that no longer fits the context.
    """
    if not 0 <= token < storyteller.backend.vocab_size:
        raise UserError(f"token = {token} must be below {storyteller.backend.vocab_size:,}")
    new = new or f"branch-{len(tree.branches)}"
    tree.check_free(new)
    before = _before(storyteller, tree, name, at)
    (log_probabilities_V,) = log_probabilities(storyteller.backend, before)
    best = np.argsort(-log_probabilities_V, kind="stable")[:most]
    beside = tuple((int(other), float(log_probabilities_V[other])) for other in best)
    chosen = Drawn(token, float(log_probabilities_V[token]), beside)
    parent = tree.branch(name)
    while parent.parent is not None and at <= parent.at:
        parent = tree.branch(parent.parent)
    shared = tree.path(name)[:at]
    return tree.with_branch(_told(storyteller, tree, new, parent.name, shared, (chosen,), most))


def _told(
    storyteller: Storyteller,
    tree: Tree,
    name: str,
    parent: str | None,
    shared: Sequence[Step],
    chosen: Sequence[Drawn],
    most: int,
) -> Branch:
    """Tell one branch after the tokens it shares and the one that was chosen."""
    seed = tree.sampling.seed + len(tree.branches)
    prompt = storyteller.encode(tree.prompt)
    before = [*(step.token for step in shared), *(one.token for one in chosen)]
    drawn, added = tuple(chosen), ""
    stop_reason: StopReason = "end-of-text"
    if not (chosen and chosen[0].token in storyteller.end_of_text):
        request = Request(
            (*prompt, *before), len(storyteller.lead), tree.sampling, seed, alternatives=most, probabilities=True
        )
        (telling,) = storyteller.tell([request], [tree.prompt])
        drawn, stop_reason, added = (*chosen, *telling.drawn), telling.stop_reason, telling.text
    context = [*prompt[len(storyteller.lead) :], *(step.token for step in shared)]
    first = "".join(token_texts(storyteller, context, [one.token for one in chosen]))
    return Branch(name, parent, len(shared), seed, steps(storyteller, context, drawn, first + added), stop_reason)


def _before(storyteller: Storyteller, tree: Tree, name: str, at: int) -> list[int]:
    """Return all tokens that the model reads before a place of a branch's story."""
    path = tree.path(name)
    ended = bool(path) and path[-1].token in storyteller.end_of_text
    last = len(path) - ended
    if not 0 <= at <= last:
        raise UserError(f"at = {at} must be between 0 and {last}: the story of {name!r} has no other places")
    tokens = [*storyteller.encode(tree.prompt), *(step.token for step in path[:at])]
    if len(tokens) > storyteller.backend.context:
        raise UserError(
            f"the story has {len(tokens):,} tokens before this place; the model's context holds "
            f"{storyteller.backend.context:,}"
        )
    if max(tokens) >= storyteller.backend.vocab_size:
        raise UserError("the tree holds tokens that this model doesn't have: another model told it")
    return tokens
