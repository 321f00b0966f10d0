#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>
#include <type_traits>

#include "ckpt/node_memory.hpp"
#include "ckpt/transfer.hpp"
#include "core/error.hpp"
#include "train/evaluation.hpp"
#include "train/model_snapshot.hpp"
#include "train/recipe_check.hpp"
#include "workflow/engine_memory.hpp"
#include "workflow/evaluation_report.hpp"
#include "workflow/front_door_test.hpp"
#include "workflow/job_view.hpp"
#include "workflow/messages.hpp"
#include "workflow/role_parts.hpp"
#include "workflow/shards.hpp"
#include "workflow/training_step.hpp"

namespace podium::workflow {
namespace {

// One rank of one group of trainers, through a whole job.
class TrainRole {
 public:
  TrainRole(const Job& job, const Log& log)
      : job_(job), log_(log), group_(*job.train), group_index_(job.groups.group_of(job.rank())) {}

  void play() {
    Json order = job_.control.receive(Mailbox::train);
    if (order.at("order") == "train") {
      if (!train_all(order.at("cache").get<std::string>(), order.at("generation"))) return;
      if (stop_) return tell_stopped();
      order = job_.control.receive(Mailbox::train);
    }
    if (order.at("order") == "test") {
      forget_memory();  // before the ckpt ranks end
      test();
      if (order.at("asker") == job_.rank()) ask();
    }
    if (order.at("order") == "stop") tell_stopped();
  }

 private:
  // False if the job was told to stop.
  bool train_all(const std::filesystem::path& cache, uint64_t generation) {
    dataset_.emplace(open_dataset(cache, generation, job_.settings));
    as_one([&] {
      for (const size_t model : job_.groups.work[static_cast<size_t>(group_index_)]) {
        train::check_precision(job_.settings.recipes[model], job_.settings.device);
      }
    });
    for (const size_t model : job_.groups.work[static_cast<size_t>(group_index_)]) {
      // The model before may have been resumed on fewer records.
      if (!job_.settings.follow) dataset_->use_generation(generation);
      if (train(job_.settings.recipes[model])) continue;
      tell_stopped();
      return false;
    }
    const Json report = memory_cache_report(*dataset_, group_);
    if (leads()) {
      job_.tell_conductor({{"event", "memory_cache"}, {"group", group_index_}, {"report", report}});
    }
    return true;
  }

  bool train(const train::Recipe& recipe) {
    TrainingHooks hooks;
    hooks.on_epoch = [&](const train::Progress& progress) {
      Json event = epoch_event(recipe, progress);
      event["line"] = epoch_line(recipe, progress);
      job_.tell_conductor(event);
    };
    hooks.on_advance = [&](const train::EpochAdvance& advance) {
      job_.tell_conductor(advance_event(recipe.name, advance_of(advance)));
    };
    // While models train the only order is to stop. It comes once, and counts from then on.
    hooks.should_stop = [&] {
      stop_ = stop_ || job_.control.try_receive(Mailbox::train).has_value();
      return stop_;
    };
    hooks.tracer = &job_.tracer;
    hooks.memory = [this](const std::string& model) {
      return std::make_shared<EngineMemory>(job_, ckpt_rank(), model);
    };
    TrainingOutcome outcome = as_one([&] {
      return train_together(recipe, *dataset_, job_.settings, job_.threads, group_, hooks, log_);
    });
    if (outcome.stopped) return false;
    hand_over(recipe, outcome);
    trained_.push_back(std::move(outcome.model));
    return true;
  }

  // Where all trainers of the group fail alike, the first speaks: its exit ends the others while
  // they wait.
  template <typename Action>
  std::invoke_result_t<Action> as_one(const Action& action) const {
    try {
      return action();
    } catch (const Error&) {
      if (!leads()) std::this_thread::sleep_for(std::chrono::seconds(2));
      throw;
    }
  }

  // Gives the finished model to a ckpt rank, and each other one its shard, each trainer its slice,
  // and goes on with the next.
  void hand_over(const train::Recipe& recipe, const TrainingOutcome& outcome) {
    const ckpt::Snapshot snapshot = candidate_of(recipe, outcome, dataset_->info(), job_.settings);
    const int to = ckpt_rank();
    const std::vector<int>& trainers = job_.groups.ranks[static_cast<size_t>(group_index_)];
    const auto whole = [&] {
      ckpt::send_slice(job_.weights, snapshot, trainers, to, messages::weights_tags);
    };
    if (job_.settings.engine.sync == EngineSettings::Sync::disk) return whole();
    send_shards(job_.weights, snapshot, recipe.name, trainers, job_.layout.ranks(Role::ckpt), to,
                whole);
  }

  void test() {
    for (const std::unique_ptr<nn::Model>& model : trained_) {
      const io::DatasetInfo& info = dataset_->info();
      train::Mistakes mistakes({info.height, info.width, info.channels});
      const EvaluationReport report{
          info.class_names, train::evaluate(*model, *dataset_, io::Split::test, group_, &mistakes)};
      if (!leads()) continue;
      job_.tell_conductor({{"event", "tested"},
                           {"model", model->card().name},
                           {"test_accuracy", report.confusion.accuracy()},
                           {"data", data_identity(info, job_.settings)},
                           {"evaluation", to_json(report)},
                           {"mistakes", to_json(mistakes)}});
    }
  }

  // Sends the first requests of the front door's test once more, from here, when told to.
  void ask() {
    const int server = job_.control.receive(Mailbox::train).at("server");
    const FrontDoorReport report =
        test_front_door(clients_over_ranks(job_.requests, server), job_.settings.service.model_name,
                        *dataset_, 1, Share::first);
    job_.tell_conductor({{"event", "asked"},
                         {"rank", job_.rank()},
                         {"report", to_json(report)},
                         {"probabilities", report.probabilities}});
  }

  // All models are stored by now.
  void forget_memory() const {
    if (!leads() || job_.settings.memory_every.unit == ckpt::Interval::Unit::never) return;
    for (const size_t model : job_.groups.work[static_cast<size_t>(group_index_)]) {
      const std::string& name = job_.settings.recipes[model].name;
      try {
        EngineMemory(job_, ckpt_rank(), name).clear();
      } catch (const Error& error) {
        log_.warning(std::string("a state stays in memory: ") + error.what());
      }
      ckpt::leave_node_memory(ckpt::node_memory_root(), job_.settings.run_dir);
    }
  }

  void tell_stopped() const {
    if (leads()) job_.tell_conductor({{"event", "stopped"}, {"group", group_index_}});
  }

  // Of this group: the one that stores its models and keeps their states.
  int ckpt_rank() const {
    const std::vector<int>& ranks = job_.layout.ranks(Role::ckpt);
    return ranks[static_cast<size_t>(group_index_) % ranks.size()];
  }

  bool leads() const { return group_.rank() == 0; }

  const Job& job_;
  const Log& log_;
  comm::Communicator& group_;
  int group_index_;
  bool stop_ = false;
  std::optional<io::Dataset> dataset_;
  std::vector<std::unique_ptr<nn::Model>> trained_;
};

}  // namespace

void play_train(const Job& job, const Log& log) {
  TrainRole(job, log).play();
}

}  // namespace podium::workflow
