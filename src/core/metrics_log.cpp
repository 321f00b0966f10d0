#include "core/metrics_log.hpp"

#include <unistd.h>

#include <array>
#include <cmath>
#include <span>
#include <utility>

#include "core/hash.hpp"
#include "core/text.hpp"

namespace podium {
namespace {

// Of this process, among all that ever write into its run folder.
std::string name_of_this_job(std::chrono::system_clock::time_point now) {
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) host.front() = '\0';
  const std::string unique = format("%s %d %lld", host.data(), static_cast<int>(::getpid()),
                                    static_cast<long long>(now.time_since_epoch().count()));
  return to_hex(xxh3(std::as_bytes(std::span(unique)))).substr(8);
}

}  // namespace

MetricsLog::MetricsLog(const std::filesystem::path& file, const Stopwatch& started, Log log,
                       std::string job)
    : log_(std::move(log)),
      started_(started),
      job_(job.empty() ? name_of_this_job(std::chrono::system_clock::now()) : std::move(job)) {
  lines_.emplace(file, log_);
}

void MetricsLog::draw(const std::filesystem::path& folder, std::vector<EventCurves> curves) {
  if (lines_) scalars_.emplace(folder, std::move(curves), log_);
}

void MetricsLog::write(Json event, Moment moment) {
  if (!lines_) return;
  event["t_s"] = seconds_at(moment);
  event["job"] = job_;
  lines_->write(event);
  if (!scalars_) return;
  scalars_->write(event, std::chrono::duration<double>(moment.time_since_epoch()).count());
}

// To the microsecond.
double MetricsLog::seconds_at(Moment moment) const {
  const std::chrono::duration<double> ago = std::chrono::system_clock::now() - moment;
  return std::round((started_.seconds() - ago.count()) * 1e6) / 1e6;
}

}  // namespace podium
