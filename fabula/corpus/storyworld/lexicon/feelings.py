"""Feelings: the words that state each one, and how someone who feels it speaks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Feeling:
    """A feeling: adjectives that state it, and manners of speaking (templates over the speaker `a`)."""

    words: tuple[str, ...]
    manners: tuple[str, ...]


FEELINGS: dict[str, Feeling] = {
    "happy": Feeling(
        ("happy", "very happy", "so happy", "glad", "full of joy", "cheerful"),
        ("happily", "with a smile", "with a big smile", "cheerfully", "with a laugh", "and clapped <a.his> hands"),
    ),
    "sad": Feeling(
        ("sad", "very sad", "so sad", "unhappy", "upset"),
        ("sadly", "with tears in <a.his> eyes", "in a small voice", "and began to cry", "with a sigh"),
    ),
    "angry": Feeling(
        ("angry", "very angry", "mad", "cross"),
        ("angrily", "with a frown", "in a loud voice", "and stamped <a.his> foot", "crossly"),
    ),
    "scared": Feeling(
        ("scared", "very scared", "afraid", "frightened", "so scared"),
        ("in a tiny voice", "in a shaky voice", "softly", "nervously"),
    ),
    "worried": Feeling(
        ("worried", "very worried", "nervous", "uneasy"),
        ("in a worried voice", "quietly", "nervously", "with a worried look"),
    ),
    "proud": Feeling(
        ("proud", "very proud", "so proud"),
        ("proudly", "with a big grin", "and stood up tall", "with shining eyes"),
    ),
    "lonely": Feeling(
        ("lonely", "all alone", "very lonely", "left out"),
        ("quietly", "in a small voice", "with a sigh", "sadly"),
    ),
    "surprised": Feeling(
        ("surprised", "very surprised", "amazed", "astonished"),
        ("with wide eyes", "in surprise", "with <a.his> mouth open"),
    ),
    "sorry": Feeling(
        ("sorry", "very sorry", "ashamed", "full of regret"),
        ("softly", "in a quiet voice", "and looked at the ground", "with a red face"),
    ),
    "excited": Feeling(
        ("excited", "very excited", "so excited", "thrilled"),
        ("excitedly", "and jumped up and down", "with bright eyes", "in an excited voice"),
    ),
    "grateful": Feeling(
        ("grateful", "thankful", "very thankful", "very grateful"),
        ("warmly", "with a grateful smile", "gratefully", "with a warm smile"),
    ),
    "curious": Feeling(
        ("curious", "very curious", "full of questions"),
        ("curiously", "with wide eyes", "and came closer"),
    ),
    "jealous": Feeling(
        ("jealous", "a little jealous", "envious"),
        ("grumpily", "with a frown", "without a smile"),
    ),
    "bored": Feeling(
        ("bored", "very bored", "restless"),
        ("with a yawn", "with a sigh", "slowly"),
    ),
    "tired": Feeling(
        ("tired", "very tired", "sleepy", "worn out"),
        ("with a yawn", "sleepily", "slowly"),
    ),
    "relieved": Feeling(
        ("relieved", "very relieved", "calm again", "full of relief"),
        ("with a smile", "with a deep breath", "softly", "and let out a long breath"),
    ),
    "disappointed": Feeling(
        ("disappointed", "very disappointed", "let down"),
        ("sadly", "with a sigh", "quietly"),
    ),
    "loved": Feeling(
        ("loved", "warm inside", "safe and loved"),
        ("softly", "with a warm smile", "gently"),
    ),
    "calm": Feeling(
        ("calm", "fine", "peaceful"),
        ("kindly", "with a nod", "gently", "softly"),
    ),
    "brave": Feeling(
        ("brave", "very brave", "strong and brave"),
        ("bravely", "in a clear voice", "with a nod"),
    ),
    "hungry": Feeling(
        ("hungry", "very hungry", "so hungry"),
        ("hopefully", "and rubbed <a.his> tummy"),
    ),
}
"""Every feeling a character can have in a record, by its name there."""
