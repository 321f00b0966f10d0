#include "train/gradient_syncs.hpp"

#include "comm/device_sharing.hpp"
#include "comm/nccl_support.hpp"
#include "core/error.hpp"
#include "train/allreduce_sync.hpp"
#include "train/nccl_sync.hpp"
#include "train/ps_sync.hpp"

namespace podium::train {
namespace {

comm::ExchangeChoice choose(const SyncSpec& spec, const comm::NcclSupport& nccl) {
  if (spec.exchange.by == Exchange::By::hosts) return {};
  const auto ranks = comm::share_devices(spec.group, comm::rank_device(spec.gpu));
  const comm::ExchangeChoice choice = comm::choose_exchange(ranks, nccl.why_not);
  if (choice.nccl || spec.exchange.by == Exchange::By::automatic) return choice;
  throw unavailable_error(choice.notice.empty() ? "the trainers compute on CPUs" : choice.notice,
                          "--comm.allreduce=nccl",
                          "use --comm.allreduce=auto, or start one rank per GPU");
}

}  // namespace

Exchange parse_exchange(const std::string& text) {
  Exchange exchange;
  if (text == "nccl") {
    exchange.by = Exchange::By::nccl;
  } else {
    exchange.algorithm = comm::parse_algorithm(text);
    if (text != "auto") exchange.by = Exchange::By::hosts;
  }
  return exchange;
}

std::unique_ptr<GradientSync> make_gradient_sync(const SyncSpec& spec) {
  if (spec.servers != nullptr && spec.servers->in_step()) {
    return std::make_unique<PsSync>(*spec.servers);
  }
  if (spec.group.size() == 1 || spec.servers != nullptr) return std::make_unique<NoSync>();
  const comm::NcclSupport nccl = comm::nccl_support();
  const comm::ExchangeChoice choice = choose(spec, nccl);
  const bool speaks = spec.group.rank() == 0;
  if (!choice.nccl) {
    if (speaks && !choice.notice.empty()) spec.log.info(choice.notice);
    return std::make_unique<AllReduceSync>(
        spec.group,
        comm::AllReduceOptions{.algorithm = spec.exchange.algorithm,
                               .calibration = spec.exchange.calibration,
                               .wire = spec.exchange.wire,
                               .log = spec.log},
        spec.layers, spec.exchange.overlap, spec.lane);
  }
  if (spec.exchange.wire != comm::WireType::fp32) {
    throw usage_error("NCCL sums gradients as they are",
                      std::string("--comm.wire=") + comm::name_of(spec.exchange.wire),
                      "use --comm.wire=fp32, or --comm.allreduce=ring to sum by way of the hosts");
  }
  if (speaks) spec.log.info("gradients are summed on the GPUs, by NCCL " + nccl.version);
  return make_nccl_sync(spec.group, spec.gpu, spec.gradients);
}

}  // namespace podium::train
