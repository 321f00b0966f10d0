// FileInput: PNG and JPEG files of any size, each brought to the wanted shape on its own.
//
// Names take about 100 bytes an image and each stream holds one decoded image, whatever the number
// of files. Order: by folder, then by name, bytewise.
#include <algorithm>

#include "core/error.hpp"
#include "io/input/image_input.hpp"
#include "io/sources/folder_listing.hpp"
#include "io/sources/image_file.hpp"
#include "io/sources/labels.hpp"

namespace podium::io {
namespace {

namespace fs = std::filesystem;

struct FileList {
  fs::path folder;
  std::vector<std::string> files;  // below the folder
  std::vector<uint8_t> labels;     // one per file, or none
  std::vector<std::string> classes;
};

class FileInput final : public ImageInput {
 public:
  FileInput(InputInfo info, FileList list, Fit fit)
      : ImageInput(std::move(info)), list_(std::move(list)), fit_(std::move(fit)) {}

  std::unique_ptr<RecordStream> open(uint64_t first) const override;
  std::string name(uint64_t record) const override { return list_.files[record]; }

  // Reads the file into `pixels`; returns its label.
  uint8_t read(uint64_t record, std::span<uint8_t> pixels) const {
    const fs::path path = list_.folder / list_.files[record];
    const Image image = read_image(path);
    fit_.for_shape(image.shape, path.string()).apply(image.shape, image.pixels, pixels);
    return list_.labels.empty() ? uint8_t{0} : list_.labels[record];
  }

  size_t image_bytes() const { return fit_.wanted().bytes(); }

 private:
  FileList list_;
  Fit fit_;
};

class FileStream final : public RecordStream {
 public:
  FileStream(const FileInput& input, uint64_t first) : input_(input), next_(first) {}

  void read(std::span<uint8_t> images, std::span<uint8_t> labels) override {
    const size_t bytes = input_.image_bytes();
    for (size_t i = 0; i < labels.size(); ++i, ++next_) {
      labels[i] = input_.read(next_, images.subspan(i * bytes, bytes));
    }
  }

  void finish() override {
    require(next_ == input_.info().records, "a stream ends at its last record", "FileStream");
  }

 private:
  const FileInput& input_;
  uint64_t next_;
};

std::unique_ptr<RecordStream> FileInput::open(uint64_t first) const {
  return std::make_unique<FileStream>(*this, first);
}

// Files of the folders in `folder`, which are classes as long as labels can number them.
FileList list_classes(const fs::path& folder, const Log& log) {
  FileList list{folder, {}, {}, {}};
  for (const std::string& name : list_folders(folder)) {
    const std::vector<std::string> files = list_image_files(folder / name);
    if (files.empty()) continue;
    for (const std::string& file : files) list.files.push_back((fs::path(name) / file).string());
    list.labels.resize(list.files.size(), static_cast<uint8_t>(list.classes.size()));
    list.classes.push_back(name);
  }
  if (list.classes.size() > classes_limit) {
    log.warning(folder.string() + " has more than " + std::to_string(classes_limit) +
                " folders of images: they are not taken for classes");
    list.labels.clear();
    list.classes.clear();
  }
  return list;
}

FileList list_files(const fs::path& path, const Log& log) {
  if (!fs::is_directory(path)) return {path.parent_path(), {path.filename().string()}, {}, {}};
  FileList flat{path, list_image_files(path), {}, {}};
  FileList nested = list_classes(path, log);
  if (flat.files.empty()) return nested;
  if (nested.files.empty()) return flat;
  throw data_error("images beside folders of images: which of them are meant?", path.string(),
                   "give a folder of images, or one with a folder of images per class");
}

}  // namespace

std::unique_ptr<ImageInput> open_files(const fs::path& path, const InputOptions& options) {
  FileList list = list_files(path, options.log);
  if (list.files.empty()) return nullptr;
  InputInfo info;
  info.text = options.text;
  info.split = "all";
  info.records = list.files.size();
  info.named = true;
  info.labelled = !list.labels.empty();
  info.class_names = list.classes;
  return std::make_unique<FileInput>(std::move(info), std::move(list), options.fit);
}

}  // namespace podium::io
