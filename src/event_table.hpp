// The one table of events: what stands in metrics.jsonl, key by key. It feeds docs/events.md, the
// curves of TensorBoard, and the test that looks at every line of real jobs.
#pragma once

#include <string>
#include <vector>

#include "core/scalar_log.hpp"

namespace podium {

struct EventKey {
  std::string name;
  std::string type;  // "text", "integer", "number", "boolean", "object" or "list"
  std::string help;  // one line, with the unit where there is one
  bool curve = false;
};

struct EventSpec {
  std::string name;
  std::string help;   // when it comes, one line
  std::string owner;  // of its curves (scalar_log.hpp); empty: it has none
  std::string step;
  std::vector<EventKey> keys;  // beside those of every event; some may be missing
};

// Every event, in the order of the documentation.
const std::vector<EventSpec>& event_table();

// The keys that every event has.
const std::vector<EventKey>& common_event_keys();

// What of it TensorBoard draws.
std::vector<EventCurves> event_curves();

// docs/events.md, from the table.
std::string events_markdown();

}  // namespace podium
