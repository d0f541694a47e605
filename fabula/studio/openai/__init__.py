"""The part of OpenAI's API that other programs ask a storyteller through: models, completions, tokens."""

from fabula.studio.openai.routes import router as router
