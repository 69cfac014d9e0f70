"""Storages as apps use them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from bayeux.protocol.errors import Unavailable
from gateway.customers.storage import DEFAULT_TTL, LONGEST_TTL, Storage, time_to_live
from gateway.store.sqlite import SqliteRoom, SqliteStore
from tests.customers.conftest import ALICE, BOB, FORM, JSON, Api

UNKNOWN = (404, "storage.StorageNotFoundException")
BOUNDARY = "x1"
MULTIPART = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


def file(key: str, name: str, media: str, content: bytes) -> bytes:
    head = f'Content-Disposition: form-data; name="{key}"; filename="{name}"\r\nContent-Type: {media}\r\n\r\n'
    return f"--{BOUNDARY}\r\n{head}".encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()


@pytest.mark.spec("ST-1", "ST-4", "ST-5")
async def test_what_was_stored_is_read_again(api: Api) -> None:
    """As the vendor's sample sends it."""
    status, answer = await api.ask("/storage/30", "POST", headers=FORM, body=b"key1=Value1&key2=Value2")
    assert status == 200
    assert await api.ask(f"/storage/{answer['id']}") == (200, {"key1": "Value1", "key2": "Value2"})
    one = await api.fetch(f"/genesys/1/storage/{answer['id']}/key1")
    assert (one.body, one.headers["Content-Type"]) == (b"Value1", "text/plain;charset=UTF-8")


@pytest.mark.spec("ST-5")
async def test_names_are_stored_as_given(api: Api) -> None:
    """The diagram's sample shows a name with an underscore that nobody sent; here none is added."""
    id = await api.store({"userId": "jamesbond", "language": "French", "longitude": 2.4544})
    assert await api.ask(f"/storage/{id}") == (
        200,
        {"userId": "jamesbond", "language": "French", "longitude": "2.4544"},
    )


@pytest.mark.spec("ST-4")
async def test_a_key_of_any_characters(api: Api) -> None:
    id = await api.store({"a/b é?": "1"})
    assert (await api.fetch(f"/genesys/1/storage/{id}/a%2Fb%20%C3%A9%3F")).body == b"1"


@pytest.mark.spec("ST-2")
async def test_keys_are_added_and_changed(api: Api) -> None:
    id = await api.store({"a": "1", "b": "1"})
    assert await api.ask(f"/storage/{id}/60", "POST", headers=FORM, body=b"b=2&c=3") == (200, {"id": id})
    assert await api.ask(f"/storage/{id}") == (200, {"a": "1", "b": "2", "c": "3"})


@pytest.mark.spec("ST-2")
async def test_keys_added_at_the_same_time_are_all_there(api: Api) -> None:
    id = await api.store({})
    added = [api.ask(f"/storage/{id}/60", "POST", headers=FORM, body=f"k{n}={n}") for n in range(6)]
    assert {status for status, _ in await asyncio.gather(*added)} == {200}
    assert await api.ask(f"/storage/{id}") == (200, {f"k{n}": str(n) for n in range(6)})


@pytest.mark.spec("ST-3")
async def test_a_deleted_storage_is_gone(api: Api) -> None:
    id = await api.store({"a": "1"})
    deleted = await api.fetch(f"/genesys/1/storage/{id}", "DELETE")
    assert (deleted.code, deleted.body, deleted.headers.get("Content-Type")) == (200, b"", None)
    assert await api.refused(f"/storage/{id}") == UNKNOWN
    assert await api.refused(f"/storage/{id}", "DELETE") == UNKNOWN


@pytest.mark.spec("ST-5", "ST-6", "NF-3", "SEC-62")
async def test_a_file_is_a_download(api: Api) -> None:
    content = bytes(range(256)) * 300
    body = file("my photo", 'a"b\tc.html', "text/html", content)
    status, answer = await api.ask("/storage/30", "POST", headers=MULTIPART, body=body)
    assert status == 200
    where = f"/genesys/1/storage/binary/{answer['id']}/my%20photo"
    assert await api.ask(f"/storage/{answer['id']}") == (200, {"my photo": where})
    assert (await api.fetch(f"/genesys/1/storage/{answer['id']}/my%20photo")).body == where.encode()
    got = await api.fetch(where)
    assert (got.body, got.headers["Content-Type"]) == (content, "text/html")
    assert got.headers["Content-Disposition"].startswith("attachment; filename=")
    assert got.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in got.headers["Content-Security-Policy"]


@pytest.mark.spec("ST-6", "NF-3")
async def test_a_type_that_is_none_is_told_as_bytes(api: Api) -> None:
    _, answer = await api.ask("/storage/30", "POST", headers=MULTIPART, body=file("f", "a", "nonsense", b"1"))
    assert (await api.fetch(f"/genesys/1/storage/binary/{answer['id']}/f")).headers["Content-Type"] == (
        "application/octet-stream"
    )


@pytest.mark.spec("ST-6")
async def test_a_text_is_no_file(api: Api) -> None:
    id = await api.store({"a": "1"})
    assert await api.refused(f"/storage/binary/{id}/a") == UNKNOWN


@pytest.mark.spec("ST-7", "ST-12", "AUTH-6")
async def test_a_storage_of_one_user(api: Api) -> None:
    made = await api.ask("/storage/custom/my-cart/60", "POST", headers={**FORM, **ALICE}, body=b"a=1")
    assert made == (200, {"id": "my-cart"})
    assert await api.ask("/storage/my-cart", headers=ALICE) == (200, {"a": "1"})
    await api.ask("/storage/custom/my-cart/60", "POST", headers={**FORM, **ALICE}, body=b"b=2")
    assert await api.ask("/storage/my-cart", headers=ALICE) == (200, {"a": "1", "b": "2"})
    for headers in (BOB, {}):
        assert await api.refused("/storage/my-cart", headers=headers) == UNKNOWN
        assert await api.refused("/storage/my-cart/a", headers=headers) == UNKNOWN
        assert await api.refused("/storage/my-cart/60", "POST", headers=headers, body=b"") == UNKNOWN
        assert await api.refused("/storage/my-cart", "DELETE", headers=headers) == UNKNOWN
    other = await api.refused("/storage/custom/my-cart/60", "POST", headers=BOB, body=b"")
    assert other == (403, "java.rmi.AccessException")
    assert await api.refused("/storage/custom/my-cart/60", "POST", body=b"") == (400, "GSGException")


@pytest.mark.spec("ST-7", "ST-12")
async def test_an_id_of_ours_becomes_nobodys_own(api: Api) -> None:
    id = await api.store({"a": "1"})
    assert (await api.refused(f"/storage/custom/{id}/60", "POST", headers=ALICE, body=b""))[0] == 403


@pytest.mark.spec("ST-10", "G-18")
@pytest.mark.parametrize("id", ["binary", "custom", "a.b", "a" * 65, "%20"])
async def test_ids_that_no_storage_has(api: Api, id: str) -> None:
    assert await api.refused(f"/storage/custom/{id}/60", "POST", headers=ALICE, body=b"") == UNKNOWN
    assert await api.refused(f"/storage/{id}", headers=ALICE) == UNKNOWN


@pytest.mark.spec("ST-12")
async def test_nothing_is_added_to_what_is_not_there(api: Api) -> None:
    assert await api.refused("/storage/788887/60", "POST", headers=FORM, body=b"a=1") == UNKNOWN
    assert await api.refused("/storage/788887/a") == UNKNOWN


@pytest.mark.spec("ST-8")
@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1", 1),
        ("0060", 60),
        ("0", DEFAULT_TTL),
        ("000", DEFAULT_TTL),
        ("-5", DEFAULT_TTL),
        ("1.5", DEFAULT_TTL),
        ("²", DEFAULT_TTL),
        ("soon", DEFAULT_TTL),
        ("", DEFAULT_TTL),
        ("9" * 11, LONGEST_TTL),
        ("9" * 5000, LONGEST_TTL),
    ],
)
def test_seconds_that_a_path_asks_for(text: str, seconds: int) -> None:
    assert time_to_live(text) == seconds


class Clock:
    """Seconds that pass when they are told to."""

    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.spec("ST-9", "ST-2")
async def test_data_lives_from_the_last_write_and_reading_does_not_prolong_it(tmp_path: Path) -> None:
    clock = Clock()
    store = SqliteStore(tmp_path / "store.db", clock)
    await store.open()
    storage = Storage(store.room("customers"), lambda: "id")
    await storage.create({"a": "1"}, 10)
    clock.now += 9
    await storage.add("id", {"b": "2"}, 10, "")
    clock.now += 9
    assert await storage.read("id", "") == {"a": "1", "b": "2"}
    clock.now += 2
    assert await store.room("customers").read("storage:id") == [None]
    await store.close()


@pytest.mark.spec("ST-13")
async def test_data_outlives_a_restart(tmp_path: Path) -> None:
    for has_run in (False, True):
        store = SqliteStore(tmp_path / "store.db")
        await store.open()
        storage = Storage(store.room("customers"), lambda: "id")
        if not has_run:
            await storage.create({"a": "1"}, 60)
        assert await storage.read("id", "") == {"a": "1"}
        await store.close()


def keys(count: int) -> bytes:
    return json.dumps({f"k{n}": "" for n in range(count)}).encode()


@pytest.mark.spec("ST-11")
@pytest.mark.parametrize(
    ("body", "status"),
    [
        (keys(1000), 200),
        (keys(1001), 413),
        (json.dumps({"k" * 256: ""}).encode(), 200),
        (json.dumps({"k" * 257: ""}).encode(), 413),
        (json.dumps({"": "1"}).encode(), 400),
        (b'{"a\\u0000": "1"}', 400),
        (b'{"a\\n": "1"}', 400),
        (b'{"a\\u0085": "1"}', 400),
        (json.dumps({"a": "x" * 1024 * 1024}).encode(), 200),
        (json.dumps({"a": "x" * (1024 * 1024 + 1)}).encode(), 413),
        (json.dumps({"a": "é" * 600_000}, ensure_ascii=False).encode(), 413),
    ],
    ids=lambda value: str(value)[:20],
)
async def test_bounds_of_keys_and_texts(api: Api, body: bytes, status: int) -> None:
    assert (await api.ask("/storage/30", "POST", headers=JSON, body=body))[0] == status


@pytest.mark.spec("ST-11", "ERR-5")
async def test_keys_are_counted_with_those_that_are_there(api: Api) -> None:
    id = await api.store({"a": "1"})
    refused = await api.refused(f"/storage/{id}/60", "POST", headers=JSON, body=keys(1000))
    assert refused == (413, "GSGException")
    assert await api.ask(f"/storage/{id}") == (200, {"a": "1"})


@pytest.mark.spec("ST-11")
@pytest.mark.parametrize("settings", [{"max_body_size": "20MiB"}])
@pytest.mark.parametrize(("size", "status"), [(10 * 1024 * 1024, 200), (10 * 1024 * 1024 + 1, 413)])
async def test_bound_of_a_file_and_of_all_together(api: Api, size: int, status: int) -> None:
    id = await api.store({})
    content = bytes(size)
    where = f"/storage/{id}/60"
    assert (await api.ask(where, "POST", headers=MULTIPART, body=file("f", "f", "a/b", content)))[0] == status
    again = (await api.ask(where, "POST", headers=MULTIPART, body=file("g", "g", "a/b", content)))[0]
    assert again == 413


@pytest.mark.spec("ERR-4", "OPS-72")
async def test_a_store_that_is_away_for_the_moment(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: Any) -> None:
        raise Unavailable

    monkeypatch.setattr(SqliteRoom, "read", fail)
    answer = await api.fetch("/genesys/1/storage/1")
    assert (answer.code, answer.headers["Retry-After"]) == (503, "1")
