#include "io/cache/memo.hpp"

#include <array>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "core/hash.hpp"
#include "core/text.hpp"
#include "io/cache/manifest.hpp"
#include "io/files/atomic_file.hpp"

namespace podium::io {
namespace {

constexpr std::array modes{MemoMode::content, MemoMode::age, MemoMode::always, MemoMode::never};

std::string built_text(const Manifest& cached) {
  std::string text = std::to_string(cached.train_records + cached.test_records) +
                     " records, built " + cached.built;
  if (cached.generation > 0) text += ", appended " + cached.updated;
  return text;
}

// "3.2 days", "5 minutes".
std::string duration_text(double seconds) {
  constexpr double minute = 60;
  constexpr double hour = 60 * minute;
  constexpr double day = 24 * hour;
  if (seconds >= 2 * day) return format("%.1f days", seconds / day);
  if (seconds >= 2 * hour) return format("%.1f hours", seconds / hour);
  if (seconds >= 2 * minute) return format("%.0f minutes", seconds / minute);
  return format("%.0f seconds", seconds);
}

MemoVerdict judge_content(const Manifest& cached, const MemoSource& source) {
  const std::string digest = to_hex(source.digest());
  if (digest != cached.source_digest) {
    return {false, "the source's content has changed: digest " + digest + ", the cache has " +
                       cached.source_digest};
  }
  return {true,
          "source digest, transforms, split and format version match (" + built_text(cached) + ")"};
}

MemoVerdict judge_age(const MemoRules& rules, const Manifest& cached, const MemoSource& source,
                      Instant now) {
  const double age = std::chrono::duration<double>(now - from_utc_text(cached.updated)).count();
  const double limit = std::chrono::duration<double>(rules.max_age).count();
  const std::string aged = duration_text(age) + " old, limit " + duration_text(limit);
  if (age > limit) return {false, "the cache is too old: " + aged};
  // A clock that went backwards says nothing about age.
  if (age < -1) return {false, "the cache was updated in the future: " + cached.updated};

  const auto before = static_cast<double>(cached.source_records);
  const auto after = static_cast<double>(source.records());
  const double change = std::abs(after - before) / std::max(before, 1.0);
  const std::string changed = format("the source's record count changed by %.1f %%, limit %.1f %%",
                                     100 * change, 100 * rules.max_change) +
                              format(" (%.0f, was %.0f)", after, before);
  if (change > rules.max_change) return {false, changed};
  return {true, "the cache is " + aged + "; " + changed};
}

}  // namespace

const char* memo_mode_name(MemoMode mode) {
  switch (mode) {
    case MemoMode::content:
      return "content";
    case MemoMode::age:
      return "age";
    case MemoMode::always:
      return "always";
    case MemoMode::never:
      return "never";
  }
  return "?";
}

MemoMode parse_memo_mode(const std::string& text) {
  for (const MemoMode mode : modes) {
    if (text == memo_mode_name(mode)) return mode;
  }
  throw usage_error("no memo mode '" + text + "'", "--memo", "use content, age, always or never");
}

MemoVerdict judge(const MemoRules& rules, const Manifest& cached, const MemoSource& source,
                  Instant now) {
  switch (rules.mode) {
    case MemoMode::content:
      return judge_content(cached, source);
    case MemoMode::age:
      return judge_age(rules, cached, source, now);
    case MemoMode::always:
      return {true, "--memo=always takes the cache as it is (" + built_text(cached) + ")"};
    case MemoMode::never:
      return {false, "a rebuild was asked for by --memo=never"};
  }
  throw internal_error("a memo mode has no rule", "judge");
}

std::string to_utc_text(Instant instant) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(instant);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text.data();
}

Instant from_utc_text(const std::string& text) {
  std::tm parts{};
  const char* end = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  if (end == nullptr || *end != '\0') {
    throw data_error("no time in UTC: '" + text + "'", manifest_file, cache_schema.remedy);
  }
  return std::chrono::system_clock::from_time_t(timegm(&parts));
}

void write_memo(const std::filesystem::path& folder, const Manifest& manifest,
                const MemoRules& rules, const MemoVerdict& verdict, Instant now) {
  nlohmann::ordered_json json;
  json["location"] = manifest.location;
  json["last_update"] = manifest.updated;
  json["records"] = manifest.train_records + manifest.test_records;
  json["digest"] = manifest.source_digest;
  json["transform"] = manifest.transform;
  json["generation"] = manifest.generation;
  json["format_version"] = cache_schema.version;
  json["decision"] = {{"time", to_utc_text(now)},
                      {"mode", memo_mode_name(rules.mode)},
                      {"reused", verdict.reuse},
                      {"reason", verdict.reason}};
  const auto replace = nlohmann::ordered_json::error_handler_t::replace;
  try {
    write_volatile_text_file(folder / memo_file, json.dump(2, ' ', false, replace) + "\n");
  } catch (const Error& error) {
    if (error.code() != ExitCode::io) throw;
  }
}

}  // namespace podium::io
