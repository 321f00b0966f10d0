// The lists of which event_table.cpp makes the one table of events, in the order of the
// documentation.
#pragma once

#include <vector>

#include "event_table.hpp"

namespace podium::schema {

EventKey plain(std::string name, std::string type, std::string help);
// One that TensorBoard draws.
EventKey curve(std::string name, std::string type, std::string help);

std::vector<EventSpec> training_events();
std::vector<EventSpec> pipeline_events();  // of ingest, selection and weights on their way
std::vector<EventSpec> service_events();
std::vector<EventSpec> search_events();
std::vector<EventSpec> learn_events();

}  // namespace podium::schema
