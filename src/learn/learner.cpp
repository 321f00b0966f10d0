#include "learn/learner.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "comm/ring_allreduce.hpp"
#include "core/error.hpp"
#include "core/permutation.hpp"

namespace podium::learn {
namespace {

constexpr size_t kStatistics = 6;
constexpr size_t kCriticOutputs = 2;
constexpr uint64_t kOrder = 0x6f72646572;

NetworkOptions critic_options(const LearnerOptions& options) {
  const PolicyOptions& policy = options.policy;
  return {"critic",
          options.critic,
          static_cast<int>(kCriticOutputs),
          {},
          policy.preprocess,
          policy.block,
          policy.threads,
          policy.device};
}

std::optional<Network> make_critic(const EnvironmentInfo& info, const LearnerOptions& options) {
  if (options.critic.empty()) {
    if (!needs_critic(options.objective.name)) return {};
    throw usage_error("the objective '" + options.objective.name + "' needs a critic",
                      "--learn.critic", "give the architecture of one, or use reinforce");
  }
  return std::make_optional<Network>(info, critic_options(options), mix64(options.seed));
}

DescentOptions critic_descent(const LearnerOptions& options) {
  DescentOptions descent = options.descent;
  if (options.critic_lr > 0) descent.lr = options.critic_lr;
  return descent;
}

// The first of each row of outputs.
void first_outputs(std::span<const float> outputs, std::span<float> values) {
  for (size_t row = 0; row < values.size(); ++row) values[row] = outputs[row * kCriticOutputs];
}

}  // namespace

// A batch as rows: step t of experience b is row b * steps + t.
struct Learner::Batch {
  size_t rows = 0;
  std::vector<std::byte> observations;  // [rows, observation bytes]
  std::vector<std::byte> last;          // [experiences, observation bytes]
  std::vector<int32_t> actions;
  std::vector<float> behaviour;
  std::vector<float> proximal;
  std::vector<float> rewards;
  std::vector<Ending> ends;
  int experiences = 0;
  int steps = 0;
  Targets targets;

  size_t row_bytes() const { return observations.size() / rows; }
};

Learner::Learner(const EnvironmentInfo& info, const LearnerOptions& options,
                 comm::Communicator& group, const train::Exchange& exchange)
    : options_(options),
      group_(group),
      objective_(make_objective(options.objective)),
      policy_(info, options.policy, options.seed),
      critic_(make_critic(info, options)),
      policy_descent_(options.descent, policy_.parameter_count()) {
  if (options.epochs < 1 || options.minibatches < 1) {
    throw usage_error("a batch without updates", "--learn.epochs", "give whole numbers above 0");
  }
  size_t values = policy_.parameter_count() + kStatistics;
  if (critic_) {
    critic_descent_.emplace(critic_descent(options), critic_->parameter_count());
    values += critic_->parameter_count();
  }
  exchanged_.resize(values);
  sync_ = train::make_gradient_sync({.group = group,
                                     .gpu = DeviceChoice::cpu,
                                     .gradients = values,
                                     .layers = {},
                                     .exchange = exchange,
                                     .log = {},
                                     .servers = nullptr});
}

Learner::~Learner() = default;

std::span<const Update> Learner::learn(std::span<const Experience> experiences) {
  require(!experiences.empty(), "a batch without experiences", "Learner");
  Batch batch = lay_out(experiences);
  judge(batch);
  taken_.clear();
  const auto parts = static_cast<size_t>(options_.minibatches);
  for (int epoch = 0; epoch < options_.epochs; ++epoch) {
    const std::vector<uint32_t> order =
        permutation(static_cast<uint32_t>(batch.rows), Random(options_.seed, updates_, kOrder));
    for (size_t part = 0; part < parts; ++part) {
      const size_t begin = batch.rows * part / parts;
      const size_t end = batch.rows * (part + 1) / parts;
      taken_.push_back(update(batch, std::span(order).subspan(begin, end - begin)));
      ++updates_;
    }
  }
  return taken_;
}

Learner::Batch Learner::lay_out(std::span<const Experience> experiences) {
  Batch batch;
  batch.experiences = static_cast<int>(experiences.size());
  batch.steps = experiences.front().steps;
  const auto steps = static_cast<size_t>(batch.steps);
  batch.rows = experiences.size() * steps;
  if (batch.rows < static_cast<size_t>(options_.minibatches)) {
    throw usage_error(std::to_string(batch.rows) + " steps are fewer than the minibatches",
                      "--learn.minibatches", "use fewer, or larger batches");
  }
  const auto add = [](auto& to, const auto& from) {
    to.insert(to.end(), from.begin(), from.end());
  };
  for (const Experience& one : experiences) {
    const size_t row_bytes = one.observations.size() / (steps + 1);
    require(one.steps == batch.steps && one.actions.size() == steps &&
                one.log_probability.size() == steps && one.rewards.size() == steps &&
                one.ends.size() == steps && row_bytes * (steps + 1) == one.observations.size(),
            "an experience of another length", "Learner");
    add(batch.observations, std::span(one.observations).first(row_bytes * steps));
    add(batch.last, std::span(one.observations).last(row_bytes));
    add(batch.actions, one.actions);
    add(batch.behaviour, one.log_probability);
    add(batch.rewards, one.rewards);
    add(batch.ends, one.ends);
  }
  const bool rewarded = std::ranges::none_of(batch.rewards, [](float r) { return std::isnan(r); });
  require(rewarded, "a reward that has not come", "Learner");
  return batch;
}

// What policy and critic say at the start of the batch's updates, and what follows.
void Learner::judge(Batch& batch) {
  batch.proximal = batch.behaviour;
  if (objective_->wants_proximal()) {
    policy_.judge(batch.observations, batch.actions, batch.proximal);
  }
  std::vector<float> values;
  std::vector<float> last_values;
  if (critic_) {
    const auto value = [&](std::span<const std::byte> observations, std::vector<float>& to,
                           size_t count) {
      std::vector<float> outputs(count * kCriticOutputs);
      critic_->compute(observations, outputs);
      to.resize(count);
      first_outputs(outputs, to);
    };
    value(batch.observations, values, batch.rows);
    value(batch.last, last_values, static_cast<size_t>(batch.experiences));
  }
  batch.targets = objective_->targets({.experiences = batch.experiences,
                                       .steps = batch.steps,
                                       .values = values,
                                       .last_values = last_values,
                                       .proximal_log_probability = batch.proximal,
                                       .behaviour_log_probability = batch.behaviour,
                                       .rewards = batch.rewards,
                                       .ends = batch.ends});
  if (options_.objective.normalise) normalise(batch.targets.advantages);
}

// To mean 0 and deviation 1 over all trainers.
void Learner::normalise(std::vector<float>& advantages) {
  std::array<double, 3> sums{static_cast<double>(advantages.size()), 0, 0};
  for (const float advantage : advantages) {
    sums[1] += advantage;
    sums[2] += double{advantage} * advantage;
  }
  comm::ring_allreduce<double>(group_, sums);
  const double mean = sums[1] / sums[0];
  const double deviation = std::sqrt(std::max(0.0, sums[2] / sums[0] - mean * mean));
  for (float& advantage : advantages) {
    advantage = static_cast<float>((advantage - mean) / (deviation + 1e-8));
  }
}

Update Learner::update(const Batch& batch, std::span<const uint32_t> rows) {
  Update update;
  update.number = updates_;
  update.lr = policy_descent_.rate(done());
  const size_t row_bytes = batch.row_bytes();
  observations_.resize(rows.size() * row_bytes);
  for (size_t i = 0; i < rows.size(); ++i) {
    std::memcpy(observations_.data() + i * row_bytes,
                batch.observations.data() + rows[i] * row_bytes, row_bytes);
  }
  compute_policy(batch, rows, update);
  if (critic_) compute_critic(batch, rows, update);
  exchange(update);
  const std::span<const float> gradients(exchanged_);
  const size_t of_policy = policy_.parameter_count();
  update.gradient_norm =
      policy_descent_.step(policy_.parameters(), gradients.first(of_policy), done());
  if (critic_) {
    critic_descent_->step(critic_->parameters(),
                          gradients.subspan(of_policy, critic_->parameter_count()), done());
  }
  return update;
}

void Learner::compute_policy(const Batch& batch, std::span<const uint32_t> rows, Update& update) {
  std::vector<int32_t> actions(rows.size());
  std::vector<float> behaviour(rows.size());
  std::vector<float> proximal(rows.size());
  std::vector<float> advantages(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    actions[i] = batch.actions[rows[i]];
    behaviour[i] = batch.behaviour[rows[i]];
    proximal[i] = batch.proximal[rows[i]];
    advantages[i] = batch.targets.advantages[rows[i]];
  }
  Network& network = policy_.network();
  const double share = 1 / static_cast<double>(rows.size());
  network.differentiate(
      observations_, [&](size_t first, std::span<const float> logits, std::span<float> gradient) {
        const size_t count = logits.size() / network.outputs();
        const auto part = [&](const auto& all) { return std::span(all).subspan(first, count); };
        const ObjectiveSums sums =
            objective_->gradient({static_cast<int>(network.outputs()), logits, part(actions),
                                  part(behaviour), part(proximal), part(advantages)},
                                 share, gradient);
        update.loss += share * sums.loss;
        update.entropy += share * sums.entropy;
        update.kl += share * sums.kl;
        update.clipped_share += share * sums.clipped;
        update.importance += share * sums.importance;
      });
}

void Learner::compute_critic(const Batch& batch, std::span<const uint32_t> rows, Update& update) {
  const double share = 1 / static_cast<double>(rows.size());
  critic_->differentiate(
      observations_, [&](size_t first, std::span<const float> outputs, std::span<float> gradient) {
        const size_t count = outputs.size() / kCriticOutputs;
        std::vector<float> values(count);
        std::vector<float> targets(count);
        std::vector<float> slopes(count);
        first_outputs(outputs, values);
        for (size_t i = 0; i < count; ++i) targets[i] = batch.targets.values[rows[first + i]];
        update.critic_loss += share * critic_loss(values, targets, share, slopes);
        for (size_t i = 0; i < count; ++i) gradient[i * kCriticOutputs] = slopes[i];
      });
}

// Leaves the mean gradients of all trainers in exchanged_, and the mean statistics in `update`.
void Learner::exchange(Update& update) {
  auto to = std::ranges::copy(policy_.network().gradients(), exchanged_.begin()).out;
  if (critic_) to = std::ranges::copy(critic_->gradients(), to).out;
  const std::array<double*, kStatistics> statistics{&update.loss,          &update.critic_loss,
                                                    &update.entropy,       &update.kl,
                                                    &update.clipped_share, &update.importance};
  std::ranges::transform(statistics, to, [](const double* s) { return static_cast<float>(*s); });
  sync_->combine(exchanged_, 1.0F / static_cast<float>(group_.size()));
  for (double* statistic : statistics) *statistic = double{*to++};
}

double Learner::done() const {
  return options_.updates == 0
             ? 0
             : static_cast<double>(updates_) / static_cast<double>(options_.updates);
}

ckpt::Snapshot Learner::save() {
  ckpt::Snapshot state;
  state.card = {{"updates", updates_}};
  const auto add = [&](const std::string& name, Network& network, const Descent& descent) {
    const std::span<const float> values = network.parameters();
    state.buffers.push_back({name, {values.size()}, {values.begin(), values.end()}});
    for (ckpt::NamedBuffer& buffer : descent.save(name)) {
      state.buffers.push_back(std::move(buffer));
    }
  };
  add("policy", policy_.network(), policy_descent_);
  if (critic_) add("critic", *critic_, *critic_descent_);
  return state;
}

void Learner::restore(const ckpt::Snapshot& state) {
  const auto updates = state.card.is_object() ? state.card.find("updates") : state.card.end();
  if (updates == state.card.end() || !updates->is_number_unsigned()) {
    throw data_error("a state without the number of its updates", "key 'updates'",
                     "use another --run.dir");
  }
  const auto take = [&](const std::string& name, Network& network, Descent& descent) {
    std::ranges::copy(buffer_of(state, name, network.parameter_count()),
                      network.parameters().begin());
    descent.load(state, name);
  };
  take("policy", policy_.network(), policy_descent_);
  if (critic_) take("critic", *critic_, *critic_descent_);
  updates_ = updates->get<uint64_t>();
}

}  // namespace podium::learn
