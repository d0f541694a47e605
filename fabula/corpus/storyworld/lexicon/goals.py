"""What quests are for, what stands in the way, and wishes that go wrong.

Clauses and sentences are templates (see telling/grammar.py): `<a>` is the agent of the event that tells them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Goal:
    """What a quest is for: the need, the thing, where it grows or lies, and what happens when it is brought home."""

    need: str  # clause about <a>, who needs it
    words: str  # what the one in need, or who knows, says
    noun: str
    qualities: tuple[str, ...]
    colours: tuple[str, ...]
    effect: str  # clause about <b>, who gets it
    places: tuple[str, ...]


GOALS = (
    Goal(
        "<a> had a bad cold and could not stop coughing",
        "Only a moon flower can help me now.",
        "moon flower",
        ("tall", "lovely"),
        ("white", "silver", "blue"),
        "<b> smelled the flower, and the cough was gone",
        ("hill", "forest", "meadow", "jungle"),
    ),
    Goal(
        "<a> had a sore throat and could only whisper",
        "A spoon of wild honey would help me.",
        "honey pot",
        ("big", "sticky"),
        ("brown", "golden"),
        "<b> ate a spoon of honey and began to sing again",
        ("forest", "meadow", "jungle"),
    ),
    Goal(
        "<a> could not sleep at night",
        "I wish I had a soft feather for my pillow.",
        "feather",
        ("soft", "long"),
        ("white", "gray", "blue"),
        "<b> put the feather under the pillow and slept until noon",
        ("pond", "hill", "river", "water hole"),
    ),
    Goal(
        "<a> was sad because winter was so long",
        "I would love to see one flower before spring.",
        "flower",
        ("tiny", "brave", "lovely"),
        ("yellow", "purple", "white"),
        "<b> looked at the flower and smiled for the first time in weeks",
        ("hill", "forest", "meadow", "river", "jungle"),
    ),
    Goal(
        "<a> had a box that nobody could open",
        "The key fell out on my last trip.",
        "key",
        ("old", "tiny"),
        ("golden", "silver"),
        "<b> opened the box, and it was full of old pictures",
        ("river", "forest", "beach", "hill", "jungle"),
    ),
    Goal(
        "<a> could not remember a song from long ago",
        "I heard it in a shell when I was young.",
        "shell",
        ("smooth", "big"),
        ("pink", "white", "blue"),
        "<b> held the shell to one ear and remembered every word",
        ("beach", "river", "pond", "water hole"),
    ),
    Goal(
        "<a> wanted to bake a pie for the whole family",
        "All I need is one very big apple.",
        "apple",
        ("big", "round"),
        ("red", "green"),
        "<b> baked a pie that was big enough for everyone",
        ("orchard", "farm", "hill", "jungle"),
    ),
    Goal(
        "<a> needed a new light because it was so dark at night",
        "I have heard of a stone that glows in the dark.",
        "stone",
        ("smooth", "round"),
        ("green", "blue", "white"),
        "<b> put the stone on the table, and the whole place was bright",
        ("cave", "hill", "beach", "river", "water hole"),
    ),
)


@dataclass(frozen=True)
class Obstacle:
    """Something in the way, a try that fails, an idea, and how it is passed."""

    sight: str  # clause
    fail: str  # clause
    idea: str  # said
    passed: str  # clause


OBSTACLES = (
    Obstacle(
        "a wide river ran across the path",
        "<a> put one foot in, but the water was too fast",
        "We can cross on the stones.",
        "<g> jumped from stone to stone",
    ),
    Obstacle(
        "a tall wall of thorns stood in the way",
        "<a> pushed, but the thorns were too sharp",
        "We can crawl under it.",
        "<g> crawled through a small gap on the ground",
    ),
    Obstacle(
        "a fallen tree blocked the path",
        "<a> tried to push it, but it did not move at all",
        "We can climb over it.",
        "<g> climbed over the trunk",
    ),
    Obstacle(
        "there was a grumpy goat on the bridge",
        "<a> asked to pass, but the goat shook its horns",
        "Goats like sweet grass.",
        "<g> gave the goat some grass, and it let them pass",
    ),
    Obstacle(
        "the path split into three, and there was no sign",
        "<a> picked the wrong one and came back to the start",
        "We can follow the footprints.",
        "<g> followed some tiny footprints to the right way",
    ),
    Obstacle(
        "a thick fog came down",
        "<a> walked in a circle and got back to the same rock",
        "We can listen for the water.",
        "<g> listened closely and walked toward the sound of water",
    ),
    Obstacle(
        "there was a deep hole in the ground",
        "<a> looked for a way around, but there was none",
        "We can put a log across.",
        "<g> walked over on a strong log",
    ),
    Obstacle(
        "there was a big snake asleep right in the middle of the path",
        "<a> coughed, and the snake opened one eye",
        "We have to be very, very quiet.",
        "<g> tiptoed around it without a sound",
    ),
    Obstacle(
        "the path went up a steep slope full of loose stones",
        "<a> slid back down twice",
        "We should go slowly from side to side.",
        "<g> went up in a zigzag until the top was near",
    ),
)


WISHES = (
    (
        "to be as tall as a tree",
        "<a> grew and grew until <a.his> head was in the clouds",
        "nobody could hear <a.him> from up there",
        "It is lonely up here!",
    ),
    (
        "to have all the candy in the world",
        "candy fell from the sky like rain",
        "there was candy up to <a.his> neck",
        "I cannot move, and I do not even want candy now!",
    ),
    (
        "to fly like a bird",
        "<a> rose up into the air",
        "the wind pushed <a.him> farther and farther from home",
        "I do not know how to get down!",
    ),
    (
        "that it would never be bedtime",
        "the sun stopped in the sky and stayed there",
        "<a> could hardly keep <a.his> eyes open",
        "I am so tired, but it is still day!",
    ),
    (
        "to be as small as an ant",
        "everything around <a.him> grew big, or so it looked",
        "a drop of rain was as big as a tub",
        "Everything is too big for me!",
    ),
    (
        "that everything would turn to gold",
        "the grass turned to gold, and so did the trees",
        "even lunch was hard and cold and golden",
        "I cannot eat gold!",
    ),
    (
        "to be the only one in the world",
        "all at once, it was very quiet everywhere",
        "there was nobody to play with and nobody to talk to",
        "Please come back, everybody!",
    ),
)
