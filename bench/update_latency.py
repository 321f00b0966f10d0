#!/usr/bin/env python3
"""Measures what updates of the served model cost the clients of a running job.

    bench/update_latency.py        about a minute; prints a table in Markdown

Starts `podium run` on this machine, one rank for each role. Its models have one architecture and
peak learning rates that grow from one to the next: nearly each is better than the one before, so it
is published, goes through the checkpoint engine to the replicas and is swapped in while the next one
trains. Meanwhile clients ask for the class of one image at a time, at random moments (Poisson) that
do not wait for answers, over connections that are kept. A latency counts from the moment at which
the request was to be sent.

A request counts as sent during an update when that moment lies between the order to the replicas to
fetch a version and --after seconds behind the first answer that names it; all others, from the first
version on and while models train, are quiet ones. Exits 1 when a request fails, or an older version
answers one sent after a newer one was seen. Further options go to podium (--engine.sync=p2p).
Nothing else should run on the machine. The last line is PODIUM_RESULT {...}.
"""
import argparse
import http.client
import json
import pathlib
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
MODEL = "bench"
PATIENCE = 120  # seconds for a line of the job, and for its end


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--podium", default=str(ROOT / "build/release/podium"))
    parser.add_argument("--models", type=int, default=25)
    parser.add_argument("--arch", default="dense 1024; relu; dense 512; relu; dense classes")
    parser.add_argument("--first-lr", type=float, default=3e-6)
    parser.add_argument("--lr-factor", type=float, default=1.55)
    parser.add_argument("--rate", type=float, default=200, help="requests per second")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--after", type=float, default=0.05, help="seconds that belong to an update")
    return parser.parse_known_args()


# --- The job -------------------------------------------------------------------------------------

class Job:
    """`podium run`, and when it said what."""

    def __init__(self, options, more, folder):
        names = [f"m{index:03}" for index in range(options.models)]
        command = [ROOT / "scripts/mpirun.sh", "-n", "4", options.podium, "run",
                   "--roles=ingest=1,train=1,ckpt=1,serve=1", f"--run.dir={folder}/run",
                   f"--io.cache_dir={folder}/cache", "--train.threads=1", "--serve.port=0",
                   f"--serve.model={MODEL}", "--serve.linger=forever",
                   "--run.models=" + ",".join(names)]
        for index, name in enumerate(names):
            rate = options.first_lr * options.lr_factor ** index
            command += [f"--model.{name}.arch={options.arch}", f"--model.{name}.epochs=1",
                        f"--model.{name}.lr={rate:.3g}"]
        self.metrics = pathlib.Path(folder) / "run/metrics.jsonl"
        self.token = pathlib.Path(folder) / "run/serve.token"
        self.models = options.models
        self.lines = []
        self.address = None
        self.serves, self.all_trained = threading.Event(), threading.Event()
        self.process = subprocess.Popen(command + more, text=True, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE)
        self.listener = threading.Thread(target=self.listen)
        self.listener.start()

    def listen(self):
        selected = 0
        for line in self.process.stderr:
            self.lines.append(line)
            if found := re.search(r"front door on http://(\S+),", line):
                self.address = found[1]
            if re.search(r" serve: version \d+ ", line):
                self.serves.set()
            selected += " select: " in line
            if selected == self.models:
                self.all_trained.set()

    def wait(self, event):
        """Until `event` happens, which may take long, but not while the job is silent or dead."""
        said, silent_since = len(self.lines), time.monotonic()
        while not event.wait(0.2):
            if len(self.lines) != said:
                said, silent_since = len(self.lines), time.monotonic()
            if self.process.poll() is not None or time.monotonic() - silent_since > PATIENCE:
                self.fail("the job ended or is silent")

    def end(self):
        """The job's result, once it has ended in good order."""
        self.process.send_signal(signal.SIGTERM)
        output, code = self.process.stdout.read(), self.process.wait(timeout=PATIENCE)
        self.listener.join()
        if code != 0:
            self.fail(f"the job ended with {code}")
        return json.loads(output.splitlines()[-1].split(" ", 1)[1])

    def fail(self, why):
        self.process.terminate()
        sys.exit(f"update_latency.py: {why}; its last lines:\n" + "".join(self.lines[-8:]))

    def deployments(self):
        """{version: seconds from the order to the replicas until all have swapped}."""
        events = map(json.loads, self.metrics.read_text().splitlines())
        return {event["version"]: event["milliseconds"] * 1e-3 for event in events
                if event["event"] == "deployed" and "failed" not in event}

    def swaps_ms(self):
        said = (re.search(r"version \d+: swapped in ([\d.]+) ms", line) for line in self.lines)
        return [float(found[1]) for found in said if found]


# --- The clients ---------------------------------------------------------------------------------

class Answer:
    def __init__(self, due, sent, answered, version):
        self.due, self.sent, self.answered, self.version = due, sent, answered, version
        self.latency = answered - due


class Clients:
    """Each has a connection and takes the next moment at which a request is due."""

    def __init__(self, address, token, options):
        self.address, self.rate = address, options.rate
        self.headers = {"Authorization": f"Bearer {token}"}
        self.answers, self.failures = [], []
        self.ending = False
        self.lock, self.random = threading.Lock(), random.Random(1)
        self.body = self.request_body()
        self.next_due = time.monotonic()
        self.threads = [threading.Thread(target=self.ask) for _ in range(options.connections)]
        for thread in self.threads:
            thread.start()

    def request_body(self):
        connection = http.client.HTTPConnection(self.address, timeout=PATIENCE)
        connection.request("GET", f"/v2/models/{MODEL}", headers=self.headers)
        shape = json.loads(connection.getresponse().read())["inputs"][0]["shape"]
        connection.close()
        shape = [1] + shape[1:]
        count = shape[1] * shape[2] * shape[3]
        image = [self.random.randrange(256) for _ in range(count)]
        return json.dumps({"inputs": [{"name": "image", "datatype": "UINT8", "shape": shape,
                                       "data": image}]}).encode()

    def due(self):
        with self.lock:
            self.next_due += self.random.expovariate(self.rate)
            return self.next_due

    def ask(self):
        connection = http.client.HTTPConnection(self.address, timeout=PATIENCE)
        while True:
            due = self.due()
            time.sleep(max(0.0, due - time.monotonic()))
            if self.ending:
                return
            sent = time.monotonic()
            try:
                connection.request("POST", f"/v2/models/{MODEL}/infer", self.body, self.headers)
                response = connection.getresponse()
                text = response.read()
                answered = time.monotonic()
                if response.status != 200:
                    raise OSError(f"{response.status} {text.decode()}")
                version = int(json.loads(text)["model_version"])
                self.answers.append(Answer(due, sent, answered, version))
            except (OSError, http.client.HTTPException) as failure:
                self.failures.append(repr(failure))
                connection.close()

    def end(self):
        self.ending = True
        for thread in self.threads:
            thread.join(PATIENCE)
        self.answers.sort(key=lambda answer: answer.answered)


# --- What came of it -----------------------------------------------------------------------------

def percentile(values, share):
    """In seconds as `values`, given in ms; None if there are none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1e3 if ordered else None


def cell(value, digits):
    return "-" if value is None else f"{value:.{digits}f}"


def first_answers(answers):
    first = {}
    for answer in answers:  # by the time of the answer
        first.setdefault(answer.version, answer.answered)
    return first


def update_times(answers, deployments, after):
    """(begin, end) of each update that clients saw; the first version replaced none."""
    first = first_answers(answers)
    oldest = min(first)
    return [(first[version] - seconds, first[version] + after)
            for version, seconds in sorted(deployments.items())
            if version in first and version != oldest]


def went_back(answers):
    """Requests that an older version answered though a newer one had answered before they left."""
    first = sorted(first_answers(answers).items())
    return sum(any(newer > answer.version and at < answer.sent for newer, at in first)
               for answer in answers)


def gaps(answers):
    """(moment, seconds) of the pauses between one answer and the next."""
    return [(after.answered, after.answered - before.answered)
            for before, after in zip(answers, answers[1:])]


def row(what, answers, pauses):
    latencies = [answer.latency for answer in answers]
    return {"what": what, "requests": len(answers), "p50_ms": percentile(latencies, 0.5),
            "p99_ms": percentile(latencies, 0.99), "most_ms": percentile(latencies, 1),
            "service_p99_ms": percentile([a.answered - a.sent for a in answers], 0.99),
            "late_p99_ms": percentile([a.sent - a.due for a in answers], 0.99),
            "longest_gap_ms": percentile(pauses, 1)}


def report(job, clients, options, result):
    updates = update_times(clients.answers, job.deployments(), options.after)
    if not updates:
        sys.exit("update_latency.py: no version was replaced while clients asked; give more --models")
    inside = lambda moment: any(begin <= moment <= end for begin, end in updates)
    rows = []
    for what, wanted in (("quiet", False), ("during updates", True)):
        rows.append(row(what, [a for a in clients.answers if inside(a.due) == wanted],
                        [gap for moment, gap in gaps(clients.answers) if inside(moment) == wanted]))
    print("| requests sent | number | p50, ms | p99, ms | longest, ms | p99 once sent, ms "
          "| p99 of sending late, ms | longest time without an answer, ms |\n|---|---|---|---|---|---|---|---|")
    for line in rows:
        cells = [cell(line[key], digits) for key, digits in (
            ("p50_ms", 2), ("p99_ms", 2), ("most_ms", 1), ("service_p99_ms", 2),
            ("late_p99_ms", 2), ("longest_gap_ms", 1))]
        print(f"| {line['what']} | {line['requests']:,} | " + " | ".join(cells) + " |")
    swaps = job.swaps_ms() or [0.0]
    p99s = [line["p99_ms"] for line in rows]
    summary = {"verb": "bench", "what": "update_latency", "rate": options.rate,
               "updates": len(updates),
               "update_s": statistics.median(end - begin for begin, end in updates) - options.after,
               "p99_ratio": p99s[1] / p99s[0] if all(p99s) else None,
               "failed": len(clients.failures) + result["service"]["failed"],
               "went_back": went_back(clients.answers),
               "swap_median_ms": statistics.median(swaps), "swap_most_ms": max(swaps),
               "rows": rows}
    print(f"\np99 during updates / quiet: {cell(summary['p99_ratio'], 2)}; {summary['updates']} updates of "
          f"{summary['update_s'] * 1e3:.0f} ms; the swap of all replicas took "
          f"{summary['swap_median_ms']:.3f} ms, at most {summary['swap_most_ms']:.3f} ms; "
          f"{summary['failed']} requests failed, {summary['went_back']} met an older version")
    for failure in clients.failures[:5]:
        print(f"failed: {failure}", file=sys.stderr)
    print("PODIUM_RESULT " + json.dumps(summary))
    return 1 if summary["failed"] or summary["went_back"] else 0


def main():
    options, more = arguments()
    with tempfile.TemporaryDirectory() as folder:
        job = Job(options, more, folder)
        job.wait(job.serves)
        clients = Clients(job.address, job.token.read_text().strip(), options)
        try:
            job.wait(job.all_trained)
        finally:
            clients.end()
        return report(job, clients, options, job.end())


if __name__ == "__main__":
    sys.exit(main())
