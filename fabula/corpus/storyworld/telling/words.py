"""Word classes of the phrases: `{went}` stands for any of the words listed here."""

from __future__ import annotations

_CLASSES = {
    "went": "went|walked|ran|hurried|set off|headed",
    "looked": "looked|searched|hunted|peeked",
    "soon": "soon|after a while|a little later|before long|in a short time",
    "suddenly": "suddenly|all of a sudden|just then|at that moment|all at once",
    "finally": "finally|at last|in the end|after a long time",
    "loved": "loved|liked|really loved",
    "little": "little|small|young|tiny",
    "laughed": "laughed|giggled|smiled|grinned",
    "allday": "all day|all day long|all afternoon|until the sun went down|until it was time for dinner|for hours",
    "thought": "thought|thought about it|thought hard|thought for a moment",
    "carefully": "carefully|slowly|gently|very carefully",
    "quickly": "quickly|right away|at once",
    "nice": "nice|lovely|wonderful|great|good",
    "great": "great|wonderful|good|fine|lovely|perfect",
    "wow": "Wow!|Oh my!|Oh wow!|Oh, look!|My goodness!",
    "ohno": "Oh no!|Oh dear!|No, no!|Oops!|What a pity!",
    "yes": "Yes!|Okay!|Sure!|Of course!|All right!",
    "hello": "Hello!|Hi!|Hi there!|Good morning!|Hello there!",
    "thanks": "Thank you!|Thank you so much!|Thanks a lot!|Oh, thank you!",
    "dontworry": "Don't worry!|Don't be sad.|Don't cry.|It's okay.|It will be all right.",
}
WORDS: dict[str, tuple[str, ...]] = {name: tuple(words.split("|")) for name, words in _CLASSES.items()}
