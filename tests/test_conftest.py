"""The checks that every test is held to can fail."""

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.expected_logs("slow consumer")  # the inner run logs in this process

INI = """
[pytest]
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
markers = expected_logs(*patterns)
"""
CONFTEST = (Path(__file__).parent / "conftest.py").read_text()


def outcomes(pytester: pytest.Pytester, test: str) -> dict[str, int]:
    pytester.makeconftest(CONFTEST)
    pytester.makeini(INI)
    pytester.makepyfile(test)
    return pytester.runpytest_inprocess("-p", "no:cacheprovider").parseoutcomes()


def test_unexpected_warning_fails_a_test(pytester: pytest.Pytester) -> None:
    found = outcomes(
        pytester,
        """
        import logging

        def test_that_warns():
            logging.getLogger("bayeux.server").warning("slow consumer")
        """,
    )
    assert found == {"passed": 1, "errors": 1}


def test_expected_warning_does_not_fail_a_test(pytester: pytest.Pytester) -> None:
    found = outcomes(
        pytester,
        """
        import logging, pytest

        @pytest.mark.expected_logs("slow consumer")
        def test_that_warns():
            logging.getLogger("bayeux.server").warning("slow consumer")
        """,
    )
    assert found == {"passed": 1}


def test_task_left_behind_fails_a_test(pytester: pytest.Pytester) -> None:
    found = outcomes(
        pytester,
        """
        import asyncio

        async def test_that_leaks():
            asyncio.get_running_loop().leaked = asyncio.create_task(asyncio.Event().wait())
        """,
    )
    assert found == {"passed": 1, "errors": 1}


def test_task_that_ends_with_its_fixture_is_no_leak(pytester: pytest.Pytester) -> None:
    found = outcomes(
        pytester,
        """
        import asyncio, pytest

        @pytest.fixture
        async def worker():
            task = asyncio.create_task(asyncio.Event().wait())
            yield task
            task.cancel()

        async def test_that_works(worker):
            assert not worker.done()
        """,
    )
    assert found == {"passed": 1}
