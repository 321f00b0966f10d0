// TrainerSetup: what a trainer that is a process of its own is told first: the model, the data, and
// which part it plays.
//
// What rank and trainer say to each other afterwards, as JSON:
//
//   to the trainer     {join, epoch, generation, first_step, statistics}   take part from here on
//                      {lease, lr}     units [begin, end) of the epoch; the rate of each of its
//                      steps {rest}          leave the servers, once all leases are done
//   to the rank        {joined}, {unit, loss, correct, images}, {bad: {step, tensor}}
//                      {done, units, statistics, times, servers}                 it rests
//                      {failed}        why it ends
//
// Unit u of an epoch is the part u mod `parts` of this rank's images of step u / `parts`.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "io/loader/dataset.hpp"
#include "io/loader/epoch_order.hpp"
#include "nn/model_card.hpp"
#include "ps/tcp/control.hpp"
#include "train/recipe.hpp"

namespace podium::train {

struct TrainerSetup {
  Recipe recipe;
  nn::ModelCard card;
  std::filesystem::path cache;
  io::DatasetOptions dataset;  // without a wrap
  io::Shuffle shuffle = io::Shuffle::automatic;
  size_t prefetch_threads = 1;
  int gpu = -1;
  int threads = 1;
  int max_batch = 1;  // images of a unit, or of one of its micro-batches
  size_t rank = 0;    // whose share of each step this is, of how many
  size_t world = 1;
  size_t parts = 1;    // of a rank's share of a step
  std::string ticket;  // of the servers
  ps::Setup servers;   // with the number of this trainer
};

nlohmann::ordered_json to_json(const TrainerSetup& setup);
// Throws nlohmann::json::exception, data_error for a text that is not from there.
TrainerSetup trainer_setup_from_json(const nlohmann::ordered_json& json);

// JSON has no number for what is none: it comes as null.
double number_from(const nlohmann::ordered_json& json);
std::vector<float> floats_from(const nlohmann::ordered_json& json);

}  // namespace podium::train
