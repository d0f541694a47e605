"""Beats that many schemas share: the opening, an outing, small observations on the way, the ending."""

from __future__ import annotations

from fabula.corpus.storyworld.cast import FAMILY_ROLES, Stage
from fabula.corpus.storyworld.lexicon import listed, people, things
from fabula.corpus.storyworld.lexicon.places import SETTINGS
from fabula.corpus.storyworld.lexicon.weather import WEATHER
from fabula.corpus.storyworld.record import Character, Place, Thing

HOBBIES = listed(
    "draw pictures|sing songs|tell stories|dance in the rain|look at the stars|collect leaves|make things out of paper|"
    "play hide and seek|count the clouds|listen to the birds|climb trees|bake cookies|read about the sea|"
    "build tall towers|jump in puddles|watch the trains go by|play the drums on old pots|dress up as a pirate|"
    "paint with bright colors|ride a bike|make funny faces|help in the garden|look for bugs|watch the rain"
)
WILD_HOBBIES = listed(
    "sing songs|tell stories|dance in the rain|look at the stars|collect leaves|play hide and seek|count the clouds|"
    "listen to the wind|jump in puddles|make funny faces|look for berries|lie in the sun|splash in the water|"
    "run through the grass|smell the flowers|watch the moon|make up songs|build little houses out of sticks"
)
TOPICS = listed(
    "a frog who wanted to fly|the moon|a very big sandwich|clouds|a bear who could not sleep|pirates|a cow on a bike|"
    "dinosaurs|a lost sock|stars|a dancing potato|the sea|a king with no shoes|dragons|a mouse in a hat|rainbows|"
    "a talking tree|fish|snowmen|a goat who ate a newspaper|the wind|trains|a duck with big boots|spiders|monkeys"
)


def opening(stage: Stage, habit: bool = True) -> int:
    """Introduce the hero; return the index of the event. In a chapter everyone knows the hero already."""
    if stage.chapter_start is not None:
        return len(stage.events) - 1
    hero = stage.hero
    habits = people.TRAIT_HABITS[hero.traits[0]]
    first = stage.act("introduce", hero, region=stage.region, habit=stage.pick(habits))
    if habit and stage.likely(0.35 * stage.pace):
        hobby, hobby2 = stage.chance.sample(HOBBIES if stage.realm == "t" else WILD_HOBBIES, 2)
        stage.act("like", hero, hobby=hobby, hobby2=hobby2)
    return first


def own(stage: Stage, owner: Character, thing: Thing) -> int:
    """Tell that a character has a thing that they love."""
    return stage.act("own", owner, o=thing, use=use_of(thing))


def use_of(thing: Thing) -> str:
    """Return what one does with a thing, as an infinitive about "it"."""
    nouns = things.OWNED + things.HOUSEHOLD
    return next((n.use for n in nouns if n.noun == thing.noun), "look at it")


def breakage_of(thing: Thing) -> str:
    """Return how a thing breaks, as a clause about "it"."""
    nouns = things.OWNED + things.HOUSEHOLD
    return next(n.breakage for n in nouns if n.noun == thing.noun)


def outing(stage: Stage, place: Place, *together: Character, when: str = "") -> int:
    """Let the hero and others go to a place, on the morning of the story unless `when` says otherwise."""
    setting = stage.setting(place)
    stage.next_scene(when or stage.morning())
    going = stage.act(
        "go",
        stage.hero,
        p=place,
        together=together,
        play=stage.pick(setting.plays),
    )
    if not setting.indoors and stage.likely(0.4 * stage.pace):
        words = stage.pick(WEATHER[stage.weather])
        stage.act("weather" if stage.weather == "sunny" else "bad_weather", stage.hero, words=words)
    return going


def play(stage: Stage, place: Place, *together: Character) -> int:
    """Let the hero and others play what one plays at a place."""
    first, second = stage.chance.sample(stage.setting(place).plays, 2)
    return stage.act("play", stage.hero, together=together, play=first, play2=second)


def aside(stage: Stage, place: Place, *together: Character, chance: float = 0.5) -> None:
    """Perhaps let something small happen that has nothing to do with the story."""
    if not stage.likely(chance * stage.pace):
        return
    if stage.pace > 1.2 and stage.likely(0.5):
        aside(stage, place, *together, chance=0.6)
    kinds = ["notice", "notice", "sing", "snack", "rest"]
    if together:
        kinds += ["chat", "chat"]
    told = {e.kind for e in stage.events[stage.chapter_start or 0 :]}
    kind = stage.pick([k for k in kinds if k not in told] or ["notice"])
    if kind == "notice" and "notice" in told:
        return
    snacks = things.SNACKS if stage.realm == "t" else things.WILD_SNACKS
    stage.act(
        kind,
        stage.hero,
        together=together,
        sight=stage.pick(stage.setting(place).sights),
        snack=stage.pick(snacks),
        topic=stage.pick(TOPICS),
    )


def _epilogue(stage: Stage, friends: tuple[Character, ...], because: list[int]) -> None:
    hero = stage.hero
    place = next((p for p in stage.places if p.noun in {s.noun for s in SETTINGS}), None)
    together = [c for c in friends if stage.get("place", c.id) == stage.get("place", hero.id)]
    if place is None or not together or not stage.likely(0.35 * stage.pace):
        return
    stage.next_scene(stage.pick(("The next day", "A few days later", "The week after", "On the very next morning")))
    first, second = stage.chance.sample(stage.setting(place).plays, 2)
    stage.act("epilogue", hero, together=together, because=because, play=first, play2=second)


def ending(stage: Stage, lesson: str = "", friends: tuple[Character, ...] = (), because: int = -1) -> None:
    """Close the story: perhaps with what was learned, and with friends or at home. A chapter closes more quietly."""
    if stage.chapter_start is not None:
        _chapter_ending(stage, lesson, [because] if because >= 0 else [])
        return
    friends = tuple(f for f in friends if f.role not in FAMILY_ROLES)  # nobody makes friends with their mother
    reasons = [because] if because >= 0 else []
    kinds = []
    if lesson and (not friends or stage.likely(0.75)):
        kinds.append("learn")
    if friends and (not kinds or stage.likely(0.6)):
        kinds.append("end_friends")
    elif not kinds or stage.likely(0.45):
        kinds.append(stage.pick(["end_home", "end_home", "end_ever"]))
    if stage.likely(0.5):
        kinds.sort(key=lambda kind: kind == "learn")
    _epilogue(stage, friends, reasons)
    stage.next_scene()
    for kind in kinds:
        together = friends if kind in ("end_friends", "end_ever") else ()
        here = [c for c in together if stage.get("place", c.id) == stage.get("place", stage.hero.id)]
        family = stage.pick(["Mom", "Dad", "Mom and Dad", "the family", "Grandma"])
        taken = {c.name for c in stage.characters}
        family = "everyone" if taken & set(family.split()) else family
        stage.act(kind, stage.hero, together=here, because=reasons, lesson=lesson, family=family)


def _chapter_ending(stage: Stage, lesson: str, reasons: list[int]) -> None:
    learned = any(e.kind == "learn" for e in stage.events)
    if lesson and not learned and stage.likely(0.4):
        stage.act("learn", stage.hero, because=reasons, lesson=lesson)
