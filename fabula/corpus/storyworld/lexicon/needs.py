"""What others need: strangers in trouble, ways to get stuck and free, gifts that can be made.

Clauses and sentences are templates (see telling/grammar.py): `<a>` is the agent of the event that tells them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Trouble:
    """A stranger's trouble as the stranger shows and says it, what the hero does, and how it ends."""

    plight: str  # clause about the stranger, <a>
    words: str  # what the stranger says
    deed: str  # clause about the hero, <a>, who helps <b>
    deed2: str
    realms: str


TROUBLES = (
    Trouble(
        "<a> was trying to carry a heavy bag",
        "This bag is too heavy for me.",
        "<a> took one side of the bag",
        "step by step, the bag got to the top of the road",
        "t",
    ),
    Trouble(
        "<a> was looking for a pair of glasses",
        "I cannot see a thing without my glasses.",
        "<a> looked high and low",
        "<a> found the glasses in the grass, right next to a stone",
        "t",
    ),
    Trouble(
        "<a> had dropped a basket of eggs",
        "All my eggs are rolling away!",
        "<a> ran after the eggs",
        "one by one, <a> put the eggs back, and only two were cracked",
        "tw",
    ),
    Trouble(
        "<a.his> cart was stuck in the mud",
        "The wheel will not move.",
        "<a> put flat stones under the wheel and pushed hard",
        "with a loud plop, the wheel came out of the mud",
        "tw",
    ),
    Trouble(
        "<a> was cold and wet from head to toe",
        "I fell into the water and I am freezing.",
        "<a> ran and got a thick, dry blanket",
        "soon, the shaking stopped",
        "twj",
    ),
    Trouble(
        "<a> had lost the way home",
        "Every path looks the same to me.",
        "<a> drew a little map in the sand",
        "<a> showed <b.him> the way to the crossing",
        "twj",
    ),
    Trouble(
        "<a> was sitting on the ground and holding one foot",
        "There is a thorn in my foot.",
        "<a> looked at the foot very closely",
        "with two careful fingers, <a> pulled out the thorn",
        "t",
    ),
    Trouble(
        "<a> was holding one foot up in the air",
        "There is a thorn in my foot.",
        "<a> looked at the foot very closely",
        "quick as a flash, <a> pulled out the thorn",
        "wj",
    ),
    Trouble(
        "<a> was trying to reach the fruit on a tall tree",
        "I am hungry, but the fruit is too high.",
        "<a> climbed up the tree",
        "<a> shook the branch until the fruit fell down like rain",
        "twj",
    ),
    Trouble(
        "<a> was standing in front of a broken fence",
        "My sheep will run away if I do not fix it.",
        "<a> held the boards in place",
        "board by board, the fence stood up straight again",
        "t",
    ),
    Trouble(
        "<a> had a nest that had fallen out of a tree",
        "The wind blew my nest down.",
        "<a> collected soft grass and twigs",
        "together, they made a new nest that was even stronger",
        "w",
    ),
    Trouble(
        "<a> was chasing pieces of paper in the wind",
        "My letters are flying away!",
        "<a> jumped and caught one letter after another",
        "the last one was high in a bush, but <a> got that one too",
        "t",
    ),
    Trouble(
        "<a> was looking up at a roof",
        "My newspaper flew up there and I cannot climb.",
        "<a> found a long stick",
        "with a big stretch, <a> pulled the newspaper down",
        "t",
    ),
    Trouble(
        "<a> was digging for water in the dry ground",
        "I have not had a drink since yesterday.",
        "<a> filled a big leaf with fresh water",
        "<a> carried it back without spilling a drop",
        "wj",
    ),
)


STUCK: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("in the deep mud", "a long branch", "twj", ("pond", "river", "farm", "water hole", "jungle")),
    ("at the top of a tall tree", "a ladder", "t", ("park", "orchard", "farm")),
    ("in a deep hole", "a rope", "t", ("forest", "meadow", "hill", "beach")),
    ("in a deep hole", "a long vine", "wj", ("forest", "meadow", "hill", "jungle")),
    ("on a rock in the water", "a wooden board", "t", ("river", "pond", "beach")),
    ("on a rock in the water", "a floating log", "wj", ("river", "pond", "water hole")),
    ("in a thorn bush", "two long sticks", "twj", ("forest", "meadow", "hill", "water hole")),
    ("between two big rocks", "a strong stick", "twj", ("hill", "river", "beach", "water hole", "jungle")),
    ("under a fallen log", "a strong stick", "w", ("forest", "orchard", "river")),
    ("behind a locked gate", "a key from under a stone", "t", ("farm", "park", "orchard")),
    ("in an old net", "a sharp stone", "twj", ("beach", "river", "pond", "jungle")),
)
"""Where one can get stuck, what helps, in which worlds, and at which places."""


@dataclass(frozen=True)
class Craft:
    """A gift that can be made: from what, how, what can go wrong, and what it is as a thing."""

    noun: str
    materials: tuple[str, str]
    steps: tuple[str, str]  # clauses
    mishap: str  # clause
    repair: str  # clause
    qualities: tuple[str, ...]
    realms: str


CRAFTS = (
    Craft(
        "card",
        ("some thick paper", "a box of paints"),
        ("<a> folded the paper in half", "<a> painted a heart and a house on it"),
        "a drop of water fell on it and made a blue spot",
        "<a> turned the spot into a little bird",
        ("pretty", "colorful"),
        "t",
    ),
    Craft(
        "necklace",
        ("some shells", "a long string"),
        ("<a> made a tiny hole in every shell", "<a> put them on the string one by one"),
        "the string slipped and all the shells rolled away",
        "<a> picked them up and tied a bigger knot",
        ("pretty", "long"),
        "twj",
    ),
    Craft(
        "birdhouse",
        ("some boards", "a few nails"),
        ("<a> put the boards together", "<a> made a round door in the front"),
        "the roof fell off",
        "<a> used two more nails",
        ("little", "wooden"),
        "t",
    ),
    Craft(
        "crown",
        ("a lot of flowers", "some long grass"),
        ("<a> braided the grass into a ring", "<a> put the flowers in it"),
        "a gust of wind blew half of it away",
        "<a> picked new flowers, even prettier than the first",
        ("pretty", "lovely"),
        "twj",
    ),
    Craft(
        "cake",
        ("flour and eggs", "a cup of sugar"),
        ("<a> mixed everything in a big bowl", "<a> watched it rise in the oven"),
        "one side came out much too flat",
        "<a> covered that side with berries",
        ("sweet", "round"),
        "t",
    ),
    Craft(
        "picture",
        ("a big sheet of paper", "some crayons"),
        ("<a> drew the whole family", "<a> colored the sky and the sun"),
        "the black crayon broke and left a big mark",
        "<a> turned the mark into a funny cat",
        ("big", "bright"),
        "t",
    ),
    Craft(
        "basket",
        ("some reeds", "a bundle of soft twigs"),
        ("<a> bent the twigs into a circle", "<a> wove the reeds in and out"),
        "the bottom fell out",
        "<a> started the bottom again, this time with two rows",
        ("small", "strong"),
        "wj",
    ),
    Craft(
        "pillow",
        ("some old cloth", "a bag of feathers"),
        ("<a> sewed three sides", "<a> filled it with feathers"),
        "feathers flew all over the room",
        "<a> caught them one by one and closed the last side",
        ("soft", "little"),
        "t",
    ),
    Craft(
        "lantern",
        ("a jar", "some colored paper"),
        ("<a> cut stars out of the paper", "<a> put them around the jar"),
        "the stars would not stick",
        "<a> used a bit of honey, and then they stuck",
        ("small", "bright"),
        "t",
    ),
    Craft(
        "wind chime",
        ("some sticks", "a few smooth shells"),
        ("<a> tied the shells to the sticks", "<a> hung it up to hear it ring"),
        "the wind blew it down",
        "<a> tied it again with a better knot",
        ("little", "pretty"),
        "twj",
    ),
)
