// classify_together: all records of an input through a classifier, shared out over ranks and
// threads.
//
// Records go in blocks whose size depends on their shape alone, each classified by one thread: so
// every number of ranks and threads gives the same bits. Each thread takes a contiguous run of
// blocks and reads its own share of the input; rank 0 takes what all have classified, in any order,
// and writes it. Memory per thread: a model, a few blocks, and what reading needs.
#pragma once

#include <optional>
#include <vector>

#include "comm/communicator.hpp"
#include "train/confusion.hpp"
#include "workflow/prediction_file.hpp"

namespace podium::workflow {

struct ClassifyOptions {
  int threads = 1;                              // of this rank
  std::filesystem::path output;                 // written by rank 0; empty: nowhere
  std::optional<std::vector<uint32_t>> labels;  // the model's class by the input's label, if known
};

// How the model's classes were confused; counts nothing when labels are not known. Collective;
// every rank returns the same. Throws what reading, classifying and writing throw; data_error when
// the model gives a probability that is no number.
train::Confusion classify_together(const io::ImageInput& input, const Classifier& classifier,
                                   const ClassifyOptions& options, comm::Communicator& group);

}  // namespace podium::workflow
