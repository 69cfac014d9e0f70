"""A real Apache ActiveMQ, Debian's, in a process of its own; it speaks STOMP, and OpenWire to Java programs.

It keeps what it has in a folder that goes with the block that started it.
"""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from gateway.routing.bus.broker import Broker
from tests.support.ports import HOST, free_ports
from tests.support.redis_server import PATIENCE, wait_until

HOME = Path("/usr/share/activemq")
USER, PASSWORD = "gateway", "not-to:be/shown"

CONFIGURATION = """
<beans xmlns="http://www.springframework.org/schema/beans" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
    xsi:schemaLocation="http://www.springframework.org/schema/beans
    http://www.springframework.org/schema/beans/spring-beans-2.0.xsd
    http://activemq.apache.org/schema/core http://activemq.apache.org/schema/core/activemq-core.xsd">
  <broker xmlns="http://activemq.apache.org/schema/core" brokerName="tests" useJmx="false" useShutdownHook="true"
      dataDirectory="{folder}" schedulePeriodForDestinationPurge="0">
    <persistenceAdapter><kahaDB directory="{folder}/kahadb" journalMaxFileLength="1mb"/></persistenceAdapter>
    <plugins><simpleAuthenticationPlugin anonymousAccessAllowed="false"><users>
      <authenticationUser username="{user}" password="{password}" groups="users"/>
    </users></simpleAuthenticationPlugin></plugins>
    <transportConnectors>
      <transportConnector name="stomp" uri="stomp://{host}:{stomp}"/>
      <transportConnector name="openwire" uri="tcp://{host}:{openwire}"/>
    </transportConnectors>
  </broker>
</beans>
"""


class ActiveMq:
    """One broker; ``start`` it again after ``stop`` or ``kill``: same ports, and what was persistent is there.

    Args:
        folder: its own.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port, self.openwire = free_ports(2)
        self._process: subprocess.Popen[bytes] | None = None
        configuration = CONFIGURATION.format(
            folder=folder, host=HOST, stomp=self.port, openwire=self.openwire, user=USER, password=PASSWORD
        )
        (folder / "activemq.xml").write_text(configuration, "utf-8")

    @property
    def url(self) -> str:
        """Where it speaks STOMP."""
        return f"stomp://{HOST}:{self.port}"

    @property
    def address(self) -> Broker:
        """The same, with its account."""
        return Broker(HOST, self.port, USER, PASSWORD)

    def start(self) -> None:
        """Returns when it takes connections."""
        words = ["java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", *self._properties]
        words += ["-jar", str(HOME / "bin" / "activemq.jar"), "start", f"xbean:file:{self._folder}/activemq.xml"]
        with (self._folder / "output").open("ab") as output:
            self._process = subprocess.Popen(words, stdout=output, stderr=output)
        wait_until(self._answers)

    def stop(self) -> None:
        """End it as its operator would."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """It dies as it stands."""
        self._end(signal.SIGKILL)

    def browse(self, queue: str) -> str:
        """What Java's JMS client, a program of the broker's own, says of the messages in a queue."""
        words = ["java", *self._properties, "-jar", str(HOME / "bin" / "activemq.jar"), "browse"]
        words += ["--amqurl", f"tcp://{HOST}:{self.openwire}", "--user", USER, "--password", PASSWORD, queue]
        return subprocess.run(words, check=True, capture_output=True, text=True, timeout=50).stdout

    @property
    def _properties(self) -> list[str]:
        folder = self._folder
        return [
            *(f"-Dactivemq.home={HOME}", f"-Dactivemq.base={folder}", f"-Dactivemq.conf={folder}"),
            *(f"-Dactivemq.data={folder}", f"-Djava.io.tmpdir={folder}"),
        ]

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self._folder / "output").read_text("utf-8")[-2000:]
        for port in (self.port, self.openwire):
            with socket.socket() as probe:
                if probe.connect_ex((HOST, port)):
                    return False
        return True

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(how)
            self._process.wait(PATIENCE)


@contextmanager
def activemq() -> Iterator[ActiveMq]:
    """One broker."""
    with TemporaryDirectory(prefix="activemq-") as folder:
        broker = ActiveMq(Path(folder))
        try:
            broker.start()
            yield broker
        finally:
            broker.kill()


def has_activemq() -> bool:
    """Whether one can be started here."""
    return shutil.which("java") is not None and (HOME / "bin" / "activemq.jar").exists()
