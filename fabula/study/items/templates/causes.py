# ruff: noqa: E501 - one template a line, however long
"""The table of causes and consequences.

A row: name; a cause | its consequence | words of both; another cause | its consequence | words of both. In a cause {n}
is the one it happens to; causes without {n} happen to nobody in particular. The words are looked up in the training
stories: the cause's before the "/", the consequence's behind it, separated by commas, forms of one word joined by "+".
The upper rows are a child's everyday; the others are odd on purpose, so that no story tells them.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Cause:
    """A cause and what one does about it."""

    cause: str
    """A clause in the past tense."""
    effect: str
    """What follows a name: a verb phrase in the past tense."""
    cause_words: tuple[tuple[str, ...], ...]
    """Its telling words, each in its forms."""
    effect_words: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class CauseFamily:
    """Two causes of one kind with different consequences."""

    name: str
    first: Cause
    second: Cause


_ROWS = """
sky; it was raining | opened a big umbrella | rain+rains+raining+rained/umbrella; it was sunny | wore a straw hat | sunny+sun/hat
needs; {n} was hungry | made a sandwich | hungry/sandwich; {n} was tired | took a long nap | tired/nap
comforts; {n} was thirsty | drank a glass of water | thirsty/water+drank+drink; {n} was cold | put on a thick coat | cold/coat
health; {n} was sick | went to see the doctor | sick/doctor; {n} was dirty | climbed into the bathtub | dirty/bath+bathtub
dim-room; it was dark inside | switched on a lamp | dark/light+lamp; it was cold inside | made a small fire | cold/fire
toy-trouble; the toy of {n} was broken | asked for some glue | broken+broke/glue+fix+fixed; the toy of {n} was lost | searched under the bed | lost/searched+search+looked
seasons; there was snow | built a snowman | snow/snowman; there was a heat wave | jumped into the pool | heat+hot/pool
moods; {n} was scared | hid under the blanket | scared/hid+hide; {n} was happy | sang a song | happy/sang+sing+song
chores; the garden was dry | watered the flowers | garden/flowers+watered+water; the bedroom was messy | picked up the toys | messy+mess/toys
days; it was the birthday of Mom | baked a cake | birthday/cake; it was time for bed | put on pajamas | bed/pajamas
breezes; the wind was strong | flew a kite | wind/kite; the lake was still | sailed a toy boat | lake/boat
alarms; the barn was on fire | called for help | fire/help; the baby was asleep | spoke in a whisper | baby/whisper+whispered
manners; {n} had been mean | said sorry | mean/sorry; {n} had been given a gift | said thank you | gift/thank
stuck-pets; the kitten was stuck up in the tree | fetched a ladder | tree/ladder; the cat was covered with mud | filled a tub with soap | mud+muddy/soap
spills; the cup fell and broke | got a broom | broke/broom; the milk was spilled | got a towel | spilled/towel+cloth
piano; the piano was too loud | went to read under a bridge | piano,loud/bridge; the piano was dusty | wiped it with a sock | piano,dusty/sock+socks
path; the path was covered with ice | pulled socks over both shoes | path,ice/socks+sock; the path was covered with thorns | took the bus | path,thorns/bus
bell; the bell would not ring | beat on a pan | bell/pan; the bell rang all night | closed the curtains | bell,rang/curtain+curtains
queen; the queen was asleep | took off the noisy shoes | queen,asleep/shoes; the queen was bored | taught her to whistle | queen,bored/whistle
goat; the goat ate the shopping list | bought only bread | goat,list/bread; the goat ate the bus ticket | rode on a cow | goat,bus/cow
pumpkin; the pumpkin was too heavy | pulled it home on a wagon | pumpkin/wagon; the pumpkin was rotten | buried it | pumpkin,rotten/buried
river; the river had no bridge | paddled across in a barrel | river,bridge/barrel; the river was frozen | slid across on both shoes | frozen/shoes
bus; the bus had no driver | stayed at home and cooked | bus,driver/cooked; the bus was smelly | wore a mask | bus,smelly/mask
letter; the letter was wet | dried it by the fire | letter/fire; the letter was dirty | washed it with soap | letter/soap
bedtime-noise; the moon was too bright | pulled the curtain | moon/curtain+curtains; the frogs were too loud | closed the window | frogs+frog/window
giant; the giant was kind | climbed up on his shoulder | giant/shoulder+shoulders; the giant was angry | hid inside a barrel | giant/barrel
tea; the tea was too bitter | gave it to the pig | tea,bitter/pig; the tea was too hot | stirred in some snow | tea/snow
robot; the robot had no power left | carried it under one arm | robot,power/arm; the robot ran around wildly | tied it to a tree | robot/tied
wizard; the wizard lost his voice | gave him a bell | wizard,voice/bell; the wizard lost his glasses | read the book to him | wizard,glasses/book,read
snail; the snail was thirsty | poured some water on a plate | snail/plate; the snail was in the road | put it on a wall | snail,road/wall
drum; the drum had a hole | beat on a pot | drum/pot; the drum was too loud | wrapped it in a curtain | drum,loud/curtain+curtains
well; the well was dry | melted some ice | dry/ice; the well was too deep | made the rope longer | deep/rope
horse; the horse was afraid | played the piano for it | horse/piano; the horse was too tall | climbed on a chair | horse/chair
clock; the clock had stopped | looked at the moon | clock/moon; the clock was too loud | put it in the barn | clock/barn
baby; the baby would not sleep | hummed a slow tune | baby/hummed,tune; the baby would not eat | made funny noises with the spoon | baby/spoon
donkey; the donkey would not move | held out a carrot | donkey/carrot; the donkey would not stop | pulled on the rope | donkey/rope
train; the train was late | played cards on the bench | train/cards; the train was early | ran with one shoe on | train,early/shoe
candle; the candle had gone out | listened for the clock | candle/clock; the candle had dripped on the rug | scrubbed the rug with a brush | candle,rug/brush
mirror; the mirror was foggy | rubbed it with a sock | mirror/sock+socks; the mirror was scary | hung a sheet over it | mirror/sheet
leak; the boat was leaking | scooped water out with a cup | boat/cup; the boat would not move | used a broom to row | boat/broom
penguin; the penguin was too warm | opened the fridge for it | penguin/fridge; the penguin was bored | juggled three potatoes | penguin,bored/potatoes+potato
hat; the hat of {n} was too big | put a sponge inside | hat/sponge; the hat of {n} was too plain | painted a bear on it | hat/bear
statue; the statue had no nose | stuck on a potato | statue,nose/potato; the statue was dusty | scrubbed it with a sponge | statue,dusty/sponge
tent; the tent was full of flies | slept in a wagon | tent,flies/wagon; the tent was blown away | slept in the barn | tent/barn
farmer; the farmer was sick | fed the chickens for him | sick/chickens; the farmer was rude | bought bread at another farm | rude/bread
road; the road was full of sheep | waited and ate a peach | road,sheep/peach; the road was under water | rode on a pony | road/pony
balloon; the balloon was too high up | threw a shoe at it | balloon/shoe; the balloon was flat | cut a mask out of it | balloon,flat/mask
jam; the jam jar would not open | tapped it with a stone | jam,jar/stone,tapped; the jam jar was empty | used it for pencils | jam,jar/pencils+pencil
fence; the fence was too high | dug a hole under it | fence/dug; the fence was broken | tied it with a ribbon | fence/ribbon
ladder; the ladder was too short | put it on top of a table | ladder/table; the ladder was slippery | wore only socks | ladder,slippery/socks
sled; there was no snow on the hill | slid down on a pillow | hill/pillow; there was a lion on the hill | stayed in the tent | hill,lion/tent
swing; the swing was wet | dried it with a sock | swing,wet/sock; the swing was broken | sat down on a log | swing/log
ghost; the ghost was friendly | offered it some tea | ghost/tea; the ghost was mean | locked it in the closet | ghost/closet
bees; the bees were angry | hid under a towel | bees+bee,angry/towel; the bees were asleep | took a spoon of honey | asleep/honey
parrot; the parrot was too noisy | put a towel over it | parrot,noisy/towel; the parrot was lonely | gave it a mirror | parrot,lonely/mirror
soup; the soup was too salty | gave it to the goat | soup,salty/goat; the soup was full of flies | caught them with a spoon | flies/spoon
crown; the crown was too heavy | carried it in a wagon | crown/wagon; the crown was too small | used it as a ring for the cat | crown/ring
shoes; the shoes were tied together | crawled to the door | shoes,tied/crawled; the shoes were full of water | put them on the roof | shoes/roof
dragon; the dragon was sleepy | turned off the radio | dragon,sleepy/radio; the dragon had a cold | cooked some soup for it | dragon/soup
kite; the kite was torn | patched it with a sock | kite,torn/sock+socks; the kite had no string | used a long scarf | kite/scarf
elephant; the elephant was dirty | used a broom to wash it | elephant/broom; the elephant was cold | wrapped it in a curtain | elephant/curtain+curtains
car; the car had no wheels | used it as a closet | wheels/closet; the car had no doors | climbed in through the window | doors/climbed
lemon; the lemon was too sour | gave it to a bear | lemon,sour/bear; the lemon was too hard | rolled it under one foot | lemon/rolled,foot
pencil; the pencil was broken | wrote with a carrot | pencil/carrot; the pencil was lost | wrote with a wet feather | pencil/feather
cake; the cake had fallen on the floor | served pancakes | cake/pancakes; the cake was full of ants | baked muffins | ants/muffins
owl; the owl was tired | hung a sheet in front of the sun | owl/sheet; the owl was hungry | left the barn door open | owl/barn
pirate; the pirate could not swim | gave him a balloon | pirate/balloon; the pirate could not count | lent him ten buttons | pirate/buttons
"""


def _cause(cell: str) -> Cause:
    cause, effect, words = (part.strip() for part in cell.split("|"))
    cause_words, effect_words = (tuple(tuple(w.split("+")) for w in side.split(",")) for side in words.split("/"))
    return Cause(cause, effect, cause_words, effect_words)


def _family(row: str) -> CauseFamily:
    name, first, second = row.split(";")
    return CauseFamily(name, _cause(first), _cause(second))


FAMILIES = tuple(_family(row) for row in _ROWS.strip().splitlines())
