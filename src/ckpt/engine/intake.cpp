#include "ckpt/engine/intake.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "ckpt/engine/device_stages.hpp"
#include "ckpt/engine/host/host_stages.hpp"

namespace podium::ckpt::engine {

void take_from(std::span<const std::byte> bytes, Wanted& wanted, Xxh3Stream& stream) {
  for (Wanted::Part& part : wanted.parts) {
    const std::span<const std::byte> chunk =
        bytes.subspan(part.chunk->bucket_offset, part.chunk->bytes);
    uint64_t reached = 0;
    stream.reset();
    for (const Wanted::Move& move : wanted.moves_of(part)) {
      const uint64_t offset = move.offset - part.chunk->bucket_offset;
      stream.update(chunk.subspan(reached, offset - reached));
      stream.copy(chunk.subspan(offset, move.bytes), move.to);
      reached = offset + move.bytes;
    }
    stream.update(chunk.subspan(reached));
    part.hash = stream.digest();
  }
}

std::unique_ptr<Intake> make_intake(const Segment& segment, const nlohmann::ordered_json& handles,
                                    size_t bucket_bytes, const size_t* keeper,
                                    SharedShards shards) {
  if (handles.empty() || handles.front().empty()) {
    return make_host_intake(segment, std::move(shards));
  }
  return make_device_intake(segment, handles, bucket_bytes, keeper);
}

}  // namespace podium::ckpt::engine
