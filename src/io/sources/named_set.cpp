#include "io/sources/named_set.hpp"

#include "io/atomic_file.hpp"
#include "io/file_lock.hpp"
#include "io/sources/fetch.hpp"
#include "io/sources/idx_source.hpp"

namespace podium::io {
namespace {

constexpr std::chrono::minutes download_lock_timeout{60};

// Xiao, Rasul & Vollgraf 2017, https://github.com/zalandoresearch/fashion-mnist. The sums are those
// of the published files; Debian's package holds the same images, compressed without file names.
NamedSet fashion_mnist() {
  return {"fashion_mnist",
          {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker",
           "Bag", "Ankle boot"},
          {"/usr/share/datasets/fashion-mnist", "/usr/local/share/datasets/fashion-mnist"},
          {"http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
           "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion"},
          {"3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
           "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
           "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
           "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"},
          "run `apt-get install dataset-fashion-mnist`, or give the folder that holds the four IDX "
          "files as --io.source=FOLDER"};
}

// LeCun, Cortes & Burges, http://yann.lecun.com/exdb/mnist/.
NamedSet mnist() {
  return {"mnist",
          {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"},
          {"/usr/share/datasets/mnist", "/usr/local/share/datasets/mnist"},
          {"https://ossci-datasets.s3.amazonaws.com/mnist",
           "https://storage.googleapis.com/cvdf-datasets/mnist"},
          {"440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
           "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
           "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
           "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"},
          "give the folder that holds the four IDX files as --io.source=FOLDER"};
}

// Fetches what `folder` lacks. One process downloads; others wait and find the files.
void download(const NamedSet& set, const SourceOptions& options,
              const std::filesystem::path& folder) {
  create_folder(folder);
  const FileLock lock(folder / "lock", download_lock_timeout, [&] {
    options.log.info("waiting for another process that downloads " + set.name);
  });
  remove_stale_temporaries(folder);
  const std::vector<std::string>& mirrors = options.mirrors.empty() ? set.mirrors : options.mirrors;
  for (size_t i = 0; i < idx_file_names.size(); ++i) {
    const std::string file = std::string(idx_file_names[i]) + ".gz";
    Download request{{}, folder / file, set.sha256[i]};
    if (std::filesystem::exists(request.target)) continue;
    for (const std::string& mirror : mirrors) {
      request.urls.push_back(std::string(mirror).append("/").append(file));
    }
    options.log.info("downloading " + file + " of " + set.name);
    fetch(request, set.remedy);
  }
}

}  // namespace

const std::vector<NamedSet>& named_sets() {
  static const std::vector<NamedSet> sets{fashion_mnist(), mnist()};
  return sets;
}

std::unique_ptr<Source> open_named_set(const NamedSet& set, const SourceOptions& options) {
  const std::filesystem::path downloads = options.download_folder / set.name;
  std::vector<std::filesystem::path> folders =
      options.data_folders.empty() ? set.folders : options.data_folders;
  folders.push_back(downloads);
  for (const std::filesystem::path& folder : folders) {
    if (const auto files = find_idx_files(folder)) {
      return open_idx_source(*files, set.name, options.source, set.name, set.class_names);
    }
  }
  download(set, options, downloads);
  return open_idx_source(find_idx_files(downloads).value(), set.name, options.source, set.name,
                         set.class_names);
}

}  // namespace podium::io
