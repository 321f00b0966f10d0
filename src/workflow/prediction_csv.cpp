// Predictions as CSV (RFC 4180, but for lines that end with a newline alone):
//
//   image,class,name,probability[,label],p_0,p_1,...
//
// Numbers are the shortest that read back as the same bits. Blocks that come before their turn wait
// in a second temporary file, of which only the places are in memory.
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <map>
#include <optional>

#include "core/error.hpp"
#include "io/files/atomic_file.hpp"
#include "workflow/prediction_file.hpp"

namespace podium::workflow {
namespace {

constexpr size_t copy_bytes = size_t{1} << 20;

// A field, quoted where RFC 4180 asks for it.
void add_text(std::string& line, std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) {
    line += text;
    return;
  }
  line += '"';
  for (const char c : text) {
    if (c == '"') line += '"';
    line += c;
  }
  line += '"';
}

template <typename Number>
void add_number(std::string& line, Number number) {
  std::array<char, 32> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  line.append(digits.data(), end);
}

std::string header(const PredictionSubject& subject) {
  std::string line = "image,class,name,probability";
  if (subject.labelled) line += ",label";
  for (size_t i = 0; i < subject.model.classes.size(); ++i) line += ",p_" + std::to_string(i);
  return line + "\n";
}

class CsvFile final : public PredictionFile {
 public:
  CsvFile(const std::filesystem::path& path, const PredictionSubject& subject)
      : path_(path), records_(subject.input.info().records), file_(path) {
    io::write_all(file_.descriptor(), header(subject), path_);
  }

  void write(uint64_t first, size_t count, std::string_view encoded) override {
    if (first == next_) {
      io::write_all(file_.descriptor(), encoded, path_);
      next_ += count;
      return;
    }
    if (!early_) early_.emplace(path_);
    io::write_all(early_->descriptor(), encoded, path_);
    places_[first] = {count, early_bytes_, encoded.size()};
    early_bytes_ += encoded.size();
  }

  void finish() override {
    for (const auto& [first, place] : places_) {
      require(first == next_, "each record is written once", "CsvFile");
      copy(place);
      next_ += place.records;
    }
    require(next_ == records_, "all records are written", "CsvFile");
    file_.publish();
  }

 private:
  // Where a block lies among those that came early.
  struct Place {
    uint64_t records;
    uint64_t offset;
    uint64_t bytes;
  };

  void copy(const Place& place) {
    std::string buffer;
    for (uint64_t done = 0; done < place.bytes; done += buffer.size()) {
      buffer.resize(std::min<uint64_t>(copy_bytes, place.bytes - done));
      const ssize_t got = ::pread(early_->descriptor(), buffer.data(), buffer.size(),
                                  static_cast<off_t>(place.offset + done));
      if (got < 0 && errno == EINTR) {
        buffer.clear();
        continue;
      }
      if (got <= 0) throw io_error("cannot read back", path_.string(), got < 0 ? errno : EIO);
      buffer.resize(static_cast<size_t>(got));
      io::write_all(file_.descriptor(), buffer, path_);
    }
  }

  std::filesystem::path path_;
  uint64_t records_;
  io::TemporaryFile file_;
  uint64_t next_ = 0;  // record that the file goes on with
  std::optional<io::TemporaryFile> early_;
  uint64_t early_bytes_ = 0;
  std::map<uint64_t, Place> places_;  // by first record
};

}  // namespace

std::string encode_csv(const PredictionSubject& subject, const Predictions& block) {
  const size_t classes = subject.model.classes.size();
  std::string text;
  for (size_t i = 0; i < block.count(); ++i) {
    const uint32_t predicted = block.predicted[i];
    const float* row = &block.probabilities[i * classes];
    add_text(text, subject.input.name(block.first + i));
    text += ',';
    add_number(text, predicted);
    text += ',';
    add_text(text, subject.model.classes[predicted]);
    text += ',';
    add_number(text, row[predicted]);
    if (subject.labelled) {
      text += ',';
      add_number(text, block.labels[i]);
    }
    for (size_t k = 0; k < classes; ++k) {
      text += ',';
      add_number(text, row[k]);
    }
    text += '\n';
  }
  return text;
}

std::unique_ptr<PredictionFile> create_csv(const std::filesystem::path& path,
                                           const PredictionSubject& subject) {
  return std::make_unique<CsvFile>(path, subject);
}

}  // namespace podium::workflow
