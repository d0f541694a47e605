"""Schemas with a way to go: a quest for something needed, a seed that must grow, a wish that goes wrong."""

from __future__ import annotations

from dataclasses import dataclass

from fabula.corpus.storyworld.cast import Stage
from fabula.corpus.storyworld.lexicon import things
from fabula.corpus.storyworld.schemas.beats import aside, ending, opening


@dataclass(frozen=True)
class Goal:
    """What a quest is for: the need, the thing, where it grows or lies, and what happens when it is brought home."""

    need: str  # clause about <a>, who needs it
    words: str  # what the one in need, or who knows, says
    noun: str
    qualities: tuple[str, ...]
    colours: tuple[str, ...]
    effect: str  # clause about <b>, who gets it
    places: tuple[str, ...]


GOALS = (
    Goal("<a> had a bad cold and could not stop coughing", "Only a moon flower can help me now.", "moon flower", ("tall", "lovely"), ("white", "silver", "blue"),
         "<b> smelled the flower, and the cough was gone", ("hill", "forest", "meadow", "jungle")),
    Goal("<a> had a sore throat and could only whisper", "A spoon of wild honey would help me.", "honey pot", ("big", "sticky"), ("brown", "golden"),
         "<b> ate a spoon of honey and began to sing again", ("forest", "meadow", "jungle")),
    Goal("<a> could not sleep at night", "I wish I had a soft feather for my pillow.", "feather", ("soft", "long"), ("white", "gray", "blue"),
         "<b> put the feather under the pillow and slept until noon", ("pond", "hill", "river", "water hole")),
    Goal("<a> was sad because winter was so long", "I would love to see one flower before spring.", "flower", ("tiny", "brave", "lovely"), ("yellow", "purple", "white"),
         "<b> looked at the flower and smiled for the first time in weeks", ("hill", "forest", "meadow", "river", "jungle")),
    Goal("<a> had a box that nobody could open", "The key fell out on my last trip.", "key", ("old", "tiny"), ("golden", "silver"),
         "<b> opened the box, and it was full of old pictures", ("river", "forest", "beach", "hill", "jungle")),
    Goal("<a> could not remember a song from long ago", "I heard it in a shell when I was young.", "shell", ("smooth", "big"), ("pink", "white", "blue"),
         "<b> held the shell to one ear and remembered every word", ("beach", "river", "pond", "water hole")),
    Goal("<a> wanted to bake a pie for the whole family", "All I need is one very big apple.", "apple", ("big", "round"), ("red", "green"),
         "<b> baked a pie that was big enough for everyone", ("orchard", "farm", "hill", "jungle")),
    Goal("<a> needed a new light because it was so dark at night", "I have heard of a stone that glows in the dark.", "stone", ("smooth", "round"), ("green", "blue", "white"),
         "<b> put the stone on the table, and the whole place was bright", ("cave", "hill", "beach", "river", "water hole")),
)  # fmt: skip


@dataclass(frozen=True)
class Obstacle:
    """Something in the way, a try that fails, an idea, and how it is passed."""

    sight: str  # clause
    fail: str  # clause
    idea: str  # said
    passed: str  # clause


OBSTACLES = (
    Obstacle("a wide river ran across the path", "<a> put one foot in, but the water was too fast", "We can cross on the stones.", "<g> jumped from stone to stone"),
    Obstacle("a tall wall of thorns stood in the way", "<a> pushed, but the thorns were too sharp", "We can crawl under it.", "<g> crawled through a small gap on the ground"),
    Obstacle("a fallen tree blocked the path", "<a> tried to push it, but it did not move at all", "We can climb over it.", "<g> climbed over the trunk"),
    Obstacle("a grumpy goat stood on the bridge", "<a> asked to pass, but the goat shook its horns", "Goats like sweet grass.", "<g> gave the goat some grass, and it let them pass"),
    Obstacle("the path split into three, and there was no sign", "<a> picked the wrong one and came back to the start", "We can follow the footprints.", "<g> followed some tiny footprints to the right way"),
    Obstacle("a thick fog came down", "<a> walked in a circle and got back to the same rock", "We can listen for the water.", "<g> listened closely and walked toward the sound of water"),
    Obstacle("there was a deep hole in the ground", "<a> looked for a way around, but there was none", "We can put a log across.", "<g> walked over on a strong log"),
    Obstacle("a big snake slept right in the middle of the path", "<a> coughed, and the snake opened one eye", "We have to be very, very quiet.", "<g> tiptoed around it without a sound"),
    Obstacle("the hill was steep and full of loose stones", "<a> slid back down twice", "We should go slowly from side to side.", "<g> went up in a zigzag until the top was near"),
)  # fmt: skip


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
    found = stage.act("find_new", hero, together=(friend,), o=thing, because=[passed], feels={hero.id: "excited"},
                      spot=stage.pick(stage.setting(place).spots))  # fmt: skip
    stage.next_scene()
    home = stage.act("go_home", hero, together=(friend,), p=stage.home, because=[found])
    given = stage.act("give", hero, b=dear, o=thing, because=[home, need])
    cured = stage.act("need_met", hero, b=dear, effect=goal.effect, o=thing, because=[given], feels={dear.id: "happy", hero.id: "proud"})
    stage.act("thank", dear, b=hero, because=[cured])
    lesson = stage.pick(("a small hero can do big things", "love gives you strength", "a long road is shorter with a friend", "it is worth it to keep going"))
    ending(stage, lesson, (friend,), because=cured)


def garden(stage: Stage) -> None:
    """The hero plants a seed, is impatient, cares for it day after day, and sees it grow."""
    hero = stage.hero
    elder = stage.parent()
    place = stage.outside(("garden", "meadow", "farm", "hill", "jungle"))
    plant, fruit = stage.chance.choice((("sunflower", "a huge yellow flower"), ("pumpkin plant", "a fat orange pumpkin"), ("bean plant", "a row of green beans"),
                                        ("strawberry plant", "a dozen red strawberries"), ("apple tree", "a tiny green leaf"), ("rose bush", "one perfect rose"),
                                        ("tomato plant", "three round tomatoes"), ("tulip", "a bright red cup")))  # fmt: skip
    opening(stage, habit=stage.likely(0.4))
    stage.next_scene(stage.morning())
    got = stage.act("get_seed", elder, b=hero, plant=plant)
    gone = stage.act("go", hero, p=place, play="plant the seed", scene_words="the soil was soft and dark", because=[got])
    sown = stage.act("sow", hero, because=[gone])
    stage.next_scene(stage.pick(("The next day", "The next morning")))
    checked = stage.act("check_seed", hero, because=[sown], feels={hero.id: stage.pick(("disappointed", "sad"))})
    if stage.likely(0.7):
        stage.act("come_by", elder, p=place)
        checked = stage.act("patience", elder, b=hero, because=[checked], feels={hero.id: "calm"})
    stage.next_scene(stage.pick(("Day after day", "For two weeks", "Every morning")))
    cared = stage.act("water_seed", hero, because=[checked])
    if stage.likely(0.6):
        danger = stage.act("plant_danger", hero, because=[cared], feels={hero.id: "worried"}, danger=stage.pick(
            ("a hungry snail came to eat the first leaf", "a strong wind bent the little stem", "the sun was so hot that the soil dried out", "a bird wanted to pull it out", "frost came in the night")))  # fmt: skip
        cared = stage.act("protect_plant", hero, because=[danger])
    stage.next_scene(stage.pick(("Then one morning", "At last, one day", "One fine day")))
    grown = stage.act("plant_grows", hero, plant=plant, fruit=fruit, because=[cared], feels={hero.id: "happy"})
    if stage.get("place", elder.id) != place.id:
        stage.act("come_by", elder, p=place)
    praise = stage.act("praise_plant", elder, b=hero, because=[grown], feels={hero.id: "proud"})
    ending(stage, stage.pick(("good things take time", "little by little, small things grow", "you have to care for what you love", "waiting is easier when you have something to do")), because=praise)


_WISHES = (
    ("to be as tall as a tree", "<a> grew and grew until <a.his> head was in the clouds", "nobody could hear <a.him> from up there", "It is lonely up here!"),
    ("to have all the candy in the world", "candy fell from the sky like rain", "there was candy up to <a.his> neck", "I cannot move, and I do not even want candy now!"),
    ("to fly like a bird", "<a> rose up into the air", "the wind pushed <a.him> farther and farther from home", "I do not know how to get down!"),
    ("that it would never be bedtime", "the sun stopped in the sky and stayed there", "<a> could hardly keep <a.his> eyes open", "I am so tired, but it is still day!"),
    ("to be as small as an ant", "everything around <a.him> grew big, or so it looked", "a drop of rain was as big as a tub", "Everything is too big for me!"),
    ("that everything would turn to gold", "the grass turned to gold, and so did the trees", "even lunch was hard and cold and golden", "I cannot eat gold!"),
    ("to be the only one in the world", "all at once, it was very quiet everywhere", "there was nobody to play with and nobody to talk to", "Please come back, everybody!"),
)  # fmt: skip


def wish(stage: Stage) -> None:
    """The hero frees or finds a magic helper, gets a wish, wishes foolishly, and is glad to have it undone."""
    hero = stage.hero
    place = stage.outside(("pond", "river", "beach", "forest", "meadow", "garden", "jungle", "water hole"))
    want, change, trouble, cry = stage.chance.choice(_WISHES)
    opening(stage)
    stage.next_scene(stage.morning())
    stage.act("go", hero, p=place, play=stage.pick(stage.setting(place).plays), scene_words="it was very quiet there")
    aside(stage, place, chance=0.6)
    spirit = stage.pick(("golden fish", "tiny fairy", "talking frog", "silver bird", "old wizard", "glowing butterfly", "kind ghost"))
    helper = stage.magic(spirit, place)
    stage.next_scene()
    met = stage.act("meet_magic", hero, b=helper, spot=stage.pick(stage.setting(place).spots), feels={hero.id: "surprised"})
    offered = stage.act("offer_wish", helper, b=hero, because=[met])
    wished = stage.act("make_wish", hero, b=helper, want=want, because=[offered])
    granted = stage.act("wish_granted", hero, change=change, because=[wished], feels={hero.id: "excited"})
    bad = stage.act("wish_bad", hero, trouble=trouble, because=[granted], feels={hero.id: stage.pick(("scared", "sad"))})
    cried = stage.act("wish_cry", hero, cry=cry, because=[bad])
    undone = stage.act("wish_undone", helper, b=hero, because=[cried], feels={hero.id: "relieved"})
    stage.act("thank", hero, b=helper, because=[undone])
    lesson = stage.pick(("it is good to think before you wish", "what you have may be just right", "not every wish makes you happy", "being yourself is best"))
    ending(stage, lesson, because=undone)
