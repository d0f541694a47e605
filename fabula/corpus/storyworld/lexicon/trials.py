"""Things to dare and to learn: what one may be afraid of, skills and how they fail at first, contests.

Clauses and sentences are templates (see telling/grammar.py): `<a>` is the agent of the event that tells them.
"""

from __future__ import annotations

from dataclasses import dataclass


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
    Fear(
        "the deep water",
        "<a> thought that there were monsters at the bottom",
        "jump into the water",
        "<a> put one toe in the water and jumped back",
        "Hold my hand and we will count to three.",
        "<a> jumped in with a big splash",
        ("beach", "pond", "river", "water hole"),
        "twj",
    ),
    Fear(
        "high places",
        "the ground looked so far away from up there",
        "climb to the top",
        "<a> climbed up three steps and came right back down",
        "Do not look down. Look at me!",
        "step by step, <a> climbed all the way to the top",
        ("playground", "orchard", "hill", "jungle"),
        "twj",
    ),
    Fear(
        "the big slide",
        "it was so tall and so steep",
        "go down the slide",
        "<a> sat at the top, looked down, and climbed back down the ladder",
        "I will wait for you at the bottom.",
        "<a> let go and whooshed all the way down",
        ("park", "playground"),
        "t",
    ),
    Fear(
        "dogs",
        "a dog had barked at <a.him> once",
        "pet the dog that lived there",
        "<a> stretched out a hand but pulled it away",
        "Let the dog smell your hand first.",
        "<a> patted the soft fur, and the dog licked <a.his> hand",
        ("park", "farm", "yard"),
        "t",
    ),
    Fear(
        "the dark",
        "the shadows looked like monsters",
        "walk through the dark part of it",
        "<a> took two steps into the dark and ran back",
        "Listen! The dark is just the day with its eyes closed.",
        "<a> walked through the dark and came out on the other side",
        ("cave", "forest"),
        "tw",
    ),
    Fear(
        "thunder",
        "it was so loud that the ground shook",
        "stay outside when the thunder came",
        "<a> heard a small rumble and hid under a bush",
        "Thunder is just the sky clapping. Clap back!",
        "the thunder came, and <a> clapped back as loud as it did",
        ("meadow", "hill", "farm"),
        "tw",
    ),
    Fear(
        "the old bridge",
        "it shook and creaked at every step",
        "walk across the old bridge",
        "<a> put one foot on the bridge, heard a creak, and stepped back",
        "Hold the rope and walk behind me.",
        "one step at a time, <a> walked across to the other side",
        ("river", "pond", "jungle"),
        "twj",
    ),
    Fear(
        "singing in front of everyone",
        "<a> thought that everyone would laugh",
        "sing in the show",
        "<a> opened <a.his> mouth, but no sound came out",
        "Close your eyes and sing just for me.",
        "<a> sang the whole song, and everyone clapped",
        ("school", "park", "meadow", "water hole"),
        "twj",
    ),
    Fear(
        "bees",
        "a bee had stung <a.him> last summer",
        "walk past the bees to the flowers",
        "<a> heard a buzz and ran away",
        "If you are calm, the bees are calm too.",
        "<a> walked slowly between the flowers, and not one bee stung <a.him>",
        ("garden", "meadow", "orchard"),
        "tw",
    ),
    Fear(
        "talking to new people",
        "the words got stuck in <a.his> mouth",
        "say hello to the others there",
        "<a> opened <a.his> mouth but only whispered",
        "Just smile and tell them your name.",
        "<a> smiled and said hello, and everyone said hello back",
        ("playground", "school", "market", "water hole"),
        "tj",
    ),
    Fear(
        "horses",
        "they were so big and had such big teeth",
        "ride the gentle old horse",
        "<a> came close, but the horse sneezed and <a> ran behind a fence",
        "Give it a carrot, and it will be your friend.",
        "<a> sat on the horse and rode all the way around the field",
        ("farm",),
        "t",
    ),
)


@dataclass(frozen=True)
class Skill:
    """Something to learn: what goes wrong at first, what the teacher says, and how it looks when it works."""

    skill: str  # infinitive
    fails: tuple[str, ...]  # clauses
    advice: str
    success: str  # clause
    realms: str


SKILLS = (
    Skill(
        "ride a bike",
        ("<a> wobbled and fell over", "the bike rolled into a bush", "<a> forgot to steer"),
        "Look ahead, not at your feet.",
        "<a> rode all the way around the yard",
        "t",
    ),
    Skill(
        "swim",
        ("<a> swallowed a lot of water", "<a> splashed but did not move at all", "<a.his> legs sank like stones"),
        "Kick your legs like a frog.",
        "<a> swam from one side to the other",
        "twj",
    ),
    Skill(
        "whistle",
        ("only air came out", "it sounded like a snake", "<a> blew until <a.his> cheeks hurt"),
        "Make your lips round, like a little o.",
        "a clear, sweet sound came out",
        "t",
    ),
    Skill(
        "skip rope",
        ("the rope hit <a.his> toes", "<a> jumped too late", "<a.his> feet got all mixed up in the rope"),
        "Listen to the rope and jump when it hits the ground.",
        "<a> jumped twenty times without a stop",
        "t",
    ),
    Skill(
        "tie shoes",
        ("the knot fell apart", "both laces ended in one big mess", "the bow was gone after two steps"),
        "Make two bunny ears and cross them.",
        "the bow stayed tight all day",
        "t",
    ),
    Skill(
        "juggle",
        ("the balls rolled under the table", "one ball landed on <a.his> head", "<a> caught nothing at all"),
        "Start with just two balls.",
        "three balls flew in a circle, and not one fell down",
        "t",
    ),
    Skill(
        "bake bread",
        (
            "the bread was as hard as a rock",
            "there was flour everywhere, even in <a.his> hair",
            "the bread was black on top",
        ),
        "Be gentle and give it time to rise.",
        "the bread came out golden and soft",
        "t",
    ),
    Skill(
        "skate",
        (
            "<a> slipped and sat down hard",
            "<a.his> legs went in two different ways",
            "<a> held on to the wall the whole time",
        ),
        "Bend your knees a little.",
        "<a> skated in a big, smooth circle",
        "t",
    ),
    Skill(
        "draw a horse",
        ("the horse looked like a table", "the legs were too short", "it looked more like a big dog"),
        "Look first, and then draw what you see.",
        "the horse on the paper looked ready to run",
        "t",
    ),
    Skill(
        "climb a tree",
        ("<a> slid down the trunk", "a thin branch broke", "<a> got stuck on the first branch"),
        "Use your legs, not only your arms.",
        "<a> sat on the highest branch and could see everything",
        "twj",
    ),
    Skill(
        "dance",
        (
            "<a> stepped on everyone's toes",
            "<a> turned left when the others turned right",
            "<a> got dizzy and sat down",
        ),
        "Do not think so much. Listen to the music!",
        "<a> twirled and hopped and never missed a step",
        "twj",
    ),
    Skill(
        "catch a fish",
        ("the fish was too quick", "<a> only caught an old boot", "<a> fell into the mud"),
        "Be very still and wait.",
        "<a> caught a big, shiny fish",
        "w",
    ),
    Skill(
        "skip stones",
        ("the stone went plop and sank", "the stone flew backward", "it made one big splash and no jump"),
        "Find a flat stone and throw it low.",
        "the stone jumped five times over the water",
        "tw",
    ),
    Skill(
        "play the drum",
        ("it sounded like a falling pot", "the sticks flew out of <a.his> hands", "<a> could not keep the beat"),
        "Count to four, again and again.",
        "the beat was so good that everyone tapped their feet",
        "twj",
    ),
    Skill(
        "jump over the big log",
        ("<a> bumped into it", "<a> landed on top of it", "<a> stopped right before it every time"),
        "Start farther back and run faster.",
        "<a> flew over the log and landed on the other side",
        "wj",
    ),
    Skill(
        "roar",
        ("it came out as a squeak", "it sounded like a cough", "even the flies laughed"),
        "Breathe in deep, down to your tummy.",
        "a mighty roar rolled over the land",
        "j",
    ),
)


CONTESTS = {
    "t": (
        ("race to the old tree", "run"),
        ("sand castle contest", "build"),
        ("kite race", "run"),
        ("sack race", "run"),
        ("swimming race", "swim"),
        ("bike race", "ride"),
        ("drawing contest", "draw"),
        ("spoon and egg race", "walk"),
    ),
    "w": (
        ("race around the pond", "run"),
        ("singing contest", "sing"),
        ("jumping contest", "jump"),
        ("race to the top", "run"),
        ("nest building contest", "build"),
    ),
    "j": (
        ("swimming race", "swim"),
        ("climbing contest", "climb"),
        ("race to the waterfall", "run"),
        ("singing contest", "sing"),
    ),
}
