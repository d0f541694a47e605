"""Schemas about finding: something lost, a strange sound, a way of swapping for what one wants."""

from __future__ import annotations

from fabula.corpus.storyworld.cast import Stage
from fabula.corpus.storyworld.lexicon import things
from fabula.corpus.storyworld.record import Character, Place, Thing
from fabula.corpus.storyworld.schemas.beats import aside, ending, opening, outing, own, play, use_of

_DISTRACTIONS = (
    "a loud noise made <a.him> look up and run to see what it was",
    "<a> saw <=sight> and ran to have a look",
    "<a> put it down for a moment to tie a loose shoe",
    "<a> stopped to drink some water",
    "<a> chased a butterfly across the grass",
    "<a> stopped to pick a flower",
    "the wind blew hard, and <a> ran to catch a flying hat",
    "<a> fell asleep in the shade for a little while",
)
_WILD_DISTRACTIONS = tuple(d for d in _DISTRACTIONS if "shoe" not in d and "hat" not in d)
_CAREFUL = (
    "it is good to take care of the things you love",
    "it helps to stay calm and look again",
    "friends make hard things easy",
    "you should always look where you put things",
    "you should never give up too soon",
    "two pairs of eyes see more than one",
)


def lost(stage: Stage) -> None:
    """The hero loses a thing at a place, looks for it with help, and gets it back."""
    hero = stage.hero
    place = stage.outside()
    thing = stage.belonging(hero)
    helper = (
        stage.parent() if stage.likely(0.3) else stage.someone(stage.pick(("friend", "friend", "brother", "sister")))
    )
    opening(stage)
    own(stage, hero, thing)
    with_helper = stage.likely(0.6)
    together = (helper,) if with_helper else ()
    outing(stage, place, *together)
    stage.act("take_along", hero, o=thing)
    if stage.likely(0.5):
        play(stage, place, *together)
    else:
        stage.act("play_with", hero, o=thing, together=together, use=use_of(thing))
    aside(stage, place, *together)
    spots = stage.chance.sample(stage.setting(place).spots, 4)
    distractions = _DISTRACTIONS if stage.realm == "t" else _WILD_DISTRACTIONS
    gone = stage.act(
        "lose", hero, o=thing, distraction=stage.pick(distractions), sight=stage.pick(stage.setting(place).sights)
    )
    stage.next_scene()
    missed = stage.act("miss", hero, o=thing, because=[gone], feels={hero.id: stage.pick(["sad", "worried"])})
    if not with_helper:
        stage.act("come_by", helper, p=place)
    stage.act("tell_loss", hero, b=helper, o=thing, because=[missed])
    offer = stage.act("offer_help", helper, b=hero, because=[missed])
    for spot in spots[: stage.chance.choice((1, 2, 3))]:
        stage.act("search", hero, together=(helper,), o=thing, spot=spot, because=[missed, offer])
    _recover(stage, place, thing, helper, spots[3], missed)


def _recover(stage: Stage, place: Place, thing: Thing, helper: Character, spot: str, missed: int) -> None:
    hero = stage.hero
    way = stage.pick(("hero", "helper", "stranger"))
    if way == "stranger":
        stranger = stage.stranger(place)
        stage.act("meet_stranger", hero, b=stranger, together=(helper,))
        asked = stage.act("ask_about", hero, b=stranger, o=thing, because=[missed])
        found = stage.act("had_found", stranger, b=hero, o=thing, spot=spot, because=[asked])
        back = stage.act("give_back", stranger, b=hero, o=thing, because=[found], feels={hero.id: "happy"})
        stage.act("thank", hero, b=stranger, because=[back])
    elif way == "helper":
        found = stage.act("find", helper, o=thing, together=(hero,), spot=spot, because=[missed])
        back = stage.act("give_back", helper, b=hero, o=thing, because=[found], feels={hero.id: "happy"})
        stage.act("thank", hero, b=helper, because=[back])
    else:
        think = stage.act("remember", hero, o=thing, spot=spot) if stage.likely(0.4) else missed
        back = stage.act(
            "find", hero, o=thing, together=(helper,), spot=spot, because=[think], feels={hero.id: "happy"}
        )
        if stage.likely(0.5):
            stage.act("thank_help", hero, b=helper, because=[back])
    ending(stage, stage.pick(_CAREFUL), (helper,), because=back)


_SOUNDS = {
    "t": (
        ("meow, meow", "kitten", "stuck behind a heavy box"),
        ("scratch, scratch", "puppy", "shut in an old shed"),
        ("peep, peep", "baby bird", "on the ground under its nest"),
        ("tap, tap, tap", "duckling", "caught in an old net"),
        ("squeak, squeak", "hamster", "lost in a pile of leaves"),
        ("hoo, hoo", "baby owl", "trapped in a dusty chimney pot"),
    ),
    "w": (
        ("peep, peep", "chick", "stuck in a thorn bush"),
        ("buzz, buzz", "bee", "caught in a sticky web"),
        ("squeak, squeak", "baby mouse", "at the bottom of a small hole"),
        ("hoo, hoo", "baby owl", "under a fallen branch"),
        ("tap, tap, tap", "beetle", "on its back between two stones"),
    ),
}


def mystery(stage: Stage) -> None:
    """A strange sound scares two friends; they look, and it is a small animal that needs help."""
    hero = stage.hero
    place = stage.outside()
    friend = stage.someone(stage.pick(("friend", "brother", "sister")))
    sound, animal, plight = stage.chance.choice(_SOUNDS["t" if stage.realm == "t" else "w"])
    opening(stage)
    outing(stage, place, friend)
    if stage.likely(0.6):
        play(stage, place, friend)
    aside(stage, place, friend)
    stage.next_scene()
    feeling = stage.pick(("scared", "curious"))
    heard = stage.act("hear", hero, together=(friend,), sound=sound, feels={hero.id: feeling, friend.id: "scared"})
    guess = stage.act("guess", friend, b=hero, because=[heard])
    if stage.likely(0.6):
        guess = stage.act("encourage", hero, b=friend, because=[guess], feels={friend.id: "brave"})
    seen = stage.act(
        "discover",
        hero,
        together=(friend,),
        animal=animal,
        plight=plight,
        because=[heard, guess],
        spot=stage.pick(stage.setting(place).spots),
        feels={hero.id: "surprised", friend.id: "surprised"},
    )
    freed = stage.act("free_animal", hero, together=(friend,), animal=animal, because=[seen])
    stage.act(
        "animal_glad",
        hero,
        together=(friend,),
        animal=animal,
        because=[freed],
        feels={hero.id: "happy", friend.id: "happy"},
    )
    lesson = stage.pick(
        (
            "a scary sound may be someone who needs help",
            "it is better to look than to run away",
            "being brave means to try even when you are afraid",
            "even small animals have big feelings",
        )
    )
    ending(stage, lesson, (friend,), because=freed)


def trade(stage: Stage) -> None:
    """The hero wants what someone else has, and swaps for it, once or twice."""
    hero = stage.hero
    place = stage.outside()
    nouns = things.TOYS + things.TREASURES if stage.realm == "t" else things.WILD_OWN
    mine = stage.belonging(hero, nouns)
    friend = stage.someone("friend", at=place)
    theirs = stage.belonging(friend, nouns)
    opening(stage)
    own(stage, hero, mine)
    outing(stage, place)
    stage.act("take_along", hero, o=mine)
    aside(stage, place)
    stage.act("meet_friend", hero, b=friend)
    wish = stage.act("admire", hero, b=friend, o=theirs, use=use_of(theirs), feels={hero.id: "excited"})
    offer = stage.act("offer_swap", hero, b=friend, o=mine, u=theirs, because=[wish])
    if stage.likely(0.5):
        swapped = stage.act("swap", hero, b=friend, o=mine, u=theirs, because=[offer], feels={hero.id: "happy"})
        stage.next_scene(stage.pick(("That evening", "Later", "The next day")))
        sad = stage.act("regret", hero, o=mine, because=[swapped], feels={hero.id: "sad"})
        ask = stage.act("ask_swap_back", hero, b=friend, o=mine, u=theirs, because=[sad])
        back = stage.act("swap_back", friend, b=hero, o=mine, u=theirs, because=[ask], feels={hero.id: "relieved"})
        lesson = "what you love is worth more than what is new"
    else:
        refusal = stage.act("refuse_swap", friend, b=hero, o=theirs, because=[offer], feels={hero.id: "disappointed"})
        idea = stage.act("share_idea", friend, b=hero, o=theirs, u=mine, because=[refusal], feels={hero.id: "happy"})
        back = stage.act("play_both", hero, together=(friend,), o=mine, u=theirs, because=[idea])
        lesson = stage.pick(("you do not have to own a thing to enjoy it", "sharing is better than having"))
    ending(stage, lesson, (friend,), because=back)
