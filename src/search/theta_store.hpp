// ThetaStore: the seam to who holds the parameters of a controller, Θ: this process, or parameter
// servers that many controllers share. Whoever holds them has the optimizer too.
//
// Θ is one flat vector of floats; Controller::buffers() names its parts.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <vector>

namespace podium::search {

class ThetaStore {
 public:
  virtual ~ThetaStore() = default;

  // Copies Θ as it is now. REQUIRES: as many floats as Θ has.
  virtual void pull(std::span<float> theta) = 0;

  // One step of the optimizer down `gradient`, which has as many floats. Another controller may
  // have pushed since the pull that it was computed from.
  virtual void push(std::span<const float> gradient) = 0;
};

// Kingma & Ba 2015.
struct AdamOptions {
  double lr = 0.01;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
};

// Θ in this process, with Adam. For one thread.
class LocalTheta final : public ThetaStore {
 public:
  explicit LocalTheta(std::vector<float> initial, AdamOptions options = {});

  void pull(std::span<float> theta) override;
  void push(std::span<const float> gradient) override;

  // All that the next step depends on. resume() throws data_error for a state of another length.
  nlohmann::ordered_json state() const;
  void resume(const nlohmann::ordered_json& state);

 private:
  AdamOptions options_;
  std::vector<float> theta_;
  std::vector<float> mean_;      // of the gradients
  std::vector<float> variance_;  // of them, about zero
  int64_t steps_ = 0;
};

}  // namespace podium::search
