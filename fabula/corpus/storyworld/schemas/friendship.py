"""Schemas about friends: a quarrel made up, someone new, a surprise, a shared meal."""

from __future__ import annotations

from fabula.corpus.storyworld.cast import Stage
from fabula.corpus.storyworld.lexicon import things
from fabula.corpus.storyworld.schemas.beats import aside, ending, opening, outing, play, use_of

_FAIR = (
    "it is better to share than to fight",
    "a friend is worth more than any toy",
    "saying sorry can mend almost everything",
    "taking turns makes every game better",
    "angry words hurt, but kind words heal",
)

_GIVERS = ("Mom", "Grandma", "a kind neighbor", "Grandpa", "an aunt")


def quarrel(stage: Stage) -> None:
    """Two friends want the same thing or different games, quarrel, are lonely apart, and make up."""
    hero = stage.hero
    place = stage.outside()
    friend = stage.someone("friend")
    opening(stage, habit=False)
    if stage.chapter_start is None:
        stage.act("friends", hero, b=friend)
    outing(stage, place, friend)
    about_thing = stage.likely(0.6)
    if about_thing:
        thing = stage.belonging(
            friend if stage.likely(0.5) else hero,
            [n for n in things.TOYS if stage.realm == "t" or n in things.WILD_OWN],
        )
        owner, other = (hero, friend) if stage.get("owner", thing.id) == hero.id else (friend, hero)
        stage.act("show", owner, b=other, o=thing, use=use_of(thing), feels={owner.id: "proud"})
        stage.act("play_with", owner, o=thing, use=use_of(thing))
        ask = stage.act("ask_turn", other, b=owner, o=thing)
        no = stage.act("refuse", owner, b=other, o=thing, because=[ask], feels={other.id: "angry"})
        grab = stage.act("snatch", other, b=owner, o=thing, because=[no], feels={owner.id: "angry"})
        fight = stage.act("quarrel", owner, b=other, because=[grab])
        broken = False
        if next(
            (n for n in things.TOYS + things.CLOTHES if n.noun == thing.noun and n.breakage), None
        ) and stage.likely(0.35):
            broken = True
            fight = stage.act("pull_apart", owner, b=other, o=thing, because=[fight])
            fight = stage.act(
                "break", other, o=thing, because=[fight], breakage=_breakage(thing.noun), feels={other.id: "sorry"}
            )
        first, second = other, owner
    else:
        games = stage.chance.sample(stage.setting(place).plays, 2)
        aside(stage, place, friend)
        want = stage.act("want_games", hero, b=friend, game=games[0], game2=games[1])
        fight = stage.act("quarrel", hero, b=friend, because=[want], feels={hero.id: "angry", friend.id: "angry"})
        first, second = (hero, friend) if stage.likely(0.6) else (friend, hero)
    apart = stage.act("turn_away", first, b=second, because=[fight])
    stage.next_scene()
    alone = stage.act("be_alone", first, because=[apart], feels={first.id: "lonely"})
    regret = stage.act("regret_words", first, b=second, because=[alone, fight], feels={first.id: "sorry"})
    sorry = stage.act("apologise", first, b=second, because=[regret], feels={second.id: "relieved"})
    if about_thing and not broken:
        stage.act("give_back", first, b=second, o=thing, because=[sorry])
    peace = stage.act("forgive", second, b=first, because=[sorry], feels={first.id: "happy"})
    if about_thing and broken:
        peace = stage.act(
            "mend",
            first,
            o=thing,
            together=(second,),
            because=[sorry],
            tool=stage.pick(("some glue", "a bit of string", "some tape")),
            feels={first.id: "happy", second.id: "happy"},
        )
    elif about_thing:
        peace = stage.act("take_turns", second, b=first, o=thing, because=[peace])
    else:
        peace = stage.act("both_games", first, b=second, game=games[0], game2=games[1], because=[peace])
    ending(stage, stage.pick(_FAIR), (friend,), because=peace)


def _breakage(noun: str) -> str:
    return next(n.breakage for n in things.OWNED if n.noun == noun)


def newcomer(stage: Stage) -> None:
    """Someone new has nobody to play with; the hero asks them to join, and they become friends."""
    hero = stage.hero
    place = stage.outside(("park", "playground", "school", "beach", "meadow", "pond", "farm", "jungle", "water hole"))
    new = stage.someone("newcomer", at=place, trait="shy")
    opening(stage)
    friend = stage.someone("friend") if stage.likely(0.4) else None
    together = (friend,) if friend else ()
    outing(stage, place, *together)
    play(stage, place, *together)
    aside(stage, place, *together)
    stage.next_scene()
    seen = stage.act("see_alone", hero, b=new, spot=stage.pick(stage.setting(place).spots), feels={new.id: "lonely"})
    if friend:
        stage.act("wonder_about", friend, b=hero, together=())
    asked = stage.act("ask_why_alone", hero, b=new, because=[seen])
    told = stage.act("tell_new", new, b=hero, because=[asked])
    invited = stage.act(
        "invite", hero, b=new, because=[told], play=stage.pick(stage.setting(place).plays), feels={new.id: "happy"}
    )
    skill = stage.pick(
        (
            "<a> could stand on <a.his> head",
            "<a> knew a very funny song",
            "<a> could run faster than anyone",
            "<a> could whistle like a bird",
            "<a> knew how to make crowns out of flowers",
            "<a> told the best jokes",
            "<a> could jump higher than a chair",
            "<a> knew a new game from far away",
        )
    )
    shown = stage.act(
        "show_talent", new, b=hero, talent=skill, because=[invited], feels={hero.id: "surprised", new.id: "proud"}
    )
    fun = stage.act(
        "play",
        hero,
        together=(*together, new),
        play=stage.pick(stage.setting(place).plays),
        play2="laugh together",
        because=[shown],
    )
    lesson = stage.pick(
        (
            "a new friend may be waiting just around the corner",
            "one kind word can make someone's day",
            "everyone feels shy sometimes",
        )
    )
    ending(stage, lesson, (new,), because=fun)


def surprise(stage: Stage) -> None:
    """Everyone seems to have forgotten the hero's birthday, but they have planned a surprise."""
    hero = stage.hero
    friend = stage.someone("friend")
    parent = stage.parent()
    opening(stage)
    stage.next_scene(stage.morning())
    woke = stage.act("birthday_morning", hero, feels={hero.id: "excited"})
    place = stage.outside()
    busy1 = stage.act(
        "too_busy",
        parent,
        b=hero,
        because=[woke],
        task=stage.pick(("cook", "clean the house", "write a long letter", "go to the market", "wash the windows")),
    )
    busy2 = stage.act("no_time", friend, b=hero, because=[woke])
    stage.next_scene()
    sad = stage.act("think_forgotten", hero, because=[busy1, busy2], feels={hero.id: "sad"})
    stage.act(
        "wander",
        hero,
        p=place,
        play=stage.pick(stage.setting(place).plays),
        scene_words="it was very quiet there",
        because=[sad],
    )
    aside(stage, place, chance=0.4)
    stage.next_scene(stage.pick(("That evening", "Later", "When the sun went down", "After a long time")))
    home = stage.act("go_home", hero, p=stage.home)
    gift = stage.belonging(friend, list(things.OWNED if stage.realm == "t" else things.WILD_OWN))
    found = stage.act(
        "surprise_party",
        friend,
        together=(parent,),
        b=hero,
        because=[home],
        feels={hero.id: "surprised"},
        decor=stage.pick(("balloons", "candles", "paper stars", "flowers", "little lights", "colorful flags")),
    )
    explain = stage.act("explain_secret", parent, b=hero, because=[found])
    given = stage.act("give", friend, b=hero, o=gift, because=[found], feels={hero.id: "happy"})
    stage.act("thank", hero, b=friend, because=[given, explain])
    if stage.likely(0.5):
        stage.act(
            "eat_cake",
            hero,
            together=(friend, parent),
            cake=stage.pick(("chocolate", "carrot", "apple", "honey", "berry", "lemon", "banana", "cherry")),
        )
    ending(
        stage,
        stage.pick(
            ("people who love you do not forget you", "some secrets are good ones", "it is good to wait and see")
        ),
        (friend,),
        because=given,
    )


def sharing(stage: Stage) -> None:
    """The hero has something good to eat, alone, until someone hungry comes; a greedy hero says no at first."""
    greedy = stage.hero.traits[0] == "greedy"
    hero = stage.hero
    place = stage.outside()
    food = stage.food(hero)
    hungry = stage.someone("friend", at=place) if stage.likely(0.5) else stage.stranger(place)
    opening(stage)
    givers = _GIVERS if stage.chapter_start is None else _GIVERS[2::2]  # the family may have its part in later chapters
    got = stage.act("get_food", hero, o=food, giver=stage.pick(givers))
    outing(stage, place)
    aside(stage, place, chance=0.4)
    stage.act("about_to_eat", hero, o=food, because=[got], spot=stage.pick(stage.setting(place).spots))
    kind = "meet_friend" if hungry.named else "meet_stranger"
    met = stage.act(kind, hero, b=hungry, feels={hungry.id: "hungry"})
    asked = stage.act("ask_food", hungry, b=hero, o=food, because=[met])
    if greedy:
        no = stage.act("refuse_food", hero, b=hungry, o=food, because=[asked], feels={hungry.id: "sad"})
        asked = stage.act("feel_bad", hero, b=hungry, because=[no], feels={hero.id: "sorry"})
    else:
        stage.act("consider", hero, o=food, because=[asked])
    shared = stage.act(
        "share_food", hero, b=hungry, o=food, because=[asked], feels={hungry.id: "grateful", hero.id: "happy"}
    )
    if stage.likely(0.6):
        shared = stage.act(
            "repay",
            hungry,
            b=hero,
            because=[shared],
            favour=stage.pick(
                (
                    "a funny story",
                    "a secret path to the best berries",
                    "a new song",
                    "a trick to find animal tracks",
                    "a hidden place with a great view",
                    "a game with stones",
                )
            ),
        )
    ending(
        stage,
        stage.pick(
            (
                "food tastes better when you share it",
                "half a meal with a friend is better than a whole one alone",
                "when you give, you get something back",
                "it feels good to be kind",
            )
        ),
        (hungry,) if hungry.named else (),
        because=shared,
    )
