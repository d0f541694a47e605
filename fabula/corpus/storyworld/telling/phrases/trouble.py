# ruff: noqa: E501 (one template per line)
"""Phrases for what goes wrong: lost and broken things, fears, warnings, mishaps; and for how it is put right."""

from __future__ import annotations

PHRASES: dict[str, list[str]] = {
    # lost and found
    "lose": [
        "then <=distraction> // <a> did not notice that <o> was left behind",
        "but <=distraction>, and <o> was left behind",
        "after a while, <=distraction> // <a> forgot all about <o>",
        "then <=distraction> // nobody saw where <o> went",
    ],
    "miss": [
        "when <a> looked for <o>, it was [gone|not there]",
        "{suddenly}, <a> saw that <o> was gone // a> {ohno} Where is my <o.noun>?",
        "a> Where is my <o.noun>? // it was not there anymore",
        "a little later, <a> reached for <o>, but there was nothing there",
        "<a> looked down and saw that <o> was missing // a> {ohno}",
        "then <a> wanted <o>, but it was nowhere to be seen",
    ],
    "tell_loss": [
        "a> I have lost my <o.noun><b.voc>!",
        "b> What is wrong? // a> I can't find my <o.noun>.",
        "<a> told <b.him> that <o> was gone",
        "a> My <o.noun> is gone! I had it just a moment ago.",
        "b> Why do you look so sad? // a> My <o.noun> is gone.",
    ],
    "offer_help": [
        "a> {dontworry} We will find it together.",
        "a> I will help you look for it<b.voc>.",
        "<a> took <b.his> hand // a> Let's look for it together!",
        "a> Let's think. Where did you have it last?",
        "<a> said that two could look better than one",
    ],
    "search": [
        "<g> {looked} <=spot>, but <o> was not there",
        "<a> looked <=spot> // there was nothing but [dust|an old leaf|a sleepy bug|a bit of paper]",
        "c> Maybe it is <=spot>! // but it was not",
        "<c> {looked} <=spot> // c> No, it is not here.",
        "a> Is it <=spot>? // c> No, there is nothing here.",
        "next, <g> {looked} <=spot> // nothing!",
        "they even looked <=spot><c.none>, but they did not find it",
    ],
    "remember": [
        "then <a> stopped and {thought} // a> Wait! I think I know where it is!",
        "<a> closed <a.his> eyes and tried to remember // a> Now I know!",
        "all at once, <a> remembered something",
    ],
    "find": [
        "<a> looked <=spot> and there it was: <o>!",
        "{finally}, <a> found <o> <=spot>",
        "there, <=spot>, <a> found <o>",
        "a> I found it! // <o> was <=spot>",
        "then <a> saw something <=spot> // it was <o>!",
        "a> Look, here it is! // <o> lay <=spot>",
        "<a> bent down and looked <=spot> // and what was there? It was <o>!",
    ],
    "ask_about": [
        "a> Excuse me, have you seen my <o.noun>?",
        "a> We are looking for <o.a>. Have you seen it?",
        "<a> asked <b.him> about <o>",
    ],
    "had_found": [
        "a> Yes! I found it <=spot>.",
        "<a> smiled // a> Is this what you are looking for? It was <=spot>.",
        "a> I saw it <=spot> and kept it safe for you.",
    ],
    # strange sounds
    "hear": [
        "{suddenly}, <g> heard a [strange|funny|odd] sound // it went, <=sound>",
        "<=sound> // <g> stopped and listened",
        "then came a sound: <=sound> // c> What was that?",
        "a> Shh! Did you hear that? // there it was again: <=sound>",
    ],
    "guess": [
        "a> Maybe it is a monster!",
        "a> It could be a ghost. Let's go home!",
        "a> What if it is something with big teeth?",
        "<a> wanted to go back // a> I don't like this.",
    ],
    "encourage": [
        "a> Let's go and look. I will hold your hand.",
        "a> We can be brave together<b.voc>!",
        "a> There are no monsters here. Come on!",
        "<a> took <b.his> hand // a> We will go very slowly.",
    ],
    "discover": [
        "step by step, <g> came closer // and what was it? It was only a little <=animal>, <=plight>!",
        "<g> looked <=spot> // there was no monster at all // it was a tiny <=animal>, <=plight>",
        "<g> followed the sound and found a small <=animal>, <=plight>",
    ],
    "free_animal": [
        "{carefully}, <g> helped the <=animal> get free",
        "a> You poor thing! // <a> picked it up very gently and set it free",
        "<a> made a way out for it, and <c> called it with a soft voice until it came out",
    ],
    "animal_glad": [
        "the <=animal> [blinked|looked up|wiggled] and made a happy little sound",
        "the <=animal> stayed close to them all day",
        "c> So that was our monster! // <g> laughed and laughed",
        "the <=animal> turned around once more, as if to say thank you",
    ],
    # breaking
    "others_thing": [
        "<a> had <o.a> // <a> {loved} to <=use>",
        "<a> loved <a.his> <o.full> very much // it was a gift from an old friend",
        "there was one thing that <a> loved: <o.a>",
        "<a> had <o.a>, and nobody else was allowed to touch it",
    ],
    "leave_thing": [
        "<a> had left <o> on the table",
        "<o> stood on a shelf near the door",
        "<a> put <o> on the table and went to work in the next room",
    ],
    "play_wild": ["<a> <=game> inside", "<a> was alone and <=game>", "<a> forgot the rules and <=game> inside"],
    "bump": [
        "{suddenly}, <a> bumped into it, and <o> fell down",
        "<a> did not look, and one arm hit <o>",
        "crash! <a> had knocked <o> to the floor",
    ],
    "lend": [
        "a> You can play with my <o.noun> for a while.",
        "<a> let <b.him> hold <o>",
        "b> May I borrow your <o.noun>? // a> {yes}",
        "<a> gave <o> to <b.him> for a little while",
    ],
    "warn_careful": [
        "a> Please be careful with it.",
        "a> Just don't be too wild with it<b.voc>!",
        "<b> promised to be careful with it",
    ],
    "rough_play": [
        "<a> wanted to <=use>, but <a> was too [wild|fast|rough]",
        "<a> ran too fast, tripped over a root, and fell with <o> in <a.his> hands",
        "<a> pulled too hard",
        "<a> threw <o> up as high as <a> could, and it came down with a bang",
    ],
    "break": [
        "crack! <=breakage>",
        "there was a loud noise, and <=breakage>",
        "then something bad happened: <=breakage>",
        "<=breakage> // a> {ohno}",
        "snap! <=breakage> // <o> was broken",
    ],
    "want_hide": [
        "<a> wanted to hide <o> <=hiding>",
        "<a> thought, nobody will know if I hide it <=hiding>",
        "at first, <a> wanted to put <o> <=hiding> and say nothing",
    ],
    "feel_guilty": [
        "but <a> could not do it",
        "but <a> knew that it was wrong to lie to <b>",
        "but the thought of <b.him> gave <a.him> a heavy heart",
        "but a little voice inside told <a.him> to tell the truth",
    ],
    "confess": [
        "<a> went to <b> // a> I have to tell you something. I broke your <o.noun>.",
        "a> I broke your <o.noun><b.voc>. It was an accident.",
        "<a> showed <o> to <b.him> // a> It was me. I broke it.",
        "b> What happened to my <o.noun>? // a> I broke it.",
    ],
    "forgive_honest": [
        "<a> looked at <b.him> for a long time and then smiled // a> Thank you for telling me the truth.",
        "a> I am sad about it, but I am glad that you told me.",
        "<a> hugged <b.him> // a> A thing can be fixed. You are more important<b.voc>.",
        "a> It was an accident. Let's see if we can fix it.",
        "<a> was quiet for a moment // a> It took courage to tell me. I forgive you.",
    ],
    "mend": [
        "<g> [got|took] <=tool> and fixed <o> together",
        "with <=tool>, <g> mended <o>",
        "it took <=tool> and a lot of care, but then <o> was [whole again|as good as new]",
        "<a> held the pieces while <c> used <=tool> // {soon}, <o> was as good as new",
        "c> Bring me <=tool>! // <g> worked side by side until <o> was fixed",
    ],
    # fear
    "be_afraid_of": [
        "there was just one problem: <a> was afraid of <=fear> // <=why>",
        "but <a> was afraid of <=fear> because <=why>",
        "there was only one thing that <a> did not like: <=fear> // <=why>",
        "<a> was not afraid of much, but <a> was afraid of <=fear>",
    ],
    "dare": [
        "a> Come on, let's <=dare>!",
        "<a> wanted to <=dare> // a> Come with me<b.voc>!",
        "a> Do you want to <=dare>? It is so much fun!",
        "a> I think that you can <=dare> today.",
    ],
    "refuse_dare": [
        "a> No, I can't! I am too scared.",
        "<a> took a step back // a> You do it. I will just watch.",
        "a> Please don't make me do it.",
        "<a> shook <a.his> head // a> What if something bad happens?",
        "<a> looked away // a> I am afraid of <=fear>.",
    ],
    "try_fail": [
        "<a> tried, but it was too [hard|scary] // <=first>",
        "still, <a> wanted to try // <=first>",
        "<=first> // a> I can't do it!",
        "very slowly, <a> tried to <=dare> // <=first>",
    ],
    "advise": [
        "a> <=advice>",
        "<a> did not laugh // a> <=advice>",
        "a> I was scared once, too. <=advice>",
        "<a> put an arm around <b.him> // a> <=advice>",
        "a> You can do it<b.voc>! <=advice>",
    ],
    "gather_courage": [
        "<a> closed <a.his> eyes and took a deep breath",
        "<a> thought about it and nodded // a> I will try again.",
        "<a> counted: one, two, three!",
        "a> Okay. I can do this!",
        "<a> stood up and shook out <a.his> arms",
    ],
    "dare_done": [
        "then <=success>",
        "and this time, <=success>!",
        "{finally}, <=success> // a> I did it!",
        "<=success> // it was not [so bad|scary] at all",
    ],
    "praise": [
        "a> You did it<b.voc>! I knew you could!",
        "<a> clapped and cheered // a> That was [great|wonderful|amazing]!",
        "a> I am so proud of you<b.voc>!",
        "<a> gave <b.him> a big hug // a> Well done!",
        "a> {wow} Look at you!",
        "<a> jumped up and down // a> You were so [brave|good]!",
    ],
    "again": [
        "a> Again! Again! // and <g> did it [three|five|ten] more times",
        "a> That was fun! Can we do it one more time?",
        "<a> did not want to stop and did it over and over again",
    ],
    # warnings
    "warn": [
        "a> Do not <=rule>. <=why>",
        "a> Remember, you must not <=rule><b.voc>! <=why>",
        "before <b> went to play, <a> looked very serious // a> Please do not <=rule>. <=why>",
        "<a> had just one rule for <b.him> // a> You must never <=rule>. <=why>",
        "a> Listen to me<b.voc>. Do not <=rule>. <=why>",
    ],
    "promise": [
        "a> I won't!",
        "<a> nodded // a> I promise!",
        "a> Okay<b.voc>. I will be good.",
        "<a> said yes, but was already thinking of something else",
    ],
    "tempt": [
        "but <=temptation> // <a> forgot what <a> had been told",
        "but <=temptation> // a> Just this once!",
        "later, <a> was alone // <=temptation>, and nobody was looking",
        "but <=temptation> // <a> thought, what could go wrong?",
    ],
    "disobey": ["<=deed>", "so <=deed>", "{carefully}, <=deed>", "<a> looked left and right // then <=deed>"],
    "harm": ["{suddenly}, <=harm>", "and then it happened: <=harm>", "oh no! <=harm>", "it did not take long: <=harm>"],
    "call_elder": [
        "a> Help! Help!",
        "a> Please help me<b.voc>! // <b> heard it and came at once",
        "<a> called for <b> as loud as <a> could",
        "<b> heard the noise and came running",
    ],
    "rescue_hero": ["{quickly}, <=rescue>", "<=rescue>", "<b> did not waste any time // <=rescue>"],
    "admit_fault": [
        "a> I am sorry<b.voc>. I should have listened to you.",
        "a> You told me, and I did it anyway. I am sorry!",
        "<a> looked at the floor // a> It was my fault.",
        "a> I will never do it again. I promise!",
    ],
    "comfort": [
        "<a> held <b.him> close // a> I am just glad that you are safe.",
        "a> I told you because I love you.",
        "<a> was not mad // a> Now you know why I told you.",
        "<a> wiped away the tears // a> We all make mistakes<b.voc>.",
        "<a> gave <b.him> a hug // a> Next time, please listen.",
    ],
    # mess
    "leave_mess": [
        "<a> never put things away // there were <=mess>",
        "<a.his> room looked like a storm had been there: there were even <=mess>",
        "in <a.his> room, there were <=mess>, and you could not see the floor",
    ],
    "ask_tidy": [
        "a> Please clean up your room<b.voc>!",
        "a> You will lose something in that mess one day.",
        "<a> asked <b.him> to tidy up",
    ],
    "put_off": ["a> I will do it tomorrow.", "a> Later! I am busy now.", "but <a> went out to play"],
    "need_thing": [
        "it was the day of <=event> // <a> wanted to bring <a.his> <o.full>",
        "there was going to be <=event>, and <a> needed <a.his> <o.full> for it",
        "a> Today is <=event>! I just need my <o.noun>.",
    ],
    "enter_room": [
        "<a> went <p.to> to get ready",
        "<a> ran <p.to> // it was a mess from wall to wall",
        "<a> came <p.to>, but there was no room to walk",
    ],
    "mislay": [
        "but where was it?",
        "it had to be somewhere in that mess",
        "somewhere under all those things, it was waiting",
    ],
    "advise_tidy": [
        "a> You will only find it if you clean up first.",
        "a> Let's put everything in its place, and then we will see.",
        "a> A place for everything, and everything in its place!",
    ],
    "tidy_up": [
        "so <g> put the books on the shelf, the clothes in the closet, and the toys in the box",
        "<g> picked up one thing after another until the floor was clean",
        "<a> began to clean up // it took a long time, but the pile got smaller and smaller",
    ],
    "in_time": [
        "<a> was just in time for <=event>",
        "<a> ran all the way and was not late for <=event>",
        "and so <=event> could begin",
    ],
    # spoiled plans
    "plan_outing": [
        "<w> had a plan: they wanted to go <=place_words> and <=goal>",
        "a> Let's go <=place_words> today! // b> Yes! We can <=goal>!",
        "<a> and <b.him> wanted to go <=place_words> to <=goal> // they had talked about it all week",
    ],
    "pack": [
        "<g> packed <=food> in a basket",
        "<g> put <=food> into a bag",
        "<a> got the bag ready, and <c> brought <=food>",
    ],
    "spoil": [
        "but just as they opened the door, <=storm><c.none> // a> {ohno} Now we can't go.",
        "but then <=storm> // c> Our whole day is ruined!",
        "before <g> could leave, <=storm>",
    ],
    "indoor_idea": [
        "a> I know! We can <=idea>!",
        "then <a> had an idea // a> Why don't we <=idea>?",
        "<a> {thought} // a> Let's <=idea>! We don't need the sun for that.",
    ],
    "do_idea": [
        "and that is what <g> did // it was [even better than the first plan|the most fun ever|so much fun]",
        "<g> got started right away // {soon}, nobody thought about the rain anymore",
        "it was a bit of a mess, but <g> laughed the whole time",
    ],
    "sun_returns": [
        "when they were done, the sun came out, and there was a rainbow in the sky<c.none>",
        "after the rain, <g> ran out and [jumped in all the puddles|looked at the rainbow]",
        "later, the storm was over, but <g> did not even notice",
    ],
}
