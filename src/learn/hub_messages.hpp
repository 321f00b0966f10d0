// What explorers and the hub say to each other: JSON heads (core/channel.hpp), some with plain
// bytes behind them, as many as "bytes" says.
//
// Whoever connects speaks first:
//
//   hello     {"podium": "learn", "secret": S, "task": D, "explorer": K}   K < 0: of another job
//   service   {"podium": "learn", "secret": S, "service": true, "explorer": -1}   clients' feedback
//   watcher   {"podium": "learn", "secret": S, "rank": true}               keeps explorers
//
// The hub says to an explorer:
//
//   welcome   {"welcome": K, "ticket": {...}}       its number; the road of the weights; to a service
//             also "rollout": {"experiences", "steps", "observation_bytes", "actions"}
//   refusal   {"refused": why}                      and the end of the connection
//   take      {"take": V, "bytes": B} bytes         these weights; B = 0: by the road, V or newer
//   explore   {"explore": rollout}
//   end       {"end": true}                         learning has ended
//
// An explorer says:
//
//   ready     {"ready": true, "road": found}        found: it has found what the ticket describes
//   taken     {"taken": V}
//   explored  {"explored": rollout, "experiences": N, "bytes": B, "returns": [...], "spent": [...],
//              "spans": [...]} bytes
//   here      {"here": true}                        at least every second, whatever it does
//
// A watcher says:
//
//   down      {"down": K}                           explorer K is left down
//   stop      {"stop": true}                        its rank was asked to stop
//
//   V := {"number": n, "made_at": n}
//
// "spent" are the seconds so far on each kind of work (accounting.hpp), "returns" those of episodes
// that have ended, "spans" what was done when, where it is to be told. `task` is a digest of what
// explorers do: one with another task is refused.
#pragma once

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "learn/accounting.hpp"
#include "learn/experience.hpp"

namespace podium::learn {

using Json = nlohmann::ordered_json;

inline constexpr std::chrono::milliseconds between_words{1000};  // of an explorer

inline Json to_json(const Version& version) {
  return {{"number", version.number}, {"made_at", version.made_at}};
}
// Throws nlohmann::json::exception.
inline Version version_from(const Json& json) {
  return {json.at("number").get<uint64_t>(), json.at("made_at").get<uint64_t>()};
}

inline Json to_json(const std::vector<SpentSpan>& spans) {
  Json json = Json::array();
  for (const SpentSpan& span : spans) {
    json.push_back({static_cast<int>(span.what), span.begin_ns, span.end_ns});
  }
  return json;
}
// Throws nlohmann::json::exception.
inline std::vector<SpentSpan> spans_from(const Json& json) {
  std::vector<SpentSpan> spans;
  for (const Json& one : json) {
    const auto what = std::min<size_t>(one.at(0).get<size_t>(), spent_kinds - 1);
    spans.push_back({static_cast<Spent>(what), one.at(1), one.at(2)});
  }
  return spans;
}

// Where explorers find the hub.
struct HubAddress {
  std::string address;  // HOST:PORT
  std::string secret;
};

}  // namespace podium::learn
