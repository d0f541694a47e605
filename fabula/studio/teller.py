"""The teller: one thread computes, and everybody else waits without blocking anybody.

Each loaded model has an engine. The thread moves every engine with stories on by one step, one after the other, and
takes up new stories in between: stories of one model come in one batch, whoever asked for them. What a story says is
the engine's promise (`fabula.generation.engine.Engine`): the company it is told in changes nothing.

Whose turn it is: of the stories that wait, one of the request that has the fewest being told; of those, the oldest.
So one request of forty stories holds nobody up. A model that needs memory which others are using gets it as soon as
those have told what they began: nothing that came later is taken up by them before.
"""

import asyncio
import itertools
import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeVar

from fabula.errors import UserError
from fabula.generation.story import Story
from fabula.generation.storyteller import Storyteller
from fabula.studio.catalog import Catalog
from fabula.studio.figures import TellerFigures
from fabula.studio.orders import (
    BusyError,
    End,
    FailedError,
    Mailbox,
    Order,
    StoppingError,
    Stream,
    requests_of,
    together,
)
from fabula.studio.pace import Pace
from fabula.studio.shelf import Loaded, Shelf, memory_for_models
from fabula.studio.tellings import News, Party, Question, Telling

__all__ = ["BusyError", "End", "FailedError", "Order", "StoppingError", "Stream", "Teller", "together"]

log = logging.getLogger(__name__)

T = TypeVar("T")

JOIN_SECONDS = 5.0
"""What a step that is under way may take when the teller closes."""


class Teller:
    """Takes orders and questions from the event loop, and answers there."""

    def __init__(
        self,
        catalog: Catalog,
        *,
        most_open: int = 64,
        most_waiting: int = 256,
        memory: int | None = None,
        threads: int = 0,
    ) -> None:
        """Nothing is loaded, and no thread runs before `start`.

        Args:
            catalog: the models.
            most_open: stories told at once, of all models together.
            most_waiting: orders and questions that may wait; more are refused.
            memory: bytes that loaded weights may take together; None: a quarter of this machine's memory.
            threads: of the native kernel; 0: one for each core.
        """
        self._catalog = catalog
        self._most_open = most_open
        self._most_waiting = most_waiting
        self._wake = threading.Condition()  # its lock may be taken again by the thread that has it
        self._news = False
        """Whether something came that the computing thread hasn't looked at."""
        self._waiting: list[Telling] = []
        self._questions: list[Question] = []
        self._cancelled: deque[Telling] = deque()
        self._open: dict[Loaded, dict[Story, Telling]] = {}
        self._numbers = itertools.count()
        self._shelf = Shelf(memory_for_models() if memory is None else memory, most_open, threads, self._call)
        self._pace = Pace()
        self._stopping = False
        self._halt = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="fabula-telling", daemon=True)
        self.figures = TellerFigures()

    @property
    def alive(self) -> bool:
        """Whether the computing thread works."""
        return self._thread.is_alive()

    @property
    def idle(self) -> bool:
        """Whether nothing is told and nothing waits."""
        return not (self.figures.open or self.figures.waiting)

    def start(self) -> None:
        """Begin to work for the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    def refuse(self) -> None:
        """Take nothing new from now on."""
        self._stopping = True

    async def close(self) -> None:
        """End what is still told with an error, and stop the thread."""
        self._stopping = self._halt = True
        self._call()
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join, JOIN_SECONDS)

    async def tell(self, order: Order) -> Stream:
        """Take an order; returns at once with the stream on which its story comes.

        Raises:
            UserError: it can't be told; `UnknownNameError` where its model isn't served.
            BusyError: too many wait.
            StoppingError: the studio is being stopped.
        """
        (stream,) = await self.tell_all([order])
        return stream

    async def tell_all(self, orders: Sequence[Order]) -> list[Stream]:
        """Take all orders of one request, or none of them; see `tell` and `together`."""
        if len(orders) > self._most_waiting:
            raise UserError(f"{len(orders)} stories in one request: at most {self._most_waiting}")
        self._check_room(len(orders))
        models = [self._catalog.model(order.model) for order in orders]
        prompts = [self._catalog.prompts(model.id) for model in models]
        requests = await asyncio.to_thread(requests_of, orders, prompts)
        bell, party, now = asyncio.Event(), Party(), time.perf_counter()
        with self._wake:
            self._check_room(len(orders))
            tellings = [
                Telling(next(self._numbers), party, model, request, Mailbox(bell), now)
                for model, request in zip(models, requests, strict=True)
            ]
            self._waiting += tellings
            self._count(accepted=len(orders))
        self._call()
        return [Stream(one.mailbox, _canceller(self, one)) for one in tellings]

    async def ask(self, model: str, question: Callable[[Storyteller], T]) -> T:
        """Ask a model something between two steps; all stories wait until it has been answered, so keep it short.

        Raises:
            UnknownNameError, BusyError, StoppingError: as for `tell`.
            FailedError: the model could not be loaded.
            Exception: what the question raised.
        """
        self._check_room(1)
        found = self._catalog.model(model)
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        with self._wake:
            self._check_room(1)
            self._questions.append(Question(next(self._numbers), found, question, answer))
            self._count(accepted=1)
        self._call()
        return await answer

    def _check_room(self, count: int) -> None:
        if self._stopping:
            raise StoppingError
        waiting = len(self._waiting) + len(self._questions)
        if waiting + count > self._most_waiting:
            self.figures.refused += 1
            raise BusyError(self._pace.seconds(waiting, self._most_open))

    def _count(self, accepted: int = 0) -> None:
        """Bring the gauges up to date; called with the lock."""
        self.figures.accepted += accepted
        self.figures.waiting = len(self._waiting) + len(self._questions)
        self.figures.open = sum(map(len, self._open.values()))
        self.figures.loaded = len(self._shelf.loaded)

    def _call(self) -> None:
        """Wake the computing thread."""
        with self._wake:
            self._news = True
            self._wake.notify()

    def _cancel(self, telling: Telling) -> None:
        """Called by the event loop, or by whichever thread drops the last reference to a stream."""
        telling.cancelled = True
        self._cancelled.append(telling)
        self._call()

    def _run(self) -> None:
        while not self._halt:
            with self._wake:
                while not (self._news or self._busy()):
                    self._wake.wait()
                self._news = False
            news = News()
            try:
                self._turn(news)
            except Exception:
                log.exception("a turn of the teller failed")
                self._fail_all(news, "something went wrong here; the studio's log says what")
            self._send(news)
        news = News()
        self._fail_all(news, "the studio was stopped")
        self._shelf.close()
        self._send(news)

    def _busy(self) -> bool:
        return any(loaded.engine.busy for loaded in self._open)

    def _turn(self, news: News) -> None:
        """Hear what is new, answer a question, and move every story on."""
        while self._cancelled:
            self._end_cancelled(self._cancelled.popleft())
        for id, error in self._shelf.arrived():
            if error:
                self._fail_waiting(news, id, error)
        self._take_up(news)
        self._answer(news)
        began, telling = time.perf_counter(), list(self._open)
        for loaded in telling:
            self._step(loaded, news)
        if telling:
            self._pace.moved(time.perf_counter() - began)
        with self._wake:
            self._count()

    def _take_up(self, news: News) -> None:
        """Submit waiting stories to their models' engines while there are places."""
        with self._wake:
            waiting, questions = list(self._waiting), list(self._questions)
        if not (waiting or questions):
            return
        places = self._most_open - sum(map(len, self._open.values()))
        latest = math.inf
        seen: dict[str, str] = {}
        either: list[Telling | Question] = [*waiting, *questions]
        for one in sorted(either, key=lambda one: one.number):
            if one.model.id in seen or (places <= 0 and isinstance(one, Telling)):
                continue
            try:
                seen[one.model.id] = self._shelf.want(one.model, seen)
            except UserError as error:
                seen[one.model.id] = "failed"
                self._fail_waiting(news, one.model.id, str(error))
            if seen[one.model.id] == "no room":
                latest = min(latest, one.number)
        ready = [telling for telling in waiting if seen.get(telling.model.id) == "ready" and telling.number < latest]
        while ready and places > 0:
            chosen = min(ready, key=lambda telling: (telling.party.open, telling.number))
            ready.remove(chosen)
            places -= self._begin(chosen, news)
        with self._wake:
            self._count()

    def _begin(self, telling: Telling, news: News) -> bool:
        """Give a waiting story to its engine; False where it was cancelled or can't be told."""
        with self._wake:
            if telling.cancelled or telling not in self._waiting:
                return False
            self._waiting.remove(telling)
        loaded = self._shelf.ready(telling.model.id)
        assert loaded is not None
        try:
            story = telling.begin(loaded)
        except UserError as error:
            news.fail(str(error), [telling])
            return False
        self._open.setdefault(loaded, {})[story] = telling
        telling.party.open += 1
        return True

    def _answer(self, news: News) -> None:
        """Answer one question, the oldest whose model is there."""
        with self._wake:
            self._questions = [one for one in self._questions if not one.answer.cancelled()]
            ready = [one for one in self._questions if one.model.id in self._shelf.loaded]
            if not ready:
                return
            question = ready[0]
            self._questions.remove(question)
            self._news = self._news or len(ready) > 1
        loaded = self._shelf.ready(question.model.id)
        assert loaded is not None
        news.answer(question, loaded)

    def _step(self, loaded: Loaded, news: News) -> None:
        """Move the stories of one model on; an engine that fails ends them, and nobody else's."""
        tellings = self._open[loaded]
        began = time.perf_counter()
        try:
            moved = loaded.engine.step()
        except MemoryError as error:
            self._fail_open(loaded, news, str(error) or "memory is short")
            return
        except Exception as error:
            log.exception("%s failed at a step", loaded.id)
            self._fail_open(loaded, news, f"{loaded.id} failed ({type(error).__name__})")
            self._shelf.drop(loaded)
            return
        now = time.perf_counter()
        self.figures.step.add(now - began)
        tokens = 0
        for story in moved:
            telling = tellings[story]
            tokens += self._tell_on(telling, loaded, now, news)
            if story.stop_reason:
                self._forget(loaded, telling)
                self.figures.finished += 1
                self._pace.told(len(story.drawn))
        self.figures.told += tokens

    def _tell_on(self, telling: Telling, loaded: Loaded, now: float, news: News) -> int:
        """Send a story's new tokens; returns how many settled."""
        steps = telling.new_steps(loaded)
        if telling.last:
            self.figures.between_tokens.add(now - telling.last)
        else:
            self.figures.first_token.add(now - telling.arrived)
        telling.last = now
        news.tell(telling, steps, telling.end())
        return len(steps)

    def _forget(self, loaded: Loaded, telling: Telling) -> None:
        assert telling.story is not None
        del self._open[loaded][telling.story]
        telling.party.open -= 1
        if not self._open[loaded]:
            del self._open[loaded]
        self._news = True  # there is a place

    def _end_cancelled(self, telling: Telling) -> None:
        with self._wake:
            if telling in self._waiting:
                self._waiting.remove(telling)
                self.figures.cancelled += 1
                return
        loaded = self._shelf.loaded.get(telling.model.id)
        if telling.story and loaded and telling.story in self._open.get(loaded, {}):
            loaded.engine.cancel(telling.story)
            self._forget(loaded, telling)
            self.figures.cancelled += 1

    def _fail_open(self, loaded: Loaded, news: News, line: str) -> None:
        """End all stories of a model with an error."""
        loaded.engine.close()
        tellings = list(self._open.get(loaded, {}).values())
        news.fail(line, tellings)
        for telling in tellings:
            self._forget(loaded, telling)

    def _fail_waiting(self, news: News, id: str | None, line: str) -> None:
        """End what waits for a model (None: for any) with an error."""
        with self._wake:
            failed = [one for one in self._waiting if id in (None, one.model.id)]
            asked = [one for one in self._questions if id in (None, one.model.id)]
            self._waiting = [one for one in self._waiting if one not in failed]
            self._questions = [one for one in self._questions if one not in asked]
        news.fail(line, failed, asked)

    def _fail_all(self, news: News, line: str) -> None:
        for loaded in list(self._open):
            self._fail_open(loaded, news, line)
        self._fail_waiting(news, None, line)
        with self._wake:
            self._count()

    def _send(self, news: News) -> None:
        if (news.letters or news.answers) and self._loop and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(news.deliver)


def _canceller(teller: Teller, telling: Telling) -> Callable[[], None]:
    return lambda: teller._cancel(telling)
