"""Word classes of the phrases: `{went}` stands for any of the words listed here."""

from __future__ import annotations

_CLASSES = {
    "very": "very|so|really|very, very",
    "went": "went|walked|ran|hurried|set off|headed",
    "ran": "ran|raced|hurried|rushed|dashed|hopped",
    "saw": "saw|noticed|spotted|saw",
    "looked": "looked|searched|hunted|peeked",
    "picked": "picked up|lifted|grabbed|took",
    "soon": "soon|after a while|a little later|before long|in a short time",
    "suddenly": "suddenly|all of a sudden|just then|at that moment|all at once",
    "then": "then|after that|next",
    "finally": "finally|at last|in the end|after a long time",
    "loved": "loved|liked|really loved",
    "little": "little|small|young|tiny",
    "hugged": "hugged|smiled at|held",
    "laughed": "laughed|giggled|smiled|grinned",
    "played": "played|had fun|laughed and played|ran and played",
    "allday": "all day|all day long|all afternoon|until the sun went down|until it was time for dinner|for hours",
    "thought": "thought|thought about it|thought hard|thought for a moment",
    "carefully": "carefully|slowly|gently|very carefully",
    "quickly": "quickly|right away|at once",
    "tried": "tried|tried hard|tried and tried",
    "nice": "nice|lovely|wonderful|great|good",
    "great": "great|wonderful|good|fine|lovely|perfect",
    "happyending": "happy|glad|full of joy",
    "wow": "Wow!|Oh my!|Oh wow!|Oh, look!|My goodness!",
    "ohno": "Oh no!|Oh dear!|No, no!|Oops!|What a pity!",
    "yes": "Yes!|Okay!|Sure!|Of course!|All right!",
    "hello": "Hello!|Hi!|Hi there!|Good morning!|Hello there!",
    "thanks": "Thank you!|Thank you so much!|Thanks a lot!|Oh, thank you!",
    "dontworry": "Don't worry!|Don't be sad.|Don't cry.|It's okay.|It will be all right.",
}
WORDS: dict[str, tuple[str, ...]] = {name: tuple(words.split("|")) for name, words in _CLASSES.items()}
