#include <nlohmann/json.hpp>

#include "ckpt/registry.hpp"
#include "ckpt/transfer.hpp"
#include "core/clock.hpp"
#include "workflow/messages.hpp"
#include "workflow/role_parts.hpp"
#include "workflow/select_step.hpp"

namespace podium::workflow {
namespace {

// Stores the model that rank `from` is sending, and publishes it if it is the best so far.
void take_model(const Job& job, ckpt::Registry& registry, int from) {
  const ckpt::Snapshot snapshot = ckpt::receive_snapshot(job.weights, from, messages::weights_tag);
  const Json& metrics = snapshot.card.at("metrics");
  const ckpt::Registry::Offer offer = add_and_offer(registry, snapshot);
  job.tell_conductor({{"event", "selected"},
                      {"model", metrics},
                      {"published", offer.published},
                      {"reason", offer.reason},
                      {"version", offer.current.number},
                      {"name", offer.current.name},
                      {"val_accuracy", offer.current.val_accuracy},
                      {"path", offer.current.path.string()}});
}

}  // namespace

void play_ckpt(const Job& job, const Log&) {
  ckpt::Registry registry(job.settings.registry_dir());
  Backoff backoff(Backoff::Kind::idle);
  while (true) {
    if (const auto arrived = job.weights.probe(comm::any_rank, messages::weights_tag)) {
      take_model(job, registry, arrived->from);
      backoff.reset();
    } else if (job.control.try_receive(Mailbox::ckpt)) {
      return;  // the only order is to end
    } else {
      backoff.pause();
    }
  }
}

}  // namespace podium::workflow
