// The side of a newcomer (peers.hpp).
#include "ckpt/engine/peers.hpp"
#include "core/error.hpp"

namespace podium::ckpt::engine {
namespace {

constexpr const char* remedy = "check --engine.join, and that the job runs";

Json ask(Channel& channel, const std::string& where, const FetchOptions& options,
         const char* want) {
  channel.send({{"secret", options.secret}, {"want", want}}, options.limit);
  const std::optional<Json> answer = channel.receive(options.limit);
  if (!answer) throw unavailable_error("the checkpoint engine does not answer", where, remedy);
  if (answer->contains("error")) {
    throw unavailable_error("the checkpoint engine refuses: " + text_in(*answer, "error"), where,
                            remedy);
  }
  return *answer;
}

// The answer of the first peer that has one.
Json ask_any(const FetchOptions& options, const char* want) {
  std::string last = "no address is known";
  for (const std::string& peer : options.peers) {
    try {
      Channel channel = Channel::to_peer(peer, options.limit);
      return ask(channel, peer, options, want);
    } catch (const Error& error) {
      last = error.what();
    }
  }
  throw unavailable_error("no checkpoint rank answers: " + last, "checkpoint engine", remedy);
}

// Takes all of one rank's shard, as it comes.
void fetch_shard(const Plan& plan, int rank, const std::string& peer, const FetchOptions& options,
                 Shadow& shadow, Block& bucket_memory) {
  Channel channel = Channel::to_peer(peer, options.limit);
  const Json answer = ask(channel, peer, options, "shard");
  if (answer.value("version", uint64_t{0}) != plan.layout.version) {
    throw unavailable_error("a newer version came meanwhile", peer, "fetch again");
  }
  for (const Bucket& bucket : plan.buckets) {
    if (bucket.owner != rank) continue;
    const std::span<std::byte> bytes = bucket_memory.span().first(bucket.bytes);
    if (!channel.receive_bytes(bytes, options.limit)) {
      throw unavailable_error("the checkpoint engine stopped in the middle of a shard", peer,
                              remedy);
    }
    if (!shadow.take(bucket, bytes)) {
      throw data_error(shadow.why(), peer, "fetch again; if it stays so, check that machine");
    }
  }
}

}  // namespace

uint64_t newest_version(const FetchOptions& options) {
  return ask_any(options, "version").value("version", uint64_t{0});
}

Weights fetch(const FetchOptions& options) {
  const Json answer = ask_any(options, "metas");
  if (!answer.contains("metas")) {
    throw unavailable_error("the checkpoint engine has no version yet", "checkpoint engine",
                            "come again when a model is published");
  }
  std::vector<Metas> metas;
  for (const Json& entry : answer.at("metas")) metas.push_back(metas_from_json(entry));
  const Plan plan = make_plan(metas, answer.at("bucket_bytes"));
  Shadow shadow(plan, options.part, options.parts);
  Block bucket(plan.bucket_bytes, "a bucket");
  for (size_t rank = 0; rank < metas.size(); ++rank) {
    if (plan.layout.shard_bytes[rank] == 0) continue;
    fetch_shard(plan, static_cast<int>(rank), answer.at("peers").at(rank), options, shadow, bucket);
  }
  return shadow.finish();
}

}  // namespace podium::ckpt::engine
