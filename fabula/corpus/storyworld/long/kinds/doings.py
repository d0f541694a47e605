"""What somebody does, makes, hides or promises, and where somebody lives, sits or sleeps."""

from __future__ import annotations

from fabula.corpus.storyworld.long.facts import fact_kinds

KINDS = tuple(
    fact_kinds("""
promises; people; foods
scene: for the feast, each of them promised something
scene: they made a list of all the food for the feast
plant: KEY gave <a.his> word to bring VALUE
plant: KEY said that <a> would take care of the VALUE
plant: the VALUE would come from KEY
pair: KEY would bring VALUE, and KEY2 would bring VALUE2
pair: KEY signed up for VALUE, and KEY2 for VALUE2
recall: KEY kept <a.his> word and arrived with a big bowl of VALUE
recall: KEY had been up since dawn, because of the VALUE
recall: c> What a big bowl, KEY! // KEY lifted the cloth, and there they saw the VALUE
recall: c> Did you forget your promise, KEY? // but KEY had not, and pulled out the VALUE
whose: never before had they tasted such VALUE, and they thanked KEY
whose: c> Who was going to take care of the VALUE? // that was the job of KEY

plants; people; plants
scene: each of them was given a little piece of the garden
scene: they dug the beds for spring
plant: KEY put in a VALUE
plant: KEY was growing a VALUE
plant: KEY chose a VALUE for <a.his> bed
pair: KEY's bed was for a VALUE, and KEY2's for a VALUE2
pair: KEY watered a small VALUE, and KEY2 a small VALUE2
recall: KEY hurried to <a.his> bed, and look, out of the soil peeked a VALUE
recall: the ground was dry, so KEY gave some water to <a.his> VALUE
recall: a snail had been in KEY's bed and had a bite of the VALUE
recall: KEY won a ribbon at the garden show, with a giant VALUE
whose: nobody had ever seen a bigger VALUE // it was the pride of KEY
whose: a VALUE stood in the garden without any water, and someone sent for KEY

instruments; people; instruments
scene: together they were a real band
scene: they practiced for a concert
plant: KEY played the VALUE
plant: KEY had learned to play the VALUE
plant: every evening, you could hear KEY's VALUE
pair: KEY practiced the VALUE, and KEY2 the VALUE2
pair: in the band, KEY had the VALUE and KEY2 the VALUE2
recall: then it was time for KEY's solo, and everyone listened to the VALUE
recall: KEY was missing in the band, and so there was no VALUE
recall: for the concert, KEY cleaned and polished <a.his> VALUE
whose: the sound of a VALUE came through the window // it was KEY
whose: after the concert, a VALUE was left on the stage // it was carried home for KEY

ways; people; destinations
scene: some of them had traveled far
scene: they had all been to different places
plant: KEY had once been to the VALUE and knew each turn
plant: KEY could lead you to the VALUE even in the dark
plant: KEY had found a short way to the VALUE
pair: with KEY one could get to the VALUE, and with KEY2 to the VALUE2
recall: KEY took out a map with a long red line // it led to the VALUE
recall: c> Show us your short way, KEY! // and so KEY explained how to get to the VALUE
whose: who could lead a group to the VALUE? For that, one had to ask KEY
whose: c> How do I get to the VALUE? // they all looked at KEY
whose: a traveler was on the way to the VALUE and had lost the road // to help, they sent for KEY
whose: nobody should go to the VALUE without KEY

paintings; people; pictures
scene: they painted paintings for the wall
scene: with big brushes, they painted the fence
plant: KEY painted a VALUE
plant: KEY's painting showed a VALUE
plant: KEY made a drawing of a VALUE
pair: KEY wanted to draw a VALUE, and KEY2 a VALUE2
pair: a VALUE was painted by KEY, and a VALUE2 by KEY2
recall: KEY's painting hung a bit crooked // it was the one with the VALUE
recall: KEY got out the paint again and added some red to <a.his> VALUE
recall: visitors stopped at the painting of KEY and praised the VALUE
whose: everyone stood around the painting of the VALUE and asked who had made it // proudly, up stepped KEY
whose: one painting had fallen down, the one with the VALUE // it was hung up again by KEY

vehicles; people; vehicles; ; t
scene: they had come there in different ways
scene: their homes were far apart
plant: KEY came by VALUE each time
plant: KEY took the VALUE
plant: to be there on time, KEY used the VALUE
pair: KEY traveled by VALUE, and KEY2 by VALUE2
recall: KEY was late, because something was wrong with the VALUE
recall: KEY had to leave a bit earlier to catch the VALUE
recall: KEY told a funny story that had happened on the VALUE
whose: they heard the VALUE from far away // that had to be KEY
whose: the VALUE stopped, and out of it climbed KEY

seats; people; seats
scene: when they sat together, everyone had a place
scene: there were not many seats, but enough
plant: KEY's place was the VALUE
plant: KEY always took the VALUE
plant: the VALUE was kept for KEY
pair: KEY liked to sit on the VALUE, and KEY2 on the VALUE2
pair: the VALUE was for KEY, and the VALUE2 for KEY2
recall: KEY came in last and sank down on the VALUE
recall: KEY looked for <a.his> place and found a cat asleep on the VALUE
recall: c> Have a seat, KEY! // with a sigh, KEY sat down on the VALUE
whose: nobody dared to sit on the VALUE, since it was the place of KEY
whose: the VALUE was still empty // they had to wait for KEY

beds; people; rooms
scene: they wanted to spend the night there, and there was room for all
scene: for the night, everyone had to find a place
plant: KEY put <a.his> bed in the VALUE
plant: KEY would spend the night in the VALUE
plant: KEY had picked the VALUE to sleep in
pair: KEY made a bed in the VALUE, and KEY2 in the VALUE2
pair: KEY carried a blanket to the VALUE, and KEY2 to the VALUE2
recall: KEY yawned and went off to the VALUE
recall: c> Where is KEY? // KEY was already asleep in the VALUE
recall: KEY had forgotten <a.his> socks and had to go back to the VALUE
whose: somebody snored so loudly in the VALUE that all could hear it // it was KEY
whose: a candle was still burning in the VALUE // so someone was still awake: KEY

soup; people; ingredients
scene: they wanted to cook a big soup together
scene: a huge pot stood on the fire
plant: KEY was to bring VALUE
plant: KEY had a bag of VALUE for it
plant: KEY promised VALUE for the pot
pair: KEY washed the VALUE, and KEY2 the VALUE2
pair: KEY took care of the VALUE and KEY2 of the VALUE2
recall: KEY stepped up to the pot, lifted <a.his> bag, and in went the VALUE
recall: the soup was a bit thin, because KEY had been too careful with the VALUE
recall: KEY stirred and tasted // it needed more of what <a> had brought, more VALUE
whose: there was too much VALUE in the soup // everyone laughed at KEY
whose: the soup still needed VALUE, and for that they had to wait for KEY

building; people; materials; castle|playhouse|tower|bridge
scene: each of them was building a little FRAME
scene: there was a contest for the best FRAME
plant: KEY used VALUE
plant: KEY's FRAME was all VALUE
plant: KEY worked with nothing but VALUE
pair: KEY made a FRAME of VALUE, and KEY2 one of VALUE2
pair: KEY's stood there in VALUE, KEY2's in VALUE2
recall: KEY's FRAME leaned to one side, and it had to be fixed with more VALUE
recall: KEY could not finish <a.his> FRAME without another load of VALUE
recall: somebody had bumped into KEY's FRAME, and there lay a heap of VALUE
whose: one FRAME had stood up to the storm, the one of VALUE, and it was the work of KEY
whose: c> Who built the FRAME out of VALUE? // with a bow, out came KEY

landmarks; people; landmarks; ; t
scene: all of them lived close by
scene: it was not far from one house to the next
plant: KEY's house stood next to the VALUE
plant: KEY lived across from the VALUE
plant: from KEY's window you could see the VALUE
pair: KEY's home was behind the VALUE, and KEY2's was beside the VALUE2
recall: to pick up KEY, one had to walk as far as the VALUE
recall: KEY said good night early and walked home, over to the VALUE
recall: a letter for KEY went to the house next to the VALUE
whose: behind the curtains of the house at the VALUE somebody waved // it was KEY
whose: they rang at the house near the VALUE, and the door was opened by KEY

weekdays; people; weekdays
scene: everyone helped with the dishes one day a week
scene: they took turns with the sweeping
plant: KEY's day was VALUE
plant: KEY had to do it each VALUE
plant: VALUE was the day of KEY
pair: KEY did it on VALUE, and KEY2 on VALUE2
recall: c> When do you have to help, KEY? // a> On VALUE!
recall: KEY's turn would not come before VALUE
recall: on the plan in the kitchen, it said next to the name KEY: VALUE
whose: it was VALUE, and nobody had done the work // somebody had forgotten it, namely KEY
whose: every VALUE there was a clean floor, thanks to KEY

skills; people; skills
scene: they gave lessons to each other
scene: everyone there could teach something
plant: KEY showed others how to VALUE
plant: KEY could VALUE better than anybody
plant: it was KEY who was able to VALUE
pair: KEY taught them to VALUE, and KEY2 to VALUE2
recall: c> Give us a lesson, KEY! // so for a while, they all tried to VALUE
recall: KEY had a book under one arm // it was all about how to VALUE
recall: on the poster for KEY's lesson stood in large letters: learn to VALUE
whose: who still wanted to learn to VALUE? Then one had to see KEY
whose: nobody could VALUE as well as KEY

hiding places; people; spots; treasure|lunch|diary|bag of sweets
scene: each of them had hidden a FRAME
scene: there was a new game with hiding places
plant: KEY's FRAME was hidden behind the VALUE
plant: KEY hid <a.his> FRAME behind the VALUE
plant: KEY had sneaked out to put a FRAME behind the VALUE
pair: KEY had a hiding place behind the VALUE, and KEY2 behind the VALUE2
pair: KEY dug a hole behind the VALUE, and KEY2 behind the VALUE2
recall: KEY tiptoed away to look at <a.his> FRAME, right behind the VALUE
recall: nobody saw how KEY got <a.his> FRAME out from behind the VALUE
recall: a dog was digging, and KEY cried out, for it was digging behind the VALUE
whose: a FRAME was found behind the VALUE // that was the hiding place of KEY
whose: footprints led behind the VALUE // they came from the shoes of KEY
""")
)
