// Memo: whether the ingest step may be skipped because a cache of it is there, and why.
//
// content  the source's digest is that of the cache
// age      the cache is young enough and the source's number of records has changed little; the
//          content is not read
// always   there is a cache
// never    no
//
// In every mode the cache's place, transforms, split and format version are those asked for: they
// are part of its name (io/cache/ingest.hpp). Free functions, thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

namespace podium::io {

struct Manifest;

enum class MemoMode { content, age, always, never };

const char* memo_mode_name(MemoMode mode);

// Throws usage_error.
MemoMode parse_memo_mode(const std::string& text);

struct MemoRules {
  MemoMode mode = MemoMode::content;
  std::chrono::seconds max_age = std::chrono::hours(24 * 30);  // of mode `age`
  double max_change = 0.10;  // of mode `age`: of the number of records, relative to the cache's
};

// The source as it is, asked only as far as the mode needs it.
struct MemoSource {
  std::function<uint64_t()> digest;   // may read all of it
  std::function<uint64_t()> records;  // train and test together
};

struct MemoVerdict {
  bool reuse = false;
  std::string reason;  // one sentence for people
};

using Instant = std::chrono::system_clock::time_point;

MemoVerdict judge(const MemoRules& rules, const Manifest& cached, const MemoSource& source,
                  Instant now);

// UTC in ISO 8601 to the second: "2026-11-21T13:06:49Z".
std::string to_utc_text(Instant instant);
// Throws data_error when `text` is no such time.
Instant from_utc_text(const std::string& text);

// The file beside the manifest that tells people and scripts of the last decision.
inline constexpr const char* memo_file = "memo.json";

// Writes it: location, last update, record count, digest, and the decision with its reason. A cache
// folder that cannot be written is left as it is: reading from a shared cache needs no such right.
void write_memo(const std::filesystem::path& folder, const Manifest& manifest,
                const MemoRules& rules, const MemoVerdict& verdict, Instant now);

}  // namespace podium::io
