// The checkpoint road: the engine holds the newest weights beside the trainers' work, and explorers
// fetch them from it when they are told (weights_road.hpp, docs/checkpoint_engine.md).
//
// Whoever fetches holds nobody up, and every byte is checked against the checksum of its holder. An
// explorer that comes late gets the newest version, not the one that it was told of.
#pragma once

#include "ckpt/engine/engine.hpp"
#include "comm/communicator.hpp"
#include "learn/weights_road.hpp"

namespace podium::learn {

class CheckpointOut : public WeightsOut {
 public:
  // `address` is this node's, as explorers reach it. Throws unavailable_error when it cannot
  // listen there.
  CheckpointOut(const std::string& address, Log log);

  void publish(const Version& version, std::span<const float> parameters) override;
  nlohmann::ordered_json ticket() const override;

 private:
  std::unique_ptr<comm::Communicator> alone_;  // the leading trainer has all of the policy
  std::string secret_;
  std::unique_ptr<ckpt::engine::Engine> engine_;
};

class CheckpointIn : public WeightsIn {
 public:
  // By the ticket of a CheckpointOut. Throws data_error for one that is none.
  explicit CheckpointIn(const nlohmann::ordered_json& ticket);

  Version take(const Version& version, std::span<float> parameters,
               std::chrono::milliseconds limit) override;

 private:
  ckpt::engine::FetchOptions source_;
};

}  // namespace podium::learn
