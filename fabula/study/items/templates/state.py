# ruff: noqa: E501 - one template a line, however long
"""What is true now: a colour that stays, a thing that moves, two that change places.

In half of the `move` families the story tells the present before the past, so that "the last one named" is no rule.
"""

from fabula.study.items.templates.mirrored import Family

_KEEP = (
    Family("mud", "keep", "colors", "toys", "{n} owned a {x} {a} and a {y} {b}. Both fell into the mud and looked the same. {n} rinsed the {q} until it was clean. Now it was again"),
    Family("night", "keep", "colors", "toys", "The {a} was {x} and the {b} was {y}. It got so dark that nobody could see any color. In the morning {n} looked at the {q}, and it was still"),
    Family("boots", "keep", "colors", "names", "{a} had {x} boots and {b} had {y} boots. They hiked up a hill and sat down to rest. A bee landed on the boots of {q}, which were"),
    Family("snow-cover", "keep", "colors", "vehicles", "A {x} {a} stood next to a {y} {b}. Then snow fell and covered both. {n} brushed the snow off the {q}, and under it all was"),
    Family("packing", "keep", "colors", "toys", "Dad packed the {x} {a} and the {y} {b} into one sack. They drove for hours. At the hotel, {n} pulled out the {q}, which of course was"),
    Family("stones", "keep", "colors", "names", "{a} kept a {x} stone in one hand, and {b} kept a {y} stone in one hand. They ran and they climbed. At the top, {q} opened that hand, and the stone was"),
    Family("lids", "keep", "drinks", "vessels", "{n} filled the {a} with {x} and the {b} with {y}. Then {he} put a lid on both and waited. After the nap {he} opened the {q} and tasted the"),
    Family("costumes", "keep", "costumes", "names", "{a} was dressed as a {x} and {b} was dressed as a {y}. They danced until it was late. When the music stopped, {q} was still dressed as a"),
    Family("wheels", "keep", "colors", "vehicles", "The {a} had {x} wheels and the {b} had {y} wheels. {n} put a new bell on both. Then {he} drove off on the {q} with wheels that were"),
    Family("divers", "keep", "colors", "pets", "In the pond lived a {x} frog called {a} and a {y} frog called {b}. Both dived down deep and came up again. The skin of {q} was still"),
    Family("paint-plan", "keep", "colors", "furniture", "The {x} paint was for the {a} and the {y} paint was for the {b}. {n} worked the whole day and never stopped. In the end, the {q} was all"),
    Family("best-food", "keep", "foods", "names", "{a} said that nothing was better than {x}, and {b} said that nothing was better than {y}. They went to bed. At breakfast, {q} still asked for"),
)  # fmt: skip
_MOVE = (
    Family("put-away", "move", "containers", "toys", "The {a} was in the {x}. {n} took it out and pushed it into the {y}. When it was time to play, {n} looked for the {a} in the", crossed=True),
    Family("room-to-room", "move", "rooms", "", "{n} read a book in the {x}. Later {he} moved over to the {y}. When Dad called, the voice of {n} came from the", crossed=True),
    Family("wandering-animal", "move", "rooms", "animals", "The {a} slept in the {x} until noon. Then it ran over to the {y} and stayed. {n} carried a bowl of food to the {a} in the", crossed=True),
    Family("shop-moves", "move", "outdoors", "", "Last year the toy shop was next to the {x}. This year it moved next to the {y}. If {n} wants a toy now, {he} walks to the", crossed=True),
    Family("new-coat", "move", "colors", "", "{n} wore a {x} coat at breakfast. {He} changed into a {y} coat before lunch. All afternoon people saw {n} in a coat that was", crossed=True),
    Family("fence", "move", "colors", "", "The fence was {x} at first. {n} painted it {y} with a wide brush. Anyone who walks by today sees that the fence is", crossed=True),
    Family("sign", "move", "shapes", "", "There was a {x} on the sign. {n} wiped it away and drew a {y}. When Dad came home, he stopped at the sign and saw a", crossed=True),
    Family("after-before", "move", "containers", "toys", "Now the {a} is in the {y}. Before that, it was in the {x}. If {n} wants to have the {a}, {he} must open the", crossed=True),
    Family("after-an-hour", "move", "rooms", "", "{n} was in the {y} now, after an hour in the {x}. Mom wanted to bring {him} a snack, so she carried it to the", crossed=True),
    Family("over-old-paint", "move", "colors", "vehicles", "The {a} had {y} paint on top of the old {x} paint. When the sun came up, we could all see that the {a} was", crossed=True),
    Family("socks", "move", "colors", "", "{n} put on {y} socks after {he} threw away the {x} socks. At the door {he} looked down at two socks that were", crossed=True),
    Family("boat-name", "move", "pets", "", "Today the name of the boat is {y}, but last summer it was {x}. {n} read the name out loud from the dock. It was", crossed=True),
    Family("redrawn", "move", "shapes", "", "{n} drew a {y} on the wall, just where {he} had washed off a {x}. After school, the teacher passed by the wall and saw a", crossed=True),
    Family("new-job", "move", "works", "", "These days the uncle of {n} is a {y}, though he was a {x} when he was young. Each day he goes to work as a", crossed=True),
)  # fmt: skip
_SWAP = (
    Family("places", "swap", "containers", "toys", "The {a} was in the {x} and the {b} was in the {y}. {n} made them change places. After that, the {q} could be found in the", crossed=True),
    Family("chairs", "swap", "colors", "names", "{a} sat on the {x} chair and {b} sat on the {y} chair. After the song they traded chairs. From then on, {q} sat on the chair that was", crossed=True),
    Family("toys", "swap", "toys", "names", "{a} had a {x} and {b} had a {y}. They made a trade, and each gave the toy to the other. So {q} walked home with the", crossed=True),
    Family("hats", "swap", "colors", "names", "{a} wore the {x} hat and {b} wore the {y} hat. For fun, they put on each other's hats. Now the hat on the head of {q} was", crossed=True),
    Family("plates", "swap", "foods", "names", "{a} ordered {x} and {b} ordered {y}. The cook mixed it up and gave each the food of the other. So the plate of {q} was full of", crossed=True),
    Family("homes", "swap", "outdoors", "animals", "The {a} lived near the {x} and the {b} lived near the {y}. One spring they traded homes. To visit the {q} now, {n} walks to the", crossed=True),
    Family("parts", "swap", "costumes", "names", "In the play, {a} was the {x} and {b} was the {y}. On the last day each took the other's part. Everyone clapped for {q}, a wonderful", crossed=True),
    Family("bedrooms", "swap", "rooms", "names", "{a} slept in the {x} and {b} slept in the {y}. Then the two of them switched rooms for good. Tonight {q} will sleep in the", crossed=True),
    Family("feeding", "swap", "animals", "names", "On Monday {a} fed the {x} and {b} fed the {y}. On Tuesday it was the other way around. So on Tuesday {q} brought food to the", crossed=True),
    Family("repainted", "swap", "colors", "furniture", "The {a} was painted {x} and the {b} was painted {y}. Then {n} painted each one in the color of the other. After that, the {q} was", crossed=True),
)  # fmt: skip

FAMILIES = (*_KEEP, *_MOVE, *_SWAP)
