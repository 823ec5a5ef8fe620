"""The only module that imports Locust: its runners, messages, users and command line.

The master (or the only process) tells every worker its shard and the plan, merges the packets that come
back, and writes the outcome. Locust's own statistics get the latency from the intended start as well.
"""

import os
import secrets
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import gevent
from locust import User, constant, events, task
from locust.env import Environment
from locust.event import EventHook
from locust.exception import CatchResponseError
from locust.rpc import Message
from locust.runners import MasterRunner, Runner, WorkerRunner
from pydantic import ValidationError

from claimbench.errors import ClaimbenchError, ExitCode, UsageError
from claimbench.loadgen.load.client import Client, trusting
from claimbench.loadgen.load.collector import Collector, GeneratorProcess
from claimbench.loadgen.load.dispatch import CUT_OFF, Dispatcher, Sent, Shard
from claimbench.loadgen.load.exchanges import HttpRequest
from claimbench.loadgen.load.login import logged_in
from claimbench.loadgen.load.loopback import require_loopback
from claimbench.loadgen.load.packets import decode
from claimbench.loadgen.load.plan import LoadPlan, Task, read_plan, resolved
from claimbench.loadgen.load.planning import default_plan
from claimbench.loadgen.load.requests import Requests
from claimbench.loadgen.load.validity import Bounds, problems
from claimbench.reports.record.load import Generated, WorkerRecord

BEGIN, PACKET, DONE = "claimbench_begin", "claimbench_packet", "claimbench_done"
FAILED = "claimbench_failed"
DELAY_S = 0.5
"""From the message to the first arrival: longer than a message needs to reach the last worker."""

WATCH_EACH_S = 0.25
LOOK_EACH_S = 0.05


class OpenArrivals(User):
    """Locust's user, one for each process, which it cannot do without; the schedule makes the load."""

    fixed_count = 0
    wait_time = constant(1)

    @task
    def wait(self) -> None:
        """Do nothing: arrivals are dispatched beside the users."""


def register() -> None:
    """Take part in the Locust of this process; the locustfile calls it."""
    _listen(events.init_command_line_parser, _add_options)
    _listen(events.init, _take_part)


def _listen(hook: EventHook, listener: Callable[..., None]) -> None:
    hook.add_listener(listener)  # type: ignore[no-untyped-call]  # Locust leaves it untyped


def _add_options(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("claimbench")
    group.add_argument("--plan", default="", help="The load to make, as claimbench load writes it.")
    group.add_argument(
        "--await-plan", type=float, default=0.0, help="How long to wait for that file, in seconds."
    )
    group.add_argument(
        "--allow-host", action="append", default=[], help="Another machine that may be loaded, by name."
    )
    group.add_argument("--outcome", default="", help="The file to write what was seen to, as JSON.")


def _take_part(environment: Environment, runner: Runner, **_: Any) -> None:
    if isinstance(runner, WorkerRunner):
        Generator(environment, runner)
        return
    options = environment.parsed_options
    if options is None:
        return
    # The loop's time stands still while modules are imported, and `-t` would count from before that.
    gevent.get_hub().loop.update_now()
    try:
        if options.tags or options.exclude_tags:
            raise UsageError("a plan has no tags", where="--tags", remedy="leave out operations in the plan")
        plan = _plan(environment.host or "", options)
    except ClaimbenchError as error:
        sys.stderr.write(f"claimbench: {error}\n")
        sys.exit(error.exit_code)
    environment.host = plan.host
    if not isinstance(runner, MasterRunner):
        Generator(environment, runner)
    Conductor(environment, runner, plan, options)


def _plan(host: str, options: Namespace) -> LoadPlan:
    """The plan of the command line, ready to be sent to every process: with its host and its secrets."""
    outcome, allowed = Path(options.outcome), options.allow_host
    if options.outcome and (outcome.is_dir() or not os.access(outcome.parent, os.W_OK)):
        remedy = "name a file in a folder that is there"
        raise UsageError("cannot be written", where=f"--outcome {outcome}", remedy=remedy)
    host = require_loopback(host, allowed) if host else ""
    if not options.plan:
        return default_plan(host)
    plan = _awaited(Path(options.plan), options.await_plan)
    host = host or require_loopback(plan.host, allowed, f"{options.plan}: host")
    if host.startswith("https:"):
        trusting(plan.ca)
    return resolved(plan.model_copy(update={"host": host}), os.environ, options.plan)


def _awaited(file: Path, seconds: float) -> LoadPlan:
    deadline = time.monotonic() + seconds
    while not file.exists() and time.monotonic() < deadline:
        gevent.sleep(LOOK_EACH_S)
    return read_plan(file)


class Generator:
    """The part of a process that sends requests."""

    def __init__(self, environment: Environment, runner: Runner) -> None:
        self._environment, self._runner = environment, runner
        self._running: gevent.Greenlet | None = None
        self._dispatcher: Dispatcher | None = None
        runner.register_message(BEGIN, self._begin)
        _listen(environment.events.test_stopping, self._stop)

    def _begin(self, environment: Environment, msg: Message, **_: Any) -> None:
        del environment
        try:
            plan = LoadPlan.model_validate_json(msg.data["plan"])
            require_loopback(plan.host, msg.data["allowed"])
        except (ValidationError, ClaimbenchError):  # a master of another version
            self._runner.send_message(FAILED, "")
            raise
        self._stop()
        sender = Sender(plan, self._environment)
        self._dispatcher = Dispatcher(
            plan,
            Shard(msg.data["worker"], msg.data["workers"]),
            sender.send,
            lambda packet: self._runner.send_message(PACKET, packet.encode()),
        )
        self._running = gevent.spawn(self._run, self._dispatcher)
        self._running.link_exception(lambda _: self._runner.send_message(FAILED, ""))

    def _run(self, dispatcher: Dispatcher) -> None:
        record = dispatcher.run(DELAY_S)
        self._dispatcher = None
        self._runner.send_message(DONE, record.model_dump_json())

    def _stop(self, **_: Any) -> None:
        """Tell what was seen of a run that is ended before its plan is."""
        dispatcher, self._dispatcher = self._dispatcher, None
        if dispatcher is None or self._running is None:
            return
        self._running.kill()
        self._runner.send_message(DONE, dispatcher.close(CUT_OFF).model_dump_json())


class Sender:
    """Sends requests, and tells Locust's statistics; connections are shared by all tenants."""

    def __init__(self, plan: LoadPlan, environment: Environment) -> None:
        self._requests = Requests(plan)
        self._event = environment.events.request
        self._client = Client(plan.host, plan.timeout_s, plan.resend, plan.ca)

    def send(self, each: Task, due: float) -> Sent:
        """Send it; what is done about the answer no longer counts as waiting for it."""
        request, notes = self._requests.of(each), list[str]()
        try:
            answer = self._client.send(request, notes)
        except OSError as error:
            sent = Sent(time.perf_counter(), type(error).__name__, tuple(notes))
            self._tell(request, due, sent, 0, error)
            return sent
        failed = not request.is_answered_by(answer.status)
        sent = Sent(answer.ended_s, f"HTTP {answer.status}" if failed else "", (*notes, *answer.notes))
        if request.is_remembered and not failed:
            self._requests.learn(each, answer.content)
        self._tell(
            request, due, sent, len(answer.content), CatchResponseError(sent.reason) if failed else None
        )
        return sent

    def _tell(
        self, request: HttpRequest, due: float, sent: Sent, length: int, error: Exception | None
    ) -> None:
        self._event.fire(  # type: ignore[no-untyped-call]  # as above
            request_type=request.method,
            name=request.name,
            response_time=(sent.ended_s - due) * 1000,
            response_length=length,
            response=None,
            context={},
            exception=error,
            start_time=time.time() - (time.perf_counter() - due),
            url=request.path,
        )


class Conductor:
    """The part that starts all generators at once, merges what they tell, and ends the run."""

    def __init__(self, environment: Environment, runner: Runner, plan: LoadPlan, options: Namespace) -> None:
        self._environment, self._runner, self._plan, self._options = environment, runner, plan, options
        self._begun: gevent.Greenlet | None = None
        self._is_refused = False
        self._collector: Collector | None = None
        self._told: Collector | None = None
        runner.register_message(PACKET, self._packet)
        runner.register_message(DONE, self._done)
        runner.register_message(FAILED, self._failed)
        _listen(environment.events.spawning_complete, self._begin)
        _listen(environment.events.quitting, self._end)

    def _begin(self, **_: Any) -> None:
        if self._collector is not None and not self._collector.is_over:
            return  # Locust says so again when it spreads its users anew
        if self._begun is None or self._begun.dead:
            # Apart, for a runner that is told to quit while it spawns its users waits for itself.
            self._begun = gevent.spawn(self._start)

    def _start(self) -> None:
        try:
            plan = logged_in(self._plan.model_copy(update={"salt": secrets.token_hex(6)}))
        except ClaimbenchError as error:
            self._refuse(error)
            return
        clients = [*self._runner.clients] if isinstance(self._runner, MasterRunner) else ["local"]
        self._collector = Collector(
            self._plan, [GeneratorProcess(each) for each in clients], time.monotonic()
        )
        shared = {
            "plan": plan.model_dump_json(),
            "workers": len(clients),
            "allowed": self._options.allow_host,
        }
        for worker, client in enumerate(clients):
            content = {**shared, "worker": worker}
            if isinstance(self._runner, MasterRunner):
                self._runner.send_message(BEGIN, content, client_id=client)
            else:
                self._runner.send_message(BEGIN, content)
        gevent.spawn(self._watch, self._collector)

    def _refuse(self, error: ClaimbenchError) -> None:
        sys.stderr.write(f"claimbench: {self._options.plan}: {error}\n")
        self._environment.process_exit_code = error.exit_code
        self._is_refused = True
        self._leave()

    def _packet(self, environment: Environment, msg: Message, **_: Any) -> None:
        del environment
        if self._collector is not None:
            self._collector.add(decode(msg.data))

    def _done(self, environment: Environment, msg: Message, **_: Any) -> None:
        del environment
        if self._collector is not None:
            self._collector.finish(msg.node_id, WorkerRecord.model_validate_json(msg.data))

    def _failed(self, environment: Environment, msg: Message, **_: Any) -> None:
        del environment
        if self._collector is not None:
            self._collector.lose(msg.node_id)

    def _watch(self, collector: Collector) -> None:
        while not collector.is_over:
            gevent.sleep(WATCH_EACH_S)
            if isinstance(self._runner, MasterRunner):
                alive = {node.id for node in self._runner.clients.all if node.state != "missing"}
                collector.look(alive, time.monotonic())
            else:
                collector.look({"local"}, time.monotonic())
        self._tell(collector)
        self._leave()

    def _leave(self) -> None:
        if self._environment.web_ui is None:
            self._runner.quit()
        else:
            self._runner.stop()

    def _end(self, **_: Any) -> None:
        """Locust ends, be it early: what was measured is kept, and said to be no whole run."""
        if self._is_refused:
            return
        if self._collector is None:
            self._environment.process_exit_code = ExitCode.INCONCLUSIVE
            sys.stderr.write("claimbench: the run was ended before it began; nothing was measured\n")
            return
        if not self._collector.is_over:
            self._runner.stop()
            self._collector.give_up()
        self._tell(self._collector)

    def _tell(self, collector: Collector) -> None:
        if self._told is collector:
            return
        self._told = collector
        generated = collector.generated()
        self._write(generated)
        sys.stderr.write(collector.summary(generated))
        found = tuple(problems(generated, Bounds(timedelta(seconds=self._plan.lag_p99_s))))
        for problem in found:
            sys.stderr.write(f"claimbench: not fit to measure: {problem}\n")
        if found:
            self._environment.process_exit_code = ExitCode.INCONCLUSIVE

    def _write(self, generated: Generated) -> None:
        if not self._options.outcome:
            return
        try:
            Path(self._options.outcome).write_text(generated.model_dump_json())
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            sys.stderr.write(f"claimbench: --outcome {self._options.outcome}: cannot be written ({reason})\n")
            self._environment.process_exit_code = ExitCode.USAGE
