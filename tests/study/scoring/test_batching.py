"""How trees become rows and rows become batches."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from fabula.study.scoring.batching import SHORT, group_by_length, line_up, pad, padded_length, split
from fabula.study.scoring.language_model import Tree

CPU = torch.device("cpu")


def test_a_tree_in_a_line():
    row = line_up(Tree((9, 8), ((1, 2, 3), (4,), (), (5, 6))))
    assert row.tokens.tolist() == [9, 8, 1, 2, 5]
    assert row.positions.tolist() == [0, 1, 2, 3, 2]
    assert row.branches.tolist() == [0, 0, 1, 1, 4]
    assert row.scored.tolist() == [1, 2, 3, 1, 1, 4]
    assert row.targets.tolist() == [1, 2, 3, 4, 5, 6]


def test_a_branch_sees_the_prefix_and_itself():
    batch = pad([line_up(Tree((9, 8), ((1, 2, 3), (5, 6))))], CPU)
    assert batch.mask is not None
    seen = [batch.mask[0, query, :5].int().tolist() for query in range(5)]
    assert seen == [[1, 0, 0, 0, 0], [1, 1, 0, 0, 0], [1, 1, 1, 0, 0], [1, 1, 1, 1, 0], [1, 1, 0, 0, 1]]
    assert batch.mask.any(-1).all()


def test_single_branches_need_no_mask():
    assert pad([line_up(Tree((9,), ((1, 2),))), line_up(Tree((9,), ((1,), (2,))))], CPU).mask is None


@given(st.lists(st.integers(1, 400), max_size=60), st.integers(1, 2000))
def test_groups_hold_every_row_once_and_keep_to_the_limit(lengths, tokens):
    groups = group_by_length(lengths, tokens)
    assert sorted(member for group in groups for member in group) == list(range(len(lengths)))
    for group in groups:
        longest = max(lengths[member] for member in group)
        assert lengths[group[0]] == longest
        assert len(group) == 1 or len(group) * padded_length(longest) <= tokens


@given(st.integers(1, 200), st.lists(st.integers(0, 90), min_size=1, max_size=40))
def test_splitting_keeps_every_branch_in_order(prefix, lengths):
    tree = Tree((0,) * prefix, tuple((number,) * length for number, length in enumerate(lengths)))
    parts = split(tree)
    assert tuple(branch for part in parts for branch in part.branches) == tree.branches
    for part in parts:
        assert part.prefix == tree.prefix
        assert len(part.branches) == 1 or sum(map(len, part.branches)) <= max(SHORT, prefix)
