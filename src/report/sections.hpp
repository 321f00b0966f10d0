// The sections of a report, in their order.
//
// A section is a function in a file of its own that adds to the page what it finds in the runs; one
// that finds nothing adds nothing. With several runs, each section lays them side by side.
#pragma once

#include <vector>

#include "report/page.hpp"
#include "report/run_data.hpp"

namespace podium::report {

void summary_section(const std::vector<RunData>& runs, Page& page);
void failure_section(const std::vector<RunData>& runs, Page& page);
void advice_section(const std::vector<RunData>& runs, Page& page);
void curves_section(const std::vector<RunData>& runs, Page& page);
void confusion_section(const std::vector<RunData>& runs, Page& page);
void time_section(const std::vector<RunData>& runs, Page& page);
void memo_section(const std::vector<RunData>& runs, Page& page);
void configuration_section(const std::vector<RunData>& runs, Page& page);
void facts_section(const std::vector<RunData>& runs, Page& page);
void run_lanes_section(const std::vector<RunData>& runs, Page& page);
void pods_section(const std::vector<RunData>& runs, Page& page);
void update_section(const std::vector<RunData>& runs, Page& page);
void serving_section(const std::vector<RunData>& runs, Page& page);
void learn_lanes_section(const std::vector<RunData>& runs, Page& page);
void search_section(const std::vector<RunData>& runs, Page& page);
void allreduce_section(const std::vector<RunData>& runs, Page& page);
void scaling_section(const std::vector<RunData>& runs, Page& page);

// All of them.
void add_sections(const std::vector<RunData>& runs, Page& page);

}  // namespace podium::report
