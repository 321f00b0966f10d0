#include "workflow/step_source.hpp"

#include <algorithm>

#include "train/step_engines.hpp"

namespace podium::workflow {
namespace {

// Null where the trainers do without parameter servers.
std::unique_ptr<train::PsClient> make_client(const Settings& settings,
                                             const train::TrainingState& state,
                                             comm::Communicator& group, const TrainingHooks& hooks,
                                             const Log& log) {
  if (!settings.servers) return nullptr;
  std::unique_ptr<train::Servers> servers =
      hooks.servers ? hooks.servers(group)
                    : train::make_server_processes(group, settings.servers->shared_memory, log);
  return std::make_unique<train::PsClient>(group, state, settings.servers->group,
                                           std::move(servers));
}

}  // namespace

int trainers_of(const Settings& settings) {
  return settings.servers ? settings.servers->trainers : 0;
}

StepSource::StepSource(const Settings& settings, train::TrainingState& state,
                       const io::Dataset& dataset, comm::Communicator& group, int threads,
                       const TrainingHooks& hooks, const Log& log) {
  if (const int trainers = trainers_of(settings); trainers > 0) {
    const int each = settings.threads > 0 ? settings.threads : std::max(1, threads / trainers);
    auto crew = std::make_unique<train::CrewEngine>(
        train::CrewSpec{state, dataset, group, *settings.servers, settings.device.gpu, each, log});
    crew_ = crew.get();
    engine_ = std::move(crew);
    return;
  }
  const auto lane = [&](const char* what) {
    return hooks.tracer == nullptr ? Lane() : hooks.tracer->lane(what + state.recipe.name);
  };
  client_ = make_client(settings, state, group, hooks, log);
  sync_ = train::make_gradient_sync({group, settings.device.gpu, state.model.gradients().size(),
                                     nn::layer_starts(state.model.buffers()), settings.exchange,
                                     log, client_.get(), lane("AllReduce ")});
  engine_ = train::make_step_engine(
      {state, dataset, *sync_, group, settings.shuffle, client_.get(), lane("train ")}, log);
}

std::optional<train::PsReport> StepSource::conclude() {
  if (crew_ != nullptr) return crew_->report();
  if (!client_) return {};
  const train::PsReport report = client_->report();
  client_->leave();
  return report;
}

}  // namespace podium::workflow
