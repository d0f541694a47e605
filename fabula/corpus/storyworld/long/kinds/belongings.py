"""What somebody has: colours, pets, collections, numbers, presents, tools."""

from __future__ import annotations

from fabula.corpus.storyworld.long.facts import fact_kinds

KINDS = tuple(
    fact_kinds("""
mittens; people; colours; mittens|boots|socks|gloves|slippers
scene: nobody there ever mixed up the FRAME
scene: winter was near, and everyone needed FRAME
plant: KEY had a pair of VALUE FRAME
plant: the FRAME of KEY were VALUE
plant: on cool days, KEY always wore VALUE FRAME
plant: KEY had dyed <a.his> FRAME VALUE
pair: KEY liked to wear VALUE FRAME, while those of KEY2 were VALUE2
pair: KEY's FRAME were VALUE, but KEY2's were VALUE2
recall: it got cold, and KEY pulled on some FRAME // of course, they were VALUE
recall: under the bench lay the FRAME that KEY had taken off // their color was VALUE
recall: one could tell KEY by the FRAME, because they were VALUE
recall: c> Where are KEY's FRAME? Look for something VALUE!
whose: somebody had left VALUE FRAME by the door // they belonged to KEY
whose: two VALUE FRAME hung over the fire to dry // they could only be from KEY

tents; people; colours; tent|sled|door|flag|lunch box|raincoat|helmet
scene: then there was the matter of the colors
scene: everyone there had a FRAME
plant: KEY had a VALUE FRAME
plant: KEY had painted <a.his> FRAME VALUE
plant: KEY owned a FRAME, and it was VALUE all over
pair: KEY had picked a VALUE FRAME, and KEY2 a VALUE2 one
pair: one FRAME was VALUE and belonged to KEY // KEY2's was VALUE2
recall: many a FRAME stood there side by side // KEY's was the one in VALUE
recall: nobody could miss KEY's FRAME, so bright was the VALUE
recall: somebody drew the FRAME of KEY and colored it VALUE
recall: KEY washed the mud off <a.his> FRAME until it was clean and VALUE
whose: c> Whose is the VALUE FRAME? // it was the one of KEY
whose: the wind knocked over a VALUE FRAME, and up jumped its owner, KEY

pet kind; people; pets; ; t
scene: they all had pets
scene: some of them looked after an animal
plant: KEY kept a VALUE at home
plant: at KEY's house lived a VALUE
plant: KEY had saved for a whole year to buy a VALUE
pair: KEY's pet was a VALUE, and KEY2's was a VALUE2
pair: while KEY fed a VALUE each morning, KEY2 looked after a VALUE2
recall: KEY had to run home for a moment and feed the VALUE
recall: KEY had hay on both sleeves, from the bed of <a.his> VALUE
recall: c> How is your pet, KEY? // KEY had a photo of it: a sleepy VALUE
recall: KEY had brought <a.his> pet // it peeped out of its basket: a VALUE
whose: a VALUE ran across the grass // it had escaped from the house of KEY
whose: everyone helped to brush the VALUE for its owner, KEY

pet name; people; pet names; kitten|puppy|parrot|hamster|pony; t
scene: each FRAME there had a name of its own
scene: they were very proud of their pets
plant: KEY's FRAME was called VALUE
plant: KEY had named <a.his> FRAME VALUE
plant: KEY had a FRAME, and VALUE was its name
pair: KEY's FRAME listened to the name VALUE, and KEY2's to the name VALUE2
pair: KEY shared a room with a FRAME called VALUE // KEY2's FRAME was called VALUE2
recall: the FRAME of KEY had run off, and all of them shouted the name VALUE
recall: on the collar of KEY's FRAME one could read VALUE
recall: c> What a clever FRAME you have, KEY! // a> Yes, nobody is like VALUE!
recall: when KEY came in, <a.his> FRAME was already there // nobody was as fast as VALUE
whose: a FRAME named VALUE had stolen a sausage // that meant trouble for KEY
whose: VALUE the FRAME was lost and soon back again in the arms of KEY

collections; people; collections
scene: everybody there collected something
scene: they loved to show what they had collected
plant: KEY collected VALUE
plant: KEY's shelf was full of VALUE
plant: for years, KEY had picked up VALUE everywhere
pair: KEY saved VALUE in a tin, and KEY2 saved VALUE2
pair: you could make KEY glad with VALUE, and KEY2 with VALUE2
recall: KEY opened <a.his> collection, and all of them looked at the VALUE
recall: KEY was looking at the ground as always, hoping for VALUE
recall: KEY's pockets were heavy, since they were full of VALUE
recall: they wanted to add something to the collection of KEY, so they looked for VALUE
whose: someone had spilled a hundred VALUE on the stairs // down on all fours, looking for each of them, was KEY
whose: a stranger had sent a parcel with VALUE // nobody asked who should have it: KEY

shirt numbers; people; numbers
scene: for the games, they all got shirts with numbers
scene: they drew numbers to decide who would go first
plant: KEY's number was VALUE
plant: KEY got the VALUE
plant: there was a VALUE on the back of KEY
pair: KEY drew the VALUE and KEY2 the VALUE2
pair: the number VALUE went to KEY, and VALUE2 went to KEY2
recall: KEY ran by, and on the back one could see the VALUE
recall: then it was KEY's turn, and the number that was shouted was VALUE
recall: c> Which number do you have, KEY? // a> The VALUE!
recall: KEY sewed the loose number back on // it was a VALUE
whose: who was the VALUE? It was KEY
whose: a shirt with the VALUE had been left behind by KEY

wishes; people; presents
scene: before the great feast, each of them made a wish
scene: they told one another their wishes
plant: KEY's greatest wish was a VALUE
plant: KEY dreamed of a VALUE
plant: more than anything, KEY wanted a VALUE
plant: KEY hoped to get a VALUE one day
pair: KEY would have given anything for a VALUE, and KEY2 for a VALUE2
pair: on the list of wishes, KEY wrote VALUE, and KEY2 wrote VALUE2
recall: KEY tore off the paper and laughed out loud: finally, a VALUE
recall: it was KEY's lucky day // somebody had made a wish come true and left a VALUE
recall: KEY still talked every day about having a VALUE
recall: in a shop window, KEY stopped and stared // there stood a VALUE
whose: there was one more parcel, with a VALUE in it // it was handed to KEY
whose: c> Who wanted a VALUE? // nobody had forgotten: KEY

lent tools; people; tools
scene: there was much to repair, and everyone lent something
scene: for the new playhouse, they needed tools
plant: KEY lent them a VALUE
plant: the VALUE was KEY's
plant: KEY had brought a VALUE
pair: from KEY they borrowed a VALUE, and from KEY2 a VALUE2
pair: KEY put <a.his> VALUE on the pile, and KEY2 a VALUE2
recall: what was borrowed had to go home again, so KEY got back the VALUE
recall: KEY could not start to work, since the others still had <a.his> VALUE
recall: on the handle stood the name KEY // no wonder, it was <a.his> VALUE
whose: nobody needed the VALUE anymore // it was carried back to KEY
whose: the VALUE was broken, and somebody had to tell KEY
whose: c> Who lent us the VALUE? // they all pointed at KEY

gifts; people; presents
scene: in spring, <h> had been given lots of presents
scene: <h> thought of all the presents from last year
plant: from KEY came a VALUE
plant: KEY had come with a VALUE
plant: there was a VALUE with a card that said KEY
pair: the VALUE was a present from KEY, and the VALUE2 was from KEY2
recall: the present from KEY still stood in the corner: the VALUE
recall: the paper with KEY's name on it had been around the VALUE
whose: c> Where did the VALUE come from? // it had come from KEY
whose: there stood the VALUE, and on the card was a name: KEY
whose: one had to think for a moment who had brought the VALUE // of course, KEY

badges; people; shapes; badge|cookie|lantern
scene: they all made a FRAME
scene: a FRAME was made by everyone
plant: KEY's FRAME had the form of a VALUE
plant: KEY cut out a FRAME that looked like a VALUE
plant: KEY made a FRAME like a VALUE
pair: KEY shaped <a.his> FRAME like a VALUE, and KEY2 like a VALUE2
pair: the FRAME of KEY was a VALUE, and the one of KEY2 a VALUE2
recall: KEY held up <a.his> FRAME, and it had the form of a VALUE
recall: one FRAME had been made by KEY // it was easy to find, as it looked like a VALUE
recall: KEY's FRAME threw a funny shadow: a VALUE
whose: the FRAME like a VALUE got a prize, and so everyone cheered for KEY
whose: who could have made the FRAME that looked like a VALUE? Only KEY
""")
)
