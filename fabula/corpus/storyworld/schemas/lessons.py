"""Schemas about mistakes: something broken and confessed, a warning ignored, a room too messy to find anything in."""

from __future__ import annotations

from fabula.corpus.storyworld.cast import Stage
from fabula.corpus.storyworld.lexicon import things
from fabula.corpus.storyworld.lexicon.warnings import WARNINGS
from fabula.corpus.storyworld.schemas.beats import aside, breakage_of, ending, opening, outing, use_of

_TOOLS = ("some glue", "a roll of tape", "a needle and some thread", "a little hammer and a nail")


def broken(stage: Stage) -> None:
    """The hero breaks what belongs to someone else, is afraid to tell, tells, is forgiven and helps to mend it."""
    hero = stage.hero
    if stage.realm == "t" and stage.likely(0.5):
        owner = stage.parent()
        thing = stage.belonging(owner, things.HOUSEHOLD)
        place = stage.home
    else:
        owner = stage.someone(stage.pick(("friend", "brother", "sister")))
        known = {n.noun for n in things.WILD_OWN}
        thing = stage.belonging(owner, [n for n in things.BREAKABLE_OWN if stage.realm == "t" or n.noun in known])
        place = stage.outside()
    opening(stage)
    stage.act("others_thing", owner, b=hero, o=thing, use=use_of(thing))
    if thing.category == "household":
        stage.next_scene(stage.morning())
        put = stage.act("leave_thing", owner, o=thing)
        playing = stage.act(
            "play_wild",
            hero,
            game=stage.pick(
                (
                    "played ball",
                    "danced around",
                    "ran in circles",
                    "jumped on the sofa",
                    "flew a paper plane",
                    "played a pirate",
                )
            ),
        )
        causes = [put, playing]
        accident = stage.act("bump", hero, o=thing, because=causes)
    else:
        outing(stage, place, owner)
        lent = stage.act("lend", owner, b=hero, o=thing)
        stage.act("warn_careful", owner, b=hero, o=thing)
        aside(stage, place, owner, chance=0.3)
        accident = stage.act("rough_play", hero, o=thing, because=[lent], use=use_of(thing))
    broke = stage.act(
        "break", hero, o=thing, because=[accident], breakage=breakage_of(thing), feels={hero.id: "scared"}
    )
    stage.next_scene()
    if stage.likely(0.5):
        stage.act(
            "want_hide",
            hero,
            o=thing,
            because=[broke],
            hiding=stage.pick(("under the bed", "behind a bush", "in a box", "under a blanket", "behind a door")),
        )
        stage.act("feel_guilty", hero, b=owner, because=[broke], feels={hero.id: "sorry"})
    told = stage.act("confess", hero, b=owner, o=thing, because=[broke], feels={owner.id: "sad"})
    sorry = stage.act("apologise", hero, b=owner, because=[told])
    forgiven = stage.act("forgive_honest", owner, b=hero, because=[sorry], feels={hero.id: "relieved"})
    tool = stage.pick(
        _TOOLS[:2] if thing.category == "household" else _TOOLS[2:3] if thing.category == "clothes" else _TOOLS[:2]
    )
    if stage.realm != "t":
        tool = stage.pick(("some sticky sap", "a strong blade of grass", "a thin vine", "some soft wax"))
    mended = stage.act(
        "mend",
        hero,
        o=thing,
        together=(owner,),
        because=[forgiven],
        tool=tool,
        feels={owner.id: "happy", hero.id: "happy"},
    )
    lesson = stage.pick(
        (
            "it is always best to tell the truth",
            "telling the truth is brave",
            "everyone makes mistakes, but you can put them right",
            "you should be careful with things that belong to others",
        )
    )
    ending(stage, lesson, (owner,) if owner.role == "friend" else (), because=mended)


def warning(stage: Stage) -> None:
    """The hero is told not to do something, does it, gets into trouble, is helped, and promises to listen."""
    hero = stage.hero
    elder = stage.parent()
    choice = stage.chance.choice([w for w in WARNINGS if stage.realm in w.realms])
    opening(stage)
    stage.next_scene(stage.morning())
    warned = stage.act("warn", elder, b=hero, rule=choice.rule, why=choice.why)
    promised = stage.act("promise", hero, b=elder, because=[warned]) if stage.likely(0.6) else warned
    stage.next_scene()
    tempted = stage.act("tempt", hero, temptation=choice.temptation, rule=choice.rule, because=[promised])
    did = stage.act("disobey", hero, deed=choice.deed, because=[tempted])
    harmed = stage.act("harm", hero, harm=choice.harm, because=[did], feels={hero.id: "scared"})
    call = stage.act("call_elder", hero, b=elder, because=[harmed])
    helped = stage.act("rescue_hero", hero, b=elder, rescue=choice.rescue, because=[call])
    sorry = stage.act("admit_fault", hero, b=elder, because=[did, helped], feels={hero.id: "sorry"})
    forgiven = stage.act("comfort", elder, b=hero, because=[sorry], feels={hero.id: "loved"})
    ending(stage, choice.lesson, because=forgiven)


def tidy(stage: Stage) -> None:
    """The hero leaves things everywhere, cannot find the one that matters, tidies up, finds it and is in time."""
    hero = stage.hero
    parent = stage.parent()
    thing = stage.belonging(hero, things.CLOTHES + things.TOYS + things.BOOKS)
    room = stage.outside(("bedroom", "living room"))
    opening(stage, habit=False)
    mess = stage.act(
        "leave_mess",
        hero,
        mess=stage.pick(
            (
                "socks on the lamp",
                "crayons in the bed",
                "blocks on the stairs",
                "books under the rug",
                "crumbs on the pillow",
            )
        ),
    )
    stage.act("ask_tidy", parent, b=hero, because=[mess])
    stage.act("put_off", hero, b=parent)
    stage.next_scene(stage.pick(("The next day", "The next morning", "On Saturday")))
    event = stage.pick(
        (
            "a party",
            "a trip to the zoo",
            "a school show",
            "a picnic with friends",
            "a visit to Grandma" if parent.role != "grandma" else "a picnic",
        )
    )
    stage.act("enter_room", hero, p=room)
    need = stage.act("need_thing", hero, o=thing, event=event, because=[mess])
    lost_it = stage.act("mislay", hero, o=thing, because=[mess])
    missed = stage.act("miss", hero, o=thing, because=[lost_it, need], feels={hero.id: "worried"})
    stage.act("come_by", parent, p=room)
    advice = stage.act("advise_tidy", parent, b=hero, because=[missed])
    tidied = stage.act("tidy_up", hero, because=[advice], together=(parent,) if stage.likely(0.4) else ())
    spot = stage.pick(stage.setting(room).spots)
    found = stage.act("find", hero, o=thing, spot=spot, because=[tidied], feels={hero.id: "happy"})
    intime = stage.act("in_time", hero, event=event, because=[found])
    lesson = stage.pick(
        ("a tidy room saves a lot of time", "everything needs its own place", "it is better to clean up right away")
    )
    ending(stage, lesson, because=intime)


def spoiled(stage: Stage) -> None:
    """Bad weather or a mishap ruins a plan; somebody has another idea, and it turns out even better."""
    hero = stage.hero
    friend = stage.someone(stage.pick(("friend", "brother", "sister")))
    place = stage.outside()
    opening(stage)
    stage.next_scene("One day")
    plan = stage.act(
        "plan_outing",
        hero,
        b=friend,
        place_words=place.whither,
        goal=stage.pick(stage.setting(place).plays),
        feels={hero.id: "excited", friend.id: "excited"},
    )
    stage.act(
        "pack", hero, together=(friend,), food=stage.pick(things.SNACKS if stage.realm == "t" else things.WILD_SNACKS)
    )
    storm = stage.pick(
        (
            "dark clouds came and it began to rain",
            "a big storm blew in from the sea",
            "thunder rolled and rain poured down",
            "a cold wind came and brought hail",
        )
    )
    ruined = stage.act(
        "spoil",
        hero,
        together=(friend,),
        storm=storm,
        because=[plan],
        feels={hero.id: "disappointed", friend.id: "disappointed"},
    )
    idea = stage.act(
        "indoor_idea",
        friend,
        b=hero,
        because=[ruined],
        idea=stage.pick(
            (
                "build a ship out of boxes and chairs",
                "have the picnic on the floor",
                "make a cave out of blankets",
                "put on a play with funny hats",
                "cook a soup with everything we have",
                "have a treasure hunt inside",
                "paint a rainbow on a big sheet",
                "make an orchestra with pots and spoons",
            )
            if stage.realm == "t"
            else (
                "have the picnic under a big leaf",
                "tell stories in a dry, warm hole",
                "float little boats in the puddles",
                "make music with the raindrops",
                "paint the rocks with mud",
                "dance in the puddles",
                "build a house out of branches",
            )
        ),
    )
    fun = stage.act("do_idea", hero, together=(friend,), because=[idea], feels={hero.id: "happy", friend.id: "happy"})
    if stage.likely(0.6):
        fun = stage.act("sun_returns", hero, together=(friend,), because=[fun])
    lesson = stage.pick(
        (
            "a good idea can save any day",
            "fun is where your friends are",
            "plans can change, and that is okay",
            "a rainy day can be the best day",
        )
    )
    ending(stage, lesson, (friend,), because=fun)
