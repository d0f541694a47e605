"""The words that facts are about: what can be owned, liked, feared, hidden, known or chosen, by pool."""

from __future__ import annotations

from fabula.corpus.storyworld.lexicon import listed
from fabula.corpus.storyworld.lexicon.things import COLOURS

_POOLS: dict[str, list[str]] = {
    "colours": COLOURS,
    "pets": listed("hamster parrot kitten puppy goldfish lizard tortoise canary lamb pony gecko ferret piglet chick"),
    "pet names": listed(
        "Muffin Noodle Pickle Patches Socks Waffles Domino Truffle Peanut Mango Freckles Snowball Bubbles Cookie "
        "Sprout Zigzag Turbo Velvet Pancake Comet"
    ),
    "presents": listed(
        "drum kite doll puzzle robot trumpet globe telescope rocket skateboard sled tent camera flashlight hammock "
        "dollhouse paintbox fishing_rod toolbox magnet train bike"
    ),
    "foods": listed(
        "pancakes noodles waffles dumplings cheese pizza rice beans soup carrots salad toast popcorn grapes cherries "
        "pudding porridge raisins peas plums pears corn"
    ),
    "drinks": listed(
        "milk cocoa tea lemonade water cider broth apple_juice cherry_juice carrot_juice honey_milk mint_tea"
    ),
    "fears": listed(
        "thunder spiders bees owls rats snakes sharks wasps ghosts geese dragons wolves crabs bats beetles ladders "
        "shadows storms fireworks caves"
    ),
    "plants": listed(
        "rose tulip daisy sunflower pumpkin cabbage radish poppy fern lily cucumber melon turnip cactus pear_tree "
        "violet tomato potato"
    ),
    "passwords": listed(
        "pickle lantern mountain turnip castle feather puddle rocket velvet pepper snowflake button walnut river "
        "candle mirror anchor blanket thunder jelly pirate cactus window"
    ),
    "numbers": listed("three four five six seven eight nine ten eleven twelve fifteen twenty thirty forty sixty"),
    "jobs": listed(
        "pilot baker sailor doctor farmer painter teacher singer dancer builder firefighter clown gardener writer cook "
        "fisherman mailman tailor"
    ),
    "costumes": listed(
        "dragon king wizard pirate knight ghost robot giant witch fairy clown snowman sailor scarecrow captain"
    ),
    "instruments": listed("flute drum trumpet guitar piano violin harp banjo horn tambourine organ cello"),
    "destinations": listed(
        "lighthouse waterfall castle mill island lake harbor tower mountain valley swamp bridge well desert canyon bay"
    ),
    "tools": listed("ladder hammer shovel rope saw broom rake basket wheelbarrow net brush pump axe funnel"),
    "pictures": listed(
        "castle ship horse whale rainbow train snowman dragon mountain rocket butterfly lighthouse penguin volcano "
        "windmill peacock"
    ),
    "collections": listed(
        "stamps shells leaves buttons feathers stones coins marbles stickers acorns postcards ribbons bells pencils"
    ),
    "vehicles": listed("bus train boat bike tractor taxi truck ferry tram van cart plane"),
    "seats": listed("bench stool armchair rug swing log blanket sofa barrel hammock crate step carpet"),
    "rooms": listed("attic kitchen cellar barn tent hallway tower shed porch loft pantry study"),
    "ingredients": listed(
        "salt carrots onions peas corn mushrooms pepper beans garlic potatoes butter leeks parsley cabbage"
    ),
    "materials": listed("wood straw clay snow paper sand stone leaves mud bricks cloth glass twigs wool ice"),
    "containers": listed("box basket bag drawer bucket chest jar barrel cupboard suitcase pot trunk sack tin mailbox"),
    "small things": listed(
        "map letter compass candle needle pearl medal spoon ticket thimble magnet crystal diary nail"
    ),
    "contents": listed("nails beads seeds flour sugar pins buttons pencils candles nuts raisins tea marbles rice salt"),
    "animals": listed("goat cow duck horse pig sheep donkey goose hen rooster cat dog pony turkey"),
    "animal foods": listed(
        "hay turnips oats clover apples carrots corn bread seeds cabbage pears berries nuts lettuce"
    ),
    "tricks": listed("dance spin bow jump clap sing swim hum wink roll count wave whistle"),
    "homes": listed("barn stable pond forest hill tower cave river meadow garden mill orchard"),
    "shapes": listed("star heart moon circle square triangle sun cloud leaf fish bell crown arrow snail"),
    "sellers": listed("baker fisherman farmer tailor potter gardener beekeeper painter sailor shepherd"),
    "goods": listed("honey fish bread pots roses cheese apples wool candles boots hats soap plums eggs"),
    "weekdays": listed("Monday Tuesday Wednesday Thursday Friday Saturday Sunday"),
    "months": listed("January February March April June July August September October November December"),
    "landmarks": listed("bakery church mill bridge school market station fountain library windmill well harbor"),
    "skills": listed("swim knit juggle paint skate sew bake fish sail climb row read count ski dance whistle"),
    "topics": listed("moon sea rain wind snow sun desert mountains train harvest stars spring fog forest"),
    "games": listed("tag chess cards dominoes checkers leapfrog baseball tennis hopscotch soccer bowling darts"),
    "flavors": listed("vanilla chocolate lemon cherry mint peach coconut banana caramel berry melon ginger"),
    "spots": listed("stump fence shed wall hedge barrel woodpile doghouse well rock ladder haystack gate bush"),
    "ills": listed("cough headache toothache fever cold stomachache rash earache"),
    "cures": listed("honey tea rest soup milk ice mint ginger broth garlic lemons sleep"),
    "families": listed(
        "Fisher Miller Carter Cooper Porter Mason Turner Walker Weaver Brewer Sawyer Parker Harper Hunter Reed Webb "
        "Wells Hobbs Davis Morris Bennett Collins Foster Jenkins Marshall Murphy Nelson Perkins Roberts Rogers Stewart "
        "Sutton Watson Wilson Dixon Barton Benson Dawson Lawson Hudson Gibson Tucker Baxter Potter"
    ),
    "titles": listed(
        "Captain Doctor Professor Admiral General King Queen Prince Princess Duke Baron Count Lord Lady Judge Mayor "
        "Sergeant Major"
    ),
    "bynames": listed(
        "jolly merry dreamy speedy nimble chatty bouncy giggly dizzy fluffy freckled rosy sunny wiggly twinkly "
        "bubbly jumpy snoozy"
    ),
    "young animals": listed("kitten puppy parrot hamster piglet duckling chick calf foal lizard gosling canary"),
    "boats": listed("ferry canoe raft tug yacht steamer schooner barge"),
    "boat names": listed(
        "Seagull Mermaid Dolphin Albatross Swallow Neptune Sturgeon Marlin Pelican Starfish Triton Penguin Walrus "
        "Nautilus Heron Poseidon"
    ),
    "lands": listed("Lake Mount Cape Fort Port Castle"),
    "land names": listed(
        "Marigold Thimble Whistle Lantern Copper Amber Juniper Saffron Cinnamon Walnut Bramble Thistle Nettle Marble "
        "Lavender Crumb Tinsel Bonfire Cobweb Moonbeam"
    ),
    "subjects": listed("whales stars volcanoes trains birds pirates bees castles rockets dinosaurs mountains islands"),
}
POOLS = {name: [word.replace("_", " ") for word in words] for name, words in _POOLS.items()}
"""Words that can stand for each other, by pool."""
