#include "io/sources/source.hpp"

#include <algorithm>
#include <cctype>

#include "core/error.hpp"
#include "core/hash.hpp"
#include "io/atomic_file.hpp"
#include "io/sources/cifar_source.hpp"
#include "io/sources/fetch.hpp"
#include "io/sources/idx_source.hpp"
#include "io/sources/named_set.hpp"
#include "io/sources/synthetic.hpp"

namespace podium::io {
namespace {

constexpr const char* key = "--io.source";

// The last component of a path or URL as a name for the cache: [a-z0-9_-]+.
std::string name_from(std::string text) {
  while (text.size() > 1 && text.back() == '/') text.pop_back();
  std::string name = text.substr(text.rfind('/') + 1);
  for (char& c : name) {
    const auto byte = static_cast<unsigned char>(c);
    c = std::isalnum(byte) || c == '-' ? static_cast<char>(std::tolower(byte)) : '_';
  }
  return name.empty() ? "data" : name.substr(0, 64);
}

constexpr const char* understood =
    "a data folder holds the four IDX files of train and t10k images and labels, or the binary "
    "files of CIFAR-10 or CIFAR-100";

// Opens what the folder turns out to hold.
std::unique_ptr<Source> open_folder(const std::filesystem::path& folder,
                                    const SourceOptions& options) {
  std::error_code ignored;
  const std::string place = std::filesystem::canonical(folder, ignored).string();
  const std::string name = name_from(folder.string());
  std::string missing;
  if (const auto files = find_idx_files(folder, &missing)) {
    options.log.debug(place + " holds IDX files");
    return open_idx_source(*files, name, options.source, place, {});
  }
  if (const auto files = find_cifar_files(folder)) {
    options.log.debug(place + " holds CIFAR files");
    return open_cifar_source(*files, name, options.source, place, {});
  }
  throw data_error("no file " + missing + " or " + missing + ".gz", folder.string(), understood);
}

// Fetches the four files of a URL that is not known by name; nothing vouches for their content.
// What has been fetched before is used again.
std::unique_ptr<Source> open_url(const SourceOptions& options) {
  const std::string& url = options.source;
  const std::string digest = to_hex(xxh3(std::as_bytes(std::span(url.data(), url.size()))));
  const std::filesystem::path folder = options.download_folder / (name_from(url) + "-" + digest);
  create_folder(folder);
  for (const char* name : idx_file_names) {
    if (std::filesystem::exists(folder / (std::string(name) + ".gz"))) continue;
    options.log.info("downloading " + std::string(name) + " from " + url + " (no known checksum)");
    // The content tells gzip from plain, so both are kept under one name.
    fetch({{url + "/" + name + ".gz", url + "/" + name}, folder / (std::string(name) + ".gz"), ""},
          "check the URL, or give a local folder");
  }
  return open_idx_source(find_idx_files(folder).value(), name_from(url), url, url, {});
}

bool looks_like_path(const std::string& text) {
  return text.find('/') != std::string::npos || text.starts_with('.');
}

}  // namespace

const char* part_name(Part part) {
  return part == Part::train ? "train" : "test";
}

std::unique_ptr<Source> open_source(const SourceOptions& options) {
  const std::string& text = options.source;
  if (text.starts_with(synthetic_prefix)) {
    return open_synthetic_source(parse_synthetic(text), text);
  }
  if (text.starts_with("http://") || text.starts_with("https://")) return open_url(options);
  constexpr std::string_view file_scheme = "file://";
  if (text.starts_with(file_scheme)) {
    return open_folder(text.substr(file_scheme.size()), options);
  }

  const auto& sets = named_sets();
  const auto set = std::find_if(sets.begin(), sets.end(),
                                [&](const NamedSet& candidate) { return candidate.name == text; });
  if (set != sets.end()) return open_named_set(*set, options);

  std::error_code ignored;
  if (std::filesystem::is_directory(text, ignored)) return open_folder(text, options);
  if (looks_like_path(text)) {
    throw data_error("no such folder", text, std::string("check ") + key);
  }
  throw usage_error("no data source '" + text + "'", key,
                    "use fashion_mnist, mnist, a folder, a URL, or synthetic:N,H,W,C,classes");
}

}  // namespace podium::io
