"""Casting: a world with a hero and a home, and ways to bring in the people, things and places that a schema needs."""

from __future__ import annotations

import random

from fabula.corpus.storyworld.lexicon import people, places, things
from fabula.corpus.storyworld.lexicon.weather import MORNINGS, WEATHER
from fabula.corpus.storyworld.record import Character, Place, Thing
from fabula.corpus.storyworld.world import World

_REALMS = ("t", "t", "t", "w", "w", "j")
FAMILY_ROLES = ("mom", "dad", "grandma", "grandpa")
"""Roles of grown-ups in the hero's family."""
_FAMILY = {"mom": ("Mom", "she"), "dad": ("Dad", "he"), "grandma": ("Grandma", "she"), "grandpa": ("Grandpa", "he")}


class Stage(World):
    """A world with a hero who lives somewhere: "t" in a town, "w" in the wild or "j" in the jungle."""

    chapter_start: int | None = None
    """Index of the event with which the present chapter of a longer story begins; None: the story is a short one."""

    def __init__(self, chance: random.Random, trait: str = "", realm: str = "", indoors: bool = False) -> None:
        """Cast the hero, with the given trait (a random good one by default), and choose home and weather."""
        super().__init__(chance)
        self.pace = chance.uniform(0.0, 2.2)  # how much happens that the story does not need
        self.realm = realm or chance.choice(_REALMS)
        home = self.pick(places.HOMES[self.realm])
        self.home = self._place(home, "at home", "home")
        self.region = self.pick(places.REGIONS[self.realm])
        kinds = ["sunny", "sunny", "sunny", "windy", "cloudy"]  # what is done outside needs fair weather
        self.weather = self.pick([w for w in WEATHER if self.realm != "j" or w != "snowy"] if indoors else kinds)
        self.begin("weather", "sky", self.weather)
        self.hero = self.someone("hero", trait=trait)

    def pick(self, options: object) -> str:
        """Return a random one of several strings."""
        assert isinstance(options, (list, tuple))
        chosen = self.chance.choice(options)
        assert isinstance(chosen, str)
        return chosen

    def likely(self, probability: float) -> bool:
        """Return True with the given probability."""
        return self.chance.random() < probability

    def morning(self) -> str:
        """Return how the day of the story opens ("One rainy day")."""
        return self.pick(MORNINGS[self.weather])

    # people

    def someone(self, role: str, trait: str = "", at: Place | None = None, pronoun: str = "") -> Character:
        """Bring in a named character of the hero's world, at the hero's home unless `at` is given."""
        pronoun = {"brother": "he", "sister": "she"}.get(role) or pronoun or self._other_pronoun()
        taken = {c.name for c in self.characters}
        animal = self.realm != "t"
        if animal:
            kinds = {"w": people.FOREST_ANIMALS + people.FARM_ANIMALS, "j": people.JUNGLE_ANIMALS}[self.realm]
            if role in ("brother", "sister"):
                kinds = [self.hero.kind]
            elif self.characters:
                # "the snail" must not be two of them, Button the snail and the slow snail she meets.
                kinds = [k for k in kinds if k not in {c.kind.split()[-1] for c in self.characters}]
            if pronoun == "he":
                kinds = [k for k in kinds if k not in ("hen", "cow", "goose")] or kinds
            else:
                kinds = [k for k in kinds if k not in ("rooster",)] or kinds
            kind, names = self.pick(kinds), people.ANIMAL_NAMES[pronoun]
            if self.likely(0.4):
                names = people.GIRLS if pronoun == "she" else people.BOYS
        else:
            kind, names = ("girl", people.GIRLS) if pronoun == "she" else ("boy", people.BOYS)
        name = self.pick([n for n in names if n not in taken and n[0] not in {t[0] for t in taken}])
        traits = (trait or self.pick(people.GOOD_TRAITS), self.pick(people.GOOD_TRAITS))
        return self._character(name, kind, pronoun, role, traits, True, animal, at)

    def parent(self, at: Place | None = None, grand: bool = False) -> Character:
        """Bring in someone of the hero's family who is grown up."""
        roles = ["grandma", "grandpa"] if grand else ["mom", "mom", "mom", "dad", "dad", "grandma", "grandpa"]
        taken = {c.role for c in self.characters}
        role = self.pick([r for r in roles if r not in taken])
        name, pronoun = _FAMILY[role]
        return self._character(name, self.hero.kind, pronoun, role, ("kind",), True, self.realm != "t", at)

    def stranger(self, at: Place) -> Character:
        """Bring in someone without a name, at a place."""
        strangers = people.STRANGERS["town" if self.realm == "t" else "wild"]
        used = {word for c in self.characters for word in (c.kind, *c.name.split())}
        name, pronoun = self.chance.choice([s for s in strangers if not used & set(s[0].split()[-1:])])
        return self._character(name, name, pronoun, "stranger", ("kind",), False, self.realm != "t", at)

    def magic(self, name: str, at: Place) -> Character:
        """Bring in a being that can grant a wish, without a name, at a place."""
        return self._character(name, name, self._other_pronoun(), "magic", ("kind",), False, False, at)

    def _other_pronoun(self) -> str:
        # Mixed pairs can be told with pronouns far more often than pairs of one gender.
        pronoun = self.pick(("she", "he"))
        if self.characters and self.likely(0.5):
            pronoun = "he" if self.characters[0].pronoun == "she" else "she"
        return pronoun

    def _character(
        self,
        name: str,
        kind: str,
        pronoun: str,
        role: str,
        traits: tuple[str, ...],
        named: bool,
        animal: bool,
        at: Place | None,
    ) -> Character:
        character = Character(f"c{len(self.characters)}", name, kind, pronoun, role, traits, named, animal)
        self.characters.append(character)
        self.begin("place", character.id, (at or self.home).id)
        self.begin("stuck", character.id, "no")
        self.begin("feels", character.id, "calm")
        return character

    # things

    def taken_nouns(self) -> set[str]:
        """Return the nouns that no further thing may have, so that "the ball" is always the same one."""
        return {t.noun for t in self.things}

    def belonging(self, owner: Character, nouns: list[things.Noun] | None = None) -> Thing:
        """Bring in a thing that `owner` has and owns."""
        if nouns is None:
            nouns = things.OWNED if self.realm == "t" else things.WILD_OWN
        taken = self.taken_nouns()
        thing = self.thing(self.chance.choice([n for n in nouns if n.noun not in taken]))
        self.begin("owner", thing.id, owner.id)
        self.begin("holder", thing.id, owner.id)
        return thing

    def thing(self, noun: things.Noun, at: Place | None = None, needs_colour: bool = False) -> Thing:
        """Bring in a thing that nobody has, lying at a place when one is given."""
        colour = self.pick(noun.colours) if needs_colour or self.likely(0.7) else ""
        quality = self.pick(noun.qualities) if self.likely(0.6) or not colour else ""
        thing = Thing(f"t{len(self.things)}", noun.noun, colour, quality, noun.category)
        self.things.append(thing)
        self.begin("condition", thing.id, "whole")
        self.begin("lost", thing.id, "no")
        if at:
            self.begin("holder", thing.id, "nobody")
            self.begin("place", thing.id, at.id)
        return thing

    def food(self, owner: Character) -> Thing:
        """Bring in something to eat that `owner` has."""
        taken = self.taken_nouns()
        noun = self.pick([f for f in things.FOODS if f not in taken and (self.realm == "t" or f != "sandwich")])
        qualities = [q for q in things.FOOD_QUALITIES if not (noun in things.DRY_FOODS and q == "juicy")]
        qualities = [q for q in qualities if q != "warm" or noun in things.DRY_FOODS]
        thing = Thing(f"t{len(self.things)}", noun, self.pick(things.FOODS[noun]), self.pick(qualities), "food")
        self.things.append(thing)
        self.begin("condition", thing.id, "whole")
        self.begin("lost", thing.id, "no")
        self.begin("owner", thing.id, owner.id)
        self.begin("holder", thing.id, owner.id)
        return thing

    # places

    def outside(self, nouns: tuple[str, ...] = ()) -> Place:
        """Bring in a place to go to: one of `nouns` when given, otherwise any out of doors."""
        setting = self.chance.choice([s for s in self.settings() if (s.noun in nouns if nouns else not s.indoors)])
        return self._place(setting.noun, setting.where, setting.whither)

    def room(self) -> Place:
        """Bring in a room of the hero's home in a town; a place out of doors elsewhere."""
        rooms = ("kitchen", "bedroom", "living room", "yard", "garden")
        if self.realm != "t":
            return self.outside()
        return self.outside(rooms)

    def settings(self) -> list[places.Setting]:
        """Return the kinds of places of this world that are not in the story yet."""
        taken = {p.noun for p in self.places}
        return [s for s in places.SETTINGS if self.realm in s.worlds and s.noun not in taken]

    def setting(self, place: Place) -> places.Setting:
        """Return what can be found, seen and done at a place."""
        return next(s for s in places.SETTINGS if s.noun == place.noun)

    def _place(self, noun: str, where: str, whither: str) -> Place:
        place = Place(f"p{len(self.places)}", noun, where, whither)
        self.places.append(place)
        return place
