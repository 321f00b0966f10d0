#!/usr/bin/env python3
"""Whether a served model becomes better by nothing but what clients say of its answers.

usage: bench/feedback_rise.py PODIUM FOLDER [--images=60000] [--clients=4] [--set=FOLDER_OF_IDX_FILES] [--model=TEXT]

A classifier that knows next to nothing is trained, published and served, exploring. Beside it a job learns that has no
explorers of its own: all it ever gets are the rewards that clients post to /feedback, 1 where the class named was
right, 0 where not. Clients send images of the training split, each once a round. Printed is, for each tenth of them,
the share of named classes that were right; then, before and after, the accuracy on the 10,000 test images, which no
client ever sent, by the likeliest class.
"""
import argparse
import array
import atexit
import collections
import concurrent.futures
import gzip
import http.client
import json
import pathlib
import re
import subprocess
import sys
import time

TEST_CHUNK = 500


def read_idx(path, header):
    with gzip.open(path) as file:
        return file.read()[header:]


class DataSet:
    def __init__(self, folder, kind):
        images = read_idx(folder / f"{kind}-images-idx3-ubyte.gz", 16)
        self.labels = read_idx(folder / f"{kind}-labels-idx1-ubyte.gz", 8)
        self.bytes = len(images) // len(self.labels)
        self.images = memoryview(images)

    def __len__(self):
        return len(self.labels)

    def image(self, i, count=1):
        return self.images[i * self.bytes : (i + count) * self.bytes]


def start(command, until, what):
    """Starts a command that goes on; returns it and the line of its stderr that matches `until`."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    atexit.register(process.terminate)
    told = collections.deque(maxlen=20)
    for line in process.stderr:
        told.append(line)
        if found := re.search(until, line):
            drain = concurrent.futures.ThreadPoolExecutor(1)
            drain.submit(lambda: [None for _ in process.stderr])
            return process, found
    sys.exit(f"{what} ended early:\n" + "".join(told))


class Client:
    """One connection to the service."""

    def __init__(self, door, token):
        self.connection = http.client.HTTPConnection(door, timeout=30)
        self.headers = {"Authorization": f"Bearer {token}"}

    def post(self, path, body, **headers):
        self.connection.request("POST", path, body, {**self.headers, **headers})
        answer = self.connection.getresponse()
        return answer.status, answer.read(), answer.headers

    def infer(self, pixels, count, binary):
        head = {
            "inputs": [{"name": "image", "datatype": "UINT8", "shape": [count, 28, 28, 1],
                        "parameters": {"binary_data_size": len(pixels)}}],
            "outputs": [{"name": "probabilities", "parameters": {"binary_data": binary}}],
        }
        text = json.dumps(head).encode()
        status, body, headers = self.post("/v2/models/fashion_mnist/infer", text + bytes(pixels), **{
            "Content-Type": "application/octet-stream", "Inference-Header-Content-Length": str(len(text))})
        if status != 200:
            sys.exit(f"the service answers {status}: {body[:300]}")
        return body, headers

    def reward(self, data, i):
        """Sends image i, says whether the class named was right, and returns that."""
        body, _ = self.infer(data.image(i), 1, True)
        said = json.JSONDecoder().raw_decode(body.decode("latin-1"))[0]["parameters"]
        right = said["chosen_class"] == data.labels[i]
        note = json.dumps({"id": said["feedback_id"], "reward": int(right)})
        while True:
            status, body, _ = self.post("/feedback", note, **{"Content-Type": "application/json"})
            if status != 503:
                break
            time.sleep(0.05)  # who learns cannot take more now
        if status != 200:
            sys.exit(f"feedback got {status}: {body[:300]}")
        return right

    def accuracy(self, data):
        right = 0
        for first in range(0, len(data), TEST_CHUNK):
            count = min(TEST_CHUNK, len(data) - first)
            body, headers = self.infer(data.image(first, count), count, True)
            values = array.array("f")
            values.frombytes(body[int(headers["Inference-Header-Content-Length"]):])
            classes = len(values) // count
            for i in range(count):
                row = values[i * classes : (i + 1) * classes]
                right += max(range(classes), key=row.__getitem__) == data.labels[first + i]
        return right / len(data)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("podium")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--images", type=int, default=60000, help="answers that clients reward")
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--set", type=pathlib.Path, default=pathlib.Path("/usr/share/datasets/fashion-mnist"))
    parser.add_argument("--model", default="dense 128; relu; dense classes")
    return parser.parse_args()


def main():
    asked = arguments()
    podium, folder = asked.podium, asked.folder
    train, test = DataSet(asked.set, "train"), DataSet(asked.set, "t10k")
    served, learner = folder / "served", folder / "learner"
    same = ["--io.source=fashion_mnist", "--io.validation=5000", "--io.split_seed=1",
            f"--io.cache_dir={folder / 'cache'}"]
    model = f"--train.model={asked.model}"
    for verb in (["train", model, "--train.epochs=1", "--train.lr=1e-6"], ["select", model]):
        subprocess.run([podium, *verb, *same, f"--run.dir={served}"], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
    learning, _ = start(
        [podium, "learn", *same, f"--run.dir={learner}", "--learn.environment=image_bandit", "--roles=explorer=0",
         "--learn.mode=fully_async", f"--learn.policy={asked.model}", "--learn.objective=ppo", "--learn.discount=0",
         "--learn.gae_lambda=1", "--learn.entropy=0", "--learn.lr=0.001", "--learn.steps=1", "--learn.environments=64",
         "--learn.batch=256", "--learn.updates=1000000", "--learn.sync_method=direct"],
        "listen|explorers may join|hub|learn", "the job that learns")
    until = time.monotonic() + 30
    while not (learner / "learn.json").exists():
        if time.monotonic() > until:
            sys.exit("the job that learns does not say where it is")
        time.sleep(0.05)
    serving, found = start(
        [podium, "serve", *same, f"--run.dir={served}", "--serve.linger=forever", "--serve.feedback_memory=65536",
         "--serve.explore=true", "--serve.model=fashion_mnist", "--serve.learner_every_s=1",
         f"--serve.learner={learner / 'learn.json'}"], r"serving on http://([^/]+)/", "the service")
    door, token = found[1], (served / "serve.token").read_text().strip()
    clients = [Client(door, token) for _ in range(asked.clients)]
    time.sleep(2)  # the first version of the job that learns: it knows nothing either
    before, began = clients[0].accuracy(test), time.monotonic()
    tenth = asked.images // 10

    def round_of(client, numbers):
        return sum(client.reward(train, i % len(train)) for i in numbers)

    print(f"{'answers':>10} {'seconds':>8} {'right':>7}")
    with concurrent.futures.ThreadPoolExecutor(asked.clients) as pool:
        for first in range(0, tenth * 10, tenth):
            shares = [range(first + k, first + tenth, asked.clients) for k in range(asked.clients)]
            right = sum(pool.map(round_of, clients, shares))
            print(f"{first + tenth:>10} {time.monotonic() - began:>8.1f} {right / tenth:>7.4f}", flush=True)
    time.sleep(3)  # the last of it is learnt and served
    after = clients[0].accuracy(test)
    print(f"accuracy on the test images: {before:.4f} before, {after:.4f} after {tenth * 10} answers")
    serving.terminate()
    learning.terminate()
    result = [line for line in serving.communicate(timeout=60)[0].splitlines() if line.startswith("PODIUM_RESULT")]
    learning.communicate(timeout=60)
    print("learner:", json.dumps(json.loads(result[-1].split(" ", 1)[1])["learner"]) if result else "no result line")
    return 0 if after > before else 1


if __name__ == "__main__":
    sys.exit(main())
