"""Schemas about courage and practice: a fear overcome, a skill learned, a contest."""

from __future__ import annotations

from fabula.corpus.storyworld.cast import Stage
from fabula.corpus.storyworld.lexicon.trials import CONTESTS, FEARS, SKILLS
from fabula.corpus.storyworld.schemas.beats import aside, ending, opening, outing, play


def fear(stage: Stage) -> None:
    """The hero is afraid of something, tries and fails, gets good advice, and dares."""
    hero = stage.hero
    nouns = {s.noun for s in stage.settings()}
    choice = stage.chance.choice([f for f in FEARS if stage.realm in f.realms and nouns & set(f.places)])
    place = stage.outside(tuple(p for p in choice.places if p in nouns))
    helper = stage.someone("friend") if stage.likely(0.6) else stage.parent()
    opening(stage)
    afraid = stage.act("be_afraid_of", hero, fear=choice.of, why=choice.why)
    outing(stage, place, helper)
    if stage.likely(0.5):
        play(stage, place, helper)
    aside(stage, place, helper, chance=0.35)
    stage.next_scene()
    asked = stage.act("dare", helper, b=hero, dare=choice.dare)
    scared = stage.act(
        "refuse_dare", hero, b=helper, because=[asked, afraid], fear=choice.of, feels={hero.id: "scared"}
    )
    tried = stage.act("try_fail", hero, dare=choice.dare, first=choice.first, because=[scared])
    advice = stage.act("advise", helper, b=hero, advice=choice.advice, because=[tried])
    brave = stage.act("gather_courage", hero, because=[advice], feels={hero.id: "brave"})
    done = stage.act("dare_done", hero, success=choice.success, because=[brave], feels={hero.id: "proud"})
    praise = stage.act("praise", helper, b=hero, because=[done], feels={helper.id: "happy"})
    if stage.likely(0.5):
        praise = stage.act("again", hero, together=(helper,), dare=choice.dare, because=[done])
    lesson = stage.pick(
        (
            "being brave means to try even when you are afraid",
            "a fear gets smaller when you face it",
            "it helps to have a friend beside you",
            "many things only look scary from far away",
        )
    )
    friends = (helper,) if helper.role == "friend" else ()
    ending(stage, lesson, friends, because=praise)


def skill(stage: Stage) -> None:
    """The hero wants to learn something, fails more than once, practises with help, and can do it."""
    hero = stage.hero
    choice = stage.chance.choice([s for s in SKILLS if stage.realm in s.realms])
    teacher = stage.parent() if stage.likely(0.5) else stage.someone(stage.pick(("friend", "brother", "sister")))
    opening(stage, habit=stage.likely(0.4))
    stage.next_scene(stage.morning())
    want = stage.act("want_skill", hero, b=teacher, skill=choice.skill)
    fails = stage.chance.sample(choice.fails, stage.chance.choice((1, 2, 2)))
    tried = stage.act(
        "try_skill",
        hero,
        skill=choice.skill,
        fail=fails[0],
        because=[want],
        feels={hero.id: stage.pick(("sad", "disappointed", "angry"))},
    )
    if len(fails) > 1:
        tried = stage.act("try_again_fail", hero, skill=choice.skill, fail=fails[1], because=[tried])
    if stage.likely(0.5):
        tried = stage.act("give_up_words", hero, b=teacher, skill=choice.skill, because=[tried])
    advice = stage.act("teach", teacher, b=hero, advice=choice.advice, because=[tried])
    stage.next_scene(stage.pick(("", "The next day", "The next morning", "Day after day")))
    practice = stage.act("practise", hero, skill=choice.skill, because=[advice])
    done = stage.act(
        "succeed", hero, success=choice.success, skill=choice.skill, because=[practice], feels={hero.id: "proud"}
    )
    stage.act("praise", teacher, b=hero, because=[done], feels={teacher.id: "happy"})
    lesson = stage.pick(
        (
            "you get better when you keep trying",
            "everyone has to start small",
            "practice makes hard things easy",
            "it is okay to fail, as long as you try again",
            "it is good to ask for help",
        )
    )
    ending(stage, lesson, (teacher,) if teacher.role == "friend" else (), because=done)


def contest(stage: Stage) -> None:
    """A boastful hero is sure to win and loses by being careless, or stops to help and wins something better."""
    hero = stage.hero
    boastful = hero.traits[0] == "boastful"
    place = stage.outside(
        ("park", "beach", "meadow", "hill", "playground", "farm", "river", "pond", "water hole", "jungle")
    )
    friend = stage.someone("friend")
    contest_name, verb = stage.chance.choice([c for c in CONTESTS[stage.realm] if boastful or "race" in c[0]])
    opening(stage)
    outing(stage, place, friend)
    aside(stage, place, friend, chance=0.4)
    begin = stage.act(
        "contest_called",
        hero,
        together=(friend,),
        contest=contest_name,
        feels={hero.id: "excited", friend.id: "excited"},
    )
    if boastful:
        boast = stage.act("boast", hero, b=friend, because=[begin], feels={friend.id: "worried"})
        start = stage.act("contest_start", hero, together=(friend,), because=[begin])
        nap = stage.act("waste_time", hero, because=[boast, start], verb=verb)
        steady = stage.act("keep_going", friend, b=hero, because=[start], verb=verb)
        lost = stage.act(
            "win",
            friend,
            b=hero,
            because=[nap, steady],
            contest=contest_name,
            feels={friend.id: "proud", hero.id: "surprised"},
        )
        sorry = stage.act("admit", hero, b=friend, because=[lost], feels={hero.id: "sorry"})
        end = stage.act("kind_winner", friend, b=hero, because=[sorry], feels={hero.id: "happy"})
        lesson = stage.pick(
            ("it is not nice to brag", "slow and steady work wins in the end", "a friend matters more than a prize")
        )
    else:
        start = stage.act("contest_start", hero, together=(friend,), because=[begin])
        fall = stage.act("fall", friend, b=hero, because=[start], feels={friend.id: "sad"})
        stop = stage.act("stop_to_help", hero, b=friend, because=[fall], feels={friend.id: "grateful"})
        last = stage.act("finish_last", hero, together=(friend,), because=[stop], contest=contest_name)
        end = stage.act(
            "kind_prize",
            hero,
            b=friend,
            because=[last, stop],
            feels={hero.id: "proud"},
            prize=stage.pick(
                ("a paper crown", "a big cake", "a shiny medal", "a basket of berries", "a round of applause")
            ),
        )
        lesson = stage.pick(
            (
                "it is better to be kind than to win",
                "helping a friend is the best way to win",
                "some prizes are won with the heart",
            )
        )
    ending(stage, lesson, (friend,), because=end)
