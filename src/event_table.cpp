#include "event_table.hpp"

#include <algorithm>
#include <iterator>

#include "event_lists.hpp"

namespace podium {
namespace {

using schema::curve;
using schema::plain;

std::vector<EventSpec> job_events() {
  return {
      {"started",
       "a job begins to use the run folder",
       "",
       "",
       {plain("verb", "text", "of the command line"),
        plain("what", "text", "behind the verb, as in `bench nn`; mostly empty"),
        plain("time", "text", "when, UTC, ISO 8601"), plain("version", "text", "of Podium"),
        plain("ranks", "integer", "of the job"), plain("nodes", "list", "by rank: the node's name"),
        plain("roles", "object", "the ranks of each role; of other verbs than `run`, of the verb"),
        plain("devices", "list", "by rank: `cpu`, or `cuda:N`"),
        plain("threads", "integer", "of a rank that trains")}},
      {"ended",
       "a job has done what it was to do, or was stopped; a job that failed has none",
       "",
       "",
       {plain("verb", "text", "of the command line"),
        plain("result", "object", "the result line ([cli.md](cli.md))")}},
      {"failed",
       "a job ends by an error",
       "",
       "",
       {plain("rank", "integer", "on which it happened"), plain("role", "text", "of that rank"),
        plain("text", "text", "the error line"), plain("exit_code", "integer", "of the job")}},
      {"signal",
       "a rank was told to stop (`run`)",
       "",
       "",
       {plain("number", "integer", "of the signal"), plain("rank", "integer", "that got it")}},
      {"time_limit",
       "the time of the job is up (`run`)",
       "",
       "",
       {plain("rank", "integer", "whose watch told")}},
      {"left",
       "a role has ended (`run`)",
       "",
       "",
       {plain("role", "text", ""), plain("rank", "integer", "")}},
  };
}

std::string rows_of(const std::vector<EventKey>& keys, bool drawn) {
  std::string text = std::string("| key | type | meaning |") + (drawn ? " curve |" : "") +
                     "\n|---|---|---|" + (drawn ? "---|" : "") + "\n";
  for (const EventKey& key : keys) {
    text += "| `" + key.name + "` | " + key.type + " | " + key.help + " |";
    if (drawn) text += key.curve ? " yes |" : " |";
    text += "\n";
  }
  return text;
}

}  // namespace

namespace schema {

EventKey plain(std::string name, std::string type, std::string help) {
  return {std::move(name), std::move(type), std::move(help)};
}

EventKey curve(std::string name, std::string type, std::string help) {
  return {std::move(name), std::move(type), std::move(help), true};
}

}  // namespace schema

const std::vector<EventSpec>& event_table() {
  static const std::vector<EventSpec> table = [] {
    std::vector<EventSpec> all;
    for (const auto list : {job_events, schema::training_events, schema::pipeline_events,
                            schema::service_events, schema::search_events, schema::learn_events}) {
      std::ranges::move(list(), std::back_inserter(all));
    }
    return all;
  }();
  return table;
}

const std::vector<EventKey>& common_event_keys() {
  static const std::vector<EventKey> keys = {
      plain("event", "text", "what it is"),
      plain("t_s", "number", "when, seconds since the start of the job"),
      plain("job", "text", "the same for all events of one job")};
  return keys;
}

std::vector<EventCurves> event_curves() {
  std::vector<EventCurves> curves;
  for (const EventSpec& spec : event_table()) {
    if (spec.owner.empty()) continue;
    curves.push_back({spec.name, spec.owner, spec.step, {}});
    for (const EventKey& key : spec.keys) {
      if (key.curve) curves.back().keys.push_back(key.name);
    }
  }
  return curves;
}

std::string events_markdown() {
  std::string text =
      "# Events\n\nWhat stands in `metrics.jsonl` of a run folder, one JSON object a line. Made "
      "from "
      "the table in `src/event_table.cpp`; [metrics.md](metrics.md) says how to read it. Keys that "
      "do not apply are missing or `null`.\n\nEvery event has\n\n" +
      rows_of(common_event_keys(), false);
  for (const EventSpec& spec : event_table()) {
    text += "\n## `" + spec.name + "`\n\n" + spec.help + ".";
    if (!spec.owner.empty()) {
      const bool by_key = std::ranges::count(spec.keys, spec.owner, &EventKey::name) > 0;
      text += " Its curves are called " + std::string(by_key ? "by its `" : "`") + spec.owner +
              (by_key ? "`, as in `cnn/" : "/") + spec.keys.back().name + "`, over `" + spec.step +
              "`.";
    }
    text += "\n\n" + rows_of(spec.keys, !spec.owner.empty());
  }
  return text;
}

}  // namespace podium
