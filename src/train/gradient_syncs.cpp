#include "train/gradient_syncs.hpp"

#include "comm/device_sharing.hpp"
#include "comm/nccl_support.hpp"
#include "core/error.hpp"
#include "train/allreduce_sync.hpp"
#include "train/nccl_sync.hpp"

namespace podium::train {
namespace {

comm::ExchangeChoice choose(const SyncSpec& spec, const comm::NcclSupport& nccl) {
  if (spec.exchange == Exchange::ring) return {};
  const auto ranks = comm::share_devices(spec.group, comm::rank_device(spec.gpu));
  const comm::ExchangeChoice choice = comm::choose_exchange(ranks, nccl.why_not);
  if (choice.nccl || spec.exchange == Exchange::automatic) return choice;
  throw unavailable_error(choice.notice.empty() ? "the trainers compute on CPUs" : choice.notice,
                          "--comm.allreduce=nccl",
                          "use --comm.allreduce=auto, or start one rank per GPU");
}

}  // namespace

Exchange parse_exchange(const std::string& text) {
  if (text == "auto") return Exchange::automatic;
  if (text == "ring") return Exchange::ring;
  if (text == "nccl") return Exchange::nccl;
  throw usage_error("'" + text + "' does not fit comm.allreduce", "comm.allreduce",
                    "write auto, ring or nccl");
}

std::unique_ptr<GradientSync> make_gradient_sync(const SyncSpec& spec) {
  if (spec.group.size() == 1) return std::make_unique<NoSync>();
  const comm::NcclSupport nccl = comm::nccl_support();
  const comm::ExchangeChoice choice = choose(spec, nccl);
  const bool speaks = spec.group.rank() == 0;
  if (!choice.nccl) {
    if (speaks && !choice.notice.empty()) spec.log.info(choice.notice);
    return std::make_unique<AllReduceSync>(spec.group);
  }
  if (speaks) spec.log.info("gradients are summed on the GPUs, by NCCL " + nccl.version);
  return make_nccl_sync(spec.group, spec.gpu, spec.gradients);
}

}  // namespace podium::train
