"""Who can be in a story: names by pronoun, kinds of characters, and traits."""

from __future__ import annotations

from fabula.corpus.storyworld.lexicon import listed

GIRLS = listed(
    "Lily Mia Anna Sara Lucy Emma Zoe Ella Grace Ruby Rosie Nora Molly Daisy Amy Kate Jane Sue Ivy Alice Clara Eva "
    "Hannah Holly Jenny Julia Kim Laura Lola Maya Nina Olive Penny Polly Rachel Sally Sophie Tara Tina Violet Wendy "
    "Bella Cara Dora Elsa Fiona Gina Iris Lena Maria Nelly Pam Rita Stella Tess Zara"
)
BOYS = listed(
    "Tom Ben Max Sam Tim Jack Leo Finn Noah Oscar Theo Willy Adam Alex Billy Bobby Charlie Dan David Eddie Eric Felix "
    "Fred George Henry Hugo Ian Jake James Jim Joe John Kevin Kyle Liam Luke Mark Matt Mike Nick Oliver "
    "Owen Paul Peter "
    "Ray Rob Ryan Simon Steve Toby Tony Victor Zack Andy Carl Jamie"
)
ANIMAL_NAMES = {
    "she": listed(
        "Dot Pip Birdie Hazel Clover Poppy Honey Berry Luna Minnie Cocoa Willow Fern Goldie Pearl Peach "
        "Sunny Tilly Button "
        "Misty Petal Sky Maple Dolly Flora Kiki Lulu Nutmeg Pixie Twinkle"
    ),
    "he": listed(
        "Benny Rocky Buddy Spot Teddy Monty Bruno Chip Gus Oggy Rusty Scout Bumble Barney Biscuit Duke Jasper Pepper "
        "Marvin Nibbles Otto Pebble Puddle Rufus Sandy Sparky Tucker Wally Wiggles Ziggy"
    ),
}

FOREST_ANIMALS = listed(
    "rabbit fox bear squirrel mouse hedgehog owl deer turtle frog badger raccoon beaver mole bird otter "
    "duck wolf snail skunk chipmunk toad"
)
FARM_ANIMALS = listed("pig hen cow sheep goat horse donkey duck goose cat dog lamb rooster mouse pony turkey")
JUNGLE_ANIMALS = listed(
    "monkey elephant lion tiger giraffe zebra parrot hippo crocodile panda kangaroo koala camel leopard"
)

GOOD_TRAITS = listed(
    "kind brave clever cheerful gentle friendly playful helpful curious polite happy lively sweet smart funny "
    "quiet patient caring thoughtful honest"
)

TRAIT_HABITS: dict[str, tuple[str, ...]] = {
    "kind": ("always had a nice word for everyone", "liked to help people"),
    "brave": ("was not afraid of much", "liked big adventures"),
    "clever": ("always had good ideas", "loved puzzles"),
    "cheerful": ("woke up with a smile every day", "liked to sing all day long"),
    "gentle": ("never hurt even the smallest bug", "was always careful with little things"),
    "friendly": ("said hello to everyone", "liked to make new friends"),
    "playful": ("knew a hundred games", "could turn anything into a game"),
    "helpful": ("liked to help at home", "was always ready to help"),
    "curious": ("asked questions all day long", "always wanted to know why"),
    "polite": ("never forgot to say please and thank you", "always said good morning to the neighbors"),
    "happy": ("laughed a lot", "liked to dance around the house"),
    "lively": ("could not sit still for long", "ran and jumped all day"),
    "sweet": ("gave the best hugs", "liked to pick flowers for other people"),
    "smart": ("knew the names of all the stars", "liked to read about everything"),
    "funny": ("made everyone laugh", "liked to tell jokes"),
    "quiet": ("liked to sit and think", "liked to watch the clouds"),
    "patient": ("never minded waiting", "could sit still for a long time"),
    "caring": ("looked after everyone", "always noticed when someone was sad"),
    "thoughtful": ("never forgot a birthday", "always thought of others"),
    "honest": ("always told the truth", "never told a lie"),
    "stubborn": ("did not like to be told what to do", "always wanted to do things in one way only"),
    "careless": ("was often in a hurry", "often forgot to be careful"),
    "greedy": ("always wanted more", "did not like to share"),
    "messy": ("never put anything away", "left things all over the floor"),
    "boastful": ("talked about winning all the time", "liked to tell everyone how great it was to win"),
    "shy": ("did not talk much", "liked to hide behind the door when guests came"),
    "impatient": ("hated to wait", "wanted everything right now"),
}
"""What someone with a trait is known for, as verb phrases in the past tense."""

STRANGERS: dict[str, tuple[tuple[str, str], ...]] = {
    "town": (
        ("old man", "he"),
        ("old woman", "she"),
        ("farmer", "he"),
        ("mailman", "he"),
        ("baker", "she"),
        ("gardener", "he"),
        ("young woman", "she"),
        ("fisherman", "he"),
        ("painter", "she"),
        ("tall man", "he"),
        ("policeman", "he"),
        ("nurse", "she"),
        ("shopkeeper", "she"),
    ),
    "wild": (
        ("old turtle", "he"),
        ("tiny mouse", "she"),
        ("little bird", "she"),
        ("gray goose", "she"),
        ("old badger", "he"),
        ("small deer", "she"),
        ("old owl", "he"),
        ("little hedgehog", "he"),
        ("young fox", "he"),
        ("fat toad", "he"),
        ("white swan", "she"),
        ("baby squirrel", "she"),
        ("slow snail", "he"),
    ),
}
"""People without a name whom one may meet, with their pronouns."""
