// Makes the table of `podium bench search`: trains every network of its space.
//
// Cheap on purpose, so that two thousand trainings take minutes: some thousand images, two epochs,
// one thread. The images are the first of the train and validation splits. A training depends only
// on the network and its seed; networks of equal text are trained once. The table is written now
// and then, and an unfinished one is gone on with. The mean of each channel is all that the last
// layer sees, so that what the layers before it find counts.
#pragma once

#include <filesystem>
#include <string>

#include "bench/search_table.hpp"
#include "core/log.hpp"
#include "io/loader/dataset.hpp"

namespace podium::bench {

struct TableSetting {
  std::string space =
      "conv 8 3 stride 2; bn; relu; pool 2; "
      "repeat 3 { {identity|conv 8 3; bn; relu|conv 8 5; bn; relu} }; pool 2; "
      "repeat 3 { {identity|conv 8 3; bn; relu|conv 8 5; bn; relu} }; gap; dense classes";
  size_t train_images = 4000;
  size_t validation_images = 2000;
  size_t trainings = 3;
  int epochs = 2;
  size_t batch = 50;
  double lr = 0.1;  // peak of the one-cycle schedule
};

// Returns the finished table, which is then in `path`. Throws usage_error for a data set with fewer
// images; data_error when another table is in `path`.
SearchTable make_search_table(const std::filesystem::path& path, const io::Dataset& dataset,
                              const TableSetting& setting, const Log& log);

}  // namespace podium::bench
