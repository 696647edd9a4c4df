"""A real Kafka broker in KRaft mode on loopback: one process that is broker and controller."""

import base64
import os
import socket
import subprocess
import time
import uuid
from pathlib import Path

from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from gateway.addresses import free_port
from tests.support.servers import ROOT

JARS = ROOT / ".venv" / "kafka"
START_SECONDS = 60
PROPERTIES = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={folder}/logs
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
"""


class Broker:
    """Keeps its data in `folder` through kill and start."""

    def __init__(self, folder: Path) -> None:
        if not list(JARS.glob("kafka_*.jar")):
            raise RuntimeError("The broker's jars are not here: run make test-kafka")
        self._folder = folder
        self._port = free_port()
        self._properties = folder / "server.properties"
        self._properties.write_text(PROPERTIES.format(port=self._port, controller=free_port(), folder=folder))
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        subprocess.run(
            self._java("kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(self._properties)),
            check=True,
            capture_output=True,
            timeout=START_SECONDS,
        )
        self._process: subprocess.Popen[bytes] | None = None
        self.started_at = 0.0

    @property
    def servers(self) -> str:
        return f"127.0.0.1:{self._port}"

    def start(self) -> None:
        self.started_at = time.time()
        with (self._folder / "broker.log").open("ab") as output:
            self._process = subprocess.Popen(
                self._java("kafka.Kafka", str(self._properties)), stdout=output, stderr=output
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise RuntimeError(f"No broker:\n{(self._folder / 'broker.log').read_text()[-3000:]}")
            time.sleep(0.2)

    def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def create_topics(self, *topics: str, partitions: int = 3) -> None:
        admin = AdminClient({"bootstrap.servers": self.servers})
        made = admin.create_topics([NewTopic(topic, partitions, 1) for topic in topics])
        for topic in made.values():
            topic.result(timeout=30)

    def _answers(self) -> bool:
        with socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex(("127.0.0.1", self._port)) == 0

    @staticmethod
    def _java(*command: str) -> list[str]:
        java = os.environ.get("JAVA_HOME", "")
        program = str(Path(java, "bin", "java")) if java else "java"
        return [program, "-Xms64m", "-Xmx256m", "-cp", f"{JARS}/*", *command]
