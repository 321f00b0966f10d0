// The resident engine: training without the host. The training images lie on the GPU, a table of
// the epoch says which image comes when and how it is augmented, and each step is one launch of a
// recorded graph: images, forward and backward pass, exchange, optimizer, average. The host waits
// once per epoch (or once per some thousand steps of a long one), when it reads the losses.
//
// One of two implementations is built: cuda/resident_engine.cpp, or no_resident_engine.cpp for a
// build that computes on CPUs only.
#pragma once

#include <memory>
#include <string>

#include "comm/communicator.hpp"
#include "core/trace.hpp"
#include "io/loader/dataset.hpp"
#include "io/loader/epoch_order.hpp"
#include "train/gradient_sync.hpp"
#include "train/ps_client.hpp"
#include "train/step_engine.hpp"
#include "train/training_state.hpp"

namespace podium::train {

// What an engine is made for. All references must outlive it.
struct EngineSpec {
  TrainingState& state;
  const io::Dataset& dataset;
  GradientSync& sync;
  comm::Communicator& group;  // of the trainers
  io::Shuffle shuffle = io::Shuffle::automatic;
  PsClient* servers = nullptr;  // that take part in steps; null: none
  Lane lane = {};               // for what this trainer does
};

struct ResidentEngine {
  std::unique_ptr<StepEngine> engine;  // null: this run needs the host in its steps
  std::string why_not;                 // one clause; empty where nobody would expect one, on a CPU
};

// What this rank could use; that all ranks use the same is the caller's. The images are uploaded
// when an epoch starts; start_epoch() throws unavailable_error when appended ones no longer fit.
ResidentEngine make_resident_engine(const EngineSpec& spec);

}  // namespace podium::train
