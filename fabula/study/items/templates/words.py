"""The words that templates are filled with: a small child's words, so that a model of children's stories knows them.

All nouns and adjectives begin with a consonant, so that "a" never gives one away, and none is the plural of another.
"""

import random

_NAMES = {
    "she": "Lily Lucy Sue Mia Amy Sally Jane Daisy Sarah Emma Bella Anna Mary Ella Molly Betty Lisa Polly Tina Kate",
    "he": "Tim Tom Max Sam Bob Jack Ben Billy John Leo Joe Jerry Fred Bobby Andy Mark Pete Jake Peter Sammy",
}
NAMES = {pronoun: tuple(names.split()) for pronoun, names in _NAMES.items()}
"""Children's names that stories use often, by pronoun."""
PRONOUNS = {
    "she": {"he": "she", "his": "her", "him": "her", "He": "She"},
    "he": {"he": "he", "his": "his", "him": "him", "He": "He"},
}
"""What the slots {he}, {his}, {him} and {He} stand for; everyone in an item has the same pronoun."""

_POOLS = {
    "animals": "dog cat bird frog rabbit mouse bear fox duck cow pig horse turtle monkey lion sheep",
    "clothes": "hat scarf coat dress jacket sweater cap cape",
    "colors": "red blue green yellow pink purple white brown black",
    "containers": "box basket bag drawer bucket closet chest sack",
    "costumes": "king pirate clown bear witch cat wizard lion princess fox",
    "drinks": "milk juice water tea soup honey",
    "foods": "cake soup bread cheese rice pizza pasta pie fish corn",
    "furniture": "bed table chair couch bench desk shelf box",
    "ingredients": "salt sugar rice cheese butter corn meat milk",
    "materials": "wood straw stone paper snow sand mud glass",
    "numbers": "two three four five six seven nine ten",
    "outdoors": "park beach forest farm zoo lake market library school river",
    "pets": "Spot Fluffy Buddy Kitty Rex Coco Lucky Ginger Sunny Whiskers Fuzzy Bobo",
    "plants": "flower tree rose pumpkin carrot tomato bean bush",
    "rooms": "kitchen garden bedroom bathroom garage yard barn basement",
    "shapes": "star heart moon flower house tree fish boat sun cloud",
    "sides": "top left high bottom right low",
    "tastes": "sweet sour salty spicy bitter",
    "tiny": "coin key stone button shell feather marble ring nut bell",
    "toys": "ball doll kite drum truck boat book balloon puzzle train car robot whistle",
    "touches": "soft hard smooth rough warm cold wet dry sticky",
    "travel": "bus train car boat bike plane truck taxi",
    "vehicles": "bike scooter cart wagon truck tractor",
    "vessels": "jar bowl bottle cup pot can",
    "verbs": "sing dance read draw swim paint sleep cook run jump",
    "works": "baker farmer doctor teacher painter nurse driver king sailor clown",
}
POOLS = {name: tuple(words.split()) for name, words in _POOLS.items()}


def cast(chance: random.Random, pronoun: str, count: int) -> list[str]:
    """Return different names of one pronoun ("she" or "he"), no two with the same initial."""
    names: list[str] = []
    for name in chance.sample(NAMES[pronoun], len(NAMES[pronoun])):
        if name[0] not in {taken[0] for taken in names}:
            names.append(name)
    return names[:count]


def two_of(chance: random.Random, pool: str, taken: set[str]) -> list[str]:
    """Return two different words of a pool that are not taken yet, and mark them as taken."""
    chosen = chance.sample([word for word in POOLS[pool] if word not in taken], 2)
    taken.update(chosen)
    return chosen
