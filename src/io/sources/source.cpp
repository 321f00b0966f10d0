#include "io/sources/source.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "core/hash.hpp"
#include "io/files/atomic_file.hpp"
#include "io/sources/fetch.hpp"
#include "io/sources/hdf5_source.hpp"
#include "io/sources/idx_source.hpp"
#include "io/sources/local_source.hpp"
#include "io/sources/named_set.hpp"
#include "io/sources/place.hpp"
#include "io/sources/synthetic.hpp"
#include "io/sources/transformed_source.hpp"

namespace podium::io {
namespace {

constexpr const char* key = "--io.source";

// Fetches the first of `urls` that answers to `target`, unless it is there already. Nothing vouches
// for the content of a URL that is not known by name.
void fetch_unknown(std::vector<std::string> urls, const std::filesystem::path& target,
                   const Log& log) {
  if (std::filesystem::exists(target)) return;
  log.info("downloading " + urls.back() + " (no known checksum)");
  fetch({std::move(urls), target, ""}, "check the URL, or give a local folder");
}

// One HDF5 file, or a folder of the four IDX files.
std::unique_ptr<Source> open_url(const SourceOptions& options) {
  const std::string& url = options.source;
  const std::string name = name_from(url);
  const std::string digest = to_hex(xxh3(std::as_bytes(std::span(url.data(), url.size()))));
  const std::filesystem::path folder = options.download_folder / (name + "-" + digest);
  create_folder(folder);
  if (url.ends_with(".h5") || url.ends_with(".hdf5")) {
    const std::filesystem::path target = folder / "data.h5";
    fetch_unknown({url}, target, options.log);
    return open_hdf5_source({target, {}}, name, url, url, options);
  }
  for (const std::string file : idx_file_names) {
    // The content tells gzip from plain, so both are kept under one name.
    fetch_unknown({url + "/" + file + ".gz", url + "/" + file}, folder / (file + ".gz"),
                  options.log);
  }
  return open_idx_source(find_idx_files(folder).value(), name, url, url, {});
}

bool looks_like_path(const std::string& text) {
  return text.find('/') != std::string::npos || text.starts_with('.');
}

const NamedSet* find_named_set(const std::string& text) {
  const auto& sets = named_sets();
  const auto set = std::find_if(sets.begin(), sets.end(),
                                [&](const NamedSet& candidate) { return candidate.name == text; });
  return set == sets.end() ? nullptr : &*set;
}

std::unique_ptr<Source> open_path(const std::string& path, const SourceOptions& options) {
  return open_local(path, name_from(path), options);
}

}  // namespace

const char* part_name(Part part) {
  return part == Part::train ? "train" : "test";
}

std::unique_ptr<Source> open_source(const SourceOptions& options) {
  const std::string& text = options.source;
  if (text.starts_with(synthetic_prefix)) {
    return transformed(open_synthetic_source(parse_synthetic(text), text), options.transform);
  }
  if (text.starts_with("http://") || text.starts_with("https://")) {
    return transformed(open_url(options), options.transform);
  }
  constexpr std::string_view file_scheme = "file://";
  if (text.starts_with(file_scheme)) return open_path(text.substr(file_scheme.size()), options);
  if (const NamedSet* set = find_named_set(text)) {
    return transformed(open_named_set(*set, options), options.transform);
  }
  std::error_code ignored;
  if (looks_like_path(text) || std::filesystem::exists(text, ignored)) {
    return open_path(text, options);
  }
  throw usage_error("no data source '" + text + "'", key,
                    "use " + named_set_names() +
                        ", a folder, an HDF5 file, a URL, or "
                        "synthetic:N,H,W,C,classes");
}

}  // namespace podium::io
