"""Schemas with a way to go: a quest for something needed, a seed that must grow, a wish that goes wrong."""

from __future__ import annotations

from fabula.corpus.storyworld.cast import Stage
from fabula.corpus.storyworld.lexicon import things
from fabula.corpus.storyworld.lexicon.goals import GOALS, OBSTACLES, WISHES
from fabula.corpus.storyworld.schemas.beats import aside, ending, opening


def quest(stage: Stage) -> None:
    """Someone dear needs a thing from far away; the hero goes with a friend, passes obstacles and brings it home."""
    hero = stage.hero
    nouns = {s.noun for s in stage.settings()}
    goal = stage.chance.choice([g for g in GOALS if nouns & set(g.places)])
    dear = stage.parent(grand=stage.realm == "t")
    friend = stage.someone(stage.pick(("friend", "friend", "brother", "sister")))
    place = stage.outside(tuple(p for p in goal.places if p in nouns))
    noun = things.Noun(goal.noun, "treasure", goal.colours, goal.qualities, "look at it")
    thing = stage.thing(noun, at=place, needs_colour=True)
    opening(stage, habit=stage.likely(0.3))
    stage.next_scene(stage.morning())
    need = stage.act("need", dear, b=hero, need=goal.need, feels={dear.id: "sad", hero.id: "worried"})
    stage.act("say_need", dear, b=hero, words=goal.words, because=[need])
    vow = stage.act("vow", hero, b=dear, o=thing, because=[need])
    joined = stage.act("join", friend, b=hero, because=[vow])
    stage.next_scene()
    gone = stage.act("travel", hero, together=(friend,), p=place, because=[vow, joined])
    aside(stage, place, friend, chance=0.4)
    passed = gone
    for obstacle in stage.chance.sample(OBSTACLES, stage.chance.choice((1, 1, 2, 3))):
        stage.next_scene()
        met = stage.act("obstacle", hero, together=(friend,), sight=obstacle.sight, because=[gone])
        failed = stage.act("obstacle_fail", hero, fail=obstacle.fail, because=[met])
        idea = stage.act("obstacle_idea", friend, b=hero, idea=obstacle.idea, because=[failed])
        passed = stage.act("obstacle_pass", hero, together=(friend,), passed=obstacle.passed, because=[idea])
    found = stage.act(
        "find_new",
        hero,
        together=(friend,),
        o=thing,
        because=[passed],
        feels={hero.id: "excited"},
        spot=stage.pick(stage.setting(place).spots),
    )
    stage.next_scene()
    home = stage.act("go_home", hero, together=(friend,), p=stage.home, because=[found])
    given = stage.act("give", hero, b=dear, o=thing, because=[home, need])
    cured = stage.act(
        "need_met",
        hero,
        b=dear,
        effect=goal.effect,
        o=thing,
        because=[given],
        feels={dear.id: "happy", hero.id: "proud"},
    )
    stage.act("thank", dear, b=hero, because=[cured])
    lesson = stage.pick(
        (
            "a small hero can do big things",
            "love gives you strength",
            "a long road is shorter with a friend",
            "it is worth it to keep going",
        )
    )
    ending(stage, lesson, (friend,), because=cured)


def garden(stage: Stage) -> None:
    """The hero plants a seed, is impatient, cares for it day after day, and sees it grow."""
    hero = stage.hero
    elder = stage.parent()
    place = stage.outside(("garden", "meadow", "farm", "hill", "jungle"))
    plant, fruit = stage.chance.choice(
        (
            ("sunflower", "a huge yellow flower"),
            ("pumpkin plant", "a fat orange pumpkin"),
            ("bean plant", "a row of green beans"),
            ("strawberry plant", "a dozen red strawberries"),
            ("apple tree", "a strong little stem with five leaves"),
            ("rose bush", "one perfect rose"),
            ("tomato plant", "three round tomatoes"),
            ("tulip", "a bright red cup"),
        )
    )
    opening(stage, habit=stage.likely(0.4))
    stage.next_scene(stage.morning())
    got = stage.act("get_seed", elder, b=hero, plant=plant)
    gone = stage.act(
        "go", hero, p=place, play="plant the seed", scene_words="the soil was soft and dark", because=[got]
    )
    sown = stage.act("sow", hero, because=[gone])
    stage.next_scene(stage.pick(("The next day", "The next morning")))
    checked = stage.act("check_seed", hero, because=[sown], feels={hero.id: stage.pick(("disappointed", "sad"))})
    if stage.likely(0.7):
        stage.act("come_by", elder, p=place)
        checked = stage.act("patience", elder, b=hero, because=[checked], feels={hero.id: "calm"})
    stage.next_scene(stage.pick(("Day after day", "For two weeks", "Every morning")))
    cared = stage.act("water_seed", hero, because=[checked])
    if stage.likely(0.6):
        danger = stage.act(
            "plant_danger",
            hero,
            because=[cared],
            feels={hero.id: "worried"},
            danger=stage.pick(
                (
                    "a hungry snail came to eat the first leaf",
                    "a strong wind bent the little stem",
                    "the sun was so hot that the soil dried out",
                    "a bird wanted to pull it out",
                    "frost came in the night",
                )
            ),
        )
        cared = stage.act("protect_plant", hero, because=[danger])
    stage.next_scene(stage.pick(("Then one morning", "At last, one day", "One fine day")))
    grown = stage.act("plant_grows", hero, plant=plant, fruit=fruit, because=[cared], feels={hero.id: "happy"})
    if stage.get("place", elder.id) != place.id:
        stage.act("come_by", elder, p=place)
    praise = stage.act("praise_plant", elder, b=hero, because=[grown], feels={hero.id: "proud"})
    ending(
        stage,
        stage.pick(
            (
                "good things take time",
                "little by little, small things grow",
                "you have to care for what you love",
                "waiting is easier when you have something to do",
            )
        ),
        because=praise,
    )


def wish(stage: Stage) -> None:
    """The hero frees or finds a magic helper, gets a wish, wishes foolishly, and is glad to have it undone."""
    hero = stage.hero
    place = stage.outside(("pond", "river", "beach", "forest", "meadow", "garden", "jungle", "water hole"))
    want, change, trouble, cry = stage.chance.choice(WISHES)
    opening(stage)
    stage.next_scene(stage.morning())
    stage.act("go", hero, p=place, play=stage.pick(stage.setting(place).plays), scene_words="it was very quiet there")
    aside(stage, place, chance=0.6)
    spirit = stage.pick(
        ("golden fish", "tiny fairy", "talking frog", "silver bird", "old wizard", "glowing butterfly", "kind ghost")
    )
    helper = stage.magic(spirit, place)
    stage.next_scene()
    met = stage.act(
        "meet_magic", hero, b=helper, spot=stage.pick(stage.setting(place).spots), feels={hero.id: "surprised"}
    )
    offered = stage.act("offer_wish", helper, b=hero, because=[met])
    wished = stage.act("make_wish", hero, b=helper, want=want, because=[offered])
    granted = stage.act("wish_granted", hero, change=change, because=[wished], feels={hero.id: "excited"})
    bad = stage.act(
        "wish_bad", hero, trouble=trouble, because=[granted], feels={hero.id: stage.pick(("scared", "sad"))}
    )
    cried = stage.act("wish_cry", hero, cry=cry, because=[bad])
    undone = stage.act("wish_undone", helper, b=hero, because=[cried], feels={hero.id: "relieved"})
    stage.act("thank", hero, b=helper, because=[undone])
    lesson = stage.pick(
        (
            "it is good to think before you wish",
            "what you have may be just right",
            "not every wish makes you happy",
            "being yourself is best",
        )
    )
    ending(stage, lesson, because=undone)
