// A model as named buffers and back: what trainers hand to the checkpoint ranks.
#pragma once

#include <string>

#include "ckpt/snapshot.hpp"
#include "nn/model.hpp"

namespace podium::train {

// Parameters and statistics of `model`, with its card under "model". Copies.
ckpt::Snapshot snapshot_of(const nn::Model& model);

// Copies the snapshot's buffers into `model`. Throws data_error naming `where` and the buffer when
// one is missing or has another shape: the snapshot is of another architecture.
void restore(nn::Model& model, const ckpt::Snapshot& snapshot, const std::string& where);

// XXH3 of parameters and statistics, as 16 hexadecimal digits: equal bits, equal text.
std::string weights_xxh3(const nn::Model& model);

}  // namespace podium::train
