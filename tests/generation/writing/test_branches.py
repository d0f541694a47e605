"""Branches: a tree tells what was chosen where, grows again from the same choices, and can be written and read."""

import functools
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fabula.errors import UserError
from fabula.generation.sampling import Sampling
from fabula.generation.storyteller import Storyteller
from fabula.generation.writing.branches import alternatives, begin, branch_off
from fabula.generation.writing.steps import steps
from fabula.generation.writing.tree import Tree
from tests.generation.backends import PlainBackend, script
from tests.tiny import tiny_tokenizer

TOKENIZER = tiny_tokenizer()
VOCABULARY = TOKENIZER.get_vocab_size()
PROMPT = "Once upon"
LENGTH = 12


@functools.cache
def after(token):
    return (np.random.default_rng(token).standard_normal(VOCABULARY) * 2).astype(np.float32)


def storyteller(context=64, rule=lambda tokens: after(tokens[-1])):
    return Storyteller(PlainBackend(VOCABULARY, context, rule), TOKENIZER, (0,))


TELLER = storyteller()


@pytest.fixture(scope="module")
def tree():
    """main, and one branch that leaves it; of that another, and one more of main."""
    tree = begin(TELLER, PROMPT, max_new_tokens=LENGTH, seed=40)
    for name, at, new in (("main", 4, "b"), ("b", 8, "c"), ("main", 2, "d")):
        choice = next(one for one in tree.path(name)[at].alternatives if one.token != tree.path(name)[at].token)
        tree = branch_off(TELLER, tree, name, at, choice.token, new=new)
    return tree


def test_the_first_branch_is_the_story_that_generate_tells(tree):
    main = tree.branch("main")
    (telling,) = TELLER.generate(PROMPT, tree.sampling, probabilities=True)
    assert (main.parent, main.at, main.seed, main.stop_reason) == (None, 0, 40, telling.stop_reason)
    assert tree.text("main") == PROMPT + telling.text
    assert [step.token for step in main.steps] == [one.token for one in telling.drawn]
    assert [step.log_probability for step in main.steps] == [one.log_probability for one in telling.drawn]
    assert all(len(step.alternatives) == 5 for step in main.steps)


def test_a_branch_shares_what_came_before_its_choice(tree):
    main, b = tree.path("main"), tree.path("b")
    assert b[:4] == main[:4]
    assert b[4].token != main[4].token
    assert b[4].log_probability == pytest.approx(
        next(one.log_probability for one in main[4].alternatives if one.token == b[4].token)
    )
    assert len(b) == 4 + 1 + LENGTH
    assert tree.text("b").startswith(PROMPT + "".join(step.text for step in main[:4]))
    assert [tree.branch(name).seed for name in "bcd"] == [41, 42, 43]


def test_a_branch_is_the_story_after_all_that_it_reads(tree):
    b = tree.branch("b")
    tokens = TELLER.encode(PROMPT) + [step.token for step in tree.path("b")[:5]]
    reading = storyteller()
    reading.encode = lambda prompt: tokens
    (telling,) = reading.generate("", tree.sampling, seed=41)
    assert [one.token for one in telling.drawn] == [step.token for step in b.steps[1:]]


def test_the_same_choices_grow_the_same_tree(tree):
    again = begin(TELLER, PROMPT, tree.sampling)
    for branch in tree.branches[1:]:
        again = branch_off(TELLER, again, branch.parent, branch.at, branch.steps[0].token, new=branch.name)
    assert again == tree


def test_a_branch_off_a_part_that_is_shared_leaves_the_branch_it_belongs_to(tree):
    for at in (1, 4):
        grown = branch_off(TELLER, tree, "c", at, 7, new="e")
        assert (grown.branch("e").parent, grown.branch("e").at) == ("main", at)
        assert grown.path("e")[:at] == tree.path("c")[:at]
    grown = branch_off(TELLER, tree, "c", 7, 7, new="e")
    assert (grown.branch("e").parent, grown.path("e")[:7]) == ("b", tree.path("c")[:7])


def test_a_story_that_was_cut_off_goes_on_at_its_end(tree):
    grown = branch_off(TELLER, tree, "main", LENGTH, 9)
    assert grown.branches[-1].name == "branch-4"
    assert grown.path("branch-4")[: LENGTH + 1] == (*tree.path("main"), grown.branches[-1].steps[0])


def test_choosing_the_end_ends_the_story(tree):
    grown = branch_off(TELLER, tree, "b", 6, 0, new="end")
    branch = grown.branch("end")
    assert (len(branch.steps), branch.steps[0].text, branch.stop_reason) == (1, "", "end-of-text")
    with pytest.raises(UserError, match="at = 7 must be between 0 and 6"):
        branch_off(TELLER, grown, "end", 7, 5)


def test_alternatives_are_the_models_own_probabilities(tree):
    every = alternatives(TELLER, tree, "b", 6, VOCABULARY)
    assert math.fsum(one.probability for one in every) == pytest.approx(1)
    assert [one.probability for one in every] == sorted((one.probability for one in every), reverse=True)
    assert len({one.token for one in every}) == VOCABULARY
    five = alternatives(TELLER, tree, "b", 6)
    assert [one.token for one in five] == [one.token for one in tree.path("b")[6].alternatives]
    assert [one.text for one in five] == [TOKENIZER.decode([one.token], skip_special_tokens=False) for one in five]
    assert not TELLER.backend.slots, "the slot must be given back"


def test_a_tree_can_be_walked(tree):
    assert [(depth, branch.name) for depth, branch in tree.walk()] == [(0, "main"), (1, "d"), (1, "b"), (2, "c")]
    assert [branch.name for branch in tree.children("main")] == ["d", "b"]
    assert tree.children("c") == ()


def test_a_branch_can_be_named(tree):
    named = tree.renamed("b", "the dragon stays")
    assert named.branch("c").parent == "the dragon stays"
    assert named.text("c") == tree.text("c")
    assert named.renamed("the dragon stays", "b") == tree
    assert tree.renamed("b", "b") == tree


def test_json_holds_all_of_a_tree(tree):
    written = json.dumps(tree.to_json(), allow_nan=False)
    assert Tree.from_json(json.loads(written)) == tree
    for token in (5, 0):
        grown = branch_off(TELLER, tree, "c", 9, token)
        assert Tree.from_json(json.loads(json.dumps(grown.to_json()))) == grown


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda values: values.update(format_version=2), "format 2"),
        (lambda values: values.pop("prompt"), "not a tree"),
        (lambda values: values.update(branches=3), "not a tree"),
        (lambda values: values["sampling"].update(temperature=-1), "temperature = -1"),
        (lambda values: values["sampling"].update(heat=1), "not a tree"),
        (lambda values: values["branches"][1].update(parent="nobody"), "leaves no branch"),
        (lambda values: values["branches"][1].update(parent="c"), "leaves no branch"),
        (lambda values: values["branches"][1].update(at=99), "at no place"),
        (lambda values: values["branches"][1].update(name="main"), "two branches 'main'"),
        (lambda values: values["branches"][0].update(stop_reason="boredom"), "boredom"),
        (lambda values: values["branches"][2]["steps"][0].pop("text"), "not a tree"),
    ],
)
def test_what_is_no_tree(tree, change, reason):
    values = json.loads(json.dumps(tree.to_json()))
    change(values)
    with pytest.raises(UserError, match=reason):
        Tree.from_json(values)
    for other in (None, [], "tree", {}):
        with pytest.raises(UserError, match="not a tree"):
            Tree.from_json(other)


def test_markdown_tells_every_branch_and_where_it_leaves():
    text = " sat on the mat. It *was* [not] happy."
    teller = storyteller(rule=script(VOCABULARY, [*TOKENIZER.encode(text).ids, 0]))
    teller.prompts.lead = []
    tree = begin(teller, "C", max_new_tokens=40)
    assert tree.text("main") == "C" + text
    tree = branch_off(teller, tree, "main", 3, 5, new="another way")
    page = tree.to_markdown()
    assert page.startswith("> C\n\n## main\n\nsat on the mat. It \\*was\\* \\[not\\] happy.\n\n### another way\n")
    assert "*Leaves main after “" in page
    assert f"with “{tree.branch('another way').steps[0].text.strip()}” instead of “" in page


@pytest.mark.parametrize(
    ("ask", "reason"),
    [
        (lambda tree: tree.text("e"), "no branch 'e'"),
        (lambda tree: tree.renamed("b", "c"), "a branch 'c' already"),
        (lambda tree: tree.renamed("b", " "), "needs a name"),
        (lambda tree: branch_off(TELLER, tree, "main", 1, 5, new="b"), "a branch 'b' already"),
        (lambda tree: branch_off(TELLER, tree, "main", LENGTH + 1, 5), f"between 0 and {LENGTH}"),
        (lambda tree: branch_off(TELLER, tree, "main", -1, 5), "at = -1"),
        (lambda tree: branch_off(TELLER, tree, "main", 1, VOCABULARY), "token = "),
        (lambda tree: alternatives(TELLER, tree, "main", 1, 0), "most = 0"),
        (lambda tree: alternatives(storyteller(context=8), tree, "b", 15), "context holds 8"),
    ],
)
def test_mistakes(tree, ask, reason):
    with pytest.raises(UserError, match=reason):
        ask(tree)


def test_a_name_that_is_taken_costs_no_story(tree):
    reads = len(TELLER.backend.reads)
    with pytest.raises(UserError, match="already"):
        branch_off(TELLER, tree, "main", 1, 5, new="b")
    assert len(TELLER.backend.reads) == reads


CAKE = TOKENIZER.encode(" café 🎂 naïve 😀", add_special_tokens=False).ids


def test_characters_of_several_tokens_are_whole_across_branches():
    teller = storyteller(rule=script(VOCABULARY, [*CAKE, 0]))
    teller.prompts.lead = []
    tree = begin(teller, "C", max_new_tokens=len(CAKE) + 1)
    assert tree.text("main") == "C café 🎂 naïve 😀"
    for at in range(len(CAKE)):
        grown = branch_off(teller, tree, "main", at, CAKE[at], new="same")
        assert grown.text("same") == tree.text("main")


@given(st.lists(st.integers(0, VOCABULARY - 1), max_size=30), st.integers(0, 40))
def test_the_texts_of_steps_are_the_storys_text(tokens, length):
    drawn = [one for one in TELLER.generate(PROMPT, max_new_tokens=1)[0].drawn for _ in tokens]
    drawn = [type(one)(token) for one, token in zip(drawn, tokens, strict=True)]
    whole = "".join(step.text for step in steps(TELLER, [], drawn))
    cut = whole[:length]
    assert "".join(step.text for step in steps(TELLER, [], drawn, cut)) == cut if drawn else not whole


def test_a_stop_text_is_no_part_of_a_branch():
    teller = storyteller(rule=script(VOCABULARY, TOKENIZER.encode(" sat on the mat. Then").ids))
    teller.prompts.lead = []
    tree = begin(teller, "C", Sampling(max_new_tokens=40, stop=("mat",)))
    assert (tree.text("main"), tree.branch("main").stop_reason) == ("C sat on the ", "stop-text")
