"""What somebody likes, fears, hopes for or has chosen."""

from __future__ import annotations

from fabula.corpus.storyworld.long.facts import fact_kinds

KINDS = tuple(
    fact_kinds("""
foods; people; foods
scene: they talked about what tasted best
scene: each of them had a favorite food
plant: KEY could eat VALUE every day
plant: nothing made KEY as happy as VALUE
plant: KEY liked VALUE best
plant: KEY's favorite food was VALUE
pair: KEY was wild about VALUE, and KEY2 about VALUE2
pair: for KEY it had to be VALUE, for KEY2 VALUE2
recall: KEY was as hungry as a bear and took a big helping of VALUE
recall: c> What can we cook for KEY? // everyone knew the answer: VALUE
recall: KEY sniffed the air and ran to the table // there had to be VALUE
recall: KEY's plate was full again, and it was full of VALUE
recall: to cheer KEY up, they brought <a.him> some VALUE
whose: there was one plate of VALUE, and it was gone in a minute, thanks to KEY
whose: a smell of VALUE came out of the house // the first one at the door was KEY

drinks; people; drinks
scene: they were thirsty and thought of their favorite drinks
scene: at every meal there was the same order
plant: KEY only drank VALUE
plant: KEY always asked for VALUE
plant: in the cup of KEY there was never anything but VALUE
pair: they poured VALUE for KEY and VALUE2 for KEY2
pair: KEY thought that VALUE was the best drink, and KEY2 said it was VALUE2
recall: KEY was thirsty and got a big mug of VALUE
recall: by mistake, KEY drank out of the wrong mug and made a face // it was not VALUE
recall: a mug fell over next to KEY, and the table was full of VALUE
recall: to warm up, KEY asked for some more VALUE
whose: there was a little VALUE left, and it was kept for KEY
whose: a mug of VALUE stood there untouched // someone had to call KEY

fears; people; fears
scene: even the bravest of them was scared of something
scene: in the dark, they told each other what scared them
plant: KEY trembled at the thought of VALUE
plant: KEY could not stand VALUE
plant: KEY hid at once when there were VALUE
plant: what KEY feared most was VALUE
pair: VALUE made KEY shake, and VALUE2 made KEY2 hide
pair: KEY had bad dreams about VALUE, and KEY2 about VALUE2
recall: all at once, KEY gave a scream // somebody had said something about VALUE
recall: c> You look pale, KEY! // it was because of the VALUE
recall: KEY would not take a step outside // outside there might be VALUE
recall: KEY held somebody's hand tightly while they were telling a tale about VALUE
whose: it was only a tale about VALUE, but one of them covered both ears: KEY
whose: c> There are no VALUE here! // that was meant for KEY

passwords; people; passwords
scene: to get into the clubhouse, each of them needed a password
scene: all of them made up passwords for the clubhouse
plant: KEY's password was VALUE
plant: KEY wanted VALUE as <a.his> password
plant: KEY could only get in with the word VALUE
pair: KEY had to whisper VALUE, and KEY2 had to whisper VALUE2
pair: KEY took the word VALUE and KEY2 the word VALUE2
recall: KEY knocked at the clubhouse and whispered the word VALUE
recall: c> Stop! Your password, KEY! // the one behind the door heard a whisper: VALUE
recall: KEY was in a hurry and said <a.his> password so loudly that all could hear it: VALUE
recall: on a slip of paper KEY had written <a.his> password, which was VALUE
whose: somebody behind the door whispered VALUE // so it had to be KEY
whose: the word of the day was VALUE, in honor of KEY
whose: the word VALUE was heard, the door opened, and in came KEY

jobs; people; jobs
scene: they thought about what they would do as grown-ups
scene: each of them had a plan for later
plant: KEY wanted to become a VALUE
plant: one day, KEY would be a VALUE
plant: KEY's dream was to work as a VALUE
pair: KEY planned to be a VALUE, and KEY2 to be a VALUE2
pair: if you had asked KEY, the best job was VALUE, and KEY2 would have said VALUE2
recall: KEY practiced already, as every good VALUE must
recall: c> What do you want to be, KEY? // the answer was the same as ever: a VALUE
recall: KEY wore a big apron and a funny cap and felt like a real VALUE
recall: somebody told KEY about the hard work of a VALUE
whose: a real VALUE came by, and nobody asked as many questions as KEY
whose: they needed somebody to play a VALUE // the right one for that was KEY

costumes; people; costumes
scene: they were getting ready for a play
scene: there would be a parade, and everyone would dress up
plant: KEY would be a VALUE
plant: KEY was sewing the costume of a VALUE
plant: the part of the VALUE went to KEY
pair: KEY dressed up as a VALUE, and KEY2 as a VALUE2
pair: KEY got the part of the VALUE and KEY2 that of the VALUE2
recall: KEY slipped into <a.his> costume and at once looked like a VALUE
recall: the curtain went up // KEY came out on the stage as a VALUE
recall: c> I would not have known you, KEY! // nobody had ever seen a better VALUE
recall: KEY's costume had to be mended before <a> could be a VALUE again
whose: everyone clapped for the VALUE // under the mask was KEY
whose: the costume of the VALUE was still in the trunk // it would fit only KEY

flavors; people; flavors
scene: the ice cream cart came by, and all of them shouted at once
scene: they argued about the best ice cream
plant: KEY always took VALUE
plant: KEY thought that VALUE was the finest flavor
plant: KEY's ice cream had to taste of VALUE
pair: KEY licked a cone with VALUE, and KEY2 one with VALUE2
pair: for KEY there was nothing like VALUE, for KEY2 nothing like VALUE2
recall: KEY bought an ice cream // the flavor was VALUE
recall: some ice cream dripped on the shirt of KEY, and now it smelled of VALUE
recall: they had saved a scoop for KEY, and it tasted of VALUE
whose: one cone with VALUE was melting, so they looked for KEY
whose: the last scoop of VALUE was for KEY

games; people; games
scene: it was hard to agree on a game
scene: everyone there was good at one game
plant: nobody could beat KEY at VALUE
plant: KEY never got tired of VALUE
plant: KEY always wanted to play VALUE
pair: KEY was the best at VALUE, and KEY2 at VALUE2
pair: KEY asked for VALUE, but KEY2 asked for VALUE2
recall: c> You may choose the game, KEY! // so everyone played VALUE
recall: it rained for an hour, and KEY passed the time with VALUE
recall: KEY had won a medal, and it was for VALUE
whose: there was a big match of VALUE // the winner was KEY
whose: nobody knew the rules of VALUE as well as KEY

songs; people; topics
scene: they practiced songs for the feast
scene: everybody had made up a song
plant: KEY's song was about the VALUE
plant: KEY had made up a song about the VALUE
plant: KEY liked to hum a tune about the VALUE
pair: KEY sang about the VALUE, and KEY2 about the VALUE2
recall: KEY climbed on a box and sang <a.his> song // it told of the VALUE
recall: KEY hummed softly // it was again the tune about the VALUE
recall: they all knew KEY's song by heart and sang about the VALUE
whose: somebody was singing about the VALUE // it was the voice of KEY
whose: the song about the VALUE had been written by KEY

plans; people; destinations
scene: they dreamed of great journeys
scene: all of them had a place that they wanted to visit
plant: KEY wanted to travel to the VALUE
plant: KEY had always hoped to visit the VALUE
plant: over KEY's bed hung a poster of the VALUE
pair: KEY would have loved to go to the VALUE, and KEY2 to the VALUE2
pair: KEY saved money for a trip to the VALUE, and KEY2 for one to the VALUE2
recall: KEY came in and waved a ticket // now <a> could travel to the VALUE
recall: c> Where would you go, KEY? // KEY did not have to think: to the VALUE
recall: a postcard came for KEY, and it showed the VALUE
recall: KEY drew ships and bags in the sand, all on the way to the VALUE
whose: one seat was free in a coach to the VALUE, and they gave it to KEY
whose: a book about the VALUE was passed around until it got to KEY

months; people; months
scene: they counted how long it was until their birthdays
scene: they wrote all the birthdays on a calendar
plant: KEY's birthday was in VALUE
plant: KEY had been born in VALUE
plant: KEY would get one year older in VALUE
pair: KEY had cake and candles each VALUE, and KEY2 each VALUE2
recall: c> When is your birthday, KEY? // a> In VALUE!
recall: KEY looked at the calendar and turned the pages until it said VALUE
recall: KEY could hardly wait for <a.his> birthday in VALUE
whose: on the calendar there was a red circle around VALUE // beside it stood the name KEY
whose: VALUE was still far away, and so was the birthday of KEY
""")
)
