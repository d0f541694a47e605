"""Places, and what can be found, seen and done in each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Setting:
    """A kind of place. `spots` are where a small thing can lie, `sights` what one may notice, `plays` what one does."""

    noun: str
    where: str
    whither: str
    worlds: str  # "t" for children in a town, "w" for animals in the wild; "tw" for both
    indoors: bool
    spots: tuple[str, ...]
    sights: tuple[str, ...]
    plays: tuple[str, ...]  # infinitives


def _setting(noun: str, where: str, worlds: str, indoors: bool, spots: str, sights: str, plays: str) -> Setting:
    preposition = where.split()[0]
    cells = (tuple(cell.strip() for cell in text.split(",")) for text in (spots, sights, plays))
    return Setting(noun, where, where.replace(preposition, "to", 1), worlds, indoors, *cells)


SETTINGS: tuple[Setting, ...] = (
    _setting(
        "park",
        "in the park",
        "t",
        False,
        "under the bench, behind the big oak tree, next to the fountain, in the tall grass, under the slide, "
        "at the bottom of the swings, beside the duck pond, behind the drinking fountain",
        "two ducks on the pond, a man with an ice cream cart, a squirrel with a nut, a dog chasing its tail, "
        "a lady feeding the birds, a kite high above the trees, some boys playing soccer",
        (
            "swing on the swings, slide down the slide, play tag, climb on the bars, play hide and seek, roll "
            "down the hill"
        ),
    ),
    _setting(
        "garden",
        "in the garden",
        "t",
        False,
        "under the rose bush, behind the watering can, between the tomatoes, under a big leaf, in the flower bed, "
        "behind the shed, in the wheelbarrow, under the apple tree",
        "a ladybug on a leaf, a fat bee on a flower, a worm in the soil, a snail on the wall, a robin in the tree, "
        "a row of ants with crumbs, two white butterflies",
        "dig in the soil, water the flowers, pick daisies, look for bugs, play hide and seek, make mud pies",
    ),
    _setting(
        "beach",
        "at the beach",
        "t",
        False,
        "under a towel, behind a sand castle, next to a big rock, in the sand, between two rocks, under a wooden boat, "
        "in a pool of water",
        "a crab walking sideways, a sailing boat far away, a seagull with a fish, a starfish on the sand, "
        "a dolphin in the waves, a big ship on the sea",
        (
            "build a sand castle, jump over the waves, look for shells, dig a deep hole, splash in the water, "
            "run on the sand"
        ),
    ),
    _setting(
        "forest",
        "in the forest",
        "tw",
        False,
        "under a pile of leaves, behind a fallen log, in a hollow tree, next to a mushroom, under a bush, "
        "between the roots of an old tree, on a flat stone, in a bed of moss",
        "a woodpecker on a tree, a spider in its web, a family of mushrooms, an owl asleep on a branch, "
        "a deer between the trees, a caterpillar on a leaf, a trail of tiny footprints",
        "play hide and seek, jump over logs, collect acorns, climb the trees, run along the path, look for pine cones",
    ),
    _setting(
        "meadow",
        "in the meadow",
        "tw",
        False,
        "in the long grass, under a big leaf, behind a gray rock, between the daisies, next to an old fence, "
        "under a berry bush, beside a mole hill",
        "a cloud that looked like a whale, a field of yellow flowers, a grasshopper on a stem, a butterfly "
        "on a flower, "
        "some swallows in the sky, a bee full of pollen",
        "roll in the grass, pick flowers, chase butterflies, run races, watch the clouds, play leapfrog",
    ),
    _setting(
        "pond",
        "at the pond",
        "tw",
        False,
        (
            "between the reeds, under a lily pad, behind a wet rock, in the mud, next to an old log, under the "
            "little bridge"
        ),
        "a frog on a lily pad, a dragonfly with shiny wings, a school of little fish, a family of ducks, "
        "a turtle in the sun, rings on the still water",
        (
            "skip stones, splash in the water, watch the fish, float leaves like boats, look for frogs, dip toes "
            "in the water"
        ),
    ),
    _setting(
        "river",
        "by the river",
        "tw",
        False,
        "under the bridge, between two stones, behind a willow tree, on the sandy bank, in the wet grass, "
        "under a broken branch",
        "a leaf floating by, a silver fish that jumped, a beaver with a stick, a blue bird over the water, "
        "an otter on its back, a raft made of sticks",
        "throw stones in the water, race sticks under the bridge, build a dam, wade in the cool water, look for crabs",
    ),
    _setting(
        "hill",
        "on the hill",
        "tw",
        False,
        "behind a round rock, in a patch of clover, under a lonely tree, in a small hole, next to a thorn bush, "
        "in the dry grass",
        "the whole village far below, an eagle in the sky, a rabbit hole, some sheep like white dots, "
        "a rainbow over the valley, a train as small as a toy",
        "roll down the hill, run to the top, pick clover, feel the wind, shout and wait for the echo, play tag",
    ),
    _setting(
        "playground",
        "at the playground",
        "t",
        False,
        "under the slide, in the sandbox, behind the seesaw, beneath the climbing net, next to the fence, "
        "under the merry-go-round, in a puddle",
        "a line of children at the slide, a pigeon with a crumb, a baby in the sandbox, a big boy on the bars, "
        "a girl with a skipping rope, a puddle with the sky in it",
        "slide down the slide, dig in the sandbox, ride the seesaw, climb to the top of the net, play tag, swing high",
    ),
    _setting(
        "farm",
        "on the farm",
        "tw",
        False,
        "in the hay, behind the barn, under the tractor, next to the pig pen, in the hen house, under the old cart, "
        "beside the water trough",
        "a hen with seven chicks, a cow with big brown eyes, a muddy pig, a tractor in the field, a row of tall corn, "
        "a horse with a long tail",
        "jump in the hay, feed the chickens, count the sheep, run around the barn, look for eggs, pet the lambs",
    ),
    _setting(
        "yard",
        "in the yard",
        "t",
        False,
        "under the steps, behind the trash can, in the bushes, under the car, next to the dog house, "
        "in a pile of leaves, behind the swing",
        "a cat on the fence, a plane in the sky, a line of ants, a blue jay on the roof, the neighbor with a ladder, "
        "a puddle shaped like a shoe",
        "kick a ball, run in circles, play hide and seek, draw with chalk, jump over puddles, blow bubbles",
    ),
    _setting(
        "kitchen",
        "in the kitchen",
        "t",
        True,
        "under the table, behind the fridge, in the cupboard, next to the oven, in a big pot, under a towel, "
        "in the bread box",
        "a pot of soup on the stove, a fly on the window, some apples in a basket, steam on the window, "
        "a crumb on the floor",
        "mix flour and water, help with the dishes, play under the table, draw at the table, stack the pots and pans",
    ),
    _setting(
        "bedroom",
        "in the bedroom",
        "t",
        True,
        "under the bed, behind the curtain, in the toy box, inside a shoe, under the pillow, behind the door, "
        "between two books, at the bottom of the closet",
        "the moon through the window, a shadow on the wall, a moth near the lamp, a pile of books by the bed, "
        "a star behind the curtain",
        "build a tower of blocks, make a tent from a sheet, jump on the bed, play with puppets, line up the toys",
    ),
    _setting(
        "living room",
        "in the living room",
        "t",
        True,
        "under the sofa, behind the clock, between the cushions, under the rug, beside the fireplace, "
        "behind the big plant, on top of the piano",
        "the cat asleep on the sofa, rain running down the window, a spider in the corner, a fire in the fireplace, "
        "a photo of Grandma on the wall",
        "build a fort with cushions, do a puzzle, dance to music, play cards, put on a show, play pretend",
    ),
    _setting(
        "school",
        "at school",
        "t",
        True,
        "under the desk, behind the blackboard, in the coat room, on the bookshelf, in the paint corner, "
        "under a pile of paper",
        "a map on the wall, a fish tank by the door, the teacher with a guitar, a paper star on the ceiling, "
        "a hamster in a cage",
        "paint pictures, sing songs, play with clay, listen to stories, play in the sand tray, count to a hundred",
    ),
    _setting(
        "market",
        "at the market",
        "t",
        False,
        "under the fruit stand, behind a big barrel, between two baskets, next to the flower stall, "
        "under a bag of potatoes, beside the bread cart",
        "a tower of oranges, a man with three parrots, a lady with a basket of eggs, a juggler with five balls, "
        "a pile of shiny fish",
        "taste the cheese, smell the flowers, count the melons, listen to the music, look at the shiny fish",
    ),
    _setting(
        "library",
        "in the library",
        "t",
        True,
        "behind the tall shelf, under a chair, between two big books, on the window seat, under the round table",
        "a cat asleep on a book, a boy who whispered to himself, a big globe, a ladder on wheels",
        "look at picture books, listen to a story, do a quiet puzzle, read about pirates",
    ),
    _setting(
        "zoo",
        "at the zoo",
        "t",
        False,
        "next to the monkey house, under a bench, behind the ticket booth, beside the penguin pool, in the bushes",
        "a giraffe with a long tongue, two sleepy lions, a baby elephant in the mud, a parrot that said hello, "
        "seals with a ball",
        "watch the monkeys, wave to the elephants, feed the goats, walk like the penguins, roar like the lions",
    ),
    _setting(
        "orchard",
        "in the orchard",
        "tw",
        False,
        "under an apple tree, in a wooden crate, behind the ladder, in the wet grass, next to the stone wall",
        "a wasp on a rotten pear, a blackbird with a cherry, a ladder against a tree, a basket full of plums",
        "climb the trees, pick apples, swing from a branch, play tag between the trees, roll apples down the path",
    ),
    _setting(
        "cave",
        "in the cave",
        "w",
        False,
        "behind a tall rock, in a dark corner, on a stone shelf, next to a puddle, under some old bones",
        "a bat upside down, drops of water on the wall, a crack full of crystals, strange shadows on the wall",
        "shout and wait for the echo, make shadow shapes, count the bats, look for crystals, tell ghost stories",
    ),
    _setting(
        "jungle",
        "in the jungle",
        "j",
        False,
        "under a giant leaf, behind a palm tree, between the vines, in a bush of red flowers, on a mossy rock, "
        "at the foot of a waterfall",
        "a snake asleep in a tree, a parrot with rainbow wings, a waterfall in the sun, a line of marching ants, "
        "a flower as big as a plate",
        "swing on the vines, splash in the waterfall, race through the trees, drum on a log, look for bananas",
    ),
    _setting(
        "water hole",
        "at the water hole",
        "j",
        False,
        "behind a thorn tree, in the mud, between two flat rocks, under a dry bush, in the yellow grass",
        "some zebras having a drink, a heron on one leg, a hippo with only its nose showing, a cloud of little flies",
        "splash in the mud, blow bubbles, race around the water, slide down the bank, play tag",
    ),
)
HOMES = {
    "t": ("house", "apartment", "cottage", "farmhouse"),
    "w": ("den", "nest", "burrow", "hollow tree"),
    "j": ("den", "tree house", "grass hut"),
}
REGIONS = {
    "t": (
        "in a small town",
        "in a big city",
        "in a little village",
        "in a house by the sea",
        "on a quiet street",
        "in a yellow house",
        "near a deep forest",
        "next to a bakery",
        "on a farm",
        "in a tall building",
        "at the end of a long road",
        "near the mountains",
    ),
    "w": (
        "in a green forest",
        "near a quiet pond",
        "at the edge of a wood",
        "under an old oak tree",
        "in a sunny valley",
        "beside a little river",
        "behind a big red barn",
        "at the foot of a mountain",
        "in a hole in the ground",
    ),
    "j": (
        "in a hot jungle",
        "near a big river",
        "in a land full of sunshine",
        "on a wide plain",
        "under the palm trees",
    ),
}
