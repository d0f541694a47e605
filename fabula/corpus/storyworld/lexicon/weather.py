"""Weather, and the sentences that describe it."""

from __future__ import annotations

WEATHER: dict[str, tuple[str, ...]] = {
    "sunny": (
        "the sun was [shining|bright|warm] and the sky was blue",
        "it was a [bright|beautiful|lovely|warm], sunny day",
        "there was not a [single |]cloud in the sky",
        "the sun made everything [warm|golden|sparkle]",
        "the birds were singing in the [warm |]sunshine",
    ),
    "windy": (
        "a [strong|cool|wild] wind was blowing",
        "the wind [shook|pushed|danced with] the trees",
        "it was a windy day and leaves flew [everywhere|through the air|in circles]",
        "the wind [whistled|hummed|sang] around the corner",
    ),
    "cloudy": (
        "[gray|big|soft] clouds [covered|filled] the sky",
        "the sky was gray and [quiet|low|still]",
        "it was a cool, cloudy day",
        "clouds [sailed|drifted|moved] across the sky like [ships|sheep|pillows]",
    ),
    "rainy": (
        "it was raining[ a little| softly|]",
        "drops of rain [fell|tapped|danced] on the [leaves|ground|stones]",
        "the rain made puddles [everywhere|all over the ground]",
        "it had rained all [night|morning] and [the air smelled fresh|everything was wet]",
    ),
    "snowy": (
        "soft snow [covered|lay on] the ground",
        "snowflakes [fell|floated|danced] from the sky",
        "everything was white [with snow|and quiet]",
        "it was cold and [frost sparkled on the ground|the air was full of snow]",
    ),
}
MORNINGS: dict[str, tuple[str, ...]] = {
    "sunny": ("One sunny day", "One bright morning", "One warm afternoon", "One day", "One summer morning"),
    "windy": ("One windy day", "One windy morning", "One autumn day", "One day"),
    "cloudy": ("One gray morning", "One cloudy day", "One day", "One cool morning"),
    "rainy": ("One rainy day", "One wet morning", "One rainy afternoon", "One day"),
    "snowy": ("One snowy day", "One cold morning", "One winter day", "One cold day"),
}
