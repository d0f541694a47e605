"""What belongs together in the world around: boxes and what is in them, signs and paths, animals and their food."""

from __future__ import annotations

from fabula.corpus.storyworld.long.facts import fact_kinds

KINDS = tuple(
    fact_kinds("""
stored; small things; containers
scene: the old things of the family had to be stored
scene: everything had its place in the house
plant: the KEY was kept in the VALUE
plant: <a> laid the KEY into the VALUE
plant: someone had locked the KEY up in the VALUE
pair: the KEY was stored in the VALUE, and the KEY2 in the VALUE2
recall: <a> wanted to have a look at the KEY and walked straight to the VALUE
recall: c> Where did we put the KEY? // a> Look in the VALUE!
recall: for the next game, they needed the KEY, which was in the VALUE
whose: <a> opened the VALUE, reached in, and pulled out the KEY
whose: the VALUE was not empty // at the bottom was the KEY

jars; colours; contents
scene: on the shelf stood jars in many colors
scene: all the jars looked alike, apart from the colors
plant: the KEY jar was full of VALUE
plant: in the KEY jar there was nothing but VALUE
plant: <a> filled the KEY jar with VALUE
pair: the KEY jar was for VALUE, the KEY2 jar for VALUE2
recall: <a> took down the KEY jar and shook out some VALUE
recall: the KEY jar tipped over, and all over the floor there was VALUE
recall: c> What is in the KEY jar? // <a> did not have to look to say VALUE
whose: they had run out of VALUE and needed the jar that was KEY
whose: c> Can you pass me the VALUE? // <a> passed <c.him> the jar in KEY

signs; shapes; destinations
scene: there were many paths, and each had its own sign
scene: at the crossroads stood a post with signs
plant: the sign with the KEY pointed to the VALUE
plant: if you followed the KEY, you got to the VALUE
plant: the mark of the KEY led to the VALUE
pair: the sign with a KEY showed the path to the VALUE, and the one with a KEY2 the path to the VALUE2
recall: <a> turned left at the KEY // that path went to the VALUE
recall: somebody had fixed the sign with the KEY, and again it pointed to the VALUE
recall: c> If I follow the KEY, where will I be? // a> At the VALUE!
whose: one who wanted to see the VALUE had to follow the sign with the KEY
whose: a group of hikers asked about the VALUE // <a> told them to look for the KEY

door keys; shapes; rooms
scene: a bunch of old keys hung on the wall
scene: every key had a mark on it
plant: the mark for the VALUE was a KEY
plant: a KEY was cut into the key of the VALUE
plant: with the KEY on it, a key would open the VALUE
pair: one with a KEY fit the VALUE, one with a KEY2 the VALUE2
recall: <a> picked out the one with the KEY and unlocked the VALUE
recall: the one with the KEY was missing, so nobody could get into the VALUE
whose: it was time to air the VALUE // for that <a> needed the mark of the KEY
whose: the VALUE was locked // to open it, one had to look for a KEY

animal food; animals; animal foods; ; t
scene: the animals nearby were picky
scene: it was not easy to feed all the animals
plant: the KEY would eat only VALUE
plant: the KEY got VALUE each day
plant: for VALUE, the KEY would do anything
pair: the KEY loved VALUE, and the KEY2 loved VALUE2
recall: the KEY was in a bad mood, so <a> gave it a handful of VALUE
recall: the KEY had broken out and was found in front of a heap of VALUE
recall: <a> knew how to make friends with the KEY, with some VALUE
whose: a bag of VALUE was left, so <a> carried it to the KEY
whose: who had eaten the VALUE? There could be no doubt, it was the KEY

animal tricks; animals; tricks; ; t
scene: they had trained the animals for a circus
scene: with patience, the animals had learned some tricks
plant: the KEY had learned to VALUE
plant: the trick of the KEY was to VALUE
plant: if you snapped your fingers, the KEY would VALUE
pair: the KEY was able to VALUE, and the KEY2 to VALUE2
recall: <a> snapped two fingers, and at once the KEY started to VALUE
recall: everybody waited for the trick of the KEY, but it did not want to VALUE
recall: the KEY got a treat, because again it had managed to VALUE
whose: c> Which of the animals can VALUE? // a> The KEY!
whose: they all wanted to see who could VALUE, so <a> brought out the KEY

animal homes; animals; homes; ; t
scene: some old animals lived around there
scene: the animals were all friends, but they did not live together
plant: the KEY lived near the VALUE
plant: the home of the KEY was by the VALUE
plant: one could always see the KEY at the VALUE
pair: the KEY slept by the VALUE, and the KEY2 by the VALUE2
recall: <a> took the lost KEY back home, all the way to the VALUE
recall: c> Where can I see the KEY? // a> Over there at the VALUE!
recall: the KEY had had enough of the noise and trotted off to the VALUE
whose: when they walked by the VALUE, they were greeted by the KEY
whose: a strange noise was heard from the VALUE // <a> knew at once that it was the KEY

stalls; sellers; goods; ; t
scene: once a week, there were stalls in the street
scene: the people in the street sold many things
plant: the KEY sold VALUE
plant: at the stall of the KEY you could buy VALUE
plant: the KEY offered VALUE
pair: from the KEY one got VALUE, and from the KEY2 one got VALUE2
recall: the KEY had had a good day and sold the last of the VALUE
recall: <a> helped the KEY for an hour and was thanked with some VALUE
recall: the KEY came along with a heavy cart, piled high with VALUE
whose: they were short of VALUE // so <a> ran over to the KEY
whose: there was no VALUE to buy that week, because nobody had seen the KEY

boats; colours; destinations
scene: down at the water lay boats in many colors
scene: boats came and went all day
plant: the KEY boat sailed to the VALUE
plant: with the KEY boat you could get to the VALUE
plant: the KEY boat was the one for the VALUE
pair: the KEY boat took people to the VALUE, and the KEY2 boat took them to the VALUE2
recall: a horn blew twice, and the KEY boat started out for the VALUE
recall: <a> waved at the KEY boat, which had just returned from the VALUE
recall: the KEY boat had a hole, so nobody could go to the VALUE
whose: a man with a suitcase asked about the VALUE // <a> pointed at the boat in KEY
whose: there was still a trip to the VALUE that day, with the boat that was KEY

cures; ills; cures
scene: in an old book, there was advice for the sick
scene: an old aunt knew a cure for everything
plant: for a KEY, one needed VALUE
plant: against a KEY, the best thing was VALUE
plant: a KEY could be cured with VALUE
pair: the right thing for a KEY was VALUE, and for a KEY2 it was VALUE2
recall: one neighbor had a KEY, so <a> went over with some VALUE
recall: <a> felt a KEY coming and knew what to do: VALUE
recall: c> What helps with a KEY? // a> The book says VALUE.
whose: what was VALUE good for? It was the cure for a KEY
whose: someone was sick and had asked for VALUE // so it was probably a KEY

books; colours; subjects
scene: they had borrowed some books, each in another color
scene: by the window lay a pile of books
plant: the KEY book was about VALUE
plant: in the KEY book you could read about VALUE
plant: <a> had learned all about VALUE from the KEY book
pair: the KEY book told about VALUE, and the KEY2 book told about VALUE2
recall: <a> read out loud from the KEY book, page after page about VALUE
recall: the KEY book was open, and one could see a drawing of VALUE
recall: somebody had spilled tea on the KEY book, right on the page about VALUE
whose: c> I want to know more about VALUE. // <a> handed <c.him> the book in KEY
whose: they had a question about VALUE and looked it up in the book that was KEY

numbers; numbers; contents; cupboard|drawer|locker|box
scene: there was a row of boxes with numbers on them
scene: everything had been packed in boxes with numbers
plant: box KEY was full of VALUE
plant: in box KEY there was VALUE
plant: <a> wrote KEY on the box with the VALUE
pair: they put VALUE in box KEY and VALUE2 in box KEY2
recall: <a> lifted the lid of box KEY and took out the VALUE
recall: box KEY fell off the cart, and out came the VALUE
whose: they needed VALUE, so <a> pulled out box KEY
whose: the VALUE had to be put away again, into box KEY
""")
)
