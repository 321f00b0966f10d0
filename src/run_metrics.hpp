// The metrics log of a job's run folder, and the event with which every job begins it.
#pragma once

#include <memory>
#include <string>

#include "config.hpp"
#include "core/clock.hpp"
#include "core/log.hpp"
#include "core/metrics_log.hpp"
#include "verbs.hpp"
#include "workflow/settings.hpp"

namespace podium {

// Throws io_error when the folder takes no log. Where `writes` is false it is a log that writes
// nothing. With --log.tensorboard curves are drawn as well.
std::unique_ptr<MetricsLog> open_metrics(bool writes, const Config& config,
                                         const workflow::Settings& settings,
                                         const Stopwatch& started, const Log& log);

// Writes `started`: what runs, when, on which ranks. Collective over the job.
void tell_started(const std::string& verb, const VerbContext& context);

}  // namespace podium
