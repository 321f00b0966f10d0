#include "training_ranks.hpp"

#include "train/rank_servers.hpp"
#include "verb_parts.hpp"

namespace podium {

TrainingRanks::TrainingRanks(const VerbContext& context, const char* name,
                             const std::optional<train::PsOptions>& servers) {
  if (!servers || servers->transport != train::PsOptions::Transport::mpi) {
    trainers_ = everyone(context, name);
    return;
  }
  serving_ = servers->group.servers;
  const int size = context.mpi.size();
  if (serving_ >= size) {
    throw usage_error(std::to_string(serving_) +
                          " parameter servers that are ranks leave none to train, as the job has " +
                          std::to_string(size),
                      "ps.servers",
                      "start more ranks, for instance by scripts/mpirun.sh -n " +
                          std::to_string(serving_ + 2) + ", or use --ps.transport=tcp");
  }
  const bool trains = context.mpi.rank() < size - serving_;
  job_ = everyone(context, "parameter servers");
  trainers_ = context.mpi.split(name, trains ? 0 : -1);
  if (trains) {
    trainers_->set_policy({context.settings.comm_timeout, Backoff::Kind::hot});
  } else {
    job_->set_policy(patient);
  }
}

ExitCode TrainingRanks::serve() {
  return static_cast<ExitCode>(std::stoi(train::serve_trainers(*job_, serving_)));
}

std::function<std::unique_ptr<train::Servers>(comm::Communicator&)> TrainingRanks::servers() {
  if (!job_) return {};
  return [this](comm::Communicator&) { return train::make_rank_servers(*job_); };
}

ExitCode TrainingRanks::end(ExitCode code) {
  if (job_) train::end_rank_servers(*job_, std::to_string(static_cast<int>(code)));
  return code;
}

}  // namespace podium
