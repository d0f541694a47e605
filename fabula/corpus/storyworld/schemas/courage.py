"""Schemas about courage and practice: a fear overcome, a skill learned, a contest."""

from __future__ import annotations

from dataclasses import dataclass

from fabula.corpus.storyworld.cast import Stage
from fabula.corpus.storyworld.schemas.beats import aside, ending, opening, outing, play


@dataclass(frozen=True)
class Fear:
    """What one may be afraid of: why, what one must dare, the first try, what helps, and how it goes well."""

    of: str
    why: str
    dare: str  # infinitive
    first: str  # a clause: the try that fails
    advice: str  # said by the helper
    success: str  # a clause
    places: tuple[str, ...]
    realms: str


FEARS = (
    Fear("the deep water", "<a> thought that there were monsters at the bottom", "jump into the water",
         "<a> put one toe in the water and jumped back", "Hold my hand and we will count to three.",
         "<a> jumped in with a big splash", ("beach", "pond", "river", "water hole"), "twj"),
    Fear("high places", "the ground looked so far away from up there", "climb to the top",
         "<a> climbed up three steps and came right back down", "Do not look down. Look at me!",
         "step by step, <a> climbed all the way to the top", ("playground", "orchard", "hill", "jungle"), "twj"),
    Fear("the big slide", "it was so tall and so steep", "go down the slide",
         "<a> sat at the top, looked down, and climbed back down the ladder", "I will wait for you at the bottom.",
         "<a> let go and whooshed all the way down", ("park", "playground"), "t"),
    Fear("dogs", "a dog had barked at <a.him> once", "pet the dog that lived there",
         "<a> stretched out a hand but pulled it away", "Let the dog smell your hand first.",
         "<a> patted the soft fur, and the dog licked <a.his> hand", ("park", "farm", "yard"), "t"),
    Fear("the dark", "the shadows looked like monsters", "walk through the dark part of it",
         "<a> took two steps into the dark and ran back", "Listen! The dark is just the day with its eyes closed.",
         "<a> walked through the dark and came out on the other side", ("cave", "forest"), "tw"),
    Fear("thunder", "it was so loud that the ground shook", "stay outside when the thunder came",
         "<a> heard a small rumble and hid under a bush", "Thunder is just the sky clapping. Clap back!",
         "the thunder came, and <a> clapped back as loud as it did", ("meadow", "hill", "farm"), "tw"),
    Fear("the old bridge", "it shook and creaked at every step", "walk across the old bridge",
         "<a> put one foot on the bridge, heard a creak, and stepped back", "Hold the rope and walk behind me.",
         "one step at a time, <a> walked across to the other side", ("river", "pond", "jungle"), "twj"),
    Fear("singing in front of everyone", "<a> thought that everyone would laugh", "sing in the show",
         "<a> opened <a.his> mouth, but no sound came out", "Close your eyes and sing just for me.",
         "<a> sang the whole song, and everyone clapped", ("school", "park", "meadow", "water hole"), "twj"),
    Fear("bees", "a bee had stung <a.him> last summer", "walk past the bees to the flowers",
         "<a> heard a buzz and ran away", "If you are calm, the bees are calm too.",
         "<a> walked slowly between the flowers, and not one bee stung <a.him>", ("garden", "meadow", "orchard"), "tw"),
    Fear("talking to new people", "the words got stuck in <a.his> mouth", "say hello to the others there",
         "<a> opened <a.his> mouth but only whispered", "Just smile and tell them your name.",
         "<a> smiled and said hello, and everyone said hello back", ("playground", "school", "market", "water hole"), "tj"),
    Fear("horses", "they were so big and had such big teeth", "ride the gentle old horse",
         "<a> came close, but the horse sneezed and <a> ran behind a fence", "Give it a carrot, and it will be your friend.",
         "<a> sat on the horse and rode all the way around the field", ("farm",), "t"),
)  # fmt: skip


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
    scared = stage.act("refuse_dare", hero, b=helper, because=[asked, afraid], fear=choice.of, feels={hero.id: "scared"})
    tried = stage.act("try_fail", hero, dare=choice.dare, first=choice.first, because=[scared])
    advice = stage.act("advise", helper, b=hero, advice=choice.advice, because=[tried])
    brave = stage.act("gather_courage", hero, because=[advice], feels={hero.id: "brave"})
    done = stage.act("dare_done", hero, success=choice.success, because=[brave], feels={hero.id: "proud"})
    praise = stage.act("praise", helper, b=hero, because=[done], feels={helper.id: "happy"})
    if stage.likely(0.5):
        praise = stage.act("again", hero, together=(helper,), dare=choice.dare, because=[done])
    lesson = stage.pick(
        ("being brave means to try even when you are afraid", "a fear gets smaller when you face it", "it helps to have a friend beside you",
         "many things only look scary from far away")  # fmt: skip
    )
    friends = (helper,) if helper.role == "friend" else ()
    ending(stage, lesson, friends, because=praise)


@dataclass(frozen=True)
class Skill:
    """Something to learn: what goes wrong at first, what the teacher says, and how it looks when it works."""

    skill: str  # infinitive
    fails: tuple[str, ...]  # clauses
    advice: str
    success: str  # clause
    realms: str


SKILLS = (
    Skill("ride a bike", ("<a> wobbled and fell over", "the bike rolled into a bush", "<a> forgot to steer"),
          "Look ahead, not at your feet.", "<a> rode all the way around the yard", "t"),
    Skill("swim", ("<a> swallowed a lot of water", "<a> splashed but did not move at all", "<a.his> legs sank like stones"),
          "Kick your legs like a frog.", "<a> swam from one side to the other", "twj"),
    Skill("whistle", ("only air came out", "it sounded like a snake", "<a> blew until <a.his> cheeks hurt"),
          "Make your lips round, like a little o.", "a clear, sweet sound came out", "t"),
    Skill("skip rope", ("the rope hit <a.his> toes", "<a> jumped too late", "<a.his> feet got all mixed up in the rope"),
          "Listen to the rope and jump when it hits the ground.", "<a> jumped twenty times without a stop", "t"),
    Skill("tie shoes", ("the knot fell apart", "both laces ended in one big mess", "the bow was gone after two steps"),
          "Make two bunny ears and cross them.", "the bow stayed tight all day", "t"),
    Skill("juggle", ("the balls rolled under the table", "one ball landed on <a.his> head", "<a> caught nothing at all"),
          "Start with just two balls.", "three balls flew in a circle, and not one fell down", "t"),
    Skill("bake bread", ("the bread was as hard as a rock", "there was flour everywhere, even in <a.his> hair", "the bread was black on top"),
          "Be gentle and give it time to rise.", "the bread came out golden and soft", "t"),
    Skill("skate", ("<a> slipped and sat down hard", "<a.his> legs went in two different ways", "<a> held on to the wall the whole time"),
          "Bend your knees a little.", "<a> skated in a big, smooth circle", "t"),
    Skill("draw a horse", ("the horse looked like a table", "the legs were too short", "it looked more like a big dog"),
          "Look first, and then draw what you see.", "the horse on the paper looked ready to run", "t"),
    Skill("climb a tree", ("<a> slid down the trunk", "a thin branch broke", "<a> got stuck on the first branch"),
          "Use your legs, not only your arms.", "<a> sat on the highest branch and could see everything", "twj"),
    Skill("dance", ("<a> stepped on everyone's toes", "<a> turned left when the others turned right", "<a> got dizzy and sat down"),
          "Do not think so much. Listen to the music!", "<a> twirled and hopped and never missed a step", "twj"),
    Skill("catch a fish", ("the fish was too quick", "<a> only caught an old boot", "<a> fell into the mud"),
          "Be very still and wait.", "<a> caught a big, shiny fish", "w"),
    Skill("skip stones", ("the stone went plop and sank", "the stone flew backward", "it made one big splash and no jump"),
          "Find a flat stone and throw it low.", "the stone jumped five times over the water", "tw"),
    Skill("play the drum", ("it sounded like a falling pot", "the sticks flew out of <a.his> hands", "<a> could not keep the beat"),
          "Count to four, again and again.", "the beat was so good that everyone tapped their feet", "twj"),
    Skill("jump over the big log", ("<a> bumped into it", "<a> landed on top of it", "<a> stopped right before it every time"),
          "Start farther back and run faster.", "<a> flew over the log and landed on the other side", "wj"),
    Skill("roar", ("it came out as a squeak", "it sounded like a cough", "even the flies laughed"),
          "Breathe in deep, down to your tummy.", "a mighty roar rolled over the land", "j"),
)  # fmt: skip


def skill(stage: Stage) -> None:
    """The hero wants to learn something, fails more than once, practises with help, and can do it."""
    hero = stage.hero
    choice = stage.chance.choice([s for s in SKILLS if stage.realm in s.realms])
    teacher = stage.parent() if stage.likely(0.5) else stage.someone(stage.pick(("friend", "brother", "sister")))
    opening(stage, habit=stage.likely(0.4))
    stage.next_scene(stage.morning())
    want = stage.act("want_skill", hero, b=teacher, skill=choice.skill)
    fails = stage.chance.sample(choice.fails, stage.chance.choice((1, 2, 2)))
    tried = stage.act("try_skill", hero, skill=choice.skill, fail=fails[0], because=[want],
                      feels={hero.id: stage.pick(("sad", "disappointed", "angry"))})  # fmt: skip
    if len(fails) > 1:
        tried = stage.act("try_again_fail", hero, skill=choice.skill, fail=fails[1], because=[tried])
    if stage.likely(0.5):
        tried = stage.act("give_up_words", hero, b=teacher, skill=choice.skill, because=[tried])
    advice = stage.act("teach", teacher, b=hero, advice=choice.advice, because=[tried])
    stage.next_scene(stage.pick(("", "The next day", "The next morning", "Day after day")))
    practice = stage.act("practise", hero, skill=choice.skill, because=[advice])
    done = stage.act("succeed", hero, success=choice.success, skill=choice.skill, because=[practice], feels={hero.id: "proud"})
    stage.act("praise", teacher, b=hero, because=[done], feels={teacher.id: "happy"})
    lesson = stage.pick(
        ("you get better when you keep trying", "everyone has to start small", "practice makes hard things easy",
         "it is okay to fail, as long as you try again", "it is good to ask for help")  # fmt: skip
    )
    ending(stage, lesson, (teacher,) if teacher.role == "friend" else (), because=done)


_CONTESTS = {
    "t": (("race to the old tree", "run"), ("sand castle contest", "build"), ("kite race", "run"), ("sack race", "run"),
          ("swimming race", "swim"), ("bike race", "ride"), ("drawing contest", "draw"), ("spoon and egg race", "walk")),
    "w": (("race around the pond", "run"), ("singing contest", "sing"), ("jumping contest", "jump"), ("race to the top", "run"),
          ("nest building contest", "build")),
    "j": (("swimming race", "swim"), ("climbing contest", "climb"), ("race to the waterfall", "run"), ("singing contest", "sing")),
}  # fmt: skip


def contest(stage: Stage) -> None:
    """A boastful hero is sure to win and loses by being careless, or stops to help and wins something better."""
    hero = stage.hero
    boastful = hero.traits[0] == "boastful"
    place = stage.outside(("park", "beach", "meadow", "hill", "playground", "farm", "river", "pond", "water hole", "jungle"))
    friend = stage.someone("friend")
    contest_name, verb = stage.chance.choice([c for c in _CONTESTS[stage.realm] if boastful or "race" in c[0]])
    opening(stage)
    outing(stage, place, friend)
    aside(stage, place, friend, chance=0.4)
    begin = stage.act("contest_called", hero, together=(friend,), contest=contest_name, feels={hero.id: "excited", friend.id: "excited"})
    if boastful:
        boast = stage.act("boast", hero, b=friend, because=[begin], feels={friend.id: "worried"})
        start = stage.act("contest_start", hero, together=(friend,), because=[begin])
        nap = stage.act("waste_time", hero, because=[boast, start], verb=verb)
        steady = stage.act("keep_going", friend, b=hero, because=[start], verb=verb)
        lost = stage.act("win", friend, b=hero, because=[nap, steady], contest=contest_name, feels={friend.id: "proud", hero.id: "surprised"})
        sorry = stage.act("admit", hero, b=friend, because=[lost], feels={hero.id: "sorry"})
        end = stage.act("kind_winner", friend, b=hero, because=[sorry], feels={hero.id: "happy"})
        lesson = stage.pick(("it is not nice to brag", "slow and steady work wins in the end", "a friend matters more than a prize"))
    else:
        start = stage.act("contest_start", hero, together=(friend,), because=[begin])
        fall = stage.act("fall", friend, b=hero, because=[start], feels={friend.id: "sad"})
        stop = stage.act("stop_to_help", hero, b=friend, because=[fall], feels={friend.id: "grateful"})
        last = stage.act("finish_last", hero, together=(friend,), because=[stop], contest=contest_name)
        end = stage.act("kind_prize", hero, b=friend, because=[last, stop], feels={hero.id: "proud"},
                        prize=stage.pick(("a paper crown", "a big cake", "a shiny medal", "a basket of berries", "a round of applause")))  # fmt: skip
        lesson = stage.pick(("it is better to be kind than to win", "helping a friend is the best way to win", "some prizes are won with the heart"))
    ending(stage, lesson, (friend,), because=end)
