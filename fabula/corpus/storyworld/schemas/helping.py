"""Schemas about helping: a stranger in trouble, a friend who is stuck, a gift made for someone dear."""

from __future__ import annotations

from fabula.corpus.storyworld.cast import Stage
from fabula.corpus.storyworld.lexicon import things
from fabula.corpus.storyworld.lexicon.needs import CRAFTS, STUCK, TROUBLES
from fabula.corpus.storyworld.schemas.beats import aside, ending, opening, outing, play

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
        thanked = stage.act(
            "wise_words", other, b=hero, because=[thanked], feels={hero.id: stage.pick(("proud", "happy"))}
        )
    ending(stage, stage.pick(_KIND), together, because=thanked)


def rescue(stage: Stage) -> None:
    """A friend gets stuck somewhere; the hero tries alone, then finds what is needed or fetches help."""
    hero = stage.hero
    nouns = {s.noun for s in stage.settings()}
    where, tool, _, places = stage.chance.choice([s for s in STUCK if stage.realm in s[2] and nouns & set(s[3])])
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
        freed = stage.act(
            "free", hero, b=friend, together=(helper,), tool=tool, because=[idea], feels={friend.id: "relieved"}
        )
    else:
        idea = stage.act("have_idea", hero, b=friend, tool=tool, because=[tried])
        freed = stage.act("free", hero, b=friend, tool=tool, because=[idea], feels={friend.id: "relieved"})
    stage.act("thank", friend, b=hero, because=[freed], feels={hero.id: "happy"})
    lesson = stage.pick(
        (
            "true friends help each other",
            "it is wise to ask for help",
            "a good idea is stronger than strong arms",
            "it is good to stay calm",
        )
    )
    ending(stage, lesson, (friend,), because=freed)


def gift(stage: Stage) -> None:
    """The hero makes a gift for someone who is ill, sad or has a birthday; something goes wrong and is put right."""
    hero = stage.hero
    dear = stage.parent() if stage.likely(0.6) else stage.someone("friend")
    craft = stage.chance.choice([c for c in CRAFTS if stage.realm in c.realms])
    opening(stage)
    stage.next_scene(stage.morning())
    reason = stage.act(
        "occasion",
        dear,
        b=hero,
        occasion=stage.pick(
            (
                "<a> was [ill|sick] and had to stay in bed",
                "<a> had a birthday",
                "<a> was having a hard day",
                "<a> had worked hard all week",
                "<a> was going away for a while",
            )
        ),
        feels={hero.id: "worried"} if stage.likely(0.0) else {},
    )
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
        (
            "the best gifts are made with love",
            "a mistake can turn into something beautiful",
            "a gift does not have to cost any money",
            "it feels good to make someone smile",
        )
    )
    ending(stage, lesson, (dear,) if dear.role == "friend" else (), because=loved)
