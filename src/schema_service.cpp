// Options of what ranks do together: exchanges and checkpoints.
#include "schema_lists.hpp"

namespace podium::schema {

using enum ValueKind;

std::vector<OptionSpec> comm_options() {
  return {
      {"comm.allreduce",
       text,
       "auto",
       "how trainers sum gradients: nccl, for which each needs a GPU of its own, or by way of the "
       "hosts; auto takes nccl where that is so, else what is fastest for each size "
       "(docs/communication.md)",
       {"auto", "ring", "halving", "tree", "hierarchical", "mpi", "nccl"}},
      {"comm.overlap",
       text,
       "polling",
       "how sums of gradients go on during the backward pass: polling between its layers, in a "
       "thread of their own, or not at all",
       {"polling", "thread", "off"}},
      {"comm.calibration", text, "",
       "file with this machine's costs, by which auto chooses: measured when the file has none for "
       "so many ranks; empty: typical costs"},
      {"comm.wire",
       text,
       "fp32",
       "how gradients travel between nodes and in messages: as they are, or rounded to 16 bits, "
       "the error being kept for the next step (docs/communication.md)",
       {"fp32", "bf16", "fp16"}},
      {"comm.timeout_s",
       integer,
       "120",
       "longest wait for another rank inside an operation, seconds",
       {},
       1,
       86400},
  };
}

std::vector<OptionSpec> ckpt_options() {
  return {
      {"ckpt.every", text, "1epochs",
       "how often a training run is made safe: 10min, 2epochs, 500steps, or never"},
      {"ckpt.keep",
       integer,
       "2",
       "so many of the newest checkpoints of a model stay",
       {},
       1,
       10000},
      {"ckpt.keep_best", boolean, "false",
       "the one with the best validation accuracy stays too, also when the run is finished"},
      {"ckpt.keep_every", text, "never",
       "one of each so many epochs or steps stays too, also when the run is finished"},
      {"ckpt.memory", text, "never",
       "how often a checkpoint also goes into the memory of a node (/dev/shm), the ckpt rank's or "
       "the first trainer's, as in ckpt.every (docs/checkpoints.md)"},
      {"ckpt.part_bytes",
       bytes,
       "256MiB",
       "larger checkpoints are written by several ranks, each a part of about that size",
       {},
       1},
  };
}

std::vector<OptionSpec> engine_options() {
  return {
      {"engine.sync",
       text,
       "broadcast",
       "how `run` takes published weights to its replicas: broadcast through shared memory; p2p, "
       "each by TCP; disk, from the registry's file (docs/checkpoint_engine.md)",
       {"broadcast", "p2p", "disk"}},
      {"engine.schedule",
       text,
       "auto",
       "stages of an update that overlap: one: none; two: broadcast and reload; three: all; auto "
       "measures the first rounds",
       {"auto", "one", "two", "three"}},
      {"engine.bucket", bytes, "4MiB", "the piece in which weights travel"},
      {"engine.memory", bytes, "0", "most memory for the buffers of a rank; 0: no limit"},
      {"engine.stall_ms",
       integer,
       "5000",
       "longest time a worker may leave a bucket before it is dropped, ms",
       {},
       10,
       3600000},
      {"engine.address", text, "127.0.0.1",
       "address at which replicas of other jobs fetch weights"},
      {"engine.join", text, "",
       "`serve` takes weights from a running job: the file RUN/engine.json of that job"},
  };
}

}  // namespace podium::schema
