#include <nlohmann/json.hpp>

#include "ckpt/registry.hpp"
#include "ckpt/transfer.hpp"
#include "core/clock.hpp"
#include "workflow/engine_memory.hpp"
#include "workflow/messages.hpp"
#include "workflow/role_parts.hpp"
#include "workflow/select_step.hpp"
#include "workflow/weights_mover.hpp"

namespace podium::workflow {
namespace {

// Stores the model that rank `from` is sending, and publishes it if it is the best so far.
void take_model(const Job& job, ckpt::Registry& registry, WeightsMover& mover, int from) {
  ckpt::Snapshot snapshot = ckpt::receive_snapshot(job.weights, from, messages::weights_tags);
  const Json metrics = snapshot.card.at("metrics");
  const ckpt::Registry::Offer offer = add_and_offer(registry, snapshot);
  // The file holds what the engine moves; its card names the version's accuracy.
  if (offer.published) mover.keep(offer.current.number, std::move(snapshot));
  job.tell_conductor({{"event", "selected"},
                      {"model", metrics},
                      {"published", offer.published},
                      {"reason", offer.reason},
                      {"version", offer.current.number},
                      {"name", offer.current.name},
                      {"val_accuracy", offer.current.val_accuracy},
                      {"path", offer.current.path.string()},
                      {"owner", job.rank()},
                      {"engine", mover.address()}});
}

}  // namespace

void play_ckpt(const Job& job, const Log& log) {
  ckpt::Registry registry(job.settings.registry_dir());
  WeightsMover mover(job, log);
  EngineMemoryHost memory(job);
  Backoff backoff(Backoff::Kind::idle);
  while (true) {
    if (const auto order = job.control.try_receive(Mailbox::ckpt)) {
      if (order->at("order") == "end") return;
      if (order->at("order") == "move") mover.move(*order);
      if (order->at("order") == "drop") mover.drop(*order);
      backoff.reset();
    } else if (const auto arrived =
                   job.weights.probe(comm::any_rank, messages::weights_tags.header)) {
      take_model(job, registry, mover, arrived->from);
      backoff.reset();
    } else if (const auto shard = job.weights.probe(comm::any_rank, messages::shard_tags.header)) {
      mover.take_shard(shard->from);
      backoff.reset();
    } else if (memory.answer()) {
      backoff.reset();
    } else {
      backoff.pause();
    }
  }
}

}  // namespace podium::workflow
