import os
import pathlib
import shutil
import signal
import subprocess
import time

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic
from kafka import Kafka

TROMMEL = os.environ["TROMMEL"]


class Topics:
    """The broker's topics through another client than ours."""

    def __init__(self, kafka):
        self.kafka = kafka
        self.quiet = {"bootstrap.servers": kafka.address, "log_level": 0}
        self.admin = AdminClient(self.quiet)

    def make(self, name, partitions=2):
        self.wait(self.admin.create_topics([NewTopic(name, partitions, 1)]))

    def widen(self, name, partitions):
        self.wait(self.admin.create_partitions([NewPartitions(name, partitions)]))

    def delete(self, name):
        self.wait(self.admin.delete_topics([name]))

    @staticmethod
    def wait(futures):
        for future in futures.values():
            future.result(timeout=30)

    def send(self, topic, values, partition=None):
        producer = Producer({**self.quiet, "linger.ms": 20})
        for i, value in enumerate(values):
            where = {} if partition is None else {"partition": partition}
            producer.produce(topic, value if isinstance(value, (bytes, type(None))) else value.encode(), key=str(i), **where)
            producer.poll(0)
        assert producer.flush(30) == 0

    def read(self, topic, committed=True):
        """All messages that are there, by partition and offset."""
        consumer = Consumer({**self.quiet, "group.id": "a test", "enable.auto.commit": False, "enable.partition.eof": True,
                             "isolation.level": "read_committed" if committed else "read_uncommitted", "auto.offset.reset": "earliest"})
        partitions = consumer.list_topics(topic, timeout=30).topics[topic].partitions
        consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
        found, ended = [], set()
        deadline = time.monotonic() + 60
        while len(ended) < len(partitions):
            assert time.monotonic() < deadline
            message = consumer.poll(1)
            if message is None:
                continue
            if message.error():
                ended.add(message.partition())
            else:
                found.append(message)
        consumer.close()
        return sorted(found, key=lambda message: (message.partition(), message.offset()))

    def committed(self, group, topic, partition=0):
        consumer = Consumer({**self.quiet, "group.id": group})
        (found,) = consumer.committed([TopicPartition(topic, partition)], timeout=30)
        consumer.close()
        return found.offset


class Job:
    """A folder with a pipeline, and runs of it."""

    def __init__(self, folder, **variables):
        self.folder, self.variables, self.process = folder, variables, None
        (folder / "in").mkdir(parents=True, exist_ok=True)

    def pipeline(self, text):
        (self.folder / "p.yaml").write_text(text)

    def environment(self):
        return {**os.environ, **self.variables}

    def once(self, *flags, code=0):
        done = subprocess.run([TROMMEL, "run", "p.yaml", "--once", *flags], cwd=self.folder, env=self.environment(), capture_output=True, text=True, timeout=180)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def start(self):
        self.log = open(self.folder / "run.log", "ab")
        self.process = subprocess.Popen([TROMMEL, "run", "p.yaml"], cwd=self.folder, env=self.environment(), stdout=self.log, stderr=self.log)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def end(self):
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(60) == 0, self.said()
        return self.said()

    def said(self):
        return (self.folder / "run.log").read_text()

    def until(self, what, why, seconds=60):
        deadline = time.monotonic() + seconds
        while not what():
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < deadline, f"{why}\n{self.said()}"
            time.sleep(0.05)

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.kill()


@pytest.fixture(scope="session")
def kafka(tmp_path_factory):
    server = Kafka(tmp_path_factory.mktemp("kafka"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def topics(kafka):
    return Topics(kafka)


@pytest.fixture
def job(kafka, tmp_path):
    made = Job(pathlib.Path(tmp_path) / "job", KAFKA=kafka.address)
    yield made
    made.stop()
    shutil.rmtree(made.folder, ignore_errors=True)
