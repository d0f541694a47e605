"""Objects: what each can look like, what one does with it, and what it is to a child or an animal."""

from __future__ import annotations

from dataclasses import dataclass

from fabula.corpus.storyworld.lexicon import listed

COLOURS = listed("red blue green yellow orange purple pink white brown black gray golden silver")
_BRIGHT = listed("red blue green yellow orange purple pink white")


@dataclass(frozen=True)
class Noun:
    """A kind of object; `colours` and `qualities` are those it can have, `use` is what one does with it."""

    noun: str
    category: str
    colours: tuple[str, ...]
    qualities: tuple[str, ...]
    use: str  # infinitive: "bounce <o> up and down" is written with "it"
    breakage: str = ""  # how it breaks, as a clause about "it"; "" when it cannot


def _nouns(category: str, colours: list[str], rows: str) -> list[Noun]:
    nouns = []
    for row in rows.strip().splitlines():
        noun, qualities, use, breakage = (cell.strip() for cell in row.split(";"))
        nouns.append(Noun(noun, category, tuple(colours), tuple(qualities.split(",")), use, breakage))
    return nouns


TOYS = _nouns(
    "toy",
    _BRIGHT,
    """
    ball; big,little,round,bouncy,shiny; bounce it up and down;
    kite; big,new,long; fly it high in the sky; a long tear ran across the middle
    doll; pretty,little,old; brush its hair; one arm came off
    toy car; fast,small,shiny,new; race it across the floor; a wheel came off
    toy train; long,new,wooden; push it along the tracks; the front wheels came off
    toy boat; little,wooden,small; sail it in the water; the mast snapped in two
    teddy bear; soft,old,fluffy; hug it tight; one leg came off
    toy truck; big,strong,heavy; fill it with sand; the back fell off
    drum; loud,round,small; beat it with two sticks; the top got a big hole
    yo-yo; shiny,little; make it go up and down; the string snapped
    toy robot; shiny,funny,small; make it walk and talk; the head fell off
    puppet; funny,silly,small; make it dance; the strings came off
    balloon; big,round,shiny; toss it in the air;
    toy plane; fast,little,wooden; make it swoop and turn; a wing broke off
    whistle; small,shiny,loud; blow it as loud as possible;
    marble; shiny,tiny,smooth; roll it along the ground;
    spinning top; little,wooden,shiny; watch it spin round and round; the tip snapped off
    jump rope; long,new; jump a hundred times without a stop; it snapped in the middle
    toy horse; wooden,small,brave; make it gallop; one leg snapped off
    scooter; fast,shiny,new; ride it up and down the path; the front wheel came off
    wagon; little,big,strong; pull it around; the handle came off
    bucket; small,round,new; fill it with water; the bottom cracked
    music box; tiny,pretty,old; listen to its song; the lid cracked
    """,
)
TREASURES = _nouns(
    "treasure",
    ["silver", "golden", "white", "blue", "pink"],
    """
    shell; smooth,pretty,tiny; hold it to one ear;
    stone; smooth,round,shiny; feel how smooth it was;
    feather; soft,long,light; blow it into the air;
    key; tiny,old,shiny; think about what it could open;
    coin; shiny,old,round; make it sparkle in the sun;
    ring; tiny,pretty,shiny; watch it sparkle;
    bell; tiny,little,shiny; make it ring;
    button; round,shiny,little; look at it in the light;
    necklace; pretty,long,shiny; wear it on special days; the string snapped
    """,
)
CLOTHES = _nouns(
    "clothes",
    _BRIGHT,
    """
    hat; warm,funny,big,new; wear it every day; a big hole opened at the top
    scarf; long,warm,soft,woolly; wrap it round and round; it ripped in the middle
    cap; new,small,nice; wear it even in bed;
    coat; warm,long,heavy; feel cozy in it; a sleeve tore
    ribbon; long,silky,pretty; tie it in a bow; it tore in two
    backpack; big,new,strong; carry it everywhere; the strap broke
    sweater; soft,warm,woolly; feel warm in it; the sleeve tore
    umbrella; big,new,little; walk in the rain with it; the handle snapped
    blanket; soft,cozy,old; cuddle up in it; it ripped down the side
    """,
)
HOUSEHOLD = _nouns(
    "household",
    ["blue", "white", "red", "green", "yellow"],
    """
    vase; tall,pretty,old; put flowers in it; it cracked from top to bottom
    cup; little,big,pretty; drink milk from it; the handle broke off
    plate; round,big,pretty; eat cake from it; it cracked in two
    lamp; tall,small,old; read by its light; the shade broke
    bowl; big,deep,round; eat soup from it; it cracked in two
    clock; old,big,round; listen to it tick; the hands fell off
    teapot; old,round,little; pour tea from it; the lid broke
    chair; small,wooden,old; sit in it by the fire; one leg snapped
    picture frame; pretty,big,old; look at the picture in it; it split at the corner
    """,
)
BOOKS = _nouns(
    "book",
    ["red", "blue", "green", "yellow"],
    """
    book; big,old,thick,new; look at the pictures; a page ripped
    picture book; pretty,big,new; look at all the pages; the cover came off
    notebook; small,new,thin; draw in it;
    """,
)
OWNED = TOYS + TOYS + TREASURES + CLOTHES + BOOKS
"""What someone may own and love; toys twice as often."""
BREAKABLE_OWN = [n for n in TOYS + CLOTHES + BOOKS if n.breakage]
WILD_OWN = [
    n
    for n in TOYS + TREASURES + CLOTHES
    if n.noun
    in listed("ball kite drum toy boat shell stone feather bell hat scarf blanket ribbon button balloon whistle")
    or n.noun in ("toy boat", "coin", "key", "umbrella", "wagon", "bucket")
]
"""What an animal may own."""

FOODS: dict[str, tuple[str, ...]] = {
    "apple": ("red", "green"),
    "pear": ("green", "yellow"),
    "peach": ("",),
    "cookie": ("",),
    "cake": ("",),
    "pie": ("",),
    "sandwich": ("",),
    "banana": ("yellow",),
    "plum": ("purple",),
    "orange": ("",),
    "muffin": ("",),
    "pancake": ("",),
    "melon": ("green",),
    "pumpkin": ("orange",),
    "cupcake": ("pink",),
    "honey cake": ("",),
}
"""Foods that come one at a time, with the colours they can have."""
FOOD_QUALITIES = listed("big,sweet,fresh,yummy,tasty,juicy,delicious,warm")
DRY_FOODS = {"cookie", "cake", "pie", "sandwich", "muffin", "pancake", "cupcake", "honey cake"}
SNACKS = listed(
    "some cheese and bread|a bowl of warm soup|some fresh strawberries|a cup of cold milk|a plate of noodles|"
    "some crunchy carrots|a slice of chocolate cake|some popcorn|a jam sandwich|some sweet grapes|a boiled egg|"
    "a hot potato with butter|some apple juice|a bowl of rice and peas|two small pancakes|some nuts and raisins|"
    "a glass of lemonade|some toast with honey|a bowl of ice cream|some crackers"
)
WILD_SNACKS = listed(
    "some sweet berries|a few nuts|some fresh clover|a bit of honey|some juicy apples from the grass|"
    "a crunchy carrot|some tasty seeds|a handful of wild strawberries|some mushrooms|a soft pear"
)
FLOWERS = listed("daisy rose tulip sunflower lily violet poppy daffodil")
