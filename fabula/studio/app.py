"""The studio as an ASGI application: its parts, put together."""

import contextlib
from collections.abc import AsyncIterator

from fastapi import FastAPI
from starlette.types import ASGIApp

import fabula
from fabula.studio import explain, files, health, openai, stories, watching
from fabula.studio.catalog import Catalog
from fabula.studio.counting import Counted
from fabula.studio.errors import add_error_handlers
from fabula.studio.figures import Requests
from fabula.studio.security import Access, BodyLimit, Guard
from fabula.studio.teller import Teller

DESCRIPTION = (
    "Stories from the models that this studio was started with. `/v1` is the part of OpenAI's API that completes "
    'texts, `/studio` what its own page asks. Every error is `{"error": {...}}`.'
)


def create_app(catalog: Catalog, teller: Teller, access: Access | None = None) -> ASGIApp:
    """Return the application; it starts the teller when it is started, and closes it at its end."""

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        teller.start()
        try:
            yield
        finally:
            await teller.close()

    app = FastAPI(
        title="Fabula studio",
        version=fabula.__version__,
        description=DESCRIPTION,
        docs_url=None,  # it would load scripts from elsewhere
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.requests = Requests()
    add_error_handlers(app)
    for part in (stories, openai, health, explain, watching):
        app.include_router(part.router(catalog, teller))
    app.include_router(files.router(files.page_files()))
    return Counted(Guard(BodyLimit(app), access or Access()), app.state.requests)
