// Pace: who may go on, who must wait, and for what. The one state machine of all modes.
//
// Pure: events in, orders out, no clock, no threads. `podium learn` drives it with what happens
// (hub.hpp), the simulator with what might (simulator.hpp).
//
// Batches are numbered; each is trained on for `updates_per_batch` updates. Rollouts are numbered
// too; each is for one batch and gives so many experiences, unless its explorer is lost: then it is
// ordered again, of another. With style `meet`, batch k is explored by version
// floor((k - offset) / interval) (0 while k < offset), and after every interval both sides wait for
// each other. Otherwise a rollout begins when its batch will be trained on before what made it is
// older than the bound.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "learn/experience.hpp"
#include "learn/mode.hpp"

namespace podium::learn {

struct PaceOptions {
  ModeSettings mode;
  int batch = 0;    // experiences in a batch
  int rollout = 0;  // experiences of a rollout; a batch is a whole number of rollouts
  int updates_per_batch = 1;
  uint64_t batches = 0;  // after which all is done; 0: no end
};

struct Order {
  enum class What {
    explore,  // `explorer` begins `rollout`, for `batch`, with the version that it has
    take,     // `explorer` takes `version`
    train,    // the trainers draw and train on `batch`
    publish,  // the trainers publish their weights as `version`
    end,      // all batches are done
  };
  What what = What::explore;
  int explorer = 0;
  uint64_t rollout = 0;
  uint64_t batch = 0;
  Version version;
};
using Orders = std::vector<Order>;

// Why somebody waits, for people and for the accounting.
enum class Waiting { no, experiences, weights, room, meeting };

class Pace {
 public:
  // From the start, or from where a checkpoint left off.
  explicit Pace(PaceOptions options);

  // What has happened. Each returns what is to be done now.
  Orders explorer_came(int explorer);                  // with no weights
  Orders explorer_left(int explorer);                  // what it was ordered is lost
  Orders taken(int explorer, const Version& version);  // it has these weights now
  Orders explored(int explorer,
                  uint64_t rollout);           // its experiences are in the buffer, or on the way
  Orders buffered(size_t ready, size_t room);  // what the buffer now has for a batch, and room for
  Orders trained(uint64_t batch);              // all its updates are done
  Orders published(const Version& version);    // explorers can take it

  Waiting waiting(int explorer) const;
  Waiting trainers_waiting() const;
  uint64_t updates() const;
  Version newest() const;

 private:
  // (theirs who writes it)
};

}  // namespace podium::learn
