// ChildTraining: one network of a search, trained on a slice of the data for its reward.
//
// The one training loop trains it (train/trainer.hpp), without checkpoints. Whatever is wrong with
// a network is a reward of 0 with a reason, not an error: it does not fit the images, it diverges,
// or there is not enough memory for it. Rewards depend on the network, the recipe and the data
// alone, but for a limit in seconds.
//
// A network is hopeless when a third of its epochs, rounded up, are over and its best validation
// accuracy is still below guessing + share * (1 - guessing), where guessing is 1 / classes. It is
// then trained no further, and its reward is what it has reached.
//
// The test split is never read. Threads: belongs to one thread.
#pragma once

#include <functional>
#include <string>

#include "core/device_choice.hpp"
#include "io/loader/dataset.hpp"
#include "train/recipe.hpp"

namespace podium::search {

struct ChildOptions {
  train::Recipe recipe;  // with the epochs of a child; its architecture is not used
  double seconds = 0;    // after which a child stops where it is; 0: after its epochs
  int last_epochs = 5;   // the reward is the best accuracy of so many epochs
  double hopeless_share = 0.05;
  int threads = 1;
  DeviceChoice device;
};

struct ChildResult {
  double accuracy = 0;  // the reward, 0 to 1
  int epochs = 0;       // finished
  double seconds = 0;
  std::string reason;  // why the reward is 0, or why it ended early; empty: all epochs were trained
  bool repeatable = true;  // the same network would end like this again, also on another machine
};

struct ChildHooks {
  std::function<void(int epoch, double accuracy)> on_epoch;
  std::function<void()> still_there;  // called every few steps
};

// Throws what reading the data throws.
ChildResult train_child(const std::string& architecture, io::Dataset& dataset,
                        const ChildOptions& options, const ChildHooks& hooks);

// Whether a child with `best` as its accuracy after `epoch` of `epochs` is given up; by a share of
// 0 none is.
bool is_hopeless(double best, int epoch, int epochs, size_t classes, double share);

}  // namespace podium::search
