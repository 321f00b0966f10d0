// A replica that answers every batch after a fixed time, for measurements of what is around models.
//
// Its images are those of Fashion-MNIST, [28,28,1] in ten classes, and its probabilities are all
// equal. A time of 0 computes nothing at all.
#pragma once

#include <string>
#include <vector>

namespace podium::bench {

// ServiceOptions::replica_arguments for replicas that serve `model` with `milliseconds` a batch.
std::vector<std::string> fixed_replica_arguments(const std::string& model, int milliseconds);

// Whether `arguments`, those of a replica after argv[0], ask for such a replica.
bool is_fixed_replica(const std::vector<std::string>& arguments);

// Serves until the parent goes away and ends the process.
[[noreturn]] void fixed_replica(const std::vector<std::string>& arguments);

}  // namespace podium::bench
