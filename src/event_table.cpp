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
       "a job has failed ([troubleshooting.md](troubleshooting.md)); of several, the first says "
       "why",
       "",
       "",
       {plain("rank", "integer", "that failed; `null`: nobody knows, or the launcher went first"),
        plain("role", "text", "of that rank"), plain("node", "text", "its name"),
        plain("text", "text", "the error line, or what is known"),
        plain("exit_code", "integer", "of the job, where a rank ended it by an error"),
        plain("signal", "integer", "that killed the rank; `null`: it could not tell"),
        plain("by", "text", "`witness`: the rank said nothing itself"),
        plain("last_words", "object", "by the name of its log file: the last line of each rank")}},
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

// How they are called, by the first of them.
std::string about_curves(const EventSpec& spec) {
  const bool by_key = std::ranges::count(spec.keys, spec.owner, &EventKey::name) > 0;
  const std::string first = std::ranges::find(spec.keys, true, &EventKey::curve)->name;
  const std::string name = "`" + (by_key ? "cnn" : spec.owner) + "/" + first + "`";
  return " Its curves are called " + (by_key ? "after its `" + spec.owner + "`, as in " : "as ") +
         name + ", over `" + spec.step + "`.";
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
    text += "\n## `" + spec.name + "`\n\nWhen " + spec.help + ".";
    if (!spec.owner.empty()) text += about_curves(spec);
    text += "\n\n" + rows_of(spec.keys, !spec.owner.empty());
  }
  return text;
}

}  // namespace podium
