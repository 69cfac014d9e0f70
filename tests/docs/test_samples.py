"""The code in README.md and docs/: all of it is valid, typed against the library, and executed where it can be.

The tests that stand in the pages themselves are collected by ``conftest.py``; the programs are started by
the test files that name them.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.samples import GIVEN, PAGES, ROOT, Sample, module_of, python_of, samples, typed_text

ALL = [sample for page in PAGES for sample in samples(page)]
WITH_PYTHON = [page for page in PAGES if python_of(page)]

ALLOWED = re.compile(r"outside async function|top-level-await")
"""A fragment may wait at top level."""

COVERED = {
    "python3 -m venv .venv": "the virtual environment of this run",
    ".venv/bin/pip install bayeux-gateway": "the virtual environment of this run",
    "npm install cometd@9": "tests/interop/package.json",
    ".venv/bin/python chat.py": "tests/interop/test_documented_programs.py",
    ".venv/bin/python bot.py": "tests/interop/test_documented_programs.py",
    ".venv/bin/pip install 'bayeux-gateway[gateway]'": "the virtual environment of this run",
    ".venv/bin/bayeux-gateway serve --dev": "tests/interop/test_documented_programs.py",
    ".venv/bin/python agent.py": "tests/interop/test_documented_programs.py",
    ".venv/bin/python customer.py": "tests/interop/test_documented_programs.py",
    "make run": "tests/gateway/test_process.py",
    "make test": "this run",
    ".venv/bin/bayeux-gateway publish --user Agent1 /v2/me/interactions \\": "tests/interop/test_samples.py",
    "npm install cometd@9 cometd-nodejs-client@2": "tests/interop/package.json",
    "TOKEN=$(.venv/bin/bayeux-gateway token make --dev Agent1) node watch.mjs": "tests/interop/test_samples.py",
    "TOKEN=$(.venv/bin/bayeux-gateway token make --dev Agent1) node feed.mjs": "tests/interop/test_tutorial_by_hand.py",
    "ID=$(node customer.mjs)": "tests/interop/test_tutorial_by_hand.py",
    "node phone.mjs": "tests/interop/test_callback_by_hand.py",
}
"""Commands of README.md and the tutorials, and what runs them."""

TYPED = {
    "agent-desktop.md": "tests/interop/test_tutorial_by_hand.py",
    "a-callback-end-to-end.md": "tests/interop/test_callback_by_hand.py",
}
"""Tutorials of which a test types every ``curl`` as it stands there, and reads the answer."""


@pytest.mark.parametrize("page", WITH_PYTHON, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_definitions_of_a_page_can_be_executed(page: Path) -> None:
    module_of(page)


def test_python_agrees_with_the_types_of_the_library(tmp_path: Path) -> None:
    """Fragments too: a name or an argument that does not exist is found even where nothing is run."""
    texts: dict[str, str] = {}
    for page in WITH_PYTHON:
        stem = "_".join(page.relative_to(ROOT).with_suffix("").parts).replace("-", "_")
        texts[f"{stem}.py"] = typed_text(page)
        for sample in python_of(page):
            if sample.program is not None:
                texts[f"{stem}__{sample.program.replace('-', '_')}"] = sample.padded
    for name, text in texts.items():
        (tmp_path / name).write_text(text, "utf-8")
    wrong = wrong_in(tmp_path, *texts)
    assert not wrong, "\n".join(wrong)


def test_a_name_that_does_not_exist_is_found(tmp_path: Path) -> None:
    (tmp_path / "wrong.py").write_text("; ".join(GIVEN) + "\nawait server.start()\nserver.prublish('/a', 1)\n")
    assert len(wrong_in(tmp_path, "wrong.py")) == 1


def wrong_in(folder: Path, *names: str) -> list[str]:
    """What mypy says of files, but for what fragments may do."""
    cache = ROOT / ".cache" / "samples"
    flags = ["--config-file=", "--check-untyped-defs", "--disable-error-code=no-redef", f"--cache-dir={cache}"]
    flags += ["--disable-error-code=empty-body", "--follow-imports=silent"]
    command = [sys.executable, "-m", "mypy", "--no-error-summary", "--hide-error-context", *flags, *names]
    environment = {**os.environ, "MYPYPATH": str(ROOT)}
    told = subprocess.run(command, check=False, cwd=folder, env=environment, capture_output=True, text=True)
    assert told.stderr == ""
    return [line for line in told.stdout.splitlines() if ": error:" in line and not ALLOWED.search(line)]


def test_javascript_is_valid() -> None:
    scripts = [sample for sample in ALL if sample.language == "js" and not sample.left_out]
    blocks = {str(sample): sample.text for sample in scripts}
    told = subprocess.run(
        ["node", "--no-warnings", "--experimental-vm-modules", "--input-type=module", "--eval", PARSE],
        input=json.dumps(blocks),
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(told.stdout) == {}


PARSE = """
const {SourceTextModule} = await import("node:vm");
const blocks = JSON.parse((await import("node:fs")).readFileSync(0, "utf8"));
const wrong = {};
for (const [where, text] of Object.entries(blocks)) {
    try { new SourceTextModule(text); } catch (error) { wrong[where] = String(error); }
}
console.log(JSON.stringify(wrong));
"""


def test_every_program_is_started_by_a_test() -> None:
    tests = "\n".join(
        path.read_text("utf-8") for path in sorted((ROOT / "tests").rglob("test_*.py")) if path != Path(__file__)
    )
    page_of = {sample: sample.page.relative_to(ROOT) for sample in ALL if sample.program and not sample.left_out}
    alone = [
        f"{page} {sample.program}"
        for sample, page in page_of.items()
        if f'program("{page}", "{sample.program}")' not in tests
    ]
    assert alone == []


def test_every_command_of_a_tutorial_is_covered() -> None:
    shown = [sample for sample in ALL if sample.language in ("sh", "console", "bash") and is_tutorial(sample)]
    commands = [(sample, line.partition("  #")[0].strip()) for sample in shown for line in first_lines(sample)]
    assert [command for sample, command in commands if not is_covered(sample, command)] == []


def is_covered(sample: Sample, command: str) -> bool:
    return command in COVERED or (sample.page.name in TYPED and command.startswith("curl "))


def is_tutorial(sample: Sample) -> bool:
    return sample.page.parent.name == "tutorial" or sample.page.name == "README.md"


def first_lines(sample: Sample) -> list[str]:
    """Commands: what follows a prompt in a console, else every line that continues no other."""
    lines = sample.text.splitlines()
    if sample.language == "console":
        return [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    continued = [False, *(line.endswith("\\") for line in lines)]
    return [line for line, goes_on in zip(lines, continued, strict=False) if line and not goes_on]


def test_nothing_is_left_out_without_a_reason() -> None:
    for page in PAGES:
        marks = page.read_text("utf-8").count("<!-- sample:")
        assert marks == sum(sample.left_out is not None for sample in samples(page)), page
