#include "io/sources/fetch.hpp"

#include <chrono>
#include <filesystem>

#include "core/error.hpp"
#include "io/sources/part_file.hpp"
#include "io/sources/transfer.hpp"

namespace podium::io {
namespace {

constexpr std::chrono::minutes turn_timeout{60};
constexpr int attempts_per_url = 4;  // as long as each brings some bytes

// What the attempts so far have come to, for the message when there is no URL left.
struct Failures {
  std::string unreached;
  std::string mismatched;

  void add_unreached(const std::string& url, const std::string& reason) {
    if (!unreached.empty()) unreached += "; ";
    unreached.append(url).append(": ").append(reason);
  }
};

// Whether the bytes at hand may be the beginning of what `url` has.
bool may_continue(const PartFile& part, const std::string& url, const std::string& sha256) {
  if (part.bytes() == 0) return false;
  const PartOrigin& origin = part.origin();
  return !sha256.empty() || (origin.url == url && !origin.validator.empty());
}

// Transfers until the file is whole, or an attempt brings nothing.
TransferResult transfer_all(const std::string& url, PartFile& part, const std::string& sha256) {
  TransferResult result;
  bool continued = false;
  for (int attempt = 0; attempt < attempts_per_url; ++attempt) {
    result = transfer(url, may_continue(part, url, sha256), part);
    continued = continued || result.continued;
    if (result.failure.empty()) break;
    const bool starts_over = result.part_is_wrong && part.bytes() > 0;
    if (result.part_is_wrong) part.drop();
    if (!result.progressed && !starts_over) break;
  }
  result.continued = continued;
  return result;
}

// Fetches from `url`: true when the part is then whole and right. A file put together from several
// transfers may be wrong where the server's is not, so it is fetched once more from the start.
bool fetch_from(const std::string& url, PartFile& part, const std::string& sha256,
                Failures& failures) {
  for (const bool last : {false, true}) {
    const TransferResult result = transfer_all(url, part, sha256);
    if (!result.failure.empty()) {
      failures.add_unreached(url, result.failure);
      return false;
    }
    if (sha256.empty()) return true;
    const std::string found = part.sha256();
    if (found == sha256) return true;
    failures.mismatched = "wrong SHA-256: expected ";
    failures.mismatched.append(sha256).append(", got ").append(found).append(" from ").append(url);
    part.drop();
    if (last || !result.continued) break;
  }
  return false;
}

// True when the part has become the file.
bool fetch_part(const Download& download, PartFile& part, Failures& failures) {
  const bool is_whole =
      part.bytes() > 0 && !download.sha256.empty() && part.sha256() == download.sha256;
  if (is_whole) return true;
  for (const std::string& url : download.urls) {
    if (fetch_from(url, part, download.sha256, failures)) return true;
  }
  return false;
}

}  // namespace

void fetch(const Download& download, const std::string& remedy) {
  PartFile part(download.target, turn_timeout);
  std::error_code ignored;
  if (std::filesystem::exists(download.target, ignored)) return;
  Failures failures;
  try {
    if (fetch_part(download, part, failures)) {
      part.publish();
      return;
    }
  } catch (...) {
    part.drop();
    throw;
  }
  // Without a validator and a checksum nothing can tell whether a continuation would fit.
  if (download.sha256.empty() && part.origin().validator.empty()) part.drop();
  const std::string name = download.target.filename().string();
  if (!failures.mismatched.empty()) throw data_error(failures.mismatched, name, remedy);
  const std::string kept =
      part.bytes() == 0 ? "" : " (" + std::to_string(part.bytes()) + " bytes of it are kept)";
  throw unavailable_error("cannot download " + name + kept, failures.unreached, remedy);
}

}  // namespace podium::io
