"""The programs of ``examples/`` as processes, started and ended as their users do it; and what their docstrings show.

Knows of ``bayeux`` only what is public: together with ``test_programs.py`` and the choice of ports it runs beside an
installed wheel, too.
"""

from __future__ import annotations

import ast
import asyncio
import signal
import sys
import textwrap
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.ports import free_port

EXAMPLES = Path(__file__).parents[2] / "examples"
PROGRAMS = sorted(path.stem for path in EXAMPLES.glob("*.py") if not path.name.startswith("test_"))
PATIENCE = 60.0  # seconds on a machine that does much else
SHOWN_PORT = "8080"
UVICORN = "INFO: "


class Program:
    """One that is ready.

    Args:
        said: what it has printed so far.
    """

    def __init__(self, name: str, port: int, said: str) -> None:
        self.name = name
        self.port = port
        self.said = said

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """Where Bayeux is."""
        return f"{self.origin}/cometd"

    async def tried(self, *, within: Path | None = None) -> list[str]:
        """The lines that the client in its docstring prints."""
        code = shown_client(self.name).replace(SHOWN_PORT, str(self.port))
        return await printed(sys.executable, "-c", code, within=within)


@asynccontextmanager
async def running(
    name: str, *arguments: str, end: signal.Signals = signal.SIGTERM, within: Path | None = None
) -> AsyncIterator[Program]:
    """Start a program on a free port, wait until it says where it is; then end it, which must go without a word.

    Args:
        within: the folder to start it in.
    """
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        *command(name, port),
        *arguments,
        cwd=within,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE):
            said = ""
            while f"http://127.0.0.1:{port}" not in said:
                line = (await process.stdout.readline()).decode()
                assert line, f"{name} did not start: {said}"
                said += line
        yield Program(name, port, said)
        process.send_signal(end)
        async with asyncio.timeout(PATIENCE):
            rest = (await process.communicate())[0].decode()
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
    assert process.returncode == 0, rest
    assert [line for line in rest.splitlines() if not line.startswith(UVICORN)] == []


def command(name: str, port: int) -> list[str]:
    """How it is started."""
    return [sys.executable, str(EXAMPLES / f"{name}.py"), "--port", str(port)]


async def printed(*command: str, within: Path | None = None) -> list[str]:
    """What a command prints that must go well."""
    process = await asyncio.create_subprocess_exec(
        *command, cwd=within, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    async with asyncio.timeout(PATIENCE):
        text = (await process.communicate())[0].decode()
    assert process.returncode == 0, text
    return text.splitlines()


def docstring(name: str) -> str:
    """That of an example."""
    text = ast.get_docstring(ast.parse((EXAMPLES / f"{name}.py").read_text("utf-8")), clean=False)
    assert text is not None, f"{name} has no docstring"
    return text


def shown_client(name: str) -> str:
    """The client in a docstring: its indented lines, from the first import on."""
    lines = docstring(name).splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("    from "))
    end = next((number for number, line in enumerate(lines) if number > start and line[:1].strip()), len(lines))
    return textwrap.dedent("\n".join(lines[start:end]))
