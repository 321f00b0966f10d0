#include "ckpt/engine/intake.hpp"

#include <nlohmann/json.hpp>

#include "ckpt/engine/device_stages.hpp"
#include "ckpt/engine/host/host_stages.hpp"

namespace podium::ckpt::engine {

std::unique_ptr<Intake> make_intake(const Segment& segment, const nlohmann::ordered_json& handles,
                                    size_t bucket_bytes, const size_t* keeper) {
  if (handles.empty() || handles.front().empty()) return make_host_intake(segment);
  return make_device_intake(segment, handles, bucket_bytes, keeper);
}

}  // namespace podium::ckpt::engine
