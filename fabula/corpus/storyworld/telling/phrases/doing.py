"""Phrases for what people set out to do: learning, contests, making, rescuing, quests, gardens, wishes."""

from __future__ import annotations

PHRASES: dict[str, list[str]] = {
    # learning a skill
    "want_skill": [
        "<a> saw how <b> could <=skill> // a> I want to learn that, too!",
        "<a> wanted to learn how to <=skill> // <b> was very good at it",
        "a> Can you teach me how to <=skill><b.voc>? // b> {yes}",
        "more than anything, <a> wanted to <=skill>, just like <b>",
        "<b> could <=skill>, but <a> did not know how",
    ],
    "try_skill": [
        "<a> tried to <=skill>, but <=fail>",
        "the first time, <=fail>",
        "a> This looks easy! // but <=fail>",
        "it looked so easy, but when <a> tried it, <=fail>",
    ],
    "try_again_fail": [
        "<a> tried again // this time, <=fail>",
        "the second time was no better: <=fail>",
        "then <=fail> // a> {ohno}",
        "<a> did it once more, but <=fail>",
    ],
    "give_up_words": [
        "a> I will never learn it!",
        "a> It is too hard<b.voc>. I give up.",
        "<a> sat down on the ground // a> I can't do it.",
        "<a> wanted to give up",
    ],
    "teach": [
        "a> <=advice>",
        "a> Watch me. <=advice>",
        "a> I fell a hundred times before I learned it. <=advice>",
        "<a> sat down next to <b.him> // a> It takes time. <=advice>",
        "a> Don't give up<b.voc>! <=advice>",
    ],
    "practise": [
        "<a> tried [again and again|over and over]",
        "<a> practiced {allday}",
        "<a> did not give up and tried to <=skill> again",
        "<a> practiced in the morning, at noon and in the evening",
        "<a> worked hard // each time, it got a little better",
    ],
    "succeed": [
        "{finally}, <=success> // a> I did it!",
        "and then, <=success>!",
        "one, two, three, and <=success>!",
        "this time, <=success> // a> Look! I can <=skill>!",
        "<=success> // <a> could really <=skill> now!",
    ],
    # contests
    "contest_called": [
        "there was going to be a <=contest> that day",
        "everyone came together for the big <=contest>",
        "c> Today is the <=contest>! // a> I want to be in it!",
        "a sign on a tree said that there was a <=contest> at noon",
    ],
    "boast": [
        "a> I will win! I am the best!",
        "a> Nobody can beat me. You don't have a chance<b.voc>!",
        "<a> laughed at <b.him> // a> You are much too slow.",
    ],
    "contest_start": [
        "everyone stood in line // ready, set, go!",
        "a whistle blew, and off they went",
        "g> Ready, set, go!<c.none>",
    ],
    "waste_time": [
        "<a> was so sure of winning that <a> stopped for a nap in the shade",
        "halfway there, <a> stopped to show off for the crowd",
        "<a> did not even try hard and stopped for a snack",
    ],
    "keep_going": [
        "but <a> did not stop",
        "<a> kept going, step by step",
        "<a> did not look left or right and just went on",
    ],
    "win": [
        "in the end, <a> won the <=contest>, and <b> was too late",
        "when <b> looked up, <a> had already won",
        "everyone cheered, because the winner was <a.name>!",
    ],
    "admit": [
        "a> You were better than me<b.voc>. I should not have bragged.",
        "a> I was silly. You really are good at this!",
        "<a> walked up to <b.him> // a> I am sorry that I laughed at you.",
    ],
    "kind_winner": [
        "a> It's okay. Let's share the prize!",
        "<a> smiled // a> Do you want to practice together next time?",
        "a> Thank you<b.voc>. You can win the next one!",
    ],
    "fall": [
        "{suddenly}, <a> tripped over a stone and fell",
        "then <a> fell down and hurt one knee",
        "<a> stumbled and landed in a puddle",
    ],
    "stop_to_help": [
        "<b> was on the ground, and the others were already far ahead // <a> stopped and went back",
        "<a> could have won, but <a> turned around // a> Are you okay<b.voc>?",
        "<a> did not think about the prize // <a> ran back and helped <b.him> up",
    ],
    "finish_last": [
        "arm in arm, <g> crossed the line as the very last ones",
        "<g> came in last, hand in hand",
        "<g> finished the <=contest> together, long after everyone else",
    ],
    "kind_prize": [
        "but everyone clapped the loudest for <a.him>, and there was <=prize> for being kind",
        "b> You are my winner! // and the crowd gave <a.him> <=prize>",
        "to <a.his> surprise, there was a special prize for the kindest one: <=prize>",
    ],
    # rescue
    "get_stuck": [
        "{suddenly}, <a> was stuck <=stuck>",
        "then it happened: <a> got stuck <=stuck>",
        "<a> went too far and got stuck <=stuck>",
        "one wrong step, and <a> was stuck <=stuck>",
    ],
    "call_help": [
        "a> Help! I can't get out!",
        "a> Help me<b.voc>! I am stuck!",
        "<a> called for help",
        "a> {ohno} I can't move! Please help!",
    ],
    "pull_fail": [
        "<a> pulled and pulled, but it did not work",
        "<a> reached out a hand, but it was too far",
        "<a> tried to get <b.him> out, but <a> was not strong enough",
        "a> Hold on! I am coming! // but <a> could not reach <b.him>",
    ],
    "call_out": [
        "so <a> ran to get help and found <b>",
        "a> I will get help! // {soon}, <a> came back with <b>",
        "<a> called as loud as <a> could // <b> heard it and came running",
    ],
    "bring_tool": [
        "a> We can use <=tool>.",
        "<a> {thought} and then brought <=tool>",
        "<a> had <=tool> // a> This will do it!",
    ],
    "have_idea": [
        "then <a> had an idea // <a> looked around and found <=tool>",
        "a> Wait, I have an idea! // <a> went to get <=tool>",
        "<a> {thought} // what could help? Yes, <=tool>!",
    ],
    "free": [
        "with <=tool>, <g> got <b.him> free",
        "<b> held on tight, <g> pulled once, twice, and then <b> was free!",
        "it took a while, but with <=tool>, <b> came out at last",
        "a> One, two, three! // and with <=tool>, <b> was free again",
    ],
    # gifts
    "occasion": ["<=occasion>", "that day, <=occasion>", "<=occasion>, and <b> wanted to do something nice"],
    "plan_gift": [
        "<a> wanted to make <b.him> happy // a> I will make a <=craft>!",
        "<a> had an idea: a <=craft>, made just for <b>",
        "<a> had no money for a present // so <a> decided to make a <=craft> for <b>",
        "a> I know! I will make a <=craft> for <b.name>!",
    ],
    "gather": [
        "<a> found <=material> and <=material2>",
        "<a> needed <=material> and <=material2> // it took all morning to find everything",
        "first, <a> got <=material> // then <a> got <=material2>",
    ],
    "craft_step": [
        "<=step> // then <=step2>",
        "first, <=step> // after that, <=step2>",
        "<=step>, and <=step2>",
    ],
    "mishap": [
        "but then <=mishap> // a> {ohno}",
        "then something went wrong: <=mishap>",
        "everything went well until <=mishap>",
    ],
    "repair_craft": [
        "but <a> did not give up // <=repair>",
        "<a> {thought} // then <=repair>",
        "a> I can fix it! // so <=repair>",
    ],
    "make": [
        "{finally}, <a.his> <o.full> was done",
        "at the end of the day, <o.the> was ready // it was the best <o.noun> <a> had ever made",
        "<a> looked at <o.the> // it was not perfect, but it was beautiful",
    ],
    "love_gift": [
        "a> Did you make this all by yourself? // <b> nodded // a> I love it!",
        "a> This is the best <o.noun> in the whole world!",
        "a> What a {nice} <o.noun>! Thank you<b.voc>!",
        "<a> looked at <o> from all sides // a> Nobody has ever made me a <o.noun> before!",
    ],
    "display": ["<a> showed <o> to everyone", "<a> put <o> where everyone could see it", "<a> never gave <o> away"],
    # quests
    "need": ["<=need>", "that day, <=need>", "<=need> // <b> wanted to help"],
    "say_need": ["a> <=words>", "b> What can I do? // a> <=words>", "<a> sighed // a> <=words>"],
    "vow": [
        "a> I will find it for you!",
        "a> I will bring you <o.a><b.voc>. I promise!",
        "<a> made up <a.his> mind to find <o.a>",
        "<a> put on a hat and packed a bag // a> I will not come back without the <o.noun>!",
    ],
    "travel": [
        "<g> walked for a long time until they came <p.to><c.none>",
        "so <g> set off and walked <p.to>",
        "<g> walked over hills and through tall grass, all the way <p.to>",
        "the way <p.to> was long, but <g> did not get tired",
    ],
    "obstacle": ["{soon}, <=sight>", "but <=sight>", "then <g> had to stop: <=sight>", "after a while, <=sight>"],
    "obstacle_fail": ["<=fail>", "first, <=fail>", "a> I will try. // <=fail>", "a> Now what? // <=fail>"],
    "obstacle_idea": [
        "a> I know! <=idea>",
        "a> <=idea>",
        "<a> {thought} // a> <=idea>",
        "then <a> had an idea // a> <=idea>",
        "a> Don't worry<b.voc>! <=idea>",
    ],
    "obstacle_pass": [
        "so <=passed>",
        "and that is what they did<c.none>: <=passed>",
        "{carefully}, <=passed>",
        "it worked: <=passed>!",
    ],
    "find_new": [
        "and there, <=spot>, was <o.a>!",
        "{finally}, <g> saw <o.a> <=spot> // <a> picked it up {carefully}",
        "c> Look, there! // <=spot>, <a> found <o.a>",
        "a> Here it is! // <=spot>, <g> had found <o.a>",
    ],
    "need_met": ["<=effect>", "and really, <=effect>", "{soon}, <=effect>", "it worked like magic: <=effect>"],
    # gardens
    "get_seed": [
        "<a> gave <b.him> a tiny seed // a> One day it will be a <=plant>.",
        "a> Look<b.voc>, this is a seed. If you take care of it, it will grow into a <=plant>.",
        "<a> had a small, brown seed for <b.him> // a> There is a whole <=plant> asleep in there!",
    ],
    "sow": [
        "<a> made a small hole, put the seed in, and covered it with soil",
        "<a> dug with both hands and put the seed into the ground // a> Sleep well, little seed!",
        "<a> pushed the seed into the ground and gave it some water",
    ],
    "check_seed": [
        "<a> ran to look, but there was nothing to see",
        "<a> looked at the spot // nothing had grown // a> Why is it so slow?",
        "<a> wanted to dig the seed up again to see if it was still there",
    ],
    "patience": [
        "a> You have to wait. A seed needs time, water and sun.",
        "a> It is growing under the ground, where you can't see it.",
        "a> You did not grow up in one day, either<b.voc>!",
    ],
    "water_seed": [
        "<a> brought water and pulled out the weeds",
        "<a> watered the spot and [sang to it|talked to it|sat next to it]",
        "<a> took care of it, in sun and in rain",
    ],
    "plant_danger": [
        "but then <=danger>",
        "one night, something happened: <=danger>",
        "the first green leaves came up // but <=danger>",
    ],
    "protect_plant": [
        "<a> stayed with it and kept it safe",
        "<a> built a little fence out of sticks around it",
        "a> Don't worry, little plant. I will look after you!",
    ],
    "plant_grows": [
        "<a> could see it from far away: there was <=fruit>!",
        "<a> found <=fruit> // it was the most beautiful <=plant> <a> had ever seen",
        "<a> came to water it, and there it was: <=fruit> // a> {wow}",
    ],
    "praise_plant": [
        "a> You did that all by yourself<b.voc>!",
        "a> See? You were patient, and now look at it!",
        "<a> put an arm around <b.him> // a> You have green fingers!",
    ],
    # wishes
    "meet_magic": [
        "<=spot>, <a> saw <b>",
        "{suddenly}, there was a bright light <=spot> // it was <b>!",
        "<a> heard a soft voice // there, <=spot>, sat <b>",
    ],
    "offer_wish": [
        "a> {hello} I can give you one wish. What do you want most of all?",
        "a> I am magic. Make a wish, and it will come true!",
        "a> You have a kind face. I will give you one wish.",
    ],
    "make_wish": [
        "<a> did not think for long // a> I wish <=want>!",
        "a> I want only one thing. I wish <=want>!",
        "<a> closed <a.his> eyes and wished <=want>",
    ],
    "wish_granted": ["there was a flash of light // <=change>", "poof! <=change>", "and so it was: <=change>"],
    "wish_bad": ["but {soon}, <=trouble>", "at first it was fun, but then <=trouble>", "but <=trouble>"],
    "wish_cry": ["a> <=cry>", "a> {ohno} <=cry>", "a> <=cry> I wish that I could take it back."],
    "wish_undone": [
        "<a> heard that and [waved a hand|nodded|blew some dust into the air] // everything was as before",
        "a> Now you know. I will undo it. // and in a blink, everything was normal again",
        "<a> came back // a> Is one wish enough for you? // <b> nodded, and the magic was over",
    ],
}
