"""The template language in which the phrases are written.

    [x|y|z]      one of the alternatives (an alternative may be empty, and may contain anything)
    <role.form>  a reference: `<a>` the agent as subject, `<o.a>` the thing with "a", `<=skill>` a word of the event
    {class}      a random member of a word class (see words.py)
    x // y       two sentences
    a> text      a sentence of speech by role a; a sentence without end punctuation is a clause

A template fits an event when every role it needs is filled; alternatives that do not fit are never chosen.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from fabula.corpus.storyworld.lexicon import listed
from fabula.corpus.storyworld.telling.words import WORDS

_TOKEN = re.compile(r"\[|\]|\||<=?[\w.]+>|\{\w+\}|[^\[\]|<{]+")
_VOWEL_AFTER_A = re.compile(r"\b([Aa]) (?=((?:[aeiou]|hon|hour)\w*))")
_SOUNDS_LIKE_CONSONANT = ("uni", "use", "one", "eu")
_OBJECT_AFTER = frozenset(
    listed(
        "for to with of from at about on saw met found asked told gave made noticed left by near was than beside like "
        "forgive thanked hugged beat along"
    )
)


@dataclass(frozen=True)
class Literal:
    """Plain text."""

    text: str


@dataclass(frozen=True)
class Slot:
    """A reference to be resolved when the sentence is told."""

    role: str
    form: str


@dataclass(frozen=True)
class Choice:
    """Alternatives, each with the roles that it needs."""

    options: tuple[tuple[Sequence, frozenset[str]], ...]


@dataclass(frozen=True)
class Sequence:
    """Nodes in order."""

    nodes: tuple[Literal | Slot | Choice, ...]


@dataclass(frozen=True)
class Sentence:
    """One sentence of a template; `speaker` is the role that says it, or "" when it is narrated."""

    body: Sequence
    speaker: str
    subject: str  # the role that the sentence starts with, when it does
    timeable: bool  # "One day, " may stand before it
    complete: bool  # has its own end punctuation
    simple: bool  # short and without conjunction: may be joined with another clause


@dataclass(frozen=True)
class Template:
    """A parsed template and the roles that it needs."""

    source: str
    sentences: tuple[Sentence, ...]
    needs: frozenset[str]


@cache
def template(source: str) -> Template:
    """Parse a template; raises ValueError when its brackets do not match."""
    sentences = []
    needs: frozenset[str] = frozenset()
    for part in source.split(" // "):
        speaker, text = (part[0], part[3:]) if part[1:3] == "> " else ("", part)
        body = sequence(text)
        first = body.nodes[0]
        subject = first.role if isinstance(first, Slot) and first.form == "" and first.role in "abcg" else ""
        complete = text[-1] in ".!?\"'"
        simple = not complete and " and " not in text and "," not in text and " that " not in text
        timeable = bool(speaker) or isinstance(first, Slot) or text.startswith(("there was", "it was a"))
        sentences.append(Sentence(body, speaker, subject, timeable, complete, simple))
        needs |= needed(body) | (frozenset([speaker]) if speaker else frozenset())
    return Template(source, tuple(sentences), needs)


@cache
def sequence(text: str) -> Sequence:
    """Parse the text of one sentence."""
    tokens = _TOKEN.findall(text)
    if "".join(tokens) != text:
        raise ValueError(f"cannot read the template {text!r}")
    nodes, end = _parse(tokens, 0)
    if end != len(tokens):
        raise ValueError(f"unmatched bracket in the template {text!r}")
    return nodes


def _parse(tokens: list[str], at: int) -> tuple[Sequence, int]:
    nodes: list[Literal | Slot | Choice] = []
    while at < len(tokens) and tokens[at] not in ("|", "]"):
        token = tokens[at]
        at += 1
        if token == "[":
            options = []
            while True:
                option, at = _parse(tokens, at)
                options.append((option, needed(option)))
                if at == len(tokens):
                    raise ValueError("a bracket is not closed in a template")
                at += 1
                if tokens[at - 1] == "]":
                    break
            nodes.append(Choice(tuple(options)))
        elif token[0] == "<":
            role, _, form = token[1:-1].partition(".")
            if not form and role in "abcghw" and _last_word(nodes) in _OBJECT_AFTER:
                form = "him"
            nodes.append(Slot(role, form))
        elif token[0] == "{":
            options = [(sequence(word), needed(sequence(word))) for word in WORDS[token[1:-1]]]
            nodes.append(Choice(tuple(options)))
        else:
            nodes.append(Literal(token))
    return Sequence(tuple(nodes)), at


def _last_word(nodes: list[Literal | Slot | Choice]) -> str:
    last = nodes[-1] if nodes else None
    if isinstance(last, Literal) and not last.text.strip() and len(nodes) > 1:
        last = nodes[-2]
    if isinstance(last, Choice):
        return _last_word(list(last.options[0][0].nodes))
    return (last.text.split() or [""])[-1] if isinstance(last, Literal) else ""


def needed(body: Sequence) -> frozenset[str]:
    """Return the roles without which no expansion of `body` is possible."""
    roles: set[str] = set()
    for node in body.nodes:
        if isinstance(node, Slot):
            roles.add(node.role)
        elif isinstance(node, Choice):
            roles |= frozenset.intersection(*(needs for _, needs in node.options))
    return frozenset(roles)


def with_articles(text: str) -> str:
    """Turn "a" into "an" where the next word starts with a vowel sound."""

    def fix(match: re.Match[str]) -> str:
        return match[0] if match[2].startswith(_SOUNDS_LIKE_CONSONANT) else f"{match[1]}n "

    return _VOWEL_AFTER_A.sub(fix, text)


def capitalised(text: str) -> str:
    """Return the sentence with its first letter in upper case, looking past an opening quotation mark."""
    at = 1 if text[:1] == '"' else 0
    return text[:at] + text[at : at + 1].upper() + text[at + 1 :]
