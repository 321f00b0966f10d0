// How a model classifies a split, shared out over the ranks of a group.
#pragma once

#include "comm/communicator.hpp"
#include "io/loader/dataset.hpp"
#include "nn/model.hpp"
#include "train/confusion.hpp"
#include "train/mistakes.hpp"

namespace podium::train {

// Classifies every record of `split` once. Each rank takes a contiguous part of the records; all
// ranks return the same counts. `mistakes`, if given, become those of all ranks on the first.
// Collective.
Confusion evaluate(nn::Model& model, const io::Dataset& dataset, io::Split split,
                   comm::Communicator& group, Mistakes* mistakes = nullptr);

}  // namespace podium::train
