"""Several workers under a supervisor, and a Redis between them: each of them as a process, as people run them."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from typing import Any

import pytest

from tests.gateway.process import PATIENCE, Process, Start, serve, subscribed
from tests.support.redis_server import RedisServer, has_redis, redis_server

pytestmark = pytest.mark.skipif(not has_redis(), reason="redis-server is not installed: apt-get install redis-server")


@pytest.fixture(scope="module")
def shared_redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture
def redis(shared_redis: RedisServer) -> RedisServer:
    """Empty, and not to be stopped."""
    shared_redis.ask("FLUSHALL")
    return shared_redis


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """One that may be stopped."""
    with redis_server() as server:
        yield server


class Gateway:
    """A running ``serve``, and what its operators get to know."""

    def __init__(self, start: Start, process: Process) -> None:
        self._start = start
        self.process = process
        (found,) = (process.directory / "bayeux-gateway").glob("internal-*.json")
        self.running = json.loads(found.read_text())

    def status(self) -> Any:
        status = self._start("status", "--json")
        assert status.end() == 0
        return json.loads(status.printed)

    def workers(self) -> dict[str, Any]:
        return {worker["worker"]: worker for worker in self.status()["workers"]}

    def ask(self, path: str, method: str = "GET", body: Any = None, **headers: str) -> tuple[int, str]:
        connection = HTTPConnection(self.running["internal"].removeprefix("http://"), timeout=PATIENCE)
        try:
            authorization = f"Bearer {self.running['token']}"
            content = None if body is None else json.dumps(body)
            connection.request(method, path, content, {"Authorization": authorization, **headers})
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def until(self, holds: Callable[[], bool]) -> None:
        """Ask until it holds."""
        end = time.monotonic() + PATIENCE
        while not holds():
            assert time.monotonic() < end, self.process.printed[-3000:]
            time.sleep(0.05)

    def is_ready(self) -> bool:
        return self.ask("/health/ready")[0] == 200


def gateway(start: Start, redis: RedisServer, *arguments: str, workers: int = 2) -> Gateway:
    return Gateway(start, serve(start, "--dev", "--redis", redis.url, "--workers", str(workers), *arguments))


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.spec("OPS-45", "OPS-48", "OPS-60")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_workers_serve_on_one_port_and_leave_together(start: Start, redis: RedisServer, number: int) -> None:
    """Ctrl-C goes to the whole group of the terminal, and only the supervisor is in it."""
    served = gateway(start, redis)
    workers = served.workers()
    assert {worker["state"] for worker in workers.values()} == {"ready"}
    assert len({worker["node"] for worker in workers.values()}) == len(workers) == 2
    os.killpg(served.process.child.pid, number)
    assert served.process.end() == 0
    assert served.process.events.count("stopped") == 3
    assert served.process.events.count("a worker has died") == 0
    assert not any(lives(worker["pid"]) for worker in workers.values())


@pytest.mark.spec("OPS-45", "OPS-51")
def test_a_worker_that_died_is_replaced_and_the_others_serve_on(start: Start, redis: RedisServer) -> None:
    served = gateway(start, redis)
    before = served.workers()
    began = time.monotonic()
    os.kill(before["0"]["pid"], signal.SIGKILL)
    served.until(lambda: "a worker has died" in served.process.events)
    assert served.is_ready()
    served.until(lambda: served.process.events.count("ready") == 4)
    assert time.monotonic() - began < 20  # a second, and what a busy machine adds to the start of an interpreter
    after = served.workers()
    assert after["1"]["pid"] == before["1"]["pid"]
    assert after["0"]["node"] not in (before["0"]["node"], "")
    assert "gateway_worker_deaths_total 1.0" in served.ask("/metrics")[1]
    served.process.child.terminate()
    assert served.process.end() == 0


@pytest.mark.soak
@pytest.mark.spec("OPS-45", "OPS-51")
def test_a_worker_that_hangs_is_told_and_asked_in_vain(start: Start, redis: RedisServer) -> None:
    """Operators get an answer all the same, and soon."""
    served = gateway(start, redis)
    stopped = served.workers()["1"]["pid"]
    os.kill(stopped, signal.SIGSTOP)
    assert served.workers()["1"] == {"worker": "1", "pid": stopped, "state": "silent"}
    assert served.is_ready()
    assert "does not answer" in served.ask("/health/ready")[1]
    assert served.ask("/metrics")[0] == 200
    os.kill(stopped, signal.SIGCONT)
    served.until(lambda: served.workers()["1"]["state"] == "ready")


@pytest.mark.spec("OPS-45")
def test_workers_without_their_supervisor_leave(start: Start, redis: RedisServer) -> None:
    """Else they would keep the port from the next one."""
    served = gateway(start, redis)
    workers = [worker["pid"] for worker in served.workers().values()]
    served.process.child.kill()
    served.process.end()
    served.until(lambda: not any(map(lives, workers)))


@pytest.mark.soak
@pytest.mark.spec("OPS-60", "OPS-15")
def test_a_second_interrupt_hurries_the_workers(start: Start, redis: RedisServer) -> None:
    served = gateway(start, redis, "--set", "drain.notice=20s")
    subscribed(start, "/demo")
    served.process.child.send_signal(signal.SIGINT)
    served.until(lambda: served.process.events.count("stopping") == 3)
    served.process.child.send_signal(signal.SIGINT)
    assert served.process.end() == 130


@pytest.mark.spec("OPS-45", "OPS-15", "OPS-17")
def test_what_another_gateway_listens_on_is_not_shared_with_it(start: Start, redis: RedisServer) -> None:
    """A shared port could be had by two gateways, each with half of the clients."""
    served = gateway(start, redis)
    port = served.running["public"].rpartition(":")[2]
    other = start(
        "serve", "--port", port, "--set", "listen.internal=127.0.0.1:0", "--redis", redis.url, "--workers", "2"
    )
    assert other.end() == 1
    assert other.child.stderr is not None
    assert f":{port} cannot be used" in other.child.stderr.read()


@pytest.mark.soak
@pytest.mark.spec("OPS-45", "OPS-50")
def test_metrics_of_all_workers_are_told_as_one(start: Start, redis: RedisServer) -> None:
    served = gateway(start, redis)
    for _ in range(6):
        assert start("publish", "/demo/hello", '"hi"').end() == 0
    text = served.ask("/metrics")[1]
    lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    (handshakes,) = [value for name, value in lines.items() if name.startswith("bayeux_handshakes_total")]
    assert float(handshakes) == 6
    for worker in "01":
        assert f'bayeux_channels{{worker="{worker}"}}' in lines
        assert lines[f'backplane_up{{worker="{worker}"}}'] == "1.0"
    assert lines['gateway_workers{state="ready"}'] == "2.0"


@pytest.mark.soak
@pytest.mark.spec("MRE-151", "MRE-152")
def test_the_routing_of_all_workers_is_told_as_one(start: Start, redis: RedisServer) -> None:
    served = gateway(start, redis)
    (served.process.directory / "body.json").write_text('{"TaskId": "nonsense"}')
    tail = start("mre", "tail", "--dev", "--json", "-n", "3")
    while tail.child.poll() is None:  # it may begin to listen after what was sent
        assert start("mre", "send", "--dev", "GetTaskState", "body.json").end() == 0
    shown = [json.loads(line) for line in tail.printed.splitlines()]
    assert {(each["queue"], each["type"]) for each in shown} == {("General", "GetTaskState"), ("ChatServer", "Error")}
    assert len({(each["queue"], each["id"]) for each in shown}) == len(shown)
    refused = start("mre", "send", "--dev", "Nonsense", "body.json")
    assert refused.end() == 1
    assert refused.child.stderr is not None
    assert "there are AgentState" in refused.child.stderr.read()

    lines = served.ask("/metrics")[1].splitlines()
    leads = [line for line in lines if line.startswith('mre_leads{role="communication"')]
    assert sorted(line.rsplit(" ", 1)[1] for line in leads) == ["0.0", "1.0"]
    dead = [line for line in lines if line.startswith('mre_dead_letters{queue="General"')]
    assert [line.rsplit(" ", 1)[1] for line in dead] == ["0.0"]


@pytest.mark.spec("MRE-150")
def test_the_plan_is_that_of_all_workers(start: Start, redis: RedisServer) -> None:
    served = gateway(start, redis)
    assert served.ask("/admin/agents/Anna", "PUT", {"attributes": ["vip"]})[0] == 201
    for _ in range(4):  # whichever answers
        assert json.loads(served.ask("/admin/agents/Anna")[1])["entry"]["attributes"] == ["vip"]
    assert served.ask("/admin/agents/Anna", "DELETE", **{"If-Match": '"0"'})[0] == 412
    assert served.ask("/admin/queues/SimpleChatInQueue", "DELETE")[0] == 409
    assert served.ask("/admin/agents/Anna", "PUT", {"attributes": ["english=11"]})[0] == 422


@pytest.mark.soak
@pytest.mark.spec("OPS-8", "OPS-46", "SEC-44")
def test_publish_reaches_the_user_at_whatever_worker(start: Start, redis: RedisServer) -> None:
    gateway(start, redis)
    readers = [subscribed(start, "--as", "Agent1", "--count", "1", "--dev", "/v2/me") for _ in range(4)]
    other = subscribed(start, "--as", "Agent2", "--count", "1", "--dev", "/**")
    published = start("publish", "--dev", "--user", "Agent1", "/v2/me", '"for Agent1"')
    assert published.end() == 0
    assert json.loads(published.printed)["sessions"] is None  # nobody can know
    for reader in readers:
        assert reader.end() == 0
        assert json.loads(reader.printed)["data"] == "for Agent1"
    assert start("publish", "--dev", "--user", "Agent2", "/v2/me", '"for Agent2"').end() == 0
    assert other.end() == 0
    assert [json.loads(line)["data"] for line in other.printed.splitlines()] == ["for Agent2"]


@pytest.mark.soak
@pytest.mark.spec("OPS-10", "OPS-61")
def test_drain_sends_the_clients_away_and_stays(start: Start, redis: RedisServer) -> None:
    served = gateway(start, redis)
    subscribed(start, "/demo")
    drained = start("drain")
    assert drained.end() == 0
    assert json.loads(drained.printed) == {"processes": 2, "sessions": 1}
    assert not served.is_ready()
    assert served.status()["state"] == "draining"
    assert served.process.child.poll() is None
    served.process.child.terminate()
    assert served.process.end() == 0


@pytest.mark.soak
@pytest.mark.spec("OPS-10", "OPS-45")
def test_one_worker_can_be_drained_and_is_replaced(start: Start, redis: RedisServer) -> None:
    """Its session goes on at the other one: its client sees nothing but a connection that ends."""
    served = gateway(start, redis)
    reader = subscribed(start, "--count", "2", "/demo")
    assert start("publish", "/demo", "1").end() == 0
    (holder,) = [worker for worker in served.workers().values() if worker["sessions"]]
    assert start("drain", "--node", holder["node"], "--leave").end() == 0
    served.until(lambda: served.process.events.count("ready") == 4)
    assert served.workers()[holder["worker"]]["node"] != holder["node"]
    served.until(lambda: sum(worker["sessions"] for worker in served.workers().values()) == 1)
    assert start("publish", "/demo", "2").end() == 0
    assert reader.end() == 0
    assert "a worker has died" not in served.process.events
    assert start("drain", "--node", "elsewhere").end() == 1


@pytest.mark.soak
@pytest.mark.spec("OPS-60", "OPS-61")
def test_usr2_drains_and_usr1_writes_a_dump(start: Start, redis: RedisServer) -> None:
    served = gateway(start, redis)
    served.process.child.send_signal(signal.SIGUSR1)
    served.until(lambda: served.process.events.count("dump") == 2)
    served.process.child.send_signal(signal.SIGHUP)
    served.until(lambda: sum(event.startswith("nothing is reloaded") for event in served.process.events) == 2)
    served.process.child.send_signal(signal.SIGUSR2)
    served.until(lambda: not served.is_ready())
    assert served.process.child.poll() is None


@pytest.mark.soak
@pytest.mark.spec("OPS-10", "DSC-6")
def test_kick_ends_the_sessions_of_a_user(start: Start, redis: RedisServer) -> None:
    gateway(start, redis)
    for _ in range(4):
        subscribed(start, "--as", "Agent1", "--dev", "/v2/me")
    subscribed(start, "--as", "Agent2", "--dev", "/v2/me")
    kicked = start("kick", "--user", "Agent1")
    assert kicked.end() == 0
    assert json.loads(kicked.printed) == {"sessions": 4}
    assert start("kick").end() == 2


@pytest.mark.soak
@pytest.mark.spec("OPS-9", "OPS-16", "OPS-62")
def test_status_says_what_becomes_of_sessions(start: Start, redis: RedisServer) -> None:
    served = gateway(start, redis)
    served.until(lambda: len(served.status()["cluster"]["nodes"]) == 2)
    told = start("status")
    assert told.end() == 0
    assert f"Redis at {redis.url} is connected." in told.printed
    assert "the others take its sessions over" in told.printed
    for worker in served.workers().values():
        assert worker["node"] in told.printed


@pytest.mark.soak
@pytest.mark.spec("OPS-48", "OPS-51", "OPS-72")
def test_without_redis_it_is_not_ready_and_publishing_is_refused(start: Start, own_redis: RedisServer) -> None:
    own_redis.stop()
    served = gateway(start, own_redis, "--set", "backplane.grace=1s")
    assert not served.is_ready()
    own_redis.start()
    served.until(served.is_ready)
    own_redis.stop()
    served.until(lambda: not served.is_ready())
    refused = start("publish", "--dev", "--user", "Agent1", "/v2/me", "1")
    assert refused.end() == 75
    assert served.status()["cluster"]["is_connected"] is False
    own_redis.start()
    served.until(served.is_ready)
    assert start("publish", "--dev", "--user", "Agent1", "/v2/me", "1").end() == 0


@pytest.mark.soak
@pytest.mark.spec("OPS-48", "OPS-15")
@pytest.mark.parametrize("workers", ["1", "2"])
def test_redis_may_be_required_at_the_start(start: Start, own_redis: RedisServer, workers: str) -> None:
    own_redis.stop()
    gateway = start(
        *("serve", "--port", "0", "--set", "listen.internal=127.0.0.1:0"),
        *("--redis", own_redis.url, "--workers", workers, "--set", "backplane.required_at_start=true"),
    )
    assert gateway.end() == 69
    assert gateway.child.stderr is not None
    assert "set backplane.required_at_start = false" in gateway.child.stderr.read()
