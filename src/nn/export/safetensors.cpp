#include "nn/export/safetensors.hpp"

#include <nlohmann/json.hpp>

namespace podium::nn {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kAlignment = 8;

Json header_of(const ModelView& model, const Properties& properties) {
  Json header;
  Json& metadata = header["__metadata__"] = Json::object();
  for (const auto& [key, value] : properties) metadata[key] = value;
  uint64_t begin = 0;
  for (const BufferInfo& buffer : model.plan.buffers) {
    const uint64_t end = begin + buffer.count * sizeof(float);
    header[buffer.name] = {
        {"dtype", "F32"}, {"shape", buffer.shape}, {"data_offsets", {begin, end}}};
    begin = end;
  }
  return header;
}

// The eight bytes of `value`, the lowest first.
std::string little_endian(uint64_t value) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>(value >> 8 * i & 0xFF);
  return bytes;
}

}  // namespace

Pieces to_safetensors(const ModelView& model, const Properties& properties) {
  std::string header = header_of(model, properties).dump();
  header.resize((header.size() + kAlignment - 1) / kAlignment * kAlignment, ' ');
  Pieces file;
  file.add(little_endian(header.size()));
  file.add(header);
  for (const BufferInfo& buffer : model.plan.buffers) file.add_view(model.values_of(buffer));
  return file;
}

}  // namespace podium::nn
