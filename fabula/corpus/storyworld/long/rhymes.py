"""Counting rhymes: nonsense that is made up once in a story, and then said again word by word."""

from __future__ import annotations

import random

from fabula.corpus.storyworld.lexicon import listed

WORDS = listed(
    "bim bam bum zip zap zing ding dong ping pong tick tock hop pop flip flop snip snap clip clap tip tap tiddle "
    "fiddle faddle riddle raddle pickle tickle hey ho hum la loo moo koo bee boo dill dumble bumble tumble rumble "
    "mumble jumble dibble nibble gobble hobble wobble zig zag wig wag swish swoosh hinky pinky dinky minky"
)


def rhyme(chance: random.Random) -> str:
    """Return one to three lines of four to six different words, with a capital."""
    lines = [chance.randint(4, 6) for _ in range(chance.choice((1, 1, 2, 3)))]
    words = chance.sample(WORDS, sum(lines))
    text = ", ".join(" ".join(words[sum(lines[:n]) : sum(lines[: n + 1])]) for n in range(len(lines)))
    return text[0].upper() + text[1:]
