#!/usr/bin/env python3
"""Asks a running service all that tritonclient[http] can ask, with the package as it is.

usage: check_triton_client.py HOST:PORT MODEL

Prints one JSON object: the package's version and how many answers were compared. Exits 1 with a
reason when something is not as it must be. Needs tritonclient[http] and numpy.
"""
import importlib.metadata
import json
import sys

import numpy as np
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

DURATIONS = ["success", "fail", "queue", "compute_input", "compute_infer", "compute_output",
             "cache_hit", "cache_miss"]


def require(condition, reason):
    if not condition:
        sys.exit(f"check_triton_client.py: {reason}")


def image_input(images, binary):
    datatype = "FP32" if images.dtype == np.float32 else "UINT8"
    tensor = triton.InferInput("image", list(images.shape), datatype)
    tensor.set_data_from_numpy(images, binary_data=binary)
    return tensor


def check_metadata(client, model):
    """Returns the shape of an image and the classes, as metadata and configuration agree on them."""
    require(client.is_server_live() and client.is_server_ready(), "it is not live or not ready")
    require(client.is_model_ready(model), "the model is not ready")
    require(not client.is_model_ready("no-such-model"), "a model that is none is ready")
    server = client.get_server_metadata()
    for extension in ["binary_tensor_data", "classification", "model_configuration",
                      "model_repository", "statistics"]:
        require(extension in server["extensions"], f"{extension} is not among the extensions")
    metadata = client.get_model_metadata(model)
    config = client.get_model_config(model)
    version = metadata["versions"][-1]
    require(client.get_model_metadata(model, version) == metadata, "the version's metadata differ")
    require(client.is_model_ready(model, version), f"version {version} is not ready")
    require(config["name"] == metadata["name"] == model, "the names differ")
    for ours, theirs in [("inputs", "input"), ("outputs", "output")]:
        for tensor, configured in zip(metadata[ours], config[theirs], strict=True):
            require(tensor["name"] == configured["name"], "a tensor has two names")
            require(tensor["shape"] == [-1, *configured["dims"]], "dims are not without the batch")
            require("TYPE_" + tensor["datatype"] == configured["data_type"], "two datatypes")
    require(config["max_batch_size"] >= 8, "no batches")
    index = client.get_model_repository_index()
    require([(m["name"], m["version"], m["state"]) for m in index] == [(model, version, "READY")],
            f"the index is {index}")
    return metadata["inputs"][0]["shape"][1:], metadata["outputs"][0]["shape"][1]


def check_inference(client, model, images):
    """All ways to ask for the same images give the same bits; returns how many were compared."""
    expected = None
    compared = 0
    ways = [
        dict(dtype=dtype, binary=binary, outputs=outputs, compress=compress)
        for dtype in [np.uint8, np.float32]
        for binary in [False, True]
        for outputs in [None, False, True]
        for compress in [{}, {"request_compression_algorithm": "gzip"},
                         {"request_compression_algorithm": "deflate",
                          "response_compression_algorithm": "gzip"},
                         {"response_compression_algorithm": "deflate"}]
    ]
    for number, way in enumerate(ways):
        outputs = None
        if way["outputs"] is not None:
            outputs = [triton.InferRequestedOutput(name, binary_data=way["outputs"])
                       for name in ["class", "probabilities"]]
        result = client.infer(model, [image_input(images.astype(way["dtype"]), way["binary"])],
                              outputs=outputs, request_id=f"request {number}", **way["compress"])
        require(result.get_response()["id"] == f"request {number}", "the id is not echoed")
        probabilities = result.as_numpy("probabilities")
        expected = probabilities if expected is None else expected
        require(probabilities.dtype == np.float32 and len(probabilities) == len(images),
                f"{way}: probabilities of another kind")
        require(np.array_equal(probabilities, expected), f"{way}: other probabilities")
        require(np.array_equal(result.as_numpy("class"), expected.argmax(axis=1)),
                f"{way}: other classes")
        compared += 1
    return expected, compared


def check_classification(client, model, images, expected):
    for binary in [False, True]:
        output = triton.InferRequestedOutput("probabilities", binary_data=binary, class_count=2)
        rows = client.infer(model, [image_input(images, True)], outputs=[output]).as_numpy(
            "probabilities")
        require(rows.shape == (len(images), 2), f"classification has the shape {rows.shape}")
        for row, probabilities in zip(rows, expected):
            text = row[0].decode() if isinstance(row[0], bytes) else row[0]
            score, index = text.split(":")[:2]
            require(int(index) == probabilities.argmax(), "classification names another class")
            require(np.float32(score) == probabilities.max(), "classification has another score")


def check_async(client, model, images, expected):
    pending = [client.async_infer(model, [image_input(images[i : i + 1], True)])
               for i in range(len(images))]
    for i, request in enumerate(pending):
        row = request.get_result(timeout=30).as_numpy("probabilities")[0]
        require(np.allclose(row, expected[i], rtol=1e-5, atol=1e-7), "async_infer: another answer")


def check_statistics(client, model, images):
    def totals():
        stats = client.get_inference_statistics(model)["model_stats"]
        require(all(set(DURATIONS) == set(entry["inference_stats"]) for entry in stats),
                "an entry of the statistics is missing")
        counts = [entry["inference_stats"]["success"]["count"] for entry in stats]
        return sum(counts), sum(entry["inference_count"] for entry in stats)

    before = totals()
    for _ in range(4):
        client.infer(model, [image_input(images, True)])
    after = totals()
    require(after == (before[0] + 4, before[1] + 4 * len(images)), f"{before} became {after}")
    everything = client.get_inference_statistics()["model_stats"]
    require(everything[-1]["name"] == model, "statistics of all models lack ours")


def check_refusals(client, model, images):
    for wrong in [images[:, 1:], images.astype(np.int8), images[:0]]:
        tensor = triton.InferInput("image", list(wrong.shape), "INT8" if wrong.dtype == np.int8
                                   else "UINT8")
        tensor.set_data_from_numpy(wrong)
        try:
            client.infer(model, [tensor])
        except InferenceServerException as refusal:
            require(refusal.status() == "400", f"a wrong tensor got {refusal.status()}")
        else:
            require(False, f"{wrong.dtype} {wrong.shape} was taken")


def refusal_of(action):
    """The status of the refusal that `action` meets."""
    try:
        action()
    except InferenceServerException as refusal:
        return refusal.status()
    return "none"


def check_parameters(client, model, images, expected):
    def infer(**parameters):
        return client.infer(model, [image_input(images, True)], **parameters)

    for parameters in [dict(priority=1), dict(timeout=60_000_000), dict(priority=9, timeout=0),
                       dict(sequence_id=7, sequence_start=True),
                       dict(sequence_id="seven", sequence_end=True), dict(parameters={"own": 1})]:
        require(np.array_equal(infer(**parameters).as_numpy("probabilities"), expected),
                f"{parameters}: other probabilities")
    require(refusal_of(lambda: infer(priority=256)) == "400", "priority 256 was taken")
    require(refusal_of(lambda: infer(timeout=-1)) == "400", "a timeout of -1 us was taken")
    require(refusal_of(lambda: infer(timeout=1)) == "504", "1 us sufficed")


def check_repository(client, model, images, expected):
    def infer():
        return client.infer(model, [image_input(images, True)]).as_numpy("probabilities")

    client.unload_model(model)
    require(not client.is_model_ready(model), "an unloaded model is ready")
    index = client.get_model_repository_index()
    require([(m["state"], m["reason"]) for m in index] == [("UNAVAILABLE", "unloaded")],
            f"the index is {index}")
    require(refusal_of(infer) == "503", "an unloaded model answers")
    client.unload_model(model, unload_dependents=True)
    require(refusal_of(lambda: client.load_model(model, config="{}")) == "400",
            "a configuration was taken")
    require(refusal_of(lambda: client.load_model("no-such-model")) == "404",
            "a model that is none was loaded")
    require(not client.is_model_ready(model), "a refused load has loaded")
    client.load_model(model)
    require(client.is_model_ready(model), "a loaded model is not ready")
    require(np.array_equal(infer(), expected), "a loaded model gives other probabilities")


def main():
    server, model = sys.argv[1:]
    client = triton.InferenceServerClient(server, concurrency=4, network_timeout=60.0,
                                          connection_timeout=60.0)
    shape, _ = check_metadata(client, model)
    images = np.random.default_rng(1).integers(0, 256, [32, *shape], dtype=np.uint8)
    expected, compared = check_inference(client, model, images)
    check_classification(client, model, images, expected)
    check_async(client, model, images, expected)
    check_statistics(client, model, images)
    check_refusals(client, model, images)
    check_parameters(client, model, images, expected)
    check_repository(client, model, images, expected)
    client.close()
    print(json.dumps({"tritonclient": importlib.metadata.version("tritonclient"),
                      "compared": compared}))


if __name__ == "__main__":
    main()
