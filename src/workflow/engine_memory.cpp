#include "workflow/engine_memory.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "ckpt/transfer.hpp"
#include "core/error.hpp"
#include "workflow/messages.hpp"
#include "workflow/training_step.hpp"

namespace podium::workflow {
namespace {

std::string on_rank(int rank) {
  return " of ckpt rank " + std::to_string(rank);
}

Json error_answer(const Error& error) {
  return {{"error", error.what()}, {"code", static_cast<int>(error.code())}};
}

}  // namespace

EngineMemory::EngineMemory(const Job& job, int holder, std::string model)
    : job_(job),
      holder_(holder),
      model_(std::move(model)),
      own_node_(node_memory(job.settings.run_dir, model_)) {}

ckpt::Snapshot EngineMemory::ask(int rank, Json card,
                                 std::span<const ckpt::NamedBuffer> buffers) const {
  comm::Communicator& group = job_.memory;
  card["model"] = model_;
  ckpt::send_slice(group, card, buffers, {group.rank()}, rank, messages::request_tags);
  ckpt::Snapshot answer = ckpt::receive_snapshot(group, rank, messages::answer_tags);
  if (!answer.card.contains("error")) return answer;
  throw Error(static_cast<ExitCode>(answer.card.at("code").get<int>()),
              answer.card.at("error").get<std::string>() + on_rank(rank), "", "");
}

// Ranks of one node have one memory.
std::vector<ckpt::StateOffer> EngineMemory::offers() {
  std::vector<ckpt::StateOffer> all = own_node_->offers();
  for (const int rank : job_.layout.ranks(Role::ckpt)) {
    const Json card = ask(rank, {{"want", "list"}}).card;
    if (card.at("node") == node_name()) continue;
    for (const Json& offer : card.at("offers")) {
      const int64_t step = offer.at("step");
      all.push_back(
          {step, offer.at("where").get<std::string>() + on_rank(rank), [this, rank, step] {
             return ask(rank, {{"want", "read"}, {"step", step}});
           }});
    }
  }
  return all;
}

void EngineMemory::keep(const ckpt::Marker& marker, int part, int parts, const Json& card,
                        std::span<const ckpt::NamedBuffer> buffers) {
  ask(holder_,
      {{"want", "keep"},
       {"marker", ckpt::to_text(marker)},
       {"part", part},
       {"parts", parts},
       {"card", card}},
      buffers);
}

void EngineMemory::clear() {
  for (const int rank : job_.layout.ranks(Role::ckpt)) ask(rank, {{"want", "clear"}});
  own_node_->clear();
}

bool EngineMemoryHost::answer() {
  comm::Communicator& group = job_.memory;
  const auto arrived = group.probe(comm::any_rank, messages::request_tags.header);
  if (!arrived) return false;
  const ckpt::Snapshot request =
      ckpt::receive_snapshot(group, arrived->from, messages::request_tags);
  ckpt::Snapshot answer;
  try {
    answer = answer_to(request);
  } catch (const Error& error) {
    answer = {error_answer(error), {}};
  }
  ckpt::send_slice(group, answer, {group.rank()}, arrived->from, messages::answer_tags);
  return true;
}

ckpt::Snapshot EngineMemoryHost::answer_to(const ckpt::Snapshot& request) {
  const Json& card = request.card;
  const std::string want = card.at("want");
  ckpt::StateMemory& memory = memory_of(card.at("model"));
  if (want == "keep") {
    const ckpt::Marker marker = ckpt::parse_marker(card.at("marker"), "a trainer's state");
    memory.keep(marker, card.at("part"), card.at("parts"), card.at("card"), request.buffers);
    return {Json::object(), {}};
  }
  if (want == "clear") {
    memory.clear();
    return {Json::object(), {}};
  }
  Json offers = Json::array();
  for (const ckpt::StateOffer& offer : memory.offers()) {
    if (want == "read" && offer.step == card.at("step")) return offer.read();
    offers.push_back({{"step", offer.step}, {"where", offer.where}});
  }
  if (want == "list") return {{{"node", node_name()}, {"offers", std::move(offers)}}, {}};
  throw data_error("the state is no longer there", "the memory", "an older one is used");
}

ckpt::StateMemory& EngineMemoryHost::memory_of(const std::string& model) {
  auto& memory = memories_[model];
  if (!memory) memory = node_memory(job_.settings.run_dir, model);
  return *memory;
}

}  // namespace podium::workflow
