// `podium report`: one page about one or more runs.
#pragma once

#include <filesystem>
#include <string>

#include "core/log.hpp"
#include "verbs.hpp"

namespace podium {

// Rank 0 writes the page; more ranks have nothing to add.
ExitCode report_verb(const VerbContext& context);

// Whether a job of `verb` leaves a page about itself.
bool leaves_report(const std::string& verb);

// The page of a run folder whose job has ended, RUN/report.html. One that cannot be made costs a
// warning.
void leave_report(const std::filesystem::path& run_dir, const Log& log);

}  // namespace podium
