// Accuracy of a model on a split, shared out over the ranks of a group.
#pragma once

#include "comm/communicator.hpp"
#include "io/loader/dataset.hpp"
#include "nn/model.hpp"

namespace podium::train {

// The share of records in `split` whose most probable class is their label, in [0,1]. Each rank
// takes a contiguous part of the records; all ranks return the same value. Collective.
double evaluate(nn::Model& model, const io::Dataset& dataset, io::Split split,
                comm::Communicator& group);

}  // namespace podium::train
