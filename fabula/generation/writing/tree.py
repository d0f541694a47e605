"""A tree of stories: values that can be walked, named, and written as JSON and Markdown."""

import functools
import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from fabula.errors import UserError, did_you_mean
from fabula.fields import checked
from fabula.generation.sampling import Sampling
from fabula.generation.story import StopReason
from fabula.generation.writing.steps import Alternative, Step

FORMAT_VERSION = 1


@dataclass(frozen=True)
class Branch:
    """A part of a tree: from where it leaves another branch to where it stops."""

    name: str
    parent: str | None
    """The branch it leaves; None: it begins at the prompt."""
    at: int
    """How many tokens before its first belong to its parent, or to those its parent leaves."""
    seed: int
    steps: tuple[Step, ...]
    """Its own tokens; where it has a parent the first was chosen, not drawn."""
    stop_reason: StopReason


@dataclass(frozen=True)
class Tree:
    """A prompt and all that was told from it."""

    prompt: str
    sampling: Sampling
    branches: tuple[Branch, ...]
    """In the order in which they were told."""

    def branch(self, name: str) -> Branch:
        """Return a branch.

        Raises:
            UserError: none of that name.
        """
        if name not in self._by_name:
            raise UserError(f"no branch {name!r}: {did_you_mean(name, self._by_name)}")
        return self._by_name[name]

    @functools.cached_property
    def _by_name(self) -> Mapping[str, Branch]:
        return {branch.name: branch for branch in self.branches}

    def path(self, name: str) -> tuple[Step, ...]:
        """Return all tokens of the story that ends with a branch."""
        branch = self.branch(name)
        parts, needed = [branch.steps], branch.at
        while branch.parent is not None:
            branch = self.branch(branch.parent)
            parts.append(branch.steps[: max(0, needed - branch.at)])
            needed = min(needed, branch.at)
        return tuple(itertools.chain.from_iterable(reversed(parts)))

    def text(self, name: str) -> str:
        """Return the story that ends with a branch, its prompt included."""
        return self.prompt + "".join(step.text for step in self.path(name))

    def children(self, name: str) -> tuple[Branch, ...]:
        """Return the branches that leave a branch, the earliest place first."""
        return tuple(sorted((one for one in self.branches if one.parent == name), key=lambda one: one.at))

    def walk(self) -> Iterator[tuple[int, Branch]]:
        """Yield every branch with its depth, each before those that leave it."""
        waiting = [(0, branch) for branch in reversed(self.branches) if branch.parent is None]
        while waiting:
            depth, branch = waiting.pop()
            yield depth, branch
            waiting += [(depth + 1, child) for child in reversed(self.children(branch.name))]

    def renamed(self, old: str, new: str) -> "Tree":
        """Return the tree with another name for a branch.

        Raises:
            UserError: no such branch, or the new name is taken or empty.
        """
        self.branch(old)
        if old != new:
            self.check_free(new)
        branches = [
            replace(one, name=new if one.name == old else one.name, parent=new if one.parent == old else one.parent)
            for one in self.branches
        ]
        return replace(self, branches=tuple(branches))

    def check_free(self, name: str) -> None:
        """Make sure that a new branch can have this name.

        Raises:
            UserError: it is taken or empty.
        """
        if not name.strip():
            raise UserError("a branch needs a name")
        if any(branch.name == name for branch in self.branches):
            raise UserError(f"there is a branch {name!r} already")

    def with_branch(self, branch: Branch) -> "Tree":
        """Return the tree with one more branch.

        Raises:
            UserError: its name is taken or empty.
        """
        self.check_free(branch.name)
        return replace(self, branches=(*self.branches, branch))

    def to_json(self) -> dict[str, Any]:
        """Return the tree as values that JSON knows."""
        return {"format_version": FORMAT_VERSION, **asdict(self)}

    @classmethod
    def from_json(cls, values: Any) -> "Tree":
        """Build a tree from what `to_json` returned.

        Raises:
            UserError: it is something else.
        """
        try:
            if values["format_version"] != FORMAT_VERSION:
                raise UserError(f"a tree of format {values['format_version']}; this Fabula reads {FORMAT_VERSION}")
            tree = cls(
                str(values["prompt"]), Sampling(**values["sampling"]), tuple(map(_branch_from_json, values["branches"]))
            )
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
            if isinstance(error, UserError):
                raise
            raise UserError("this is not a tree of stories") from None
        _check_shape(tree)
        return tree

    def to_markdown(self) -> str:
        """Return the tree as a page: each branch under its name, with the place it leaves and what was chosen."""
        parts = [f"> {line}".rstrip() for line in (self.prompt or "(no prompt)").splitlines()]
        for depth, branch in self.walk():
            parts += ["", f"{'#' * min(depth + 2, 6)} {branch.name}", ""]
            if branch.parent is not None:
                parts += [self._leaving(branch), ""]
            parts.append(_paragraphs("".join(step.text for step in branch.steps)))
        return "\n".join(parts).rstrip() + "\n"

    def _leaving(self, branch: Branch) -> str:
        path = self.path(branch.name)
        before = self.prompt + "".join(step.text for step in path[: branch.at])
        assert branch.parent is not None
        chosen = _quoted(branch.steps[0])
        stayed = self.path(branch.parent)[branch.at : branch.at + 1]
        instead = f" instead of {_quoted(stayed[0])}" if stayed else ""
        return f"*Leaves {branch.parent} after “…{before[-40:].strip()}” with {chosen}{instead}.*"


def _branch_from_json(values: Mapping[str, Any]) -> Branch:
    steps = tuple(
        Step(
            int(step["token"]),
            str(step["text"]),
            float(step["log_probability"]),
            tuple(
                Alternative(int(beside["token"]), str(beside["text"]), float(beside["log_probability"]))
                for beside in step["alternatives"]
            ),
        )
        for step in values["steps"]
    )
    parent = values["parent"]
    return Branch(
        str(values["name"]),
        None if parent is None else str(parent),
        int(values["at"]),
        int(values["seed"]),
        steps,
        checked("stop_reason", values["stop_reason"], StopReason),
    )


def _check_shape(tree: Tree) -> None:
    """Make sure that every branch leaves one that was told before it, at one of its places."""
    lengths: dict[str, int] = {}
    for branch in tree.branches:
        if branch.name in lengths or not branch.name.strip():
            raise UserError(f"this is not a tree of stories: two branches {branch.name!r}, or one without a name")
        if branch.parent is not None:
            if branch.parent not in lengths:
                raise UserError(f"this is not a tree of stories: {branch.name!r} leaves no branch told before it")
            if not (0 <= branch.at <= lengths[branch.parent] and branch.steps):
                raise UserError(f"this is not a tree of stories: {branch.name!r} leaves its parent at no place")
        lengths[branch.name] = branch.at + len(branch.steps)


def _quoted(step: Step) -> str:
    return f"“{step.text.strip() or 'the end'}”"


def _paragraphs(text: str) -> str:
    """Return a text in Markdown: no letter of it means markup, and its lines stay apart."""
    escaped = re.sub(r"([\\`*_{}\[\]<>#|~])", r"\\\1", text.strip())
    return "\n\n".join(line.strip() for line in escaped.splitlines() if line.strip())
