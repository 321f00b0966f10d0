// Tags of the messages between roles that do not travel on the control plane.
#pragma once

namespace podium::workflow::messages {

inline constexpr int weights_tag = 200;      // a snapshot, from a trainer to a ckpt rank
inline constexpr int predictions_tag = 201;  // classified records, to the rank that writes them

}  // namespace podium::workflow::messages
