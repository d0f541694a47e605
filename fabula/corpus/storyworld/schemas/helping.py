"""Schemas about helping: a stranger in trouble, a friend who is stuck, a gift made for someone dear."""

from __future__ import annotations

from dataclasses import dataclass

from fabula.corpus.storyworld.cast import Stage
from fabula.corpus.storyworld.lexicon import things
from fabula.corpus.storyworld.schemas.beats import aside, ending, opening, outing, play


@dataclass(frozen=True)
class Trouble:
    """A stranger's trouble as the stranger shows and says it, what the hero does, and how it ends."""

    plight: str  # clause about the stranger, <a>
    words: str  # what the stranger says
    deed: str  # clause about the hero, <a>, who helps <b>
    deed2: str
    realms: str


TROUBLES = (
    Trouble("<a> was trying to carry a heavy bag", "This bag is too heavy for me.", "<a> took one side of the bag",
            "step by step, the bag got to the top of the road", "t"),
    Trouble("<a> was looking for a pair of glasses", "I cannot see a thing without my glasses.", "<a> looked high and low",
            "<a> found the glasses in the grass, right next to a stone", "t"),
    Trouble("<a> had dropped a basket of eggs", "All my eggs are rolling away!", "<a> ran after the eggs",
            "one by one, <a> put the eggs back, and only two were cracked", "tw"),
    Trouble("<a.his> cart was stuck in the mud", "The wheel will not move.", "<a> put flat stones under the wheel and pushed hard",
            "with a loud plop, the wheel came out of the mud", "tw"),
    Trouble("<a> was cold and wet from head to toe", "I fell into the water and I am freezing.", "<a> ran and got a thick, dry blanket",
            "soon, the shaking stopped", "twj"),
    Trouble("<a> had lost the way home", "Every path looks the same to me.", "<a> drew a little map in the sand",
            "then, <a> showed <b.him> the way to the crossing", "twj"),
    Trouble("<a> was sitting on the ground and holding one foot", "There is a thorn in my foot.", "<a> looked at the foot very closely",
            "with two careful fingers, <a> pulled out the thorn", "t"),
    Trouble("<a> was holding one paw up in the air", "There is a thorn in my foot.", "<a> looked at the foot very closely",
            "quick as a flash, <a> pulled out the thorn", "wj"),
    Trouble("<a> was trying to reach the fruit on a tall tree", "I am hungry, but the fruit is too high.", "<a> climbed up the tree",
            "<a> shook the branch until the fruit fell down like rain", "twj"),
    Trouble("<a> was standing in front of a broken fence", "My sheep will run away if I do not fix it.", "<a> held the boards in place",
            "board by board, the fence stood up straight again", "t"),
    Trouble("<a> had a nest that had fallen out of a tree", "The wind blew my nest down.", "<a> collected soft grass and twigs",
            "together, they made a new nest that was even stronger", "w"),
    Trouble("<a> was chasing pieces of paper in the wind", "My letters are flying away!", "<a> jumped and caught one letter after another",
            "the last one was high in a bush, but <a> got that one too", "t"),
    Trouble("<a> was looking up at a roof", "My hat flew up there and I cannot climb.", "<a> found a long stick",
            "with a big stretch, <a> pulled the hat down", "t"),
    Trouble("<a> was digging for water in the dry ground", "I have not had a drink since yesterday.", "<a> filled a big leaf with fresh water",
            "<a> carried it back without spilling a drop", "wj"),
)  # fmt: skip
_KIND = (
    "a little help can mean a lot",
    "it feels good to help someone",
    "kindness always comes back to you",
    "no one is too small to help",
    "a stranger can become a friend",
)


def stranger(stage: Stage) -> None:
    """The hero meets someone in trouble, helps, and gets something in return: a thing or wise words."""
    hero = stage.hero
    place = stage.outside()
    other = stage.stranger(place)
    together = (stage.someone("friend"),) if stage.likely(0.3) else ()
    trouble = stage.chance.choice([t for t in TROUBLES if stage.realm in t.realms])
    opening(stage)
    outing(stage, place, *together)
    if stage.likely(0.5):
        play(stage, place, *together)
    aside(stage, place, *together)
    stage.next_scene()
    met = stage.act("meet_stranger", hero, b=other, together=together)
    plight = stage.act("plight", other, plight=trouble.plight, feels={other.id: stage.pick(("sad", "worried"))})
    asked = stage.act("ask_wrong", hero, b=other, because=[plight, met])
    told = stage.act("tell_trouble", other, b=hero, words=trouble.words, because=[asked, plight])
    offer = stage.act("offer_to_help", hero, b=other, because=[told])
    help1 = stage.act("deed", hero, b=other, deed=trouble.deed, because=[offer])
    help2 = stage.act("deed_done", hero, b=other, deed=trouble.deed2, because=[help1], feels={other.id: "grateful"})
    thanked = stage.act("thank_warmly", other, b=hero, because=[help2])
    if stage.likely(0.55):
        nouns = things.TREASURES if stage.realm != "t" or stage.likely(0.5) else things.CLOTHES
        gift = stage.belonging(other, nouns)
        thanked = stage.act("give", other, b=hero, o=gift, because=[thanked], feels={hero.id: "happy"})
        if stage.likely(0.5):
            stage.act("treasure_it", hero, o=gift, because=[thanked])
    else:
        thanked = stage.act("wise_words", other, b=hero, because=[thanked], feels={hero.id: stage.pick(("proud", "happy"))})
    ending(stage, stage.pick(_KIND), together, because=thanked)


_STUCK: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
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


def rescue(stage: Stage) -> None:
    """A friend gets stuck somewhere; the hero tries alone, then finds what is needed or fetches help."""
    hero = stage.hero
    nouns = {s.noun for s in stage.settings()}
    where, tool, _, places = stage.chance.choice([s for s in _STUCK if stage.realm in s[2] and nouns & set(s[3])])
    place = stage.outside(tuple(p for p in places if p in nouns))
    friend = stage.someone(stage.pick(("friend", "friend", "brother", "sister")))
    opening(stage)
    outing(stage, place, friend)
    play(stage, place, friend)
    aside(stage, place, friend)
    stage.next_scene()
    stuck = stage.act("get_stuck", friend, stuck=where, feels={friend.id: "scared"})
    call = stage.act("call_help", friend, b=hero, because=[stuck], feels={hero.id: "worried"})
    tried = stage.act("pull_fail", hero, b=friend, because=[call])
    if stage.likely(0.4):
        helper = stage.parent(at=place) if stage.realm == "t" else stage.stranger(place)
        fetched = stage.act("call_out", hero, b=helper, because=[tried])
        idea = stage.act("bring_tool", helper, b=hero, tool=tool, because=[fetched])
        freed = stage.act("free", hero, b=friend, together=(helper,), tool=tool, because=[idea], feels={friend.id: "relieved"})
    else:
        idea = stage.act("have_idea", hero, b=friend, tool=tool, because=[tried])
        freed = stage.act("free", hero, b=friend, tool=tool, because=[idea], feels={friend.id: "relieved"})
    stage.act("thank", friend, b=hero, because=[freed], feels={hero.id: "happy"})
    lesson = stage.pick(
        ("true friends help each other", "it is wise to ask for help", "a good idea is stronger than strong arms", "it is good to stay calm")
    )
    ending(stage, lesson, (friend,), because=freed)


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
    Craft("card", ("some thick paper", "a box of paints"), ("<a> folded the paper in half", "<a> painted a heart and a house on it"),
          "a drop of water fell on it and made a blue spot", "<a> turned the spot into a little bird", ("pretty", "colorful"), "t"),
    Craft("necklace", ("some shells", "a long string"), ("<a> made a tiny hole in every shell", "<a> put them on the string one by one"),
          "the string slipped and all the shells rolled away", "<a> picked them up and tied a bigger knot", ("pretty", "long"), "twj"),
    Craft("birdhouse", ("some boards", "a few nails"), ("<a> put the boards together", "<a> made a round door in the front"),
          "the roof fell off", "<a> used two more nails", ("little", "wooden"), "t"),
    Craft("crown", ("a lot of flowers", "some long grass"), ("<a> braided the grass into a ring", "<a> put the flowers in it"),
          "a gust of wind blew half of it away", "<a> picked new flowers, even prettier than the first", ("pretty", "lovely"), "twj"),
    Craft("cake", ("flour and eggs", "a cup of sugar"), ("<a> mixed everything in a big bowl", "<a> watched it rise in the oven"),
          "one side came out much too flat", "<a> covered that side with berries", ("sweet", "round"), "t"),
    Craft("picture", ("a big sheet of paper", "some crayons"), ("<a> drew the whole family", "<a> colored the sky and the sun"),
          "the black crayon broke and left a big mark", "<a> turned the mark into a funny cat", ("big", "bright"), "t"),
    Craft("basket", ("some reeds", "a bundle of soft twigs"), ("<a> bent the twigs into a circle", "<a> wove the reeds in and out"),
          "the bottom fell out", "<a> started the bottom again, this time with two rows", ("small", "strong"), "wj"),
    Craft("pillow", ("some old cloth", "a bag of feathers"), ("<a> sewed three sides", "<a> filled it with feathers"),
          "feathers flew all over the room", "<a> caught them one by one and closed the last side", ("soft", "little"), "t"),
    Craft("lantern", ("a jar", "some colored paper"), ("<a> cut stars out of the paper", "<a> put them around the jar"),
          "the stars would not stick", "<a> used a bit of honey, and then they stuck", ("small", "bright"), "t"),
    Craft("wind chime", ("some sticks", "a few smooth shells"), ("<a> tied the shells to the sticks", "<a> hung it up to hear it ring"),
          "the wind blew it down", "<a> tied it again with a better knot", ("little", "pretty"), "twj"),
)  # fmt: skip


def gift(stage: Stage) -> None:
    """The hero makes a gift for someone who is ill, sad or has a birthday; something goes wrong and is put right."""
    hero = stage.hero
    dear = stage.parent() if stage.likely(0.6) else stage.someone("friend")
    craft = stage.chance.choice([c for c in CRAFTS if stage.realm in c.realms])
    opening(stage)
    stage.next_scene(stage.morning())
    reason = stage.act("occasion", dear, b=hero, occasion=stage.pick(
        ("<a> was [ill|sick] and had to stay in bed", "<a> had a birthday", "<a> was having a hard day", "<a> had worked hard all week", "<a> was going away for a while")),
        feels={hero.id: "worried"} if stage.likely(0.0) else {})  # fmt: skip
    plan = stage.act("plan_gift", hero, b=dear, craft=craft.noun, because=[reason], feels={hero.id: "excited"})
    material = stage.act("gather", hero, material=craft.materials[0], material2=craft.materials[1], because=[plan])
    step = stage.act("craft_step", hero, step=craft.steps[0], step2=craft.steps[1], because=[material])
    if stage.likely(0.7):
        mishap = stage.act("mishap", hero, mishap=craft.mishap, because=[step], feels={hero.id: "sad"})
        step = stage.act("repair_craft", hero, repair=craft.repair, because=[mishap], feels={hero.id: "relieved"})
    noun = things.Noun(craft.noun, "gift", ("",), craft.qualities, "look at it")
    made = stage.thing(noun)
    done = stage.act("make", hero, o=made, because=[step])
    given = stage.act("give", hero, b=dear, o=made, because=[done, reason], feels={dear.id: "surprised"})
    loved = stage.act("love_gift", dear, b=hero, o=made, because=[given], feels={dear.id: "happy", hero.id: "proud"})
    if stage.likely(0.5):
        loved = stage.act("display", dear, b=hero, o=made, because=[loved])
    lesson = stage.pick(
        ("the best gifts are made with love", "a mistake can turn into something beautiful", "a gift does not have to cost any money",
         "it feels good to make someone smile")  # fmt: skip
    )
    ending(stage, lesson, (dear,) if dear.role == "friend" else (), because=loved)
