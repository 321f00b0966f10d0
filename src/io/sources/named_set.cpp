#include "io/sources/named_set.hpp"

#include <array>
#include <chrono>
#include <optional>

#include "core/error.hpp"
#include "io/files/atomic_file.hpp"
#include "io/files/file_lock.hpp"
#include "io/sources/archive.hpp"
#include "io/sources/cifar_source.hpp"
#include "io/sources/fetch.hpp"
#include "io/sources/idx_source.hpp"

namespace podium::io {
namespace {

constexpr std::chrono::minutes download_lock_timeout{60};
constexpr const char* idx_remedy =
    "give the folder that holds the four IDX files as --io.source=FOLDER";
constexpr const char* cifar_remedy =
    "give the folder that holds the archive as --io.data_folders=FOLDER, or the one with its .bin "
    "files as --io.source=FOLDER";

std::vector<std::filesystem::path> system_folders(const std::string& name) {
  const std::filesystem::path share = "/usr/share/datasets";
  const std::filesystem::path local = "/usr/local/share/datasets";
  return {share / name, local / name};
}

// The .gz files in the order of idx_file_names.
std::vector<PublishedFile> idx_files(const std::array<const char*, 4>& sha256) {
  std::vector<PublishedFile> files;
  for (size_t i = 0; i < sha256.size(); ++i) {
    files.push_back({std::string(idx_file_names[i]) + ".gz", sha256[i]});
  }
  return files;
}

// Xiao, Rasul & Vollgraf 2017, https://github.com/zalandoresearch/fashion-mnist. The sums are those
// of the published files; Debian's package holds the same images, compressed without file names.
NamedSet fashion_mnist() {
  return {"fashion_mnist",
          SetForm::idx,
          {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker",
           "Bag", "Ankle boot"},
          system_folders("fashion-mnist"),
          {"http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
           "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion"},
          idx_files({"3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                     "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
                     "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
                     "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"}),
          std::string("run `apt-get install dataset-fashion-mnist`, or ") + idx_remedy};
}

// LeCun, Cortes & Burges, http://yann.lecun.com/exdb/mnist/.
NamedSet mnist() {
  return {"mnist",
          SetForm::idx,
          {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"},
          system_folders("mnist"),
          {"https://ossci-datasets.s3.amazonaws.com/mnist",
           "https://storage.googleapis.com/cvdf-datasets/mnist"},
          idx_files({"440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                     "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                     "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                     "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"}),
          idx_remedy};
}

// Clanuwat et al. 2018, http://codh.rois.ac.jp/kmnist/. The sums are those of TensorFlow Datasets,
// tensorflow_datasets/url_checksums/kmnist.txt.
NamedSet kmnist() {
  return {"kmnist",
          SetForm::idx,
          {"o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"},
          system_folders("kmnist"),
          {"http://codh.rois.ac.jp/kmnist/dataset/kmnist"},
          idx_files({"51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
                     "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
                     "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
                     "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c"}),
          idx_remedy};
}

// Krizhevsky 2009, https://www.cs.toronto.edu/~kriz/cifar.html, in its binary version. The sums of
// both archives are those of TensorFlow Datasets, tensorflow_datasets/url_checksums/cifar10.txt and
// cifar100.txt.
NamedSet cifar10() {
  return {
      "cifar10",
      SetForm::cifar10_archive,
      {"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"},
      system_folders("cifar10"),
      {"https://www.cs.toronto.edu/~kriz"},
      {{"cifar-10-binary.tar.gz",
        "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"}},
      cifar_remedy};
}

NamedSet cifar100() {
  return {"cifar100",
          SetForm::cifar100_archive,
          {},
          system_folders("cifar100"),
          {"https://www.cs.toronto.edu/~kriz"},
          {{"cifar-100-binary.tar.gz",
            "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec"}},
          cifar_remedy};
}

// What the archive of a set holds.
struct Packing {
  std::string folder;
  std::vector<std::string> names;
  size_t label_bytes = 1;  // of its records: tells the one kind of files from the other
};

const Packing& packing(SetForm form) {
  static const Packing ten{
      "cifar-10-batches-bin",
      {"batches.meta.txt", "data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
       "data_batch_4.bin", "data_batch_5.bin", "test_batch.bin"},
      1};
  static const Packing hundred{
      "cifar-100-binary", {"fine_label_names.txt", "train.bin", "test.bin"}, 2};
  require(form != SetForm::idx, "a set has an archive", "named_set");
  return form == SetForm::cifar10_archive ? ten : hundred;
}

std::unique_ptr<Source> open_cifar_in(const NamedSet& set, const std::string& text,
                                      const std::filesystem::path& folder) {
  const Packing& packed = packing(set.form);
  for (const std::filesystem::path& place : {folder / packed.folder, folder}) {
    const std::optional<CifarFiles> files = find_cifar_files(place);
    if (!files || files->label_bytes != packed.label_bytes) continue;
    return open_cifar_source(*files, set.name, text, set.name, set.class_names);
  }
  return nullptr;
}

// Null when `folder` does not hold the set.
std::unique_ptr<Source> open_in(const NamedSet& set, const std::string& text,
                                const std::filesystem::path& folder) {
  if (set.form != SetForm::idx) return open_cifar_in(set, text, folder);
  const std::optional<IdxFiles> files = find_idx_files(folder);
  if (!files) return nullptr;
  return open_idx_source(*files, set.name, text, set.name, set.class_names);
}

std::vector<std::filesystem::path> data_folders(const NamedSet& set, const SourceOptions& options) {
  return options.data_folders.empty() ? set.folders : options.data_folders;
}

// Where `file` may be: in a data folder first, then on the mirrors.
std::vector<std::string> places_of(const std::string& file, const NamedSet& set,
                                   const SourceOptions& options) {
  std::vector<std::string> places;
  std::error_code ignored;
  for (const std::filesystem::path& folder : data_folders(set, options)) {
    if (std::filesystem::exists(folder / file, ignored)) places.push_back((folder / file).string());
  }
  for (const std::string& mirror : options.mirrors.empty() ? set.mirrors : options.mirrors) {
    places.push_back(mirror + (mirror.ends_with('/') ? "" : "/") + file);
  }
  return places;
}

// Fetches what `folder` lacks, and unpacks it. REQUIRES: no other process does so.
void download(const NamedSet& set, const SourceOptions& options,
              const std::filesystem::path& folder) {
  for (const PublishedFile& file : set.files) {
    const std::filesystem::path target = folder / file.name;
    if (std::filesystem::exists(target)) continue;
    options.log.info("downloading " + file.name + " of " + set.name);
    fetch({places_of(file.name, set, options), target, file.sha256}, set.remedy);
  }
  if (set.form == SetForm::idx) return;
  const Packing& packed = packing(set.form);
  const std::filesystem::path archive = folder / set.files.front().name;
  options.log.info("unpacking " + archive.filename().string());
  std::error_code ignored;  // of no more use, whole or damaged
  try {
    unpack({archive, packed.names, folder / packed.folder});
  } catch (const Error& error) {
    if (error.code() == ExitCode::bad_data) std::filesystem::remove(archive, ignored);
    throw;
  }
  std::filesystem::remove(archive, ignored);
}

}  // namespace

const std::vector<NamedSet>& named_sets() {
  static const std::vector<NamedSet> sets{fashion_mnist(), mnist(), kmnist(), cifar10(),
                                          cifar100()};
  return sets;
}

std::string named_set_names() {
  std::string names;
  for (const NamedSet& set : named_sets()) names += (names.empty() ? "" : ", ") + set.name;
  return names;
}

std::unique_ptr<Source> open_named_set(const NamedSet& set, const SourceOptions& options) {
  const std::filesystem::path downloads = options.download_folder / set.name;
  std::vector<std::filesystem::path> folders = data_folders(set, options);
  folders.push_back(downloads);
  for (const std::filesystem::path& folder : folders) {
    if (auto source = open_in(set, options.source, folder)) return source;
  }
  create_folder(downloads);
  const FileLock lock(downloads / "lock", download_lock_timeout, [&] {
    options.log.info("waiting for another process that downloads " + set.name);
  });
  remove_stale_temporaries(downloads);
  if (auto source = open_in(set, options.source, downloads)) return source;
  download(set, options, downloads);
  auto source = open_in(set, options.source, downloads);
  require(source != nullptr, "a downloaded set is complete", "open_named_set");
  return source;
}

}  // namespace podium::io
