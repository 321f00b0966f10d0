#include "train/trainer_process.hpp"

#include <cstdlib>
#include <memory>
#include <optional>

#include "comm/inproc/inproc_world.hpp"
#include "core/channel.hpp"
#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/signals.hpp"
#include "core/worker_process.hpp"
#include "io/loader/batch_range.hpp"
#include "io/loader/loader.hpp"
#include "nn/backend.hpp"
#include "nn/ops.hpp"
#include "ps/tcp/server_group.hpp"
#include "train/lease_book.hpp"
#include "train/ps_step.hpp"
#include "train/trainer_setup.hpp"

namespace podium::train {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* trainer_word = "__trainer";  // first argument of such a process
constexpr std::chrono::hours forever{24 * 365};    // the end of the rank is seen at once
constexpr std::chrono::seconds send_limit{60};

// The rank is gone.
struct Ended {};

// Servers that run already, for a trainer without a group.
class RunningServers final : public Servers {
 public:
  explicit RunningServers(const TrainerSetup& setup) : setup_(setup) {}

  std::unique_ptr<ps::Worker> start(const ServersSpec& /*spec*/) override {
    const ps::Setup& servers = setup_.servers;
    return ps::join_group(setup_.ticket, static_cast<uint32_t>(servers.number),
                          ps::KeyMap(servers.buffers, servers.options), servers.options);
  }

 private:
  const TrainerSetup& setup_;
};

class TrainerProcess {
 public:
  TrainerProcess(Channel& channel, const TrainerSetup& setup)
      : channel_(channel),
        setup_(setup),
        alone_(1, "trainer"),
        group_(alone_.communicator(0)),
        dataset_(io::Dataset::open(setup.cache, setup.dataset)),
        model_(setup.card, nn::make_ops({setup.gpu, {}}, setup.threads, setup.recipe.numerics),
               setup.max_batch),
        state_(model_, setup.recipe) {}

  void run() {
    while (std::optional<Json> order = channel_.receive(forever)) {
      if (order->contains("join")) join(*order);
      if (order->contains("lease")) work(*order);
      if (order->contains("rest")) rest();
    }
    throw Ended();
  }

 private:
  void say(const Json& message) {
    if (!channel_.send(message, send_limit)) throw Ended();
  }

  // With the weights as they are on the servers.
  void join(const Json& order) {
    epoch_ = order.at("epoch");
    first_step_ = order.at("first_step");
    current_.reset();
    loader_.reset();
    dataset_.use_generation(order.at("generation"));
    loader_ = std::make_unique<io::Loader>(dataset_, loader_options());
    next_step_.reset();
    model_.ops().copy(floats_from(order.at("statistics")), model_.statistics().data());

    data_wait_s_ = steps_s_ = 0;
    units_ = 0;
    client_ = std::make_unique<PsClient>(*group_, state_, setup_.servers.options,
                                         std::make_unique<RunningServers>(setup_));
    client_->start({});
    std::vector<float> weights(static_cast<size_t>(model_.parameter_count()));
    client_->pull(weights);
    put_parameters(model_, weights);
    steps_.emplace(state_, *client_);
    say({{"joined", true}});
  }

  io::LoaderOptions loader_options() const {
    io::LoaderOptions options;
    options.batch = static_cast<size_t>(setup_.recipe.batch);
    options.rank = setup_.rank;
    options.world = setup_.world;
    options.seed = setup_.recipe.seed;
    options.shuffle = setup_.shuffle;
    options.threads = setup_.prefetch_threads;
    options.augmentation = augmentation_of(setup_.recipe);
    return options;
  }

  void work(const Json& order) {
    const Lease lease{order.at("lease").at(0), order.at("lease").at(1)};
    const Json& rates = order.at("lr");
    for (uint64_t unit = lease.begin; unit < lease.end; ++unit) {
      const uint64_t step = unit / setup_.parts;
      do_unit(unit, rates.at(step - lease.begin / setup_.parts).get<double>());
    }
  }

  void do_unit(uint64_t unit, double lr) {
    const size_t part = unit % setup_.parts;
    const int64_t step = first_step_ + static_cast<int64_t>(unit / setup_.parts);
    const io::Batch& all = batch_of(unit / setup_.parts);
    const io::BatchRange mine = io::share_of({0, all.count()}, part, setup_.parts);
    const size_t image_bytes = dataset_.info().image_bytes();
    const io::Batch batch{all.images.subspan(mine.begin * image_bytes, mine.count() * image_bytes),
                          all.labels.subspan(mine.begin, mine.count()),
                          all.records.subspan(mine.begin, mine.count()), all.global_count,
                          all.step};
    const Stopwatch watch;
    draw_masks(step, part);
    const nn::Model::StepResult result = steps_->take(batch, step, push_options(batch, lr));
    steps_s_ += watch.seconds();
    ++units_;
    if (steps_->bad() && !told_bad_) {
      told_bad_ = true;
      say({{"bad", {{"step", steps_->bad()->step}, {"tensor", steps_->bad()->tensor}}}});
    }
    say({{"unit", unit},
         {"loss", result.loss_sum},
         {"correct", result.correct},
         {"images", batch.count()}});
  }

  // Dropout depends on the unit, whoever does it.
  void draw_masks(int64_t step, size_t part) {
    state_.model.set_dropout_stream(
        dropout_seed(setup_.recipe.seed, setup_.rank * setup_.parts + part),
        static_cast<uint64_t>(step * setup_.recipe.accumulate));
  }

  // Weighted by its share of the step. With bsp the servers take one step of what several have
  // pushed.
  ps::PushOptions push_options(const io::Batch& batch, double lr) const {
    const double share =
        static_cast<double>(batch.count()) / static_cast<double>(batch.global_count);
    if (setup_.servers.options.consistency == ps::Consistency::bsp) {
      return {.scale = static_cast<float>(share), .lr = static_cast<float>(lr)};
    }
    return {.lr = static_cast<float>(lr * share)};
  }

  const io::Batch& batch_of(size_t step) {
    if (current_ && current_->step == step) return *current_;
    const Stopwatch watch;
    if (next_step_ != step) loader_->start_epoch(epoch_, step);
    current_ = loader_->next();
    require(current_.has_value(), "a lease lies within its epoch", "trainer");
    next_step_ = step + 1;
    data_wait_s_ += watch.seconds();
    return *current_;
  }

  void rest() {
    client_->leave();
    const auto [exposed_s, hidden_s] = client_->times();
    const auto statistics = std::as_const(state_.model).statistics();
    std::vector<float> copied(statistics.size());
    model_.ops().copy(statistics, copied.data());
    model_.ops().synchronise();
    const Json told = to_json(client_->told());
    current_.reset();
    loader_.reset();
    steps_.reset();
    client_.reset();
    say({{"done", true},
         {"units", units_},
         {"statistics", copied},
         {"times", {steps_s_ - exposed_s - hidden_s, data_wait_s_, exposed_s, hidden_s}},
         {"servers", told}});
  }

  Channel& channel_;
  const TrainerSetup& setup_;
  comm::InprocWorld alone_;
  std::unique_ptr<comm::Communicator> group_;
  io::Dataset dataset_;
  nn::Model model_;
  TrainingState state_;
  uint64_t epoch_ = 0;
  int64_t first_step_ = 0;              // of the epoch, counted over the run
  std::unique_ptr<io::Loader> loader_;  // while it takes part
  std::optional<size_t> next_step_;     // that the loader brings
  std::optional<io::Batch> current_;    // the last one that it brought
  std::unique_ptr<PsClient> client_;    // while it takes part
  std::optional<PsStep> steps_;
  bool told_bad_ = false;
  size_t units_ = 0;  // since it joined
  double data_wait_s_ = 0;
  double steps_s_ = 0;  // without the wait for their data
};

[[noreturn]] void fail(Channel& channel, const char* why, ExitCode code) {
  channel.send({{"failed", why}}, send_limit);
  std::_Exit(static_cast<int>(code));
}

}  // namespace

std::vector<std::string> trainer_command(const std::string& name) {
  return {trainer_word, name};
}

bool is_trainer_command(const std::vector<std::string>& arguments) {
  return arguments.size() == 2 && arguments.front() == trainer_word;
}

void run_trainer(const std::vector<std::string>& /*arguments*/) {
  leave_signals_to_the_job();
  Channel channel(FileDescriptor(worker_socket_fd), most_message_bytes);
  try {
    const std::optional<Json> told = channel.receive(forever);
    if (!told) std::_Exit(0);
    const TrainerSetup setup = trainer_setup_from_json(*told);
    TrainerProcess(channel, setup).run();
  } catch (const Ended&) {
    std::_Exit(0);
  } catch (const Error& error) {
    fail(channel, error.what(), error.code());
  } catch (const std::bad_alloc&) {
    fail(channel, "out of memory", ExitCode::unavailable);
  } catch (const std::exception& error) {
    fail(channel, error.what(), ExitCode::internal);
  }
  std::_Exit(0);
}

}  // namespace podium::train
