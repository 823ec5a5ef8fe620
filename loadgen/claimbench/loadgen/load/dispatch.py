"""Sends one process's share of the arrivals, each at its time, whatever became of those before it."""

import gc
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import gevent
import psutil
from gevent.pool import Pool

from claimbench.loadgen.load.arrivals import share
from claimbench.loadgen.load.packets import Packet
from claimbench.loadgen.load.plan import LoadPlan, Task
from claimbench.loadgen.load.recorder import Finished, Recorder
from claimbench.reports.record.load import WorkerRecord

REPORT_EACH_S = 1.0
NO_ANSWER = "no answer in time"
CUT_OFF = "cut off by the end of the run"


@dataclass(frozen=True, slots=True)
class Sent:
    """When the whole answer was there, on this process's clock, and why the request failed, or nothing."""

    ended_s: float
    reason: str = ""
    notes: tuple[str, ...] = ()


Send = Callable[[Task, float], Sent]
"""Sends one request, given its intended start on this process's clock."""


@dataclass(frozen=True, slots=True)
class Shard:
    """Which of how many processes this is."""

    worker: int
    workers: int


class Dispatcher:
    """Runs a plan's share: spawns a greenlet for each arrival, and hands over packets every second."""

    def __init__(self, plan: LoadPlan, shard: Shard, send: Send, hand_over: Callable[[Packet], None]) -> None:
        self._plan, self._shard, self._send, self._hand_over = plan, shard, send, hand_over
        self._recorder = Recorder(shard.worker, plan.window_s)
        self._pool = Pool(plan.in_flight_max)
        self._in_flight: dict[int, Finished] = {}
        self._bytes_max = 0
        self._start_s = 0.0
        self._share = 0
        self._meter: CpuMeter | None = None
        self._busy = BusyMeter()
        self._reporter: gevent.Greenlet | None = None

    def run(self, delay_s: float) -> WorkerRecord:
        """Start the schedule in so many seconds; return when the last request is answered or given up."""
        times = self._plan.times()
        drawn = self._plan.draw(len(times))
        mine = share(len(times), self._shard.worker, self._shard.workers)
        tasks = deque(Task(i, int(drawn.operations[i]), int(drawn.tenants[i]), float(times[i])) for i in mine)
        gc.collect()
        gc.freeze()
        self._start_s = time.perf_counter() + delay_s
        self._share = len(mine)
        gevent.sleep(delay_s / 2)
        self._meter = CpuMeter()
        self._reporter = gevent.spawn(self._report, self._meter)
        while tasks:
            self._arrive(tasks.popleft())
        self._pool.join(timeout=self._plan.timeout_s + 1)
        return self.close(NO_ANSWER)

    def close(self, reason: str) -> WorkerRecord:
        """Count what is still in flight as failed for this reason, hand over the rest, tell of the run."""
        self._give_up(reason)
        if self._reporter is not None:
            self._reporter.kill()
        meter = self._meter or CpuMeter()
        cpu_share, peak = meter.lap(), meter.peak
        self._flush()
        return WorkerRecord(
            index=self._shard.worker,
            arrivals=self._share,
            cpu_share=meter.overall(),
            cpu_share_peak=max(peak, cpu_share),
            report_bytes_max=self._bytes_max,
            in_flight_s=self._busy.area_s,
            observed_s=max(self._busy.at_s, 0.0),
        )

    def _arrive(self, task: Task) -> None:
        due = self._start_s + task.due_s
        # Yields even when late, because the requests before it need their turn.
        gevent.sleep(max(due - time.perf_counter(), 0))
        if self._pool.full():
            self._recorder.drop(task.operation, task.due_s)
        else:
            self._pool.spawn(self._serve, task, due)

    def _serve(self, task: Task, due: float) -> None:
        sent_s = time.perf_counter() - self._start_s
        self._in_flight[task.position] = Finished(task.operation, task.due_s, sent_s, sent_s, NO_ANSWER)
        self._busy.enter(task.due_s, sent_s)
        sent = self._send(task, due)
        del self._in_flight[task.position]
        ended_s = sent.ended_s - self._start_s
        self._recorder.finish(Finished(task.operation, task.due_s, sent_s, ended_s, sent.reason, sent.notes))
        self._busy.leave(ended_s)

    def _give_up(self, reason: str) -> None:
        """Count what is still in flight as failed, with the time that it has taken so far."""
        self._pool.kill()
        ended_s = time.perf_counter() - self._start_s
        for left in self._in_flight.values():
            self._recorder.finish(Finished(left.operation, left.due_s, left.sent_s, ended_s, reason))
            self._busy.leave(ended_s)
        self._in_flight.clear()

    def _report(self, meter: "CpuMeter") -> None:
        while True:
            gevent.sleep(REPORT_EACH_S)
            meter.lap()
            self._flush()

    def _flush(self) -> None:
        for packet in self._recorder.packets():
            self._bytes_max = max(self._bytes_max, len(packet.encode()))
            self._hand_over(packet)


class BusyMeter:
    """How many requests are in flight, from their intended starts on, integrated over time in seconds."""

    def __init__(self) -> None:
        self.area_s = self.at_s = 0.0
        self._in_flight = 0

    def enter(self, due_s: float, sent_s: float) -> None:
        """One was sent; what it waited for that counts as well."""
        self._change(sent_s, 1)
        self.area_s += sent_s - due_s

    def leave(self, ended_s: float) -> None:
        """One has ended."""
        self._change(ended_s, -1)

    def _change(self, at_s: float, by: int) -> None:
        self.area_s += self._in_flight * (at_s - self.at_s)
        self.at_s = at_s
        self._in_flight += by


class CpuMeter:
    """The processor time of this process as a share of one core, overall and at its peak."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._first = self._last = self._reading()
        self.peak = 0.0

    def lap(self) -> float:
        """Since the last lap."""
        before, self._last = self._last, self._reading()
        share_of_core = _share(before, self._last)
        self.peak = max(self.peak, share_of_core)
        return share_of_core

    def overall(self) -> float:
        """Since the meter was made."""
        return _share(self._first, self._reading())

    def _reading(self) -> tuple[float, float]:
        times = self._process.cpu_times()
        return time.perf_counter(), times.user + times.system


def _share(before: tuple[float, float], now: tuple[float, float]) -> float:
    passed = now[0] - before[0]
    return (now[1] - before[1]) / passed if passed > 0 else 0.0
