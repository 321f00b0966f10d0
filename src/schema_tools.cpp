// Options of the verbs that look at what is there: bench, predict, export.
#include "schema_lists.hpp"

namespace podium::schema {

using enum ValueKind;

std::vector<OptionSpec> bench_options() {
  return {
      {"bench.repetitions", integer, "5", "measurements of which the median is told", {}, 1, 1000},
      {"bench.seconds",
       real,
       "2",
       "bench nn, bench scaling: length of one measurement; bench allreduce and bench ps take 0.1 "
       "unless this "
       "is "
       "set",
       {},
       0.001,
       3600},
      {"bench.algorithms", text, "auto,ring,halving,tree,hierarchical,mpi",
       "bench allreduce: what is measured beside MPI_Allreduce"},
      {"bench.min_bytes", bytes, "1KiB",
       "bench allreduce, bench ps: the smallest vector; bench ps takes 4 unless this is set"},
      {"bench.max_bytes", bytes, "64MiB", "bench allreduce, bench ps: the largest vector"},
      {"bench.in_flight", integer, "8", "bench ps: operations under way at once", {}, 1, 1024},
      {"bench.factor", integer, "4", "bench allreduce: from one size to the next", {}, 2, 1024},
      {"bench.type", text, "float", "bench allreduce: type of the elements", {"float", "double"}},
      {"bench.threads", text, "1,2", "bench nn: numbers of threads"},
      {"bench.batches", text, "128,512", "bench nn: images of a training step; none: no training"},
      {"bench.predict_batches", text, "1,32,256",
       "bench nn: images of a prediction; none: no prediction"},
      {"bench.peak", boolean, "true", "bench nn: measure the FLOP peak, as the limit of the rest"},
      {"bench.pods", integer, "1", "bench ckpt: pods, each with a copy of the model", {}, 1, 4096},
      {"bench.devices",
       integer,
       "0",
       "bench ckpt: devices of a pod, which share its copy; 0: ranks / pods, or 4 when alone",
       {},
       0,
       4096},
      {"bench.size", bytes, "512MiB", "bench ckpt: bytes of the model"},
      {"bench.trace", boolean, "false",
       "bench ckpt: draw what each device did, into trace.json and trace.svg of the run folder; "
       "bench learn: what explorers and trainers did, into modes.svg"},
      {"bench.rollouts", text, "even,long-tailed",
       "bench learn: which rollouts; even ones are as dear as training, of long-tailed ones one in "
       "20 takes 10 times as long as the others, and they are 4 times as dear"},
      {"bench.scripts", text, "bench", "folder with the scripts of the peers"},
  };
}

std::vector<OptionSpec> predict_options() {
  return {
      {"predict.input", text, "",
       "what to classify: an image, a folder of images, an IDX or HDF5 file, a cache or a source; "
       "empty: the split of --io.source"},
      {"predict.output", text, "", "file for the predictions: .csv or .h5"},
      {"predict.model", text, "",
       "snapshot, run folder or registry; empty: the published model of --run.dir"},
      {"predict.server", text, "",
       "HOST:PORT of a running service, which classifies instead of a model here"},
      {"predict.token_file", text, "",
       "file of the service's token; empty: serve.token in the run folder, where there is one"},
      {"predict.tls_ca", text, "",
       "PEM file of certificates to trust, or system: the service has TLS; empty: plain HTTP"},
      {"predict.split", text, "test", "records of a data set to classify", {"test", "validation"}},
      {"predict.threads",
       integer,
       "0",
       "threads per rank, each with a copy of the model; 0: cores / ranks on the node",
       {},
       0,
       1024},
      {"export.format",
       text,
       "auto",
       "format of the file; auto goes by its ending",
       {"auto", "onnx", "safetensors"}},
      {"export.output", text, "", "file to write"},
      {"export.model", text, "",
       "snapshot, run folder or registry; empty: the published model of --run.dir"},
  };
}

}  // namespace podium::schema
