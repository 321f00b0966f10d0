// Options of `podium learn`: who keeps whom in step, what is learnt and how, what is kept between.
#include <algorithm>
#include <iterator>

#include "schema_lists.hpp"

namespace podium::schema {

using enum ValueKind;

namespace {

std::vector<OptionSpec> mode_options() {
  return {
      {"learn.mode",
       text,
       "synchronous",
       "how explorers and trainers are kept in step (docs/learn.md)",
       {"synchronous", "one_step_off_policy", "fully_async", "multi_explorer"}},
      {"learn.sync_interval",
       integer,
       "0",
       "batches that are trained on between two syncs of the weights; 0: as the mode says",
       {},
       0,
       1000000},
      {"learn.sync_offset",
       integer,
       "-1",
       "batches that explorers are ahead of the trainers; -1: as the mode says",
       {},
       -1,
       1000000},
      {"learn.sync_method",
       text,
       "mode",
       "the way of new weights to the explorers: from the trainers directly, or by a checkpoint",
       {"mode", "direct", "checkpoint"}},
      {"learn.sync_style",
       text,
       "mode",
       "at a sync both sides meet; explorers take the newest when they are free; they do so in "
       "turn",
       {"mode", "meet", "free", "turns"}},
      {"learn.most_staleness",
       integer,
       "-1",
       "updates that an experience may be behind when it is trained on; -1: as the mode says",
       {},
       -1,
       1000000000},
      {"learn.overage",
       text,
       "mode",
       "rollouts that would become staler than that are not begun, or dropped",
       {"mode", "pace", "discard"}},
  };
}

std::vector<OptionSpec> exploring_options() {
  return {
      {"learn.environment", text, "cartpole",
       "what the policy acts in: cartpole, or image_bandit on the images of --io.source"},
      {"learn.environments",
       integer,
       "8",
       "environments of an explorer, side by side; each gives one experience a rollout",
       {},
       1,
       4096},
      {"learn.steps", integer, "32", "steps of an experience", {}, 1, 65536},
      {"learn.batch",
       integer,
       "16",
       "experiences that are trained on together: a multiple of learn.environments",
       {},
       1,
       1048576},
      {"learn.explorer_threads", integer, "1", "threads of an explorer", {}, 1, 1024},
      {"learn.silence", duration, "30s",
       "an explorer of which nothing is heard for so long is given up and started again"},
      {"learn.listen", text, "127.0.0.1:0",
       "where explorers of other jobs join, HOST:PORT; port 0 takes a free one (RUN/learn.json)"},
      {"learn.join", text, "",
       "this job only explores, for another one: the file RUN/learn.json of that one"},
  };
}

std::vector<OptionSpec> buffer_options() {
  return {
      {"learn.order",
       text,
       "fifo",
       "which experiences are trained on first: the oldest, or those of the highest priority",
       {"fifo", "priority"}},
      {"learn.capacity",
       integer,
       "65536",
       "experiences that the buffer holds; explorers wait while it is full",
       {},
       1,
       100000000},
      {"learn.reuse", integer, "1", "batches that an experience may be in", {}, 1, 1000000},
      {"learn.cool_down",
       integer,
       "0",
       "batches between two uses of an experience",
       {},
       0,
       1000000},
      {"learn.filter", text, "",
       "experiences that are kept, for instance reward>0; empty: all (docs/learn.md)"},
      {"learn.reward_limit", duration, "1min",
       "an experience whose reward has not come after so long is dropped"},
  };
}

std::vector<OptionSpec> objective_options() {
  return {
      {"learn.objective",
       text,
       "ppo",
       "how good what a policy does is",
       {"reinforce", "ppo", "decoupled_ppo", "vtrace"}},
      {"learn.epochs", integer, "4", "passes over a batch", {}, 1, 10000},
      {"learn.minibatches",
       integer,
       "4",
       "parts of a batch, each an update of a pass",
       {},
       1,
       65536},
      {"learn.lr", real, "0.001", "learning rate", {}, 0, 1000},
      {"learn.lr_decay",
       text,
       "none",
       "linear: it falls to 0 over learn.updates or learn.samples",
       {"none", "linear"}},
      {"learn.critic_lr", real, "0", "learning rate of the critic; 0: the policy's", {}, 0, 1000},
      {"learn.optimizer", text, "adam", "how gradients become steps", {"adam", "sgd"}},
      {"learn.max_norm", real, "0.5", "longest gradient; longer ones are cut; 0: any", {}, 0, 1e9},
      {"learn.discount", real, "0.99", "what a reward one step later is worth", {}, 0, 1},
      {"learn.gae_lambda", real, "0.95", "lambda of the advantages", {}, 0, 1},
      {"learn.clip", real, "0.2", "ppo: how far an action's odds may change, relative", {}, 0, 100},
      {"learn.entropy", real, "0.01", "what a nat of entropy is worth", {}, 0, 1000},
      {"learn.rho", real, "1", "vtrace: largest weight of a step", {}, 0, 1e9},
      {"learn.c", real, "1", "vtrace: largest weight of what follows a step", {}, 0, 1e9},
      {"learn.normalise", boolean, "true", "advantages of a batch get mean 0 and deviation 1"},
      {"learn.policy", text, "dense 64; relu; dense 64; relu; dense classes",
       "architecture text of the policy"},
      {"learn.critic", text, "dense 64; relu; dense 64; relu; dense classes",
       "architecture text of the critic; none: there is none"},
      {"learn.threads",
       integer,
       "1",
       "threads of a trainer; 0: its share of the cores",
       {},
       0,
       1024},
      {"learn.seed", integer, "1", "seed of initial weights, environments and actions"},
  };
}

std::vector<OptionSpec> limit_options() {
  return {
      {"learn.samples", integer, "0", "steps that are trained on, in all; 0: no limit", {}, 0},
      {"learn.updates", integer, "0", "updates of the weights, in all; 0: no limit", {}, 0},
      {"learn.seconds", real, "0", "after which learning ends; 0: no limit", {}, 0},
      {"learn.until_return",
       real,
       "0",
       "mean return of the last learn.window episodes at which learning ends; 0: none",
       {},
       -1e18},
      {"learn.window", integer, "100", "episodes over which returns are averaged", {}, 1, 1000000},
      {"learn.evaluation",
       integer,
       "100",
       "episodes in which the finished policy is tried, always taking the likeliest action",
       {},
       0,
       1000000},
      {"learn.profile", boolean, "false",
       "learns nothing (rate 0) and compares the modes, which then all do the same work"},
  };
}

}  // namespace

std::vector<OptionSpec> learn_options() {
  std::vector<OptionSpec> all;
  for (const auto list :
       {mode_options, exploring_options, buffer_options, objective_options, limit_options}) {
    std::ranges::move(list(), std::back_inserter(all));
  }
  return all;
}

}  // namespace podium::schema
