"""What somebody or something is called: the key and its value stand side by side, and are said so again and again."""

from __future__ import annotations

from fabula.corpus.storyworld.long.facts import fact_kinds

KINDS = tuple(
    fact_kinds("""
families; people; families
scene: nobody could mix up their families
scene: everybody there also had a second name
scene: on the first page of the guest book stood their whole names
plant: KEY's whole name was KEY VALUE
plant: on one door one could read KEY VALUE
plant: one of them was known as KEY VALUE
recall: then somebody called out for KEY VALUE
recall: one more cup of tea was for KEY VALUE
recall: in the guest book there was now the name KEY VALUE
recall: a letter had come, and it was for KEY VALUE
recall: c> Has anyone seen KEY VALUE?
recall: c> Good evening, my dear KEY VALUE!
recall: c> Please make room for KEY VALUE!
recall: there was loud clapping for KEY VALUE
recall: the next in the row was KEY VALUE
recall: on the list of helpers stood KEY VALUE

titles; people; titles
scene: for fun, they gave each other titles
scene: in their favorite game, each of them had a title
plant: from then on, it had to be VALUE KEY
plant: they bowed and said VALUE KEY
plant: one of them became the great VALUE KEY
whose: they all made a deep bow to VALUE KEY
whose: with a serious face, in marched VALUE KEY
whose: c> Make way for the great VALUE KEY!
whose: c> What do you say to that, VALUE KEY?
whose: the best place was kept for VALUE KEY
whose: three cheers were given for VALUE KEY
whose: somebody had saved a plum for VALUE KEY
whose: the next word belonged to VALUE KEY

bynames; people; bynames
scene: they had found a fitting word for everyone
scene: to tease each other, they put a word before each name
plant: one of them was always called VALUE KEY
plant: there was one whom they called VALUE KEY
plant: everybody said VALUE KEY
whose: there was a song about VALUE KEY
whose: a little later, in came VALUE KEY
whose: c> Come and sit with us, VALUE KEY!
whose: c> Nobody is like our VALUE KEY!
whose: the biggest piece went to VALUE KEY
whose: they all had to laugh about VALUE KEY
whose: it was nice to be with VALUE KEY
whose: somebody was still missing, and that was VALUE KEY

pets; young animals; pet names
scene: some small animals lived with them
scene: the smallest ones there had been given names
plant: there was the KEY VALUE
plant: they had named one the KEY VALUE
plant: behind the house lived the KEY VALUE
recall: a bowl was filled for the KEY VALUE
recall: under the bench slept the KEY VALUE
recall: from outside one could hear the KEY VALUE
recall: c> Did you feed the KEY VALUE?
recall: c> Look, here comes the KEY VALUE!
recall: they had to look for the KEY VALUE
recall: someone had forgotten to brush the KEY VALUE
recall: nobody was as quick as the KEY VALUE

ships; boats; boat names
scene: on the water, they could see many sails
scene: they knew the names of all that came and went on the water
plant: first of all there was the KEY VALUE
plant: the waves carried the KEY VALUE
plant: far out one could see the KEY VALUE
recall: from far away they could hear the KEY VALUE
recall: all of them waved at the KEY VALUE
recall: there was much fog, but not too much for the KEY VALUE
recall: c> Is that not the KEY VALUE?
recall: c> I would like to sail on the KEY VALUE!
recall: back from the sea came the KEY VALUE
recall: there was one more seat on the KEY VALUE
recall: before night fell, they counted the crew of the KEY VALUE

lands; lands; land names
scene: in the evenings, they made up a land of their own
scene: they had a map of a land that nobody else knew
plant: there they had put KEY VALUE
plant: in their land one could find KEY VALUE
plant: the first name they wrote on it was KEY VALUE
recall: in their land they now came to KEY VALUE
recall: the story went on and took them to KEY VALUE
recall: c> I would so much like to see KEY VALUE!
recall: c> Who will come with me to KEY VALUE?
recall: with a thick pen they drew a line to KEY VALUE
recall: they all knew the way to KEY VALUE
recall: in their thoughts they were already near KEY VALUE
recall: that night, somebody would dream of KEY VALUE
""")
)
