"""Warnings, and what happens to those who do not listen.

Clauses and sentences are templates (see telling/grammar.py): `<a>` is the agent of the event that tells them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Warning:
    """What one is told not to do and why; what happens then, how it is put right, and the lesson."""

    rule: str  # after "do not"
    why: str  # sentence
    temptation: str  # clause
    deed: str  # clause
    harm: str  # clause
    rescue: str  # clause: <b> helps <a>
    lesson: str
    realms: str


WARNINGS = (
    Warning(
        "eat all the cookies",
        "Too many will make your tummy hurt.",
        "the cookies smelled so good",
        "<a> ate one cookie, then two, then all of them",
        "<a.his> tummy hurt so much that <a> had to lie down",
        "<b> made some warm tea and rubbed <a.his> tummy",
        "too much of a good thing is not good",
        "t",
    ),
    Warning(
        "touch the hot pot",
        "It will burn you.",
        "the soup smelled so good",
        "<a> put out a finger to touch the pot",
        "it was so hot that <a> jumped back with a red finger",
        "<b> held the finger under cold water",
        "you should listen to a warning",
        "t",
    ),
    Warning(
        "go near the deep water",
        "The water is fast there.",
        "a pretty flower grew at the edge of the water",
        "<a> leaned over to pick the flower",
        "<a> slipped and fell in with a big splash",
        "<b> reached out a long stick and pulled <a.him> out",
        "some rules keep you safe",
        "twj",
    ),
    Warning(
        "run on the wet floor",
        "You could slip and fall.",
        "the floor was as shiny as ice",
        "<a> ran as fast as the wind",
        "<a> slipped and landed hard on the floor",
        "<b> put a cold cloth on the bump",
        "it is wise to slow down",
        "t",
    ),
    Warning(
        "climb the old wall",
        "The stones are loose.",
        "there were ripe plums on the other side",
        "<a> climbed up, one stone after another",
        "a stone came loose, and <a> fell into the bushes",
        "<b> lifted <a.him> out of the bushes and cleaned every scratch",
        "rules are there for a reason",
        "tw",
    ),
    Warning(
        "open the green gate",
        "The goats will get out.",
        "a little goat looked so sweet behind the gate",
        "<a> opened the gate just a tiny bit",
        "ten goats ran out and ate all the lettuce",
        "<b> rang a bell, and together they chased the goats back",
        "a small mistake can make a lot of work",
        "t",
    ),
    Warning(
        "shake the bee tree",
        "The bees do not like that.",
        "golden honey dripped down the bark",
        "<a> shook the tree to get the honey",
        "a cloud of bees flew out and chased <a.him> around",
        "<b> splashed water at the bees until they flew home",
        "it is better to ask before you take",
        "wj",
    ),
    Warning(
        "go out without a coat",
        "It is cold today.",
        "the coat was so thick and itchy",
        "<a> left the coat behind and ran out to play",
        "<a> began to sneeze and shiver",
        "<b> put a blanket around <a.him> and brought hot milk",
        "it is smart to listen to good advice",
        "t",
    ),
    Warning(
        "eat the red berries",
        "They are not good for you.",
        "the berries were so red and shiny",
        "<a> put three berries in <a.his> mouth",
        "they were so sour and bitter that <a> felt sick",
        "<b> gave <a.him> cold water to drink",
        "not everything pretty is good to eat",
        "twj",
    ),
    Warning(
        "walk off the path",
        "It is easy to get lost.",
        "there was a strange light between the trees",
        "<a> left the path to look at the light",
        "soon, <a> could not find the way back",
        "<b> called and called until <a> heard it and came running",
        "it is safer to stay together",
        "twj",
    ),
    Warning(
        "wake the sleeping bear",
        "Bears get very grumpy.",
        "a honey pot stood right next to the bear",
        "<a> tiptoed to the honey and stepped on a twig",
        "the bear woke up with a loud growl, and <a> ran",
        "<b> pulled <a.him> behind a rock until the bear went back to sleep",
        "some things are best left alone",
        "w",
    ),
    Warning(
        "play with the scissors",
        "They are very sharp.",
        "<a> wanted to look pretty for the party",
        "<a> took the scissors and cut a bit of hair",
        "there was a big, funny hole in the middle of <a.his> hair",
        "<b> combed it and cut it straight",
        "you should ask a grown-up for help",
        "t",
    ),
)
