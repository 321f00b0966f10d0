#!/usr/bin/env python3
"""A peer of `podium serve`: one model behind a Python server, on 127.0.0.1.

    bench/serve_peer.py ray MODEL.safetensors --port=9100     PyTorch in Ray Serve
    bench/serve_peer.py ort MODEL.onnx --port=9100            ONNX Runtime in uvicorn workers

Both answer POST /v2/models/bench/infer as Podium does: one UINT8 tensor `image` in, probabilities
and classes out; a body of type application/octet-stream is the raw tensor. Each has --replicas
processes that compute with one thread, and what its makers advise for many small requests: Ray Serve
gets @serve.batch, no access log and replicas that take many requests at once; ONNX Runtime all its
graph optimisations in workers that share a port, each with uvloop, httptools and no framework.
Writes "ready" when it serves; ends on SIGTERM or when its standard input closes. Needs bench/make_peers.sh.
"""
import argparse
import asyncio
import json
import os
import pathlib
import signal
import sys
import threading

import numpy as np

PATH = "/v2/models/bench/infer"
BATCH = 64  # as --serve.max_batch
PIXELS = 784
HERE = pathlib.Path(__file__).resolve().parent


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=("ray", "ort"))
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--replicas", type=int, default=2)
    parser.add_argument("--wait-ms", type=float, default=0, help="longest wait for a fuller batch")
    return parser.parse_args()


def end_with_the_caller(stop):
    """Calls `stop` once standard input closes: a benchmark that dies leaves nothing running."""
    def wait():
        sys.stdin.buffer.read()
        stop()
    threading.Thread(target=wait, daemon=True).start()


# --- Bodies --------------------------------------------------------------------------------------

def image_of(body, raw):
    """Bytes of a request to uint8 [784]."""
    if raw:
        return np.frombuffer(body, np.uint8)
    return np.array(loads(body)["inputs"][0]["data"], np.uint8)


def reply_to(probabilities):
    """float32 [classes] to the bytes of a reply."""
    classes = len(probabilities)
    return dumps({"model_name": "bench", "outputs": [
        {"name": "probabilities", "datatype": "FP32", "shape": [1, classes],
         "data": probabilities.tolist()},
        {"name": "class", "datatype": "INT64", "shape": [1], "data": [int(probabilities.argmax())]}]})


try:  # the fastest JSON that Python has
    import orjson
    loads, dumps = orjson.loads, orjson.dumps
except ImportError:
    loads = json.loads
    dumps = lambda value: json.dumps(value).encode()


# --- PyTorch in Ray Serve ------------------------------------------------------------------------

def torch_module(path):
    """The module with the weights of `path`, a function of uint8 [N,H*W*C], and its image shape."""
    import torch
    from safetensors import safe_open

    sys.path.insert(0, str(HERE))
    import torch_model

    torch.set_num_threads(1)
    with safe_open(path, "pt") as file:
        meta = {key: json.loads(value) if value[0] in "[{" else value
                for key, value in file.metadata().items()}
        tensors = {name: file.get_tensor(name) for name in file.keys()}
    height, width, channels = meta["image"]
    module = torch_model.build(meta["architecture"], (channels, height, width),
                               len(meta["class_names"]), channels_last_flatten=True)
    with torch.no_grad():
        for name, tensor in module.named_buffers_of_podium + torch_model.statistics(module):
            tensor.copy_(tensors[name])
    module = module.eval().to(memory_format=torch.channels_last)
    mean = torch.tensor(meta["preprocess"]["mean"]).view(1, channels, 1, 1)
    scale = 1 / (255 * torch.tensor(meta["preprocess"]["stddev"]).view(1, channels, 1, 1))

    class Classifier(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.body = module

        def forward(self, images):
            x = images.view(-1, height, width, channels).permute(0, 3, 1, 2).float()
            return torch.softmax(self.body((x - 255 * mean) * scale), 1)

    with torch.inference_mode():
        example = torch.zeros(2, height * width * channels, dtype=torch.uint8)
        traced = torch.jit.freeze(torch.jit.trace(Classifier().eval(), example))
    return traced


def serve_ray(options):
    os.environ.setdefault("RAY_DEDUP_LOGS", "0")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_SERVE_THROUGHPUT_OPTIMIZED", "1")
    import ray
    from ray import serve
    from starlette.responses import Response

    model, wait_s = str(options.model.resolve()), options.wait_ms * 1e-3

    @serve.deployment(num_replicas=options.replicas, max_ongoing_requests=4 * BATCH,
                      ray_actor_options={"num_cpus": 0})
    class Model:
        def __init__(self):
            import torch
            self.torch = torch
            self.module = torch_module(model)
            with torch.inference_mode():
                for size in range(1, BATCH + 1):
                    self.module(torch.zeros(size, PIXELS, dtype=torch.uint8))

        @serve.batch(max_batch_size=BATCH, batch_wait_timeout_s=wait_s)
        async def predict(self, images):
            with self.torch.inference_mode():
                return list(self.module(self.torch.from_numpy(np.stack(images))).numpy())

        async def __call__(self, request):
            raw = request.headers.get("content-type") == "application/octet-stream"
            image = image_of(await request.body(), raw)
            return Response(reply_to(await self.predict(image)), media_type="application/json")

    ray.init(include_dashboard=False, log_to_driver=False, num_cpus=os.cpu_count(),
             logging_level="error", object_store_memory=200 << 20)
    serve.start(http_options={"host": "127.0.0.1", "port": options.port},
                logging_config={"log_level": "ERROR", "enable_access_log": False})
    serve.run(Model.bind(), route_prefix=PATH)
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    end_with_the_caller(stopped.set)
    print("ready", flush=True)
    stopped.wait()
    ray.shutdown()  # ends the replicas too


# --- ONNX Runtime in uvicorn ---------------------------------------------------------------------

def ort_session(path):
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    settings.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    return onnxruntime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])


class OrtApplication:
    """An ASGI application without a framework. What came while a batch computed is the next one."""

    def __init__(self, path):
        self.session = ort_session(path)
        self.shape = [-1] + self.session.get_inputs()[0].shape[1:]
        self.waiting, self.scheduled = [], False

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        raw = (b"content-type", b"application/octet-stream") in scope["headers"]
        reply = reply_to(await self.predict(image_of(body, raw)))
        await send({"type": "http.response.start", "status": 200, "headers": [
            (b"content-type", b"application/json"), (b"content-length", str(len(reply)).encode())]})
        await send({"type": "http.response.body", "body": reply})

    def predict(self, image):
        loop = asyncio.get_running_loop()
        answer = loop.create_future()
        self.waiting.append((image, answer))
        if not self.scheduled:
            self.scheduled = True
            loop.call_soon(self.compute)
        return answer

    def compute(self):
        batch, self.waiting = self.waiting[:BATCH], self.waiting[BATCH:]
        self.scheduled = bool(self.waiting)
        if self.scheduled:
            asyncio.get_running_loop().call_soon(self.compute)
        images = np.stack([image for image, _ in batch]).reshape(self.shape)
        for (_, answer), row in zip(batch, self.session.run(["probabilities"], {"images": images})[0]):
            if not answer.done():
                answer.set_result(row)


def ort_worker(path, listener):
    import uvicorn

    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    settings = uvicorn.Config(OrtApplication(path), loop="uvloop", http="httptools", lifespan="off",
                              access_log=False, log_level="error")
    uvicorn.Server(settings).run(sockets=[listener])


def serve_ort(options):
    import multiprocessing
    import socket

    def listener():
        own = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        own.bind(("127.0.0.1", options.port))
        own.listen(1024)
        return own

    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=ort_worker, args=(options.model, listener()), daemon=True)
               for _ in range(options.replicas)]
    for worker in workers:
        worker.start()
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    end_with_the_caller(stopped.set)
    print("ready", flush=True)
    stopped.wait()
    for worker in workers:
        worker.terminate()


def main():
    options = arguments()
    (serve_ray if options.kind == "ray" else serve_ort)(options)


if __name__ == "__main__":
    main()
