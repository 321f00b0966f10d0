#include "io/sources/cifar_source.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "core/error.hpp"
#include "core/hash.hpp"
#include "io/sources/byte_stream.hpp"
#include "io/sources/file_digest.hpp"
#include "io/sources/labels.hpp"

namespace podium::io {
namespace {

constexpr ImageShape image_shape{32, 32, 3};
constexpr uint64_t records_limit = uint64_t{1} << 32;
constexpr uint64_t names_bytes_limit = uint64_t{1} << 16;
constexpr const char* get_again = "get the file again";
constexpr std::string_view batch_prefix = "data_batch_";
constexpr std::string_view batch_suffix = ".bin";

// One file and how many records it holds.
struct RecordFile {
  std::filesystem::path path;
  uint64_t records = 0;
};

uint64_t record_bytes(const CifarFiles& files) {
  return files.label_bytes + image_shape.bytes();
}

// Counts the records of a file: in constant memory, and for a plain file without reading it.
RecordFile count_records(const std::filesystem::path& path, uint64_t record_bytes) {
  ByteStream stream(path);
  const std::optional<uint64_t> known = stream.content_bytes();
  const uint64_t bytes = known ? *known : stream.skip(std::numeric_limits<uint64_t>::max());
  if (bytes == 0 || bytes % record_bytes != 0) {
    throw data_error("truncated CIFAR file: " + std::to_string(bytes) +
                         " bytes are not one or more records of " + std::to_string(record_bytes) +
                         " bytes",
                     path.string(), get_again);
  }
  return {path, bytes / record_bytes};
}

uint64_t total(const std::vector<RecordFile>& files) {
  uint64_t records = 0;
  for (const RecordFile& file : files) records += file.records;
  return records;
}

// [3,32,32] to [32,32,3].
void interleave(std::span<const uint8_t> planes, std::span<uint8_t> image) {
  const size_t plane_bytes = image_shape.height * image_shape.width;
  for (size_t channel = 0; channel < image_shape.channels; ++channel) {
    const uint8_t* plane = planes.data() + channel * plane_bytes;
    uint8_t* out = image.data() + channel;
    for (size_t i = 0; i < plane_bytes; ++i) out[i * image_shape.channels] = plane[i];
  }
}

// The records of several files as one stream.
class CifarRecordStream final : public RecordStream {
 public:
  CifarRecordStream(std::vector<RecordFile> files, size_t label_bytes, uint64_t first,
                    uint64_t classes)
      : files_(std::move(files)),
        record_(label_bytes + image_shape.bytes()),
        label_bytes_(label_bytes),
        classes_(classes) {
    while (next_file_ < files_.size() && first >= files_[next_file_].records) {
      first -= files_[next_file_++].records;
    }
    if (next_file_ == files_.size()) return;
    open_next();
    const uint64_t bytes = first * record_.size();
    if (stream_->skip(bytes) < bytes) throw_truncated();
    left_ -= first;
  }

  void read(std::span<uint8_t> images, std::span<uint8_t> labels) override {
    require(images.size() == labels.size() * image_shape.bytes(),
            "images and labels of one batch have the same count", "CifarRecordStream::read");
    for (size_t i = 0; i < labels.size(); ++i) {
      if (left_ == 0) {
        check_end();
        open_next();
      }
      labels[i] = read_record(images.subspan(i * image_shape.bytes(), image_shape.bytes()));
    }
  }

  void finish() override {
    require(left_ == 0 && next_file_ == files_.size(), "a CIFAR stream ends at its last record",
            "CifarRecordStream::finish");
    check_end();
  }

 private:
  void open_next() {
    require(next_file_ < files_.size(), "a CIFAR batch lies within its source",
            "CifarRecordStream::read");
    stream_.emplace(files_[next_file_].path);
    left_ = files_[next_file_].records;
    ++next_file_;
  }

  uint8_t read_record(std::span<uint8_t> image) {
    const uint64_t begin = stream_->offset();
    if (stream_->read(record_) < record_.size()) throw_truncated();
    --left_;
    const uint8_t label = record_[label_bytes_ - 1];
    if (label >= classes_) {
      throw label_error(
          label, classes_,
          stream_->path().string() + " at byte " + std::to_string(begin + label_bytes_ - 1));
    }
    interleave(std::span(record_).subspan(label_bytes_), image);
    return label;
  }

  // Reaching the end also verifies the checksum of a gzip file.
  void check_end() {
    std::array<uint8_t, 1> extra{};
    if (stream_ && stream_->read(extra) != 0) {
      throw data_error("the CIFAR file has grown since it was opened", stream_->where(),
                       "start again when it is complete");
    }
  }

  [[noreturn]] void throw_truncated() const {
    throw data_error("the CIFAR file ends within a record", stream_->where(), get_again);
  }

  std::vector<RecordFile> files_;
  std::vector<uint8_t> record_;  // as on disk
  size_t label_bytes_;
  uint64_t classes_;
  std::optional<ByteStream> stream_;
  size_t next_file_ = 0;
  uint64_t left_ = 0;  // records of the open file not yet read
};

class CifarSource final : public Source {
 public:
  CifarSource(SourceInfo info, size_t label_bytes, std::vector<RecordFile> train, RecordFile test)
      : Source(std::move(info)),
        label_bytes_(label_bytes),
        train_(std::move(train)),
        test_{std::move(test)} {}

  std::unique_ptr<RecordStream> open(Part part, uint64_t first) const override {
    return std::make_unique<CifarRecordStream>(part == Part::train ? train_ : test_, label_bytes_,
                                               first, info().class_names.size());
  }

  uint64_t digest() const override {
    Xxh3Stream digest;
    for (const RecordFile& file : train_) add_file(digest, file.path);
    for (const RecordFile& file : test_) add_file(digest, file.path);
    return digest.digest();
  }

 private:
  size_t label_bytes_;
  std::vector<RecordFile> train_;
  std::vector<RecordFile> test_;
};

// One name a line; blank lines, with which the published file ends, are passed over.
std::vector<std::string> read_names(const std::filesystem::path& path) {
  ByteStream stream(path);
  std::string text(names_bytes_limit, '\0');
  text.resize(stream.read({reinterpret_cast<uint8_t*>(text.data()), text.size()}));
  if (text.size() == names_bytes_limit) {
    throw data_error("too long for a list of class names", path.string(), "check the file");
  }
  std::vector<std::string> names;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    std::string name = text.substr(begin, end - begin);
    while (!name.empty() && (name.back() == '\r' || name.back() == ' ')) name.pop_back();
    if (!name.empty()) names.push_back(std::move(name));
    begin = end + 1;
  }
  check_class_count(names.size(), path.string());
  return names;
}

// The file `name` or `name`.gz, or an empty path.
std::filesystem::path find_file(const std::filesystem::path& folder, const std::string& name) {
  for (const char* suffix : {".gz", ""}) {
    std::error_code ignored;
    const std::filesystem::path path = folder / (name + suffix);
    if (std::filesystem::is_regular_file(path, ignored)) return path;
  }
  return {};
}

std::filesystem::path need_file(const std::filesystem::path& folder, const std::string& name) {
  std::filesystem::path path = find_file(folder, name);
  if (path.empty()) {
    throw data_error("no file " + name + " or " + name + ".gz", folder.string(),
                     "a CIFAR folder holds data_batch_1.bin, data_batch_2.bin, ... and "
                     "test_batch.bin, or train.bin and test.bin");
  }
  return path;
}

std::string batch_name(uint64_t number) {
  return std::string(batch_prefix) + std::to_string(number) + std::string(batch_suffix);
}

// The largest K for which there is a data_batch_K.bin, gz or plain; 0 without any.
uint64_t last_batch(const std::filesystem::path& folder) {
  uint64_t last = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(batch_prefix)) continue;
    uint32_t number = 0;
    std::from_chars(name.data() + batch_prefix.size(), name.data() + name.size(), number);
    if (number > last && (name == batch_name(number) || name == batch_name(number) + ".gz")) {
      last = number;
    }
  }
  return last;
}

std::optional<CifarFiles> find_here(const std::filesystem::path& folder) {
  CifarFiles files;
  if (const uint64_t last = last_batch(folder); last > 0) {
    // A gap means a file that was lost, and ends the loop at once.
    for (uint64_t number = 1; number <= last; ++number) {
      files.train.push_back(need_file(folder, batch_name(number)));
    }
    files.test = need_file(folder, "test_batch.bin");
    files.names = find_file(folder, "batches.meta.txt");
    return files;
  }
  if (const std::filesystem::path train = find_file(folder, "train.bin"); !train.empty()) {
    files.train = {train};
    files.test = need_file(folder, "test.bin");
    files.names = find_file(folder, "fine_label_names.txt");
    files.label_bytes = 2;
    files.classes = 100;
    return files;
  }
  return {};
}

}  // namespace

std::optional<CifarFiles> find_cifar_files(const std::filesystem::path& folder) {
  for (const char* below : {"", "cifar-10-batches-bin", "cifar-100-binary"}) {
    if (auto files = find_here(folder / below)) return files;
  }
  return {};
}

std::unique_ptr<Source> open_cifar_source(const CifarFiles& files, std::string name,
                                          std::string text, std::string location,
                                          std::vector<std::string> class_names) {
  std::vector<RecordFile> train;
  for (const std::filesystem::path& path : files.train) {
    train.push_back(count_records(path, record_bytes(files)));
  }
  RecordFile test = count_records(files.test, record_bytes(files));
  SourceInfo info;
  info.name = std::move(name);
  info.text = std::move(text);
  info.location = std::move(location);
  info.shape = image_shape;
  info.train_records = total(train);
  info.test_records = test.records;
  if (std::max(info.train_records, info.test_records) >= records_limit) {
    throw data_error("a data set has 1 to 2^32 - 1 images", files.test.parent_path().string(),
                     "give fewer files");
  }
  if (!class_names.empty()) {
    info.class_names = std::move(class_names);
  } else if (!files.names.empty()) {
    info.class_names = read_names(files.names);
  } else {
    info.class_names = numbered_classes(files.classes);
  }
  return std::make_unique<CifarSource>(std::move(info), files.label_bytes, std::move(train),
                                       std::move(test));
}

}  // namespace podium::io
