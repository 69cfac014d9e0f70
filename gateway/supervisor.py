"""Several workers under one supervisor, which never carries client traffic itself.

It holds the port that they share, starts each one again that dies, forwards signals, and answers operators for all of
them. A worker that dies again and again ends the gateway: whoever watches over it should know.

Source: OPS-45, OPS-46, OPS-48, OPS-60.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from tornado.httpserver import HTTPServer

from bayeux.protocol.errors import Unavailable
from gateway import __version__
from gateway.config.loading import Loaded
from gateway.config.units import Address
from gateway.control import Control, Gone, Refused
from gateway.failure import ExitCode
from gateway.observe.families import Family, Merged
from gateway.operations import NodeUnknown, Operations, Report
from gateway.run import HEARD, is_farewell
from gateway.worker import KINDS, READY, Assignment

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")

COMMAND = (sys.executable, "-m", "gateway.worker")
DEATHS = 5
DEATHS_WITHIN = 60.0
"""So many deaths of one worker in so many seconds end the gateway (OPS-45)."""
PAUSES = (0.0, 0.1, 0.2, 0.4)
"""Seconds before a worker is started again, by the number of its deaths: with its own start that is below a second."""
PATIENCE = 0.5
"""Seconds for an answer that ought to come at once."""
_BEYOND_SHUTDOWN = 5.0  # seconds for a worker that was told to leave, above those it allows itself
_ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGKILL)
_FATAL = (ExitCode.CONFIGURATION, ExitCode.UNAVAILABLE)


class Worker:
    """One of the workers, whichever process it is at present."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.pid = 0
        self.node = ""
        """The id under which it was seen last."""
        self.is_ready = False
        self.was_ready = False
        self.deaths: deque[float] = deque(maxlen=DEATHS)
        self._control: Control | None = None
        self._process: asyncio.subprocess.Process | None = None

    async def run(self, assignment: Assignment, on_ready: Callable[[], None]) -> int:
        """One process from its start to its end; its exit code."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with theirs:
            # A group of its own: Ctrl-C of the terminal is the supervisor's to interpret (OPS-60).
            try:
                self._process = await asyncio.create_subprocess_exec(*COMMAND, stdin=theirs.fileno(), process_group=0)
            except OSError as error:  # no memory, or too many processes: that may pass
                ours.close()
                log.error("a worker could not be started: %s", error, extra={"worker": self.number})
                return ExitCode.FAILED
        self.pid = self._process.pid

        def on_told(news: str) -> None:
            if news == READY:
                self.is_ready = self.was_ready = True
                on_ready()

        control = Control(ours, on_told=on_told)
        await control.open()
        control.send(assignment.as_frame())
        self._control = control
        serving = asyncio.create_task(control.run())
        try:
            return await self._process.wait()
        finally:
            self.is_ready, self._control = False, None
            serving.cancel()
            await asyncio.wait((serving,))
            self.signal(signal.SIGKILL)
            await self._process.wait()
            self._process = None

    async def ask(self, order: str, timeout: float = PATIENCE, **arguments: Any) -> Any:
        """What it answers. Raises Gone, and what the order raised there."""
        if self._control is None or not self.is_ready:
            raise Gone("it is starting")
        try:
            return await self._control.ask(order, timeout, arguments)
        except Refused as refused:
            raise KINDS.get(refused.kind, RuntimeError)(str(refused)) from None

    @property
    def is_running(self) -> bool:
        """Is there a process?"""
        return self._process is not None

    def signal(self, number: int) -> None:
        """Hand a signal on; one that is starting would die of what it does not hear yet."""
        process = self._process
        if process is not None and process.returncode is None and (self.is_ready or number in _ENDING):
            # Not process.send_signal: it may learn of an end before asyncio does, who then never learns the code.
            with suppress(ProcessLookupError):
                os.kill(process.pid, number)


class Supervisor(Operations):
    """All workers of one gateway.

    Args:
        loaded: what they go by.
        name: of the gateway.
        public: the port that they share.
        internal: where operators find the supervisor.
    """

    def __init__(self, loaded: Loaded, name: str, public: Address, internal: Address) -> None:
        self._loaded = loaded
        self._config = loaded.config
        self._name = name
        self._public = public
        self._internal = internal
        self.workers = [Worker(number) for number in range(self._config.processes)]
        self.orders: asyncio.Queue[int] = asyncio.Queue()
        """Signals, or what stands for them."""
        self._merged = Merged()
        self._deaths = 0
        self._begun_at = time.monotonic()
        self._is_leaving = False
        self._codes: dict[int, int] = {}
        self._fault: ExitCode | None = None
        self._all_ready = asyncio.Event()

    # Life ----------------------------------------------------------------------------------------

    async def until_told(
        self, internal: socket.socket, http_server: HTTPServer, when_ready: Callable[[], None]
    ) -> ExitCode:
        """Keep the workers running until TERM or INT, or until one of them cannot be kept."""
        loop = asyncio.get_running_loop()
        for number in HEARD:
            loop.add_signal_handler(number, self.orders.put_nowait, number)
        http_server.add_socket(internal)
        keeping = [asyncio.create_task(self._keep(worker)) for worker in self.workers]
        telling = asyncio.create_task(self._tell_when_ready(when_ready))
        try:
            while not is_farewell(order := await self.orders.get()):
                self._forward(order)
            log.info("stopping", extra={"signal": signal.Signals(order).name})
            return await self._leave(keeping)
        finally:
            for task in (telling, *keeping):
                task.cancel()
            await asyncio.wait((telling, *keeping))
            http_server.stop()
            await http_server.close_all_connections()
            log.info("stopped")

    async def _keep(self, worker: Worker) -> None:
        """Have a worker run, again and again."""
        assignment = Assignment.of(
            self._loaded,
            gateway=self._name,
            number=worker.number,
            public=str(self._public),
            internal=str(self._internal),
        )
        while True:
            code = await worker.run(assignment, self._note_ready)
            self._merged.retire(str(worker.number))
            if self._is_leaving:
                self._codes[worker.number] = code
                return
            if code == ExitCode.DONE:
                log.info("a worker has left, another takes its place", extra={"worker": worker.number})
                continue
            self._deaths += 1
            worker.deaths.append(time.monotonic())
            log.error("a worker has died", extra={"worker": worker.number, "worker_pid": worker.pid, "code": code})
            if code in _FATAL and not worker.was_ready:
                self._give_up(ExitCode(code))
                return
            if len(worker.deaths) == DEATHS and worker.deaths[-1] - worker.deaths[0] < DEATHS_WITHIN:
                log.error(
                    "worker %d died %d times within %.0f s: ending; its last words are above",
                    worker.number,
                    DEATHS,
                    DEATHS_WITHIN,
                )
                self._give_up(ExitCode.FAILED)
                return
            await asyncio.sleep(PAUSES[min(len(worker.deaths), len(PAUSES)) - 1])

    def _give_up(self, code: ExitCode) -> None:
        self._fault = self._fault or code
        self.orders.put_nowait(signal.SIGTERM)

    def _note_ready(self) -> None:
        if all(worker.was_ready for worker in self.workers):
            self._all_ready.set()

    async def _tell_when_ready(self, when_ready: Callable[[], None]) -> None:
        await self._all_ready.wait()
        log.info("ready", extra={"public": str(self._public), "workers": len(self.workers), "version": __version__})
        when_ready()

    def _forward(self, number: int) -> None:
        for worker in self.workers:
            worker.signal(number)

    async def _leave(self, keeping: Iterable[asyncio.Task[None]]) -> ExitCode:
        """See all workers off; a second INT hurries them (OPS-60)."""
        self._is_leaving = True
        self._forward(signal.SIGTERM)
        hurrying = asyncio.create_task(self._hurry())
        for task, worker in zip(keeping, self.workers, strict=True):
            if not worker.is_running:
                task.cancel()
        limit = self._config.shutdown.timeout + _BEYOND_SHUTDOWN
        _, late = await asyncio.wait(keeping, timeout=limit)
        if late:
            log.error("workers that did not leave are killed", extra={"late": len(late)})
            self._forward(signal.SIGKILL)
            await asyncio.wait(late)
        hurrying.cancel()
        await asyncio.wait((hurrying,))
        return self._exit_code(was_hurried=not hurrying.cancelled())

    async def _hurry(self) -> None:
        while await self.orders.get() != signal.SIGINT:
            pass
        self._forward(signal.SIGINT)

    def _exit_code(self, *, was_hurried: bool) -> ExitCode:
        if self._fault is not None:
            return self._fault
        codes = set(self._codes.values())
        if was_hurried and ExitCode.INTERRUPTED in codes:
            return ExitCode.INTERRUPTED
        if ExitCode.TRY_AGAIN in codes:
            return ExitCode.TRY_AGAIN
        return ExitCode.DONE if codes <= {ExitCode.DONE, -signal.SIGTERM} else ExitCode.FAILED

    # What operators ask ----------------------------------------------------------------------------

    async def metrics(self) -> Sequence[Family]:
        """Of all workers, merged; and how they fare."""
        for worker, told in await self._ask_all(lambda worker: worker.ask("metrics")):
            if not isinstance(told, Gone):
                self._merged.tell(str(worker.number), [Family.from_json(family) for family in told])
        ready = sum(worker.is_ready for worker in self.workers)
        return [
            *self._merged.families(),
            Family("gateway_workers", "gauge", "Workers, by whether they serve.", {
                ("gateway_workers", (("state", "ready"),)): ready,
                ("gateway_workers", (("state", "starting"),)): len(self.workers) - ready,
            }),
            Family("gateway_worker_deaths", "counter", "Workers that ended unasked.", {
                ("gateway_worker_deaths_total", ()): self._deaths,
            }),
        ]  # fmt: skip

    async def health(self, question: str) -> tuple[bool, Report]:
        """Ready while any worker is; live while any is or all are starting; started when all were."""
        verdicts: list[bool] = []
        checks: list[Report] = []
        for worker, told in await self._ask_all(lambda worker: worker.ask("health", question=question)):
            if isinstance(told, Gone):
                checks.append({"name": "worker", "worker": worker.number, "ok": False, "detail": str(told)})
                continue
            ok, report = told
            verdicts.append(ok)
            checks += [{**check, "worker": worker.number} for check in report["checks"]]
        if question == "startup":
            ok = self._all_ready.is_set()
        elif question == "ready":
            ok = any(verdicts) and not self._is_leaving
        else:
            ok = any(verdicts) or not any(worker.is_ready for worker in self.workers)
        return ok, {"status": "ok" if ok else "unavailable", "checks": checks}

    async def status(self) -> Report:
        """Every worker, and the cluster as the first that answers sees it."""
        workers: list[Report] = []
        cluster = None
        for worker, told in await self._ask_all(lambda worker: worker.ask("status")):
            if isinstance(told, Gone):
                state = "silent" if worker.is_ready else "starting"
                workers.append({"worker": str(worker.number), "pid": worker.pid, "state": state})
                continue
            workers += told["workers"]
            worker.node = told["workers"][0]["node"]
            cluster = cluster or told["cluster"]
        states = {worker["state"] for worker in workers}
        state = "draining" if self._is_leaving else "ready" if "ready" in states else min(states)
        return {
            "version": __version__,
            "pid": os.getpid(),
            "state": state,
            "public": f"http://{self._public}",
            "workers": workers,
            "cluster": cluster,
        }

    async def publish(self, user: str, channel: str, data: Any) -> Report:
        """By one of the workers, one that is ready if any is: the backplane takes it to all.

        Only one is tried: whether one that fails has published is not known, so another attempt is the caller's to
        decide.
        """
        return await self._ask_one("publish", user=user, channel=channel, data=data)

    async def drain(self, node: str | None, *, leave: bool) -> Report:
        """One worker, or all; see ``Operations``."""
        drain = self._config.drain
        timeout = drain.notice + drain.spread + _BEYOND_SHUTDOWN + PATIENCE
        if node is None:
            chosen = list(self.workers)
        else:
            await self.status()  # which tells the ids
            chosen = [worker for worker in self.workers if node in (worker.node, str(worker.number))]
            if not chosen:
                raise NodeUnknown(f"{node} is no process of this gateway; `bayeux-gateway status` lists them")
        if leave and node is None:
            self.orders.put_nowait(signal.SIGTERM)
        one_leaves = leave and node is not None

        def ask(worker: Worker) -> Awaitable[Any]:
            return worker.ask("drain", timeout, node=None, leave=one_leaves)

        answers = [told for _, told in await self._ask_all(ask, chosen) if not isinstance(told, Gone)]
        return {"drained": len(answers), "sessions": sum(told["sessions"] for told in answers)}

    async def kick(self, *, user: str | None, session: str | None) -> Report:
        """On all workers; see ``Operations``."""
        answers = await self._ask_all(lambda worker: worker.ask("kick", user=user, session=session))
        return {"sessions": sum(told["sessions"] for _, told in answers if not isinstance(told, Gone))}

    async def other_gateways(self) -> Sequence[str]:
        """By what any worker knows."""
        answers = await self._ask_all(lambda worker: worker.ask("other_gateways"))
        return sorted({url for _, told in answers if not isinstance(told, Gone) for url in told})

    async def task(self, id: str) -> Report:
        """By one of the workers: the store is that of all."""
        return await self._ask_one("task", id=id)

    async def dead_letters(self, queue: str | None) -> Report:
        """By one of the workers: the bus is that of all."""
        return await self._ask_one("dead_letters", queue=queue)

    async def replay(self, queue: str, id: str) -> Report:
        """By one of the workers."""
        return await self._ask_one("replay", queue=queue, id=id)

    async def send(self, message_type: str, queue: str | None, body: Report) -> Report:
        """By one of the workers."""
        return await self._ask_one("send", message_type=message_type, queue=queue, body=body)

    async def overheard(self, cursor: Mapping[str, int]) -> Report:
        """By all workers: what one sends another one may take, so it is told once."""
        answers = await self._ask_all(lambda worker: worker.ask("overheard", cursor=cursor))
        told = [answer for _, answer in answers if not isinstance(answer, Gone)]
        heard = {(each["queue"], each["id"]): each for answer in told for each in answer["messages"]}
        return {
            "messages": sorted(heard.values(), key=lambda each: float(each["time"])),
            "lost": sum(answer["lost"] for answer in told),
            "cursor": {node: number for answer in told for node, number in answer["cursor"].items()},
        }

    async def planned(self, kind: str, name: str | None) -> Report:
        """By one of the workers: the store is that of all."""
        return await self._ask_one("planned", kind=kind, name=name)

    async def plan(self, kind: str, name: str, body: Report | None, version: int | None) -> Report:
        """By one of the workers."""
        return await self._ask_one("plan", kind=kind, name=name, body=body, version=version)

    async def _ask_one(self, order: str, **arguments: Any) -> Report:
        """One that is ready, if any is. Raises Unavailable, and what the order raises."""
        told = await self._ask_all(lambda worker: worker.ask("health", question="ready"))
        answering = [(worker, health) for worker, health in told if not isinstance(health, Gone)]
        if answering:
            chosen, _ = max(answering, key=lambda each: each[1][0])
            with suppress(Gone):
                report: Report = await chosen.ask(order, 5.0, **arguments)
                return report
        raise Unavailable("no worker answers")

    async def _ask_all(
        self, ask: Callable[[Worker], Awaitable[Answer]], workers: Sequence[Worker] | None = None
    ) -> list[tuple[Worker, Answer | Gone]]:
        """What each says, at the same time."""

        async def one(worker: Worker) -> tuple[Worker, Answer | Gone]:
            try:
                return worker, await ask(worker)
            except Gone as gone:
                return worker, gone

        return list(await asyncio.gather(*(one(worker) for worker in workers or self.workers)))
