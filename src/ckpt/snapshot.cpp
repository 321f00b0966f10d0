#include "ckpt/snapshot.hpp"

#include <functional>
#include <numeric>
#include <set>

#include "core/error.hpp"
#include "core/hash.hpp"
#include "io/files/atomic_file.hpp"
#include "io/files/hdf5_file.hpp"

namespace podium::ckpt {
namespace {

using Json = nlohmann::ordered_json;

constexpr io::Schema snapshot_schema{"podium.snapshot", 1,
                                     "use an earlier snapshot, or train the model again"};
constexpr const char* buffers_group = "buffers";

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

std::span<const std::byte> bytes_of(const NamedBuffer& buffer) {
  return std::as_bytes(std::span(buffer.values));
}

uint64_t element_count(const std::vector<uint64_t>& shape) {
  return std::accumulate(shape.begin(), shape.end(), uint64_t{1}, std::multiplies<>());
}

bool is_good_name(const std::string& name) {
  constexpr char first_printable = ' ';
  for (const char c : name) {
    if (c == '/' || (c >= 0 && c < first_printable)) return false;
  }
  return !name.empty() && name != "." && name != "..";
}

void check_buffers(std::span<const NamedBuffer> buffers) {
  std::set<std::string_view> names;
  for (const NamedBuffer& buffer : buffers) {
    require(is_good_name(buffer.name) && names.insert(buffer.name).second,
            "buffers of a snapshot have proper, unique names", buffer.name.c_str());
    require(element_count(buffer.shape) == buffer.values.size(),
            "a buffer has as many values as its shape says", buffer.name.c_str());
  }
}

// Values, with names, checksums and object headers at a generous 4 KiB for each buffer.
uint64_t stored_bytes(std::span<const NamedBuffer> buffers) {
  constexpr uint64_t buffer_overhead = 4096;
  uint64_t bytes = 0;
  for (const NamedBuffer& buffer : buffers) {
    bytes += bytes_of(buffer).size() + buffer.name.size() + buffer_overhead;
  }
  return bytes;
}

// One digest over the card and all buffers, in order.
class WholeDigest {
 public:
  explicit WholeDigest(std::string_view card) { stream_.update(bytes_of(card)); }
  void add(const NamedBuffer& buffer) { stream_.update(bytes_of(buffer)); }
  std::string hex() const { return to_hex(stream_.digest()); }

 private:
  Xxh3Stream stream_;
};

std::string dataset_name(const std::string& buffer) {
  return std::string(buffers_group) + "/" + buffer;
}

void write_buffer(io::Hdf5File& file, const NamedBuffer& buffer) {
  io::Hdf5Dataset dataset = file.create_dataset<float>(dataset_name(buffer.name), buffer.shape, 0);
  dataset.write(0, std::span<const float>(buffer.values));
  dataset.write_attribute("xxh3", to_hex(xxh3(bytes_of(buffer))));
}

// Throws data_error naming file and buffer when it does not match its checksum.
NamedBuffer read_buffer(const io::Hdf5File& file, const std::string& name,
                        const std::filesystem::path& path) {
  const io::Hdf5Dataset dataset = file.dataset<float>(dataset_name(name));
  NamedBuffer buffer{name, dataset.shape(), {}};
  buffer.values.resize(element_count(buffer.shape));
  dataset.read(0, std::span<float>(buffer.values));
  if (dataset.read_attribute("xxh3") != to_hex(xxh3(bytes_of(buffer)))) {
    throw data_error("buffer '" + name + "' does not match its checksum", path.string(),
                     snapshot_schema.remedy);
  }
  return buffer;
}

Json parse_attribute(const io::Hdf5File& file, const char* name,
                     const std::filesystem::path& path) {
  const std::string text = file.read_attribute(name);
  try {
    return Json::parse(text);
  } catch (const Json::exception& error) {
    throw data_error(std::string("attribute '") + name + "' is not JSON: " + error.what(),
                     path.string(), snapshot_schema.remedy);
  }
}

std::vector<std::string> read_names(const io::Hdf5File& file, const std::filesystem::path& path) {
  const Json names = parse_attribute(file, "names", path);
  try {
    return names.get<std::vector<std::string>>();
  } catch (const Json::exception&) {
    throw data_error("attribute 'names' is not a list of texts", path.string(),
                     snapshot_schema.remedy);
  }
}

// Everything in the file, each buffer verified.
Snapshot read_content(const std::filesystem::path& path) {
  const io::Hdf5File file = io::Hdf5File::open(path);
  Snapshot snapshot{parse_attribute(file, "card", path), {}};
  WholeDigest whole(file.read_attribute("card"));
  for (const std::string& name : read_names(file, path)) {
    snapshot.buffers.push_back(read_buffer(file, name, path));
    whole.add(snapshot.buffers.back());
  }
  if (whole.hex() != file.read_attribute("xxh3")) {
    throw data_error("card and buffers do not match their common checksum", path.string(),
                     snapshot_schema.remedy);
  }
  return snapshot;
}

}  // namespace

void write_snapshot(const std::filesystem::path& path, const Json& card,
                    std::span<const NamedBuffer> buffers) {
  check_buffers(buffers);
  const std::string card_text = card.dump();
  WholeDigest whole(card_text);
  Json names = Json::array();
  io::TemporaryFile temporary(path);
  io::Hdf5File file = io::Hdf5File::create(temporary, card_text.size() + stored_bytes(buffers));
  file.create_group(buffers_group);
  for (const NamedBuffer& buffer : buffers) {
    write_buffer(file, buffer);
    whole.add(buffer);
    names.push_back(buffer.name);
  }
  file.write_attribute("schema", snapshot_schema.name);
  file.write_attribute("version", std::to_string(snapshot_schema.version));
  file.write_attribute("card", card_text);
  file.write_attribute("names", names.dump());
  file.write_attribute("xxh3", whole.hex());
  file.close();
  io::seal_and_publish(temporary, snapshot_schema);
}

void write_snapshot(const std::filesystem::path& path, const Snapshot& snapshot) {
  write_snapshot(path, snapshot.card, snapshot.buffers);
}

Snapshot read_snapshot(const std::filesystem::path& path) {
  const io::Seal seal = io::read_seal(path, snapshot_schema);
  if (!io::content_matches(path, seal)) {
    read_content(path);  // names the damaged buffer, if it is one
    throw data_error("damaged outside its buffers", path.string(), snapshot_schema.remedy);
  }
  return read_content(path);
}

io::Seal read_snapshot_seal(const std::filesystem::path& path) {
  return io::read_seal(path, snapshot_schema);
}

Json read_snapshot_card(const std::filesystem::path& path) {
  io::read_seal(path, snapshot_schema);
  return parse_attribute(io::Hdf5File::open(path), "card", path);
}

}  // namespace podium::ckpt
