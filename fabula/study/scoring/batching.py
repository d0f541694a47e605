"""Many trees and sequences in few forward passes.

A tree becomes one row: its prefix, then all branches one after the other. Positions start again after the prefix in
each branch, and a branch sees itself and the prefix only, so the context is computed once for all of them. Rows of
like length share a batch; padding stands at the end, where causality hides it.

Shapes: B rows, T positions, S key positions, N scored tokens of a batch.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fabula.study.scoring.language_model import Floats, Tree

MULTIPLE = 16
"""Rows are padded to a multiple of this, for oneDNN keeps a kernel, and its memory, for each shape it meets."""
SHORT = 128
"""Tokens of branches that a row holds in any case."""
PADDING_BRANCH = -1

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Row:
    """A tree laid out in a line; every array but the last two has one entry for each input token."""

    tokens: Integers
    positions: Integers
    branches: Integers
    """0 in the prefix, 1 and up in the branches."""
    scored: Integers
    """For each scored token, the input after which it is predicted."""
    targets: Integers
    """The scored tokens, branch after branch."""


@dataclass(frozen=True)
class Batch:
    """Some rows side by side."""

    tokens: Tensor
    """Shape BT, padding at the end."""
    positions: Tensor
    """Shape BT."""
    mask: Tensor | None
    """Which inputs each input sees, boolean, shape BTS; None: all before it."""
    scored: tuple[Tensor, Tensor]
    """Row and column of the input after which each scored token is predicted; shape N each."""
    targets: Tensor
    """The scored tokens, shape N."""


Losses = Callable[[Batch], Tensor]
"""Returns each scored token's loss in nats, shape N."""


def score_trees(trees: Sequence[Tree], tokens: int, device: torch.device, losses: Losses) -> list[list[Floats]]:
    """Return ln p of every token of every branch: [tree][branch][token].

    Args:
        trees: what to score.
        tokens: padded tokens of one batch at most (a longer row has its own).
        device: where batches are put.
        losses: the model.
    """
    owned = [(owner, part) for owner, tree in enumerate(trees) for part in split(tree)]
    parts = [part for _, part in owned]
    rows = [line_up(part) for part in parts]
    values: list[list[Floats]] = [[] for _ in parts]
    for members in group_by_length([len(row.tokens) for row in rows], tokens):
        batch = pad([rows[member] for member in members], device)
        batch_values = -losses(batch).cpu().double().numpy()
        lengths = [len(branch) for member in members for branch in parts[member].branches]
        pieces = iter(np.split(batch_values, np.cumsum(lengths)[:-1]))
        for member in members:
            values[member] = [next(pieces) for _ in parts[member].branches]
    found: list[list[Floats]] = [[] for _ in trees]
    for (owner, _), branches in zip(owned, values, strict=True):
        found[owner] += branches
    return found


def split(tree: Tree) -> list[Tree]:
    """Deal a tree's branches to several trees of the same prefix where one row would be long: attention's cost is
    quadratic, and reading a short prefix again costs less.
    """
    room = max(SHORT, len(tree.prefix))
    groups: list[list[tuple[int, ...]]] = []
    used = 0
    for branch in tree.branches:
        if not groups or used + len(branch) > room:
            groups.append([])
            used = 0
        groups[-1].append(branch)
        used += len(branch)
    return [Tree(tree.prefix, tuple(group)) for group in groups]


def one_branch_each(trees: Sequence[Tree]) -> list[Tree]:
    """Return every branch as a tree of its own, for models that take no mask."""
    return [Tree(tree.prefix, (branch,)) for tree in trees for branch in tree.branches]


def line_up(tree: Tree) -> Row:
    """Lay a tree out in a line; the last token of a branch is only predicted, so it is no input."""
    start = len(tree.prefix)
    assert start, "a tree needs at least one token before its branches"
    tokens, positions, branches = [tree.prefix], [np.arange(start)], [np.zeros(start, np.int64)]
    scored: list[Integers] = []
    end = start
    for number, branch in enumerate(tree.branches, 1):
        inputs = branch[:-1]
        tokens.append(inputs)
        positions.append(start + np.arange(len(inputs)))
        branches.append(np.full(len(inputs), number))
        if branch:
            scored.append(np.concatenate(([start - 1], end + np.arange(len(inputs)))))
        end += len(inputs)
    return Row(
        np.concatenate([np.array(part, np.int64) for part in tokens]),
        np.concatenate(positions),
        np.concatenate(branches),
        np.concatenate(scored) if scored else np.empty(0, np.int64),
        np.array([token for branch in tree.branches for token in branch], np.int64),
    )


def group_by_length(lengths: Sequence[int], tokens: int) -> list[list[int]]:
    """Group rows of like length, the longest first, so that each group, once padded, has at most `tokens` tokens."""
    groups: list[list[int]] = []
    for member in sorted(range(len(lengths)), key=lambda member: -lengths[member]):
        if groups and (len(groups[-1]) + 1) * padded_length(lengths[groups[-1][0]]) <= tokens:
            groups[-1].append(member)
        else:
            groups.append([member])
    return groups


def padded_length(length: int) -> int:
    """Return the length that a row is padded to."""
    return -(-length // MULTIPLE) * MULTIPLE


def pad(rows: Sequence[Row], device: torch.device) -> Batch:
    """Put rows side by side; the first is the longest."""
    T = padded_length(len(rows[0].tokens))
    branches_BT = _side_by_side([row.branches for row in rows], T, PADDING_BRANCH, device)
    forked = any(row.branches[-1] > 1 for row in rows)
    rows_N = np.repeat(np.arange(len(rows)), [len(row.scored) for row in rows])
    return Batch(
        _side_by_side([row.tokens for row in rows], T, 0, device),
        _side_by_side([row.positions for row in rows], T, 0, device),
        _branch_mask(branches_BT) if forked else None,
        (torch.from_numpy(rows_N).to(device), _joined([row.scored for row in rows], device)),
        _joined([row.targets for row in rows], device),
    )


def _branch_mask(branches_BT: Tensor) -> Tensor:
    """An input sees what stands before it in the prefix and in its own branch."""
    queries, keys = branches_BT[:, :, None], branches_BT[:, None, :]
    T = branches_BT.shape[1]
    causal_TS = torch.ones(T, T, dtype=torch.bool, device=branches_BT.device).tril()
    return ((keys == 0) | (keys == queries)) & causal_TS


def _joined(parts: Sequence[Integers], device: torch.device) -> Tensor:
    return torch.from_numpy(np.concatenate(parts)).to(device)


def _side_by_side(rows: Sequence[Integers], length: int, padding: int, device: torch.device) -> Tensor:
    padded = np.full((len(rows), length), padding, np.int64)
    for line, row in zip(padded, rows, strict=True):
        line[: len(row)] = row
    return torch.from_numpy(padded).to(device)
