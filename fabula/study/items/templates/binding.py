# ruff: noqa: E501 - one template a line, however long
"""Who has what: two people or places, two things, and the question which belongs to which."""

from fabula.study.items.templates.mirrored import Family

_LOCATION = (
    Family("two-containers", "location", "toys", "names", "{a} laid a {x} in the {c}. {b} laid a {y} in the {d}. After lunch {q} opened the {r} and took out the", "containers"),
    Family("full-containers", "location", "toys", "containers", "The {a} had a {x} inside. The {b} had a {y} inside. {n} lifted the lid of the {q} and there was the"),
    Family("under-furniture", "location", "toys", "furniture", "Grandma hid a {x} under the {a} and a {y} under the {b}. As soon as {n} looked under the {q}, {he} saw the"),
    Family("animal-homes", "location", "animals", "rooms", "A {x} lived in the {a} and a {y} lived in the {b}. {n} took a walk over to the {q} and greeted the"),
    Family("shop-shelves", "location", "toys", "sides", "In the shop, a {x} stood on the {a} shelf and a {y} stood on the {b} shelf. {n} went to the {q} shelf and paid for the"),
    Family("behind-furniture", "location", "toys", "furniture", "Grandpa kept a {x} behind the {a} and a {y} behind the {b}. The first place where {n} looked was behind the {q}. That is how {he} found the"),
    Family("fairs", "location", "toys", "outdoors", "At the {a} you could win a {x}. At the {b} you could win a {y}. {n} came back from the {q} and carried a brand new"),
    Family("photo", "location", "animals", "furniture", "In the photo, a {x} sat on the {a} and a {y} sat on the {b}. {n} put one finger on the {q} and one finger on the"),
    Family("colored-paths", "location", "outdoors", "colors", "One path led to the {x} and one path led to the {y}. The first had {a} stones and the second had {b} stones. {n} followed only {q} stones and so came to the"),
    Family("colored-doors", "location", "animals", "colors", "There were two doors. Behind the {a} door slept a {x}. Behind the {b} door slept a {y}. {n} pushed the {q} door open and woke up the"),
    Family("colored-wagons", "location", "animals", "colors", "The {x} rode in the {a} wagon and the {y} rode in the {b} wagon. When the {q} wagon stopped at last, out jumped the"),
)  # fmt: skip
_GIVER = (
    Family("thank-you", "giver", "names", "toys", '{x} handed {n} a {a}. {y} handed {n} a {b}. {n} held up the {q} for all to see and called out, "Thank you,'),
    Family("party-gifts", "giver", "names", "toys", "For the party, {x} brought the {a} and {y} brought the {b}. Everyone asked who had thought of the {q}. Of course it was"),
    Family("parcels", "giver", "names", "toys", "The {a} came in a parcel from {x}, and the {b} came in a parcel from {y}. {n} unpacked the {q} and wrote a letter to"),
    Family("crafts", "giver", "names", "toys", "{x} built a {a} for {n}, and {y} built a {b} for {n}. The {q} was so good that {n} ran over to hug"),
    Family("lending", "giver", "names", "toys", "{x} lent {n} a {a}. {y} lent {n} a {b}. As soon as {n} was done with the {q}, {he} took it back to"),
    Family("finders", "giver", "names", "tiny", "The {a} was dug up by {x}, and the {b} was dug up by {y}. The teacher showed the {q} to the class and praised"),
    Family("bakers", "giver", "names", "foods", "{x} made the {a} and {y} made the {b}. {n} tried the {q} and wanted to learn how to cook from"),
    Family("storytellers", "giver", "names", "animals", "{x} told a tale about a {a}. {y} told a tale about a {b}. {n} liked the tale about the {q} best, so {he} sat down beside"),
    Family("throwers", "giver", "names", "tiny", "{x} threw a {a} over the fence, and {y} threw a {b} over the fence. {n} had no use for the {q}, so {he} threw it back to"),
    Family("visitors", "giver", "names", "toys", "Two guests were at the door. {x} carried a {a} and {y} carried a {b}. {n} let in the one with the {q}, and that was"),
)  # fmt: skip
_OWNER = (
    Family("belonging", "owner", "names", "toys", "The {a} belonged to {x}. The {b} belonged to {y}. {n} picked the {q} up from the floor and carried it over to"),
    Family("missing", "owner", "names", "toys", "{x} had a {a} and {y} had a {b}. One night the {q} was stolen. The one who cried about it was"),
    Family("name-tags", "owner", "names", "clothes", "The {a} had a tag with the name of {x}. The {b} had a tag with the name of {y}. {n} read the tag on the {q} and gave it to"),
    Family("left-at-school", "owner", "names", "toys", "{x} came to class with a {a} and {y} came to class with a {b}. In the evening the {q} was still there. The teacher kept it safe for"),
    Family("worn", "owner", "names", "clothes", "Out of all the kids, only {x} wore a {a} and only {y} wore a {b}. {n} saw the {q} from far away and knew it was"),
    Family("pets-at-home", "owner", "names", "animals", "{x} shared a room with a {a}, and {y} shared a room with a {b}. {n} heard the {q} crying outside and hurried to wake up"),
    Family("beds", "owner", "names", "colors", "{x} slept in the {a} bed and {y} slept in the {b} bed. Mom sat down on the {q} bed and sang softly for"),
    Family("cups", "owner", "names", "colors", "{x} took the {a} cup and {y} took the {b} cup. Soon the {q} cup was empty, so {n} filled it again for"),
    Family("houses", "owner", "names", "colors", "The {a} house was the home of {x}, and the {b} house was the home of {y}. {n} knocked at the {q} house and asked for"),
    Family("gardeners", "owner", "names", "plants", "{x} planted a {a} and {y} planted a {b}. After a month the {q} was bigger than a car. Everybody clapped their hands for"),
)  # fmt: skip
_ATTRIBUTE = (
    Family("paint", "attribute", "colors", "toys", "{n} painted the {a} {x} and the {b} {y}. When the paint was dry, {he} picked up the {q}. Its color was"),
    Family("mind", "attribute", "colors", "toys", "The {a} was {x} and the {b} was {y}. {n} closed both eyes and thought of the {q}. In {his} mind it was"),
    Family("hats", "attribute", "colors", "names", "{a} wore a {x} hat and {b} wore a {y} hat. The wind took the hat of {q} up into the sky. The flying hat was"),
    Family("tails", "attribute", "colors", "animals", "The {a} had a {x} tail and the {b} had a {y} tail. {n} drew the {q} and gave it a tail that was"),
    Family("crayons", "attribute", "colors", "names", "{a} chose the {x} crayon and {b} chose the {y} crayon. When the drawing of {q} was done, all of it was"),
    Family("doors", "attribute", "colors", "outdoors", "The gate of the {a} was {x}, and the gate of the {b} was {y}. {n} went up to the {q} and touched a gate that was"),
    Family("tastes", "attribute", "tastes", "foods", "The {a} tasted {x} and the {b} tasted {y}. {n} took a bite of the {q} and told us that it was"),
    Family("touches", "attribute", "touches", "toys", "In the dark, the {a} felt {x} and the {b} felt {y}. {n} put one hand on the {q}, and yes, it was"),
    Family("pet-names", "attribute", "pets", "animals", 'The {a} was called {x} and the {b} was called {y}. {n} waved to the {q} and shouted, "Come over here,'),
    Family("hobbies", "attribute", "verbs", "names", "{a} always wanted to {x} and {b} always wanted to {y}. On Sunday {q} had the whole day free and began to"),
)  # fmt: skip

FAMILIES = (*_LOCATION, *_GIVER, *_OWNER, *_ATTRIBUTE)
