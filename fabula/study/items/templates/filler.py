# ruff: noqa: E501 - one subject a line, however long
"""Words that have nothing to do with the question: story sentences without people, animals, things or colours."""

import random

_ROWS = """
the wind; swept over the hills | went around the corner | pushed at the old door | hummed in the chimney | carried a smell of spring | grew weak and then strong again
the sky; was wide and high | looked deep and quiet | stayed clear for hours | was full of light | seemed to go on forever
the grass; moved a little from side to side | was tall along the road | grew thick next to the path | smelled fresh after the rain | bent down and stood up again
the street; was empty for a while | went up and then down | was long and not very wide | got quiet after noon | looked just like it did last week
the old clock; went on ticking | showed that it was almost noon | was a few minutes late | made the same noise as ever | struck the hour
the light; came in at the window | moved along the wall | was bright at first | reached the floor | faded little by little
the air; was fresh and clean | smelled of summer | was still | got cooler near the hills | felt good after the long winter
the window; was open all day | looked out over the fields | shook when the wind blew | was clean and clear | let in a bit of air
the door; stood open for a time | made a small noise | closed with a click | needed some oil | swung back and forth
the path; led around the hill | turned left and then right | was steep in the middle | went on and on | ended at a wide field
the town; was busy in the morning | lay in the middle of the valley | was not very big | got ready for the holiday | had many old streets
the rain; stopped as fast as it had begun | fell for an hour or so | tapped on the roof | did not last long | came from the west
the hills; were far away | lay in the last light of the day | were covered with mist | looked small from here | stood all around the valley
the day; was long | went by slowly | was like many other days | began early | was almost over
the night; came early at that time of the year | was calm and clear | was short in summer | went by without a noise | came down over the valley
the week; was nearly over | went by quickly | had been a long one | began like every other week
the shadows; grew longer and longer | moved over the fields | were short at noon | reached as far as the wall | came and went
the roof; had been fixed the week before | kept out the rain | was old but good | could be seen from far away
the wall; was old and thick | was built a long time ago | kept out the wind | had a crack in the middle
the field; was wide and flat | lay empty after the harvest | stretched as far as one could see | was wet after the rain
the road; was bumpy in some places | was dry again by the afternoon | went past the mill | made a wide turn there
the morning; was cool and fresh | began with a bit of mist | went by like any other morning | was calm
the afternoon; was warm and still | felt long and slow | brought a few drops of rain | was good for a rest
the evening; was mild | came slowly | was quiet everywhere | brought a cool breeze
the bells; rang in the distance | could be heard for miles | rang at noon | were quiet again soon
the weather; changed a little | stayed the same all week | was nice for the time of the year | was hard to guess
the leaves; fell down slowly | moved in the breeze | lay all over the ground | turned in the wind
the mill; turned in the wind | stood still that day | made a low sound | had been there for a hundred years
the smoke; came out of the chimneys | went straight up | drifted over the roofs | was gone after a while
the echo; came back from the hills | died away | could be heard again and again | was faint but clear
nothing; much happened for a while | moved for a moment | seemed to be in a hurry | had changed since the morning
time; went by | passed slowly | seemed to stand still | moved on as always
it; was quiet for some minutes | was a day like any other | began to get late | was neither hot nor cool | took a long while | had rained a bit before
everything; was in its usual place | went on as before | seemed calm and peaceful | looked clean after the rain
the mist; lay over the fields | went away before noon | made all things look far away | came back in the evening
the fire; crackled for a long time | burned low | gave a bit of light | went out late in the night
the hours; went by one after the other | seemed long | passed without any news | were filled with small jobs
the floor; had just been swept | creaked here and there | was clean again | shone in the light
the stairs; creaked a little | led up to the attic | were swept every day | were steep but wide
the valley; was quiet at that hour | lay in the shade | was fresh after the rain | woke up slowly
the bridge; was narrow and old | had been there for many years | was wet from the rain | could hold a lot of weight
the season; was about to change | had been good so far | was a short one that year | was almost at its end
the ground; was damp in the morning | dried quickly | was level and firm | was cold at that time of the year
the breeze; came and went | was mild that day | brought some dust | blew in from the south
the summer; had been long | was nearly over | was not as hot as the last one | passed without a storm
the gate; was open | squeaked when the wind blew | had been painted the year before | closed by itself
the view; was nice from up there | had not changed for years | went as far as the hills | was blocked by the mist
the chimney; was tall | smoked a little | was swept once a year | stood out against the sky
the village; was small and quiet | had one long street | lay between the hills | got quiet early
the noise; faded after a while | came from far away | could hardly be heard | was gone by the evening
the corner; was dark | was swept every week | got no light in the morning | was a good place to wait
the lamp; gave a gentle light | was lit when it got late | hung from the ceiling | flickered for a moment
"""
SENTENCES = tuple(
    f"{subject[:1].upper()}{subject[1:]} {predicate.strip()}."
    for subject, predicates in (row.split("; ") for row in _ROWS.strip().splitlines())
    for predicate in predicates.split("|")
)
OPENINGS = ("", "", "", "Meanwhile, ", "A little later, ", "By and by, ", "As usual, ")


def filler(chance: random.Random, length: int) -> str:
    """Return sentences of about `length` words together (3 more or less), no sentence twice."""
    told: list[str] = []
    missing = length
    for sentence in chance.sample(SENTENCES, len(SENTENCES)):
        opening = chance.choice(OPENINGS)
        whole = f"{opening}{sentence[0].lower()}{sentence[1:]}" if opening else sentence
        if (words := whole.count(" ") + 1) <= missing + 3:
            told.append(whole)
            missing -= words
        if missing < 3:
            break
    return " ".join(told)
